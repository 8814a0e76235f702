"""How a run comes into the store, and from there to its driver: at once, or not at all.

A store that fails may have recorded all the same what it said that it had not, so that a run is there and nobody drives
it. Of such runs those that were refused are forgotten, and the others driven, by who looks after runs left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from arazzo_mcp.arazzo.command import Program
from arazzo_mcp.arazzo.scope import MOST_DEPTH, Json, within
from arazzo_mcp.engine.drivers import Drivers
from arazzo_mcp.engine.run import Run
from arazzo_mcp.engine.seams import Programs, Store
from arazzo_mcp.errors import InvalidInputs, StoreError, TooManyRuns

log = logging.getLogger(__name__)


class Recording:
    """Of the runs of this process. most: as many there may be at once.

    astray: the store has failed, and runs of this process may be in it that nobody drives.
    """

    def __init__(self, store: Store, programs: Programs, drivers: Drivers, most: float) -> None:
        self._store, self._programs, self._drivers, self._most = store, programs, drivers, most
        self._under_way: set[str] = set()
        self._refused: set[str] = set()
        self.astray = False

    async def begin(self, run: Run, program: Program, outside: Json, since: float | None = None) -> Run:
        """Record a new run and drive it, or give the one that is there already, for which there need be no room.

        outside: what it was given, which may be anything; since: see `Store.create`.
        """
        if not self._has_room():
            return await self._there_already(run, since)
        with anyio.CancelScope(shield=True), self._under_way_of(run.id, new=True):
            # a call that is cancelled must not leave a run that nobody drives
            recorded = await self._create(run, outside, since)
            if not recorded.deduplicated:
                log.info("run %s of %s started", run.id, run.workflow)
                self._drivers.drive(recorded, program)
        return recorded

    async def reopen(self, run: Run, program: Program) -> None:
        """Drive a run again that has failed, unless somebody else was faster."""
        with anyio.CancelScope(shield=True), self._under_way_of(run.id, new=False):
            if await self._store.reopen(run):
                self._drivers.drive(run, program)

    def busy(self) -> set[str]:
        """The runs that must not be taken for ones that are left alone."""
        return {*self._drivers.live, *self._under_way, *self._refused}

    @contextmanager
    def may_go_astray(self) -> Iterator[None]:
        """The block records what is to be driven. Where the store fails, somebody has to look for it later."""
        try:
            yield
        except StoreError:
            self.astray = True
            raise

    async def discard_refused(self, owner: str) -> None:
        """Forget the runs whose start was refused."""
        for run_id in tuple(self._refused):
            await self._store.discard(run_id, owner)
            self._refused.discard(run_id)

    def _has_room(self) -> bool:
        return len(self._drivers.live) + len(self._under_way) < self._most

    async def _there_already(self, run: Run, since: float | None) -> Run:
        found = await self._store.same(run, undelivered_since=since)
        if found is None:
            raise TooManyRuns(
                f"Nothing was started: the limit runs ({self._most:g} at once in this process) was reached. Call again "
                "when one of them has ended, cancel one that is not needed, or raise the limit in the settings."
            )
        return found

    async def _create(self, run: Run, outside: Json, since: float | None) -> Run:
        if not within(outside, MOST_DEPTH + 1):
            raise InvalidInputs([f"the inputs are nested more than {MOST_DEPTH} deep"])
        try:
            return await self._store.create(run, self._programs.snapshot(run.program), undelivered_since=since)
        except ValueError as error:
            raise InvalidInputs([f"the inputs cannot be written as JSON: {str(error)[:200]}"]) from None

    @contextmanager
    def _under_way_of(self, run_id: str, *, new: bool) -> Iterator[None]:
        """The block records a run. new: where the store fails, and it is there all the same, it is to be forgotten."""
        self._under_way.add(run_id)
        try:
            with self.may_go_astray():
                yield
        except StoreError:
            if new:
                self._refused.add(run_id)
            raise
        finally:
            self._under_way.discard(run_id)
