"""A workflow's inputs schema made plain: every local reference inlined, so that the schema stands alone.

Input schemas refer to `#/components/inputs/...` of their document, or into themselves (`#/$defs/...`). Hosts of
language models refuse `$ref`; nothing remote is ever fetched. A reference that leads nowhere, or back into itself,
becomes the schema that allows everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import Json


def plain_schema(schema: Json, document: Json) -> dict[str, Json]:
    """The schema with its local references inlined, against the document first and then against itself."""
    plain = _inlined(schema, (document, schema), ())
    return plain if isinstance(plain, dict) else {}


def _inlined(node: Json, roots: tuple[Json, ...], under: tuple[str, ...]) -> Json:
    if isinstance(node, list):
        return [_inlined(item, roots, under) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {k: _inlined(v, roots, under) for k, v in node.items() if k not in ("$defs", "definitions")}
    beside = {key: value for key, value in node.items() if key != "$ref"}
    target = {} if reference in under else _target(reference, roots)
    resolved = _inlined(target, roots, (*under, reference))
    return {**resolved, **beside} if isinstance(resolved, Mapping) else resolved


def _target(reference: str, roots: tuple[Any, ...]) -> Json:
    if reference.startswith("#"):
        for root in roots:
            try:
                return JsonPointer(reference[1:]).resolve(root)
            except (JsonPointerException, TypeError):
                continue
    return {}
