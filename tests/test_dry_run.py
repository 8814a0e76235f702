"""What a run would send, shown without sending it: each story is a step, and the request that people read."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from arazzo_mcp.app import load
from arazzo_mcp.authors import dry_run_text
from arazzo_mcp.authors.dry_run import MOST_STEPS, DryRun
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.settings import Settings
from tests.conftest import CORPUS, WORKFLOWS

API: dict[str, Any] = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://a.example/v1"}],
    "paths": {
        "/jobs": {
            "post": {"operationId": "submit", "requestBody": {"content": {"application/json": {}}}},
            "get": {
                "operationId": "list",
                "parameters": [
                    {"name": "ids", "in": "query", "style": "pipeDelimited", "explode": False, "schema": {}},
                    {"name": "f", "in": "query", "style": "deepObject", "schema": {}},
                ],
            },
        },
        "/jobs/{id}": {"get": {"operationId": "look", "parameters": [{"name": "id", "in": "path", "required": True}]}},
        "/form": {
            "post": {
                "operationId": "form",
                "requestBody": {"content": {"application/x-www-form-urlencoded": {}}},
            }
        },
        "/nowhere": {"servers": [{"url": "/v1"}], "get": {"operationId": "nowhere"}},
        "/basic": {"get": {"operationId": "basic", "security": [{"basic": []}]}},
        "/query": {"get": {"operationId": "query", "security": [{"query": []}]}},
        "/cookie": {"get": {"operationId": "cookie", "security": [{"cookie": []}]}},
        "/bearer": {"get": {"operationId": "bearer", "security": [{"bearer": []}]}},
    },
    "components": {
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic", "x-arazzo-mcp-env": "LOGIN"},
            "query": {"type": "apiKey", "in": "query", "name": "key", "x-arazzo-mcp-env": "KEY"},
            "cookie": {"type": "apiKey", "in": "cookie", "name": "sid", "x-arazzo-mcp-env": "SID"},
            "bearer": {"type": "http", "scheme": "bearer", "x-arazzo-mcp-env": "TOKEN"},
        }
    },
}
SUBMIT = {
    "stepId": "submit",
    "operationId": "submit",
    "outputs": {"id": "$response.body#/id", "model": "$inputs.model"},
}
INPUTS = {"properties": {"model": {}, "n": {}, "level": {"default": "low"}, "must": {}}, "required": ["must"]}
SECRETS = {"LOGIN": "user:s3cret", "KEY": "s3cret", "SID": "s3cret", "TOKEN": "s3cret"}


def run_of(
    tmp_path: Path,
    *steps: dict[str, Any],
    inputs: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    more: tuple[dict[str, Any], ...] = (),
) -> DryRun:
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.json", "type": "openapi"}],
        "workflows": [{"workflowId": "w", "inputs": INPUTS, "steps": list(steps)}, *more],
    }
    (tmp_path / "api.json").write_text(json.dumps(API))
    (tmp_path / "a.arazzo.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    library = load([tmp_path / "a.arazzo.yaml"], Settings(store=tmp_path / "s"))
    assert library.errors() == ()
    linked, flow = next(library.workflows())
    return DryRun(linked, flow, Credentials(environ or {})).go({"must": "x", **(inputs or {})})


def last(run: DryRun) -> dict[str, Any]:
    step: dict[str, Any] = dry_run_text.as_json(run)["steps"][-1]
    return step


def looking(value: Any) -> dict[str, Any]:
    return {"stepId": "s", "operationId": "look", "parameters": [{"name": "id", "in": "path", "value": value}]}


def listing(name: str, value: Any) -> dict[str, Any]:
    return {"stepId": "s", "operationId": "list", "parameters": [{"name": name, "in": "query", "value": value}]}


def posting(payload: Any, operation: str = "submit", **body: Any) -> dict[str, Any]:
    return {"stepId": "s", "operationId": operation, "requestBody": {"payload": payload, **body}}


V1 = "https://a.example/v1"


@pytest.mark.parametrize(
    ("step", "url"),
    [
        pytest.param(looking("$inputs.n"), f"{V1}/jobs/a%20b", id="an input is known, and encoded"),
        pytest.param(looking("$steps.submit.outputs.id"), f"{V1}/jobs/{{$steps.submit.outputs.id}}", id="an output"),
        pytest.param(
            looking("$steps.submit.outputs.id#/a/0"), f"{V1}/jobs/{{$steps.submit.outputs.id#/a/0}}", id="a part of one"
        ),
        pytest.param(
            looking("run-{$steps.submit.outputs.id}-x"), f"{V1}/jobs/run-{{$steps.submit.outputs.id}}-x", id="in a text"
        ),
        pytest.param(looking("$steps.submit.outputs.model"), f"{V1}/jobs/m", id="an output that needs no answer"),
        pytest.param(
            listing("ids", ["$steps.submit.outputs.id", "b"]),
            f"{V1}/jobs?ids={{$steps.submit.outputs.id}}%7Cb",
            id="in a list with a delimiter",
        ),
        pytest.param(
            listing("f", {"a": "$steps.submit.outputs.id"}),
            f"{V1}/jobs?f[a]={{$steps.submit.outputs.id}}",
            id="in a deep object",
        ),
        pytest.param(listing("q", "$inputs.level"), f"{V1}/jobs?q=low", id="an input's default"),
        pytest.param(listing("q", "$inputs.model2"), f"{V1}/jobs", id="an absent value takes its parameter with it"),
    ],
)
def test_urls(tmp_path: Path, step: dict[str, Any], url: str) -> None:
    run = run_of(tmp_path, SUBMIT, step, inputs={"n": "a b", "model": "m"})
    shown = last(run)["request"]["url"].replace("%5B", "[").replace("%5D", "]")
    assert shown == url
    assert not run.failed


@pytest.mark.parametrize(
    ("step", "body"),
    [
        pytest.param(
            posting({"id": "$steps.submit.outputs.id", "n": "$inputs.n"}),
            '{"id":"{$steps.submit.outputs.id}","n":3}',
            id="an object",
        ),
        pytest.param(
            posting('{"id": {$steps.submit.outputs.id}, "t": "{$inputs.n}"}'),
            '{"id": {$steps.submit.outputs.id}, "t": "3"}',
            id="a JSON text",
        ),
        pytest.param(
            posting({"a": {"context": "$steps.submit.outputs.id", "selector": '$["b"]', "type": "jsonpath"}}),
            '{"a":"{jsonpath $[\\"b\\"] of $steps.submit.outputs.id}"}',
            id="a selector, escaped",
        ),
        pytest.param(
            posting({"a": 1}, replacements=[{"target": "/a", "value": "$steps.submit.outputs.id"}]),
            '{"a":"{$steps.submit.outputs.id}"}',
            id="a replacement",
        ),
        pytest.param(
            posting({"id": "$steps.submit.outputs.id", "t": "a&b"}, "form"),
            "id={$steps.submit.outputs.id}&t=a%26b",
            id="a form",
        ),
    ],
)
def test_bodies(tmp_path: Path, step: dict[str, Any], body: str) -> None:
    assert last(run_of(tmp_path, SUBMIT, step, inputs={"n": 3}))["request"]["body"] == body


@pytest.mark.parametrize(
    ("operation", "shown", "pasted"),
    [
        ("bearer", {"authorization": "Bearer ****(TOKEN, set)"}, "authorization: Bearer s3cret"),
        ("cookie", {"cookie": "sid=****(SID, set)"}, "cookie: sid=s3cret"),
        (
            "basic",
            {"authorization": "Basic ****(LOGIN, set)"},
            f"authorization: Basic {base64.b64encode(b'user:s3cret').decode()}",
        ),
        ("query", {}, f"{V1}/query?key=s3cret"),
    ],
)
def test_where_credentials_go(tmp_path: Path, operation: str, shown: dict[str, str], pasted: str) -> None:
    run = run_of(tmp_path, {"stepId": "s", "operationId": operation}, environ=SECRETS)
    request = last(run)["request"]
    assert shown.items() <= request["headers"].items()
    assert [need["set"] for need in request["credentials"]] == [True]
    assert operation != "query" or request["url"] == f"{V1}/query?key=****(KEY, set)"
    script = "\n".join(dry_run_text.as_curl(run))
    assert "s3cret" not in script + "\n".join(dry_run_text.as_lines(run))
    assert pasted in words(script, **SECRETS)


def words(script: str, **env: str) -> list[str]:
    """The words that a shell hands to curl."""
    mocked = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{script}"
    path = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "-c", mocked], capture_output=True, text=True, env={**path, **env}, check=True
    ).stdout.splitlines()


def test_a_credential_that_is_not_set_is_named(tmp_path: Path) -> None:
    request = last(run_of(tmp_path, {"stepId": "s", "operationId": "bearer"}))["request"]
    assert request["headers"]["authorization"] == "Bearer ****(TOKEN, not set)"


def test_a_header_of_the_step_takes_the_place_of_the_credential(tmp_path: Path) -> None:
    given = {"name": "Authorization", "in": "header", "value": "Bearer {$steps.submit.outputs.id}"}
    step = {"stepId": "s", "operationId": "bearer", "parameters": [given]}
    request = last(run_of(tmp_path, SUBMIT, step, environ=SECRETS))["request"]
    assert request["headers"]["authorization"] == "Bearer {$steps.submit.outputs.id}"
    assert request["credentials"] == []


HOSTILE = ["it's", '"; rm -rf /; "', "$(touch x)", "`touch x`", "a\\b", "a\nb", "{a,b}[1-3]", "!x", "-d @/etc/passwd"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_pasted_is_quoted(tmp_path: Path, text: str) -> None:
    step = {"stepId": "s", "operationId": "query", "parameters": [{"name": "q", "in": "query", "value": text}]}
    run = run_of(tmp_path, posting(text, contentType="text/plain"), step | {"stepId": "t"}, environ=SECRETS)
    first, _, second = "\n".join(dry_run_text.as_curl(run)).partition("\n\n")
    assert "\n".join(words(first)).endswith(f"--data-raw\n{text}")
    assert last(run)["request"]["url"].replace("****(KEY, set)", "s3cret") in words(second, **SECRETS)


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (looking("$inputs.n"), "path parameter 'id' has no value"),
        (looking("x-{$inputs.n}"), "$inputs.n has no value"),
        (looking("../x"), "must not contain '.' or '..' segments"),
        ({"stepId": "s", "operationId": "nowhere"}, "has no absolute server URL"),
    ],
)
def test_what_is_known_to_go_wrong_is_said_at_the_step(tmp_path: Path, step: dict[str, Any], problem: str) -> None:
    run = run_of(tmp_path, step, posting({}) | {"stepId": "after"})
    first, second = dry_run_text.as_json(run)["steps"]
    assert problem in first["problem"]
    assert first["request"] is None
    assert second["request"] is not None, "the other steps are shown all the same"
    assert run.failed


def test_a_required_input_that_is_missing_is_shown_as_its_expression(tmp_path: Path) -> None:
    run = run_of(tmp_path, looking("$inputs.must"))
    again = DryRun(run.linked, run.workflow, run.credentials, ("must is required",), ("must",)).go({})
    assert last(again)["request"]["url"] == f"{V1}/jobs/{{$inputs.must}}"
    assert again.failed


def test_workflows_inside_are_gone_through(tmp_path: Path) -> None:
    calls = {
        "stepId": "sub",
        "workflowId": "child",
        "parameters": [{"name": "job", "value": "$steps.submit.outputs.id"}, {"name": "known", "value": "k"}],
    }
    inner = [
        looking("$inputs.job") | {"stepId": "one"},
        looking("{$inputs.known}-{$inputs.size}") | {"stepId": "two"},
        looking("$inputs.job#/deep") | {"stepId": "three"},
    ]
    properties = {"job": {}, "known": {}, "size": {"default": 7}}
    child = {
        "workflowId": "child", "inputs": {"properties": properties}, "steps": inner, "outputs": {"o": "$inputs.job"},
    }  # fmt: skip
    after = looking("$steps.sub.outputs.o") | {"stepId": "after"}
    steps = dry_run_text.as_json(run_of(tmp_path, SUBMIT, calls, after, more=(child,)))["steps"]
    assert [step["step"] for step in steps] == ["submit", "sub", "sub/one", "sub/two", "sub/three", "after"]
    assert steps[1]["calls"] == "child"
    assert [step["request"]["url"].removeprefix(f"{V1}/jobs/") for step in steps[2:]] == [
        "{$steps.submit.outputs.id}", "k-7", "{$inputs.job#/deep}", "{$steps.sub.outputs.o}",
    ]  # fmt: skip


def test_what_decides_is_told(tmp_path: Path) -> None:
    step = SUBMIT | {
        "successCriteria": [
            {"condition": "$statusCode == 200"},
            {"context": "$response.body", "type": "jsonpath", "condition": "$.jobs[0]"},
        ],
        "onSuccess": [{"name": "e", "type": "end", "criteria": [{"condition": "$response.body#/done == true"}]}],
        "onFailure": [{"name": "r", "type": "retry", "retryAfter": 1.5, "retryLimit": 2}],
    }
    told = last(run_of(tmp_path, step))
    assert told["success"] == ["$statusCode == 200", "jsonpath $.jobs[0] on $response.body"]
    assert told["on_success"] == ["end when $response.body#/done == true"]
    assert told["on_failure"] == ["retry after 1.5 s, at most 2 times"]
    assert told["outputs"] == {"id": "$response.body#/id", "model": "$inputs.model"}


def test_the_steps_of_many_workflows_inside_one_another_are_cut(tmp_path: Path) -> None:
    more = tuple(
        {"workflowId": f"c{at}", "steps": [{"stepId": s, "workflowId": f"c{at + 1}"} for s in ("a", "b")]}
        for at in range(12)
    )
    leaf = {"workflowId": "c12", "steps": [{"stepId": "s", "operationId": "list"}]}
    run = run_of(tmp_path, {"stepId": "go", "workflowId": "c0"}, more=(*more, leaf))
    assert run.cut
    assert len(run.steps) == MOST_STEPS


@pytest.mark.parametrize("folder", [WORKFLOWS, CORPUS], ids=["shipped", "published"])
def test_every_workflow_can_be_gone_through(tmp_path: Path, folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip("no published documents")
    for linked, flow in load([folder], Settings(store=tmp_path / "s")).workflows():
        run = DryRun(linked, flow, Credentials({})).go({})
        shown = "\n".join(
            [*dry_run_text.as_lines(run), *dry_run_text.as_curl(run), json.dumps(dry_run_text.as_json(run))]
        )
        assert len(run.steps) >= len(flow.steps)
        assert "7182818284" not in shown, "no stand-in is left over"
