"""What a run may take, how many there may be, and how gently a provider is asked: over a real store and real HTTP."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arazzo_mcp.app import catalog, load, open_engine, open_server
from arazzo_mcp.arazzo.command import Precision, Wait
from arazzo_mcp.arazzo.patience import TAKEN, patience
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.arazzo.state import Frame, State
from arazzo_mcp.demo.providers import serve_app
from arazzo_mcp.engine.limits import MOST_SPREAD, kept_for
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.errors import TooManyRuns, UsageError
from arazzo_mcp.http.gate import Gate
from arazzo_mcp.settings import Settings, load_settings
from tests.conftest import http_server

pytestmark = pytest.mark.anyio

API = """
openapi: 3.1.0
info: {title: jobs, version: '1'}
servers: [{url: 'URL'}]
paths:
  /jobs:
    post: {operationId: submit}
  /jobs/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: look}
  /jobs/{id}/cancel:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    post: {operationId: cancel}
"""
FLOW = """
arazzo: 1.0.1
info: {title: jobs, version: '1'}
sourceDescriptions: [{name: api, url: jobs.openapi.yaml, type: openapi}]
workflows:
- workflowId: job
  steps:
  - stepId: submit
    operationId: submit
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {id: $response.body#/id}
  - stepId: poll
    operationId: look
    parameters: [{name: id, in: path, value: $steps.submit.outputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
    onSuccess:
    - {name: again, type: goto, stepId: poll, criteria: [{condition: $response.body#/state == 'busy'}]}
    outputs: {state: $response.body#/state}
  outputs: {state: $steps.poll.outputs.state}
"""


class Provider:
    """An API with jobs that takes note of how it is asked: how much at once, when, and how often after a refusal.

    looks: how often a job is busy when it is looked at; takes: seconds for an answer; refuses: answers to give first.
    """

    def __init__(self) -> None:
        self.looks, self.takes = 1, 0.0
        self.at_once = self.most_at_once = 0
        self.asked: list[str] = []
        self.moments: list[float] = []
        self.made = itertools.count(1)
        self.looked: Counter[str] = Counter()
        self.cancelled: set[str] = set()
        self.refuse: Callable[[Request], Response | None] = lambda _request: None
        self.cancel_answer: Response | None = None
        self.padding = ""
        self.held: dict[str, anyio.Event] = {}
        self.reached: dict[str, anyio.Event] = {}

    def hold(self, what: str) -> anyio.Event:
        """Keep the answers to requests like `POST /jobs` back; the event says that there is one."""
        self.held[what], self.reached[what] = anyio.Event(), anyio.Event()
        return self.reached[what]

    async def answer(self, request: Request) -> Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.moments.append(time.monotonic())
        what = f"{request.method} {request.url.path}"
        self.asked.append(what)
        try:
            if self.takes:
                await anyio.sleep(self.takes)
            if what in self.held:
                self.reached[what].set()
                await self.held[what].wait()
            return self.refuse(request) or self._answer(request, request.path_params.get("id", ""))
        finally:
            self.at_once -= 1

    def _answer(self, request: Request, job: str) -> Response:
        if not job:
            return JSONResponse({"id": str(next(self.made))})
        if request.method == "POST":
            self.cancelled.add(job)
            return self.cancel_answer or JSONResponse({"status": "cancelled"})
        self.looked[job] += 1
        state = "busy" if self.looked[job] <= self.looks else "done"
        return JSONResponse({"state": state, "padding": self.padding})

    def count(self, what: str) -> int:
        return sum(asked.startswith(what) for asked in self.asked)

    @property
    def app(self) -> Starlette:
        routes = ("/jobs", "/jobs/{id}", "/jobs/{id}/cancel")
        return Starlette(routes=[Route(path, self.answer, methods=["GET", "POST"]) for path in routes])


class World:
    """A served provider, and the documents of its workflow."""

    def __init__(self, provider: Provider, folder: Path) -> None:
        self.provider, self.folder = provider, folder
        self.flow = folder / "jobs.arazzo.yaml"

    def settings(self, **given: Any) -> Settings:
        return Settings(
            **{
                "store": self.folder / "runs.sqlite3",
                "pace_first": 0.01,
                "pace_factor": 1.0,
                "pace_most": 0.01,
                **given,
            }
        )

    @asynccontextmanager
    async def engine(self, **given: Any) -> AsyncIterator[tuple[LocalEngine, Callable[[], Any]]]:
        """An open engine, and what starts a run on it."""
        settings = self.settings(**given)
        library = load([self.flow], settings)
        offer = catalog(library).named("job").offer
        async with open_engine(library, settings, take_over=True) as engine:

            async def start() -> Run:
                return await engine.start(offer.program_digest, offer.document, "job", {})

            yield engine, start


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def world(provider: Provider, tmp_path: Path) -> AsyncIterator[World]:
    async with serve_app(provider.app) as url:
        (tmp_path / "jobs.openapi.yaml").write_text(API.replace("URL", url))
        (tmp_path / "jobs.arazzo.yaml").write_text(FLOW)
        yield World(provider, tmp_path)


async def to_the_end(engine: LocalEngine, *runs: Run, seconds: float = 60) -> list[Run]:
    with anyio.fail_after(seconds):
        return [await engine.wait(run.id, "", seconds) for run in runs]


async def many(start: Callable[[], Any], number: int) -> list[Run]:
    runs: list[Run] = []

    async def one() -> None:
        runs.append(await start())

    async with anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(one)
    return runs


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.01)


# --- the gate of a source


async def test_two_hundred_runs_ask_four_at_a_time(world: World, provider: Provider) -> None:
    provider.takes = 0.003
    async with world.engine(concurrency={"api": 4}) as (engine, start):
        ended = await to_the_end(engine, *await many(start, 200))
    assert {run.status for run in ended} == {RunStatus.COMPLETED}
    assert provider.most_at_once == 4
    assert provider.count("POST") == 200
    assert provider.count("GET") == 400


async def test_without_that_limit_they_ask_more_at_a_time(world: World, provider: Provider) -> None:
    provider.takes = 0.05
    async with world.engine() as (engine, start):
        await to_the_end(engine, *await many(start, 30))
    assert provider.most_at_once > 4


async def test_no_more_requests_in_a_second_than_a_source_takes(world: World, provider: Provider) -> None:
    async with world.engine(rates={"api": 25}) as (engine, start):
        await to_the_end(engine, *await many(start, 15))
    assert len(provider.moments) == 45
    assert provider.moments[-1] - provider.moments[0] >= 44 / 25 * 0.98
    assert max(sum(at <= one < at + 0.4 for one in provider.moments) for at in provider.moments) <= 15, "no bursts"


async def test_a_rate_for_every_source_and_another_for_one(world: World, provider: Provider) -> None:
    async with world.engine(source_rate=0.001, rates={"api": 1000}) as (engine, start):
        (ended,) = await to_the_end(engine, await start(), seconds=20)
    assert ended.status is RunStatus.COMPLETED


async def test_a_provider_that_says_not_now_is_left_alone_by_all_runs(world: World, provider: Provider) -> None:
    """Fifty runs see four refusals, not fifty, and none of them fails."""
    refused: list[str] = []
    opens = [0.0]

    def refuse(request: Request) -> Response | None:
        opens[0] = opens[0] or time.monotonic() + 1.0
        if time.monotonic() >= opens[0]:
            return None
        refused.append(request.method)
        return Response(status_code=429, headers={"retry-after": "1"})

    provider.refuse, provider.takes = refuse, 0.003
    async with world.engine(concurrency={"api": 4}) as (engine, start):
        ended = await to_the_end(engine, *await many(start, 50))
    assert {run.status for run in ended} == {RunStatus.COMPLETED}
    assert len(refused) <= 8
    assert provider.count("POST") - refused.count("POST") == 50, "each job was taken once"


async def test_503_to_polls_is_paced_and_a_submit_is_never_repeated_for_it(world: World, provider: Provider) -> None:
    answers = iter([None, Response(status_code=503, headers={"retry-after": "1"}), Response(status_code=503)])
    provider.refuse = lambda _request: next(answers, None)
    async with world.engine() as (engine, start):
        began = time.monotonic()
        (ended,) = await to_the_end(engine, await start())
    assert ended.status is RunStatus.COMPLETED
    assert provider.count("POST") == 1
    assert time.monotonic() - began >= 1 + 1.8


async def test_a_cancel_while_it_waits_at_the_gate_is_heard_at_once(world: World, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    async with world.engine(concurrency={"api": 1}) as (engine, start):
        first = await start()
        await reached.wait()
        second = await start()
        await until(lambda: bool(engine._live[second.id].run.held))
        assert "waits for its turn at api" in (await engine.get(second.id)).line()
        with anyio.fail_after(2):
            await engine.cancel(second.id)
            (ended,) = await to_the_end(engine, second)
        provider.held.pop("POST /jobs").set()
        await to_the_end(engine, first)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "nothing_started")
    assert provider.count("POST") == 1


async def test_the_cancel_of_a_job_goes_before_everything_that_waits(world: World, provider: Provider) -> None:
    provider.looks, provider.takes = 10**6, 0.01
    async with world.engine(concurrency={"api": 1}) as (engine, start):
        runs = await many(start, 30)
        await until(lambda: provider.count("GET") > 30)
        before = len(provider.asked)
        await engine.cancel(runs[0].id)
        (ended,) = await to_the_end(engine, runs[0])
        asked = provider.asked[before:]
        for run in runs[1:]:
            await engine.cancel(run.id)
        await to_the_end(engine, *runs)
    assert ended.state.remote == "cancelled"
    assert [what.endswith("/cancel") for what in asked].index(True) <= 3


async def test_a_cancel_does_not_wait_long_for_a_turn(world: World, provider: Provider) -> None:
    """The only place is taken by a request that may take minutes."""
    async with world.engine(concurrency={"api": 1}) as (engine, start):
        provider.looks = 10**6
        polls = await start()
        await until(lambda: provider.count("GET") > 0)
        reached = provider.hold("POST /jobs")
        other = await start()
        await reached.wait()
        with anyio.fail_after(5):
            await engine.cancel(polls.id)
            (ended,) = await to_the_end(engine, polls)
        provider.held.pop("POST /jobs").set()
        await engine.cancel(other.id)
        await to_the_end(engine, other)
    assert ended.state.remote == "cancelled"


async def test_what_waits_at_the_gate_when_its_process_dies_is_not_in_doubt(world: World, provider: Provider) -> None:
    """Of three runs one has sent its submit; the others wait. After the kill only the one is in doubt."""
    reached = provider.hold("POST /jobs")
    store = world.folder / "runs.sqlite3"
    arguments = [world.flow, "--store", store, "--wait-seconds", "0"]
    env = {"ARAZZO_MCP_CONCURRENCY": '{"api": 1}', "ARAZZO_MCP_PACE_FIRST": "0.01"}
    ids = []
    async with http_server(*arguments, env=env) as server:
        async with Client(server.mcp) as client:
            for _ in range(3):
                told = (await client.call_tool("job", {"force_new": True})).structured_content
                assert told is not None
                ids.append(told["run_id"])
                await reached.wait()
            await anyio.sleep(0.3)
        assert recorded(store) == {"call": 1, "wait": 2}
        await server.kill()
    provider.held.pop("POST /jobs").set()
    async with world.engine() as (engine, _):
        with anyio.fail_after(30):
            statuses = [(await engine.wait(run_id, "", 30)).status for run_id in ids]
    assert statuses == [RunStatus.IN_DOUBT, RunStatus.COMPLETED, RunStatus.COMPLETED]
    assert provider.count("POST") == 3


def recorded(store: Path) -> dict[str, int]:
    with sqlite3.connect(store) as connection:
        kinds = [json.loads(row[0])["kind"] for row in connection.execute("SELECT command FROM runs")]
    connection.close()
    return dict(Counter(kinds))


async def test_the_answer_of_a_submit_is_recorded_before_the_next_one_waits(world: World, provider: Provider) -> None:
    """A second submit that waits at the gate must not keep the first one's answer from the store."""
    two = FLOW.replace("  - stepId: poll", "  - stepId: more\n    operationId: submit\n  - stepId: poll", 1)
    world.flow.write_text(two)
    reached = provider.hold("POST /jobs")
    async with world.engine(concurrency={"api": 1}) as (engine, start):
        first = await start()
        await reached.wait()
        second = await start()
        await until(lambda: bool(engine._live[second.id].run.held))
        provider.held["POST /jobs"].set()
        reached = provider.hold("POST /jobs")
        await reached.wait()  # the second one's
        await until(lambda: engine._live[first.id].run.held != "")
        with sqlite3.connect(world.folder / "runs.sqlite3") as connection:
            row = connection.execute("SELECT state FROM runs WHERE id = ?", (first.id,)).fetchone()
        connection.close()
        provider.held.pop("POST /jobs").set()
        await to_the_end(engine, first, second)
    assert json.loads(row[0])["frames"][0]["outputs"] == {"submit": {"id": "1"}}


# --- what a run may take


def limit_of(run: Run) -> Any:
    assert run.outcome is not None
    assert run.outcome.error is not None, run.outcome
    assert run.outcome.error["type"] == "limit_reached"
    assert str(run.outcome.error["limit"]) in run.outcome.error["message"]
    return run.outcome.error["limit"]


async def test_a_run_whose_time_is_over_ends_and_its_job_is_cancelled(world: World, provider: Provider) -> None:
    provider.looks = 10**6
    async with world.engine(run_seconds=0.5) as (engine, start):
        run = await start()
        (ended,) = await to_the_end(engine, run, seconds=10)
        again = await engine.cancel(run.id)
    assert (ended.status, limit_of(ended), ended.state.remote) == (RunStatus.FAILED, "run_seconds", "cancelled")
    assert provider.cancelled == {"1"}
    assert again == ended, "it has been cancelled already"
    assert provider.count("POST /jobs/1/cancel") == 1


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"run_requests": 5}, "run_requests"),
        ({"run_response_bytes": 10_000}, "run_response_bytes"),
    ],
)
async def test_a_run_that_has_used_up_its_share(
    world: World, provider: Provider, settings: dict[str, Any], limit: str
) -> None:
    provider.looks, provider.padding = 10**6, "x" * 4000
    async with world.engine(**settings) as (engine, start):
        (ended,) = await to_the_end(engine, await start(), seconds=10)
    assert (ended.status, limit_of(ended), ended.state.remote) == (RunStatus.FAILED, limit, "cancelled")
    assert provider.count("POST /jobs/1/cancel") == 1
    assert provider.count("GET") == (4 if limit == "run_requests" else 3)


async def test_a_long_wait_ends_with_the_time_of_the_run(world: World, provider: Provider) -> None:
    provider.looks = 10**6
    async with world.engine(run_seconds=0.5, pace_first=3600, pace_most=3600) as (engine, start):
        (ended,) = await to_the_end(engine, await start(), seconds=10)
    assert limit_of(ended) == "run_seconds"


async def test_a_poll_under_way_is_cut_when_the_time_is_over(world: World, provider: Provider) -> None:
    provider.hold("GET /jobs/1")
    async with world.engine(run_seconds=0.5) as (engine, start):
        (ended,) = await to_the_end(engine, await start(), seconds=10)
    provider.held["GET /jobs/1"].set()
    assert (limit_of(ended), ended.state.remote) == ("run_seconds", "cancelled")


async def test_a_submit_under_way_is_awaited_when_the_time_is_over(world: World, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    async with world.engine(run_seconds=0.3) as (engine, start):
        run = await start()
        await reached.wait()
        await anyio.sleep(0.6)
        assert not (await engine.get(run.id)).ended, "its answer names the job that is to be cancelled"
        provider.held["POST /jobs"].set()
        (ended,) = await to_the_end(engine, run, seconds=10)
    assert (limit_of(ended), ended.state.remote) == ("run_seconds", "cancelled")
    assert provider.asked == ["POST /jobs", "POST /jobs/1/cancel"]


async def test_the_time_of_a_run_at_the_gate_is_over(world: World, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    async with world.engine(run_seconds=0.8, concurrency={"api": 1}) as (engine, start):
        first = await start()
        await reached.wait()
        (ended,) = await to_the_end(engine, await start(), seconds=10)
        provider.held["POST /jobs"].set()
        await to_the_end(engine, first)
    assert (limit_of(ended), ended.state.remote) == ("run_seconds", "nothing_started")
    assert provider.count("POST /jobs") == 2, "that of the first run, and its cancel"


async def test_a_run_that_goes_on_after_a_death_keeps_its_time(world: World, provider: Provider) -> None:
    provider.looks = 10**6
    async with world.engine(pace_first=3600, pace_most=3600) as (engine, start):
        run = await start()
        await until(lambda: provider.count("GET") == 1)
    with sqlite3.connect(world.folder / "runs.sqlite3") as connection:
        connection.execute("UPDATE runs SET created = created - 1000")
    connection.close()
    async with world.engine(run_seconds=900) as (engine, _):
        (ended,) = await to_the_end(engine, run, seconds=10)
    assert (limit_of(ended), provider.cancelled) == ("run_seconds", {"1"})


async def test_a_job_that_has_ended_by_then_is_paid_for_and_its_result_is_fetched(
    world: World, provider: Provider
) -> None:
    provider.looks = 10**6
    provider.cancel_answer = JSONResponse({"status": "ALREADY_COMPLETED"}, status_code=400)
    async with world.engine(run_seconds=0.5, pace_first=3600, pace_most=3600) as (engine, start):
        run = await start()
        await until(lambda: provider.count("GET") == 1)
        provider.looks = 0
        (ended,) = await to_the_end(engine, run, seconds=10)
    assert (ended.status, ended.state.remote) == (RunStatus.COMPLETED, "already_completed")
    assert ended.outcome is not None
    assert ended.outcome.outputs == {"state": "done"}


async def test_but_nothing_more_is_submitted(world: World, provider: Provider) -> None:
    provider.looks = 10**6
    provider.cancel_answer = JSONResponse({"status": "ALREADY_COMPLETED"}, status_code=400)
    world.flow.write_text(
        FLOW.replace("\n  outputs: {state", "\n  - {stepId: more, operationId: submit}\n  outputs: {state")
    )
    async with world.engine(run_seconds=0.5, pace_first=3600, pace_most=3600) as (engine, start):
        run = await start()
        await until(lambda: provider.count("GET") == 1)
        provider.looks = 0
        (ended,) = await to_the_end(engine, run, seconds=10)
    assert (ended.status, limit_of(ended), ended.state.step) == (RunStatus.FAILED, "run_seconds", "more")
    assert ended.outcome is not None
    assert ended.outcome.outputs == {"state": "done"}
    assert provider.asked.count("POST /jobs") == 1


async def test_but_not_for_ever(world: World, provider: Provider) -> None:
    """The provider says that the job is over, and that it is busy."""
    provider.looks = 10**6
    provider.cancel_answer = JSONResponse({"status": "ALREADY_COMPLETED"}, status_code=400)
    async with world.engine(run_requests=5) as (engine, start):
        (ended,) = await to_the_end(engine, await start(), seconds=30)
    assert (ended.status, limit_of(ended)) == (RunStatus.FAILED, "run_requests")
    assert provider.count("POST /jobs/1/cancel") == 2
    assert provider.count("GET") <= 4 + 100


# --- how many runs


async def test_more_runs_than_there_may_be_are_refused(world: World, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    settings = world.settings(runs=2, wait_seconds=0)
    async with (
        open_server(load([world.flow], settings), settings) as server,
        Client(server) as client,
    ):
        ids = []
        for _ in range(2):
            told = (await client.call_tool("job", {"force_new": True})).structured_content
            assert told is not None
            ids.append(told["run_id"])
        await reached.wait()
        refused = await client.call_tool("job", {"force_new": True})
        provider.held.pop("POST /jobs").set()
        with anyio.fail_after(20):
            for run_id in ids:
                told = {"status": "working"}
                while told["status"] == "working":
                    asked = {"run_id": run_id, "wait_seconds": 10}
                    told = (await client.call_tool("run_status", asked)).structured_content or {}
                assert told["status"] == "completed"
        accepted = await client.call_tool("job", {"force_new": True})
        await until(lambda: provider.count("POST") == 3)
    assert refused.is_error
    said = str(refused.content)
    assert "Nothing was started" in said
    assert "limit runs (2 at once" in said
    assert not accepted.is_error


async def test_who_repeats_a_call_needs_no_room(world: World, provider: Provider) -> None:
    """It is handed the run that is there already; another one is refused, and leaves nothing behind."""
    provider.looks = 10**6
    settings = world.settings(runs=1, wait_seconds=0)
    async with open_server(load([world.flow], settings), settings) as server, Client(server) as client:

        async def call(**more: Any) -> Any:
            return await client.call_tool("job", more)

        first = await call(idempotency_key="one")
        again = await call(idempotency_key="one")
        alike = await call()
        for refused in (await call(idempotency_key="two"), await call(force_new=True)):
            assert refused.is_error
            assert "limit runs (1 at once" in str(refused.content)
        listed = await client.call_tool("run_list", {})
        await client.call_tool("run_cancel", {"run_id": first.structured_content["run_id"]})
    told = [one.structured_content for one in (first, again, alike)]
    assert len({one["run_id"] for one in told}) == 1
    assert [one.get("deduplicated") for one in told] == [None, True, True]
    assert listed.structured_content is not None
    assert len(listed.structured_content["runs"]) == 1
    assert provider.count("POST /jobs") <= 2, "one job, and its cancel"


async def test_they_are_counted_while_they_are_recorded(world: World, provider: Provider) -> None:
    provider.looks = 10**6
    refused: list[TooManyRuns] = []
    async with world.engine(runs=5) as (engine, start):

        async def one() -> None:
            try:
                await start()
            except TooManyRuns as error:
                refused.append(error)

        await many(one, 12)
        runs = await engine.newest()
        for run in runs:
            await engine.cancel(run.id)
        await to_the_end(engine, *runs)
    assert (len(runs), len(refused)) == (5, 7)


# --- settings


@pytest.mark.parametrize("given", [{"rates": {"apl": 5}}, {"concurrency": {"apl": 5}}])
async def test_a_limit_of_a_source_that_there_is_not(world: World, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"no document has a source of that name.*api"):
        load([world.flow], world.settings(**given))


@pytest.mark.parametrize("text", ["runs = 0", "run_seconds = -1", "[rates]\nfal = 0", "[concurrency]\nfal = 0.5"])
def test_limits_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError, match="settings: "):
        load_settings(tmp_path / "c.toml")


def test_limits_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("runs = 7\n[rates]\nfal = 0.5\n[concurrency]\nfal = 4\n")
    settings = load_settings(tmp_path / "c.toml")
    assert (settings.runs, settings.rates, settings.concurrency) == (7, {"fal": 0.5}, {"fal": 4})


# --- time


@pytest.mark.parametrize(("precision", "least", "most"), [("exact", 10, 10), ("about", 9, 10), ("least", 10, 11)])
def test_waits_are_spread(precision: Precision, least: float, most: float) -> None:
    kept = [kept_for(Wait("s", 10.0, precision)) for _ in range(500)]
    assert all(least <= seconds <= most <= 10 * MOST_SPREAD for seconds in kept)
    assert (max(kept) - min(kept) > 0.8 * (most - least)) or precision == "exact"


def test_a_long_retry_after_is_spread_by_seconds_only() -> None:
    assert all(3600 <= kept_for(Wait("s", 3600.0, "least")) <= 3605 for _ in range(100))


def test_patience_with_a_job_that_is_paid_for_lasts_an_hour_and_ends() -> None:
    state, seconds = State((Frame("w", "poll", {}),), submits=1), 0.0
    lost = Exchange(status=503)
    while (more := patience(state, "poll", lost)) is not None:
        assert more <= 60
        seconds += more
        state = state.retrying("poll", TAKEN)
    assert 3600 <= seconds <= 3700


# --- the gate by itself


async def test_a_gate_lets_through_in_order_and_the_urgent_first() -> None:
    gate, through = Gate(1), list[str]()
    assert gate.enter_now()

    async def enter(name: str, *, urgent: bool = False) -> None:
        await gate.enter(urgent=urgent)
        through.append(name)
        await anyio.lowlevel.checkpoint()
        gate.leave()

    async with anyio.create_task_group() as tasks:
        for name in ("a", "b"):
            tasks.start_soon(enter, name)
        await anyio.sleep(0.01)
        for name in ("u", "v"):
            tasks.start_soon(lambda name=name: enter(name, urgent=True))
        await anyio.sleep(0.01)
        assert not gate.enter_now(), "nobody overtakes"
        gate.leave()
    assert through == ["u", "v", "a", "b"]


async def test_who_leaves_the_line_takes_no_place_with_them() -> None:
    gate = Gate(2)
    assert gate.enter_now()
    assert gate.enter_now()
    for calls in range(20):

        async def pass_through() -> None:
            await gate.enter()
            gate.leave()

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(pass_through)
            await anyio.sleep(0.001)
            if calls % 2:
                gate.leave()
                gate.leave()
            tasks.cancel_scope.cancel()  # those that were called have not come yet
        if not calls % 2:
            gate.leave()
            gate.leave()
        assert gate.enter_now()
        assert gate.enter_now()
        assert not gate.enter_now()


async def test_a_gate_that_is_closed_opens_again_and_the_urgent_pass() -> None:
    gate = Gate(8)
    gate.close_for(0.2)
    assert not gate.enter_now()
    began = time.monotonic()
    await gate.enter(urgent=True)
    assert time.monotonic() - began < 0.15
    await gate.enter()
    assert time.monotonic() - began >= 0.19
    assert gate.enter_now()


async def test_a_gate_is_not_closed_for_longer_than_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    gate = Gate(1)
    gate.close_for(10**6)
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert gate.enter_now()
