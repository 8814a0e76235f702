"""The store over time and in trouble: what is dropped, what is kept, and files that fail or say what is not so."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp import Client
from typer.testing import CliRunner

from arazzo_mcp.arazzo.command import Outcome, Wait
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.cli import app
from arazzo_mcp.demo.providers import ServedProviders
from arazzo_mcp.engine import database, owner
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.neighbours import WATCH_SECONDS
from arazzo_mcp.engine.owner import Owner
from arazzo_mcp.engine.prune import DAY_SECONDS, TOMBSTONE_SECONDS, Pruned, prune
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.errors import StoreError, UnknownRun
from tests.conftest import ROOT, WORKFLOWS, http_server
from tests.test_engine import Provider, Shelf, program

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
WEEK = 7 * DAY_SECONDS


def run(name: str, status: str, ended_days_ago: float, *, principal: str = "", digest: str = "d1") -> Run:
    """A run that is as old as it is said; one that works has not ended and was only saved then."""
    at = time.time() - ended_days_ago * DAY_SECONDS
    outcome = None if status == "working" else Outcome(status, {"text": "x" * 4000})  # type: ignore[arg-type]
    return Run(
        name, "job", digest, "flow.yaml", principal, State(), Wait("poll", 1.0), at - 60, at, "nobody", outcome=outcome
    )


async def filled(store: SqliteStore, *runs: Run) -> None:
    for one in runs:
        await store.create(one, f"the documents of {one.program}")


async def names(store: SqliteStore, principal: str = "") -> set[str]:
    return {one.id for one in await store.newest(principal, 1000)}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(tmp_path / "runs.sqlite3") as opened:
        yield opened


# --- pruning


@pytest.mark.parametrize(
    ("status", "days_ago", "stays"),
    [
        ("completed", 8, False),
        ("failed", 8, False),
        ("cancelled", 8, False),
        ("in_doubt", 8, False),
        ("completed", 6.9, True),
        ("completed", -30, True),  # the clock has been set back since
        ("working", 8, True),
        ("working", 4000, True),
        ("working", -30, True),
    ],
)
async def test_only_what_ended_long_ago_is_dropped(
    store: SqliteStore, status: str, days_ago: float, stays: bool
) -> None:
    await filled(store, run("one", status, days_ago))
    done = await prune(store, WEEK)
    assert await names(store) == ({"one"} if stays else set())
    assert (done.runs, done.programs) == ((0, 0) if stays else (1, 1))
    left = await store.tombstone("one")
    assert (left is None) is stays
    if left is not None:
        assert (left.workflow, left.status) == ("job", status)
        assert left.pruned - left.ended == pytest.approx(days_ago * DAY_SECONDS, abs=60)


async def test_documents_go_with_the_last_run_that_needs_them(store: SqliteStore) -> None:
    await filled(
        store,
        run("old", "completed", 8, digest="shared"),
        run("live", "working", 8, digest="shared"),
        run("older", "completed", 9, digest="alone"),
    )
    done = await prune(store, WEEK)
    assert (done.runs, done.programs) == (2, 1)
    assert await store.snapshot("shared") == "the documents of shared"
    assert await store.snapshot("alone") is None


async def test_a_start_and_a_pruning_at_the_same_time(tmp_path: Path) -> None:
    """In two processes: whatever comes first, a run that is recorded has its documents."""
    path = tmp_path / "runs.sqlite3"
    async with SqliteStore(path) as starting, SqliteStore(path) as pruning:

        async def start() -> None:
            for number in range(150):
                await filled(starting, run(f"run{number}", "working", 0, digest=f"d{number % 3}"))
                await starting.discard(f"run{number - 1}", "nobody")

        async def drop() -> None:
            while True:
                await pruning.prune("programs", 0, 0)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drop)
            await start()
            tasks.cancel_scope.cancel()
        for one in await starting.newest("", 1000):
            assert await starting.snapshot(one.program) == f"the documents of {one.program}"


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def test_several_processes_prune_one_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    async with SqliteStore(path) as one, SqliteStore(path) as two:
        await asyncio.gather(*(filled(one, run(f"run{number}", "completed", 8)) for number in range(450)))
        size = _bytes(tmp_path)
        done = await asyncio.gather(prune(one, WEEK), prune(two, WEEK))
        assert sum(each.runs for each in done) == 450
        assert sum(each.bytes for each in done) > 1_000_000
        assert await names(one) == set()
    assert path.stat().st_size < size / 4, "the space is given back"
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM tombstones").fetchone() == (450,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_tombstones_go_too(store: SqliteStore, tmp_path: Path) -> None:
    await filled(store, run("one", "completed", 8), run("two", "completed", 8))
    await prune(store, WEEK)
    with sqlite3.connect(tmp_path / "runs.sqlite3") as connection:
        connection.execute("UPDATE tombstones SET pruned = pruned - ? WHERE id = 'one'", (TOMBSTONE_SECONDS + 60,))
    connection.close()
    assert (await prune(store, WEEK)).tombstones == 1
    assert await store.tombstone("one") is None
    assert await store.tombstone("two") is not None


async def test_a_file_that_was_made_without_giving_back_is_pruned_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("CREATE TABLE older (x)")
    connection.close()
    async with SqliteStore(path) as opened:
        await filled(opened, run("one", "completed", 8))
        assert await prune(opened, WEEK) == Pruned(runs=1, programs=1)


Opened = Callable[..., AbstractAsyncContextManager[LocalEngine]]


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def opened(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Opened:
    monkeypatch.setattr("arazzo_mcp.engine.prune._AT_FIRST_SECONDS", 0.0)

    @asynccontextmanager
    async def engine(**more: Any) -> AsyncIterator[LocalEngine]:
        async with SqliteStore(tmp_path / "runs.sqlite3", busy_seconds=0.2) as store:
            made = LocalEngine(
                store, Shelf(program()), provider, locks=tmp_path / "locks", documents=["flow.yaml"], **more
            )
            async with made:
                yield made

    return engine


async def test_an_engine_prunes_and_says_what_has_become_of_a_run(opened: Opened, store: SqliteStore) -> None:
    await filled(store, run("mine", "completed", 8), run("theirs", "failed", 8, principal="ann"))
    async with opened(keep_days=7) as engine:
        with anyio.fail_after(PATIENCE):
            while await store.tombstone("theirs") is None:
                await anyio.sleep(0.02)
        for ask in (engine.get, engine.cancel):
            with pytest.raises(UnknownRun) as told:
                await ask("mine", "")
            day = time.strftime("%Y-%m-%d", time.gmtime())
            assert "run mine of job (completed, ended " in str(told.value)
            assert str(told.value).endswith(f"was pruned on {day}; runs are kept 7 days (keep_days)")
        with pytest.raises(UnknownRun, match="there is no run 'theirs'"):
            await engine.get("theirs", "")
        with pytest.raises(UnknownRun, match="was pruned on"):
            await engine.wait("theirs", "ann", 1)


async def test_an_engine_that_keeps_for_ever(opened: Opened, store: SqliteStore) -> None:
    await filled(store, run("one", "completed", 4000))
    async with opened(keep_days=0) as engine:
        await anyio.sleep(0.3)
        assert (await engine.get("one")).status is RunStatus.COMPLETED


def cli(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["runs", *map(str, arguments)])


def test_pruning_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"

    async def fill() -> None:
        async with SqliteStore(path) as store:
            await filled(
                store, run("days", "completed", 3), run("hours", "completed", 0.2), run("live", "working", 900)
            )

    asyncio.run(fill())
    assert "dropped 0 runs" in cli("prune", "--store", path).stdout
    assert '"runs": 1' in cli("prune", "--store", path, "--older-than", "2d", "--json").stdout
    told = cli("show", "days", "--store", path).exception
    assert "was pruned on" in str(told)
    assert "keep_days" not in str(told), "it was not for its age in the settings"
    assert "was pruned on" in str(cli("wait", "days", "--store", path).exception)
    assert '"runs": 1' in cli("prune", "--store", path, "--older-than", "3h", "--json").stdout
    assert '"runs": 0' in cli("prune", "--store", path, "--older-than", "0d", "--json").stdout


@pytest.mark.parametrize("name", ["show", "cancel", "wait", "attach"])
def test_looking_for_a_run_makes_no_store(tmp_path: Path, name: str) -> None:
    assert "there is no run store" in str(cli(name, "run_x", "--store", tmp_path / "none.sqlite3").exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["soon", "-1d", "7w", "", "nan", "inf"])
def test_a_duration_that_is_none(tmp_path: Path, wrong: str) -> None:
    done = cli("prune", "--store", tmp_path / "s", "--older-than", wrong)
    assert "is no duration: write 7d" in str(done.exception)


def test_pruning_by_hand_what_is_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARAZZO_MCP_KEEP_DAYS", "0")
    assert "--older-than" in str(cli("prune", "--store", tmp_path / "s").exception)


@pytest.mark.parametrize("asked", [["list"], ["list", "--json"], ["prune"], ["show", "r"], ["cancel", "r"]])
def test_looking_makes_no_store(tmp_path: Path, asked: list[str]) -> None:
    done = cli(*asked, "--store", tmp_path / "typo" / "runs.sqlite3")
    assert "there is no run store" in f"{done.stderr} {done.exception}"
    assert list(tmp_path.iterdir()) == []


# --- a store that fails


class Flaky:
    """A connection whose next COMMIT fails although it was done."""

    failing = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *given: Any) -> Any:
        done = self._connection.execute(statement, *given)
        if statement == "COMMIT" and Flaky.failing:
            Flaky.failing = False
            raise sqlite3.OperationalError("disk I/O error")
        return done


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[Flaky]:
    whole = database._open

    def opened(*given: Any) -> tuple[Any, Any]:
        connection, quick = whole(*given)
        return Flaky(connection), quick

    monkeypatch.setattr(database, "_open", opened)
    return Flaky


async def test_a_start_that_was_refused_leaves_no_run(
    opened: Opened, provider: Provider, flaky: type[Flaky], tmp_path: Path
) -> None:
    """The commit fails, and is there all the same: nobody may drive that run later."""
    async with opened() as engine:
        flaky.failing = True
        with pytest.raises(StoreError, match="disk I/O error"):
            await engine.start("d1", "flow.yaml", "job", {})
        assert len(await engine.newest()) == 1, "it is there"
        with anyio.fail_after(PATIENCE):
            while await engine.newest():
                await anyio.sleep(0.02)
        provider.busy = 0
        other = await engine.start("d1", "flow.yaml", "job", {})
        assert (await engine.wait(other.id, "", PATIENCE)).status is RunStatus.COMPLETED
    assert provider.asked.count("POST /jobs") == 1


async def test_a_start_that_is_refused_while_another_is_being_forgotten(
    opened: Opened, provider: Provider, flaky: type[Flaky]
) -> None:
    async with opened() as engine:

        async def refused() -> None:
            flaky.failing = True
            with pytest.raises(StoreError, match="disk I/O error"):
                await engine.start("d1", "flow.yaml", "job", {})

        forget, forgotten = engine._store.discard, []

        async def discard(run_id: str, owner_: str) -> None:
            forgotten.append(run_id)
            if len(forgotten) == 1:
                await refused()
            await forget(run_id, owner_)

        engine._store.discard = discard  # type: ignore[method-assign]
        await refused()
        with anyio.fail_after(PATIENCE):
            while len(forgotten) < 2 or await engine.newest():
                await anyio.sleep(0.02)
    assert provider.asked == []


async def test_a_run_whose_taking_failed_is_driven(opened: Opened, provider: Provider, flaky: type[Flaky]) -> None:
    provider.busy = 0
    async with opened() as engine:
        left = await engine.start("d1", "flow.yaml", "job", {})
        await engine._store.take(engine.owner, "dead", None, None)
    assert provider.asked == []
    async with opened() as engine, opened() as other:
        with anyio.fail_after(PATIENCE):
            ended = await engine.wait(left.id, "", PATIENCE)
        assert ended.status is RunStatus.COMPLETED
        lost = replace(left, id="lost", owner="dead too")
        real = engine._store.take

        async def take(dead: str, *rest: Any) -> list[Run]:
            flaky.failing = dead == "dead too"
            return await real(dead, *rest)

        engine._store.take = other._store.take = take  # type: ignore[method-assign]
        await other._store.create(lost, "the documents of d1")
        assert (await other.wait("lost", "", PATIENCE)).status is RunStatus.COMPLETED
    assert provider.asked.count("POST /jobs") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be removed")
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_removed_or_replaced_while_it_is_open(
    opened: Opened, provider: Provider, tmp_path: Path, replaced: bool
) -> None:
    """It could be written for ever and nobody would read it. Nothing is sent that is not recorded."""
    path, aside = tmp_path / "runs.sqlite3", tmp_path / "aside"
    reached = provider.hold("POST /jobs")
    async with opened() as engine:
        first = await engine.start("d1", "flow.yaml", "job", {})
        await reached.wait()
        path.rename(aside)
        if replaced:
            path.write_bytes(b"")
        with pytest.raises(StoreError, match="was removed or replaced while it was open"):
            await engine.start("d1", "flow.yaml", "job", {})
        aside.rename(path)
        provider.busy = 0
        provider.gates["POST /jobs"].set()
        assert (await engine.wait(first.id, "", PATIENCE)).status is RunStatus.COMPLETED
    assert provider.asked.count("POST /jobs") == 1


async def _query_only(opened: database.Database, word: str) -> None:
    """Both connections."""
    assert opened._quick is not None
    opened._quick.execute(f"PRAGMA query_only = {word}")
    await opened.ask(lambda connection: connection.execute(f"PRAGMA query_only = {word}").fetchall())


async def test_a_store_that_becomes_read_only_under_a_run(opened: Opened, provider: Provider) -> None:
    """The run stands still, new ones are refused, and it goes on when the store can be written again."""
    reached = provider.hold("POST /jobs")
    provider.busy = 0
    async with opened() as engine:
        first = await engine.start("d1", "flow.yaml", "job", {})
        await reached.wait()
        database_ = engine._store._database  # type: ignore[attr-defined]
        await _query_only(database_, "ON")
        provider.gates["POST /jobs"].set()
        with pytest.raises(StoreError, match="readonly database"):
            await engine.start("d1", "flow.yaml", "job", {})
        with pytest.raises(StoreError, match="readonly database"):
            await engine.cancel(first.id)
        await anyio.sleep(0.5)
        assert provider.asked == ["POST /jobs"]
        await _query_only(database_, "OFF")
        ended = await engine.wait(first.id, "", PATIENCE)
    assert ended.ended
    assert provider.asked.count("POST /jobs") == 1


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no file system can be mounted here")
@pytest.mark.parametrize("name", ["runs.sqlite3", "folder/runs.sqlite3"])
def test_a_read_only_disk(tmp_path: Path, name: str) -> None:
    """With a store on it, and with a folder that would have to be made."""
    make = f'{sys.executable} -c "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])"'
    store = tmp_path / "disk" / name
    script = [
        "mount -t tmpfs tmpfs disk",
        f"{make} disk/runs.sqlite3 'PRAGMA user_version = 1'",
        "mount -o remount,ro disk",
        f"exec {sys.executable} -m arazzo_mcp serve {WORKFLOWS / 'fal.arazzo.yaml'} --store {store}",
    ]
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", " && ".join(script)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode in (1, 32):
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 2, done.stderr
    assert f"{store} cannot be opened: Read-only file system. Choose another with --store." in done.stderr
    assert "Traceback" not in done.stderr


# --- a process that watches another


async def test_what_happens_elsewhere_between_a_look_and_the_wait_is_not_missed(
    opened: Opened, provider: Provider
) -> None:
    async with opened() as engine, opened() as watching:
        first = await engine.start("d1", "flow.yaml", "job", {})
        get = watching._store.get

        async def late(run_id: str) -> Run | None:
            """What is read is old news when it is there: the run has ended, and this process has noticed."""
            watching._store.get = get  # type: ignore[method-assign]
            seen = await get(run_id)
            provider.busy = 0
            assert (await engine.wait(run_id, "", PATIENCE)).ended
            await anyio.sleep(4 * WATCH_SECONDS)
            return seen

        watching._store.get = late  # type: ignore[method-assign]
        with anyio.fail_after(PATIENCE):
            assert (await watching.wait(first.id, "", 2 * PATIENCE)).ended


async def test_what_fails_many_times_a_second_is_logged_when_it_changes(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("arazzo_mcp.engine.neighbours.WATCH_SECONDS", 0.01)
    caplog.set_level("INFO", "arazzo_mcp.engine")
    async with opened() as engine:
        version, asked = engine._store.version, 0

        async def failing(words: str) -> None:
            async def fails() -> int:
                nonlocal asked
                asked += 1
                raise StoreError(words)

            engine._store.version = fails  # type: ignore[method-assign]
            before = asked
            with anyio.fail_after(PATIENCE):
                while asked < before + 5:
                    await anyio.sleep(0.01)

        await failing("the disk is full")
        await failing("the disk is gone")
        engine._store.version = version  # type: ignore[method-assign]
        await anyio.sleep(0.1)
        await failing("the disk is gone")
    said = [record.getMessage() for record in caplog.records if "cannot be watched" in record.getMessage()]
    what = "other processes cannot be watched"
    assert said == [
        f"{what} meanwhile: the disk is full",
        f"{what} meanwhile: the disk is gone",
        f"{what}: that is over",
        f"{what} meanwhile: the disk is gone",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is locked cannot be moved")
def test_a_lock_file_that_is_gone_is_made_again_as_soon_as_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "arazzo_mcp.engine")
    folder = tmp_path / "locks"
    one, other = Owner(folder), Owner(folder)
    one.acquire()
    folder.rename(tmp_path / "aside")
    folder.write_text("in the way")
    for _ in range(5):
        one.keep()
    folder.unlink()
    assert other.is_gone(one.name) is True, "nobody can see that it lives"
    one.keep()
    assert other.is_gone(one.name) is False
    one.release()
    said = [record.getMessage() for record in caplog.records]
    assert ["cannot be made again meanwhile" in words for words in said] == [True, False], said


# --- a process that stands still


async def test_a_process_that_stands_still_loses_its_runs_and_those_who_wait_there_see_it(
    opened: Opened, provider: Provider
) -> None:
    """It shows no life, as if its loop were blocked: another goes on with its run. When it is back it lets go of it,
    without a further request, and who waits there sees what the other does."""
    reached = provider.hold("GET /jobs/{id}")
    async with opened(hung_seconds=2.0) as engine:
        first = await engine.start("d1", "flow.yaml", "job", {})
        await reached.wait()
        beat = engine._owner.beat
        engine._owner.beat = lambda: None  # type: ignore[method-assign]
        async with opened(hung_seconds=2.0) as other:
            with anyio.fail_after(PATIENCE):
                while (await other.get(first.id)).owner != other.owner:
                    await anyio.sleep(0.05)
            provider.busy = 0
            engine._owner.beat = beat  # type: ignore[method-assign]
            with anyio.fail_after(PATIENCE):
                while first.id in engine._live:
                    await anyio.sleep(0.05)
            asked = len(provider.asked)
            async with anyio.create_task_group() as tasks:
                ended: list[Run] = []

                async def wait() -> None:
                    ended.append(await engine.wait(first.id, "", PATIENCE))

                tasks.start_soon(wait)
                await anyio.sleep(0.1)
                provider.gates["GET /jobs/{id}"].set()
    assert [one.status for one in ended] == [RunStatus.COMPLETED]
    assert [one.owner for one in ended] == [other.owner]
    assert len(provider.asked) == asked
    assert provider.asked.count("POST /jobs") == 1


async def test_nothing_is_sent_for_a_run_that_was_taken_between_its_record_and_its_request(
    opened: Opened, provider: Provider, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(hung_seconds=60.0) as engine:
        save = engine._store.save

        async def stopped_after(run: Run, **more: Any) -> None:
            await save(run, **more)
            if more["durable"]:
                await store.take(engine.owner, "another", None, None)
                engine._owner._beaten -= 100.0

        engine._store.save = stopped_after  # type: ignore[method-assign]
        first = await engine.start("d1", "flow.yaml", "job", {})
        with anyio.fail_after(PATIENCE):
            while first.id in engine._live:
                await anyio.sleep(0.02)
    assert provider.asked == []


def owners(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Owner, Owner, list[float]]:
    """One that is stopped, one that watches it, and the clock of both."""
    clock = [1000.0]
    monkeypatch.setattr(owner.time, "monotonic", lambda: clock[0])
    stopped, watching = Owner(folder, 60.0), Owner(folder, 60.0)
    stopped.acquire()
    return stopped, watching, clock


def watched(watching: Owner, name: str, clock: list[float], seconds: int) -> bool:
    gone = False
    for _ in range(seconds):
        clock[0] += 1.0
        gone = watching.is_gone(name)
    return gone


def test_a_minute_without_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, watching, clock = owners(tmp_path, monkeypatch)
    assert not watched(watching, stopped.name, clock, 59)
    stopped.beat()
    assert not watched(watching, stopped.name, clock, 60), "it has shown life since"
    assert watched(watching, stopped.name, clock, 2)
    stopped.beat()
    assert not watched(watching, stopped.name, clock, 1), "it is back"
    stopped.release()
    assert watched(watching, stopped.name, clock, 1), "it is dead"


def test_a_machine_that_was_asleep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks stood still as well: what it saw before counts no more."""
    stopped, watching, clock = owners(tmp_path, monkeypatch)
    assert not watched(watching, stopped.name, clock, 50)
    clock[0] += 3600.0
    assert not watched(watching, stopped.name, clock, 60)
    assert watched(watching, stopped.name, clock, 2)
    stopped.release()


def test_a_lock_file_that_cannot_be_touched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Owner(tmp_path / "none").beat()
    assert "cannot be touched" in caplog.text


# --- two processes


async def test_a_run_of_another_process_is_waited_for(providers: ServedProviders, tmp_path: Path) -> None:
    """Whoever waits is woken by what the other process writes."""
    given = [WORKFLOWS / "fal.arazzo.yaml", "--server", f"fal={providers.fal_url}", "--wait-seconds", "0"]
    given += ["--store", tmp_path / "runs.sqlite3"]
    inputs = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": {"prompt": "p", "_demo": {"polls": 2}}}
    environment = {"FAL_KEY": "k"}
    async with (
        http_server(*given, env=environment) as one,
        http_server(*given, env=environment) as two,
        Client(one.mcp) as owner,
        Client(two.mcp) as other,
    ):
        started = (await owner.call_tool("fal-queue-inference", inputs)).structured_content
        assert started is not None
        asked = {"run_id": started["run_id"], "wait_seconds": 50}
        ended: dict[str, float] = {}

        async def wait(name: str, client: Client) -> None:
            with anyio.fail_after(PATIENCE):
                while True:
                    told = (await client.call_tool("run_status", asked)).structured_content
                    assert told is not None
                    if told["status"] != "working":
                        ended[name] = time.monotonic()
                        return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, "owner", owner)
            tasks.start_soon(wait, "other", other)
    assert ended["other"] - ended["owner"] < 2.0, "it is not found by the end of a wait"
