"""The words of JSON Schema that a tool's schema may have, each with values that JSON Schema 2020-12 allows.

Schemas come from documents that were written for other versions, or by mistake. `tidy` says the words of OpenAPI 3.0
(`nullable`, `example`, a boolean `exclusiveMinimum`) in those of 2020-12, and leaves out what is no word or has no
proper value: one bad schema would make the list of tools fail for every client. Knows nothing of Arazzo or OpenAPI.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Final

import regex

from arazzo_mcp.arazzo.scope import Json, as_text

TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
MOST_VALUES: Final = 50
"""How many values an `enum` may have before it is said in words."""

_MOST_SHOWN: Final = 5
_MOST_DEPTH: Final = 24


def tidy(schema: Json, depth: int = _MOST_DEPTH) -> dict[str, Json]:
    """A schema that is valid in JSON Schema 2020-12 whatever was given; one that is no object allows everything."""
    if not isinstance(schema, dict) or depth == 0:
        return {}
    node = _modern(schema)
    tidied: dict[str, Json] = {}
    for word, value in node.items():
        if word in _VALUES:
            tidied.update({word: value} if _VALUES[word](value) else {})
        elif word in _SCHEMAS and isinstance(value, bool | dict):
            tidied[word] = value if isinstance(value, bool) else tidy(value, depth - 1)
        elif word in _LISTS and isinstance(value, list) and value:
            tidied[word] = [tidy(item, depth - 1) for item in value]
        elif word in _MAPS and isinstance(value, dict):
            tidied[word] = {
                str(name): one if isinstance(one, bool) else tidy(one, depth - 1)
                for name, one in value.items()
                if word != "patternProperties" or _is_pattern(name)
            }
    return tidied


def _modern(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The words of JSON Schema draft 4 and OpenAPI 2.0 and 3.0 in those of 2020-12."""
    node = dict(schema)
    for bound in ("Minimum", "Maximum"):
        if node.get(f"exclusive{bound}") is True and bound.lower() in node:
            node[f"exclusive{bound}"] = node.pop(bound.lower())
    if isinstance(node.get("required"), list):
        node["required"] = list(dict.fromkeys(name for name in node["required"] if isinstance(name, str)))
    if node.get("type") == "file":
        node.update(type="string", format="binary")
    if "example" in node:
        node.setdefault("examples", [node["example"]])
    if isinstance(node.get("items"), list):
        node["prefixItems"] = node.pop("items")
    return _with_null(node) if node.get("nullable") is True else node


def _with_null(node: dict[str, Json]) -> dict[str, Json]:
    kinds = node.get("type")
    if isinstance(kinds, str) and kinds != "null":
        node["type"] = [kinds, "null"]
    if isinstance(node.get("enum"), list) and None not in node["enum"]:
        node["enum"] = [*node["enum"], None]
    return node


def kinds(schema: Mapping[str, Json]) -> frozenset[str]:
    """The types that a value may have by a schema, without null; none where it says nothing of that."""
    if named := schema.get("type"):
        return frozenset((named,) if isinstance(named, str) else named) - {"null"}
    variants = schema.get("anyOf") or schema.get("oneOf") or ()
    each = [kinds(variant) for variant in variants if isinstance(variant, dict)]
    return frozenset[str]().union(*each) if each and all(each) else frozenset()


def kind_of(value: Json) -> frozenset[str]:
    """The types that a value has."""
    match value:
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"integer", "number"} if value.is_integer() else {"number"})
        case str():
            return frozenset({"string"})
        case dict():
            return frozenset({"object"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"null"})


def without_long_enum(schema: Mapping[str, Json]) -> dict[str, Json]:
    """A schema in whose description stands what some of its values are, where it has too many to be read."""
    values = schema.get("enum")
    if not isinstance(values, list) or len(values) <= MOST_VALUES:
        return dict(schema)
    shown = ", ".join(as_text(value) for value in values[:_MOST_SHOWN])
    about = f"{schema.get('description', '')} One of {len(values)} values, such as {shown}.".strip()
    return {**{word: value for word, value in schema.items() if word != "enum"}, "description": about}


# --- what a value of each word must be


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_list(value: Json) -> bool:
    return isinstance(value, list) and bool(value)


def _is_bool(value: Json) -> bool:
    return isinstance(value, bool)


def _is_anything(_value: Json) -> bool:
    return True


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_type(value: Json) -> bool:
    named = [value] if isinstance(value, str) else value
    return _is_names(named) and bool(named) and set(named) <= set(TYPES)


def _is_pattern(value: Json) -> bool:
    """A pattern of another dialect, that cannot be tried here, is left to the API."""
    if not isinstance(value, str):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return bool(re.compile(value)) and bool(regex.compile(value))
        except (re.error, regex.error, RecursionError, OverflowError):
            return False


_VALUES: Final[Mapping[str, Callable[[Json], bool]]] = {
    **dict.fromkeys(("title", "description", "format", "contentEncoding", "contentMediaType"), _is_text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains"), _is_count
    ),
    **dict.fromkeys(("uniqueItems", "deprecated"), _is_bool),
    **dict.fromkeys(("default", "const"), _is_anything),
    **dict.fromkeys(("enum", "examples"), _is_list),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "type": _is_type,
    "required": _is_names,
    "pattern": _is_pattern,
}
_SCHEMAS: Final = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties",
)  # fmt: skip
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS: Final = ("properties", "patternProperties", "dependentSchemas")
