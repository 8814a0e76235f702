"""One SQLite connection in a thread of its own, for an event loop.

The thread takes whatever has queued up, performs it as one transaction and only then answers, so that many runs share
one commit; with `synchronous=FULL` when one of them must survive a loss of power. What is stored is no business of this
module.
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

from arazzo_mcp.errors import StoreError

T = TypeVar("T")
_MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Work:
    """Something to do with the connection, and where its result goes."""

    do: Callable[[sqlite3.Connection], Any]
    result: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    durable: bool


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

    async def __aenter__(self) -> Database:
        connection = await asyncio.to_thread(_open, self.path, self._migrations, self._busy_seconds)
        self._identity = _identity(self.path)
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

    async def ask(self, do: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """What `do` gives, once it is committed. durable: it must survive a loss of power too.

        Raises:
            StoreError: the file is not open, or cannot be read or written.
        """
        if self._thread is None:
            raise StoreError(f"the run store {self.path} is not open")
        if durable and _identity(self.path) != self._identity:
            raise StoreError(
                f"the run store {self.path} was removed or replaced while it was open. Put it back, or start again"
            )
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Work(do, result, loop, durable))
        try:
            return await result
        except (sqlite3.Error, OverflowError, zlib.error) as error:
            raise StoreError(f"the run store {self.path}: {error}") from error


def _open(path: Path, migrations: Sequence[str], busy_seconds: float) -> sqlite3.Connection:
    """The file is its user's alone; its folder is made when there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: it can give space back
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection, path, migrations)
    except OSError as error:
        raise StoreError(
            f"the run store {path} cannot be opened: {error.strerror}. Choose another with --store."
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"the run store {path} cannot be opened: {error}. Choose another with --store.") from error
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
