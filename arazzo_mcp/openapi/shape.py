"""Schema Objects of an API: what stands at a place inside them, and any of them as plain JSON Schema.

References are followed and `allOf` is laid over one another; a `oneOf` or `anyOf` with one variant besides null is that
variant. Everything is bounded, as the schemas of real APIs refer to one another without an end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.arazzo.words import tidy, without_long_enum
from arazzo_mcp.openapi.parse import OpenApi

MOST_DEPTH: Final = 3
"""How many levels of properties of a schema are shown."""

MOST_PROPERTIES: Final = 30
"""How many properties of one object are shown; those that are required first."""

_MOST_NODES: Final = 300
_MOST_LAYERS: Final = 16
_MOST_VARIANTS: Final = 6
_MOST_SEARCHED: Final = 2, 12
"""How deep variants are looked into for a member, and how many of them at one place."""

_VARIANTS: Final = ("oneOf", "anyOf")
_SCALAR_WORDS: Final = (
    "type", "format", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "default", "description", "example",
    "examples", "nullable", "contentEncoding", "contentMediaType",
)  # fmt: skip


class Shapes:
    """The schemas of one API. What a reference leads to is laid out once."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api
        self._by_reference: dict[str, dict[str, Json]] = {}

    def member(self, schema: Json, name: str, deep: int = _MOST_SEARCHED[0]) -> tuple[dict[str, Json], bool]:
        """The schema of a member of an object, and whether the object must have it. Empty where nothing is said of it.

        Of several variants it is that of the first that has the member, and required where all of them require it.
        """
        node = self._laid(schema)
        required = name in _names(node.get("required"))
        found = mapping(node.get("properties")).get(name)
        for variants in _variants(node) if deep else ():
            inner = [self.member(variant, name, deep - 1) for variant in variants[: _MOST_SEARCHED[1]]]
            required = required or (len(inner) == len(variants) and all(needed for _, needed in inner))
            found = found or next((one for one, _ in inner if one), None)
        found = mapping(found) or mapping(node.get("additionalProperties"))
        return found, required and not self._laid(found).get("readOnly")

    def element(self, schema: Json) -> dict[str, Json]:
        """The schema of the elements of a list."""
        return mapping(self._laid(schema).get("items"))

    def plain(self, schema: Json) -> dict[str, Json]:
        """A schema without references, valid in JSON Schema 2020-12, cut at a depth and size that can be read."""
        cut: dict[str, Json] = {}
        for depth in range(MOST_DEPTH, 0, -1):
            left = iter(range(_MOST_NODES))
            cut = self._cut(schema, depth, left)
            if next(left, None) is not None:
                break
        return tidy(cut)

    def _cut(self, schema: Json, depth: int, left: Iterator[int]) -> dict[str, Json]:
        """A schema with so many levels below it; empty when as much as may be has been shown."""
        if next(left, None) is None:
            return {}
        node = self._laid(schema)
        cut = without_long_enum({word: node[word] for word in _SCALAR_WORDS if word in node})
        if "properties" in node or "items" in node:
            cut.setdefault("type", "object" if "properties" in node else "array")
        if depth:
            return {**cut, **self._below(node, depth - 1, left)}
        return {**cut, "items": self._cut(node["items"], 0, left)} if isinstance(node.get("items"), dict) else cut

    def _below(self, node: Mapping[str, Json], depth: int, left: Iterator[int]) -> dict[str, Json]:
        below = self._properties(node, depth, left)
        for word in ("items", "additionalProperties"):
            if isinstance(node.get(word), dict) and node[word] and (word == "items" or not below):
                below[word] = self._cut(node[word], depth, left)
        for variants in _variants(node):
            if len(variants) <= _MOST_VARIANTS:
                below["anyOf"] = [self._cut(variant, depth, left) for variant in variants]
        return below

    def _properties(self, node: Mapping[str, Json], depth: int, left: Iterator[int]) -> dict[str, Json]:
        """Those that may be sent, as far as there is room."""
        required = _names(node.get("required"))
        properties = mapping(node.get("properties"))
        ordered = dict.fromkeys((*(name for name in required if name in properties), *properties))
        sent = (name for name in ordered if not self._laid(properties[name]).get("readOnly"))
        shown = list(islice(sent, MOST_PROPERTIES))
        if not shown:
            return {}
        cut = {name: self._cut(properties[name], depth, left) for name in shown}
        return {"properties": cut, "required": [name for name in shown if name in required]}

    def _laid(self, schema: Json, layers: int = _MOST_LAYERS) -> dict[str, Json]:
        """A schema with its reference followed, and with the parts that hold besides it laid under it."""
        if not isinstance(schema, dict) or not layers:
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return self._merged(schema, layers)
        if reference not in self._by_reference:
            self._by_reference[reference] = {}  # what leads back into itself adds nothing
            self._by_reference[reference] = self._merged(self._api.resolve(schema), layers)
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        return {**self._by_reference[reference], **beside}

    def _merged(self, node: dict[str, Json], layers: int) -> dict[str, Json]:
        if not any(word in node for word in ("allOf", *_VARIANTS)):
            return node
        merged = dict(node)
        parts = _list(merged.pop("allOf", None))
        for word in _VARIANTS:
            variants = [variant for variant in _list(node.get(word)) if not _is_null(variant)]
            if len(variants) < len(_list(node.get(word))):
                merged["nullable"] = True
            if len(variants) < 2:
                merged.pop(word, None)
                parts += variants
        for part in parts:
            merged = _over(merged, self._laid(part, layers - 1))
        return merged


def _over(upper: Mapping[str, Json], lower: Mapping[str, Json]) -> dict[str, Json]:
    """Two schemas that both hold, as one: what both say is as the upper one says."""
    properties = {**mapping(lower.get("properties")), **mapping(upper.get("properties"))}
    required = dict.fromkeys([*_names(upper.get("required")), *_names(lower.get("required"))])
    both = {**lower, **upper}
    return {
        **both,
        **({"properties": properties} if properties else {}),
        **({"required": list(required)} if required else {}),
    }


def _variants(node: Mapping[str, Json]) -> Iterator[list[Json]]:
    """What `oneOf` and `anyOf` leave open, without null."""
    for word in _VARIANTS:
        if variants := [variant for variant in _list(node.get(word)) if not _is_null(variant)]:
            yield variants


def _is_null(schema: Json) -> bool:
    """Null as a variant, as OpenAPI 3.1 and, for want of it, as 3.0 writes it."""
    return isinstance(schema, dict) and (schema.get("type") == "null" or schema == {"nullable": True})


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []


def _names(value: Json) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]
