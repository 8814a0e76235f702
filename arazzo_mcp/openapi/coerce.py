"""Values as an API wants them: "5" -> 5, "true" -> true, a JSON text -> the object or array that it is, one value -> a
list of one, wherever the schema asks for that and not for what there is.

Nothing is ever changed that fits already, and nothing is guessed: where a schema leaves a choice (`oneOf`, several
types) a value stays as it is unless it fits none of them. `schema.py` says which schemas are looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Final

from arazzo_mcp.arazzo.scope import ABSENT, MOST_DEPTH, Json, Value
from arazzo_mcp.openapi.model import Resolve
from arazzo_mcp.openapi.schema import Parts, applying, item_schema, keyword, properties, type_of, types


def coerce(value: Json, schema: Mapping[str, Json], resolve: Resolve, *, scalars: bool = True) -> Json:
    """A value as its schema wants it. scalars: whether texts become numbers and booleans as well; where everything is
    written as text in the end they need not, and keep the digits that they were given with."""
    return _coerced(value, schema, resolve, scalars, MOST_DEPTH)


def _coerced(value: Json, schema: Json, resolve: Resolve, scalars: bool, depth: int) -> Json:
    parts = tuple(applying(schema, resolve))
    if depth == 0 or not parts:
        return value
    value = _fitted(value, parts, resolve, scalars)
    if isinstance(value, dict):
        known = properties(parts)
        more = keyword(parts, "additionalProperties")
        return {
            name: _coerced(item, known.get(name, more), resolve, scalars, depth - 1) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_coerced(item, item_schema(parts, at), resolve, scalars, depth - 1) for at, item in enumerate(value)]
    return value


def _fits(value: Json, allowed: frozenset[str]) -> bool:
    return type_of(value) in allowed


def _fitted(value: Json, parts: Parts, resolve: Resolve, scalars: bool) -> Json:
    allowed = types(parts)
    if value is None or _fits(value, allowed):
        return value
    if isinstance(value, str):
        for name, read in _READERS.items():
            if name in allowed and (scalars or name in ("object", "array")) and (found := read(value)) is not ABSENT:
                return found
    if "array" in allowed and value != "":
        items = tuple(applying(item_schema(parts, 0), resolve))
        one = _fitted(value, items, resolve, scalars)
        as_given = not scalars and isinstance(value, str)
        return [one] if as_given or _fits(one, types(items)) else value
    return value


def _json_of(kind: type) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        try:
            value = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return ABSENT
        return value if type(value) is kind else ABSENT

    return read


def _refuse(name: str) -> None:
    """NaN and the infinities, which `json.loads` takes and JSON has not."""
    raise ValueError(name)


def _integer(text: str) -> Value:
    number = _number(text)
    if isinstance(number, float):
        return int(number) if number.is_integer() else ABSENT
    return number


def _number(text: str) -> Value:
    for kind in (int, float):
        if (found := _json_of(kind)(text)) is not ABSENT:
            return ABSENT if isinstance(found, float) and math.isinf(found) else found
    return ABSENT


_READERS: Final[dict[str, Callable[[str], Value]]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda text: {"true": True, "false": False}.get(text.strip().lower(), ABSENT),
    "object": _json_of(dict),
    "array": _json_of(list),
}
