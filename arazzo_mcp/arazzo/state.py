"""Where a run is: a stack of frames, small plain data that JSON can hold.

It is saved before each command, so its shape is a promise: every later version must load what an earlier one has saved.
Nothing here decides anything; the methods only make one state from another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import TypeAdapter

from arazzo_mcp.arazzo.change import changed
from arazzo_mcp.arazzo.scope import Ended, Exchange, Json

Remote = Literal["cancelled", "cancel_requested", "already_completed", "failed", "unsupported", "nothing_started"]

THEN: Final = "\n"
"""Between the steps of `back`: ids of steps hold blanks and slashes, but no line breaks."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One workflow in progress.

    retries: retries taken, by `step/action`; laps: paced jumps, by target step; back: the steps to
    repeat after the present one, joined by THEN (retries that go somewhere else first); returns: what the caller does
    when this frame ends; completed: its steps that have succeeded and that others await; left: the seconds that it has
    left, where the step that called it has a timeout; instead_of: the workflows whose place it has taken, which end
    when it ends; given: its steps whose outputs were given, still to be passed by.
    """

    workflow: str
    step: str
    inputs: dict[str, Json]
    outputs: dict[str, dict[str, Json]] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)
    laps: dict[str, int] = field(default_factory=dict)
    back: str | None = None
    returns: Literal["step", "retry"] = "step"
    completed: tuple[str, ...] = ()
    left: float | None = None
    instead_of: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Where a run is. The last frame is the present one; `left` are those that gave their place to another workflow.

    calls: requests answered or failed so far; submits: those that must not be repeated and were taken; upstream: what
    the provider last said of the job; cancel: the cancel's own request is under way, tries: how often it has been sent,
    too_late: calls that came too late; remote: what became of it; perhaps: an earlier cancel, whose answer was lost,
    may have been taken; failed: the problem of a run that had failed and goes on only to cancel its job; transfers:
    how often control went over to a workflow; asked: the step whose call was answered last, attempts: how often in a
    row; key: the seed of the keys that its submits carry; settled: how many answers that settle the matter a submit
    with a key has had, by its place; lost: an answer to the present one was lost, so that it may have been taken;
    received: bytes of all responses; grace: until so many calls the limits of a run do not hold, as it fetches what is
    paid for.
    """

    frames: tuple[Frame, ...] = ()
    left: dict[str, Frame] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    calls: int = 0
    submits: int = 0
    upstream: dict[str, Json] = field(default_factory=dict)
    cancel: bool = False
    tries: int = 0
    too_late: int = 0
    transfers: dict[str, int] = field(default_factory=dict)
    remote: Remote | None = None
    perhaps: bool = False
    failed: dict[str, Json] | None = None
    asked: str = ""
    attempts: int = 0
    received: int = 0
    grace: int = 0
    version: int = 1
    key: str = ""
    settled: dict[str, int] = field(default_factory=dict)
    lost: bool = False

    @property
    def frame(self) -> Frame:
        """The present frame."""
        return self.frames[-1]

    @property
    def step(self) -> str:
        """The present step as a path of step ids through sub-workflows, empty before the start."""
        return "/".join(frame.step for frame in self.frames)

    @property
    def has_begun(self) -> bool:
        """Whether something may have been started at a provider, by this run or before it."""
        return bool(self.calls or self.submits or self.lost)

    def has_completed(self, workflow: str) -> bool:
        """Whether a workflow has ended without a failure, so that another one that depends on it may begin."""
        return workflow in self.ended and not self.ended[workflow].unfinished

    def with_frame(self, frame: Frame) -> State:
        """With another present frame."""
        return changed(self, frames=(*self.frames[:-1], frame))

    def at(self, step: str, *, back: str | None) -> State:
        """At another step of the present workflow."""
        return self.with_frame(changed(self.frame, step=step, back=back))

    def leaving(self, step: str, to: str, *, lap: bool = False) -> State:
        """Going on from a step to another: its retries are forgotten. lap: the jump is paced, and counts."""
        kept = {key: n for key, n in self.frame.retries.items() if not key.startswith(f"{step}/")}
        laps = self.frame.laps
        laps = {**laps, to: laps.get(to, 0) + 1} if lap else laps
        return self.with_frame(changed(self.frame, step=to, retries=kept, back=None, laps=laps))

    def retries_of(self, step: str) -> dict[str, int]:
        """How often each retry action of a step was taken, by its name."""
        prefix = f"{step}/"
        taken = self.frame.retries.items()
        return {key.removeprefix(prefix): n for key, n in taken if key.startswith(prefix)}

    def retrying(self, step: str, action: str) -> State:
        """One retry more of an action."""
        key = f"{step}/{action}"
        retries = {**self.frame.retries, key: self.frame.retries.get(key, 0) + 1}
        return self.with_frame(changed(self.frame, retries=retries))

    def forgiving(self, step: str, action: str) -> State:
        """The retries of an action forgotten."""
        key = f"{step}/{action}"
        if key not in self.frame.retries:
            return self
        kept = {name: n for name, n in self.frame.retries.items() if name != key}
        return self.with_frame(changed(self.frame, retries=kept))

    def spending(self, seconds: float) -> State:
        """After so many seconds: every frame that has a timeout has less left."""
        if all(frame.left is None for frame in self.frames):
            return self
        frames = (f if f.left is None else changed(f, left=f.left - seconds) for f in self.frames)
        return changed(self, frames=tuple(frames))

    def answered(self, exchange: Exchange, upstream: dict[str, Json] | None = None) -> State:
        """The present step's call was answered once more, or has failed. upstream: what is known of the job now, where
        that may have changed."""
        attempts = self.attempts + 1 if self.asked == self.step else 1
        received, calls = self.received + exchange.size, self.calls + 1
        known = self.upstream if upstream is None else upstream
        return changed(self, calls=calls, asked=self.step, attempts=attempts, received=received, upstream=known)

    def time_left(self) -> float | None:
        """The seconds until the first timeout of a frame, None where there is none."""
        return min((frame.left for frame in self.frames if frame.left is not None), default=None)

    def with_completed(self, step: str) -> State:
        """With a step completed."""
        if step in self.frame.completed:
            return self
        return self.with_frame(changed(self.frame, completed=(*self.frame.completed, step)))

    def with_outputs(self, step: str, produced: dict[str, Json]) -> State:
        """With what a step has produced laid over what it had produced before."""
        before = self.frame.outputs.get(step)
        if before is None and not produced:
            return self
        outputs = {**self.frame.outputs, step: {**(before or {}), **produced}}
        return self.with_frame(changed(self.frame, outputs=outputs))


STATE_JSON: TypeAdapter[State] = TypeAdapter(State)
