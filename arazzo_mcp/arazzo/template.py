"""Values of a document with expressions inside: compiled once, filled in a Scope.

Arazzo 1.1.0, "Runtime Expressions" (embedded expressions) and "Selector Object". An expression without braces inside a
longer string (`Bearer $inputs.token`) is replaced only when its root is known and its name is declared, or when it
names a part of the response or request; every other `$` stays as it is (`$url` is a variable of GraphQL more often).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final

from arazzo_mcp.arazzo.expression import Expression, evaluate, parse_expression
from arazzo_mcp.arazzo.kind import LANGUAGES, Kind, kind_of
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, Value, as_text

_EMBEDDED = re.compile(r"\{(\$[^{}]+)\}")
_BARE = re.compile(r"\$(?:inputs|steps|workflows|statusCode|response|request)\b")
_MESSAGE = re.compile(
    r"\$(?:response|request)\.(?:headers?\.[\w-]+|(?:query|path)\.[\w-]+"
    r"|body(?:#(?:/[\w~%-]+)+|(?:\.[A-Za-z_][\w-]*|\[\d+\])+)?)"
)
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_-]")


class Unresolved(Exception):
    """An expression inside a text or a path has no value, so that no request can be made from it."""

    def __init__(self, expression: str, why: str = "has no value") -> None:
        super().__init__(f"{expression} {why}")
        self.expression = expression


@dataclass(frozen=True, slots=True)
class Names:
    """What a workflow declares: its inputs, its steps with their outputs, the document's workflows; and the values of
    the parameters among the document's components."""

    inputs: frozenset[str] = frozenset()
    steps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    workflows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    components: Mapping[str, Json] = field(default_factory=dict)


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
    """Selector Object: a part of what an expression gives. The kind need not be known."""

    context: Expression
    selector: Literal | Text
    kind: Kind


Template = Literal | Expression | Text | Items | Members | Selected


def compile_template(value: Json, names: Names) -> Template:
    """A value of the document with every expression in it parsed. Constants stay as they are."""
    if isinstance(value, str):
        return _component(value, names) or compile_text(value, names)
    if isinstance(value, list):
        items = tuple(compile_template(item, names) for item in value)
        return Literal(value) if all(isinstance(item, Literal) for item in items) else Items(items)
    if isinstance(value, dict) and (selected := _selected(value, names)):
        return selected
    if isinstance(value, dict):
        members = tuple((str(key), compile_template(item, names)) for key, item in value.items())
        return Literal(value) if all(isinstance(item, Literal) for _, item in members) else Members(members)
    return Literal(value)


def _component(text: str, names: Names) -> Template | None:
    """`$components.parameters.<name>`: "accesses a foo parameter defined within the Components Object", its value."""
    name = text.removeprefix("$components.parameters.").removesuffix(".value")
    if not text.startswith("$components.") or name not in names.components:
        return None
    return compile_template(names.components[name], replace(names, components={}))


def _selected(node: dict[str, Json], names: Names) -> Selected | None:
    """A map of exactly these members whose context is an expression; any other map is data."""
    if node.keys() != {"context", "selector", "type"}:
        return None
    context, selector = node["context"], node["selector"]
    expression = parse_expression(context) if isinstance(context, str) else None
    if expression is None or not isinstance(selector, str):
        return None
    return Selected(expression, compile_query_text(selector, names), kind_of(node["type"]))


def compile_query_text(text: str, names: Names) -> Literal | Text:
    """The text of a query, in which expressions may stand."""
    compiled = compile_text(text, names)
    return Text((compiled,)) if isinstance(compiled, Expression) else compiled


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
    if expression.names[:1] == ("header",) and "$" not in expression.text[1:]:
        return True  # a token holds more than the names of which texts are made
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


ROOTS: Final = frozenset(
    f"${root}"
    for root in (
        "url", "method", "statusCode", "request", "response", "inputs", "outputs", "steps", "workflows",
        "sourceDescriptions", "components", "self", "message",
    )
)  # fmt: skip
_LIKE_EXPRESSION: Final = re.compile(r"\{(\$[A-Za-z]+(?:[.#\[][^{}]*)?)\}")
_LIKE_WHOLE: Final = re.compile(r"(\$[A-Za-z]+)(?:[.#\[]\S*)?")


def misspelt(text: str, *, whole: bool) -> list[str]:
    """What in a text looks like a runtime expression and is none. whole: the text may itself be meant as one."""
    found = [match[0] for match in _LIKE_EXPRESSION.finditer(text) if parse_expression(match[1]) is None]
    match = _LIKE_WHOLE.fullmatch(text) if whole else None
    if match and parse_expression(text) is None and get_close_matches(match[1], ROOTS, n=1, cutoff=0.8):
        found.append(text)
    return found


def bare_end(text: str, start: int, names: Names) -> int | None:
    """Where the expression without braces that begins at `start` ends; None where its name is not declared."""
    for candidate in _declared(text, start, names):
        end = start + len(candidate)
        if text.startswith(candidate, start) and not _NAME_CHARACTER.match(text, end):
            return end
    return None


def _declared(text: str, start: int, names: Names) -> list[str]:
    """Every declared expression that could stand at a place of a text, longest first."""
    if text.startswith("$inputs.", start):
        known = [f"$inputs.{name}" for name in names.inputs]
    elif text.startswith("$steps.", start):
        known = [f"$steps.{step}.outputs.{name}" for step, outs in names.steps.items() for name in outs]
    elif text.startswith("$workflows.", start):
        known = [f"$workflows.{flow}.outputs.{name}" for flow, outs in names.workflows.items() for name in outs]
    elif match := _MESSAGE.match(text, start):
        known = [match[0]]
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
        case Selected():
            return _picked(template, scope)
        case Text(parts):
            return "".join(part if isinstance(part, str) else _shown(part, scope) for part in parts)
        case Items(items):
            return [value for item in items if (value := fill(item, scope)) is not ABSENT]
        case Members(members):
            filled = ((name, fill(item, scope)) for name, item in members)
            return {name: value for name, value in filled if value is not ABSENT}


def _picked(selected: Selected, scope: Scope) -> Value:
    """What cannot be evaluated selects nothing: texts that are no queries were found when the document was read."""
    value, language = evaluate(selected.context, scope), LANGUAGES[selected.kind]
    if value is ABSENT or value is None:
        return ABSENT
    try:
        return language.pick(value, fill_query(selected.selector, scope, language.literal))
    except (SelectorSyntaxError, SelectorError):
        return ABSENT


def fill_query(text: Literal | Text, scope: Scope, literal: Callable[[str], str] | None = None) -> str:
    """A query with its expressions "converted to strings". One without braces and outside quotes stands for a value:
    a string is then written as a literal of the query's language.

    Raises:
        Unresolved: an expression has no value.
    """
    if isinstance(text, Literal):
        return str(text.value)
    written = ""
    for part in text.parts:
        if isinstance(part, str):
            written += part
            continue
        value = evaluate(part, scope)
        if value is ABSENT:
            raise Unresolved(part.text)
        as_literal = literal and part.bare and isinstance(value, str) and not _quoted(written)
        written += literal(value) if as_literal and literal else as_text(value)
    return written


def _quoted(text: str) -> bool:
    """Whether what follows a text stands within quotes."""
    return bool(re.search(r"""['"]""", re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", "", text)))


def _shown(expression: Expression, scope: Scope) -> str:
    value = evaluate(expression, scope)
    if value is ABSENT or value is None:
        raise Unresolved(expression.text, "has no value" if value is ABSENT else "is null")
    return as_text(value)


def leaves(template: Template) -> Iterator[Literal | Expression | Text | Selected]:
    """Every value in a template that holds no other."""
    match template:
        case Items(items):
            for item in items:
                yield from leaves(item)
        case Members(members):
            for _, item in members:
                yield from leaves(item)
        case _:
            yield template


def placed_leaves(template: Template, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Template]]:
    """Every value in a template that holds no other, with its path."""
    match template:
        case Items(items):
            for at, item in enumerate(items):
                yield from placed_leaves(item, (*path, at))
        case Members(members):
            for name, item in members:
                yield from placed_leaves(item, (*path, name))
        case _:
            yield path, template


def expressions_of(template: Template) -> Iterator[Expression]:
    """Every expression in a template."""
    for leaf in leaves(template):
        match leaf:
            case Expression():
                yield leaf
            case Selected(context, selector, _):
                yield context
                yield from expressions_of(selector)
            case Text(parts):
                yield from (part for part in parts if isinstance(part, Expression))
