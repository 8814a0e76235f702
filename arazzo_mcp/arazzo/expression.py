"""Runtime expressions: parsed once, evaluated in a Scope; templates that hold them.

Arazzo 1.1.0, "Runtime Expressions". Two rules go beyond the text of the specification, because hundreds of
real documents need them, and both are safe: a *literal* name is looked up first and only then a path into
a value (`$inputs.a.b` is the input "a.b", else member b of input a), and an expression without braces inside a
longer string (`Bearer $inputs.token`) is replaced only when its root is known and its name is declared;
every other `$` stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from jsonpointer import EndOfList, JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, Value
from arazzo_mcp.arazzo.selector import pick

_TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
_EXPRESSION = re.compile(
    r"\$(?:(?P<bare>url|method|statusCode|self)"
    r"|(?P<all>inputs)(?![^#])"
    r"|(?P<root>inputs|outputs|steps|workflows|sourceDescriptions|components)\.(?P<rest>[^\s#{}][^#{}]*)"
    r"|(?P<message>request|response)\.(?:"
    rf"(?P<header>headers?)\.(?P<token>{_TOKEN})|(?P<place>query|path)\.(?P<name>[^{{}}]+)"
    r"|(?P<body>body)(?P<dotted>(?:\.[^#{}\s.\[\]]+|\[[^\]{}]*\])*)))"
    r"(?:#(?P<pointer>[^{}]*))?$"
)
_EMBEDDED = re.compile(r"\{(\$[^{}]+)\}")
_BARE = re.compile(r"\$(?:inputs|steps|workflows|statusCode)\b")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_-]")
_PATH_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+|'[^']*'|\"[^\"]*\")\]|\[\]")


class Unresolved(Exception):
    """An expression inside a text or a path has no value, so that no request can be made from it."""

    def __init__(self, expression: str, why: str = "has no value") -> None:
        super().__init__(f"{expression} {why}")
        self.expression = expression


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


@dataclass(frozen=True, slots=True)
class Names:
    """What a workflow declares: its inputs, its steps with their outputs, the document's workflows."""

    inputs: frozenset[str] = frozenset()
    steps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    workflows: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the document."""

    value: Json


@dataclass(frozen=True, slots=True)
class Text:
    """A string with expressions inside; each renders as text, JSON for objects and arrays."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list with expressions somewhere inside."""

    items: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """An object with expressions somewhere inside."""

    members: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """Selector Object: a part of what an expression gives. kind: `jsonpath`, `jsonpointer`, or not served."""

    context: Expression
    selector: str
    kind: str


Template = Literal | Expression | Text | Items | Members | Selected


def parse_expression(text: str) -> Expression | None:
    """The expression that `text` is as a whole, or None where it is none."""
    match = _EXPRESSION.match(text)
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
        found = JsonPointer(pointer).resolve(document)
        return ABSENT if isinstance(found, EndOfList) else found
    except (JsonPointerException, TypeError):
        return dig(document, pointer.replace("/", ".")) if re.search(r"[.\[]", pointer) else ABSENT


def dig(value: Json, path: str) -> Value:
    """The value at a dotted path (`.name`, `[0]`, `.0`, `["odd name"]`)."""
    for name, index in _PATH_PART.findall(path):
        value = _member(value, name or index.strip("'\"")) if name or index else value
    return value


def _member(value: Json, name: str) -> Value:
    if isinstance(value, dict):
        return value.get(name, ABSENT)
    if isinstance(value, list) and re.fullmatch(r"[0-9]{1,12}", name) and int(name) < len(value):
        return value[int(name)]
    return ABSENT


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
    "sourceDescriptions": lambda names, scope: named(scope.sources.get(names[0], {}), names[1]),
    "components": lambda _names, _scope: ABSENT,
    "request": _of_request,
    "response": _of_response,
}


def compile_template(value: Json, names: Names) -> Template:
    """A value of the document with every expression in it parsed. Constants stay as they are."""
    if isinstance(value, str):
        return compile_text(value, names)
    if isinstance(value, list):
        items = tuple(compile_template(item, names) for item in value)
        return Literal(value) if all(isinstance(item, Literal) for item in items) else Items(items)
    if isinstance(value, dict) and (selected := _selected(value)):
        return selected
    if isinstance(value, dict):
        members = tuple((str(key), compile_template(item, names)) for key, item in value.items())
        return Literal(value) if all(isinstance(item, Literal) for _, item in members) else Members(members)
    return Literal(value)


def _selected(node: dict[str, Json]) -> Selected | None:
    if node.keys() != {"context", "selector", "type"}:
        return None
    context, selector, kind = node["context"], node["selector"], node["type"]
    if isinstance(kind, dict):
        kind = f"{kind.get('type')} {kind.get('version')}".removesuffix(" rfc9535").removesuffix(" rfc6901")
    expression = parse_expression(context) if isinstance(context, str) else None
    return Selected(expression, str(selector), str(kind)) if expression else None


def compile_text(text: str, names: Names) -> Literal | Expression | Text:
    """A string of the document: an expression as a whole, a text with expressions inside, or a constant.

    An expression as a whole keeps the type of its value; an embedded one is rendered as text.
    """
    if text.startswith("$") and (expression := parse_expression(text)) and _is_whole(expression, names):
        return expression
    parts = tuple(_parts(text, names))
    return Text(parts) if any(isinstance(part, Expression) for part in parts) else Literal(text)


def _is_whole(expression: Expression, names: Names) -> bool:
    """`$inputs.a and $inputs.b` and `$inputs.a/$inputs.b` parse by their first root, but are texts: after a declared
    name stands a path, a pointer or nothing; any other name holds no blanks."""
    end = bare_end(expression.text, 0, names)
    if end is None:
        return not re.search(r"\s", expression.names[-1] if expression.names else "")
    return bool(re.fullmatch(r"(?:[.\[][^\s$]*)?(?:#.*)?", expression.text[end:]))


def _parts(text: str, names: Names) -> Iterator[str | Expression]:
    at = 0
    for match in _EMBEDDED.finditer(text):
        expression = parse_expression(match[1])
        if expression is not None:
            yield from _bare_parts(text[at : match.start()], names)
            yield expression
            at = match.end()
    yield from _bare_parts(text[at:], names)


def _bare_parts(text: str, names: Names) -> Iterator[str | Expression]:
    at = 0
    for match in _BARE.finditer(text):
        end = bare_end(text, match.start(), names)
        if end is not None and match.start() >= at and (found := parse_expression(text[match.start() : end])):
            if at < match.start():
                yield text[at : match.start()]
            yield replace(found, bare=True)
            at = end
    if at < len(text):
        yield text[at:]


def bare_end(text: str, start: int, names: Names) -> int | None:
    """Where the expression without braces that begins at `start` ends; None where its name is not declared."""
    for candidate in _declared(text[start:], names):
        end = start + len(candidate)
        if text.startswith(candidate, start) and not _NAME_CHARACTER.match(text, end):
            return end
    return None


def _declared(text: str, names: Names) -> list[str]:
    """Every declared expression that could stand at the beginning of a text, longest first."""
    if text.startswith("$inputs."):
        known = [f"$inputs.{name}" for name in names.inputs]
    elif text.startswith("$steps."):
        known = [f"$steps.{step}.outputs.{name}" for step, outs in names.steps.items() for name in outs]
    elif text.startswith("$workflows."):
        known = [f"$workflows.{flow}.outputs.{name}" for flow, outs in names.workflows.items() for name in outs]
    else:
        known = ["$statusCode"]
    return sorted(known, key=len, reverse=True)


def fill(template: Template, scope: Scope) -> Value:
    """The value of a template in a scope.

    An absent value takes its member or item with it; the whole is ABSENT when the template is an expression
    without a value.

    Raises:
        Unresolved: an expression inside a text has no value or is null.
    """
    match template:
        case Literal(value):
            return value
        case Expression():
            return evaluate(template, scope)
        case Selected(context, selector, kind):
            value = evaluate(context, scope)
            return value if value is ABSENT or kind not in SELECTORS else SELECTORS[kind](value, selector)
        case Text(parts):
            return "".join(part if isinstance(part, str) else _shown(part, scope) for part in parts)
        case Items(items):
            return [value for item in items if (value := fill(item, scope)) is not ABSENT]
        case Members(members):
            filled = ((name, fill(item, scope)) for name, item in members)
            return {name: value for name, value in filled if value is not ABSENT}


SELECTORS: dict[str, Callable[[Json, str], Value]] = {"jsonpath": pick, "jsonpointer": point}


def _shown(expression: Expression, scope: Scope) -> str:
    value = evaluate(expression, scope)
    if value is ABSENT or value is None:
        raise Unresolved(expression.text, "has no value" if value is ABSENT else "is null")
    return as_text(value)


def as_text(value: Json) -> str:
    """A value inside a text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def expressions_of(template: Template) -> Iterator[Expression]:
    """Every expression in a template."""
    match template:
        case Expression():
            yield template
        case Selected(context, _, _):
            yield context
        case Text(parts):
            yield from (part for part in parts if isinstance(part, Expression))
        case Items(items):
            for item in items:
                yield from expressions_of(item)
        case Members(members):
            for _, item in members:
                yield from expressions_of(item)
        case Literal():
            return
