"""Runs in one SQLite file: a row for each run, and the text of the documents that runs are pinned to.

One thread owns the connection. It takes whatever has queued up, performs it as one transaction and only then
answers, so that many runs share one commit; with `synchronous=FULL` when one of them must survive a loss of
power. Keep the file on a local disk: SQLite's locks are not safe on network file systems.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from arazzo_mcp.arazzo.command import COMMAND_JSON, Outcome
from arazzo_mcp.arazzo.state import STATE_JSON
from arazzo_mcp.engine.run import Run
from arazzo_mcp.errors import RunLost, StoreError

log = logging.getLogger(__name__)
T = TypeVar("T")
_OUTCOME: TypeAdapter[Outcome | None] = TypeAdapter(Outcome | None)
_MOST_AT_ONCE: Final = 500

MIGRATIONS: Final = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, workflow TEXT NOT NULL, program TEXT NOT NULL, document TEXT NOT NULL,
        principal TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, command TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, owner TEXT NOT NULL, due REAL, cancel INTEGER NOT NULL,
        outcome TEXT
    ) STRICT;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE status = 'working';
    CREATE INDEX runs_by_principal ON runs (principal, created DESC);
    CREATE TABLE programs (digest TEXT PRIMARY KEY, snapshot BLOB NOT NULL) STRICT;
    """,
)
_COLUMNS: Final = (
    "id, workflow, program, document, principal, status, state, command, created, updated, owner, due, cancel, outcome"
)


@dataclass(frozen=True, slots=True)
class _Work:
    """Something to do with the connection, and where its result goes."""

    do: Callable[[sqlite3.Connection], Any]
    result: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    durable: bool


class SqliteStore:
    """The store of `arazzo_mcp.engine.run.Store` on SQLite. An async context manager.

    busy_seconds: how long another process's lock on the file is waited for. Every method raises StoreError when the
    file cannot be read or written, and ValueError, before anything is done, for a run that cannot be written as JSON.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> SqliteStore:
        connection = await asyncio.to_thread(_open, self.path, self._busy_seconds)
        self._thread = threading.Thread(target=_serve, args=(connection, self._queue), name="run-store")
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def _ask(self, do: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        if self._thread is None:
            raise StoreError(f"the run store {self.path} is not open")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Work(do, result, loop, durable))
        try:
            return await result
        except (sqlite3.Error, OverflowError, zlib.error) as error:
            raise StoreError(f"the run store {self.path}: {error}") from error

    async def create(self, run: Run, snapshot: str) -> None:
        """Record a new run and pin its documents; an id that is known already changes nothing."""

        row = _row(run)

        def do(connection: sqlite3.Connection) -> None:
            known = connection.execute("SELECT 1 FROM programs WHERE digest = ?", (run.program,)).fetchone()
            if known is None:
                packed = zlib.compress(snapshot.encode())
                connection.execute("INSERT OR IGNORE INTO programs VALUES (?, ?)", (run.program, packed))
            marks = ", ".join("?" * 14)
            connection.execute(f"INSERT OR IGNORE INTO runs ({_COLUMNS}) VALUES ({marks})", row)

        await self._ask(do, durable=True)

    async def save(self, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
        """Record where a run is, unless another process owns it now (RunLost)."""
        saved = _saved(run)

        def do(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE runs SET status = ?, state = ?, command = ?, updated = ?, due = ?, outcome = ?,"
                " cancel = CASE WHEN ? THEN 0 ELSE cancel END WHERE id = ? AND owner = ? AND outcome IS NULL",
                (*saved, cancel_answered, run.id, run.owner),
            )
            if changed.rowcount != 1:
                raise RunLost(f"run {run.id} is driven by another process now")

        await self._ask(do, durable=durable)

    async def get(self, run_id: str) -> Run | None:
        """The run with this id."""
        rows = await self._select("WHERE id = ?", (run_id,))
        return rows[0] if rows else None

    async def newest(self, principal: str, limit: int) -> list[Run]:
        """The newest runs of a principal, newest first."""
        return await self._select("WHERE principal = ? ORDER BY created DESC LIMIT ?", (principal, limit))

    async def snapshot(self, digest: str) -> str | None:
        """The pinned documents of a program."""

        def do(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT snapshot FROM programs WHERE digest = ?", (digest,)).fetchone()
            return zlib.decompress(row[0]).decode() if row else None

        return await self._ask(do)

    async def request_cancel(self, run_id: str) -> None:
        """Record that a run is to be cancelled."""

        def do(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE runs SET cancel = 1 WHERE id = ? AND status = 'working'", (run_id,))

        await self._ask(do, durable=True)

    async def reopen(self, run: Run) -> bool:
        """Let a run that has failed be driven again, by its new owner; False where somebody else was faster."""
        status, state, command, updated, due, _ = _saved(run)

        def do(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE runs SET status = ?, state = ?, command = ?, updated = ?, due = ?, outcome = NULL, owner = ?,"
                " cancel = 1 WHERE id = ? AND status = 'failed'",
                (status, state, command, updated, due, run.owner, run.id),
            )
            return changed.rowcount == 1

        return await self._ask(do, durable=True)

    async def cancels(self, owner: str) -> list[str]:
        """The working runs of an owner that somebody wants to stop."""

        def do(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute(
                "SELECT id FROM runs WHERE owner = ? AND cancel = 1 AND status = 'working'", (owner,)
            )
            return [row[0] for row in found]

        return await self._ask(do)

    async def owners(self) -> list[str]:
        """Everybody who owns a working run."""

        def do(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute("SELECT DISTINCT owner FROM runs WHERE status = 'working'")
            return [row[0] for row in found]

        return await self._ask(do)

    async def take(self, dead: str, owner: str, documents: Iterable[str] | None, run_id: str | None) -> list[Run]:
        """Make an owner's working runs another's."""
        wanted = None if documents is None else set(documents)

        def do(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            found = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE owner = ? AND status = 'working'", (dead,))
            rows = [
                row for row in found.fetchall()
                if (run_id is None or row[0] == run_id) and (wanted is None or row[3] in wanted)
            ]  # fmt: skip
            connection.executemany(
                "UPDATE runs SET owner = ? WHERE id = ? AND owner = ?", [(owner, row[0], dead) for row in rows]
            )
            return rows

        return [replace(run, owner=owner) for run in self._runs(await self._ask(do, durable=True))]

    async def version(self) -> int:
        """SQLite's data_version: changes whenever another process has written."""

        def do(connection: sqlite3.Connection) -> int:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

        return await self._ask(do)

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Run]:
        """The runs that can be read; one that cannot is left out, and the log says so."""

        def do(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(f"SELECT {_COLUMNS} FROM runs {where}", values).fetchall()

        return self._runs(await self._ask(do))

    def _runs(self, rows: list[tuple[Any, ...]]) -> list[Run]:
        runs = []
        for row in rows:
            try:
                runs.append(_run(row))
            except ValueError as error:
                log.error("run %s cannot be read from %s: %s", row[0], self.path, str(error)[:200])
        return runs


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """The file is its user's alone; its folder is made when there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection, path)
    except OSError as error:
        raise StoreError(
            f"the run store {path} cannot be opened: {error.strerror}. Choose another with --store."
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"the run store {path} cannot be opened: {error}. Choose another with --store.") from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        connection.execute("ROLLBACK")
        raise StoreError(f"the run store {path} was written by a newer version of arazzo-mcp")
    for script in MIGRATIONS[version:]:
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _serve(connection: sqlite3.Connection, waiting: queue.SimpleQueue[_Work | None]) -> None:
    """The thread: everything that has queued up is one transaction, answered when it is committed."""
    open_ = True
    while open_:
        batch, open_ = _batch(waiting)
        if batch:
            _perform(connection, batch)
    connection.close()


def _batch(waiting: queue.SimpleQueue[_Work | None]) -> tuple[list[_Work], bool]:
    batch: list[_Work] = []
    item = waiting.get()
    while item is not None:
        batch.append(item)
        if len(batch) >= _MOST_AT_ONCE:
            break
        try:
            item = waiting.get_nowait()
        except queue.Empty:
            break
    return batch, item is not None


def _perform(connection: sqlite3.Connection, batch: list[_Work]) -> None:
    """One transaction. What fails by itself is undone by itself; what fails the transaction fails all of it."""
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if any(work.durable for work in batch) else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE" if len(batch) > 1 or batch[0].durable else "BEGIN")
        results = [_perform_one(connection, work) for work in batch]
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001  (the thread must live: every run of this process waits for it)
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        results = [(None, error)] * len(batch)
    for work, (value, failed) in zip(batch, results, strict=True):
        _answer(work, value, failed)


def _perform_one(connection: sqlite3.Connection, work: _Work) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT one")
    try:
        result = work.do(connection)
    except Exception as error:  # noqa: BLE001  (handed to who asked)
        connection.execute("ROLLBACK TO one")
        return None, error
    finally:
        connection.execute("RELEASE one")
    return result, None


def _answer(work: _Work, value: Any, error: Exception | None) -> None:
    def answer() -> None:
        if not work.result.done():
            if error is None:
                work.result.set_result(value)
            else:
                work.result.set_exception(error)

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        work.loop.call_soon_threadsafe(answer)


def _saved(run: Run) -> tuple[Any, ...]:
    outcome = None if run.outcome is None else _OUTCOME.dump_json(run.outcome).decode()
    state, command = STATE_JSON.dump_json(run.state).decode(), COMMAND_JSON.dump_json(run.command).decode()
    return str(run.status), state, command, run.updated, run.due, outcome


def _row(run: Run) -> tuple[Any, ...]:
    status, state, command, updated, due, outcome = _saved(run)
    return (
        run.id, run.workflow, run.program, run.document, run.principal, status, state, command, run.created, updated,
        run.owner, due, int(run.cancel), outcome,
    )  # fmt: skip


def _run(row: tuple[Any, ...]) -> Run:
    (
        run_id,
        workflow,
        program,
        document,
        principal,
        _status,
        state,
        command,
        created,
        updated,
        owner,
        due,
        cancel,
        outcome,
    ) = row
    return Run(
        run_id, workflow, program, document, principal, STATE_JSON.validate_json(state),
        COMMAND_JSON.validate_json(command), created, updated, owner, due, bool(cancel),
        None if outcome is None else _OUTCOME.validate_json(outcome),
    )  # fmt: skip
