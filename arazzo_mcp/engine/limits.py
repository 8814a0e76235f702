"""What a run may take, how long it really waits, and its turn at the gate of a source.

Knows no HTTP and no settings: `app.py` hands in the numbers and what keeps the gates. A limit that is reached is an
error with the limit's name; what becomes of the run then is the interpreter's.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

import anyio

from arazzo_mcp.arazzo.command import CallOperation, Wait
from arazzo_mcp.arazzo.problem import LIMIT_REACHED, problem
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.engine.run import Run

MOST_SPREAD: Final = 1.1
"""A wait is kept no longer than so many times its seconds."""

_SHARE: Final = 0.1
_MOST_SECONDS: Final = 5.0
_URGENT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take, by the names of the settings, and how many `runs` there may be at once in this process.

    run_requests: requests that were answered or failed; run_seconds: from its start, also while no process drove it;
    run_response_bytes: bodies as they were received, all together.
    """

    runs: float = math.inf
    run_requests: float = math.inf
    run_seconds: float = math.inf
    run_response_bytes: float = math.inf

    def deadline(self, run: Run, state: State) -> float:
        """When its time is over, in seconds since the epoch; never where it has no limits."""
        return math.inf if _is_exempt(state) else run.created + self.run_seconds

    def reached(self, run: Run, state: State) -> dict[str, Json] | None:
        """The limit that was reached, as the error of the run; None while there is none."""
        if _is_exempt(state):
            return None
        if state.calls >= self.run_requests:
            return _limit(state, "run_requests", f"{self.run_requests:g} requests")
        if state.received > self.run_response_bytes:
            return _limit(state, "run_response_bytes", f"{self.run_response_bytes:g} bytes")
        if time.time() >= self.deadline(run, state):
            return _limit(state, "run_seconds", f"{self.run_seconds:g} s")
        return None


UNLIMITED: Final = RunLimits()


def _is_exempt(state: State) -> bool:
    """A run that is being cancelled, or has failed already, has no limits: what it still does is to end its job. One
    that may fetch a paid result all the same has none until its grace is used up."""
    return state.cancel or state.failed is not None or state.calls < state.grace


def _limit(state: State, name: str, amount: str) -> dict[str, Json]:
    why = f"the limit {name} ({amount}) was reached; raise it in the settings where a run may take more"
    return {**problem(state, LIMIT_REACHED, why), "limit": name}


def kept_for(wait: Wait) -> float:
    """The seconds that a wait is kept for. Hundreds of runs that began together must not all ask at one moment: a delay
    of our own is up to a tenth shorter, a Retry-After up to a tenth or 5 s longer, one of a document as it is."""
    if wait.precision == "about":
        return wait.seconds * random.uniform(1.0 - _SHARE, 1.0)
    if wait.precision == "least":
        return wait.seconds + random.uniform(0.0, min(wait.seconds * _SHARE, _MOST_SECONDS))
    return wait.seconds


class Gates(Protocol):
    """Lets requests through to their sources. Who waits here has sent nothing."""

    def enter_now(self, source: str) -> bool:
        """Enter if that needs no waiting."""

    async def enter(self, source: str, *, urgent: bool) -> None:
        """Enter as soon as it is one's turn; what is urgent comes first."""

    def leave(self, source: str) -> None:
        """The request has been answered: make room."""


class OpenGates:
    """Gates that are always open."""

    def enter_now(self, _source: str) -> bool:
        """Always."""
        return True

    async def enter(self, _source: str, *, urgent: bool) -> None:
        """At once."""

    def leave(self, _source: str) -> None:
        """Nothing to make room for."""


OPEN: Final = OpenGates()


class Turn:
    """One run's turn at the gates: taken before a request is sent, given back after its answer, whatever happens."""

    __slots__ = ("_gates", "_source")

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._source: str | None = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take_now(self, call: CallOperation) -> bool:
        """Whether it is taken: before, or now because that needs no waiting."""
        if self._source is None and self._gates.enter_now(call.target.source):
            self._source = call.target.source
        return self._source is not None

    async def take(self, call: CallOperation, *, urgent: bool) -> None:
        """Wait for it. What is urgent goes without it in the end: it stops what costs money."""
        with anyio.move_on_after(_URGENT_SECONDS if urgent else math.inf):
            await self._gates.enter(call.target.source, urgent=urgent)
            self._source = call.target.source

    def give_back(self) -> None:
        """For others."""
        if self._source is not None:
            self._gates.leave(self._source)
            self._source = None
