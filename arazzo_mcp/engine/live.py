"""A run that is driven in this process: its present value, who waits for changes, and a cancel that may come."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import anyio

from arazzo_mcp.arazzo.command import Wait
from arazzo_mcp.engine.limits import MOST_SPREAD
from arazzo_mcp.engine.rest import Rest
from arazzo_mcp.engine.run import Run

_LONG_SECONDS: Final = 2.0
"""A wait that is longer is slept without a task."""


class Live:
    """What this process holds of a run. driver: ends the task that drives it now, if there is one."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rest = Rest()
        self.driver = anyio.CancelScope()
        self._changed: anyio.Event | None = None
        self._cancelling = run.state.cancel
        self._cancel = run.cancel and not run.state.cancel
        self._interruptible: anyio.CancelScope | None = None
        self._awaited: anyio.CancelScope | None = None
        self._deadline = math.inf

    def publish(self, run: Run) -> None:
        """The run is here now: tell everybody who waits, unless it only does what was to be done next."""
        before, self.run = self.run, run
        is_news = run.state is not before.state or run.cancel != before.cancel or run.held != before.held
        if is_news or run.ended:
            self.tell()

    def tell(self) -> None:
        """Let everybody who waits look at it."""
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def changed(self) -> None:
        """Return at the next change."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def request_cancel(self) -> None:
        """Interrupts a wait or a call that changes nothing; any other is awaited first: its answer names the job."""
        if self._cancelling:
            return
        self._cancel = True
        self.publish(replace(self.run, cancel=True))
        self.rest.end()
        if self._interruptible is not None:
            self._interruptible.cancel()

    def left(self) -> float:
        """The seconds of a wait that are left, never more than it may be kept for: the clock may have been set back."""
        wait = self.run.command
        most = wait.seconds * MOST_SPREAD if isinstance(wait, Wait) else 0.0
        return min(most, max(0.0, (self.run.due or 0.0) - time.time()))

    def may_sleep(self) -> float | None:
        """The seconds of a long wait that has just begun, unless it is to be cancelled."""
        seconds = self.left()
        return seconds if seconds > _LONG_SECONDS and not self._cancel else None

    def take_cancel(self) -> bool:
        """Whether a cancel was requested that is not under way yet; it is from now on."""
        requested, self._cancel = self._cancel, False
        self._cancelling = self._cancelling or requested
        return requested

    def cancel_answered(self) -> None:
        """The provider has answered: from now on another request is another cancel."""
        self._cancelling = False
        self.run = replace(self.run, cancel=False)

    @contextmanager
    def interruptible(self) -> Iterator[anyio.CancelScope]:
        """A cancel request ends the block early."""
        with anyio.CancelScope() as scope:
            self._interruptible = scope
            try:
                yield scope
            finally:
                self._interruptible = None

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Neither a cancel nor the end of this process cuts the block short, but for `give_up_after`."""
        with anyio.CancelScope(shield=True, deadline=self._deadline) as scope:
            self._awaited = scope
            try:
                yield
            finally:
                self._awaited = None

    def give_up_after(self, seconds: float) -> None:
        """This process is ending: an answer that is awaited, now or later, has so many seconds left."""
        self._deadline = anyio.current_time() + seconds
        if self._awaited is not None:
            self._awaited.deadline = self._deadline
