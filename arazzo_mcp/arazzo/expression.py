"""Runtime expressions: parsed once, evaluated in a Scope.

Arazzo 1.1.0, "Runtime Expressions". One rule goes beyond the text of the specification, because hundreds of real
documents need it, and is safe: a *literal* name is looked up first and only then a path into a value (`$inputs.a.b` is
the input "a.b", else member b of input a). A name applied to an array means that member of its first element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jsonpointer import EndOfList, JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, Value
from arazzo_mcp.arazzo.xml import looks_like_xml, value_at

MOST_CHARACTERS: Final = 10_000
"""No expression is longer; what is, is a text."""

_TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
_EXPRESSION = re.compile(
    r"\$(?:(?P<bare>url|method|statusCode|self)"
    r"|(?P<all>inputs)(?![^#])"
    r"|(?P<root>inputs|outputs|steps|workflows|sourceDescriptions|components)\.(?P<rest>[^\s#{}][^#{}]*)"
    r"|(?P<message>request|response)\.(?:"
    rf"(?P<header>headers?)\.(?P<token>{_TOKEN})|(?P<place>query|path)\.(?P<name>[^{{}}]+)"
    r"|(?P<body>body)(?P<dotted>(?:\.[^#{}\s.\[\]]+|\[[^\]{}]*\])*))"
    r"|(?P<event>message)\.(?P<part>(?:header|payload|body)(?:[.\[][^#{}\s]+)?))"
    r"(?:#(?P<pointer>[^{}]*))?$"
)
_PATH_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+|'[^']*'|\"[^\"]*\")\]|\[\]")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed runtime expression.

    `names` is what follows the root, `pointer` an RFC 6901 pointer; `bare` where it stood inside a text without braces.
    """

    text: str
    root: str
    names: tuple[str, ...] = ()
    pointer: str | None = None
    bare: bool = False


def parse_expression(text: str) -> Expression | None:
    """The expression that `text` is as a whole, or None where it is none."""
    match = _EXPRESSION.match(text) if len(text) <= MOST_CHARACTERS else None
    if match is None:
        return None
    pointer = _pointer(match["pointer"])
    if match["bare"]:
        return None if pointer is not None else Expression(text, match["bare"])
    if match["all"]:
        return Expression(text, match["all"], (), pointer)
    if match["root"]:
        names = _SPLIT.get(match["root"], _whole)(match["rest"])
        return Expression(text, match["root"], names, pointer) if names else None
    if match["event"]:
        return Expression(text, match["event"], (match["part"],), pointer)
    return Expression(text, match["message"], _message_names(match), pointer)


def _pointer(text: str | None) -> str | None:
    """`#x` is read as `#/x`: a pointer without its slash names nothing else."""
    if text is None or not text or text.startswith("/"):
        return text
    return f"/{text}"


def _message_names(match: re.Match[str]) -> tuple[str, ...]:
    if match["header"]:
        return ("header", match["token"].lower())
    if match["place"]:
        return (match["place"], match["name"])
    return ("body", match["dotted"]) if match["dotted"] else ("body",)


def _whole(rest: str) -> tuple[str, ...]:
    return (rest,)


def _split_step(rest: str) -> tuple[str, ...]:
    """steps-reference = step-id ".outputs." output-name; `$steps.S.X` is read as `$steps.S.outputs.X`."""
    step, outputs, name = rest.partition(".outputs.")
    if outputs:
        return (step, name) if step and name else ()
    step, _, name = rest.partition(".")
    return (step, name) if step and name and name != "outputs" else ()


def _split_workflow(rest: str) -> tuple[str, ...]:
    """workflows-reference = workflow-id "." ( "inputs" / "outputs" ) "." name."""
    for kind in ("outputs", "inputs"):
        workflow, found, name = rest.partition(f".{kind}.")
        if found and workflow and name:
            return (workflow, kind, name)
    return ()


def _split_source(rest: str) -> tuple[str, ...]:
    """source-reference = source-name "." reference-id, which may itself hold dots."""
    name, _, reference = rest.partition(".")
    return (name, reference) if reference else ()


_SPLIT: dict[str, Callable[[str], tuple[str, ...]]] = {
    "steps": _split_step,
    "workflows": _split_workflow,
    "sourceDescriptions": _split_source,
}


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The value of an expression, ABSENT where nothing stands. Never raises."""
    value = _EVALUATE[expression.root](expression.names, scope)
    if expression.pointer and value is not ABSENT:
        return point(value, expression.pointer)
    return value


def point(document: Json, pointer: str) -> Value:
    """The value at an RFC 6901 pointer. A member name that holds dots or brackets is tried as written
    first, then as a path (`#/a.b`, `#/items[0]`)."""
    try:
        if isinstance(document, str) and pointer and looks_like_xml(document):
            return value_at(document, _parsed_pointer(pointer).parts)
        found = _parsed_pointer(pointer).resolve(document)
        return ABSENT if isinstance(found, EndOfList) else found
    except (JsonPointerException, TypeError):
        return dig(document, pointer.replace("/", ".")) if re.search(r"[.\[]", pointer) else ABSENT


@lru_cache(maxsize=4096)
def _parsed_pointer(text: str) -> JsonPointer:
    return JsonPointer(text)


def dig(value: Json, path: str) -> Value:
    """The value at a dotted path (`.name`, `[0]`, `.0`, `["odd name"]`). A text in XML is entered as its structure."""
    if isinstance(value, str) and looks_like_xml(value):
        return value_at(
            value, [name or index.strip("'\"") for name, index in _PATH_PART.findall(path) if name or index]
        )
    for name, index in _PATH_PART.findall(path):
        value = _member(value, name or index.strip("'\"")) if name or index else value
    return value


def _member(value: Json, name: str) -> Value:
    if isinstance(value, dict):
        return value.get(name, ABSENT)
    if isinstance(value, list) and re.fullmatch(r"[0-9]{1,12}", name):
        return value[int(name)] if int(name) < len(value) else ABSENT
    return _member(value[0], name) if isinstance(value, list) and value and isinstance(value[0], dict) else ABSENT


def named(values: Mapping[str, Json], name: str) -> Value:
    """Literal name first; else the longest declared prefix, and the rest as a path into its value."""
    if name in values:
        return values[name]
    for end in range(len(name) - 1, 0, -1):
        if name[end] in ".[" and name[:end] in values:
            return dig(values[name[:end]], name[end:])
    return ABSENT


def _of_steps(names: tuple[str, ...], scope: Scope) -> Value:
    step, name = names
    return named(scope.steps.get(step, {}), name)


def _of_workflows(names: tuple[str, ...], scope: Scope) -> Value:
    workflow, kind, name = names
    ended = scope.workflows.get(workflow)
    if ended is None:
        return ABSENT
    return named(ended.inputs if kind == "inputs" else ended.outputs, name)


def _of_source(names: tuple[str, ...], scope: Scope) -> Value:
    """A field of the source, or what a workflow of the source has left behind: `<workflowId>.outputs.<name>`."""
    source, reference = names
    value = named(scope.sources.get(source, {}), reference)
    workflow = _split_workflow(reference) if value is ABSENT else ()
    return _of_workflows((f"$sourceDescriptions.{source}.{workflow[0]}", *workflow[1:]), scope) if workflow else value


def _of_request(names: tuple[str, ...], scope: Scope) -> Value:
    exchange = scope.exchange
    places: dict[str, Mapping[str, Json]] = {
        "header": exchange.request_headers,
        "query": exchange.request_query,
        "path": exchange.request_path,
    }
    if names[0] == "body":
        return _of_body(exchange.request_body, names)
    return places[names[0]].get(names[1], ABSENT)


def _of_response(names: tuple[str, ...], scope: Scope) -> Value:
    if names[0] == "body":
        return _of_body(scope.exchange.body, names)
    return scope.exchange.headers.get(names[1], ABSENT) if names[0] == "header" else ABSENT


def _of_body(body: Value, names: tuple[str, ...]) -> Value:
    return dig(body, names[1]) if len(names) > 1 and body is not ABSENT else body


def _status(_names: tuple[str, ...], scope: Scope) -> Value:
    return ABSENT if scope.exchange.status is None else scope.exchange.status


_EVALUATE: dict[str, Callable[[tuple[str, ...], Scope], Value]] = {
    "url": lambda _names, scope: scope.exchange.url or ABSENT,
    "method": lambda _names, scope: scope.exchange.method or ABSENT,
    "statusCode": _status,
    "self": lambda _names, scope: scope.self_uri or ABSENT,
    "inputs": lambda names, scope: named(scope.inputs, names[0]) if names else dict(scope.inputs),
    "outputs": lambda names, scope: named(scope.outputs, names[0]),
    "steps": _of_steps,
    "workflows": _of_workflows,
    "sourceDescriptions": _of_source,
    "components": lambda _names, _scope: ABSENT,
    "message": lambda _names, _scope: ABSENT,
    "request": _of_request,
    "response": _of_response,
}
