"""A workflow's inputs schema made plain: every local reference inlined, so that the schema stands alone.

Input schemas refer to `#/components/inputs/...` of their document, or into themselves (`#/$defs/...`). Hosts of
language models refuse `$ref`; nothing remote is ever fetched. A reference that leads nowhere, or back into itself,
becomes the schema that allows everything. What `allOf` adds at the root becomes part of the root, since the properties
there are the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import Json

_MOST_REFERENCES: Final = 1000
"""References followed in one schema; the rest allow everything, so that no document can make this endless."""


def plain_schema(schema: Json, document: Json) -> dict[str, Json]:
    """The schema with its local references inlined, against the document first and then against itself."""
    plain = _inlined(schema, (document, schema), (), iter(range(_MOST_REFERENCES)))
    return _merged(plain) if isinstance(plain, dict) else {}


def _merged(schema: dict[str, Json]) -> dict[str, Json]:
    """A schema with the properties of its `allOf` laid under its own, and what either requires required."""
    parts = schema.get("allOf")
    merged = {word: value for word, value in schema.items() if word != "allOf"}
    if not isinstance(merged.get("properties", {}), dict):
        del merged["properties"]
    for part in parts if isinstance(parts, list) else ():
        inner = _merged(part) if isinstance(part, dict) else {}
        properties = {**inner.get("properties", {}), **merged.get("properties", {})}
        required = [*_list(inner.get("required")), *_list(merged.get("required"))]
        merged = {**inner, **merged, "properties": properties, "required": required}
    return merged


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _inlined(
    node: Json, roots: tuple[Json, ...], under: tuple[str, ...], left: Iterator[int], named: bool = False
) -> Json:
    """named: the keys of this object are names of properties, not words of JSON Schema."""
    if isinstance(node, list):
        return [_inlined(item, roots, under, left) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if named or not isinstance(reference, str):
        return {
            k: _inlined(v, roots, under, left, named=k == "properties" and not named)
            for k, v in node.items()
            if named or k not in ("$defs", "definitions")
        }
    beside = {key: value for key, value in node.items() if key != "$ref"}
    target = {} if reference in under or next(left, None) is None else _target(reference, roots)
    resolved = _inlined(target, roots, (*under, reference), left)
    return {**resolved, **beside} if isinstance(resolved, Mapping) else resolved


def _target(reference: str, roots: tuple[Any, ...]) -> Json:
    if reference.startswith("#"):
        for root in roots:
            try:
                return JsonPointer(reference[1:]).resolve(root)
            except (JsonPointerException, TypeError):
                continue
    return {}
