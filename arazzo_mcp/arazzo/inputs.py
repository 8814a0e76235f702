"""A workflow's inputs schema made plain: every local reference inlined, so that the schema stands alone.

Input schemas refer to `#/components/inputs/...` of their document, or into themselves (`#/$defs/...`). Hosts of
language models refuse `$ref`; nothing remote is ever fetched. A reference that leads nowhere, or back into itself,
becomes the schema that allows everything.
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
    if not isinstance(plain, dict):
        return {}
    if not isinstance(plain.get("properties", {}), dict):
        return {key: value for key, value in plain.items() if key != "properties"}
    return plain


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
