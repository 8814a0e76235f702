"""A workflow's inputs schema made plain: every reference inlined, so that the schema stands alone.

Input schemas refer to `#/components/inputs/...` of their document, into themselves (`#/$defs/...`), to a schema by its
`$anchor`, or to one by its `$id` (Arazzo 1.1.0, "Resolving URI Fragments"; JSON Schema 2020-12, 8.2). Hosts of language
models refuse `$ref`; nothing remote is ever fetched. A reference that leads nowhere, or back into itself, becomes the
schema that allows everything. What `allOf` adds at the root becomes part of the root, since the properties there are
the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Final
from urllib.parse import unquote, urljoin

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import Json

_MOST_REFERENCES: Final = 1000
"""References followed in one schema; the rest allow everything, so that no document can make this endless."""
_MOST_LEVELS: Final = 100
"""How deep a plain schema may be; what is deeper allows everything."""

_ANCHORS: Final = ("$anchor", "$dynamicAnchor")
_DATA: Final = ("const", "enum", "default", "example", "examples")
"""Words whose values are values of the input, and no schemas."""
_ONLY_FOR_REFERENCES: Final = frozenset({"$ref", "$id", "$defs", "definitions", *_ANCHORS})


class Schemas:
    """The schemas of a document that references of its inputs may lead to, by their URIs."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        own = document.get("$self")
        self.base = own.partition("#")[0] if isinstance(own, str) else ""

    def at(self, uri: str, schema: Json) -> tuple[Json, str]:
        """What a URI leads to, the schema that allows everything where that is nothing, and the base where it stands.

        schema: the inputs in which the URI is written. A JSON pointer is one into the document, else into these.
        """
        base, _, fragment = uri.partition("#")
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"{base}#{fragment}", ({}, base))
        resource, around = self._named.get(base, ({}, base))
        if base != self.base and not fragment:
            return resource, around
        roots = (self._document, schema) if base == self.base else (resource,)
        found = (_pointed(root, fragment) for root in roots)
        return next((target for target in found if target is not None), {}), base

    @cached_property
    def _named(self) -> dict[str, tuple[Json, str]]:
        """The schemas with an `$id` or an `$anchor`; of two with one name the first."""
        components = self._document.get("components")
        shared = components.get("inputs") if isinstance(components, dict) else None
        flows = self._document.get("workflows")
        own = [flow.get("inputs") for flow in flows if isinstance(flow, dict)] if isinstance(flows, list) else []
        named: dict[str, tuple[Json, str]] = {}
        for uri, schema, base in _named((shared, *own), self.base):
            named.setdefault(uri, (schema, base))
        return named


def _pointed(root: Json, pointer: str) -> Json:
    """The schema at a JSON pointer; None where there is none."""
    try:
        found = JsonPointer(pointer).resolve(root)
    except (JsonPointerException, TypeError):
        return None
    return found if isinstance(found, dict | bool) else None


def _named(schemas: tuple[Json, ...], base: str) -> Iterator[tuple[str, Json, str]]:
    """The URIs of schemas with a name, in the order of the document, each with the base where it stands."""
    pending = [(schema, base) for schema in reversed(schemas)]
    while pending:
        node, around = pending.pop()
        if isinstance(node, dict):
            base = _base(node, around)
            if isinstance(node.get("$id"), str):
                yield base, node, around
            yield from ((f"{base}#{node[word]}", node, around) for word in _ANCHORS if isinstance(node.get(word), str))
            pending += ((value, base) for word, value in reversed(node.items()) if word not in _DATA)
        elif isinstance(node, list):
            pending += ((item, around) for item in reversed(node))


def _base(node: dict[str, Json], base: str) -> str:
    """The base of what stands in a schema: its own `$id`, where it has one."""
    name = node.get("$id")
    return _joined(base, name).partition("#")[0] if isinstance(name, str) else base


def plain_schema(schema: Json, schemas: Schemas) -> dict[str, Json]:
    """The schema of a workflow's inputs with its references inlined."""
    plain = _Inlining(schema, schemas, iter(range(_MOST_REFERENCES))).plain(schema, _Place(schemas.base))
    return _merged(plain) if isinstance(plain, dict) else {}


def _merged(schema: dict[str, Json]) -> dict[str, Json]:
    """A schema with what its `allOf` say laid under its own words."""
    parts = schema.get("allOf")
    merged = {word: value for word, value in schema.items() if word != "allOf"}
    if not isinstance(merged.get("properties", {}), dict):
        del merged["properties"]
    inner = [_merged(part) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return reduce(lambda over, under: _laid(under, over), inner, merged)


def _laid(under: dict[str, Json], over: dict[str, Json]) -> dict[str, Json]:
    """Two schemas that both apply, as one: all properties of both, and what either requires is required."""
    laid = {**under, **over}
    if isinstance(mine := over.get("properties"), dict) and isinstance(other := under.get("properties"), dict):
        laid["properties"] = {**other, **mine}
    if isinstance(asked := over.get("required"), list) and isinstance(more := under.get("required"), list):
        laid["required"] = [*more, *asked]
    return laid


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema stands: the URI that its references are relative to, those that led here, and how deep it is.

    named: the keys here are names of properties, not words of JSON Schema.
    """

    base: str
    under: tuple[str, ...] = ()
    level: int = 0
    named: bool = False


@dataclass(frozen=True, slots=True)
class _Inlining:
    """The inputs whose references are being inlined, and how many more may be."""

    schema: Json
    schemas: Schemas
    left: Iterator[int]

    def plain(self, node: Json, place: _Place) -> Json:
        below = _Place(place.base, place.under, place.level + 1)
        if not isinstance(node, dict | list):
            return node
        if place.level > _MOST_LEVELS:
            return {}
        if isinstance(node, list):
            return [self.plain(item, below) for item in node]
        if place.named:
            return {name: self.plain(value, below) for name, value in node.items()}
        return self._schema(node, _Place(_base(node, place.base), place.under, place.level + 1))

    def _schema(self, node: dict[str, Json], below: _Place) -> Json:
        reference = node.get("$ref")
        beside = {
            word: value if word in _DATA else self.plain(value, _inside(word, below))
            for word, value in node.items()
            if word not in _ONLY_FOR_REFERENCES
        }
        if not isinstance(reference, str):
            return beside
        target = self._target(_joined(below.base, reference), below)
        return _laid(target, beside) if isinstance(target, dict) else target

    def _target(self, uri: str, below: _Place) -> Json:
        if uri in below.under or next(self.left, None) is None:
            return {}
        target, base = self.schemas.at(uri, self.schema)
        return self.plain(target, _Place(base, (*below.under, uri), below.level))


def _inside(word: str, below: _Place) -> _Place:
    return _Place(below.base, below.under, below.level, named=word == "properties")


def _joined(base: str, reference: str) -> str:
    """`urljoin` knows no schemes but those of the web; a fragment alone belongs to any."""
    if reference.startswith("#"):
        return base + reference
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference
