"""The engine's contract: record before you act, one driver for a run, a cancel that is honest, and recovery."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest

from arazzo_mcp.arazzo.command import (
    COMMAND_JSON,
    CallOperation,
    CancelPlan,
    Pace,
    Program,
    Started,
    Target,
)
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.model import Parameter
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.arazzo.scope import Exchange, Failure
from arazzo_mcp.arazzo.state import STATE_JSON, State
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.once import Once
from arazzo_mcp.engine.run import Run, RunStatus, may_repeat
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.errors import InvalidInputs, RunLost, StoreError, UnknownRun

pytestmark = pytest.mark.anyio

FLOW = {
    "arazzo": "1.0.1",
    "info": {"title": "t", "version": "1"},
    "sourceDescriptions": [{"name": "api", "url": "x", "type": "openapi"}],
    "workflows": [
        {
            "workflowId": "job",
            "steps": [
                {"stepId": "submit", "operationId": "submit", "outputs": {"id": "$response.body#/id"}},
                {
                    "stepId": "poll",
                    "operationId": "poll",
                    "parameters": [{"name": "id", "in": "path", "value": "$steps.submit.outputs.id"}],
                    "onSuccess": [
                        {
                            "name": "again", "type": "goto", "stepId": "poll",
                            "criteria": [{"condition": "$response.body#/state == 'busy'"}],
                        }
                    ],
                    "outputs": {"state": "$response.body#/state"},
                },
            ],
            "outputs": {"state": "$steps.poll.outputs.state"},
        }
    ],
}  # fmt: skip
TARGETS = {
    ("job", "submit"): Target("api", "POST /jobs", "POST"),
    ("job", "poll"): Target("api", "GET /jobs/{id}", "GET"),
}
ID = Parameter("id", "path", Expression("$steps.submit.outputs.id", "steps", ("submit", "id")))
CANCEL = CancelPlan(Target("api", "POST /jobs/{id}/cancel", "POST"), "poll", (ID,), None, frozenset({"id"}))


KEYED = {**TARGETS, ("job", "submit"): Target("api", "POST /jobs", "POST", "Idempotency-Key")}


def program(pace: float = 0.05, targets: Mapping[tuple[str, str], Target] = TARGETS) -> Program:
    description, findings = parse(Document("flow", FLOW))
    assert description is not None
    assert findings == []
    return Program(description, targets, {"job": (CANCEL,)}, Pace(pace, 1.0, pace))


class Shelf:
    """The one program of these tests."""

    def __init__(self, one: Program) -> None:
        self.one = one
        self.restored: list[str] = []

    def program(self, digest: str) -> Program | None:
        return self.one if digest == "d1" else None

    def snapshot(self, digest: str) -> str:
        return f"the documents of {digest}"

    def restore(self, digest: str, snapshot: str) -> Program:
        assert snapshot == f"the documents of {digest}"
        self.restored.append(digest)
        return self.one


class Provider:
    """What performs calls: it answers by operation, counts, and can hold an answer back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.busy = 10**9
        self.lost = 0
        self.gates: dict[str, anyio.Event] = {}
        self.reached: dict[str, anyio.Event] = {}
        self.cancel = Exchange(status=200, body={"status": "cancelled"})
        self.submit = Exchange(status=200, body={"id": "7"})
        self.unanswered = 0
        self.keys: list[Any] = []

    def hold(self, operation: str) -> anyio.Event:
        """Hold the answer to an operation; returns the event that says that the request is there."""
        self.gates[operation] = anyio.Event()
        self.reached[operation] = anyio.Event()
        return self.reached[operation]

    async def __call__(self, _digest: str, call: CallOperation) -> Exchange:
        operation = call.target.operation
        self.asked.append(operation)
        if operation in self.gates:
            self.reached[operation].set()
            await self.gates[operation].wait()
        if operation.endswith("cancel"):
            return self.cancel
        if operation == "POST /jobs":
            self.keys += [argument.value for argument in call.arguments]
            self.unanswered -= 1
            return Exchange(failure=Failure("broken", "it broke")) if self.unanswered >= 0 else self.submit
        if self.lost > 0:
            self.lost -= 1
            return Exchange(failure=Failure("broken", "the connection broke"))
        self.busy -= 1
        return Exchange(status=200, body={"state": "busy" if self.busy >= 0 else "done"})


Open = Callable[..., AbstractAsyncContextManager[LocalEngine]]


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def engine(tmp_path: Path, provider: Provider) -> Open:
    @asynccontextmanager
    async def opened(documents: list[str] | None = None, shelf: Shelf | None = None) -> AsyncIterator[LocalEngine]:
        async with SqliteStore(tmp_path / "runs.sqlite3") as store:
            local = LocalEngine(
                store, shelf or Shelf(program()), provider, locks=tmp_path / "locks",
                documents=["flow.yaml"] if documents is None else documents,
            )  # fmt: skip
            async with local:
                yield local

    return opened


async def start(engine: LocalEngine) -> Run:
    return await engine.start("d1", "flow.yaml", "job", {})


async def until(engine: LocalEngine, run: Run, condition: Callable[[Run], bool]) -> Run:
    with anyio.fail_after(10):
        while not condition(run):
            run = await engine.wait(run.id, "", 0.05, run.fingerprint())
    return run


async def polled(engine: LocalEngine, run: Run) -> Run:
    return await until(engine, run, lambda r: r.state.step == "poll" and r.state.calls >= 2)


async def test_a_run_to_its_end(engine: Open, provider: Provider) -> None:
    provider.busy = 2
    async with engine() as local:
        run = await local.wait((await start(local)).id, "", 10)
    assert run.status is RunStatus.COMPLETED
    assert run.outcome is not None
    assert run.outcome.outputs == {"state": "done"}
    assert provider.asked == ["POST /jobs", *["GET /jobs/{id}"] * 3]


async def test_the_intent_is_recorded_before_the_request(engine: Open, provider: Provider, tmp_path: Path) -> None:
    reached = provider.hold("POST /jobs")
    async with engine() as local:
        run = await start(local)
        await reached.wait()
        with sqlite3.connect(tmp_path / "runs.sqlite3") as other:
            row = other.execute("SELECT status, command FROM runs WHERE id = ?", (run.id,)).fetchone()
        other.close()
        provider.gates["POST /jobs"].set()
    assert row[0] == "working"
    assert '"operation":"POST /jobs"' in row[1]


async def test_a_cancel_during_a_wait_is_at_once(engine: Open, provider: Provider) -> None:
    async with engine(shelf=Shelf(program(pace=3600))) as local:
        run = await polled(local, await start(local))
        with anyio.fail_after(2):
            await local.cancel(run.id)
            ended = await local.wait(run.id, "", 10)
    assert ended.status is RunStatus.CANCELLED
    assert ended.state.remote == "cancelled"
    assert provider.asked[-1] == "POST /jobs/{id}/cancel"


async def test_runs_that_sleep_need_no_task_and_go_on_at_the_next_start(engine: Open, provider: Provider) -> None:
    async with engine(shelf=Shelf(program(pace=3600))) as local:
        before = len(asyncio.all_tasks())
        runs = [await polled(local, await start(local)) for _ in range(5)]
        assert len(asyncio.all_tasks()) <= before + 1, "one that is about to end"
    async with engine() as local:
        for run in runs:
            await local.cancel(run.id)
            assert (await local.wait(run.id, "", 10)).state.remote == "cancelled"
    assert provider.asked.count("POST /jobs") == len(runs)


async def test_a_run_wakes_from_a_long_wait(engine: Open, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arazzo_mcp.engine.live._LONG_SECONDS", 0.01)
    provider.busy = 3
    async with engine(shelf=Shelf(program(pace=0.05))) as local:
        run = await local.wait((await start(local)).id, "", 10)
    assert run.status is RunStatus.COMPLETED
    assert provider.asked == ["POST /jobs", *["GET /jobs/{id}"] * 4]


async def test_a_cancel_cuts_a_poll_that_is_under_way(engine: Open, provider: Provider) -> None:
    reached = provider.hold("GET /jobs/{id}")
    async with engine() as local:
        run = await start(local)
        await reached.wait()
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 5)
    assert ended.status is RunStatus.CANCELLED
    assert provider.asked == ["POST /jobs", "GET /jobs/{id}", "POST /jobs/{id}/cancel"]


async def test_a_cancel_awaits_a_submit_that_is_under_way(engine: Open, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    async with engine() as local:
        run = await start(local)
        await reached.wait()
        assert not (await local.cancel(run.id)).ended, "its answer names the job that is to be cancelled"
        provider.gates["POST /jobs"].set()
        ended = await local.wait(run.id, "", 5)
    assert ended.state.remote == "cancelled"
    assert provider.asked == ["POST /jobs", "POST /jobs/{id}/cancel"]


async def test_cancel_twice_is_one_cancel(engine: Open, provider: Provider) -> None:
    reached = provider.hold("POST /jobs/{id}/cancel")
    async with engine() as local:
        run = await polled(local, await start(local))
        await local.cancel(run.id)
        await reached.wait()
        await local.cancel(run.id)
        provider.gates["POST /jobs/{id}/cancel"].set()
        ended = await local.wait(run.id, "", 5)
        again = await local.cancel(run.id)
    assert again == ended
    assert provider.asked.count("POST /jobs/{id}/cancel") == 1


async def test_a_cancel_after_the_end_sends_nothing_and_the_result_stays(engine: Open, provider: Provider) -> None:
    provider.busy = 0
    async with engine() as local:
        ended = await local.wait((await start(local)).id, "", 5)
        asked = list(provider.asked)
        assert await local.cancel(ended.id) == ended
        assert await local.get(ended.id) == ended
    assert (ended.status, ended.state.remote) == (RunStatus.COMPLETED, None)
    assert provider.asked == asked


async def test_two_processes_cancel_one_run_at_once(engine: Open, provider: Provider) -> None:
    reached = provider.hold("POST /jobs/{id}/cancel")
    async with engine() as owner, engine() as other:
        run = await polled(owner, await start(owner))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(owner.cancel, run.id)
            tasks.start_soon(other.cancel, run.id)
        await reached.wait()
        provider.gates["POST /jobs/{id}/cancel"].set()
        ended = await other.wait(run.id, "", 5)
        assert (await other.cancel(run.id)).status is RunStatus.CANCELLED
    assert ended.state.remote == "cancelled"
    assert provider.asked.count("POST /jobs/{id}/cancel") == 1


async def test_a_success_that_comes_late_never_takes_the_place_of_a_cancel(engine: Open, provider: Provider) -> None:
    """The job ends well while its cancel is under way: what the provider says to the cancel counts, and nothing else
    is asked any more."""
    reached = provider.hold("POST /jobs/{id}/cancel")
    async with engine() as local:
        run = await polled(local, await start(local))
        await local.cancel(run.id)
        await reached.wait()
        provider.busy = 0
        polls = provider.asked.count("GET /jobs/{id}")
        provider.gates["POST /jobs/{id}/cancel"].set()
        assert (await local.wait(run.id, "", 5)).status is RunStatus.CANCELLED
        await anyio.sleep(0.2)
        assert (await local.get(run.id)).status is RunStatus.CANCELLED
    assert provider.asked.count("GET /jobs/{id}") == polls


async def test_no_poll_is_sent_after_a_cancel_was_asked_for(engine: Open, provider: Provider) -> None:
    async with engine() as local:
        run = await polled(local, await start(local))
        reached = provider.hold("POST /jobs/{id}/cancel")
        polls = provider.asked.count("GET /jobs/{id}")
        await local.cancel(run.id)
        await reached.wait()
        await anyio.sleep(0.3)  # six polls of this pace
        assert provider.asked.count("GET /jobs/{id}") <= polls + 1, "at most the one that was under way"
        assert provider.asked[-1] == "POST /jobs/{id}/cancel"
        provider.gates["POST /jobs/{id}/cancel"].set()
        await local.wait(run.id, "", 5)


PUT = "PUT /jobs"


class TakesPut(Provider):
    """A provider whose submit may be repeated."""

    async def __call__(self, digest: str, call: CallOperation) -> Exchange:
        answer = await super().__call__(digest, call)
        return self.submit if call.target.operation == PUT else answer


def put_program() -> Program:
    one = program()
    return replace(one, targets={**one.targets, ("job", "submit"): Target("api", PUT, "PUT")})


@pytest.fixture
def takes_put(tmp_path: Path) -> TakesPut:
    return TakesPut()


def put_engine(tmp_path: Path, provider: Provider, store: SqliteStore) -> LocalEngine:
    return LocalEngine(store, Shelf(put_program()), provider, locks=tmp_path / "locks", documents=["flow.yaml"])


async def test_a_submit_that_may_be_repeated_is_awaited_too(tmp_path: Path, takes_put: TakesPut) -> None:
    """It has started a job whose id only its answer tells."""
    reached = takes_put.hold(PUT)
    async with SqliteStore(tmp_path / "runs.sqlite3") as store, put_engine(tmp_path, takes_put, store) as local:
        run = await start(local)
        await reached.wait()
        assert not (await local.cancel(run.id)).ended
        await anyio.sleep(0.1)
        takes_put.gates[PUT].set()
        ended = await local.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "cancelled")
    assert takes_put.asked == [PUT, "POST /jobs/{id}/cancel"]


async def test_a_submit_that_may_have_been_sent_is_repeated_before_its_run_is_cancelled(
    tmp_path: Path, takes_put: TakesPut
) -> None:
    """The process dies in the middle of it; only its answer says what there is to cancel."""
    reached = takes_put.hold(PUT)
    async with SqliteStore(tmp_path / "runs.sqlite3") as store, put_engine(tmp_path, takes_put, store) as local:
        run = await start(local)
        await reached.wait()
        await leave_behind(store, run.id, tmp_path, cancel=True)
        takes_put.gates.pop(PUT).set()
        await local.wait(run.id, "", 0.2)
        await local.cancel(run.id)
        await local.wait(run.id, "", 5)
    _swap(tmp_path)
    takes_put.asked.clear()
    async with SqliteStore(tmp_path / "runs.sqlite3") as store, put_engine(tmp_path, takes_put, store) as local:
        ended = await local.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "cancelled")
    assert takes_put.asked == [PUT, "POST /jobs/{id}/cancel"]


async def leave_behind(store: SqliteStore, run_id: str, tmp_path: Path, *, cancel: bool) -> None:
    """The run as it is recorded now, as a process that has died would leave it."""
    saved = await store.get(run_id)
    assert saved is not None
    async with SqliteStore(tmp_path / "copy.sqlite3") as copy:
        await copy.create(replace(saved, owner="dead", cancel=cancel), "the documents of d1")
        if cancel:
            await copy.request_cancel(run_id)


async def test_a_cancel_during_the_recovery_of_a_cancel(engine: Open, provider: Provider, tmp_path: Path) -> None:
    """The process dies in the middle of the cancel's request; another takes the run over, and somebody cancels again
    while the request is on its way again."""
    reached = provider.hold("POST /jobs/{id}/cancel")
    async with engine() as local:
        run = await polled(local, await start(local))
        await local.cancel(run.id)
        await reached.wait()
        await leave_behind(local._store, run.id, tmp_path, cancel=True)  # type: ignore[arg-type]
        provider.gates.pop("POST /jobs/{id}/cancel").set()
        await local.wait(run.id, "", 5)
    _swap(tmp_path)
    provider.asked.clear()
    reached = provider.hold("POST /jobs/{id}/cancel")
    async with engine() as local, engine() as other:
        await reached.wait()
        await local.cancel(run.id)
        await other.cancel(run.id)
        provider.gates["POST /jobs/{id}/cancel"].set()
        ended = await other.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "cancelled")
    assert provider.asked == ["POST /jobs/{id}/cancel"]


@pytest.mark.parametrize(
    ("answer", "remote", "status"),
    [
        (Exchange(status=202, body={"status": "CANCELLATION_REQUESTED"}), "cancel_requested", "cancelled"),
        (Exchange(status=200, body={"status": "canceled"}), "cancelled", "cancelled"),
        (Exchange(status=400, body={"status": "ALREADY_COMPLETED"}), "already_completed", "completed"),
        (Exchange(status=200, body="queued job id 7 is already completed"), "already_completed", "completed"),
        (Exchange(status=404, body={"detail": "not found"}), "failed", "cancelled"),
        (Exchange(status=500), "failed", "cancelled"),
        (Exchange(failure=Failure("connect", "no connection")), "failed", "cancelled"),
    ],
)
async def test_the_answer_to_a_cancel_is_told_as_it_is(
    engine: Open, provider: Provider, answer: Exchange, remote: str, status: str
) -> None:
    provider.cancel = answer
    async with engine() as local:
        run = await polled(local, await start(local))
        provider.busy = 0
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 20)
    assert (ended.state.remote, ended.status) == (remote, status)
    assert ended.state.upstream["cancel"]


async def test_a_submit_without_an_answer_is_in_doubt(engine: Open, provider: Provider) -> None:
    provider.submit = Exchange(method="POST", url="http://x/jobs", failure=Failure("timeout", "no answer in time"))
    async with engine() as local:
        ended = await local.wait((await start(local)).id, "", 5)
    assert ended.status is RunStatus.IN_DOUBT
    assert ended.outcome is not None
    assert "POST http://x/jobs" in str(ended.outcome.error)
    assert provider.asked == ["POST /jobs"]


async def test_the_same_call_as_a_run_in_doubt_does_not_submit_again(engine: Open, provider: Provider) -> None:
    """Also when its end has been seen: its job may exist. Who knows better says so."""
    provider.submit = Exchange(method="POST", url="http://x/jobs", failure=Failure("timeout", "no answer in time"))
    async with engine() as local:
        first = await local.wait((await local.start("d1", "flow.yaml", "job", {}, once=Once())).id, "", 5)
        await local.deliver(first.id)
        again = await local.start("d1", "flow.yaml", "job", {}, once=Once())
        assert (again.id, again.deduplicated, again.status) == (first.id, True, RunStatus.IN_DOUBT)
        assert provider.asked == ["POST /jobs"]
        forced = await local.start("d1", "flow.yaml", "job", {}, once=Once(force_new=True))
        assert forced.id != first.id


async def test_a_submit_that_never_left_is_a_failure(engine: Open, provider: Provider) -> None:
    provider.submit = Exchange(failure=Failure("connect", "no connection"))
    async with engine() as local:
        assert (await local.wait((await start(local)).id, "", 5)).status is RunStatus.FAILED


async def died(engine: Open, provider: Provider, tmp_path: Path, step: str, shelf: Shelf | None = None) -> Run:
    """A run whose process has died: recorded at a step, owned by nobody who lives."""
    async with engine(shelf=shelf) as local:
        run = await start(local)
        if step == "submit":
            await provider.hold("POST /jobs").wait()
        else:
            run = await polled(local, run)
        async with SqliteStore(tmp_path / "copy.sqlite3") as copy:
            saved = await local._store.get(run.id)
            assert saved is not None
            await copy.create(replace(saved, owner="dead"), "the documents of d1")
        if step == "submit":
            provider.gates.pop("POST /jobs").set()
        await local.cancel(run.id)
        await local.wait(run.id, "", 5)
    _swap(tmp_path)
    provider.asked.clear()
    return run


def _swap(folder: Path) -> None:
    for file in folder.glob("runs.sqlite3*"):
        file.unlink()
    for file in folder.glob("copy.sqlite3*"):
        file.rename(folder / file.name.replace("copy", "runs"))


async def test_a_submit_under_way_at_the_death_of_its_process_is_in_doubt(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "submit")
    async with engine() as local:
        assert (await local.wait(run.id, "", 5)).status is RunStatus.IN_DOUBT
    assert provider.asked == []


# --- submits that carry a key


async def test_a_submit_with_a_key_under_way_at_the_death_of_its_process_is_sent_again_with_it(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "submit", Shelf(program(targets=KEYED)))
    provider.busy = 0
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        ended = await local.wait(run.id, "", 5)
    assert ended.status is RunStatus.COMPLETED
    assert provider.asked == ["POST /jobs", "GET /jobs/{id}"]
    assert len(provider.keys) == 2, "at first, and after the death"
    assert len(set(provider.keys)) == 1
    assert str(UUID(provider.keys[0])) == provider.keys[0]


async def test_a_cancel_of_a_submit_that_may_have_arrived_asks_for_the_job_first(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "submit", Shelf(program(targets=KEYED)))
    async with engine(documents=["other.yaml"], shelf=Shelf(program(targets=KEYED))) as local:
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "cancelled")
    assert provider.asked == ["POST /jobs", "POST /jobs/{id}/cancel"]


async def test_a_cancel_after_a_lost_answer_asks_for_the_job_first(engine: Open, provider: Provider) -> None:
    provider.unanswered = 1
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        run = await until(local, await start(local), lambda r: r.state.lost)
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "cancelled")
    assert provider.asked == ["POST /jobs", "POST /jobs", "POST /jobs/{id}/cancel"]
    assert len(set(provider.keys)) == 1


async def test_a_cancel_does_not_cut_a_submit_with_a_key(engine: Open, provider: Provider) -> None:
    reached = provider.hold("POST /jobs")
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        run = await start(local)
        await reached.wait()
        assert not (await local.cancel(run.id)).ended
        provider.gates["POST /jobs"].set()
        ended = await local.wait(run.id, "", 5)
    assert ended.state.remote == "cancelled"
    assert provider.asked == ["POST /jobs", "POST /jobs/{id}/cancel"]


async def test_a_submit_with_a_key_that_outlasts_its_process_is_sent_again_by_the_next(
    engine: Open, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arazzo_mcp.engine.local.GRACE_SECONDS", 0.05)
    provider.busy = 0
    reached = provider.hold("POST /jobs")
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        run = await start(local)
        await reached.wait()
    provider.gates["POST /jobs"].set()
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        assert (await local.wait(run.id, "", 5)).status is RunStatus.COMPLETED
    assert provider.asked == ["POST /jobs", "POST /jobs", "GET /jobs/{id}"]


async def test_each_run_has_keys_of_its_own(engine: Open, provider: Provider) -> None:
    provider.busy = 0
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        for _ in range(3):
            await local.wait((await start(local)).id, "", 5)
    assert len(set(provider.keys)) == 3


async def test_a_run_of_a_version_without_keys_sends_none(engine: Open, provider: Provider, tmp_path: Path) -> None:
    """Its documents are linked by this version, which finds the header; but a submit of it may be under way already."""
    run = await died(engine, provider, tmp_path, "submit")
    async with engine(shelf=Shelf(program(targets=KEYED))) as local:
        assert (await local.wait(run.id, "", 5)).status is RunStatus.IN_DOUBT
    assert provider.asked == []
    state, call = advance(program(targets=KEYED), State(), Started("job", {}))
    assert isinstance(call, CallOperation)
    assert (call.arguments, call.idempotent) == ((), False)
    assert not may_repeat(state, call)


async def test_a_wait_goes_on_after_the_death_of_its_process(engine: Open, provider: Provider, tmp_path: Path) -> None:
    run = await died(engine, provider, tmp_path, "poll")
    provider.busy = 0
    async with engine() as local:
        ended = await local.wait(run.id, "", 5)
    assert ended.status is RunStatus.COMPLETED
    assert provider.asked == ["GET /jobs/{id}"]


async def test_a_program_that_is_not_at_hand_is_made_from_its_pinned_documents(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "poll")
    provider.busy = 0
    shelf = Shelf(program())
    shelf.program = lambda _digest: None  # type: ignore[method-assign]
    async with engine(shelf=shelf) as local:
        assert (await local.wait(run.id, "", 5)).status is RunStatus.COMPLETED
    assert shelf.restored == ["d1"]


async def test_a_process_that_serves_other_documents_takes_nothing_over(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "poll")
    async with engine(documents=["other.yaml"]) as local:
        await anyio.sleep(0.2)
        assert not (await local.get(run.id)).ended
    assert provider.asked == []


async def test_cancelling_a_run_whose_process_is_dead(engine: Open, provider: Provider, tmp_path: Path) -> None:
    run = await died(engine, provider, tmp_path, "poll")
    async with engine(documents=["other.yaml"]) as local:
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 5)
    assert ended.status is RunStatus.CANCELLED
    assert provider.asked == ["POST /jobs/{id}/cancel"]


async def test_another_process_sees_and_cancels_a_run(engine: Open, provider: Provider) -> None:
    async with engine() as owner, engine() as other:
        run = await polled(owner, await start(owner))
        assert (await other.get(run.id)).workflow == "job"
        await other.cancel(run.id)
        with anyio.fail_after(5):
            ended = await other.wait(run.id, "", 5)
    assert ended.status is RunStatus.CANCELLED
    assert provider.asked.count("POST /jobs/{id}/cancel") == 1


async def test_a_live_run_is_never_taken_over(engine: Open, provider: Provider) -> None:
    async with engine() as owner:
        run = await polled(owner, await start(owner))
        async with engine() as other:
            await anyio.sleep(0.1)
            assert (await other.get(run.id)).owner == owner.owner


async def test_a_driver_that_lost_its_run_stops_without_a_further_request(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    reached = provider.hold("GET /jobs/{id}")
    async with engine() as local:
        run = await start(local)
        await reached.wait()
        async with SqliteStore(tmp_path / "runs.sqlite3") as store:
            taken = await store.take(local.owner, "another", None, None)
            assert [one.id for one in taken] == [run.id]
            provider.gates["GET /jobs/{id}"].set()
            await anyio.sleep(0.3)
            with pytest.raises(RunLost):
                await store.save(replace(run, owner=local.owner), durable=False)
    assert provider.asked == ["POST /jobs", "GET /jobs/{id}"]


async def test_runs_of_somebody_else_are_unknown(engine: Open) -> None:
    async with engine() as local:
        run = await local.start("d1", "flow.yaml", "job", {}, "ann")
        with pytest.raises(UnknownRun):
            await local.get(run.id, "bob")
        assert await local.newest("bob") == []
        assert [one.id for one in await local.newest("ann")] == [run.id]


async def test_many_runs_share_the_writer(engine: Open, provider: Provider) -> None:
    provider.busy = 0
    async with engine() as local:
        runs = [await start(local) for _ in range(200)]
        ended = [await local.wait(run.id, "", 20) for run in runs]
    assert {run.status for run in ended} == {RunStatus.COMPLETED}
    assert provider.asked.count("POST /jobs") == 200


# --- the store's file


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
async def test_the_store_is_its_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.sqlite3"
    async with SqliteStore(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 2000])
async def test_a_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runs.sqlite3"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be opened"):
        async with SqliteStore(path):
            pass
    assert path.read_bytes() == content, "nothing of it is touched"


async def test_a_store_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        async with SqliteStore(path):
            pass


async def test_a_folder_where_the_store_should_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--store"):
        async with SqliteStore(tmp_path):
            pass


async def test_a_store_that_is_locked_holds_the_run_and_loses_no_answer(
    provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reached = provider.hold("POST /jobs")
    provider.busy = 0
    async with SqliteStore(tmp_path / "runs.sqlite3", busy_seconds=0.05) as store:
        local = LocalEngine(store, Shelf(program()), provider, locks=tmp_path / "locks")
        async with local:
            run = await start(local)
            await reached.wait()
            other = sqlite3.connect(tmp_path / "runs.sqlite3", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            provider.gates["POST /jobs"].set()
            with anyio.fail_after(10):
                while "cannot be recorded" not in caplog.text:
                    await anyio.sleep(0.02)
            assert provider.asked == ["POST /jobs"], "nothing goes on that is not recorded"
            other.execute("ROLLBACK")
            other.close()
            ended = await local.wait(run.id, "", 10)
    assert ended.status is RunStatus.COMPLETED
    assert provider.asked == ["POST /jobs", "GET /jobs/{id}"]


async def test_a_cancelled_start_leaves_no_run_that_nobody_drives(engine: Open, provider: Provider) -> None:
    provider.busy = 0
    async with engine() as local:
        for _ in range(20):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await start(local)
        with anyio.fail_after(10):
            while any(not run.ended for run in await local.newest()):
                await anyio.sleep(0.02)
        assert {run.status for run in await local.newest()} == {RunStatus.COMPLETED}


async def test_inputs_that_cannot_be_written_start_nothing_and_hurt_nobody(engine: Open, provider: Provider) -> None:
    provider.busy = 0
    async with engine() as local:
        good = await start(local)
        with pytest.raises(InvalidInputs):
            await local.start("d1", "flow.yaml", "job", {"x": "half \ud83d a character"})
        assert (await local.wait(good.id, "", 5)).status is RunStatus.COMPLETED
        assert [run.id for run in await local.newest()] == [good.id]


async def test_a_row_that_cannot_be_read_hides_no_other(engine: Open, provider: Provider, tmp_path: Path) -> None:
    provider.busy = 0
    async with engine() as local:
        ended = await local.wait((await start(local)).id, "", 5)
        other = await local.wait((await start(local)).id, "", 5)
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        connection.execute("UPDATE runs SET state = '{' WHERE id = ?", (ended.id,))
    connection.close()
    async with engine() as local:
        assert [run.id for run in await local.newest()] == [other.id]


async def test_a_run_whose_documents_are_gone_is_failed_and_the_others_go_on(
    engine: Open, provider: Provider, tmp_path: Path
) -> None:
    run = await died(engine, provider, tmp_path, "poll")
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        connection.execute("DELETE FROM programs")
    connection.close()
    shelf = Shelf(program())
    shelf.program = lambda _digest: None  # type: ignore[method-assign]
    async with engine(shelf=shelf) as local:
        ended = await local.wait(run.id, "", 5)
    assert ended.status is RunStatus.FAILED
    assert ended.outcome is not None
    assert "not in the store" in str(ended.outcome.error)


async def test_a_cancel_that_is_not_taken_is_sent_again(engine: Open, provider: Provider) -> None:
    provider.cancel = Exchange(status=503, retry_after=0.1)
    async with engine() as local:
        run = await polled(local, await start(local))
        await local.cancel(run.id)
        with anyio.fail_after(5):
            while provider.asked.count("POST /jobs/{id}/cancel") < 2:
                await anyio.sleep(0.02)
        provider.cancel = Exchange(status=200, body={"status": "cancelled"})
        ended = await local.wait(run.id, "", 5)
    assert ended.state.remote == "cancelled"


async def test_one_lost_poll_loses_no_job(engine: Open, provider: Provider) -> None:
    provider.busy = 2
    provider.lost = 1
    async with engine() as local:
        ended = await local.wait((await start(local)).id, "", 10)
    assert ended.status is RunStatus.COMPLETED


async def test_a_start_that_was_not_begun_is_in_no_doubt(engine: Open, provider: Provider, tmp_path: Path) -> None:
    """The end of the process falls between a start and its first request: nothing was sent, so that it can go on."""
    provider.busy = 0
    async with engine() as local:
        run = await start(local)
    assert provider.asked == []
    assert list((tmp_path / "locks").iterdir()) == []
    async with engine() as local:
        assert (await local.wait(run.id, "", 5)).status is RunStatus.COMPLETED
    assert provider.asked == ["POST /jobs", "GET /jobs/{id}"]


async def test_a_cancel_before_the_first_request_says_that_nothing_was_started(
    engine: Open, provider: Provider
) -> None:
    async with engine() as local:
        run = await start(local)
        await local.cancel(run.id)
        ended = await local.wait(run.id, "", 5)
    assert (ended.status, ended.state.remote) == (RunStatus.CANCELLED, "nothing_started")
    assert provider.asked == []


def test_states_of_this_version_are_plain(provider: Provider) -> None:
    """What is saved is JSON without a class name in it: other versions and other languages can read it."""
    state, command = advance(program(), State(), Started("job", {"a": 1}))
    saved: dict[str, Any] = STATE_JSON.dump_python(state, mode="json")
    assert saved["version"] == 1
    assert saved["frames"][0]["inputs"] == {"a": 1}
    assert STATE_JSON.validate_json(STATE_JSON.dump_json(state)) == state
    assert COMMAND_JSON.validate_json(COMMAND_JSON.dump_json(command)) == command
