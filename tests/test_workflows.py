"""What ships in workflows/: it checks clean to the letter, and runs against the providers as they really answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.demo.providers import ServedProviders
from arazzo_mcp.engine.run import Run
from arazzo_mcp.settings import Settings
from tests.conftest import WORKFLOWS

ENVIRON = {"FAL_KEY": "k", "REPLICATE_API_TOKEN": "r", "WM_TOKEN": "w"}
FAL = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux"}


def settings(tmp_path: Path, served: ServedProviders | None = None) -> Settings:
    servers = {} if served is None else {
        "fal": served.fal_url, "replicate": served.replicate_url, "windmill": served.windmill_url,
    }  # fmt: skip
    return Settings(store=tmp_path / "runs.sqlite3", servers=servers)


async def ran(tmp_path: Path, served: ServedProviders, tool: str, inputs: dict[str, Any]) -> Run:
    chosen = settings(tmp_path, served)
    library = load([WORKFLOWS], chosen)
    entry = catalog(library).named(tool)
    async with open_engine(library, chosen, take_over=False, environ=ENVIRON) as engine:
        run = await engine.start(
            entry.offer.program_digest, entry.offer.document, entry.offer.workflow.id, entry.inputs(inputs)
        )
        with anyio.fail_after(50):
            return await engine.wait(run.id, "", 50)


def test_everything_checks_clean_to_the_letter(tmp_path: Path) -> None:
    library = load([WORKFLOWS], Settings(strict=True, store=tmp_path / "x"))
    assert library.findings == ()
    assert {flow.id for _, flow in library.workflows()} == {
        "fal-queue-inference", "fal-submit-and-cancel", "replicate-predict", "windmill-run-script",
    }  # fmt: skip


def test_no_workflow_asks_the_model_for_a_credential(tmp_path: Path) -> None:
    for entry in catalog(load([WORKFLOWS], settings(tmp_path))).entries.values():
        assert not {"token", "apiToken", "key", "apiKey"} & set(entry.schema["properties"])


def test_every_job_can_be_cancelled(tmp_path: Path) -> None:
    for linked, flow in load([WORKFLOWS], settings(tmp_path)).workflows():
        assert linked.program.cancels[flow.id], flow.id


@pytest.mark.anyio
async def test_fal_to_its_result(tmp_path: Path, providers: ServedProviders) -> None:
    prompt = {"prompt": "p", "_demo": {"polls": 2}}
    run = await ran(tmp_path, providers, "fal-queue-inference", {**FAL, "input": prompt})
    assert run.outcome is not None
    assert run.outcome.status == "completed"
    assert run.outcome.outputs["result"]["prompt"] == "p"
    (job,) = providers.record.jobs
    one = f"/fal/fal-ai/flux/requests/{job.id}"
    assert [(r.method, r.path, r.status) for r in providers.record.requests] == [
        ("POST", "/fal/fal-ai/flux/schnell", 200),
        ("GET", f"{one}/status", 202),
        ("GET", f"{one}/status", 200),
        ("GET", one, 200),
    ]


@pytest.mark.anyio
async def test_fal_tells_how_far_it_is(tmp_path: Path, providers: ServedProviders) -> None:
    chosen = settings(tmp_path, providers)
    library = load([WORKFLOWS], chosen)
    offer = catalog(library).named("fal-queue-inference").offer
    slow = {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": 3.5}}
    said = []
    async with open_engine(library, chosen, take_over=False, environ=ENVIRON) as engine:
        run = await engine.start(offer.program_digest, offer.document, offer.workflow.id, {**FAL, "input": slow})
        with anyio.fail_after(50):
            while not run.ended:
                run = await engine.wait(run.id, "", 50, run.news())
                said.append(run.says())
    assert any(one.startswith("IN_PROGRESS") and one.endswith("%, Step 2/4") for one in said), said
    assert run.state.upstream["status"] == "COMPLETED"
    assert run.state.upstream["metrics"]["inference"] > 3, "what the result says of itself"


@pytest.mark.anyio
async def test_fal_tells_why_a_model_failed(tmp_path: Path, providers: ServedProviders) -> None:
    broken = {"prompt": "p", "_demo": {"polls": 1, "outcome": "failure"}}
    run = await ran(tmp_path, providers, "fal-queue-inference", {**FAL, "input": broken})
    assert run.outcome is not None
    assert run.outcome.status == "failed"
    assert run.outcome.error is not None
    assert run.outcome.error["http_status"] == 422
    assert run.state.upstream["status"] == "COMPLETED"
    assert not run.may_live_on, "the job is over: nothing is left to be cancelled"
    assert run.outcome.error["provider"]


@pytest.mark.anyio
async def test_fal_takes_the_app_alone_after_the_submit(tmp_path: Path, providers: ServedProviders) -> None:
    from arazzo_mcp.errors import InvalidInputs

    with pytest.raises(InvalidInputs, match="app"):
        await ran(tmp_path, providers, "fal-queue-inference", {**FAL, "app": "fal-ai/flux/schnell", "input": {}})
    assert providers.record.requests == []


@pytest.mark.anyio
@pytest.mark.timeout(90)
async def test_fal_cancels_what_is_not_done_in_time(tmp_path: Path, providers: ServedProviders) -> None:
    slow = {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": 600}}
    run = await ran(tmp_path, providers, "fal-submit-and-cancel", {**FAL, "input": slow})
    assert run.outcome is not None
    assert run.outcome.status == "completed"
    assert run.outcome.outputs["cancel_status"] == "CANCELLATION_REQUESTED"
    assert "result" not in run.outcome.outputs
    assert [job.view().state.value for job in providers.record.jobs] == ["cancelled"]


@pytest.mark.anyio
async def test_replicate_to_its_output(tmp_path: Path, providers: ServedProviders) -> None:
    inputs = {"version": "v1", "input": {"prompt": "p", "_demo": {"polls": 2}}}
    run = await ran(tmp_path, providers, "replicate-predict", inputs)
    assert run.outcome is not None
    assert run.outcome.status == "completed"
    assert run.outcome.outputs["output"]
    assert {r.headers["authorization"] for r in providers.record.requests} == {"Bearer r"}


@pytest.mark.anyio
async def test_replicate_fails_when_the_prediction_does(tmp_path: Path, providers: ServedProviders) -> None:
    inputs = {"version": "v1", "input": {"prompt": "p", "_demo": {"polls": 1, "outcome": "failure"}}}
    run = await ran(tmp_path, providers, "replicate-predict", inputs)
    assert run.outcome is not None
    assert run.outcome.status == "failed"
    assert run.outcome.outputs["status"] == "failed"
    assert run.outcome.outputs["error"]


@pytest.mark.anyio
async def test_windmill_to_its_result(tmp_path: Path, providers: ServedProviders) -> None:
    inputs = {"workspace": "acme", "path": "f/a/b", "args": {"x": 1, "_demo": {"polls": 2}}}
    run = await ran(tmp_path, providers, "windmill-run-script", inputs)
    assert run.outcome is not None
    assert run.outcome.status == "completed", run.outcome.error
    assert run.outcome.outputs["success"] is True
    assert providers.record.requests[0].path == "/windmill/api/w/acme/jobs/run/p/f/a/b"
    assert {r.headers["authorization"] for r in providers.record.requests} == {"Bearer w"}


@pytest.mark.anyio
@pytest.mark.parametrize("provider", ["fal", "replicate", "windmill"])
async def test_a_cancelled_run_is_cancelled_in_the_providers_own_record(
    tmp_path: Path, providers: ServedProviders, provider: str
) -> None:
    slow = {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": 600}}
    tool, inputs = {
        "fal": ("fal-queue-inference", {**FAL, "input": slow}),
        "replicate": ("replicate-predict", {"version": "v1", "input": slow}),
        "windmill": ("windmill-run-script", {"workspace": "acme", "path": "f/a", "args": slow}),
    }[provider]
    chosen = settings(tmp_path, providers)
    library = load([WORKFLOWS], chosen)
    offer = catalog(library).named(tool).offer
    async with open_engine(library, chosen, take_over=False, environ=ENVIRON) as engine:
        run = await engine.start(offer.program_digest, offer.document, offer.workflow.id, inputs)  # type: ignore[arg-type]
        while run.state.calls < 2:
            run = await engine.wait(run.id, "", 5, run.fingerprint())
        await engine.cancel(run.id)
        run = await engine.wait(run.id, "", 10)
    assert run.status == "cancelled"
    assert run.state.remote in ("cancelled", "cancel_requested")
    (job,) = providers.record.jobs
    assert job.view().state.value == "cancelled"
    assert providers.record.submits(job) == 1
