"""A rest that somebody may end early: a timer, and what is done when it is over. It needs no task meanwhile.

It knows nothing of runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial


class Rest:
    """One rest at a time."""

    __slots__ = ("_timer", "_wake")

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._wake: Callable[[], object] | None = None

    @property
    def is_on(self) -> bool:
        """Whether it has begun and is not over."""
        return self._timer is not None

    def begin(self, seconds: float, wake: Callable[[], object]) -> None:
        """Call `wake` after so many seconds, or when the rest is ended."""
        self._wake = wake
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Wake now, where there is a rest."""
        wake = self._wake
        self.forget()
        if wake is not None:
            wake()

    def forget(self) -> None:
        """Never wake."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._wake = None

    async def keep(self, seconds: float) -> None:
        """Return after so many seconds, or when the rest is ended."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begin(seconds, partial(_finish, over))
        try:
            await over
        finally:
            self.forget()


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
