"""How a job will be cancelled, as authors and owners say it: `x-on-cancel` in a document, `cancel` in the settings.
What check, the tool, the dry run and the chart say of it, and that a run keeps what it was started with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from arazzo_mcp.app import catalog, load
from arazzo_mcp.arazzo.command import Pace
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.authors.check import report, report_lines
from arazzo_mcp.authors.dry_run import DryRun
from arazzo_mcp.authors.graph import mermaid
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.errors import UsageError
from arazzo_mcp.library import Library, relink
from arazzo_mcp.openapi.cancel import cancel_line
from arazzo_mcp.reading.read import Snapshot
from arazzo_mcp.server.catalog import describe
from arazzo_mcp.settings import Settings, load_settings
from tests.conftest import ROOT

API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "jobs", "version": "1"},
    "servers": [{"url": "https://api.test"}],
    "paths": {
        "/jobs": {"post": {"operationId": "submit", "responses": {"201": {}}}},
        "/jobs/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True}],
            "get": {"operationId": "look", "responses": {"200": {}}},
            "delete": {"operationId": "remove", "responses": {"204": {}}},
        },
        "/jobs/{id}/cancel": {
            "parameters": [{"name": "id", "in": "path", "required": True}],
            "post": {"operationId": "cancelJob", "responses": {"200": {}}},
        },
        "/queue/{job}/stop": {
            "servers": [{"url": "https://queue.test"}],
            "parameters": [{"name": "job", "in": "path", "required": True}],
            "put": {"operationId": "stopJob", "security": [{"key": []}], "responses": {"202": {}}},
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key", "x-arazzo-mcp-env": "QUEUE_KEY"}}
    },
}
SUBMIT = {"stepId": "submit", "operationId": "submit", "outputs": {"id": "$response.body#/id"}}
ID = "$steps.submit.outputs.id"
LOOK = {"stepId": "look", "operationId": "look", "parameters": [{"name": "id", "in": "path", "value": ID}]}
FLOW = {"workflowId": "job", "inputs": {"properties": {}}, "steps": [SUBMIT, LOOK]}
STOP = {"operationId": "stopJob", "parameters": [{"name": "job", "in": "path", "value": ID}]}
OWN = {**FLOW, "x-on-cancel": STOP}


def opened(folder: Path, *flows: dict[str, Any], more: dict[str, Any] | None = None, **settings: Any) -> Library:
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.yaml", "type": "openapi"}],
        "workflows": list(flows),
        **(more or {}),
    }
    (folder / "api.yaml").write_text(yaml.safe_dump(API))
    (folder / "main.arazzo.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return load([folder / "main.arazzo.yaml"], Settings(store=folder / "s", **settings))


def said(library: Library, workflow: str = "job") -> str:
    program = library.descriptions[0].program
    return cancel_line(program, program.description.workflows[workflow])


OVER = {"workflowId": "job", "steps": [{"stepId": "s", "workflowId": "inner"}]}
NO_JOB = {"workflowId": "job", "steps": [{"stepId": "submit", "operationId": "submit"}]}
LINES = {
    "what was found": ([FLOW], {}, "run_cancel also cancels the remote job (POST /jobs/{id}/cancel)."),
    "x-on-cancel": ([OWN], {}, "run_cancel also cancels the remote job, as the workflow says (PUT /queue/{job}/stop)."),
    "of a source turned off": (
        [FLOW],
        {"api": "off"},
        "run_cancel stops the run here; cancelling the remote job is turned off in the settings.",
    ),
    "x-on-cancel of a source turned off": (
        [OWN],
        {"api": "off"},
        "run_cancel also cancels the remote job, as the workflow says (PUT /queue/{job}/stop).",
    ),
    "of a workflow turned off": (
        [OWN],
        {"job": "off"},
        "run_cancel stops the run here; cancelling the remote job is turned off in the settings.",
    ),
    "another operation, even a delete": (
        [FLOW],
        {"api": "remove"},
        "run_cancel also cancels the remote job, as the settings say (DELETE /jobs/{id}).",
    ),
    "another operation by method and path": (
        [FLOW],
        {"api": "delete /jobs/{id}"},
        "run_cancel also cancels the remote job, as the settings say (DELETE /jobs/{id}).",
    ),
    "none": ([NO_JOB], {}, "run_cancel stops the run here; no cancel operation was found in the API."),
    "that of a workflow that it calls": (
        [OVER, {**FLOW, "workflowId": "inner"}],
        {},
        "run_cancel also cancels the remote job (POST /jobs/{id}/cancel).",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("flows", "cancel", "line"), list(LINES.values()), ids=list(LINES))
def test_check_and_the_tool_say_which_it_will_be(
    tmp_path: Path, flows: list[dict[str, Any]], cancel: dict[str, str], line: str
) -> None:
    library = opened(tmp_path, *flows, cancel=cancel)
    assert said(library) == line
    assert line in "\n".join(text.plain for text in report_lines(report(library, Credentials({})), verbose=False))
    assert describe(catalog(library).named("job").offer).endswith(line)


@pytest.mark.parametrize(
    ("flow", "cancel", "by", "operation"),
    [
        (FLOW, {}, "found", "POST /jobs/{id}/cancel"),
        (OWN, {}, "x-on-cancel", "PUT /queue/{job}/stop"),
        (FLOW, {"api": "remove"}, "settings", "DELETE /jobs/{id}"),
        (FLOW, {"api": "off"}, "off", None),
        (NO_JOB, {}, "none", None),
    ],
)
def test_check_says_it_to_programs_too(
    tmp_path: Path, flow: dict[str, Any], cancel: dict[str, str], by: str, operation: str | None
) -> None:
    (served,) = report(opened(tmp_path, flow, cancel=cancel), Credentials({})).as_dict()["workflows"]
    assert (served["cancel_by"], served["cancel_operation"]) == (by, operation)
    assert said(opened(tmp_path, flow, cancel=cancel)) == served["cancel"]


# --- x-on-cancel in a document


def test_the_operation_of_x_on_cancel_is_known_like_that_of_a_step(tmp_path: Path) -> None:
    library = opened(tmp_path, OWN)
    assert library.findings == ()
    (served,) = report(library, Credentials({"QUEUE_KEY": "k"})).as_dict()["workflows"]
    assert served["hosts"] == ["https://api.test", "https://queue.test"]
    assert [need["variable"] for need in served["credentials"]] == ["QUEUE_KEY"]
    assert served["submits"] == ["submit: POST /jobs"], "a cancel submits nothing"
    assert served["steps"] == 2


WRONG = {
    "no such operation": ({"operationId": "stopJb"}, "unknown-operation", "Did you mean 'stopJob'?"),
    "a path parameter is missing": ({"operationId": "stopJob"}, "missing-path-parameter", ""),
    "an unknown step": (
        {**STOP, "parameters": [{"name": "job", "in": "path", "value": "$steps.submt.outputs.id"}]},
        "undeclared-name",
        "Did you mean 'submit'?",
    ),
    "it leads somewhere": ({**STOP, "onFailure": []}, "on-cancel-step", ""),
}


@pytest.mark.parametrize(("step", "code", "hint"), list(WRONG.values()), ids=list(WRONG))
def test_what_is_wrong_with_it_is_said_at_its_place(tmp_path: Path, step: dict[str, Any], code: str, hint: str) -> None:
    library = opened(tmp_path, {**FLOW, "x-on-cancel": step})
    (finding,) = [finding for finding in library.findings if finding.severity == "error"]
    assert finding.code == code
    assert hint in finding.hint
    text = (tmp_path / "main.arazzo.yaml").read_text().splitlines()
    assert finding.where.line > next(at for at, line in enumerate(text) if "x-on-cancel" in line)
    assert finding.where.column
    assert list(library.workflows()) == []


def test_the_one_of_the_readme_is_read() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [found for found in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "x-on-cancel" in found]
    flow = {**yaml.safe_load(block), "steps": [SUBMIT], "inputs": {"properties": {"cancel_reason": {}}}}
    description, findings = parse(Document("readme", {"arazzo": "1.0.1", "workflows": [flow]}))
    assert description is not None
    assert [finding for finding in findings if finding.workflow] == []
    step = description.workflows["render"].on_cancel
    assert step is not None
    assert [parameter.name for parameter in step.parameters] == ["id"]
    assert step.body is not None


def test_the_dry_run_shows_it_last(tmp_path: Path) -> None:
    (linked,) = opened(tmp_path, {**OWN, "x-on-cancel": {"stepId": "stop", **STOP}}).descriptions
    run = DryRun(linked, linked.program.description.workflows["job"], Credentials({})).go({})
    assert [step.name for step in run.steps] == ["submit", "look", "stop (x-on-cancel)"]
    last = run.steps[-1].request
    assert last is not None
    assert last.method == "PUT"
    assert last.url.startswith("https://queue.test/queue/")


def test_the_chart_shows_it(tmp_path: Path) -> None:
    (linked,) = opened(tmp_path, OWN).descriptions
    chart = mermaid(linked.program, linked.program.description.workflows["job"])
    assert '  cancel["x-on-cancel<br/>PUT /queue/{job}/stop"]' in chart
    assert 'start -. "when cancelled" .-> cancel' in chart


def test_an_input_that_only_the_cancel_uses_is_offered_and_not_required(tmp_path: Path) -> None:
    stop = {**STOP, "requestBody": {"payload": {"reason": "$inputs.reason"}}}
    library = opened(tmp_path, {**FLOW, "x-on-cancel": stop})
    schema = catalog(library).named("job").schema
    assert "reason" in schema["properties"]
    assert "reason" not in schema.get("required", ())


def test_of_another_description_it_calls_that_ones_operation(tmp_path: Path) -> None:
    opened(tmp_path, OWN)
    (tmp_path / "inner.arazzo.yaml").write_text((tmp_path / "main.arazzo.yaml").read_text())
    more = {"sourceDescriptions": [{"name": "inner", "url": "inner.arazzo.yaml", "type": "arazzo"}]}
    sub = {"workflowId": "over", "steps": [{"stepId": "s", "workflowId": "$sourceDescriptions.inner.job"}]}
    (linked,) = opened(tmp_path, sub, more=more).descriptions
    for plans in linked.program.cancels.values():
        assert all(linked.operation(plan.target).key == plan.target.operation for plan in plans)
    plans = linked.program.cancels["$sourceDescriptions.inner.job"]
    assert [plan.target.operation for plan in plans] == ["PUT /queue/{job}/stop", "POST /jobs/{id}/cancel"]


# --- the settings

MISUSES = {
    "a source that is not there": ({"apy": "off"}, "cancel apy: no document has a source or a workflow .*'api'"),
    "a workflow that is not there": ({"jobs": "off"}, "cancel jobs: .*'job'"),
    "a workflow with an operation": ({"job": "remove"}, "cancel job: of a workflow it can only be 'off'"),
    "an operation that is not there": ({"api": "remov"}, "no operation 'remov'. Did you mean 'remove'"),
    "nothing": ({"api": ""}, "no operation ''"),
}


@pytest.mark.parametrize(("cancel", "message"), list(MISUSES.values()), ids=list(MISUSES))
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, cancel: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        opened(tmp_path, FLOW, cancel=cancel)


def test_an_operation_that_a_workflow_cannot_fill_is_a_finding(tmp_path: Path) -> None:
    library = opened(tmp_path, FLOW, {**OWN, "workflowId": "own"}, cancel={"api": "stopJob"})
    (finding,) = library.findings
    assert (finding.code, finding.severity, finding.workflow) == ("cancel-setting", "warning", "job")
    assert "no step gives its path parameter 'job'" in finding.message
    assert said(library).startswith("run_cancel stops the run here")
    assert len(list(library.workflows())) == 2


def test_where_a_workflow_is_turned_off_nothing_is_said_of_its_source(tmp_path: Path) -> None:
    library = opened(tmp_path, FLOW, {**OWN, "workflowId": "own"}, cancel={"api": "stopJob", "job": "off"})
    assert library.findings == ()


def test_settings_come_from_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[cancel]\napi = "off"\n')
    assert load_settings(file).cancel == {"api": "off"}
    monkeypatch.setenv("ARAZZO_MCP_CANCEL", '{"api": "remove"}')
    assert load_settings(file).cancel == {"api": "remove"}


def test_a_run_keeps_the_settings_that_it_was_started_with(tmp_path: Path) -> None:
    (plain,) = opened(tmp_path, FLOW).descriptions
    (linked,) = opened(tmp_path, FLOW, cancel={"api": "remove"}).descriptions
    assert linked.digest != plain.digest
    assert "cancel" not in json.loads(plain.snapshot.to_json()), "what needs no setting is named as ever"
    again = relink(Snapshot.from_json(linked.snapshot.to_json()), Pace())
    assert again.digest == linked.digest
    assert again.program.cancels == linked.program.cancels
    assert again.program.cancels != plain.program.cancels


def test_settings_of_other_documents_do_not_change_what_is_pinned(tmp_path: Path) -> None:
    (plain,) = opened(tmp_path, FLOW).descriptions
    other = tmp_path / "other"
    other.mkdir()
    opened(other, {**FLOW, "workflowId": "another"})
    library = load(
        [tmp_path / "main.arazzo.yaml", other / "main.arazzo.yaml"],
        Settings(store=tmp_path / "s", cancel={"another": "off"}),
    )
    assert library.descriptions[0].digest == plain.digest
