"""The other processes on the same store: what they write is noticed, and what the dead have left is taken over.

Several processes may share one store. Each holds a lock file that the kernel frees when it dies; a run belongs to the
process whose name it carries, and the runs of one that is dead, or has stood still for long, are taken over by one that
serves the same documents. A process that goes on after it stood still lets go of the runs that have another owner now.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import anyio

from arazzo_mcp.engine.complaint import Complaint
from arazzo_mcp.engine.drivers import Drivers
from arazzo_mcp.engine.owner import Owner
from arazzo_mcp.engine.ownership import Ownership
from arazzo_mcp.engine.recording import Recording
from arazzo_mcp.engine.seams import Store
from arazzo_mcp.errors import StoreError

WATCH_SECONDS: Final = 0.25
"""How often this process looks whether another has written to the store."""


class Neighbours:
    """Of this process, the `owner`. documents: whose runs are taken over from the dead; None takes over none."""

    def __init__(
        self,
        store: Store,
        owner: Owner,
        ownership: Ownership,
        drivers: Drivers,
        recording: Recording,
        documents: Iterable[str] | None,
    ) -> None:
        self._store, self._owner, self._ownership = store, owner, ownership
        self._drivers, self._recording = drivers, recording
        self._documents = None if documents is None else frozenset(documents)
        self._taking = anyio.Lock()
        self._blind = Complaint("other processes cannot be watched", StoreError)
        self._idle = Complaint("runs of dead processes cannot be taken over", StoreError, OSError)

    async def watch(self) -> None:
        """See what other processes write: cancels of our runs, changes of theirs, and their death."""
        version, looked = -1, time.monotonic()
        while True:
            await anyio.sleep(WATCH_SECONDS)
            with self._blind.logged():
                now = await self._store.version()
                if now != version:
                    self._drivers.others_changed()
                    await self._hear_cancels()
                    version = now
            self._owner.keep()
            if time.monotonic() - looked >= self._owner.look_seconds:
                looked = time.monotonic()
                await self.look_after()

    async def look_after(self, run_id: str | None = None) -> None:
        """Take over what dead processes have left, as `take_over` does; what keeps us from it now is tried again."""
        with self._idle.logged():
            await self._let_go()
            await self._gather()
            await self.take_over(run_id)

    async def take_over(self, run_id: str | None = None) -> None:
        """Go on with the runs of processes that have died: those of our documents, or the one that is asked for."""
        if self._documents is None and run_id is None:
            return
        documents = None if run_id is not None else self._documents
        for owner in await self._store.owners():
            if owner != self._owner.name and self._owner.is_gone(owner):
                await self._take(owner, documents, run_id)

    async def _hear_cancels(self) -> None:
        for run_id in await self._store.cancels(self._owner.name):
            self._drivers.request_cancel(run_id)

    async def _take(self, owner: str, documents: Iterable[str] | None, run_id: str | None) -> None:
        with anyio.CancelScope(shield=True):  # what is taken must be driven
            async with self._taking:
                # a run whose driver of an earlier time has not stopped yet has to wait: two must never drive it
                busy = self._recording.busy()
                with self._recording.may_go_astray():
                    taken = await self._store.take(owner, self._owner.name, documents, run_id, busy)
                for run in taken:
                    await self._drivers.recover(run)
            await self._hear_cancels()  # of a run that had been taken and was not driven yet

    async def _gather(self) -> None:
        """Where the store has failed, runs may be in it that are ours and that nobody drives: those that were refused
        are forgotten, the others are driven."""
        if self._recording.astray:
            self._recording.astray = False  # first: a start may be refused meanwhile
            with self._recording.may_go_astray():
                await self._recording.discard_refused(self._owner.name)
            await self._take(self._owner.name, None, None)

    async def _let_go(self) -> None:
        """After this process stood still: stop the drivers of runs that another process drives now."""
        if self._ownership.stood_still:
            for run_id in await self._ownership.lost(tuple(self._drivers.live)):
                self._drivers.let_go(run_id)
            self._ownership.stood_still = False
