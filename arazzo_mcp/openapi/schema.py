"""Looking into schemas: what certainly applies to a value, and no more.

OpenAPI 3.2, "Non-JSON Data": "implementations MUST examine that schema and all schemas that can be reached from it by
following only `$ref` and `allOf`"; and an `anyOf` or `oneOf` of which null is the only other choice, which is how 3.1
writes what 3.0 called nullable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.model import Resolve

Parts: TypeAlias = tuple[Mapping[str, Json], ...]
"""Schemas that apply together."""

_MOST_SCHEMAS: Final = 64
_EVERY: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_NULL: Final = frozenset({"null"})


def applying(schema: Json, resolve: Resolve) -> Iterator[dict[str, Json]]:
    """The schemas that certainly apply: a schema, what it refers to, and all of its `allOf`."""
    pending, seen = [schema], 0
    while pending and seen < _MOST_SCHEMAS:
        seen += 1
        if here := resolve(pending.pop(0)):
            yield here
            pending += here["allOf"] if isinstance(here.get("allOf"), list) else []
            pending += _only_choice(here)


def _only_choice(schema: Mapping[str, Json]) -> list[Json]:
    for keyword in ("anyOf", "oneOf"):
        choices = schema.get(keyword)
        real = [one for one in choices if one != {"type": "null"}] if isinstance(choices, list) else []
        if len(real) == 1:
            return real
    return []


def types(parts: Parts) -> frozenset[str]:
    """The types that all of these schemas allow; every type where none says. OpenAPI 3.0's `nullable` allows null."""
    allowed = _EVERY
    for part in parts:
        allowed &= _named(part) | (_NULL if part.get("nullable") else frozenset())
    return allowed


def _named(schema: Mapping[str, Json]) -> frozenset[str]:
    """ "integer" is a number without a fraction (JSON Schema, 6.1.1)."""
    written = schema.get("type")
    if not written:
        return _implied(schema)
    names = frozenset(name for name in (written if isinstance(written, list) else [written]) if isinstance(name, str))
    return names | {"integer"} if "number" in names else names


def _implied(schema: Mapping[str, Json]) -> frozenset[str]:
    """`properties` without a type mean an object, `items` an array: nobody writes them for anything else."""
    if isinstance(schema.get("properties"), dict):
        return frozenset({"object"})
    return frozenset({"array"}) if isinstance(schema.get("items"), dict) else _EVERY


def type_of(value: Json) -> str:
    """The JSON Schema type of a value: the narrowest."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {str: "string", int: "integer", dict: "object", list: "array"}
    return names.get(type(value), "null")


def properties(parts: Parts) -> dict[str, Json]:
    """The property schemas of schemas that apply together; the first that names one counts."""
    found: dict[str, Json] = {}
    for part in reversed(parts):
        if isinstance(part.get("properties"), dict):
            found.update(part["properties"])
    return found


def item_schema(parts: Parts, at: int) -> Json:
    for part in parts:
        prefix = part.get("prefixItems")
        if isinstance(prefix, list) and at < len(prefix):
            return prefix[at]
    return next((part["items"] for part in parts if isinstance(part.get("items"), dict)), {})


def keyword(parts: Parts, name: str) -> Json:
    """The value of a keyword in the first schema that has it; None where none has."""
    return next((part[name] for part in parts if name in part), None)
