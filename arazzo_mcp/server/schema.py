"""What a workflow takes as the input schema that its tool shows: plain enough for every host, short enough to be read.

Hosts of language models refuse combinations at the root, lists of types and odd names of properties, and a long schema
costs the agent its attention: descriptions are cut, long lists of values become examples, and where it is still too
long, deep structures become words. What is left out here is checked all the same (`arguments.py`), or by the API.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.arazzo.words import kinds, without_long_enum

MOST_CHARACTERS: Final = 24_000
"""How long a schema may be, as JSON, before more of it is left out."""

_BUDGETS: Final = ((12, 300), (3, 200), (2, 160), (1, 120), (0, 80), (0, 40), (0, 0))
"""Levels of structure and characters of a description, tried one after the other until the schema is short enough."""

_LEFT_OUT_AT_ROOT: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "examples", "default")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS: Final = ("items", "additionalProperties", "contains")
_STRUCTURE: Final = (*_LISTS, *_SCHEMAS, "properties", "required", "patternProperties", "dependentSchemas")
_MOST_EXAMPLES: Final = 2
_MOST_VALUE: Final = 120
_MOST_PATTERN: Final = 200
_MOST_MEMBERS: Final = 12

_SIZES: Final = ("int32", "int64", "float", "double")
"""Formats that tell an agent nothing, and that some hosts refuse."""

_BINARY: Final = "A file: base64, a data: URI or its text; a path only in a folder that this server may read."
_PROPER_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""What hosts accept as the name of a property."""


def tool_schema(schema: Mapping[str, Json], aliases: Mapping[str, str]) -> dict[str, Json]:
    """The schema of an object as a tool shows it. aliases: the names of properties that are shown under another."""
    shown: dict[str, Json] = {}
    for depth, characters in _BUDGETS:
        shown = _shown(schema, aliases, depth, characters)
        if len(json.dumps(shown, ensure_ascii=False, default=str)) <= MOST_CHARACTERS:
            break
    return shown


def _shown(schema: Mapping[str, Json], aliases: Mapping[str, str], depth: int, characters: int) -> dict[str, Json]:
    """Required properties first, then as declared; no other property unless the workflow allows them."""
    kept = {k: v for k, v in schema.items() if k not in (*_LEFT_OUT_AT_ROOT, "properties", "required", "type")}
    if "description" in kept:
        kept["description"] = _cut(kept["description"], characters)
    properties = mapping(schema.get("properties"))
    required = [name for name in properties if name in (schema.get("required") or ())]
    shown: dict[str, Json] = {"type": "object", **kept, "properties": {}}
    shown.setdefault("additionalProperties", False)
    for name in dict.fromkeys((*required, *properties)):
        shown["properties"][aliases.get(name, name)] = _property(name, properties[name], aliases, depth, characters)
    return {**shown, "required": [aliases.get(name, name) for name in required]} if required else shown


def _property(name: str, schema: Json, aliases: Mapping[str, str], depth: int, characters: int) -> dict[str, Json]:
    readable = _readable(mapping(schema), depth, characters)
    if name in aliases:
        about = readable.pop("description", "")
        readable["description"] = f"{about} The workflow calls it {name!r}.".strip()
    return readable


def _readable(schema: Mapping[str, Json], depth: int, characters: int) -> dict[str, Json]:
    """A schema with so many levels of structure below it."""
    node = without_long_enum(schema)
    words = {word: _value(word, value) for word, value in node.items() if word not in (*_STRUCTURE, "description")}
    readable = {word: value for word, value in words.items() if value is not None}
    readable |= _structure(node, depth, characters) if depth else {}
    if isinstance(node.get("type"), list):
        readable = _with_one_type(readable, sorted(kinds(node)))
    if readable.get("type") == "array" and "items" not in readable:
        readable["items"] = _bare(mapping(node.get("items")))
    if about := _about(node, depth, characters):
        readable["description"] = about
    return readable


def _value(word: str, value: Json) -> Json:
    """What is shown of a word; None where it is better left out."""
    if word == "examples":
        return [one for one in value if one not in (None, "", [], {}) and _is_short(one)][:_MOST_EXAMPLES] or None
    if word in ("default", "const"):
        return value if _is_short(value) else None
    if word == "pattern":
        return value if len(value) <= _MOST_PATTERN else None
    return None if word == "format" and value in _SIZES else value


def _is_short(value: Json) -> bool:
    return len(json.dumps(value, ensure_ascii=False, default=str)) <= _MOST_VALUE


def _with_one_type(readable: dict[str, Json], named: list[str]) -> dict[str, Json]:
    """A list of types as hosts understand it: null is left out (the validator takes it), several are alternatives."""
    plain = {word: value for word, value in readable.items() if word != "type"}
    if "enum" in plain:
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    if len(named) > 1:
        return {"anyOf": [_bare({"type": kind}) for kind in named], **plain}
    return {"type": named[0] if named else "null", **plain}


def _bare(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The type of a schema alone; a list with `items`, without which some hosts refuse the tool."""
    named = sorted(kinds(schema))
    if len(named) != 1:
        return {}
    return {"type": "array", "items": {}} if named == ["array"] else {"type": named[0]}


def _structure(node: Mapping[str, Json], depth: int, characters: int) -> dict[str, Json]:
    """What a value is made of, a level further down."""
    structure: dict[str, Json] = {}
    for word in _STRUCTURE:
        value = node.get(word)
        if word in _LISTS and isinstance(value, list):
            structure[word] = [_readable(mapping(one), depth - 1, characters) for one in value]
        elif word in _SCHEMAS and value is not None:
            structure[word] = value if isinstance(value, bool) else _readable(mapping(value), depth - 1, characters)
        elif word in ("properties", "patternProperties", "dependentSchemas") and isinstance(value, dict):
            structure[word] = {name: _readable(mapping(one), depth - 1, characters) for name, one in value.items()}
        elif value:
            structure[word] = value
    return structure


def _about(node: Mapping[str, Json], depth: int, characters: int) -> str:
    """The description, cut, and what the words of a schema do not say in every host."""
    parts = [_cut(str(node.get("description", "")), characters)]
    if node.get("format") == "binary":
        parts.append(_BINARY)
    if isinstance(node.get("type"), list) and "null" in node["type"]:
        parts.append("May be null.")
    members = list(mapping(node.get("properties")))
    if members and not depth and characters:
        more = ", ..." if len(members) > _MOST_MEMBERS else ""
        parts.append(f"Members: {', '.join(members[:_MOST_MEMBERS])}{more}.")
    return " ".join(filter(None, parts))


def _cut(text: str, characters: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= characters else f"{words[: max(characters - 3, 0)].rstrip()}..." if characters else ""


# --- names


def aliases_of(names: Iterable[str]) -> dict[str, str]:
    """Another name for each property whose own name hosts refuse: unique, and the same as long as the names are."""
    known = list(names)
    plain = {name: _plain(name) for name in known if not _PROPER_NAME.fullmatch(name)}
    taken = Counter((*plain.values(), *(name for name in known if name not in plain)))
    return {name: alias if taken[alias] == 1 else f"{alias[:57]}_{_mark(name)}" for name, alias in plain.items()}


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.")[:64] or "input"


def _mark(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:6]
