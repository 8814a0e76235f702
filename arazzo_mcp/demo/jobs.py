"""What the fake providers share: jobs whose state follows from a clock, and their record.

A job is a timeline: it starts at one moment and ends at another, and its state is what the clock says
between them. Nothing runs in the background, so a test that owns the clock owns every state. A job may also
be paced by looks: each question for its status moves it on, which needs no clock at all.

The record is the providers' own memory of what reached them. It keeps the credentials as they were
received, so that a test can tell what was really sent; that is why it belongs to fakes only.

This module must not know any provider's paths, bodies or words for a state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

RESERVED = "_demo"
"""The member of a job's input that asks for another plan than the usual one. It is never echoed."""


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BadPlan(ValueError):
    """The reserved member of a job's input asks for something that there is not."""


@dataclass(frozen=True)
class Plan:
    """How a job will go: seconds in the queue, seconds at work, how it ends.

    With `polls`, looks replace the clock: the first look finds the job queued, the last one (`polls`) finds
    it done.
    """

    queue_seconds: float = 0.5
    run_seconds: float = 2.0
    outcome: Literal["success", "failure"] = "success"
    polls: int | None = None


def take_plan(body: Mapping[str, Any], usual: Plan) -> tuple[Plan, dict[str, Any]]:
    """The plan that a job's input asks for, and the input without the reserved member. Raises BadPlan."""
    rest = {name: value for name, value in body.items() if name != RESERVED}
    wish = body.get(RESERVED, {})
    if not isinstance(wish, dict):
        raise BadPlan(f"{RESERVED}: expected an object, got {wish!r}")
    for name, value in wish.items():
        if name not in _PLAN_MEMBERS:
            raise BadPlan(f"{RESERVED}: no member {name!r}; there are {', '.join(_PLAN_MEMBERS)}")
        check, expected = _PLAN_MEMBERS[name]
        if not check(value):
            raise BadPlan(f"{RESERVED}.{name}: expected {expected}, got {value!r}")
    return replace(usual, **wish), rest


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_outcome(value: object) -> bool:
    return value in ("success", "failure")


def _is_polls(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_PLAN_MEMBERS: dict[str, tuple[Callable[[object], bool], str]] = {
    "queue_seconds": (_is_seconds, "seconds, 0 or more"),
    "run_seconds": (_is_seconds, "seconds, 0 or more"),
    "outcome": (_is_outcome, '"success" or "failure"'),
    "polls": (_is_polls, "a whole number, 1 or more"),
}


@dataclass(frozen=True)
class View:
    """A job at one moment: its members agree with each other, however long the answer takes to write."""

    state: State
    started_at: float | None
    finished_at: float | None
    run_seconds: float
    progress: float

    @property
    def done(self) -> bool:
        return self.finished_at is not None


@dataclass
class Job:
    """One job.

    Moments are seconds of `clock`; while nobody can know `starts_at` and `ends_at`, they are infinite.
    """

    provider: str
    id: str
    target: str
    input: dict[str, Any]
    about: Mapping[str, str]
    plan: Plan
    clock: Clock
    created_at: float
    starts_at: float
    ends_at: float
    looks: int = 0
    cancelled: bool = False
    cancel_reason: str | None = None

    @property
    def state(self) -> State:
        return self.view().state

    def view(self) -> View:
        """The job as it is now."""
        now = self.clock()
        started_at = self.starts_at if self.starts_at <= min(now, self.ends_at) else None
        run_seconds = 0.0 if started_at is None else round(min(now, self.ends_at) - started_at, 6)
        state = self._state_at(now)
        finished_at = None if state in (State.QUEUED, State.RUNNING) else self.ends_at
        return View(state, started_at, finished_at, run_seconds, self._progress(state, run_seconds))

    def look(self) -> View:
        """Answers a question for the state, which moves a job on that is paced by looks."""
        self.looks += 1
        now = self.clock()
        if self.plan.polls is not None and now < self.ends_at:
            if self.looks >= min(2, self.plan.polls):
                self.starts_at = min(self.starts_at, now)
            if self.looks >= self.plan.polls:
                self.ends_at = now
        return self.view()

    def cancel(self, reason: str | None = None) -> bool:
        """Ends the job now. False when it is too late."""
        now = self.clock()
        if now >= self.ends_at:
            return False
        self.ends_at, self.cancelled, self.cancel_reason = now, True, reason
        return True

    def _state_at(self, now: float) -> State:
        if now < self.ends_at:
            return State.RUNNING if now >= self.starts_at else State.QUEUED
        if self.cancelled:
            return State.CANCELLED
        return State.SUCCEEDED if self.plan.outcome == "success" else State.FAILED

    def _progress(self, state: State, run_seconds: float) -> float:
        """The share of the work that is done, from 0.0 to 1.0. A cancel leaves it where it was."""
        if state in (State.SUCCEEDED, State.FAILED):
            return 1.0
        if self.plan.polls is not None:
            return max(0, self.looks - 1) / max(1, self.plan.polls - 1)
        return min(1.0, run_seconds / self.plan.run_seconds) if self.plan.run_seconds else 0.0


@dataclass
class LoggedRequest:
    """One request as it was received; `status` is None until it is answered."""

    provider: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    at: str
    status: int | None = None


@dataclass
class Record:
    """Everything that the providers were asked, in order, and every job that came of it. Times in seconds."""

    clock: Clock = time.monotonic
    usual: Plan = Plan()
    requests: list[LoggedRequest] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._epoch = datetime.now(UTC) - timedelta(seconds=self.clock())

    def timestamp(self, moment: float | None) -> str | None:
        """A moment of the clock as UTC date and time, or None for None."""
        if moment is None:
            return None
        moment_utc = self._epoch + timedelta(seconds=moment)
        return moment_utc.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def now(self) -> str:
        return str(self.timestamp(self.clock()))

    def submit(
        self,
        provider: str,
        job_id: str,
        target: str,
        body: Mapping[str, Any],
        *,
        about: Mapping[str, str] | None = None,
        delay: float = 0.0,
    ) -> Job:
        """A new job, `delay` seconds later in the queue than its plan says. Raises BadPlan."""
        plan, rest = take_plan(body, self.usual)
        now = self.clock()
        by_looks = plan.polls is not None
        starts_at = math.inf if by_looks else now + delay + plan.queue_seconds
        ends_at = starts_at + plan.run_seconds
        job = Job(provider, job_id, target, rest, about or {}, plan, self.clock, now, starts_at, ends_at)
        self.jobs.append(job)
        return job

    def find(self, provider: str, job_id: str) -> Job | None:
        return next((job for job in self.jobs_of(provider) if job.id == job_id), None)

    def jobs_of(self, provider: str | None) -> list[Job]:
        return [job for job in self.jobs if provider in (None, job.provider)]

    def requests_of(self, provider: str | None) -> list[LoggedRequest]:
        return [request for request in self.requests if provider in (None, request.provider)]

    def submits(self, job: Job) -> int:
        """How often this very work was submitted: more than one means that somebody paid for it twice."""
        work = (job.provider, job.target, job.input)
        return sum(1 for other in self.jobs if (other.provider, other.target, other.input) == work)

    def as_json(self, provider: str | None = None) -> dict[str, Any]:
        """The whole record, or one provider's part of it, as JSON can hold it."""
        return {
            "requests": [asdict(request) for request in self.requests_of(provider)],
            "jobs": [self._job_as_json(job) for job in self.jobs_of(provider)],
        }

    def _job_as_json(self, job: Job) -> dict[str, Any]:
        view = job.view()
        return {
            "provider": job.provider,
            "id": job.id,
            "target": job.target,
            "input": job.input,
            "state": view.state,
            "submits": self.submits(job),
            "looks": job.looks,
            "created_at": self.timestamp(job.created_at),
            "started_at": self.timestamp(view.started_at),
            "finished_at": self.timestamp(view.finished_at),
            "cancel_reason": job.cancel_reason,
        }

    def reset(self) -> None:
        self.requests.clear()
        self.jobs.clear()
