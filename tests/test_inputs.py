"""Schemas of inputs made plain: what their references lead to, and that every one ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arazzo_mcp.arazzo.inputs import Schemas, plain_schema

SHARED = {
    "size": {"$anchor": "size", "type": "integer", "default": 3},
    "the size/of it": {"type": "number"},
    "50%": {"type": "boolean"},
    "named": {"$id": "https://x.test/named", "$defs": {"n": {"type": "null"}}, "$ref": "#/$defs/n"},
    "deeper": {"$id": "d/deeper", "properties": {"o": {"$anchor": "own", "type": "array"}}, "items": {"$ref": "#own"}},
    "urn": {"$id": "urn:x:y", "$defs": {"n": {"$anchor": "n", "type": "string"}}, "items": {"$ref": "#n"}},
    "dynamic": {"$dynamicAnchor": "node", "type": "object"},
    "circle": {"$anchor": "circle", "properties": {"next": {"$ref": "#circle"}, "id": {"type": "string"}}},
    "page": {"properties": {"size": {"type": "integer"}, "at": {"type": "string"}}, "required": ["at"]},
    "text": "a text",
    "all": True,
}

ROWS: list[tuple[dict[str, Any], Any]] = [
    # JSON pointers: fragments are percent-encoded
    ({"$ref": "#/components/inputs/size"}, {"type": "integer", "default": 3}),
    ({"$ref": "#/components/inputs/the%20size~1of%20it"}, {"type": "number"}),
    ({"$ref": "#/components/inputs/the size~1of it"}, {"type": "number"}),
    ({"$ref": "#/components/inputs/50%25"}, {"type": "boolean"}),
    ({"$ref": "#%2Fcomponents/inputs/50%25"}, {"type": "boolean"}),
    ({"$ref": "#/components/inputs/gone"}, {}),
    ({"$ref": "#/components/inputs/text"}, {}),
    ({"$ref": "#/components/inputs/all"}, True),
    # plain names
    ({"$ref": "#size"}, {"type": "integer", "default": 3}),
    ({"$ref": "#size", "default": 5}, {"type": "integer", "default": 5}),
    ({"$ref": "#node"}, {"type": "object"}),
    ({"$ref": "#other"}, {"type": "string", "title": "of another workflow"}),
    ({"$ref": "#Size"}, {}),
    ({"$ref": "#own"}, {}),
    ({"$ref": "#no-anchor"}, {}),
    # schemas with an identity of their own, and the document's
    ({"$ref": "https://x.test/named"}, {"type": "null"}),
    ({"$ref": "named"}, {"type": "null"}),
    ({"$ref": "https://x.test/named#/$defs/n"}, {"type": "null"}),
    ({"$ref": "d/deeper"}, {"properties": {"o": {"type": "array"}}, "items": {"type": "array"}}),
    ({"$ref": "d/deeper#own"}, {"type": "array"}),
    ({"$ref": "urn:x:y"}, {"items": {"type": "string"}}),
    ({"$ref": "urn:x:y#n"}, {"type": "string"}),
    ({"$ref": "https://x.test/flow.yaml#size"}, {"type": "integer", "default": 3}),
    ({"$ref": "flow.yaml#/components/inputs/size"}, {"type": "integer", "default": 3}),
    ({"$ref": "https://elsewhere.test/schema"}, {}),
    ({"$ref": "https://[/"}, {}),
    ({"$id": "https://[/", "type": "string"}, {"type": "string"}),
    # circles
    ({"$ref": "#circle"}, {"properties": {"next": {}, "id": {"type": "string"}}}),
    # what stands beside a reference adds to it
    (
        {"$ref": "#/components/inputs/page", "properties": {"at": {"type": "null"}, "q": {}}, "required": ["q"]},
        {"properties": {"size": {"type": "integer"}, "at": {"type": "null"}, "q": {}}, "required": ["at", "q"]},
    ),
    # values are no schemas
    ({"default": {"$ref": "#size"}, "const": {"$anchor": "no-anchor"}}, None),
    ({"enum": [{"$ref": "#size"}], "examples": [{"$defs": 1, "$id": "x"}]}, None),
    ({"properties": {"$ref": {"type": "string"}, "$id": {}, "properties": {"$ref": "#size"}}},
     {"properties": {"$ref": {"type": "string"}, "$id": {}, "properties": {"type": "integer", "default": 3}}}),
]  # fmt: skip


def _plain(schema: Any) -> Any:
    flows = [
        {"workflowId": "main", "inputs": {"properties": {"a": schema}}},
        {"workflowId": "other", "inputs": {"$anchor": "other", "type": "string", "title": "of another workflow"}},
    ]
    document = {"$self": "https://x.test/flow.yaml", "components": {"inputs": SHARED}, "workflows": flows}
    return plain_schema(flows[0]["inputs"], Schemas(document))["properties"]["a"]


@pytest.mark.parametrize(("schema", "plain"), ROWS, ids=[json.dumps(row[0])[:60] for row in ROWS])
def test_what_a_reference_leads_to(schema: dict[str, Any], plain: Any) -> None:
    assert _plain(schema) == (schema if plain is None else plain)


def test_of_two_anchors_of_one_name_the_first_counts() -> None:
    shared = {"a": {"$anchor": "x", "type": "string"}, "b": {"$anchor": "x", "type": "null"}}
    assert plain_schema({"$ref": "#x"}, Schemas({"components": {"inputs": shared}})) == {"type": "string"}


def test_what_is_all_of_the_root_is_the_root() -> None:
    schema = {
        "properties": {"a": {"default": 1}},
        "allOf": [
            {"$ref": "#page"},
            {"properties": {"a": {"default": 2}}, "required": ["a"], "allOf": [{"properties": {"deep": {}}}]},
            5,
        ],
    }
    shared = {"p": {"$anchor": "page", "type": "object", "properties": {"size": {"default": 10}}, "required": ["size"]}}
    assert plain_schema(schema, Schemas({"components": {"inputs": shared}})) == {
        "type": "object",
        "properties": {"deep": {}, "size": {"default": 10}, "a": {"default": 1}},
        "required": ["a", "size"],
    }


@pytest.mark.parametrize("reference", ["#s{}", "#/components/inputs/{}"])
def test_a_chain_of_references_without_end_ends(reference: str) -> None:
    shared = {
        str(at): {"$anchor": f"s{at}", "properties": {"a": {"$ref": reference.format(at + 1)}}} for at in range(2000)
    }
    plain = plain_schema({"$ref": reference.format(0)}, Schemas({"components": {"inputs": shared}}))
    depth = 0
    while plain := plain.get("properties", {}).get("a"):
        depth += 1
    assert 20 < depth < 100


@pytest.mark.parametrize("odd", [None, 5, "text", [], {"inputs": 5}, {"inputs": {"a": {"$anchor": 5, "$id": []}}}])
def test_a_document_with_odd_components_has_no_schemas_to_refer_to(odd: Any) -> None:
    schemas = Schemas({"components": odd, "workflows": odd, "$self": odd})
    assert plain_schema({"properties": {"a": {"$ref": "#x"}}}, schemas) == {"properties": {"a": {}}}
