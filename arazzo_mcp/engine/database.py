"""One SQLite file for an event loop: a connection in a thread of its own, and one in the loop's own for what is quick.

The thread takes whatever has queued up, performs it as one transaction and only then answers, so that many runs share
one commit; with `synchronous=FULL` when one of them must survive a loss of power. A small write that need not survive
that much is a few system calls, less than the way to the thread and back: it is done on the spot, but only while the
thread has nothing to do, so that nothing overtakes anything, and never where it would have to wait for a lock. The log
is written back to the file by the thread only. What is stored is no business of this module.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import anyio

from arazzo_mcp.errors import StoreError

T = TypeVar("T")
_MOST_AT_ONCE: Final = 500
_QUICK_IN_A_ROW: Final = 250
"""After so many quick writes one goes through the thread, whose commit writes the log back when it has grown."""


@dataclass(frozen=True, slots=True)
class _Work:
    """Something to do with the connection, and who is told its result, in the loop's thread."""

    do: Callable[[sqlite3.Connection], Any]
    answer: Callable[[Any, Exception | None], None]
    loop: asyncio.AbstractEventLoop
    durable: bool
    single: bool


class Database:
    """A file, open. An async context manager.

    migrations: SQL scripts, each applied once, in order; busy_seconds: how long another process's lock is waited for.
    """

    def __init__(self, path: Path, migrations: Sequence[str], busy_seconds: float) -> None:
        self.path = path
        self._migrations, self._busy_seconds = migrations, busy_seconds
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._identity: tuple[int, int] | None = None
        self._quick: sqlite3.Connection | None = None
        self._quick_writes = 0
        self._under_way = 0

    async def __aenter__(self) -> Database:
        opened = await asyncio.to_thread(_open, self.path, self._migrations, self._busy_seconds)
        connection, self._quick = opened
        self._identity = _identity(self.path)
        self._thread = threading.Thread(target=_serve, args=(connection, self._queue), name="run-store")
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._quick is not None:
            self._quick.close()
            self._quick = None
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def ask(
        self,
        do: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
        single: bool = False,
        quick: bool = False,
        shielded: bool = False,
    ) -> T:
        """What `do` gives, once it is committed.

        durable: it must survive a loss of power too; single: it is one statement; quick: a small one that may be
        performed in the loop's thread; shielded: a cancel of the task does not cut it short.

        Raises:
            StoreError: the file is not open, or cannot be read or written.
        """
        if self._thread is None:
            raise StoreError(f"the run store {self.path} is not open")
        if durable and _identity(self.path) != self._identity:
            raise StoreError(
                f"the run store {self.path} was removed or replaced while it was open. Put it back, or start again"
            )
        if quick and self._quick is not None and self._may_be_quick():
            # locked, full or broken: the thread waits for it, or says what is wrong
            with suppress(sqlite3.Error, OverflowError):
                return do(self._quick)
        try:
            with anyio.CancelScope(shield=shielded):
                value = await self._queued(do, durable, single or quick)
        except (sqlite3.Error, OverflowError, zlib.error) as error:
            raise StoreError(f"the run store {self.path}: {error}") from error
        return value

    def version(self) -> int:
        """Changes whenever something was written, but for quick writes of this process.

        Raises:
            StoreError: the file is not open, or cannot be read.
        """
        if self._quick is None:
            raise StoreError(f"the run store {self.path} is not open")
        try:
            return int(self._quick.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise StoreError(f"the run store {self.path}: {error}") from error

    def _may_be_quick(self) -> bool:
        self._quick_writes += 1
        return self._under_way == 0 and self._quick_writes % _QUICK_IN_A_ROW != 0

    def _queued(self, do: Callable[[sqlite3.Connection], T], durable: bool, single: bool) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def answer(value: Any, error: Exception | None) -> None:
            self._under_way -= 1
            if result.done():  # nobody waits for it any more
                return
            if error is None:
                result.set_result(value)
            else:
                result.set_exception(error)

        self._under_way += 1
        self._queue.put(_Work(do, answer, loop, durable, single))
        return result


def _open(path: Path, migrations: Sequence[str], busy_seconds: float) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The thread's connection and the quick one. The file is its user's alone; its folder is made if there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: it can give space back
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection, path, migrations)
        return connection, _open_quick(path, busy_seconds)
    except OSError as error:
        raise StoreError(
            f"the run store {path} cannot be opened: {error.strerror}. Choose another with --store."
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"the run store {path} cannot be opened: {error}. Choose another with --store.") from error


def _open_quick(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """For writes that wait for nothing: neither for a lock, nor for the disk, nor for the log to be written back."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
    for setting in ("synchronous = NORMAL", "wal_autocheckpoint = 0", "busy_timeout = 0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has this path now. One that was removed can be written on, and nobody would ever read it again."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        connection.execute("ROLLBACK")
        raise StoreError(f"the run store {path} was written by a newer version of arazzo-mcp")
    for script in migrations[version:]:
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("COMMIT")


def _serve(connection: sqlite3.Connection, waiting: queue.SimpleQueue[_Work | None]) -> None:
    """The thread: everything that has queued up is one transaction, answered when it is committed."""
    open_, synchronous = True, ""
    while open_:
        batch, open_ = _batch(waiting)
        if batch:
            synchronous = _perform(connection, batch, synchronous)
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


def _perform(connection: sqlite3.Connection, batch: list[_Work], synchronous: str) -> str:
    """One transaction. What fails by itself is undone by itself; what fails the transaction fails all of it.

    Every statement costs this thread a turn at the interpreter's lock, which a busy loop gives away every 5 ms only:
    so no more are executed than are needed. synchronous: the mode that is known to be in force, which is the result
    too; empty where an error leaves that open.
    """
    wanted = "FULL" if any(work.durable for work in batch) else "NORMAL"
    try:
        if wanted != synchronous:
            connection.execute(f"PRAGMA synchronous = {wanted}")
        if len(batch) == 1 and batch[0].single:
            results: list[tuple[Any, Exception | None]] = [(batch[0].do(connection), None)]
        else:
            connection.execute("BEGIN IMMEDIATE" if len(batch) > 1 or batch[0].durable else "BEGIN")
            results = [_perform_one(connection, work) for work in batch]
            connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001  (the thread must live: every run of this process waits for it)
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        results, wanted = [(None, error)] * len(batch), ""
    for work, (value, failed) in zip(batch, results, strict=True):
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            work.loop.call_soon_threadsafe(work.answer, value, failed)
    return wanted


def _perform_one(connection: sqlite3.Connection, work: _Work) -> tuple[Any, Exception | None]:
    if work.single:  # SQLite undoes a statement that fails
        try:
            return work.do(connection), None
        except Exception as error:  # noqa: BLE001  (handed to who asked)
            return None, error
    connection.execute("SAVEPOINT one")
    try:
        result = work.do(connection)
    except Exception as error:  # noqa: BLE001  (handed to who asked)
        connection.execute("ROLLBACK TO one")
        return None, error
    finally:
        connection.execute("RELEASE one")
    return result, None
