"""A gate for each source: so many requests at once, so many in a second, and none while the provider says "not now".

Knows neither runs nor requests, only names and seconds. It is passed before a request is recorded as about to be sent,
so it is no part of the HTTP client, where a crash would leave those that wait in doubt. Why no library: aiolimiter's
bucket lets a burst through at once, and with a limiter, a semaphore and a pause in a row, who waits for the time would
hold a place that a cancel needs. Here only the first in line looks at the clock, and holds nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

import anyio

MOST_PAUSE: Final = 60.0
"""A Retry-After closes the gate for all for no longer than so many seconds; who got it keeps it in full."""


class Gate:
    """The gate of one source. at_once: requests under way; rate: requests a second."""

    def __init__(self, at_once: int, rate: float = math.inf) -> None:
        self._free = at_once
        self._apart = 1.0 / rate
        self._next = 0.0
        self._opens = 0.0
        self._urgent: deque[_Place] = deque()
        self._line: deque[_Place] = deque()

    def enter_now(self) -> bool:
        """Enter if there is room, nobody before one, and it is time."""
        if self._free <= 0 or self._line or self._urgent:
            return False
        now = time.monotonic()
        if now < self._next or now < self._opens:
            return False
        self._enter(now)
        return True

    async def enter(self, *, urgent: bool = False) -> None:
        """Enter when it is one's turn. What is urgent goes before everybody else, and through a gate that is closed."""
        line, place = self._urgent if urgent else self._line, _Place()
        line.append(place)
        try:
            while (seconds := self._wait_of(place, urgent=urgent)) > 0:
                with anyio.move_on_after(seconds):
                    await place.called.wait()
                place.called = anyio.Event()
            self._enter(time.monotonic())
        finally:
            line.remove(place)
            self._call_the_first()

    def leave(self) -> None:
        """A request has been answered."""
        self._free += 1
        self._call_the_first()

    def close_for(self, seconds: float) -> None:
        """The provider wants no requests for so long."""
        self._opens = max(self._opens, time.monotonic() + min(seconds, MOST_PAUSE))

    def _enter(self, now: float) -> None:
        self._free -= 1
        self._next = max(now, self._next) + self._apart

    def _first(self) -> _Place | None:
        line = self._urgent or self._line
        return line[0] if line else None

    def _wait_of(self, place: _Place, *, urgent: bool) -> float:
        """Seconds until this place may enter, as far as can be seen: for ever, where it has to be called."""
        if self._first() is not place or self._free <= 0:
            return math.inf
        return max(self._next, 0.0 if urgent else self._opens) - time.monotonic()

    def _call_the_first(self) -> None:
        if first := self._first():
            first.called.set()


class _Place:
    """A place in a line."""

    __slots__ = ("called",)

    def __init__(self) -> None:
        self.called = anyio.Event()


class SourceGates:
    """The gates of all sources, by name, made as they are asked for.

    at_once, rate: of every source; of_source_at_once, of_source_rate: of those that are named, in their place.
    """

    def __init__(
        self,
        at_once: int,
        rate: float | None = None,
        *,
        of_source_at_once: Mapping[str, int] | None = None,
        of_source_rate: Mapping[str, float] | None = None,
    ) -> None:
        self._at_once, self._rate = at_once, rate
        self._own_at_once, self._own_rate = of_source_at_once or {}, of_source_rate or {}
        self._gates: dict[str, Gate] = {}

    def enter_now(self, source: str) -> bool:
        """Enter the gate of a source if that needs no waiting."""
        return self._gate(source).enter_now()

    async def enter(self, source: str, *, urgent: bool) -> None:
        """Enter the gate of a source as soon as it is one's turn."""
        await self._gate(source).enter(urgent=urgent)

    def leave(self, source: str) -> None:
        """A request to a source has been answered."""
        self._gate(source).leave()

    def close_for(self, source: str, seconds: float) -> None:
        """A source wants no requests for so long."""
        self._gate(source).close_for(seconds)

    def _gate(self, source: str) -> Gate:
        gate = self._gates.get(source)
        if gate is None:
            rate = self._own_rate.get(source, self._rate)
            at_once = self._own_at_once.get(source, self._at_once)
            gate = self._gates[source] = Gate(at_once, math.inf if rate is None else rate)
        return gate
