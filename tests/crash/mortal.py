"""A store and a client that die with their process at a boundary that was told before, and keep a journal till then.

A boundary is a moment before or after something is recorded or sent. The journal is written with one system call a
line, so that it is whole up to the moment of death, and several processes may share it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Final

from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.engine.run import Run, may_repeat
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.http.client import ApiClient
from arazzo_mcp.openapi.model import Operation

READS: Final = frozenset(
    {"get", "same", "some", "newest", "snapshot", "cancels", "owners", "version", "lost", "tombstone"}
)
KEYED: Final = " with its key"
"""What stands behind an operation in the journal where it may be repeated by its key."""

UNDER_WAY: Final = 0.004
"""How long a request has been under way, in seconds, when its process dies in the middle of it."""

_present: ContextVar[str] = ContextVar("run", default="-")


class Fate:
    """When this process dies: at boundary number `at`, counted from 1; never of itself where that is 0."""

    def __init__(self, journal: Path, at: int = 0) -> None:
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.at, self.passed = at, 0

    def note(self, word: str, run: str = "-", detail: str = "-") -> None:
        """A line in the journal."""
        os.write(self._journal, f"{time.time():.6f}\t{os.getpid()}\t{word}\t{run}\t{detail}\n".encode())

    def is_next(self) -> bool:
        """Whether the next boundary is the last one."""
        return self.passed + 1 == self.at

    def boundary(self, name: str) -> None:
        """Pass a boundary, or die at it."""
        self.passed += 1
        if self.passed == self.at:
            self.note("dies", detail=name)
            os.kill(os.getpid(), signal.SIGKILL)


def mortal_store(fate: Fate) -> type[SqliteStore]:
    """SqliteStore whose every method that writes is a boundary before and after, whichever there are."""
    writes = {
        name: _mortal(fate, name, method)
        for name, method in vars(SqliteStore).items()
        if iscoroutinefunction(method) and not name.startswith("_") and name not in READS
    }
    return type("MortalStore", (SqliteStore,), writes)


def _mortal(fate: Fate, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def boundary(store: SqliteStore, *given: Any, **more: Any) -> Any:
        run, detail = _described(given)
        if name == "save":
            _present.set(run)
        fate.boundary(f"before {name}")
        fate.note(f"{name}>", run, detail)
        value = await method(store, *given, **more)
        fate.note(f"{name}<", run, detail if name != "take" else str(len(value)))
        if name == "save" and given[0].state.remote == "already_completed":
            fate.note("late", run)
        fate.boundary(f"after {name}")
        return value

    return boundary


def _described(given: tuple[Any, ...]) -> tuple[str, str]:
    """The run, and what is recorded of it: how it ended, or what it is about to do."""
    first = given[0] if given else "-"
    if not isinstance(first, Run):
        return str(first), "-"
    if first.outcome is not None:
        return first.id, str(first.outcome.status)
    return first.id, "unsafe" if _is_unsafe(first) else first.command.kind


def _is_unsafe(run: Run) -> bool:
    return isinstance(run.command, CallOperation) and not may_repeat(run.state, run.command)


def mortal_client(fate: Fate) -> type[ApiClient]:
    """ApiClient whose every request is a boundary before, in the middle, and after."""

    class MortalClient(ApiClient):
        async def perform(self, call: CallOperation, operation: Operation) -> Exchange:
            run, detail = _present.get(), f"{call.target.operation}{KEYED if call.idempotent else ''}"
            fate.boundary("before a request")
            fate.note("call>", run, detail)
            if fate.is_next():
                # not awaited: this process is about to die while the request is under way
                self.last = asyncio.ensure_future(super().perform(call, operation))
                await asyncio.sleep(UNDER_WAY)
            fate.boundary("during a request")
            exchange = await super().perform(call, operation)
            failure = exchange.failure.kind if exchange.failure else str(exchange.status)
            fate.note("call<", run, f"{detail} {failure}")
            fate.boundary("after a request")
            return exchange

    return MortalClient
