"""LocalEngine: runs as tasks of this process over a shared store; what is asked of it, and its lifetime.

How runs are recorded, driven and taken over stands in `recording`, `drivers` and `neighbours`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

import anyio
from anyio.abc import TaskGroup

from arazzo_mcp.arazzo.attach import attach_problems, of_present
from arazzo_mcp.arazzo.command import Command, Done, Resumed, Started, Wait
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.engine.drivers import Drivers
from arazzo_mcp.engine.limits import OPEN, UNLIMITED, Gates, RunLimits
from arazzo_mcp.engine.neighbours import Neighbours
from arazzo_mcp.engine.once import UNDELIVERED_SECONDS, Once, arguments_digest
from arazzo_mcp.engine.owner import HUNG_SECONDS, Owner
from arazzo_mcp.engine.ownership import Ownership
from arazzo_mcp.engine.prune import keep_pruning, why_unknown
from arazzo_mcp.engine.recording import Recording
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.seams import Perform, Programs, Store
from arazzo_mcp.errors import InvalidInputs, StoreError, UnknownRun

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 8.0
"""How long the answer to a call that must not be repeated is awaited when this process ends."""

_DELIVER_SECONDS: Final = 0.05

_NOTHING_TO_RESUME: Final = {
    RunStatus.WORKING: "run {} is still working: wait for it, or cancel it first",
    RunStatus.COMPLETED: "run {} has completed: its outputs are there, and nothing is left to do",
}


class LocalEngine:
    """The engine of `arazzo_mcp.engine.seams.Engine` in this process. An async context manager.

    documents: runs of these Arazzo files that a dead process left behind are taken over; None takes over none.
    keep_days: ended runs are dropped when they are older than that; 0 keeps them for ever. hung_seconds: so long
    another process may show no life before its runs are taken over. gates: what every call passes; limits: what a run
    may take, and how many runs there may be.
    """

    def __init__(
        self,
        store: Store,
        programs: Programs,
        perform: Perform,
        *,
        locks: Path,
        documents: Iterable[str] | None = None,
        keep_days: float = 0.0,
        hung_seconds: float = HUNG_SECONDS,
        gates: Gates = OPEN,
        limits: RunLimits = UNLIMITED,
    ) -> None:
        self._store, self._programs, self._keep_days = store, programs, keep_days
        self._owner = Owner(locks, hung_seconds)
        self._ownership = Ownership(self._owner, store, perform)
        self._drivers = Drivers(store, programs, self._ownership.perform, gates, limits)
        self._recording = Recording(store, programs, self._drivers, limits.runs)
        self._neighbours = Neighbours(store, self._owner, self._ownership, self._drivers, self._recording, documents)
        self._live = self._drivers.live
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> LocalEngine:
        self._owner.acquire()
        self._tasks = await anyio.create_task_group().__aenter__()
        self._drivers.open(self._tasks)
        await self._neighbours.look_after()
        for task in (self._ownership.show, self._neighbours.watch, partial(keep_pruning, self._store, self._keep_days)):
            self._tasks.start_soon(task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks is None:
            return
        self._drivers.close(GRACE_SECONDS)
        self._tasks.cancel_scope.cancel()
        try:
            # an error of the caller is the caller's: it leaves as it is, not wrapped into the group of our tasks
            await self._tasks.__aexit__(None, None, None)
        finally:
            self._owner.release()

    @property
    def owner(self) -> str:
        """The name of this process in the store."""
        return self._owner.name

    # --- what a run's owner asks

    async def start(
        self,
        program: str,
        document: str,
        workflow: str,
        inputs: dict[str, Json],
        principal: str = "",
        *,
        given: dict[str, dict[str, Json]] | None = None,
        once: Once | None = None,
    ) -> Run:
        """Start a run. It is recorded, with its documents, when this returns; nothing has been sent before.

        given: outputs of steps that were performed elsewhere; once: give the run that is there already,
        `deduplicated`, where it is the same; None starts one in any case, which is the same as no other.

        Raises:
            DuplicateKey: the key belongs to a run of other arguments.
            TooManyRuns: there are as many as there may be.
        """
        known = self._programs.program(program)
        if known is None:
            raise UnknownRun(f"no program {program}")
        run_id = _new_id()
        # the keys of its submits are made from its id: who has its row has them, and nobody can guess them
        state, command = advance(known, State(key=run_id), Started(workflow, inputs, given or {}))
        run = _new(run_id, workflow, program, document, principal, state, command, self.owner)
        since = None if once is None or once.force_new else run.created - UNDELIVERED_SECONDS
        if once is not None:
            whole = {**known.description.workflows[workflow].defaults(), **inputs}
            run = replace(run, key=once.key, arguments=arguments_digest(document, workflow, whole, once.realm))
        recorded = await self._recording.begin(run, known, [inputs, given or {}], since)
        return await self._found(recorded) if recorded.deduplicated else recorded

    async def resume(self, run_id: str, principal: str, given: Mapping[str, Json]) -> Run:
        """Start a run that goes on where an ended one stands, with the documents that it was pinned to.

        given: outputs of steps that are to be passed by, of the workflow that it stands in.
        """
        ended = await self.get(run_id, principal)
        if not ended.ended or ended.status == RunStatus.COMPLETED:
            raise InvalidInputs([_NOTHING_TO_RESUME[ended.status].format(ended.id)])
        program = await self._drivers.program(ended)
        outputs = of_present(ended.state, given)
        if wrong := attach_problems(program, ended.state.frame, outputs, resumed=True):
            raise InvalidInputs(wrong)
        state, command = advance(program, ended.state, Resumed(outputs))
        run = _new(_new_id(), ended.workflow, ended.program, ended.document, principal, state, command, self.owner)
        return await self._recording.begin(run, program, [given])

    async def _found(self, run: Run) -> Run:
        """A run that was there already; one that a dead process has left behind goes on here, as somebody waits."""
        if not run.ended and run.id not in self._live:
            await self._neighbours.look_after(run.id)
        return replace(await self.get(run.id, run.principal), deduplicated=True)

    async def deliver(self, run_id: str) -> None:
        """Note that the result of a run is being handed over. It is recorded soon, whether or not it is awaited; where
        that fails, the result is handed over once more to who asks for the same."""
        try:
            with anyio.move_on_after(_DELIVER_SECONDS):
                await self._store.deliver(run_id)
        except StoreError as error:
            log.warning("run %s cannot be recorded as delivered: %s", run_id, error)

    async def get(self, run_id: str, principal: str = "") -> Run:
        """The run as it is now."""
        live = self._live.get(run_id)
        run = live.run if live else await self._store.get(run_id)
        if run is None or run.principal != principal:
            raise UnknownRun(why_unknown(run_id, principal, await self._store.tombstone(run_id), self._keep_days))
        return run

    async def wait(self, run_id: str, principal: str, seconds: float, seen: tuple[Json, ...] | None = None) -> Run:
        """The run when it has ended, when its fingerprint or news are no longer `seen`, or after so many seconds."""
        changed, run = self._drivers.changed.next, await self.get(run_id, principal)
        with anyio.move_on_after(seconds):
            while not run.ended and (seen is None or run.news()[: len(seen)] == seen):
                live = self._live.get(run_id)
                await (live.changed() if live else changed.wait())
                changed, run = self._drivers.changed.next, await self.get(run_id, principal)
        return run

    async def wait_any(self, run_ids: Sequence[str], principal: str, seconds: float) -> list[Run]:
        """The runs with these ids, in this order, as soon as one of them has ended, or after so many seconds; ids of no
        run of this principal are left out. One read for each change, however many runs there are."""
        ending, runs = self._drivers.ending.next, await self._several(run_ids, principal)
        with anyio.move_on_after(seconds):
            while runs and not any(run.ended for run in runs):
                await ending.wait()
                ending, runs = self._drivers.ending.next, await self._several(run_ids, principal)
        return runs

    async def _several(self, run_ids: Sequence[str], principal: str) -> list[Run]:
        found = {run_id: live.run for run_id in run_ids if (live := self._live.get(run_id))}
        if others := [run_id for run_id in run_ids if run_id not in found]:
            found |= {run.id: run for run in await self._store.some(others)}
        runs = (found.get(run_id) for run_id in dict.fromkeys(run_ids))
        return [run for run in runs if run is not None and run.principal == principal]

    async def cancel(self, run_id: str, principal: str = "") -> Run:
        """Ask a run to stop, whichever process drives it. The request is recorded when this returns."""
        run = await self.get(run_id, principal)
        if run.may_live_on:
            await self._reopen(run)
        elif not run.ended:
            here = self._drivers.request_cancel(run_id)  # its driver records it too, before it sends anything
            await self._store.request_cancel(run_id)
            if not here and self._drivers.is_open:
                await self._neighbours.take_over(run_id)
        return await self.get(run_id, principal)

    async def _reopen(self, run: Run) -> None:
        """A failed run whose job may live on goes on with being cancelled."""
        program = await self._drivers.program(run)
        command = Wait(run.state.step, 0.0)
        state = replace(run.state, failed=run.outcome.error if run.outcome else None)
        again = replace(run, state=state, outcome=None, owner=self.owner, command=command, due=time.time(), cancel=True)
        await self._recording.reopen(again, program)

    async def newest(
        self, principal: str = "", limit: int = 50, status: str | None = None, workflow: str | None = None
    ) -> list[Run]:
        """The newest runs of a principal, newest first; those of one status, of one workflow, where these are said."""
        return await self._store.newest(principal, limit, status, workflow)


def _new_id() -> str:
    """144 random bits."""
    return f"run_{secrets.token_urlsafe(18)}"


def _new(
    run_id: str, workflow: str, program: str, document: str, principal: str, state: State, command: Command, owner: str
) -> Run:
    """A run as it is first recorded."""
    if not isinstance(command, Done):
        # nothing is asked for yet, and that is what is recorded: after a crash there is no doubt about it
        command = Wait(state.step, 0.0)
    now = time.time()
    return Run(run_id, workflow, program, document, principal, state, command, now, now, owner)
