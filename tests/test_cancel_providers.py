"""`run_cancel` through a real MCP client, proven by the providers' own record: fal, Replicate and Windmill, with the
workflows that ship and with published ones, byte for byte. Each run is held in the middle of a poll: what follows is
the cancel and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from mcp import Client
from starlette.types import Receive, Scope, Send

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.demo.providers import Providers, ServedProviders, serve_app
from arazzo_mcp.server.tools import build_server
from arazzo_mcp.settings import Settings
from tests.conftest import ERAS, SEEDS, WORKFLOWS, http_server
from tests.test_published import FAL, REPLICATE, WINDMILL

pytestmark = pytest.mark.anyio

ENVIRON = {"FAL_KEY": "fal-key", "REPLICATE_API_TOKEN": "r8-token", "WM_TOKEN": "wm-token"}
PROMPT = {"prompt": "a lighthouse", "_demo": {"queue_seconds": 0, "run_seconds": 600}}
SHIPPED_FAL = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": PROMPT}
SEED_FAL = {"modelOwner": "fal-ai", "modelName": "flux/schnell", "input": PROMPT}


@dataclass
class Gate:
    """The providers behind a door that holds what is asked with some method, until it is opened."""

    app: Any
    holds: Callable[[str, str], bool] = lambda method, _path: method == "GET"
    reached: anyio.Event = field(default_factory=anyio.Event)
    opened: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.holds(scope["method"], scope["path"]):
            self.reached.set()
            await self.opened.wait()
        await self.app(scope, receive, send)


@asynccontextmanager
async def gated(*, published: bool, holds: Callable[[str, str], bool] | None = None) -> AsyncIterator[Any]:
    providers = Providers(published_status_codes=published)
    gate = Gate(providers.app, holds) if holds else Gate(providers.app)
    async with serve_app(gate) as url:
        try:
            yield gate, ServedProviders(url, providers.record)
        finally:
            gate.opened.set()


def settings(served: ServedProviders, store: Path, *, published: bool, **more: Any) -> Settings:
    names = ("falModelApis", "replicateApi", "windmillApi") if published else ("fal", "replicate", "windmill")
    urls = (served.fal_url, served.replicate_url, served.windmill_url)
    sources = dict(zip(names, (FAL, REPLICATE, WINDMILL), strict=True)) if published else {}
    return Settings(sources=sources, servers=dict(zip(names, urls, strict=True)), store=store, **more)


@asynccontextmanager
async def connected(documents: Path, chosen: Settings, era: str) -> AsyncIterator[Client]:
    library = load([documents], chosen)
    async with (
        open_engine(library, chosen, take_over=False, environ=ENVIRON) as engine,
        Client(build_server(engine, catalog(library), 0.1), mode=era, raise_exceptions=True) as client,
    ):
        yield client


async def called(client: Client, tool: str, inputs: dict[str, Any]) -> dict[str, Any]:
    envelope = (await client.call_tool(tool, inputs)).structured_content
    assert envelope is not None
    return envelope


async def cancelled(client: Client, gate: Gate, tool: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What run_cancel says of a run that is in the middle of its first poll."""
    started = await called(client, tool, inputs)
    with anyio.fail_after(20):
        await gate.reached.wait()
    return await called(client, "run_cancel", {"run_id": started["run_id"]})


@dataclass(frozen=True)
class Story:
    """A workflow, and what the provider is asked in all: `{job}` stands for the job's id."""

    tool: str
    inputs: dict[str, Any]
    remote: str
    asked: tuple[str, ...]
    authorization: str


SHIPPED = [
    Story(
        "fal-queue-inference", SHIPPED_FAL, "cancel_requested",
        ("POST /fal/fal-ai/flux/schnell", "PUT /fal/fal-ai/flux/requests/{job}/cancel"), "Key fal-key",
    ),
    Story(
        "fal-submit-and-cancel", SHIPPED_FAL, "cancel_requested",
        ("POST /fal/fal-ai/flux/schnell", "PUT /fal/fal-ai/flux/requests/{job}/cancel"), "Key fal-key",
    ),
    Story(
        "replicate-predict", {"version": "v1", "input": PROMPT}, "cancelled",
        ("POST /replicate/v1/predictions", "POST /replicate/v1/predictions/{job}/cancel"), "Bearer r8-token",
    ),
    Story(
        "windmill-run-script", {"workspace": "acme", "path": "f/a/b", "args": PROMPT}, "cancel_requested",
        ("POST /windmill/api/w/acme/jobs/run/p/f/a/b", "POST /windmill/api/w/acme/jobs_u/queue/cancel/{job}"),
        "Bearer wm-token",
    ),
]  # fmt: skip
PUBLISHED = [
    Story(
        "queue-inference", SEED_FAL, "cancel_requested",
        ("POST /fal/fal-ai/flux/schnell", "PUT /fal/fal-ai/flux/schnell/requests/{job}/cancel"), "Key fal-key",
    ),
    Story(
        "submit-and-cancel", SEED_FAL, "cancel_requested",
        ("POST /fal/fal-ai/flux/schnell", "PUT /fal/fal-ai/flux/schnell/requests/{job}/cancel"), "Key fal-key",
    ),
    Story(
        "predict-with-timeout-cancel", {"apiToken": "r8-own", "version": "v1", "input": PROMPT}, "cancelled",
        ("POST /replicate/v1/predictions", "POST /replicate/v1/predictions/{job}/cancel"), "Bearer r8-own",
    ),
    Story(
        "run-script-with-cancel-guard",
        {"token": "wm-own", "workspace": "acme", "path": "f/a/b", "args": PROMPT, "cancelReason": "too slow"},
        "cancel_requested",
        ("POST /windmill/api/w/acme/jobs/run/p/f/a/b", "POST /windmill/api/w/acme/jobs_u/queue/cancel/{job}"),
        "Bearer wm-own",
    ),
]  # fmt: skip


async def play(story: Story, documents: Path, tmp_path: Path, era: str, *, published: bool) -> None:
    async with gated(published=published) as (gate, served):
        chosen = settings(served, tmp_path / "runs.sqlite3", published=published)
        async with connected(documents, chosen, era) as client:
            envelope = await cancelled(client, gate, story.tool, story.inputs)
            again = await called(client, "run_cancel", {"run_id": envelope["run_id"]})
    assert (envelope["status"], envelope["remote"]) == ("cancelled", story.remote)
    assert envelope["upstream"]["cancel"].startswith("2"), "the provider's own words"
    assert (again["status"], again["remote"]) == ("cancelled", story.remote)
    (job,) = served.record.jobs
    assert job.view().state.value == "cancelled"
    assert served.record.submits(job) == 1
    sent = [r for r in served.record.requests if r.method != "GET"]  # the poll was held, and then cut
    assert tuple(f"{r.method} {r.path}" for r in sent) == tuple(one.format(job=job.id) for one in story.asked)
    assert {r.headers["authorization"] for r in sent} == {story.authorization}
    if "cancelReason" in story.inputs:
        assert job.cancel_reason == story.inputs["cancelReason"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("story", SHIPPED, ids=lambda story: story.tool)
async def test_what_ships(story: Story, tmp_path: Path, era: str) -> None:
    await play(story, WORKFLOWS, tmp_path, era, published=False)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("story", PUBLISHED, ids=lambda story: story.tool)
async def test_what_is_published(story: Story, tmp_path: Path, era: str) -> None:
    await play(story, SEEDS, tmp_path, era, published=True)


# --- as the author and the owner say it


def with_own_cancel(folder: Path, step: dict[str, Any]) -> Path:
    """The fal workflows that ship, with an `x-on-cancel`."""
    document = yaml.safe_load((WORKFLOWS / "fal.arazzo.yaml").read_text())
    for flow in document["workflows"]:
        flow["x-on-cancel"] = step
    (folder / "fal.openapi.yaml").write_bytes((WORKFLOWS / "fal.openapi.yaml").read_bytes())
    (folder / "own.arazzo.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder / "own.arazzo.yaml"


def own_step(path: Path) -> dict[str, Any]:
    """The cancel step of the shipped workflow as an x-on-cancel."""
    document = yaml.safe_load((path / "fal.arazzo.yaml").read_text())
    steps = [step for flow in document["workflows"] for step in flow["steps"] if step["stepId"] == "cancel"]
    return {key: steps[0][key] for key in ("operationId", "parameters")}


async def test_the_workflows_own_step_reaches_the_provider(tmp_path: Path) -> None:
    step = own_step(WORKFLOWS)
    step["parameters"] = [*step["parameters"], {"name": "X-Reason", "in": "header", "value": "asked of {$inputs.app}"}]
    async with gated(published=False) as (gate, served):
        chosen = settings(served, tmp_path / "runs.sqlite3", published=False)
        chosen = chosen.model_copy(update={"servers": {"fal": served.fal_url}})
        async with connected(with_own_cancel(tmp_path, step), chosen, "auto") as client:
            (tool,) = [t for t in (await client.list_tools()).tools if t.name == "fal-queue-inference"]
            envelope = await cancelled(client, gate, "fal-queue-inference", SHIPPED_FAL)
    assert "as the workflow says (PUT " in str(tool.description)
    assert (envelope["status"], envelope["remote"]) == ("cancelled", "cancel_requested")
    (job,) = served.record.jobs
    assert job.view().state.value == "cancelled"
    (sent,) = [r for r in served.record.requests if r.path.endswith("/cancel")]
    assert sent.headers["x-reason"] == "asked of fal-ai/flux", "its own parameters go along, and no others"


async def test_turned_off_it_stops_the_run_and_says_that_the_job_lives_on(tmp_path: Path) -> None:
    async with gated(published=False) as (gate, served):
        chosen = settings(served, tmp_path / "runs.sqlite3", published=False, cancel={"fal": "off"})
        async with connected(WORKFLOWS, chosen, "auto") as client:
            envelope = await cancelled(client, gate, "fal-queue-inference", SHIPPED_FAL)
    assert (envelope["status"], envelope["remote"]) == ("cancelled", "unsupported")
    assert "may still run and be billed" in envelope["next"]
    (job,) = served.record.jobs
    assert job.view().state.value == "running"
    assert not [r for r in served.record.requests if r.path.endswith("/cancel")]


async def test_a_server_that_is_killed_in_the_middle_of_a_cancel(tmp_path: Path) -> None:
    """The provider takes the cancel, but its answer reaches nobody. The next server asks again, is told that the job is
    over, and does not call the run completed."""
    store = tmp_path / "runs.sqlite3"
    async with gated(published=False, holds=lambda _method, path: path.endswith("/cancel")) as (gate, served):
        document = WORKFLOWS / "fal.arazzo.yaml"
        given = [document, "--server", f"fal={served.fal_url}", "--store", store, "--wait-seconds", "0.2"]
        async with http_server(*given, env=ENVIRON) as server:
            async with Client(server.mcp) as client:
                started = await called(client, "fal-queue-inference", SHIPPED_FAL)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(called, client, "run_cancel", {"run_id": started["run_id"]})
                    with anyio.fail_after(20):
                        await gate.reached.wait()
                    tasks.cancel_scope.cancel()
            await server.kill()
        gate.opened.set()
        async with http_server(*given, env=ENVIRON) as server, Client(server.mcp) as client:
            with anyio.fail_after(40):
                while (ended := await called(client, "run_status", {"run_id": started["run_id"], "wait_seconds": 5}))[
                    "status"
                ] == "working":
                    assert ended["next"]
    assert (ended["status"], ended["remote"]) == ("cancelled", "cancel_requested")
    (job,) = served.record.jobs
    assert job.view().state.value == "cancelled"
    assert served.record.submits(job) == 1
