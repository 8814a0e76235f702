"""A bell: whoever waits for it is woken when it rings, and it rings again and again. It knows nothing of runs."""

from __future__ import annotations

import anyio


class Bell:
    """Take `next` before you look at what it tells of: then nothing that happens meanwhile is missed."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next = anyio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        rung, self.next = self.next, anyio.Event()
        rung.set()
