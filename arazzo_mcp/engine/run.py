"""A run, and the two seams of the engine: what drives runs, and where they live.

Nothing here does anything. Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from arazzo_mcp.arazzo.command import REPEATABLE, CallOperation, Command, Outcome, Program
from arazzo_mcp.arazzo.scope import Exchange, Json
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.upstream import has_ended


class RunStatus(StrEnum):
    """What has become of a run. All but `working` are final."""

    WORKING = "working"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a workflow: everything that recovery needs, in one row.

    program: digest of the documents that it was started with; document: the Arazzo file's path; command: what it
    is about to ask for; due: when a wait ends; owner: the process that drives it; cancel: somebody wants it to stop.
    """

    id: str
    workflow: str
    program: str
    document: str
    principal: str
    state: State
    command: Command
    created: float
    updated: float
    owner: str
    due: float | None = None
    cancel: bool = False
    outcome: Outcome | None = None

    @property
    def status(self) -> RunStatus:
        """Working until there is an outcome."""
        return RunStatus(self.outcome.status) if self.outcome else RunStatus.WORKING

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.outcome is not None

    @property
    def elapsed(self) -> float:
        """Seconds from the start to the end, or until now."""
        return (self.updated if self.ended else time.time()) - self.created

    @property
    def may_live_on(self) -> bool:
        """Whether a run that has failed has started something at the provider that may go on without it."""
        over = self.state.remote == "already_completed" or has_ended(self.state.upstream)
        return self.status is RunStatus.FAILED and self.state.submits > 0 and not over

    def line(self) -> str:
        """The run in one line: the step, what the provider says, and for how long."""
        upstream = self.state.upstream
        says = [str(upstream[key]) for key in ("status", "state", "type") if key in upstream][:1]
        position = upstream.get("queue_position")
        says += [f"position {position}"] if position is not None else []
        elapsed = round(self.elapsed)
        return f"{self.state.step}{': ' + ', '.join(says) if says else ''} ({self.status}, {elapsed} s)"[:200]

    def fingerprint(self) -> tuple[Json, ...]:
        """What a watcher wants to hear of: the status, the step, and what the provider says of its job."""
        upstream = self.state.upstream
        return (
            self.status,
            self.state.step,
            *(str(upstream.get(k)) for k in ("status", "state", "type", "running")),
        )


def may_repeat(state: State, call: CallOperation) -> bool:
    """Whether a call may be sent twice. A cancel may: cancelling twice cancels once."""
    return state.cancel or call.target.method in REPEATABLE


Perform = Callable[[str, CallOperation], Awaitable[Exchange]]
"""Performs one API call of a program (given by digest), once, and never raises for what a provider does."""


class Programs(Protocol):
    """Where the engine finds what a run executes."""

    def program(self, digest: str) -> Program | None:
        """A program that is at hand."""

    def snapshot(self, digest: str) -> str:
        """The documents of a program that is at hand, as one text to be pinned."""

    def restore(self, digest: str, snapshot: str) -> Program:
        """A program made from its pinned documents."""


class Store(Protocol):
    """Where runs live. Every write of a run names its owner; one that is not the owner any more gets RunLost."""

    async def create(self, run: Run, snapshot: str) -> None:
        """Record a new run and pin its documents."""

    async def save(self, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
        """Record where a run is. durable: it must survive a loss of power too; cancel_answered: the request to cancel
        it has been answered."""

    async def get(self, run_id: str) -> Run | None:
        """The run with this id."""

    async def newest(self, principal: str, limit: int) -> list[Run]:
        """The newest runs of a principal, newest first."""

    async def snapshot(self, digest: str) -> str | None:
        """The pinned documents of a program."""

    async def request_cancel(self, run_id: str) -> None:
        """Record that a run is to be cancelled; durable, from any process."""

    async def reopen(self, run: Run) -> bool:
        """Let a run that has failed be driven again by its new owner; False where somebody else was faster."""

    async def cancels(self, owner: str) -> list[str]:
        """The working runs of an owner that somebody wants to stop."""

    async def owners(self) -> list[str]:
        """Everybody who owns a working run."""

    async def take(self, dead: str, owner: str, documents: Iterable[str] | None, run_id: str | None) -> list[Run]:
        """Make an owner's working runs another's: those of the given documents (None: all), or a single one."""

    async def version(self) -> int:
        """Changes whenever another process has written; it may change at writes of this one too."""


class Engine(Protocol):
    """Starts runs and answers for them."""

    async def start(self, program: str, document: str, workflow: str, inputs: dict[str, Json], principal: str) -> Run:
        """Start a run; it is recorded when this returns."""

    async def get(self, run_id: str, principal: str) -> Run:
        """A run as it is now. UnknownRun where there is none of this principal."""

    async def wait(self, run_id: str, principal: str, seconds: float, seen: tuple[Json, ...] | None = None) -> Run:
        """The run when it has ended, when its fingerprint is no longer `seen`, or after so many seconds."""

    async def cancel(self, run_id: str, principal: str) -> Run:
        """Ask a run to stop; returns at once. Of the runs that have ended only a failed one is touched, whose job may
        live on at the provider."""

    async def newest(self, principal: str, limit: int) -> list[Run]:
        """The newest runs of a principal, newest first."""
