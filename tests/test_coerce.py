"""Values as an API wants them: what is changed, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from arazzo_mcp.openapi.coerce import coerce
from arazzo_mcp.openapi.parse import OpenApi

API = OpenApi(
    "shop",
    {
        "components": {
            "schemas": {
                "Int": {"type": "integer"},
                "Node": {"properties": {"n": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Node"}}},
                "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}, {"type": "integer"}]},
            }
        }
    },
)
INT, TEXT = {"type": "integer"}, {"type": "string"}
REF = {"$ref": "#/components/schemas/Int"}

CASES: list[tuple[Any, Any, Any]] = [
    # schema, given, sent
    (INT, "5", 5),
    (INT, "-12", -12),
    (INT, "5.0", 5),
    (INT, "12345678901234567890", 12345678901234567890),
    (INT, "5.5", "5.5"),
    (INT, "007", "007"),
    (INT, "five", "five"),
    (INT, "", ""),
    (INT, "1e2", 100),
    (INT, True, True),
    (INT, None, None),
    ({"type": "number"}, "5", 5),
    ({"type": "number"}, "-1.5e-3", -0.0015),
    ({"type": "number"}, "1e999", "1e999"),
    ({"type": "number"}, "NaN", "NaN"),
    ({"type": "number"}, 5, 5),
    ({"type": "boolean"}, "true", True),
    ({"type": "boolean"}, "False", False),
    ({"type": "boolean"}, "yes", "yes"),
    ({"type": "boolean"}, 1, 1),
    ({"type": "object"}, '{"a": 1}', {"a": 1}),
    ({"type": "object"}, "[1]", "[1]"),
    ({"type": "object"}, '{"a": NaN}', '{"a": NaN}'),
    ({"type": "array"}, "[1, 2]", [1, 2]),
    ({"type": "array", "items": INT}, '["1", 2]', [1, 2]),
    ({"type": "array", "items": INT}, "5", [5]),
    ({"type": "array", "items": INT}, 5, [5]),
    ({"type": "array", "items": INT}, "x", "x"),
    ({"type": "array", "items": TEXT}, "x", ["x"]),
    ({"type": "array", "items": TEXT}, "", ""),
    ({"type": "array", "items": TEXT}, 5, 5),
    ({"type": "array", "items": {"type": "object"}}, {"a": 1}, [{"a": 1}]),
    ({"type": "array"}, {"a": 1}, [{"a": 1}]),
    ({"type": "array", "prefixItems": [INT, TEXT], "items": {"type": "boolean"}}, ["1", "1", "true"], [1, "1", True]),
    # what fits is never changed
    (TEXT, "5", "5"),
    (TEXT, '{"a": 1}', '{"a": 1}'),
    (TEXT, 5, 5),
    ({"type": ["string", "integer"]}, "5", "5"),
    ({"type": ["integer", "null"]}, "5", 5),
    ({"type": "integer", "nullable": True}, "5", 5),
    ({"type": "integer", "nullable": True}, None, None),
    ({}, "5", "5"),
    (True, "5", "5"),
    ({"oneOf": [INT, TEXT]}, "5", "5"),
    ({"oneOf": [INT, {"type": "boolean"}]}, "5", "5"),
    ({"type": "float"}, "5", "5"),
    ({"type": {}}, "5", "5"),
    # where to look
    (REF, "5", 5),
    ({"anyOf": [REF, {"type": "null"}]}, "5", 5),
    ({"allOf": [REF]}, "5", 5),
    ({"allOf": [{"type": ["integer", "string"]}, INT]}, "5", 5),
    ({"allOf": [{"type": "number"}, INT]}, "5", 5),
    ({"$ref": "#/components/schemas/Loop"}, "5", 5),
    ({"$ref": "#/gone"}, "5", "5"),
    ({"$ref": "#/components/schemas/Node"}, {"next": {"next": {"n": "5"}}}, {"next": {"next": {"n": 5}}}),
    ({"properties": {"a": INT}}, '{"a": "5"}', {"a": 5}),
    ({"items": INT}, '["5"]', [5]),
    ({"properties": {"a": TEXT}, "additionalProperties": INT}, {"a": "5", "b": "5"}, {"a": "5", "b": 5}),
    ({"properties": {"a": INT}, "additionalProperties": False}, {"a": "5", "b": "5"}, {"a": 5, "b": "5"}),
    ({"allOf": [{"properties": {"a": INT}}, {"properties": {"b": INT}}]}, {"a": "1", "b": "2"}, {"a": 1, "b": 2}),
    ({"properties": {"a": {"properties": {"b": {"items": INT}}}}}, {"a": {"b": ["1"]}}, {"a": {"b": [1]}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "given", "sent"), CASES, ids=str)
def test_a_value_as_its_schema_wants_it(schema: Any, given: Any, sent: Any) -> None:
    coerced = coerce(given, schema, API.resolve)
    assert coerced == sent
    assert type(coerced) is type(sent)


@pytest.mark.parametrize(
    ("schema", "given", "sent"),
    [
        (INT, "5", "5"),
        ({"type": "boolean"}, "true", "true"),
        ({"type": "array", "items": INT}, "5", ["5"]),
        ({"type": "object"}, '{"a": "5"}', {"a": "5"}),
        ({"properties": {"a": {"type": "number"}}}, {"a": "5.10"}, {"a": "5.10"}),
    ],
    ids=str,
)
def test_where_all_is_text_in_the_end_only_structure_is_read(schema: Any, given: Any, sent: Any) -> None:
    assert coerce(given, schema, API.resolve, scalars=False) == sent


def test_what_is_given_is_not_changed() -> None:
    given = {"n": "5", "next": {"n": "6"}}
    assert coerce(given, {"$ref": "#/components/schemas/Node"}, API.resolve) == {"n": 5, "next": {"n": 6}}
    assert given == {"n": "5", "next": {"n": "6"}}
