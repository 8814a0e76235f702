"""What the tools of workflows take: a table of stories, from a document and an OpenAPI description to a schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from mcp import Client
from starlette.responses import JSONResponse

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.arazzo.flow import always_reached
from arazzo_mcp.arazzo.model import StepId
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.arazzo.words import tidy
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.library import Library, Options, open_library
from arazzo_mcp.schemas.tool import ToolSchemas
from arazzo_mcp.server.arguments import InputsValidator
from arazzo_mcp.server.catalog import Entry
from arazzo_mcp.server.schema import MOST_CHARACTERS, aliases_of
from arazzo_mcp.server.tools import build_server
from arazzo_mcp.settings import Settings
from tests.conftest import CORPUS, ERAS, Scripted

A_FILE = "A file: base64, a data: URI or its text; a path only in a folder that this server may read."

API = """
openapi: VERSION
info: {title: t, version: '1'}
servers: [{url: URL}]
paths:
  /act: {post: {operationId: act, OPERATION}}
  /things/{id}:
    get:
      operationId: get
      parameters:
      - {name: id, in: path, required: true, description: Which thing., schema: {type: integer, minimum: 1}}
      - {name: fields, in: query, schema: {type: array, items: {type: string, enum: [name, size]}}}
  /other/{name}: {get: {operationId: other, parameters: [{name: name, in: path, required: true}]}}
components:
  schemas:
    Color: {type: string, enum: [red, green], description: Its color.}
    Size: {allOf: [{type: object, required: [w], properties: {w: {type: integer}}}, {properties: {h: {type: integer}}}]}
    Node: {type: object, properties: {next: {$ref: '#/components/schemas/Node'}, value: {type: string}}}
    Thing:
      type: object
      required: [name, size, id]
      properties:
        id: {type: string, readOnly: true}
        name: {type: string, minLength: 1, example: lamp}
        color: {$ref: '#/components/schemas/Color'}
        size: {$ref: '#/components/schemas/Size'}
        tags: {type: array, items: {type: string}}
        rank: {oneOf: [{type: integer}, {type: 'null'}]}
        price: {type: number, minimum: 0, exclusiveMinimum: true, nullable: true}
        node: {$ref: '#/components/schemas/Node'}
        limits:
          type: object
          required: [top]
          properties: {top: {type: integer}}
"""
FLOW = """
arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]
workflows:
- workflowId: w
  inputs: INPUTS
  steps:
"""
THING = "requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}"
NEEDED = THING.replace("requestBody: {", "requestBody: {required: true, ")


def strings(*names: str) -> str:
    """Inputs that are declared as nothing but text, as generators do."""
    return json.dumps({"type": "object", "properties": {name: {"type": "string"} for name in names}})


def query(name: str, schema: str, *, required: bool = False, place: str = "query") -> str:
    return f"parameters: [{{name: {name}, in: {place}, required: {json.dumps(required)}, schema: {schema}}}]"


def given(name: str, value: str, place: str = "query") -> str:
    return f"parameters: [{{name: {name}, in: {place}, value: '{value}'}}]"


def payload(text: str) -> str:
    return f"requestBody: {{payload: {text}}}"


Open = Callable[..., Library]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """A library of one document, with its API beside it."""

    def read(
        flow: str, operation: str = "responses: {}", version: str = "3.0.3", url: str = "", **more: object
    ) -> Library:
        api = API.replace("OPERATION", operation).replace("VERSION", version)
        (tmp_path / "api.yaml").write_text(api.replace("URL", url or "http://127.0.0.1:1"))
        (tmp_path / "flow.arazzo.yaml").write_text(flow)
        return open_library([tmp_path / "flow.arazzo.yaml"], Options(**more))  # type: ignore[arg-type]

    return read


def workflow(inputs: str, *steps: str) -> str:
    """The document of one workflow, each step being its lines without the id."""
    lines = "".join(f"  - {{stepId: s{at}, {step}}}\n" for at, step in enumerate(steps))
    return FLOW.replace("INPUTS", inputs) + lines


def entry(library: Library, name: str = "w") -> Entry:
    assert library.errors() == (), "\n".join(map(str, library.errors()))
    return catalog(library).named(name)


def codes(library: Library) -> list[str]:
    return [finding.code for finding in library.findings]


# --- words that the API says: the inputs, the operation, the step, and the property that is shown for `x`

X = strings("x")
WORDS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "a type that cannot be right gives way to that of a query parameter": (
        X, query("q", "{type: integer, format: int32, maximum: 9}"), given("q", "$inputs.x"),
        {"type": "integer", "maximum": 9},
    ),
    "of a header in another case": (
        X, query("X-Q", "{type: boolean}", place="header"), given("x-q", "$inputs.x", "header"), {"type": "boolean"},
    ),
    "of an array, with its items": (
        X, query("q", "{type: array, items: {type: integer, enum: [1, 2]}}"), given("q", "$inputs.x"),
        {"type": "array", "items": {"type": "integer", "enum": [1, 2]}},
    ),
    "of a member of a body": (
        X, THING, payload("{rank: $inputs.x}"), {"type": "integer", "description": "May be null."},
    ),
    "enum and description through a reference": (
        X, THING, payload("{color: $inputs.x}"),
        {"type": "string", "enum": ["red", "green"], "description": "Its color."},
    ),
    "deep in a body, through allOf": (X, THING, payload("{size: {h: $inputs.x}}"), {"type": "integer"}),
    "an element of a list": (X, THING, payload("{tags: [$inputs.x]}"), {"type": "string"}),
    "a whole object": (
        X, THING, payload("{size: $inputs.x}"),
        {"type": "object", "properties": {"w": {"type": "integer"}, "h": {"type": "integer"}}, "required": ["w"]},
    ),
    "an object that leads into itself is cut": (
        X, THING, payload("{node: $inputs.x}"),
        {"type": "object", "properties": {
            "next": {"type": "object", "properties": {
                "next": {"type": "object", "properties": {"next": {"type": "object"}, "value": {"type": "string"}}},
                "value": {"type": "string"}}},
            "value": {"type": "string"}}},
    ),
    "words of OpenAPI 3.0 in those of JSON Schema": (
        X, THING, payload("{price: $inputs.x}"),
        {"type": "number", "exclusiveMinimum": 0, "description": "May be null."},
    ),
    "an example": (
        X, THING, payload("{name: $inputs.x}"), {"type": "string", "minLength": 1, "examples": ["lamp"]},
    ),
    "by a replacement": (
        X, THING, "requestBody: {payload: {a: 1}, replacements: [{target: /size/h, value: $inputs.x}]}",
        {"type": "integer"},
    ),
    "by a pointer into the inputs": (X, THING, payload("{size: {h: '$inputs#/x'}}"), {"type": "integer"}),
    "all inputs are the body": (
        X, "requestBody: {content: {application/json: {schema: {properties: {x: {type: boolean}}}}}}",
        payload("$inputs"), {"type": "boolean"},
    ),
    "the workflow's own words win": (
        "{properties: {x: {type: string, description: Own., enum: [red]}}}", THING, payload("{color: $inputs.x}"),
        {"type": "string", "enum": ["red"], "description": "Own."},
    ),
    "a type with more words to it stays": (
        "{properties: {x: {type: string, pattern: '^[0-9]$'}}}", query("q", "{type: integer}"), given("q", "$inputs.x"),
        {"type": "string", "pattern": "^[0-9]$"},
    ),
    "a default follows the type": (
        "{properties: {x: {type: string, default: '5'}}}", query("q", "{type: integer}"), given("q", "$inputs.x"),
        {"type": "integer", "default": 5},
    ),
    "a default that cannot keeps the type": (
        "{properties: {x: {type: string, default: all}}}", query("q", "{type: integer}"), given("q", "$inputs.x"),
        {"type": "string", "default": "all"},
    ),
    "a number in a text place may be meant so": (
        "{properties: {x: {type: integer}}}", query("q", "{type: string}"), given("q", "$inputs.x"),
        {"type": "integer"},
    ),
    "a number where JSON wants a text may not": (
        "{properties: {x: {type: integer}}}", THING, payload("{name: $inputs.x}"),
        {"type": "string", "minLength": 1, "examples": ["lamp"]},
    ),
    "an integer is a number": (
        "{properties: {x: {type: integer}}}", THING, payload("{price: $inputs.x}"),
        {"type": "integer", "exclusiveMinimum": 0},
    ),
    "the default of the API is shown": (
        X, query("q", "{type: integer, default: 20}"), given("q", "$inputs.x"), {"type": "integer", "default": 20},
    ),
    "a part of a text says nothing": (
        X, query("q", "{type: string, enum: [a]}"), given("q", "a{$inputs.x}"), {"type": "string"},
    ),
    "a part of an input says nothing": (
        "{properties: {x: {type: object}}}", query("q", "{type: string, enum: [a]}"), given("q", "$inputs.x#/deep"),
        {"type": "object"},
    ),
    "an undeclared parameter says nothing": (X, "responses: {}", given("q", "$inputs.x"), {"type": "string"}),
    "variants become alternatives": (
        X, query("q", "{oneOf: [{type: integer}, {type: boolean}, {type: 'null'}]}"), given("q", "$inputs.x"),
        {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
    ),
    "several types become alternatives": (
        X, query("q", "{type: [integer, boolean]}"), given("q", "$inputs.x"),
        {"anyOf": [{"type": "boolean"}, {"type": "integer"}]},
    ),
    "a list always says something of its items": (
        X, query("q", "{type: array}"), given("q", "$inputs.x"), {"type": "array", "items": {}},
    ),
    "a file": (
        X, "requestBody: {content: {multipart/form-data: {schema: {properties: {f: {type: string, format: binary}}}}}}",
        "requestBody: {contentType: multipart/form-data, payload: {f: $inputs.x}}",
        {"type": "string", "format": "binary", "description": A_FILE},
    ),
    "many values become words": (
        X, query("q", f"{{type: string, enum: {json.dumps([f'v{n}' for n in range(60)])}}}"), given("q", "$inputs.x"),
        {"type": "string", "description": "One of 60 values, such as v0, v1, v2, v3, v4."},
    ),
    "a pattern that cannot be tried is left to the API": (
        X, query("q", "{type: string, pattern: '[a-'}"), given("q", "$inputs.x"), {"type": "string"},
    ),
    "words without a proper value are left out": (
        X, query("q", "{type: text, minLength: many, maximum: '9', enum: red, required: true}"),
        given("q", "$inputs.x"), {"type": "string"},
    ),
    "an input that goes nowhere says so": (X, "responses: {}", "outputs: {a: 1}", {
        "type": "string", "description": "No step uses it."}),
    "one that a criterion names does not": (
        X, "responses: {}", "successCriteria: [{condition: $inputs.x == 1}]", {"type": "string"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", WORDS)
def test_what_the_api_says_of_an_input(opened: Open, story: str) -> None:
    inputs, operation, request, expected = WORDS[story]
    library = opened(workflow(inputs, f"operationId: act, {request}"), operation)
    assert entry(library).schema["properties"]["x"] == expected


TWICE = {
    "what two places say alike is taken": ("{type: integer, minimum: 1}", {"type": "integer", "minimum": 1}),
    "what only one says, too": ("{type: integer, maximum: 9}", {"type": "integer", "minimum": 1, "maximum": 9}),
    "what they say differently is not": ("{type: integer, minimum: 2}", {"type": "integer"}),
    "where their types differ nothing is": ("{type: boolean, maximum: 9}", {"type": "string"}),
}


@pytest.mark.parametrize("story", TWICE)
def test_an_input_that_goes_to_two_places(opened: Open, story: str) -> None:
    schema, expected = TWICE[story]
    steps = (f"operationId: act, {given('q', '$inputs.x')}", f"operationId: get, {given('id', '$inputs.x', 'path')}")
    shown = entry(opened(workflow(X, *steps), query("q", schema))).schema["properties"]["x"]
    assert shown == {**expected, "description": "Which thing."}


# --- what is required: inputs, operation of `act`, steps, and the required inputs

ACT = "operationId: act, "
GET = f"operationId: get, {given('id', '$inputs.x', 'path')}"
OTHER = f"operationId: other, {given('name', '$inputs.y', 'path')}"
Q = query("q", "{type: string}", required=True)
IF = "criteria: [{condition: $statusCode == 200}]"
XY = strings("x", "y")

REQUIRED: dict[str, tuple[str, str, tuple[str, ...], list[str]]] = {
    "a path parameter": (X, "", (GET,), ["x"]),
    "a query parameter that is required": (X, Q, (ACT + given("q", "$inputs.x"),), ["x"]),
    "one that is not": (X, query("q", "{}"), (ACT + given("q", "$inputs.x"),), []),
    "a text in which it stands": (X, "", (ACT + given("Authorization", "Bearer {$inputs.x}", "header"),), ["x"]),
    "a header that OpenAPI ignores": (
        X, query("Accept", "{}", required=True, place="header"), (ACT + given("Accept", "$inputs.x", "header"),), [],
    ),
    "a part of it": (X, Q, (ACT + given("q", "$inputs.x#/a"),), ["x"]),
    "a member that the body requires": (X, THING, (ACT + payload("{name: $inputs.x}"),), ["x"]),
    "one that it does not": (X, THING, (ACT + payload("{color: $inputs.x}"),), []),
    "each level of a chain requires it": (X, THING, (ACT + payload("{size: {w: $inputs.x, h: $inputs.y}}"),), ["x"]),
    "an optional level does not": (X, THING, (ACT + payload("{limits: {top: $inputs.x}}"),), []),
    "what the API alone writes": (X, THING, (ACT + payload("{id: $inputs.x}"),), []),
    "a whole body that is required": (X, NEEDED, (ACT + payload("$inputs.x"),), ["x"]),
    "one that is not required": (X, THING, (ACT + payload("$inputs.x"),), []),
    "all variants require it": (
        X,
        "requestBody: {content: {application/json: {schema: {oneOf: ["
        "{required: [a], properties: {a: {}}}, {required: [a, b], properties: {a: {}}}]}}}}",
        (ACT + payload("{a: $inputs.x, b: $inputs.y}"),), ["x"],
    ),
    "a replacement of what is required": (
        X, THING, (ACT + "requestBody: {replacements: [{target: /name, value: $inputs.x}]}",), ["x"],
    ),
    "an input with a default": ("{properties: {x: {default: 1}}}", "", (GET,), []),
    "what the workflow requires stays": (
        "{required: [y], properties: {x: {type: string}, y: {type: string}}}", "", (GET, OTHER), ["x", "y"],
    ),
    "a later step is reached too": (XY, "", (GET, OTHER), ["x", "y"]),
    "an end before it, sometimes": (XY, "", (GET + f", onSuccess: [{{name: e, type: end, {IF}}}]", OTHER), ["x"]),
    "an end before it, always": (XY, "", (GET + ", onSuccess: [{name: e, type: end}]", OTHER), ["x"]),
    "a jump over it, sometimes": (
        XY, "", (GET + f", onSuccess: [{{name: g, type: goto, stepId: s2, {IF}}}]", OTHER, ACT + "outputs: {}"), ["x"],
    ),
    "a jump to it, always": (
        XY, "", (ACT + "onSuccess: [{name: g, type: goto, stepId: s2}]", GET, OTHER), ["y"],
    ),
    "a jump back to itself": (
        XY, "", (GET + f", onSuccess: [{{name: g, type: goto, stepId: s0, {IF}}}]", OTHER), ["x", "y"],
    ),
    "after a jump that is always taken nothing applies": (
        XY, "",
        (ACT + f"onSuccess: [{{name: g, type: goto, stepId: s1}}, {{name: e, type: end, {IF}}}]", OTHER), ["y"],
    ),
    "a failure that goes on elsewhere": (
        XY, "", (ACT + "onFailure: [{name: g, type: goto, stepId: s2}]", GET, OTHER), ["y"],
    ),
    "a failure that ends does not count": (XY, "", (ACT + "onFailure: [{name: e, type: end}]", OTHER), ["y"]),
    "a retry does not skip": (
        XY, "", (GET + ", onFailure: [{name: r, type: retry, retryAfter: 1, retryLimit: 2}]", OTHER), ["x", "y"],
    ),
    "an unfinished loop requires its first step": (
        XY, "", (GET + ", onSuccess: [{name: g, type: goto, stepId: s0}]", OTHER), ["x"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", REQUIRED)
def test_what_is_required(opened: Open, story: str) -> None:
    inputs, operation, steps, expected = REQUIRED[story]
    library = opened(workflow(inputs, *steps), operation or "responses: {}")
    schema = entry(library).schema
    assert schema.get("required", []) == expected
    derived = [name for name in expected if name not in yaml.safe_load(inputs).get("required", [])]
    assert codes(library).count("required-input-derived") == bool(derived)


def test_a_retry_among_success_actions_falls_through() -> None:
    steps = [
        {"stepId": "poll", "operationId": "x", "onSuccess": [{"name": "r", "type": "retry", "stepId": "poll"}]},
        {"stepId": "after", "operationId": "x", "onSuccess": [{"name": "r", "type": "retry", "stepId": "last"}]},
        {"stepId": "skipped", "operationId": "x"},
        {"stepId": "last", "operationId": "x"},
    ]
    data = {"arazzo": "1.0.1", "workflows": [{"workflowId": "w", "steps": steps}]}
    description, _ = parse(Document("f", data))
    assert description is not None
    assert always_reached(description.workflows["w"]) == {StepId("poll"), StepId("after"), StepId("last")}


# --- other workflows, undeclared inputs, findings

CALLED = """
- workflowId: called
  inputs: {properties: {a: {type: string}, b: {type: string, description: Of the called.}}}
  steps:
  - {stepId: s, operationId: get, parameters: [{name: id, in: path, value: $inputs.a}]}
"""


def test_a_step_that_calls_a_workflow(opened: Open) -> None:
    step = "workflowId: called, parameters: [{name: a, value: $inputs.x}, {name: b, value: $inputs.y}]"
    schema = entry(opened(workflow(XY, step) + CALLED)).schema
    assert schema["required"] == ["x"]
    assert schema["properties"] == {
        "x": {"type": "integer", "minimum": 1, "description": "Which thing."},
        "y": {"type": "string", "description": "Of the called. No step uses it."},
    }


@pytest.mark.parametrize(("criteria", "required"), [("", ["x", "a"]), (IF, ["x"])])
def test_a_workflow_that_takes_its_place(opened: Open, criteria: str, required: list[str]) -> None:
    action = f"onSuccess: [{{name: g, type: goto, workflowId: called, {criteria}}}]"
    schema = entry(opened(workflow(X, f"{GET}, {action}") + CALLED)).schema
    assert schema["required"] == required
    assert ("a" in schema["properties"]) is (criteria == "")


def test_the_inputs_of_a_workflow_that_it_depends_on(opened: Open) -> None:
    (linked,) = opened(workflow("{properties: {b: {description: Own.}}}", ACT + "outputs: {}") + CALLED).descriptions
    flows = linked.program.description.workflows
    chained = {**flows, "w": replace(flows["w"], depends_on=("called",))}
    takes = ToolSchemas(chained, linked.program.targets, linked.sources).of("w")
    assert takes.required == ["a"]
    assert takes.properties["a"] == {"type": "integer", "minimum": 1, "description": "Which thing."}
    assert takes.properties["b"] == {"type": "string", "description": "Own."}
    assert takes.findings == ()


def test_inputs_that_nobody_declared_are_offered(opened: Open) -> None:
    flow = workflow(XY, f"{ACT}{given('q', '$inputs.x')}").replace(f"  inputs: {XY}\n", "")
    library = opened(flow, query("q", "{type: integer}", required=True))
    assert entry(library).schema == {
        "type": "object",
        "properties": {"x": {"type": "integer"}},
        "required": ["x"],
        "additionalProperties": False,
    }
    assert codes(library) == ["undeclared-name", "undeclared-input"]


def test_a_slip_of_the_pen_is_not_offered_where_it_does_no_harm(opened: Open) -> None:
    flow = workflow(strings("name"), ACT + payload("{color: $inputs.nmae}"))
    library = opened(flow, THING)
    assert list(entry(library).schema["properties"]) == ["name"]
    assert "undeclared-input" not in codes(library)


def test_one_finding_for_a_workflow_and_a_kind(opened: Open) -> None:
    names = [f"n{at}" for at in range(25)]
    schema = {"required": names, "properties": {name: {"type": "integer"} for name in names}}
    body = f"requestBody: {{content: {{application/json: {{schema: {json.dumps(schema)}}}}}}}"
    sent = json.dumps({name: f"$inputs.{name}" for name in names})
    library = opened(workflow(strings(*names), f"{ACT}{payload(sent)}"), body)
    assert codes(library) == ["required-input-derived", "input-type-from-api"]
    required, types = library.findings
    assert required.workflow == "w"
    assert required.where.line == 6
    assert required.message.startswith("n0, n1, ")
    assert "n19 and 5 more: " in required.message
    assert types.message.startswith("n0 (string -> integer), ")


def test_strictly_the_schema_is_the_workflows_own(opened: Open) -> None:
    library = opened(workflow(X, GET), strict=True)
    assert library.findings == ()
    assert entry(library).schema == {"type": "object", "properties": {"x": {"type": "string"}},
                                     "additionalProperties": False}  # fmt: skip


# --- how it is shown


def test_required_inputs_come_first(opened: Open) -> None:
    shown = entry(opened(workflow(strings("b", "x", "c"), GET))).schema
    assert list(shown["properties"]) == ["x", "b", "c"]


def test_a_schema_with_135_inputs_stays_readable(opened: Open) -> None:
    names = [f"input{at}" for at in range(135)]
    deep = {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "d" * 90} for n in range(40)}}
    schema = {"properties": {name: {**deep, "description": f"What {name} is. " + "word " * 200} for name in names}}
    body = f"requestBody: {{content: {{application/json: {{schema: {json.dumps(schema)}}}}}}}"
    sent = json.dumps({name: f"$inputs.{name}" for name in names})
    shown = entry(opened(workflow(strings(*names), f"{ACT}{payload(sent)}"), body)).schema
    assert list(shown["properties"]) == names
    assert len(json.dumps(shown)) <= MOST_CHARACTERS
    assert shown["properties"]["input7"]["description"].startswith("What input7 is. ")
    assert {one["type"] for one in shown["properties"].values()} == {"object"}


def test_a_long_schema_keeps_the_type_of_items(opened: Open) -> None:
    names = [f"input{at}" for at in range(300)]
    many = {"type": "array", "items": {"type": "integer", "description": "d" * 200}}
    body = json.dumps({"properties": dict.fromkeys(names, many)})
    sent = json.dumps({name: f"$inputs.{name}" for name in names})
    operation = f"requestBody: {{content: {{application/json: {{schema: {body}}}}}}}"
    shown = entry(opened(workflow(strings(*names), f"{ACT}{payload(sent)}"), operation)).schema
    assert shown["properties"]["input0"] == {"type": "array", "items": {"type": "integer"}}


def test_a_long_schema_says_in_words_what_it_leaves_out(opened: Open) -> None:
    names = [f"input{at}" for at in range(60)]
    deep = {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "d" * 90} for n in range(9)}}
    body = json.dumps({"properties": dict.fromkeys(names, deep)})
    sent = json.dumps({name: f"$inputs.{name}" for name in names})
    operation = f"requestBody: {{content: {{application/json: {{schema: {body}}}}}}}"
    shown = entry(opened(workflow(strings(*names), f"{ACT}{payload(sent)}"), operation)).schema
    assert shown["properties"]["input0"]["description"] == "Members: p0, p1, p2, p3, p4, p5, p6, p7, p8."


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        (["a", "a.b-c_9"], {}),
        (["page[size]"], {"page[size]": "page_size"}),
        (["$.xgafv", "tag[]"], {"$.xgafv": "xgafv", "tag[]": "tag"}),
        (["[]"], {"[]": "input"}),
        (["größe"], {"größe": "gr_e"}),
        (["x" * 70], {"x" * 70: "x" * 64}),
    ],
)
def test_aliases(names: list[str], aliases: dict[str, str]) -> None:
    assert aliases_of(names) == aliases


@pytest.mark.parametrize("names", [["tag", "tag[]"], ["tag[]", "tag{}"], ["y" * 64, "y" * 65]])
def test_aliases_are_unique_and_in_every_order_the_same(names: list[str]) -> None:
    aliases = aliases_of(names)
    shown = [aliases.get(name, name) for name in names]
    assert len(set(shown)) == len(names)
    assert all(len(name) <= 64 for name in shown)
    assert aliases_of(names[::-1]) == aliases


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "string"]}, {"type": []}, {"type": [["a"]]}, {"type": 5}, {"required": [["a"], "b", "b"]},
        {"items": [{"type": "string"}, 5]}, {"properties": {5: {"type": "x"}}}, {"anyOf": []}, {"anyOf": [5]},
        {"exclusiveMinimum": True}, {"exclusiveMaximum": True, "maximum": 5}, {"minimum": float("inf")},
        {"minLength": -1}, {"multipleOf": 0}, {"enum": []}, {"nullable": True, "enum": ["a"]}, {"not": 5},
        {"patternProperties": {"[": {}}}, {"$ref": "#/nowhere"}, {"title": 5}, {"additionalProperties": []},
    ],
)  # fmt: skip
def test_every_schema_is_made_valid(schema: dict[str, Any]) -> None:
    tidied = tidy(schema)
    Draft202012Validator.check_schema(tidied)
    json.dumps(tidied, allow_nan=False)
    for value in ({"a": 1, "b": "c"}, "a", 5):
        list(InputsValidator(tidied).iter_errors(value))  # whatever it finds, it does not break


# --- arguments

TYPED = (
    "{properties: {text: {type: string}, whole: {type: integer}, flag: {type: boolean}, many: {type: array, items: "
    "{type: integer}}, words: {type: array, items: {type: string}}, any: {}, thing: {type: object, properties: "
    "{n: {type: integer}}}, color: {type: string, enum: [Red, Green]}, maybe: {type: string, nullable: true}}}"
)
ARGUMENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"whole": "5", "flag": "true", "many": "[1, 2]"}, {"whole": 5, "flag": True, "many": [1, 2]}),
    ({"flag": "False", "thing": '{"n": "5"}'}, {"flag": False, "thing": {"n": 5}}),
    ({"text": 5}, {"text": "5"}),
    ({"text": True}, {"text": "true"}),
    ({"text": "[1]"}, {"text": "[1]"}),
    ({"many": 5, "words": "a"}, {"many": [5], "words": ["a"]}),
    ({"many": "5", "words": "a,b"}, {"many": [5], "words": ["a,b"]}),
    ({"many": ["1", 2], "words": [1, "b"]}, {"many": [1, 2], "words": ["1", "b"]}),
    ({"any": "5"}, {"any": "5"}),
    ({"color": "red"}, {"color": "Red"}),
    ({"maybe": None}, {"maybe": None}),
]


@pytest.mark.parametrize(("arguments", "inputs"), ARGUMENTS, ids=[json.dumps(row[0]) for row in ARGUMENTS])
def test_arguments_are_given_their_types(opened: Open, arguments: dict[str, Any], inputs: dict[str, Any]) -> None:
    assert entry(opened(workflow(TYPED, ACT + "outputs: {}"))).inputs(arguments) == inputs


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"whole": "many"}, 'whole must be of type integer, not "many"'),
    ({"whole": "NaN"}, 'whole must be of type integer, not "NaN"'),
    ({"whole": 5.5}, "whole must be of type integer, not 5.5"),
    ({"text": {"a": 1}}, 'text must be of type string, not {"a": 1}'),
    ({"text": None}, "text must be of type string, not null"),
    ({"many": ["x"]}, 'many[0] must be of type integer, not "x"'),
    ({"many": "[" * 100_000}, "many must be of type array, not "),
    ({"color": "Rd"}, "color: \"Rd\" is not one of Red, Green. Did you mean 'Red'?"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=[row[1] for row in WRONG])
def test_arguments_that_cannot_be(opened: Open, arguments: dict[str, Any], says: str) -> None:
    tool = entry(opened(workflow(TYPED, ACT + "outputs: {}")))
    with pytest.raises(InvalidInputs) as refused:
        tool.inputs(arguments)
    assert says in str(refused.value)


def test_what_the_api_demands_is_said_to_be_the_apis(opened: Open) -> None:
    step = (
        f"{ACT}parameters: [{{name: q, in: query, value: $inputs.x}}], {payload('{size: $inputs.y, name: $inputs.z}')}"
    )
    inputs = "{properties: {x: {type: integer, minimum: 5}, y: {type: string}, z: {maxLength: 2}}}"
    tool = entry(opened(workflow(inputs, step), f"{query('q', '{type: integer, maximum: 9}')}, {THING}"))
    with pytest.raises(InvalidInputs) as refused:
        tool.inputs({"x": 10, "y": {"w": "wide"}})
    assert "x: 10 is greater than the maximum of 9 (so says 'q' of POST /act)" in str(refused.value)
    assert "y.w must be of type integer, not \"wide\" (so says 'size' in the body of POST /act)" in str(refused.value)
    assert "z is required (string); it is needed for 'name' in the body of POST /act" in str(refused.value)
    with pytest.raises(InvalidInputs) as refused:
        tool.inputs({"x": 4, "y": {"w": 1}, "z": "long"})
    assert "(so says" not in str(refused.value), "these are the workflow's own words"


def test_a_pattern_that_never_ends_is_given_up(opened: Open) -> None:
    tool = entry(opened(workflow("{properties: {x: {type: string, pattern: '^(a|a)*$'}}}", ACT + "outputs: {}")))
    assert tool.inputs({"x": "a" * 40 + "!"}) == {"x": "a" * 40 + "!"}


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_through_a_client(opened: Open, scripted: Scripted, tmp_path: Path, era: str) -> None:
    """A tool with a name that hosts refuse, types and required inputs that only the API knows."""
    operation = (
        "parameters: [{name: 'page[size]', in: query, required: true, schema: {type: integer, maximum: 50}}], " + THING
    )
    step = "operationId: act, parameters: [{name: 'page[size]', in: query, value: '$inputs.page[size]'}], " + payload(
        "{name: $inputs.name, tags: $inputs.tags}"
    )
    opened(workflow(strings("page[size]", "name", "tags"), step), operation, url=scripted.url)
    settings = Settings(store=tmp_path / "runs.sqlite3")
    library = load([tmp_path / "flow.arazzo.yaml"], settings)
    scripted.replies = [JSONResponse({})]
    async with (
        open_engine(library, settings, take_over=True) as engine,
        Client(build_server(engine, catalog(library), 10), mode=era) as client,
    ):
        (schema,) = [tool.input_schema for tool in (await client.list_tools()).tools if tool.name == "w"]
        for name in ("page_size", "page[size]"):
            done = await client.call_tool("w", {name: "5", "name": 7, "tags": "new"})
            assert not done.is_error, done.content
        refused = await client.call_tool("w", {"page_size": 51, "tags": []})
    assert schema["required"] == ["page_size", "name"]
    assert schema["properties"]["page_size"] == {
        "type": "integer", "maximum": 50, "description": "The workflow calls it 'page[size]'.",
    }  # fmt: skip
    path = scripted.asked[0][1].replace("%5B", "[").replace("%5D", "]")
    assert (path, json.loads(scripted.asked[0][2])) == ("/act?page[size]=5", {"name": "7", "tags": ["new"]})
    assert scripted.asked[0] == scripted.asked[1]
    assert len(scripted.asked) == 2
    text = str(refused.content[0].text)  # type: ignore[union-attr]
    assert "page_size: 51 is greater than the maximum of 50 (so says 'page[size]' of POST /act)" in text
    assert "name is required (string); it is needed for 'name' in the body of POST /act" in text


# --- published documents


@pytest.fixture(scope="module")
def published() -> Library:
    if not CORPUS.is_dir():
        pytest.skip("no published documents")
    return open_library([CORPUS], Options())


def test_every_published_tool_is_valid_and_short(published: Library) -> None:
    for tool in catalog(published).entries.values():
        Draft202012Validator.check_schema(tool.schema)
        text = json.dumps(tool.schema, allow_nan=False)
        assert len(text) <= MOST_CHARACTERS, tool.name
        assert '"$ref"' not in text
        assert '"nullable"' not in text
        assert not tool.schema.keys() & {"allOf", "anyOf", "oneOf", "not"}
        assert aliases_of(tool.schema["properties"]) == {}
        Draft202012Validator.check_schema(tool.tool_schema)
        assert len(tool.tool_schema["properties"]) == len(tool.schema["properties"]) + len(tool.controls.names)


@pytest.mark.parametrize(
    ("name", "required", "types"),
    [
        ("plan-a-public-transport-journey", ["from", "to"],
         {"nationalSearch": "boolean", "accessibilityPreference": "array", "overrideMultiModalScenario": "integer"}),
        ("find-nearby-transport-stops-and-check-live-arrivals", ["stopTypes", "location.lat", "location.lon"],
         {"stopTypes": "array", "location.lat": "number", "radius": "integer"}),
        ("discover-and-explore-songs", [], {"tagId": "array", "childTags": "boolean", "maxResults": "integer"}),
        ("schedule-an-actor-task", ["actorTaskId"], {"isEnabled": "boolean", "actions": "array"}),
        ("queue-inference", ["modelOwner", "modelName", "input"], {"input": "object"}),
    ],
)  # fmt: skip
def test_published_tools(published: Library, name: str, required: list[str], types: dict[str, str]) -> None:
    schema = catalog(published).named(name).schema
    assert schema.get("required", []) == required
    assert {one: schema["properties"][one].get("type") for one in types} == types
