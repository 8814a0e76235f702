"""A value from a schema: what a provider that keeps to its description would answer, or a caller would give.

JSON Schema as OpenAPI 2.0 to 3.1 writes it. The same schema always gives the same value. Bounded: a schema that refers
to itself ends in nothing after a few levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from tests.corpus.description import Api, Node, mapping
from tests.corpus.pattern import text_for

_MOST_DEPTH: Final = 7
_FORMATS: Final = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "email": "somebody@example.com",
    "uri": "https://example.com/thing",
    "url": "https://example.com/thing",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "byte": "dGV4dA==",
}
_SCALARS: Final = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


def sample(api: Api, schema: Any, *, name: str = "value", whole: bool = False, depth: int = 0) -> Any:
    """A value that fits a schema. whole: with every property (an answer), not only those that are required."""
    node = flat(api, schema)
    for given in _given(node):
        if fits_type(given, node):
            return given
    kind = kind_of(node)
    if kind == "object":
        return _object(api, node, whole, depth)
    if kind == "array":
        return _array(api, node, name, whole, depth)
    if kind == "string":
        return _string(node, name)
    if kind in ("integer", "number"):
        return _number(node, kind)
    return _SCALARS.get(kind, f"{name}-1")


def flat(api: Api, schema: Any, depth: int = 0) -> Node:
    """A schema with its references followed, `allOf` laid together and the first of `oneOf` / `anyOf` taken."""
    node = api.resolve(schema)
    if depth > _MOST_DEPTH:
        return node
    parts = [flat(api, part, depth + 1) for part in node.get("allOf") or ()]
    for words in ("oneOf", "anyOf"):
        choices = [flat(api, choice, depth + 1) for choice in node.get(words) or ()]
        parts += [choice for choice in choices if kind_of(choice) != "null"][:1]
    merged = {key: value for key, value in node.items() if key not in ("allOf", "oneOf", "anyOf")}
    for part in parts:
        properties = {**mapping(part.get("properties")), **mapping(merged.get("properties"))}
        required = [*_names(merged.get("required")), *_names(part.get("required"))]
        merged = {**part, **merged, "properties": properties, "required": required}
    return merged


def _names(required: Any) -> list[str]:
    """OpenAPI 2.0 puts a boolean there where the schema is a parameter."""
    return [str(name) for name in required] if isinstance(required, list) else []


def _given(node: Node) -> Iterator[Any]:
    """What a schema itself shows."""
    if "const" in node:
        yield node["const"]
    enum = node.get("enum")
    if isinstance(enum, list) and enum:
        shown = [node.get(word) for word in ("default", "example")]
        yield next(
            (one for one in shown if one is not None and one in enum),
            next((one for one in enum if one is not None), None),
        )
    for word in ("default", "example"):
        if node.get(word) not in (None, "", [], {}):
            yield node[word]
    examples = node.get("examples")
    yield from (one for one in (examples if isinstance(examples, list) else ()) if one not in (None, "", [], {}))


def kind_of(node: Node) -> str:
    """The type of a schema, by its words where it does not say."""
    kinds = node.get("type")
    if isinstance(kinds, list):
        return next((str(kind) for kind in kinds if kind != "null"), "null")
    if isinstance(kinds, str):
        return kinds.lower()
    if node.get("properties") or "additionalProperties" in node:
        return "object"
    return "array" if "items" in node else ""


def fits_type(value: Any, node: Node) -> bool:
    """Whether a value that a schema shows has the type and the length that it says; published ones often do not."""
    kind = kind_of(node)
    if kind == "array" and isinstance(value, list):
        return len(value) >= int(node.get("minItems") or 0)
    if kind == "string" and isinstance(value, str):
        pattern = node.get("pattern")
        low, high = int(node.get("minLength") or 0), int(node.get("maxLength") or 1_000_000)
        return low <= len(value) <= high and (not isinstance(pattern, str) or _matches(pattern, value))
    if kind == "object":
        return isinstance(value, dict) and set(_names(node.get("required"))) <= value.keys()
    types: dict[str, Any] = {"integer": int, "number": (int, float), "boolean": bool}
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, types[kind]) if kind in types else kind == ""


def _matches(pattern: str, value: str) -> bool:
    try:
        return bool(re.search(pattern, value))
    except re.error:
        return True


def _object(api: Api, node: Node, whole: bool, depth: int) -> Node:
    properties, required = mapping(node.get("properties")), _names(node.get("required"))
    names = list(dict.fromkeys([*required, *(properties if whole else ())]))
    if depth >= _MOST_DEPTH:
        return {}
    made = {n: sample(api, properties.get(n, {}), name=n, whole=whole, depth=depth + 1) for n in names}
    if not made and isinstance(node.get("additionalProperties"), dict) and (whole or node.get("minProperties")):
        made = {"key": sample(api, node["additionalProperties"], whole=whole, depth=depth + 1)}
    return made


def _array(api: Api, node: Node, name: str, whole: bool, depth: int) -> list[Any]:
    if depth >= _MOST_DEPTH:
        return []
    items = node.get("items")
    item = sample(api, items if isinstance(items, dict) else {}, name=name, whole=whole, depth=depth + 1)
    return [item] * max(1, min(int(node.get("minItems") or 1), 10))


def _string(node: Node, name: str) -> str:
    if isinstance(node.get("pattern"), str):
        made = text_for(node["pattern"])
        if made is not None and fits_type(made, node):
            return made
    text = _FORMATS.get(str(node.get("format")), f"{name}-1")
    low, high = int(node.get("minLength") or 0), int(node.get("maxLength") or 1_000_000)
    return text.ljust(low, "x")[: max(high, 1)]


def _number(node: Node, kind: str) -> int | float:
    """A number within the bounds; `exclusiveMinimum` is a boolean before OpenAPI 3.1."""
    step = node.get("multipleOf") or 1
    low, high = node.get("minimum"), node.get("maximum")
    for bound in (node.get("exclusiveMinimum"), low if node.get("exclusiveMinimum") is True else None):
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            low = bound + step
    value = low if low is not None else min(1, high) if high is not None else 1
    if kind == "integer":
        return int(value) if value == int(value) else int(value) + 1
    return value
