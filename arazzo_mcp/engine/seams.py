"""The seams of the engine: what drives runs, where they live, what they execute, and what performs their calls.

Another engine or another store is a class that has these methods. Nothing here does anything. Times are seconds since
the epoch, durations seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from arazzo_mcp.arazzo.command import CallOperation, Program
from arazzo_mcp.arazzo.scope import Exchange, Json
from arazzo_mcp.engine.once import Once
from arazzo_mcp.engine.run import Run, Tombstone

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

    async def same(self, run: Run, *, undelivered_since: float | None = None) -> Run | None:
        """The run that `create` would give in place of this one; None where it would record it.

        Raises:
            DuplicateKey: as `create` does.
        """

    async def deliver(self, run_id: str) -> None:
        """Record that somebody has got the result of a run that has ended."""

    async def save(self, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
        """Record where a run is. durable: it must survive a loss of power too; cancel_answered: the request to cancel
        it has been answered. A cancel of the task does not cut it short."""

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
        """Record that a run is to be cancelled; from any process, and whichever dies."""

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
