"""A run: one execution of a workflow as a value, and what may be told of it.

Nothing here does anything. Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from arazzo_mcp.arazzo.command import REPEATABLE, CallOperation, Command, Outcome
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.upstream import has_ended, word_of


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
