"""What is known of a description before its first request: sources that are none, steps held against their operations,
servers, and where control can go."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from arazzo_mcp.arazzo.command import Pace
from arazzo_mcp.findings import Finding, Where, strictly
from arazzo_mcp.library import Library, Options, open_library, relink
from arazzo_mcp.reading.read import Snapshot
from tests.conftest import command

PATHS: dict[str, Any] = {
    "/pets": {
        "get": {
            "operationId": "listPets",
            "parameters": [
                {"name": "pageSize", "in": "query"},
                {"name": "X-Trace", "in": "header"},
                {"name": "kind", "in": "query", "required": True, "schema": {"default": "dog"}},
                {"name": "sort", "in": "query", "required": True, "schema": {"enum": ["name"]}},
            ],
            "responses": {"200": {}, "404": {}},
        },
        "post": {
            "operationId": "addPet",
            "requestBody": {"required": True, "content": {"application/json": {}}},
            "responses": {"201": {}, "default": {}},
        },
    },
    "/pets/{petId}": {
        "get": {
            "operationId": "getPet",
            "parameters": [
                {"name": "petId", "in": "path", "required": True},
                {"name": "view", "in": "query", "required": True},
                {"name": "key", "in": "query", "required": True},
                {"name": "Accept", "in": "header", "required": True},
            ],
            "security": [{"key": []}],
            "responses": {"2XX": {}},
        },
        "delete": {"operationId": "removePet", "responses": {"204": {}}},
    },
    "/files/{Key+}?part={part}": {"get": {"operationId": "getPart", "responses": {"default": {}}}},
}
API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "https://api.test"}],
    "paths": PATHS,
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "key"}}},
}
ASYNCAPI = {"asyncapi": "3.0.0", "info": {}, "operations": {"onPet": {"action": "receive"}}}
SOURCE = {"name": "api", "url": "api.yaml", "type": "openapi"}

Opened = Callable[..., Library]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A document with these workflows, its source and other files, opened."""

    def opened(
        workflows: list[dict[str, Any]], files: dict[str, Any] | None = None, sources: Any = None, **options: Any
    ) -> Library:
        document = {
            "arazzo": "1.1.0",
            "info": {"title": "t", "version": "1"},
            "sourceDescriptions": sources or [SOURCE],
            "workflows": workflows,
        }
        for name, data in {"api.yaml": API, **(files or {}), "main.arazzo.yaml": document}.items():
            text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False, width=1000)
            (tmp_path / name).write_text(text)
        return open_library([tmp_path / "main.arazzo.yaml"], Options(**options))

    return opened


def flow(*steps: str | dict[str, Any], name: str = "main", **more: Any) -> dict[str, Any]:
    return {"workflowId": name, **more, "steps": [_step(step) for step in steps]}


def _step(step: str | dict[str, Any]) -> dict[str, Any]:
    node = {"stepId": step} if isinstance(step, str) else step
    calls = ("operationId", "operationPath", "channelPath", "workflowId")
    return node if any(call in node for call in calls) else {**node, "operationId": node["stepId"]}


def served(library: Library) -> list[str]:
    return [flow.id for _, flow in library.workflows()]


def codes(library: Library) -> list[str]:
    return [finding.code for finding in library.findings]


def the(library: Library, code: str) -> Finding:
    (found,) = (finding for finding in library.findings if finding.code == code)
    return found


# --- sources


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("<!DOCTYPE html>\n<html><body>Not Found</body></html>", "not-openapi", "it is a page of markup"),
        ("<html>: {a: [", "not-openapi", "it is a page of markup"),
        ("", "not-openapi", "the file is empty"),
        ("# nothing\n", "not-openapi", "the file is empty"),
        ("arazzo: 1.0.1\nworkflows: []\n", "not-openapi", "it is an Arazzo description: write type: arazzo"),
        ("asyncapi: 3.0.0\n", "not-openapi", "it is an AsyncAPI description"),
        ("openapi: 4.0.0\n", "not-openapi", "its version is '4.0.0', which is not served"),
        ("swagger: '1.2'\n", "not-openapi", "its version is '1.2', which is not served"),
        ("name: x\n", "not-openapi", "it has no 'openapi' field"),
        ("[1, 2]\n", "not-openapi", "it has no 'openapi' field"),
        ("openapi: 3.1.0\npaths: {a: [\n", "syntax", "no valid YAML or JSON"),
    ],
)
def test_a_source_that_is_no_openapi(opened: Opened, text: str, code: str, words: str) -> None:
    """Only the workflows that need it are not served, and each step says why."""
    sources = [{**SOURCE, "name": "bad", "url": "bad.yaml"}, SOURCE]
    bad = {"stepId": "a", "operationId": "$sourceDescriptions.bad.getIt"}
    library = opened([flow(bad), flow("listPets", name="other")], {"bad.yaml": text}, sources)
    assert served(library) == ["other"]
    finding = the(library, code)
    assert words in finding.message
    assert finding.severity == "warning"
    assert finding.where.line
    assert all(one.workflow == "main" for one in library.errors())


def test_an_unparseable_source_has_its_line(opened: Opened) -> None:
    library = opened([flow("listPets")], {"api.yaml": "openapi: 3.1.0\npaths:\n  /a: [\n"})
    finding = the(library, "syntax")
    assert (Path(finding.where.file).name, finding.where.line) == ("api.yaml", 4)


def test_a_source_without_a_type_is_openapi(opened: Opened) -> None:
    library = opened([flow("listPets")], sources=[{"name": "api", "url": "api.yaml"}])
    assert (served(library), codes(library)) == (["main"], [])


def test_an_unknown_type_of_source(opened: Opened) -> None:
    library = opened([flow("listPets")], sources=[{**SOURCE, "type": "graphql"}], files={"api.yaml": "a: 1\n"})
    assert served(library) == []
    assert "it has no 'openapi' field" in the(library, "not-openapi").message


@pytest.mark.parametrize(
    "call",
    [
        {"operationId": "$sourceDescriptions.events.onPet"},
        {"operationPath": "$sourceDescriptions.events.onPet"},
        {"operationPath": "{$sourceDescriptions.events.url}#/operations/onPet"},
        {"operationId": "onPet"},
        {"operationId": "events.onPet"},
        {"channelPath": "{$sourceDescriptions.events.url}#/channels/pets"},
    ],
    ids=str,
)
def test_steps_on_channels_spoil_their_own_workflow_alone(opened: Opened, call: dict[str, str]) -> None:
    sources = [SOURCE, {"name": "events", "url": "events.yaml", "type": "asyncapi"}]
    flows = [
        flow({"stepId": "wait", **call}),
        flow({"stepId": "a", "operationId": "$sourceDescriptions.api.listPets"}, name="other"),
    ]
    library = opened(flows, {"events.yaml": ASYNCAPI}, sources)
    assert served(library) == ["other"]
    assert the(library, "asyncapi").workflow == "main"
    assert {finding.code for finding in library.errors()} == {"asyncapi"}


def test_operations_of_asyncapi_2(opened: Opened) -> None:
    sources = [SOURCE, {"name": "events", "url": "events.yaml", "type": "asyncapi"}]
    events = {"asyncapi": "2.6.0", "channels": {"pets": {"subscribe": {"operationId": "onPet"}}}}
    library = opened([flow("onPet")], {"events.yaml": events}, sources)
    assert [finding.code for finding in library.errors()] == ["asyncapi"]


def test_an_operation_id_that_names_workflows(opened: Opened) -> None:
    sources = [SOURCE, {"name": "more", "url": "more.arazzo.yaml", "type": "arazzo"}]
    more = {"arazzo": "1.0.1", "info": {"title": "t", "version": "1"}, "sourceDescriptions": [SOURCE],
            "workflows": [flow("listPets", name="other")]}  # fmt: skip
    step = {"stepId": "a", "operationId": "$sourceDescriptions.more.other"}
    library = opened([flow(step)], {"more.arazzo.yaml": more}, sources)
    assert the(library, "not-openapi").hint == "Use a workflowId."


def test_names_with_odd_characters_are_served_and_said(opened: Opened) -> None:
    step = {"stepId": "a", "operationId": "$sourceDescriptions.my api (v2).listPets"}
    library = opened([flow(step, name="Look, pets!")], sources=[{**SOURCE, "name": "my api (v2)"}])
    assert served(library) == ["Look, pets!"]
    assert [(f.severity, f.code) for f in library.findings] == [("info", "odd-id")] * 2


# --- operations


def test_an_id_with_dots_is_tried_as_a_whole_first(opened: Opened) -> None:
    paths = {"/a": {"get": {"operationId": "api.get"}}, "/b": {"get": {"operationId": "get"}}}
    library = opened([flow({"stepId": "s", "operationId": "api.get"})], {"api.yaml": {**API, "paths": paths}})
    (linked,) = library.descriptions
    assert linked.program.targets["main", "s"].operation == "GET /a"
    assert codes(library) == []


@pytest.mark.parametrize("pointer", ["/paths/~1here/get", "/components/pathItems/Shared/get"])
def test_a_pointer_through_a_path_item_that_is_a_reference(opened: Opened, pointer: str) -> None:
    shared = {"pathItems": {"Shared": {"get": {"responses": {}}}}}
    api = {**API, "paths": {"/here": {"$ref": "#/components/pathItems/Shared"}}, "components": shared}
    step = {"stepId": "s", "operationPath": f"{{$sourceDescriptions.api.url}}#{pointer}"}
    library = opened([flow(step)], {"api.yaml": api})
    (linked,) = library.descriptions
    assert linked.program.targets["main", "s"].operation == "GET /here"
    assert codes(library) == []


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ({"operationId": "$sourceDescriptions.apo.listPets"}, "unknown-source", "Did you mean 'api'?"),
        ({"operationId": "listPet"}, "unknown-operation", "Did you mean 'listPets'?"),
        ({"operationPath": "apo#/paths/~1pets/get"}, "unknown-source", "Did you mean 'api'?"),
        ({"operationPath": "api#"}, "unknown-operation", "no operation at ''"),
        ({"operationPath": "{$sourceDescriptions.api.url}#/info"}, "unknown-operation", "no operation at '/info'"),
        ({"operationPath": "x y"}, "operation-path", "Write {$sourceDescriptions"),
    ],
    ids=str,
)
def test_no_operation(opened: Opened, call: dict[str, str], code: str, words: str) -> None:
    library = opened([flow({"stepId": "s", **call})])
    assert served(library) == []
    finding = the(library, code)
    assert words in str(finding)
    assert (finding.where.path, finding.workflow) == ("main.s", "main")


def test_all_that_is_wrong_is_said_at_once(opened: Opened) -> None:
    """A workflow that could not be read to its end is linked as far as it could."""
    broken = {"stepId": "b", "operationId": "listPets", "onSuccess": [{"name": "g", "type": "goto", "stepId": "nope"}]}
    library = opened([flow({"stepId": "a", "operationId": "listPet"}, broken)])
    assert codes(library) == ["unknown-step", "unknown-operation"]


# --- steps and their operations

AT = {"name": "petId", "in": "path", "value": 1}
VIEW = {"name": "view", "in": "query", "value": 1}
GET_PET = {"stepId": "getPet", "parameters": [AT, VIEW]}

CONFORM: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("a default and a single value fill what is required", {"stepId": "listPets"}, None, ""),
    ("a credential and what HTTP gives fill it as well", GET_PET, None, ""),
    ("a required parameter", {**GET_PET, "parameters": [AT]}, "missing-parameter", "query parameter 'view'"),
    (
        "a parameter that may be meant for another one",
        {"stepId": "listPets", "parameters": [{"name": "page_size", "in": "query", "value": 1}]},
        "undeclared-parameter",
        "Did you mean 'pageSize'?",
    ),
    (
        "a whole query string beside a query parameter",
        {
            "stepId": "listPets",
            "parameters": [
                {"name": "whole", "in": "querystring", "value": "a=1"},
                {"name": "pageSize", "in": "query", "value": 1},
            ],
        },
        "querystring-beside-query",
        "'pageSize' stands beside it",
    ),
    (
        "a parameter of its own",
        {"stepId": "listPets", "parameters": [{"name": "Private-Token", "in": "header", "value": 1}]},
        None,
        "",
    ),
    (
        "a header in another case",
        {"stepId": "listPets", "parameters": [{"name": "x-trace", "in": "header", "value": 1}]},
        None,
        "",
    ),
    (
        "a parameter in another place",
        {"stepId": "listPets", "parameters": [{"name": "pageSize", "in": "header", "value": 1}]},
        "parameter-elsewhere",
        "It has one in query.",
    ),
    (
        "a variable behind the question mark",
        {"stepId": "getPart", "parameters": [{**AT, "name": "Key"}, {"name": "part", "in": "query", "value": 1}]},
        None,
        "",
    ),
    (
        "a variable with its mark",
        {"stepId": "getPart", "parameters": [{**AT, "name": "Key+"}, {"name": "part", "in": "path", "value": 1}]},
        None,
        "",
    ),
    ("a body", {"stepId": "addPet"}, "missing-body", "requires a request body"),
    ("a body that is not asked for", {**GET_PET, "requestBody": {"payload": {}}}, "undeclared-body", "sent as given"),
    (
        "a status that is not declared beside another criterion",
        {
            "stepId": "listPets",
            "successCriteria": [{"condition": "$statusCode == 202"}, {"condition": "$method == 'GET'"}],
        },
        "undeclared-status",
        "202. It declares 200, 404.",
    ),
    (
        "a failure that is not declared",
        {"stepId": "listPets", "successCriteria": [{"condition": "$statusCode == 409 || $statusCode == 200"}]},
        "undeclared-status",
        "status code 409.",
    ),
    (
        "a range of statuses",
        {**GET_PET, "successCriteria": [{"condition": "$statusCode == 206"}]},
        None,
        "",
    ),
    (
        "a failure that is the default",
        {"stepId": "addPet", "requestBody": {"payload": 1}, "successCriteria": [{"condition": "$statusCode == 409"}]},
        None,
        "",
    ),
    (
        "a comparison that is none for equality",
        {"stepId": "listPets", "successCriteria": [{"condition": "$statusCode < 299 && !($statusCode == 299)"}]},
        None,
        "",
    ),
]


@pytest.mark.parametrize(("what", "step", "code", "words"), CONFORM, ids=[row[0] for row in CONFORM])
def test_a_step_and_its_operation(
    opened: Opened, what: str, step: dict[str, Any], code: str | None, words: str
) -> None:
    library = opened([flow(step)])
    assert served(library) == ["main"]
    of_step = [one for one in codes(library) if not one.startswith("path-with-")]
    assert of_step == ([code] if code else [])
    if code:
        assert words in str(the(library, code))


def test_what_keeps_a_step_from_being_made_is_an_error(opened: Opened) -> None:
    library = opened([flow({"stepId": "getPet", "parameters": [{**AT, "in": "query"}, VIEW]})])
    finding = the(library, "missing-path-parameter")
    assert finding.severity == "error"
    assert finding.hint == "It gives it in query."


def test_findings_stand_at_their_field(opened: Opened, tmp_path: Path) -> None:
    step = {
        "stepId": "addPet",
        "parameters": [{"in": "header", "name": "Fine", "value": 1}, {"in": "cookie", "name": "gone", "value": 1}],
        "requestBody": {"payload": {}},
        "successCriteria": [{"context": "$response.body", "condition": "$statusCode == 200"}],
    }
    second = {"stepId": "removePet", "parameters": [AT], "requestBody": {"payload": {}}}
    library = opened([flow(step, second)])
    lines = (tmp_path / "main.arazzo.yaml").read_text().splitlines()
    at = {f.code: lines[f.where.line - 1][f.where.column - 1 :] for f in library.findings}
    assert at == {"lenient-status": "$statusCode == 200", "undeclared-body": "requestBody:"}


# --- servers


@pytest.mark.parametrize(
    ("server", "code", "words"),
    [
        ({"url": "/v1"}, "no-server", "--server api=URL"),
        ({"url": "https://{account}.test"}, "placeholder-server", "--server-variable api.account=VALUE"),
        (
            {"url": "https://{sub}.test", "variables": {"sub": {"default": "your-domain"}}},
            "placeholder-server",
            "'sub' is 'your-domain'",
        ),
        ({"url": "https://{region}.test", "variables": {"region": {"default": "us-east-1"}}}, None, ""),
    ],
)
def test_servers(opened: Opened, server: dict[str, Any], code: str | None, words: str) -> None:
    library = opened([flow("listPets")], {"api.yaml": {**API, "servers": [server]}})
    assert served(library) == ["main"]
    assert codes(library) == ([code] if code else [])
    assert not code or words in str(the(library, code))


def test_a_server_variable_that_is_given(opened: Opened) -> None:
    servers = [{"url": "https://{sub}.test/{v}", "variables": {"sub": {"default": "example"}, "v": {"default": "1"}}}]
    given = {"api.sub": "acme", "other.sub": "no"}
    library = opened([flow("listPets")], {"api.yaml": {**API, "servers": servers}}, server_variables=given)
    (linked,) = library.descriptions
    assert codes(library) == []
    target = linked.program.targets["main", "listPets"]
    assert linked.operation(target).base_url == "https://acme.test/1"
    again = relink(Snapshot.from_json(linked.snapshot.to_json()), Pace())
    assert again.digest == linked.digest
    assert again.operation(target).base_url == "https://acme.test/1"


# --- the flow of a workflow


def goto(step: str, when: str | None = None) -> dict[str, Any]:
    criteria = {"criteria": [{"condition": when}]} if when else {}
    return {"name": f"to {step}", "type": "goto", "stepId": step, **criteria}


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"stepId": name, "operationId": "listPets", **more}


def using(name: str) -> list[dict[str, Any]]:
    return [{"name": "X-Trace", "in": "header", "value": f"$steps.{name}.outputs.v"}]


OUT = {"v": "$response.body#/v"}
END = {"name": "e", "type": "end"}
BUSY = "$statusCode == 404"
FLOWS: list[tuple[str, list[dict[str, Any]], list[tuple[str, str]]]] = [
    ("in order", [step("a", outputs=OUT), step("b", parameters=using("a"))], []),
    (
        "a later step's outputs",
        [step("a", parameters=using("b")), step("b", outputs=OUT)],
        [("error", "forward-reference")],
    ),
    (
        "a later step's outputs in a criterion",
        [step("a", successCriteria=[{"condition": "$steps.b.outputs.v == 1"}]), step("b", outputs=OUT)],
        [("error", "forward-reference")],
    ),
    (
        "a later step's outputs, from which a jump leads back",
        [step("a", parameters=using("b")), step("b", outputs=OUT, onSuccess=[goto("a", BUSY)])],
        [("warning", "forward-reference"), ("info", "paced-loop")],
    ),
    ("outputs of its own", [step("a", outputs=OUT, parameters=using("a"))], [("warning", "forward-reference")]),
    (
        "outputs of its own in what it does next",
        [step("a", outputs=OUT, onSuccess=[{**END, "criteria": [{"condition": "$steps.a.outputs.v == 1"}]}])],
        [],
    ),
    (
        "a step that is passed over",
        [step("a", onSuccess=[goto("c")]), step("b"), step("c")],
        [("warning", "unreachable-step")],
    ),
    (
        "a step that failure leads to",
        [step("a", onSuccess=[goto("c")], onFailure=[goto("b")]), step("b", onSuccess=[END]), step("c")],
        [],
    ),
    (
        "a step that a retry needs",
        [
            step("a", onSuccess=[END], onFailure=[{"name": "r", "type": "retry", "stepId": "b"}]),
            step("b", onSuccess=[END]),
        ],
        [],
    ),
    (
        "loops, said once",
        [step("a", onSuccess=[goto("a", BUSY)]), step("b", onSuccess=[goto("a", BUSY)])],
        [("info", "paced-loop")],
    ),
    (
        "a jump back that nothing leads to again",
        [step("a", onSuccess=[goto("c", BUSY)]), step("b", onSuccess=[END]), step("c", onFailure=[goto("b")])],
        [],
    ),
    (
        "an arm that goes on into the next one",
        [step("a", onSuccess=[goto("b", BUSY), goto("c")]), step("b"), step("c")],
        [("info", "branch-falls-through")],
    ),
    (
        "what success and failure lead to comes together again",
        [step("a", onSuccess=[goto("c")], onFailure=[goto("b")]), step("b"), step("c")],
        [],
    ),
    (
        "an arm that ends",
        [step("a", onSuccess=[goto("b", BUSY), goto("c")]), step("b", onSuccess=[END]), step("c")],
        [],
    ),
    (
        "an action behind one that always applies",
        [step("a", onSuccess=[goto("b"), goto("c", BUSY)]), step("b"), step("c")],
        [("warning", "dead-action")],
    ),
    (
        "an action behind a retry",
        [step("a", onFailure=[{"name": "r", "type": "retry", "retryLimit": 2}, END])],
        [],
    ),
]


@pytest.mark.parametrize(("what", "steps", "expected"), FLOWS, ids=[row[0] for row in FLOWS])
def test_where_control_can_go(
    opened: Opened, what: str, steps: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    library = opened([flow(*steps)])
    assert [(f.severity, f.code) for f in library.findings if f.code != "undeclared-status"] == expected
    assert served(library) == ([] if ("error", "forward-reference") in expected else ["main"])
    assert all(finding.where.column for finding in library.findings)


def test_actions_of_the_workflow_are_hidden_on_purpose(opened: Opened) -> None:
    common = [{"name": "again", "type": "retry", "retryAfter": 1}]
    library = opened([flow(step("a", onFailure=[{"name": "stop", "type": "end"}]), failureActions=common)])
    assert codes(library) == []


def test_what_is_only_worth_knowing_is_no_error_under_strict(opened: Opened) -> None:
    library = opened([flow(step("a", onSuccess=[goto("a", BUSY)]))], strict=True)
    assert served(library) == ["main"]
    assert [(f.severity, f.code) for f in library.findings] == [("info", "paced-loop")]
    note = Finding("info", "x", Where("f"), "m")
    assert strictly([note]) == [note]


def test_a_server_variable_on_the_command_line(opened: Opened, tmp_path: Path) -> None:
    opened([flow("listPets")], {"api.yaml": {**API, "servers": [{"url": "https://{account}.test"}]}})

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = command("check", tmp_path / "main.arazzo.yaml", *arguments)
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)

    assert "--server-variable api.account=VALUE" in check().stdout
    assert "1 workflow served, 0 errors, 0 warnings" in check("--server-variable", "api.account=acme").stdout
    unknown = check("--server-variable", "apo.account=acme")
    assert unknown.returncode == 2
    assert "no document has a source of that name. Did you mean 'api'?" in unknown.stderr
    misspelt = check("--server-variable", "api.acount=acme")
    assert misspelt.returncode == 2
    assert "source 'api' has no such server variable. Did you mean 'account'? Known: account" in misspelt.stderr


def test_a_server_variable_has_one_of_its_values(opened: Opened, tmp_path: Path) -> None:
    server = {"url": "https://{region}.test", "variables": {"region": {"enum": ["eu", "us"], "default": "eu"}}}
    opened([flow("listPets")], {"api.yaml": {**API, "servers": [server]}})
    line = command("check", tmp_path / "main.arazzo.yaml", "--server-variable", "api.region=")
    refused = subprocess.run([*line[:-1], f"{line[-1]}mars"], capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 2
    assert "--server-variable api.region: 'mars' is not one of eu, us." in refused.stderr
    taken = subprocess.run([*line[:-1], f"{line[-1]}us"], capture_output=True, text=True, check=False, timeout=60)
    assert taken.returncode == 0, taken.stderr
