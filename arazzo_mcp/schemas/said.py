"""One input's schema: the workflow's own words, and those of the places that it feeds where the workflow says less.

The workflow's words win. Of what several places say, that is taken in which they agree. A type gives way only where it
cannot be right: the workflow says nothing but the type, and a value of it never fits where it goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.words import kind_of, kinds
from arazzo_mcp.schemas.feeds import Feed

_STRUCTURE: Final = ("properties", "required", "additionalProperties", "items", "anyOf")
"""What a value is made of: taken together or not at all."""

_FREE: Final = ("description", "examples")
"""Words that bind nothing: the first that is said is taken."""

_CLOSING: Final = ("enum", "const", "anyOf", "oneOf", "allOf", "not", "if")
"""Where the workflow has one of these it has said what the value is."""

_ABOUT_TYPE: Final = frozenset(("type", "title", "deprecated", "default", *_FREE))


@dataclass(frozen=True, slots=True)
class Said:
    """A schema, and where those of its words are said that the workflow does not say.

    retyped: it has another type than declared; needed: by which place, in words, where a request cannot do without.
    """

    schema: dict[str, Json]
    places: Mapping[str, str] = field(default_factory=dict)
    retyped: bool = False
    needed: str = ""


def said(own: Mapping[str, Json], feeds: Sequence[Feed]) -> Said:
    """The schema of an input that is declared so, and goes there."""
    needed = next((f"needed for {feed.place}" for feed in feeds if feed.needed), "")
    whole = [feed for feed in feeds if feed.whole and feed.schema]
    if not whole:
        return Said(dict(own), needed=needed)
    api = _agreed([feed.schema for feed in whole])
    as_text = all(feed.as_text for feed in whole)
    retyped = not _fits(own, api, as_text=as_text)
    if retyped and (given_way := _given_way(own, api)) is not None:
        own = given_way
    elif retyped or any(word in own for word in _CLOSING):
        retyped, api = False, {word: api[word] for word in _FREE if word in api}
    taken = {word: value for word, value in api.items() if word not in own}
    if any(word in own for word in _STRUCTURE):
        taken = {word: value for word, value in taken.items() if word not in _STRUCTURE}
    if "type" in own:
        taken.pop("anyOf", None)  # the workflow has chosen one of the variants
    if taken.get("default", "") in ("", None):
        taken.pop("default", None)
    places = {word: next((feed.place for feed in whole if word in feed.schema), "") for word in taken}
    return Said({**own, **taken}, places, retyped, needed)


def _agreed(schemas: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """What several schemas of one value say alike; nothing that binds where they do not agree on its type."""
    if len(schemas) == 1:
        return dict(schemas[0])
    agreed = {word: s[word] for word in _FREE for s in reversed(schemas) if word in s}
    types = {kinds(schema) for schema in schemas} - {frozenset[str]()}
    if len(types) > 1:
        return agreed
    structures = [structure for s in schemas if (structure := {w: s[w] for w in _STRUCTURE if w in s})]
    if structures and all(one == structures[0] for one in structures):
        agreed |= structures[0]
    words = dict.fromkeys(w for s in schemas for w in s if w not in (*_STRUCTURE, *_FREE, "type"))
    for word in words:
        values = [schema[word] for schema in schemas if word in schema]
        if all(value == values[0] for value in values):
            agreed[word] = values[0]
    return {"type": _type(schemas, types), **agreed} if types else agreed


def _type(schemas: Sequence[Mapping[str, Json]], types: set[frozenset[str]]) -> Json:
    """The type that all name; null only where none forbids it."""
    named = [schema["type"] for schema in schemas if "type" in schema]
    return next((one for one in named if "null" not in one), named[0]) if types else None


def _fits(own: Mapping[str, Json], api: Mapping[str, Json], *, as_text: bool) -> bool:
    """Whether a value of the declared type may be one that the place takes. Where values are written as text anything
    but a string that should be something else may be meant so."""
    mine, theirs = kinds(own), kinds(api)
    if not mine or not theirs or mine & theirs:
        return True
    if as_text and mine != {"string"}:
        return True
    return bool(mine & {"integer", "number"} and theirs & {"integer", "number"})


def _given_way(own: Mapping[str, Json], api: Mapping[str, Json]) -> dict[str, Json] | None:
    """The workflow's words without its type, a default in the other type; None where they say more than a type."""
    if own.keys() - _ABOUT_TYPE:
        return None
    left = {word: value for word, value in own.items() if word not in ("type", "examples")}
    if "default" in own:
        default = _read(own["default"])
        if not kind_of(default) & kinds(api):
            return None
        left["default"] = default
    return left


def _read(value: Json) -> Json:
    """What a text says as JSON, else the value as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
