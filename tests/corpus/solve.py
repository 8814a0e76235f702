"""Replies that make criteria true or false: candidates only, judged afterwards by the package itself.

A condition is walked as a tree; each comparison of a place in the reply with something known sets a value there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from arazzo_mcp.arazzo.condition import (
    All,
    AnyOf,
    Comparison,
    Condition,
    ConditionSyntaxError,
    Constant,
    Not,
    Truth,
    parse_condition,
)
from arazzo_mcp.arazzo.expression import Expression, evaluate
from arazzo_mcp.arazzo.model import QueryCriterion, RegexCriterion, SimpleCriterion
from arazzo_mcp.arazzo.scope import ABSENT, Scope
from arazzo_mcp.arazzo.template import Literal, Text, fill
from tests.corpus import place as places
from tests.corpus.pattern import text_for
from tests.corpus.place import MISSING, Filter, Place

_MOST_VARIANTS: Final = 12
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_QUERY: Final = re.compile(r"(?:(?P<function>count|length|value)\(\s*)?[$@]")


@dataclass(frozen=True)
class Reply:
    """What a provider answers."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ABSENT


@dataclass(frozen=True)
class Spot:
    """Something in a reply that a condition speaks of: its status, a header, or a place in its body."""

    kind: str
    name: str = ""
    place: Place = ()
    length: bool = False


Look = Callable[[Any], "Spot | None"]
"""The spot that an operand of a condition names; None where it names nothing in the reply."""


def variants(replies: Iterable[Reply], criteria: Iterable[Any], want: bool, scope: Scope) -> list[Reply]:
    """Replies changed so that all criteria hold (or, if not `want`, each of them in turn does not)."""
    found = list(replies)
    if want:
        for criterion in criteria:
            found = list(islice((new for old in found for new in _met(old, criterion, True, scope)), _MOST_VARIANTS))
        return found
    return [new for criterion in criteria for old in found for new in _met(old, criterion, False, scope)]


def _met(reply: Reply, criterion: Any, want: bool, scope: Scope) -> Iterator[Reply]:
    if isinstance(criterion, SimpleCriterion):
        yield from _condition(reply, criterion.condition, want, _spot, lambda operand: evaluate(operand, scope))
    elif (
        isinstance(criterion, QueryCriterion)
        and criterion.kind.type == "jsonpath"
        and (base := _spot(criterion.context))
    ):
        yield from _jsonpath(reply, base, _rendered(criterion.query, scope), want)
    elif isinstance(criterion, RegexCriterion) and (spot := _spot(criterion.context)):
        made = text_for(_rendered(criterion.pattern, scope)) if want else "no such thing"
        yield reply
        if made is not None:
            yield _set(reply, spot, int(made) if spot.kind == "status" and made.isdigit() else made)
    else:
        yield reply


def _rendered(text: Literal | Text, scope: Scope) -> str:
    if isinstance(text, Literal):
        return str(text.value)
    written = ""
    for part in text.parts:
        shown = part if isinstance(part, str) else str(fill(Text((part,)), scope))
        bare = not isinstance(part, str) and part.bare and isinstance(evaluate(part, scope), str)
        written += f'"{shown}"' if bare and written.count('"') % 2 == written.count("'") % 2 == 0 else shown
    return written


# --- what an operand names


def _spot(expression: Expression) -> Spot | None:
    if expression.root == "statusCode":
        return Spot("status")
    if expression.root != "response":
        return None
    if expression.names[0] == "header":
        return Spot("header", expression.names[1])
    dotted = expression.names[1] if len(expression.names) > 1 else ""
    return Spot("body", place=(*places.of_dotted(dotted), *places.of_pointer(expression.pointer)))


@dataclass(frozen=True)
class Path:
    """A path of a jsonpath condition, with the number of its elements in place of its value."""

    place: Place
    length: bool


def _read_path(text: str, start: int) -> tuple[Path, int] | None:
    match = _QUERY.match(text, start)
    if match is None:
        return None
    at = end = match.end()
    while end < len(text) and (text[end] in "._[*-" or text[end].isalnum()):
        end = places._bracket_end(text, end) if text[end] == "[" else end + 1
    path, length = text[at:end], match["function"] in ("count", "length")
    if path.endswith(".length"):
        path, length = path.removesuffix(".length"), True
    place = places.of_query(path)
    if place is None:
        return None
    if match["function"]:
        end = text.index(")", end) + 1
    return Path(place, length), end


def _jsonpath(reply: Reply, base: Spot, text: str, want: bool) -> Iterator[Reply]:
    """A boolean expression over paths, or a query that must select something."""
    try:
        condition = parse_condition(text, _read_path)
    except (ConditionSyntaxError, ValueError):
        yield reply
        return
    if isinstance(condition, Truth) and isinstance(condition.operand, Path):
        yield from _query(reply, base, condition.operand.place, want)
        return

    def look(operand: Path) -> Spot:
        return Spot("body", place=(*base.place, *operand.place), length=operand.length)

    yield from _condition(reply, condition, want, look, lambda operand: None)


def _query(reply: Reply, base: Spot, place: Place, want: bool) -> Iterator[Reply]:
    whole = (*base.place, *place)
    if not want:
        yield replace(reply, body=places.without(reply.body, whole))
        yield replace(reply, body=places.put(reply.body, (*base.place, *_before_filter(place)), [], _meet))
        return
    yield reply
    here = places.get(reply.body, base.place)
    if place and isinstance(place[0], Filter) and isinstance(here, dict):
        yield replace(reply, body=places.put(reply.body, base.place, _meet(here, place[0].text), _meet))
    found = places.get(reply.body, whole)
    yield replace(reply, body=places.put(reply.body, whole, "value" if found is MISSING else found, _meet))


def _before_filter(place: Place) -> Place:
    filters = [at for at, step in enumerate(place) if isinstance(step, Filter)]
    return place[: filters[0]] if filters else place


def _meet(element: Any, text: str) -> Any:
    """An element for which a filter holds."""
    try:
        condition = parse_condition(text, _read_path)
    except (ConditionSyntaxError, ValueError):
        return element
    made = _condition(
        Reply(0, {}, element), condition, True, lambda p: Spot("body", place=p.place, length=p.length), lambda _: None
    )
    return next(made, Reply(0, {}, element)).body


# --- conditions


def _condition(
    reply: Reply, condition: Condition[Any], want: bool, look: Look, value: Callable[[Any], Any]
) -> Iterator[Reply]:
    match condition:
        case Not(inner):
            yield from _condition(reply, inner, not want, look, value)
        case All(parts) if want:
            yield from _all(reply, parts, want, look, value)
        case AnyOf(parts) if not want:
            yield from _all(reply, parts, want, look, value)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _condition(reply, part, want, look, value)
        case Truth(operand):
            yield from _truth(reply, None if isinstance(operand, Constant) else look(operand), want)
        case Comparison(left, operator, right):
            yield from _comparison(reply, left, operator if want else _OPPOSITE[operator], right, look, value)


def _all(
    reply: Reply, parts: Iterable[Condition[Any]], want: bool, look: Look, value: Callable[[Any], Any]
) -> list[Reply]:
    found = [reply]
    for part in parts:
        found = [new for old in found for new in _condition(old, part, want, look, value)][:_MOST_VARIANTS]
    return found


def _truth(reply: Reply, spot: Spot | None, want: bool) -> Iterator[Reply]:
    if spot is None:
        yield reply
        return
    now = _get(reply, spot)
    if want:
        yield reply if now not in (MISSING, None, False) else _set(reply, spot, True)
    else:
        yield _set(reply, spot, False)
        if spot.kind == "body":
            yield replace(reply, body=places.without(reply.body, spot.place))


def _comparison(
    reply: Reply, left: Any, operator: str, right: Any, look: Look, value: Callable[[Any], Any]
) -> Iterator[Reply]:
    spot = None if isinstance(left, Constant) else look(left)
    other = right
    if spot is None:
        spot, other, operator = (None if isinstance(right, Constant) else look(right)), left, _MIRRORED[operator]
    if spot is None:
        yield reply
        return
    known = other.value if isinstance(other, Constant) else value(other)
    for new in _values(operator, None if known is ABSENT else known, _get(reply, spot), spot.length):
        yield _set(reply, spot, new)


def _values(operator: str, known: Any, now: Any, length: bool) -> Iterator[Any]:
    """Values that stand in a relation to a known one, what is there already first where that will do."""
    if isinstance(known, str) and operator not in ("==", "!=") and re.fullmatch(r"-?\d+(\.\d+)?", known):
        known = float(known)
    number = isinstance(known, int | float) and not isinstance(known, bool)
    if operator == "==":
        yield known
    elif operator == "!=":
        usable = now not in (MISSING, None, known) and type(now) is type(known)
        yield now if usable else _different(known)
    elif number:
        step = {"<": -1, "<=": 0, ">": 1, ">=": 0}[operator]
        yield max(0, known + step) if length else known + step
        yield known + 10 * (step or (1 if ">" in operator else -1))
    else:
        yield known


def _different(known: Any) -> Any:
    match known:
        case bool():
            return not known
        case int() | float():
            return known + 1
        case str():
            return f"not {known}" if known else "something"
        case None:
            return "something"
        case _:
            return None


def _get(reply: Reply, spot: Spot) -> Any:
    if spot.kind == "status":
        return reply.status
    if spot.kind == "header":
        return reply.headers.get(spot.name, MISSING)
    found = places.get(reply.body, spot.place)
    if spot.length:
        return len(found) if isinstance(found, list | dict | str) else 0
    return found


def _set(reply: Reply, spot: Spot, value: Any) -> Reply:
    if spot.kind == "status":
        return replace(reply, status=int(value)) if str(value).isdigit() else reply
    if spot.kind == "header":
        return replace(reply, headers={**reply.headers, spot.name: str(value)})
    if value is MISSING:
        return reply
    if spot.length and spot.place and isinstance(spot.place[-1], Filter):
        one = places.get(places.put(reply.body, spot.place, {}, _meet), spot.place)
        return replace(reply, body=places.put(reply.body, spot.place[:-1], [one] * int(value), _meet))
    if spot.length:
        value = _of_length(places.get(reply.body, spot.place), int(value) if value is not None else 1)
    return replace(reply, body=places.put(reply.body, spot.place, value, _meet))


def _of_length(now: Any, length: int) -> Any:
    items = now if isinstance(now, list) else []
    item = items[0] if items else {}
    return [*items, *[item] * length][:length]
