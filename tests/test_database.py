"""What is quick is written on the spot, overtakes nothing, waits for nothing, and does not let the log grow."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arazzo_mcp.engine import database as module
from arazzo_mcp.engine.database import Database
from arazzo_mcp.errors import StoreError

pytestmark = pytest.mark.anyio

TABLE = "CREATE TABLE said (word TEXT, thread TEXT);"
LOG_BYTES = 8 * 2**20


def database(folder: Path) -> Database:
    return Database(folder / "some.sqlite3", [TABLE], 0.05)


def say(word: str) -> Callable[[sqlite3.Connection], None]:
    def do(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO said VALUES (?, ?)", (word, threading.current_thread().name))

    return do


def heard(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT word, thread FROM said ORDER BY rowid").fetchall()


async def test_a_quick_write_needs_no_thread(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        await opened.ask(say("a"), quick=True)
        assert await opened.ask(heard) == [("a", threading.current_thread().name)]


async def test_a_quick_write_overtakes_nothing(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        words = "abcdef"
        asked = [opened.ask(say(word), quick=at % 2 == 1, durable=at % 2 == 0) for at, word in enumerate(words)]
        await asyncio.gather(*asked)
        assert [word for word, _ in await opened.ask(heard)] == list(words)


async def test_a_caller_that_is_gone_holds_no_quick_write_up(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        gone = asyncio.ensure_future(opened.ask(say("a"), durable=True))
        await asyncio.sleep(0)
        gone.cancel()
        await opened.ask(say("b"))
        await opened.ask(say("c"), quick=True)
        told = await opened.ask(heard)
    assert [word for word, _ in told] == ["a", "b", "c"]
    assert told[-1][1] == threading.current_thread().name


async def test_a_quick_write_where_another_process_writes_waits_in_the_thread(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        other = sqlite3.connect(opened.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await opened.ask(say("a"), quick=True)
        other.execute("ROLLBACK")
        other.close()
        await opened.ask(say("b"), quick=True)
        assert [word for word, _ in await opened.ask(heard)] == ["b"]


async def test_the_log_is_written_back_however_many_writes_are_quick(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        for _ in range(6000):
            await opened.ask(say("a"), quick=True)
        assert (tmp_path / "some.sqlite3-wal").stat().st_size < LOG_BYTES


async def test_the_version_tells_of_others_and_not_of_what_is_quick(tmp_path: Path) -> None:
    async with database(tmp_path) as opened:
        before = opened.version()
        await opened.ask(say("a"), quick=True)
        assert opened.version() == before
        other = sqlite3.connect(opened.path)
        with other:
            say("b")(other)
        other.close()
        await opened.ask(say("c"), quick=True)
        assert opened.version() != before
    with pytest.raises(StoreError, match="not open"):
        opened.version()


class _Stubborn:
    """A connection that refuses, once, to be made safe against a loss of power."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._refuses = connection, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *given: Any) -> Any:
        if statement == "PRAGMA synchronous = FULL" and self._refuses:
            self._refuses = False
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(statement, *given)


async def test_what_must_survive_a_loss_of_power_is_safe_after_a_refusal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module._open

    def opened(*given: Any) -> tuple[Any, Any]:
        connection, quick = whole(*given)
        return _Stubborn(connection), quick

    def mode(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    monkeypatch.setattr(module, "_open", opened)
    async with database(tmp_path) as file:
        assert await file.ask(mode) == 1, "NORMAL"
        with pytest.raises(StoreError, match="disk I/O error"):
            await file.ask(mode, durable=True)
        assert await file.ask(mode, durable=True) == 2, "FULL"
