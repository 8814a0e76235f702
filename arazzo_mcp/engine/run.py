"""A run, and the two seams of the engine: what drives runs, and where they live.

Nothing here does anything. Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from arazzo_mcp.arazzo.command import REPEATABLE, CallOperation, Command, Outcome, Program
from arazzo_mcp.arazzo.scope import Exchange, Json
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.upstream import has_ended, word_of
from arazzo_mcp.engine.once import Once


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
    is about to ask for; due: when a wait ends; owner: the process that drives it; cancel: somebody wants it to stop;
    key: chosen by who started it; arguments: digest of what it was started with, empty where it is the same as no
    other; delivered: somebody has got its result; deduplicated: this answers a start that found it there already;
    held: what keeps its next request back in this process. The last two are not recorded.
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
    key: str | None = None
    arguments: str = ""
    delivered: bool = False
    deduplicated: bool = False
    held: str = ""

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
        over = self.state.remote in ("already_completed", "cancelled") or has_ended(self.state.upstream)
        return self.status is RunStatus.FAILED and self.state.submits > 0 and not over

    @property
    def attempt(self) -> int:
        """How often the present step's call was made in a row, with one that is under way; 0 before the first."""
        made = self.state.attempts if self.state.asked == self.state.step else 0
        return made + isinstance(self.command, CallOperation)

    def says(self) -> str:
        """What the provider says of its job, in a few words: status, position, percent, the last log line."""
        upstream = self.state.upstream
        word, position, percent = word_of(upstream), upstream.get("queue_position"), upstream.get("percent")
        said = (
            None if word is None else str(word),
            None if position is None else f"position {position}",
            None if percent is None else f"{percent} %",
            _last_words(upstream),
        )
        return ", ".join(" ".join(part.split())[:_MOST_OF_A_SAYING] for part in said if part)

    def line(self) -> str:
        """The run in one line: the step, what the provider says, and for how long."""
        says = ", ".join(filter(None, (self.says(), self.held)))
        return f"{self.state.step[-80:]}{f': {says}' if says else ''} ({self.status}, {round(self.elapsed)} s)"

    def fingerprint(self) -> tuple[Json, ...]:
        """What ends a wait for a change: the status, the step, and the provider's word for its job."""
        return self.status, self.state.step, str(word_of(self.state.upstream))

    def news(self) -> tuple[Json, ...]:
        """What a watcher wants to hear of: the fingerprint, and all that `says` tells."""
        upstream = self.state.upstream
        position, percent = str(upstream.get("queue_position")), str(upstream.get("percent"))
        return *self.fingerprint(), position, percent, _last_words(upstream)


_MOST_OF_A_SAYING: Final = 80


def _last_words(upstream: dict[str, Json]) -> str:
    """The last log line, or else the provider's message."""
    lines = upstream.get("logs")
    return str(lines[-1] if isinstance(lines, list) and lines else upstream.get("message") or "")


def may_repeat(state: State, call: CallOperation) -> bool:
    """Whether a call may be sent twice. A cancel may: cancelling twice cancels once."""
    return call.idempotent or not is_submit(state, call)


def is_submit(state: State, call: CallOperation) -> bool:
    """Whether a call may start something, so that its answer is awaited, and a power loss must not make it forgotten:
    a key alone tells nobody of a job whose run was lost."""
    return not state.cancel and call.target.method not in REPEATABLE


def attach_call(attach: Mapping[str, Json]) -> str:
    """How to go on with a run in doubt, to be called as it stands. attach: `run_id` and `outputs`."""
    return f"run_attach with run_id {json.dumps(attach['run_id'])} and outputs {json.dumps(attach['outputs'])}"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a run that was pruned. ended, pruned: when."""

    id: str
    principal: str
    workflow: str
    status: str
    ended: float
    pruned: float


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

    async def create(self, run: Run, snapshot: str, *, undelivered_since: float | None = None) -> Run:
        """Record a new run and pin its documents, or give the run, `deduplicated`, that is the same: in one step, for
        all processes. That is the one with its key; without a key, and unless undelivered_since is None, the newest of
        the same arguments that has not ended, or has ended since then and was not delivered.

        Raises:
            DuplicateKey: its key belongs to a run of other arguments.
        """

    async def deliver(self, run_id: str) -> None:
        """Record that somebody has got the result of a run that has ended."""

    async def save(self, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
        """Record where a run is. durable: it must survive a loss of power too; cancel_answered: the request to cancel
        it has been answered."""

    async def get(self, run_id: str) -> Run | None:
        """The run with this id."""

    async def some(self, run_ids: Collection[str]) -> list[Run]:
        """The runs with these ids, as far as there are any, in no order."""

    async def newest(
        self, principal: str, limit: int, status: str | None = None, workflow: str | None = None
    ) -> list[Run]:
        """The newest runs of a principal, newest first; those of one status, of one workflow, where these are said."""

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

    async def take(
        self, dead: str, owner: str, documents: Iterable[str] | None, run_id: str | None, but: Collection[str] = ()
    ) -> list[Run]:
        """Make an owner's working runs another's: those of the given documents (None: all), or a single one. but: runs
        that stay as they are."""

    async def lost(self, owner: str, run_ids: Collection[str]) -> list[str]:
        """Which of these runs somebody else owns."""

    async def discard(self, run_id: str, owner: str) -> None:
        """Forget a run of an owner that has not begun."""

    async def prune(self, what: str, before: float, most: int) -> int:
        """Drop some of the "runs" that ended, "tombstones", "programs" or "space" (see `arazzo_mcp.engine.prune`): how
        many, or for space how many bytes."""

    async def tombstone(self, run_id: str) -> Tombstone | None:
        """What is left of a run that was pruned."""

    async def version(self) -> int:
        """Changes whenever another process has written; it may change at writes of this one too."""


class Engine(Protocol):
    """Starts runs and answers for them."""

    async def start(
        self,
        program: str,
        document: str,
        workflow: str,
        inputs: dict[str, Json],
        principal: str,
        *,
        given: dict[str, dict[str, Json]] | None = None,
        once: Once | None = None,
    ) -> Run:
        """Start a run; it is recorded when this returns. given: outputs of steps that were performed elsewhere; once:
        give the run that is there already, `deduplicated`, where it is the same. DuplicateKey where its key belongs to
        another."""

    async def resume(self, run_id: str, principal: str, given: Mapping[str, Json]) -> Run:
        """Start a run that goes on where an ended one stands. given: outputs of steps that are to be passed by.

        Raises:
            UnknownRun: there is none of this principal.
            InvalidInputs: it has not ended or it has completed, or what is given does not fit.
        """

    async def deliver(self, run_id: str) -> None:
        """Note that the result of a run is being handed over; never fails, and keeps nobody waiting."""

    async def get(self, run_id: str, principal: str) -> Run:
        """A run as it is now. UnknownRun where there is none of this principal."""

    async def wait(self, run_id: str, principal: str, seconds: float, seen: tuple[Json, ...] | None = None) -> Run:
        """The run when it has ended, when its fingerprint or news are no longer `seen`, or after so many seconds."""

    async def wait_any(self, run_ids: Sequence[str], principal: str, seconds: float) -> list[Run]:
        """The runs with these ids, in this order, as soon as one of them has ended, or after so many seconds; ids of no
        run of this principal are left out."""

    async def cancel(self, run_id: str, principal: str) -> Run:
        """Ask a run to stop; returns at once. Of the runs that have ended only a failed one is touched, whose job may
        live on at the provider."""

    async def newest(
        self, principal: str, limit: int, status: str | None = None, workflow: str | None = None
    ) -> list[Run]:
        """The newest runs of a principal, newest first; those of one status, of one workflow, where these are said."""
