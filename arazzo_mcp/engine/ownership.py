"""Whether this process still owns its runs: it may have stood still, and another may have taken them since.

It shows others that it lives, and where it has not done so for long it sends nothing before it has asked the store.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import anyio

from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.engine.complaint import Complaint
from arazzo_mcp.engine.owner import Owner
from arazzo_mcp.engine.seams import Perform, Store
from arazzo_mcp.errors import RunLost, StoreError

_RETRY_SECONDS: Final = 0.5


class Ownership:
    """Of the runs of one process. stood_still: it has, and has not let go yet of what others have taken since."""

    def __init__(self, owner: Owner, store: Store, perform: Perform) -> None:
        self._owner, self._store, self._perform = owner, store, perform
        self.stood_still = False

    async def perform(self, run_id: str, program: str, call: CallOperation) -> Exchange:
        """Perform a call, but for a run that may have been taken over since the call was recorded.

        Raises:
            RunLost: it was.
        """
        if self.stood_still or self._owner.stood_still():
            self.stood_still = True
            self._owner.beat()  # first: from now on it is not taken any more
            if await self._is_lost(run_id):
                raise RunLost(f"run {run_id} is driven by another process now")
        return await self._perform(program, call)

    async def lost(self, run_ids: Collection[str]) -> list[str]:
        """Which of these runs another process owns."""
        return await self._store.lost(self._owner.name, run_ids)

    async def _is_lost(self, run_id: str) -> bool:
        unknown = Complaint(f"run {run_id} stands still: its owner cannot be read", StoreError)
        while True:
            with unknown.logged():
                return bool(await self.lost([run_id]))
            await anyio.sleep(_RETRY_SECONDS)

    async def show(self) -> None:
        """Show others that this process lives, from the loop that drives its runs: a blocked one shows nothing."""
        while True:
            self.stood_still |= self._owner.stood_still()
            self._owner.beat()
            await anyio.sleep(self._owner.beat_seconds)
