"""How the job of a workflow is cancelled, found from the descriptions alone. What is *not* found matters most: the
wrong operation would stop, or destroy, something else."""

from __future__ import annotations

from typing import Any

import pytest

from arazzo_mcp.arazzo.command import CancelPlan, Target
from arazzo_mcp.arazzo.model import Workflow
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.arazzo.template import Literal
from arazzo_mcp.openapi.cancel import cancel_plans
from arazzo_mcp.openapi.parse import OpenApi


def _plans(operations: list[str], steps: list[dict[str, Any]], **details: Any) -> list[str]:
    return [f"{plan.target.operation} as {plan.step}" for plan in _found(operations, steps, **details)]


def _found(operations: list[str], steps: list[dict[str, Any]], **details: Any) -> tuple[CancelPlan, ...]:
    """operations: `METHOD /path`; a step calls one by `call` and gives its path parameters by `give`."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        method, path = operation.split(" ")
        paths.setdefault(path, {})[method.lower()] = details.get(operation, {})
    workflow = _workflow(steps)
    targets = {
        ("main", step["stepId"]): Target("api", step["call"], step["call"].split(" ")[0])
        for step in steps
        if "call" in step
    }
    return cancel_plans(workflow, targets, {"api": OpenApi("api", {"openapi": "3.1.0", "paths": paths})})


def _workflow(steps: list[dict[str, Any]]) -> Workflow:
    nodes = [
        {
            "stepId": step["stepId"],
            **({"operationId": "x"} if "call" in step else {"workflowId": "main"}),
            "parameters": [
                *({"name": name, "in": "path", "value": value} for name, value in step.get("give", {}).items()),
                *step.get("also", []),
            ],
            "outputs": {"id": "$response.body#/id"},
            **step.get("more", {}),
        }
        for step in steps
    ]
    inputs = {"properties": {name: {} for name in ("model", "workspace", "id", "key")}}
    data = {"arazzo": "1.0.1", "workflows": [{"workflowId": "main", "inputs": inputs, "steps": nodes}]}
    description, findings = parse(Document("case.yaml", data))
    assert description is not None
    assert not [finding for finding in findings if finding.severity == "error"], findings
    return description.workflows["main"]


FAL = [
    "POST /{model}",
    "GET /{model}/requests/{id}/status",
    "GET /{model}/requests/{id}",
    "PUT /{model}/requests/{id}/cancel",
]
REPLICATE = [
    "POST /models/{owner}/{name}/predictions",
    "POST /predictions",
    "GET /predictions/{id}",
    "POST /predictions/{id}/cancel",
    "POST /trainings/{id}/cancel",
]
WINDMILL = [
    "POST /w/{workspace}/jobs/run/f/{path}",
    "GET /w/{workspace}/jobs_u/completed/get_result_maybe/{id}",
    "POST /w/{workspace}/jobs_u/queue/cancel/{id}",
    "POST /w/{workspace}/jobs_u/queue/force_cancel/{id}",
    "POST /w/{workspace}/schedules/cancel/{id}",
]
JOB = {"stepId": "submit", "call": "POST /jobs"}
ID = "$steps.submit.outputs.id"


def test_fal() -> None:
    steps = [
        {"stepId": "submit", "call": FAL[0], "give": {"model": "$inputs.model"}},
        {"stepId": "poll", "call": FAL[1], "give": {"model": "$inputs.model", "id": ID}},
        {"stepId": "fetch", "call": FAL[2], "give": {"model": "$inputs.model", "id": ID}},
    ]
    assert _plans(FAL, steps)[0] == "PUT /{model}/requests/{id}/cancel as poll"
    plan = _found(FAL, steps)[0]
    assert plan.needs == {"model", "id"}
    assert {parameter.name for parameter in plan.parameters} == {"model", "id"}
    assert plan.body is None
    assert plan.target.method == "PUT"


def test_replicate() -> None:
    steps = [
        {"stepId": "submit", "call": "POST /predictions"},
        {"stepId": "poll", "call": "GET /predictions/{id}", "give": {"id": ID}},
    ]
    assert _plans(REPLICATE, steps) == ["POST /predictions/{id}/cancel as poll"]


def test_windmill() -> None:
    steps = [
        {"stepId": "submit", "call": WINDMILL[0], "give": {"workspace": "$inputs.workspace", "path": "f/x"}},
        {"stepId": "poll", "call": WINDMILL[1], "give": {"workspace": "$inputs.workspace", "id": ID}},
    ]
    assert _plans(WINDMILL, steps) == ["POST /w/{workspace}/jobs_u/queue/cancel/{id} as poll"]


def test_a_required_body_is_empty() -> None:
    details = {"POST /jobs/{id}/cancel": {"requestBody": {"required": True, "content": {"application/json": {}}}}}
    steps = [JOB, {"stepId": "poll", "call": "GET /jobs/{id}", "give": {"id": ID}}]
    plan = _found(["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/cancel"], steps, **details)[0]
    assert plan.body is not None
    assert plan.body.payload == Literal({})


def test_headers_of_the_step_go_along_and_its_query_does_not() -> None:
    also = [
        {"name": "Authorization", "in": "header", "value": "$inputs.key"},
        {"name": "logs", "in": "query", "value": 1},
    ]
    steps = [JOB, {"stepId": "poll", "call": "GET /jobs/{id}", "give": {"id": ID}, "also": also}]
    plan = _found(["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/cancel"], steps)[0]
    assert [parameter.name for parameter in plan.parameters] == ["id", "Authorization"]


def test_the_workflows_own_cancel_step_comes_first_with_all_that_it_gives() -> None:
    operations = ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/stop", "POST /jobs/{id}/cancel"]
    own = {
        "stepId": "stop",
        "call": "POST /jobs/{id}/stop",
        "give": {"id": ID},
        "also": [{"name": "force", "in": "query", "value": True}],
        "more": {"requestBody": {"payload": {"reason": "asked"}}},
    }
    steps = [JOB, {"stepId": "poll", "call": "GET /jobs/{id}", "give": {"id": ID}}, own]
    plans = _found(operations, steps)
    assert plans[0].target.operation == "POST /jobs/{id}/stop"
    assert plans[0].step == "stop"
    assert [parameter.name for parameter in plans[0].parameters] == ["id", "force"]
    assert plans[0].body is not None
    assert "POST /jobs/{id}/cancel" in [plan.target.operation for plan in plans]


def test_the_nearest_of_several_candidates_comes_first() -> None:
    operations = [
        "POST /jobs",
        "GET /jobs/{id}/runs/{run}",
        "POST /jobs/{id}/runs/{run}/cancel",
        "POST /jobs/{id}/cancel",
    ]
    steps = [
        JOB,
        {"stepId": "run", "call": "GET /jobs/{id}/runs/{run}", "give": {"id": ID, "run": "$steps.submit.outputs.run"}},
    ]
    assert _plans(operations, steps)[0] == "POST /jobs/{id}/runs/{run}/cancel as run"


@pytest.mark.parametrize("verb", ["cancel", "abort", "terminate", "stop", "kill", "Cancel"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_verbs_and_methods(verb: str, method: str) -> None:
    operation = f"{method} /jobs/{{id}}/{verb}"
    steps = [JOB, {"stepId": "poll", "call": "GET /jobs/{id}", "give": {"id": ID}}]
    assert _plans(["POST /jobs", "GET /jobs/{id}", operation], steps) == [f"{operation} as poll"]


POLL = {"stepId": "poll", "call": "GET /jobs/{id}", "give": {"id": ID}}

NEVER: list[tuple[str, list[str], list[dict[str, Any]]]] = [
    ("there is none", ["POST /jobs", "GET /jobs/{id}"], [JOB, POLL]),
    ("a delete is no cancel", ["POST /jobs", "GET /jobs/{id}", "DELETE /jobs/{id}"], [JOB, POLL]),
    ("a delete that is called cancel", ["POST /jobs", "GET /jobs/{id}", "DELETE /jobs/{id}/cancel"], [JOB, POLL]),
    ("a get that is called cancel", ["POST /jobs", "GET /jobs/{id}", "GET /jobs/{id}/cancel"], [JOB, POLL]),
    ("a word that only holds the verb", ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/stopwatch"], [JOB, POLL]),
    (
        "a path that goes on after the verb",
        ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/cancel/undo"],
        [JOB, POLL],
    ),
    ("every job at once", ["POST /jobs", "GET /jobs/{id}", "POST /jobs/cancel"], [JOB, POLL]),
    (
        "a parameter that the step does not give",
        ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/parts/{part}/cancel"],
        [JOB, POLL],
    ),
    ("another name of the parameter", ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{job_id}/cancel"], [JOB, POLL]),
    ("another resource", ["POST /jobs", "GET /jobs/{id}", "POST /orders/{id}/cancel"], [JOB, POLL]),
    (
        "another resource under the same version",
        ["POST /v1/jobs", "GET /v1/jobs/{id}", "POST /v1/subscriptions/{id}/cancel"],
        [{"stepId": "submit", "call": "POST /v1/jobs"}, {**POLL, "call": "GET /v1/jobs/{id}"}],
    ),
    (
        "another resource of the same tenant",
        ["POST /t/{workspace}/jobs", "GET /t/{workspace}/jobs/{id}", "POST /t/{workspace}/flows/cancel/{id}"],
        [
            {"stepId": "submit", "call": "POST /t/{workspace}/jobs", "give": {"workspace": "$inputs.workspace"}},
            {**POLL, "call": "GET /t/{workspace}/jobs/{id}", "give": {"workspace": "$inputs.workspace", "id": ID}},
        ],
    ),
    (
        "what the caller named was not started by the run",
        ["GET /jobs/{id}", "POST /jobs/{id}/cancel"],
        [{**POLL, "give": {"id": "$inputs.id"}}],
    ),
    (
        "what the run only looked up was not started by it",
        ["GET /orders", "GET /orders/{id}", "POST /orders/{id}/cancel"],
        [
            {"stepId": "submit", "call": "GET /orders"},
            {"stepId": "poll", "call": "GET /orders/{id}", "give": {"id": ID}},
        ],
    ),
    (
        "a constant names no job of the run",
        ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/cancel"],
        [JOB, {**POLL, "give": {"id": "main"}}],
    ),
]


@pytest.mark.parametrize(("operations", "steps"), [row[1:] for row in NEVER], ids=[row[0] for row in NEVER])
def test_what_is_never_called(operations: list[str], steps: list[dict[str, Any]]) -> None:
    assert _plans(operations, steps) == []
