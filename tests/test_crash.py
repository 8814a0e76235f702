"""Servers that die, in every way that there is, and stores that fail: no run is lost, no job is paid for twice.

The short form of `python -m tests.crash`, and the single stories that chance would tell too seldom. A test that is
expected to fail shows a known defect; it fails as soon as that is mended, and then loses its mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.demo.providers import ServedProviders
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.errors import StoreError
from tests.conftest import ROOT, WORKFLOWS, HttpServer, command, http_server, stdio
from tests.crash.life import Life
from tests.crash.modes import MODES, mode
from tests.crash.verdict import Verdict, judge, read_journal
from tests.crash.world import Stage, stage
from tests.test_engine import Provider, Shelf, program, until

PATIENCE = 60.0
"""Seconds that a wait may last where the machine is busy; nothing is measured by it."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="fork, and kill -9"),
]

SHORT = {
    "boundaries": 96, "one": 60, "two": 60, "four": 60, "failing": 40, "keys": 40, "stopped": 72,
}  # fmt: skip
"""Kills of the short form, by mode."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", list(MODES))
async def test_no_run_is_lost_and_none_submits_twice(name: str) -> None:
    verdict = await mode(name, SHORT[name], seed=11)
    told = "\n".join(verdict.lines())
    assert verdict.violations == [], told
    assert (verdict.lost, verdict.doubles, verdict.unexplained) == (0, 0, 0), told
    assert verdict.kills.total() >= SHORT[name], told
    assert verdict.runs >= SHORT[name] / 2, told
    assert verdict.take_overs > 0, told
    if name == "keys":
        assert verdict.ended["in_doubt"] == 0, told
        assert verdict.again > 0, told


def test_the_short_form_kills_three_hundred_times() -> None:
    assert sum(SHORT.values()) >= 300
    assert set(SHORT) == set(MODES)


# --- two processes


@pytest.fixture
async def quiet() -> AsyncIterator[Stage]:
    """A stage whose provider does not fail."""
    async with stage() as on:
        yield on


def three(stage: Stage, name: str, looks: int) -> list[dict[str, Any]]:
    return [
        {"workflow": "three-submits", "inputs": {"mark": f"mark-{name}-0", "looks": looks}, "mark": f"mark-{name}-0"}
    ]


async def journal_says(folder: Path, word: str, detail: str | None = None) -> float:
    """When the journal of a world first says something."""
    with anyio.fail_after(PATIENCE):
        while True:
            for line in read_journal(folder / "journal"):
                if line.word == word and detail in (None, line.detail):
                    return line.at
            await anyio.sleep(0.01)


async def test_a_living_process_takes_over(quiet: Stage) -> None:
    folder = quiet.new_folder()
    watcher = await quiet.nursery.bear(Life(str(folder), stays=8.0))
    await journal_says(folder, "opens")
    victim = await quiet.nursery.bear(Life(str(folder), three(quiet, "ace", 12)))
    await journal_says(folder, "call<", "GET /jobs/{id} 200")
    assert quiet.nursery.kill(victim)
    await journal_says(folder, "take<", "1")
    assert await quiet.nursery.died(watcher) == 0
    verdict = judge(folder, quiet.record(), Verdict().kills, faults=False)
    assert verdict.violations == []
    assert verdict.ended["completed"] == 1


async def test_a_process_that_is_stopped_loses_its_runs(quiet: Stage) -> None:
    """And sends nothing for them when it goes on, but for what it may repeat."""
    folder = quiet.new_folder()
    watcher = await quiet.nursery.bear(Life(str(folder), stays=12.0, hung_seconds=2.0))
    await journal_says(folder, "opens")
    victim = await quiet.nursery.bear(Life(str(folder), three(quiet, "fee", 12), hung_seconds=2.0))
    await journal_says(folder, "call<", "GET /jobs/{id} 200")
    await anyio.sleep(0.4)  # it waits: stopped in the middle of a write it would hold the file, for all
    assert quiet.nursery.send(victim, signal.SIGSTOP)
    stopped = time.time()
    try:
        taken = await journal_says(folder, "take<", "1")
    finally:
        quiet.nursery.send(victim, signal.SIGCONT)
    assert taken - stopped > 1.5
    assert await quiet.nursery.died(victim) == 0
    assert await quiet.nursery.died(watcher) == 0
    after = [line for line in read_journal(folder / "journal") if line.pid == victim and line.at > taken]
    assert [line.detail for line in after if line.word == "call>" and not line.detail.startswith("GET")] == []
    assert [line.detail for line in after if line.word == "save<"] == []
    verdict = judge(folder, quiet.record(), Verdict().kills, faults=False)
    assert verdict.violations == []
    assert verdict.ended["completed"] == 1


async def test_processes_that_start_at_the_same_instant(quiet: Stage) -> None:
    """On a store that none has made yet, and with the run of a dead one that each of them wants."""
    for attempt, processes in enumerate([2, 4, 8] * 3):
        folder = quiet.new_folder()
        if attempt:
            dead = await quiet.nursery.bear(Life(str(folder), three(quiet, f"{attempt}", 2), at=12))
            assert await quiet.nursery.died(dead) == -9
        lives = [Life(str(folder), stays=1.0) for _ in range(processes)]
        pids = await asyncio.gather(*(quiet.nursery.bear(life) for life in lives))
        statuses = [await quiet.nursery.died(pid) for pid in pids]
        assert set(statuses) == {0}, (folder / "log").read_text()
        verdict = judge(folder, quiet.record(), Verdict().kills, faults=False)
        assert verdict.violations == []
        assert verdict.take_overs == (1 if attempt else 0)


# --- the real server, one process for each client, as hosts start it


@pytest.mark.timeout(240)
async def test_real_servers_over_one_store_are_killed_at_random(providers: ServedProviders, tmp_path: Path) -> None:
    given = [WORKFLOWS / "fal.arazzo.yaml", "--server", f"fal={providers.fal_url}", "--store", tmp_path / "r.sqlite3"]
    given += ["--wait-seconds", "0"]
    kills, started = 6, []
    async with http_server(*given, env={"FAL_KEY": "k"}) as lasting, Client(lasting.mcp) as client:
        for number in range(kills):
            async with http_server(*given, env={"FAL_KEY": "k"}) as dying:
                async with Client(dying.mcp) as other:
                    for run in range(3):
                        job = {"prompt": f"{number}-{run}", "_demo": {"polls": 2}}
                        inputs = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": job}
                        result = await other.call_tool("fal-queue-inference", inputs)
                        assert result.structured_content is not None
                        started.append(result.structured_content["run_id"])
                await anyio.sleep(0.4 * number / kills)
                await dying.kill()
        ended = [await _to_the_end(client, run_id) for run_id in started]
    assert {one["status"] for one in ended} <= {"completed", "in_doubt"}
    assert any(one["status"] == "completed" for one in ended)
    assert {providers.record.submits(job) for job in providers.record.jobs} == {1}
    assert "Traceback" not in lasting.log


async def _to_the_end(client: Client, run_id: str) -> dict[str, Any]:
    with anyio.fail_after(PATIENCE):
        while True:
            result = await client.call_tool("run_status", {"run_id": run_id, "wait_seconds": 10})
            assert result.structured_content is not None
            if result.structured_content["status"] != "working":
                return result.structured_content


# --- the store fails under a server that works


@asynccontextmanager
async def on_a_small_disk(folder: Path, *arguments: str | Path) -> AsyncIterator[HttpServer]:
    """`serve` with a file system of 3 MB at `folder`, which nobody else sees."""
    mounted = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
    served = command("serve", *arguments, "--transport", "http", "--port", "0")
    process = await anyio.open_process(
        ["unshare", "-rm", "sh", "-c", mounted, str(folder), *served], stdout=-1, stderr=-1, cwd=ROOT
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(process.aclose)
        stack.callback(lambda: process.kill() if process.returncode is None else None)
        seen = ""
        assert process.stderr is not None
        with anyio.fail_after(PATIENCE):
            while "listens on " not in seen:
                seen += (await process.stderr.receive()).decode()
        server = HttpServer(seen.split("listens on ")[1].split("/mcp")[0], process, seen)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(server.drain)
        yield server
        tasks.cancel_scope.cancel()


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


class Trouble:
    """A store that cannot be written any more, and can again."""

    def __init__(self, server: HttpServer, folder: Path) -> None:
        self.pid, self.folder = server.process.pid, Path(f"/proc/{server.process.pid}/root{folder}")

    def fill(self) -> None:
        """Not a byte is left on the disk."""
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def empty(self) -> None:
        (self.folder / "filler").unlink()

    def limit(self) -> None:
        """No file of this process may grow."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def unlimit(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize("kind", ["the disk is full", "its files may not grow"])
async def test_a_store_that_cannot_grow(kind: str, providers: ServedProviders, tmp_path: Path) -> None:
    """Nothing is asked for that cannot be recorded, and everything goes on when there is room again."""
    if kind == "the disk is full" and not can_mount():
        pytest.skip("no file system can be mounted here")
    if not hasattr(resource, "prlimit"):
        pytest.skip("no prlimit")
    given = [WORKFLOWS / "fal.arazzo.yaml", "--server", f"fal={providers.fal_url}", "--wait-seconds", "0"]
    disk = tmp_path / "disk"
    disk.mkdir()
    given += ["--store", disk / "runs.sqlite3"]
    os.environ["FAL_KEY"] = "k"
    async with AsyncExitStack() as stack:
        full = kind == "the disk is full"
        server = await stack.enter_async_context(on_a_small_disk(disk, *given) if full else http_server(*given))
        client = await stack.enter_async_context(Client(server.mcp))
        first = await client.call_tool("fal-queue-inference", _inputs("first", 4))
        assert first.structured_content is not None
        with anyio.fail_after(PATIENCE):
            while not providers.record.jobs:
                await anyio.sleep(0.02)
        trouble = Trouble(server, disk)
        (trouble.fill if full else trouble.limit)()
        refused = await client.call_tool("fal-queue-inference", _inputs("refused", 1))
        assert refused.is_error
        assert ("full" if full else "disk I/O error") in str(refused.content)
        assert "No request was sent" in str(refused.content)
        await anyio.sleep(3.0)
        looks = providers.record.jobs[0].looks
        assert [job.input["prompt"] for job in providers.record.jobs] == ["first"]
        assert looks <= 2, "a run that cannot be recorded stands still"
        (trouble.empty if full else trouble.unlimit)()
        ended = await _to_the_end(client, first.structured_content["run_id"])
        after = await client.call_tool("fal-queue-inference", _inputs("after", 1))
        assert not after.is_error
    assert ended["status"] == "completed"
    assert {providers.record.submits(job) for job in providers.record.jobs} == {1}


def _inputs(prompt: str, polls: int) -> dict[str, Any]:
    job = {"prompt": prompt, "_demo": {"polls": polls}}
    return {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": job}


# --- single stories, in one process


class FragileStore(SqliteStore):
    """A store that fails once where it is told to, and can be held up."""

    failing: str | None = None
    holding: str | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path, busy_seconds=0.1)
        self.go_on, self.reached = anyio.Event(), anyio.Event()

    async def _passing(self, name: str) -> None:
        if self.failing == name:
            self.failing = None
            raise StoreError("the disk has a moment of weakness")
        if self.holding == name:
            self.reached.set()
            await self.go_on.wait()

    async def cancels(self, owner: str) -> list[str]:
        await self._passing("cancels")
        return await super().cancels(owner)

    async def snapshot(self, digest: str) -> str | None:
        await self._passing("snapshot")
        return await super().snapshot(digest)

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Run]:
        if where.startswith("WHERE owner"):
            await self._passing("take")
        return await super()._select(where, values)


Opened = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def opened_(
        provider: Provider, shelf: Shelf | None = None
    ) -> AsyncIterator[tuple[LocalEngine, FragileStore]]:
        async with FragileStore(tmp_path / "runs.sqlite3") as store:
            engine = LocalEngine(
                store, shelf or Shelf(program()), provider, locks=tmp_path / "locks", documents=["flow.yaml"]
            )
            async with engine:
                yield engine, store

    return opened_


async def begun(engine: LocalEngine) -> Run:
    return await engine.start("d1", "flow.yaml", "job", {})


async def polling(engine: LocalEngine) -> Run:
    return await until(engine, await begun(engine), lambda run: run.state.step == "poll" and run.state.calls >= 2)


async def left_behind(opened: Opened, provider: Provider, tmp_path: Path, **columns: Any) -> str:
    """A run that polls, whose process is dead; with other values in some columns of its row."""
    async with opened(provider) as (engine, _):
        run = await polling(engine)
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        for name, value in {"owner": "dead", **columns}.items():
            connection.execute(f"UPDATE runs SET {name} = ? WHERE id = ?", (value, run.id))
    connection.close()
    provider.asked.clear()
    return run.id


async def test_a_cancel_is_heard_though_the_store_could_not_be_read_at_first(opened: Opened) -> None:
    provider = Provider()
    async with opened(provider) as (engine, store), opened(provider) as (other, _):
        run = await polling(engine)
        await anyio.sleep(0.6)
        store.failing = "cancels"
        await other.cancel(run.id)
        with anyio.move_on_after(PATIENCE):
            await until(engine, run, lambda one: one.ended)
        assert (await engine.get(run.id)).status is RunStatus.CANCELLED


async def test_runs_that_were_taken_are_driven_though_they_could_not_be_read_at_first(
    opened: Opened, tmp_path: Path
) -> None:
    provider = Provider()
    run_id = await left_behind(opened, provider, tmp_path)
    provider.busy = 0
    FragileStore.failing = "take"
    try:
        async with opened(provider) as (engine, _):
            FragileStore.failing = None
            assert (await engine.wait(run_id, "", PATIENCE)).status is RunStatus.COMPLETED
    finally:
        FragileStore.failing = None


async def test_a_cancel_while_its_run_is_being_taken_over(opened: Opened) -> None:
    provider = Provider()
    shelf = Shelf(program())
    shelf.program = lambda _digest: None  # type: ignore[method-assign]
    async with opened(provider, shelf) as (engine, store):
        store.holding = "snapshot"
        async with anyio.create_task_group() as tasks:
            run_id = ""

            async def cancel() -> None:
                await store.reached.wait()
                await engine.cancel(run_id)
                store.go_on.set()

            run_id = await _orphan(opened, provider)
            tasks.start_soon(cancel)
            with anyio.move_on_after(PATIENCE):
                while not (await engine.get(run_id)).ended:
                    await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert (await engine.get(run_id)).status is RunStatus.CANCELLED


async def _orphan(opened: Opened, provider: Provider) -> str:
    """A run that another process has begun and left."""
    async with opened(provider) as (other, _):
        return (await polling(other)).id


async def test_a_lock_file_that_disappears_costs_its_owner_no_run(opened: Opened, tmp_path: Path) -> None:
    """Cleaners of temporary folders do that."""
    provider = Provider()
    reached = provider.hold("POST /jobs")
    async with opened(provider) as (engine, _):
        run = await begun(engine)
        await reached.wait()
        for lock in (tmp_path / "locks").iterdir():
            lock.unlink()
        await anyio.sleep(0.6)
        async with opened(provider):
            await anyio.sleep(1.5)
        provider.busy = 0
        provider.gates["POST /jobs"].set()
        ended = await engine.wait(run.id, "", PATIENCE)
    assert ended.status is RunStatus.COMPLETED
    assert provider.asked.count("POST /jobs") == 1


async def test_a_folder_of_locks_that_cannot_be_written_stops_nothing(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or too many open files, when another process is looked for."""
    provider = Provider()
    async with opened(provider) as (engine, _):
        run = await polling(engine)
        await left_alone(tmp_path, run)

        def full(*_: Any, **__: Any) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("filelock._unix.os.open", full)
            await anyio.sleep(1.5)
        provider.busy = 0
        assert (await engine.wait(run.id, "", PATIENCE)).status is RunStatus.COMPLETED


async def left_alone(tmp_path: Path, run: Run) -> None:
    """A copy of a run whose owner is dead, so that there is somebody to be looked for."""
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        values = ", ".join({"id": "'copy'", "owner": "'dead'"}.get(name, name) for name in columns)
        connection.execute(f"INSERT INTO runs SELECT {values} FROM runs WHERE id = ?", (run.id,))
    connection.close()


async def test_a_clock_that_is_set_back_makes_no_wait_longer(opened: Opened, tmp_path: Path) -> None:
    provider = Provider()
    run_id = await left_behind(opened, provider, tmp_path, due=time.time() + 7200)
    provider.busy = 0
    async with opened(provider) as (engine, _):
        assert (await engine.wait(run_id, "", PATIENCE)).status is RunStatus.COMPLETED


class Fal(Provider):
    """Takes a cancel once; asked again it says that the job is over, and its result is that it was cancelled."""

    async def __call__(self, digest: str, call: CallOperation) -> Exchange:
        answer = await super().__call__(digest, call)
        if call.target.operation.endswith("cancel"):
            self.cancel = Exchange(status=400, body={"status": "ALREADY_COMPLETED"})
        elif self.cancel.status == 400:
            return Exchange(status=499, body={"detail": "Request was cancelled by the client."})
        return answer


async def test_a_cancel_that_was_taken_before_the_death_of_its_process_is_a_cancel(
    opened: Opened, tmp_path: Path
) -> None:
    """The provider has cancelled the job, the process dies before that is recorded, and the cancel is sent again."""
    provider = Fal()
    async with opened(provider) as (engine, store):
        run = await polling(engine)
        died: list[Run] = []
        save = store.save

        async def dies(saved: Run, **more: Any) -> None:
            if died and not saved.state.cancel:
                raise StoreError("it died")
            await save(saved, **more)
            died.extend([saved] if saved.state.cancel else [])

        store.save = dies  # type: ignore[method-assign]
        await engine.cancel(run.id)
        with anyio.fail_after(PATIENCE):
            while not died or provider.cancel.status == 200:
                await anyio.sleep(0.02)
    assert provider.asked.count("POST /jobs/{id}/cancel") == 1
    async with opened(provider) as (engine, _):
        ended = await engine.wait(run.id, "", PATIENCE)
    assert provider.asked.count("POST /jobs/{id}/cancel") == 2
    assert ended.status is RunStatus.CANCELLED
    assert ended.state.remote in ("cancelled", "cancel_requested")


async def test_a_database_that_is_locked_or_spoiled_under_a_run(opened: Opened, tmp_path: Path) -> None:
    """It stands still, new ones are refused, and it goes on when the file can be used again."""
    provider = Provider()
    async with opened(provider) as (engine, _):
        run = await polling(engine)
        locker = sqlite3.connect(tmp_path / "runs.sqlite3", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        await anyio.sleep(0.4)
        asked = len(provider.asked)
        with pytest.raises(StoreError, match="locked"):
            await begun(engine)
        await anyio.sleep(0.4)
        assert len(provider.asked) <= asked + 1
        locker.execute("ROLLBACK")
        locker.close()
        provider.busy = 0
        assert (await engine.wait(run.id, "", PATIENCE)).status is RunStatus.COMPLETED
    assert provider.asked.count("POST /jobs") == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
async def test_a_document_is_the_same_however_its_path_is_written(
    providers: ServedProviders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of `serve workflows` goes on under `serve /absolute/workflows`."""
    monkeypatch.setenv("FAL_KEY", "k")
    rest = ["--server", f"fal={providers.fal_url}", "--store", tmp_path / "runs.sqlite3", "--wait-seconds", "0"]
    async with http_server("workflows/fal.arazzo.yaml", *rest) as server:
        async with Client(server.mcp) as client:
            started = await client.call_tool("fal-queue-inference", _inputs("relative", 3))
        await anyio.sleep(0.5)
        await server.kill()
    assert started.structured_content is not None
    async with Client(stdio(WORKFLOWS / "fal.arazzo.yaml", *rest)) as client:
        with anyio.fail_after(PATIENCE):
            ended = await _to_the_end(client, started.structured_content["run_id"])
    assert ended["status"] == "completed"
