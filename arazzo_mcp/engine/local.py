"""LocalEngine: runs as tasks of this process over a shared store.

Several processes may share one store. Each holds a lock file that the kernel frees when it dies; a run belongs to the
process whose name it carries, and the runs of a dead one are taken over by a process that serves the same documents.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

import anyio
from anyio.abc import TaskGroup

from arazzo_mcp.arazzo.command import Done, Outcome, Program, Started, Wait
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import MOST_DEPTH, Json, within
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.engine.drive import Live, drive, recovered
from arazzo_mcp.engine.owner import Owner
from arazzo_mcp.engine.run import Perform, Programs, Run, Store
from arazzo_mcp.errors import ArazzoMcpError, InvalidInputs, RunLost, StoreError, UnknownRun

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 0.25
"""How often this process looks whether another has written to the store."""

GRACE_SECONDS: Final = 8.0
"""How long the answer to a call that must not be repeated is awaited when this process ends."""

_TAKE_OVER_SECONDS: Final = 1.0


class LocalEngine:
    """The engine of `arazzo_mcp.engine.run.Engine` in this process. An async context manager.

    documents: runs of these Arazzo files that a dead process left behind are taken over; None takes over none.
    """

    def __init__(
        self,
        store: Store,
        programs: Programs,
        perform: Perform,
        *,
        locks: Path,
        documents: Iterable[str] | None = None,
    ) -> None:
        self._store, self._programs, self._perform = store, programs, perform
        self._documents = None if documents is None else frozenset(documents)
        self._owner = Owner(locks)
        self._live: dict[str, Live] = {}
        self._foreign = anyio.Event()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> LocalEngine:
        self._owner.acquire()
        self._tasks = await anyio.create_task_group().__aenter__()
        await self._look_after()
        self._tasks.start_soon(self._watch)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks is None:
            return
        for live in list(self._live.values()):
            live.give_up_after(GRACE_SECONDS)
            if live.rest.is_on:
                self._forget(live)
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
        self, program: str, document: str, workflow: str, inputs: dict[str, Json], principal: str = ""
    ) -> Run:
        """Start a run. It is recorded, with its documents, when this returns; nothing has been sent before."""
        known = self._programs.program(program)
        if known is None:
            raise UnknownRun(f"no program {program}")
        state, command = advance(known, State(), Started(workflow, inputs))
        if not isinstance(command, Done):
            # nothing is asked for yet, and that is what is recorded: after a crash there is no doubt about it
            command = Wait(state.step, 0.0)
        now = time.time()
        run = Run(
            f"run_{secrets.token_urlsafe(18)}",
            workflow,
            program,
            document,
            principal,
            state,
            command,
            now,
            now,
            self.owner,
        )
        with anyio.CancelScope(shield=True):  # a call that is cancelled must not leave a run that nobody drives
            await self._create(run, inputs)
            log.info("run %s of %s started", run.id, workflow)
            self._drive(run, known)
        return run

    async def _create(self, run: Run, inputs: dict[str, Json]) -> None:
        if not within(inputs, MOST_DEPTH):
            raise InvalidInputs([f"the inputs are nested more than {MOST_DEPTH} deep"])
        try:
            await self._store.create(run, self._programs.snapshot(run.program))
        except ValueError as error:
            raise InvalidInputs([f"the inputs cannot be written as JSON: {str(error)[:200]}"]) from None

    async def get(self, run_id: str, principal: str = "") -> Run:
        """The run as it is now."""
        live = self._live.get(run_id)
        run = live.run if live else await self._store.get(run_id)
        if run is None or run.principal != principal:
            raise UnknownRun(f"there is no run {run_id!r}")
        return run

    async def wait(self, run_id: str, principal: str, seconds: float, seen: tuple[Json, ...] | None = None) -> Run:
        """The run when it has ended, when its fingerprint is no longer `seen`, or after so many seconds."""
        run = await self.get(run_id, principal)
        with anyio.move_on_after(seconds):
            while not run.ended and (seen is None or run.fingerprint() == seen):
                live = self._live.get(run_id)
                await (live.changed() if live else self._foreign.wait())
                run = await self.get(run_id, principal)
        return run

    async def cancel(self, run_id: str, principal: str = "") -> Run:
        """Ask a run to stop, whichever process drives it. The request is recorded when this returns."""
        run = await self.get(run_id, principal)
        if run.may_live_on:
            await self._reopen(run)
        elif not run.ended:
            live = self._live.get(run_id)
            if live is not None:
                live.request_cancel()  # its driver records it too, before it sends anything
            await self._store.request_cancel(run_id)
            if live is None and self._tasks is not None:
                await self._take_over(run_id)
        return await self.get(run_id, principal)

    async def _reopen(self, run: Run) -> None:
        """A failed run whose job may live on goes on with being cancelled."""
        program = await self._program(run)
        command = Wait(run.state.step, 0.0)
        state = replace(run.state, failed=run.outcome.error if run.outcome else None)
        again = replace(run, state=state, outcome=None, owner=self.owner, command=command, due=time.time(), cancel=True)
        with anyio.CancelScope(shield=True):
            if await self._store.reopen(again):
                self._drive(again, program)

    async def newest(self, principal: str = "", limit: int = 50) -> list[Run]:
        """The newest runs of a principal, newest first."""
        return await self._store.newest(principal, limit)

    # --- driving

    def _drive(self, run: Run, program: Program) -> None:
        if self._tasks is None:
            raise RuntimeError("LocalEngine is not open: use it in `async with`")
        live = self._live[run.id] = Live(run)
        self._wake_watchers()
        self._tasks.start_soon(self._to_its_end, live, program, self._tasks)

    async def _to_its_end(self, live: Live, program: Program, tasks: TaskGroup) -> None:
        """Drive a run to its end, or to where it sleeps; then a timer starts this again."""
        seconds = None
        try:
            seconds = await drive(live, program, self._store, self._perform)
            if seconds is None:
                log.info("run %s %s", live.run.id, live.run.status)
        except RunLost as lost:
            log.warning("%s", lost)
        except Exception:
            log.exception("run %s was stopped by a fault of arazzo-mcp", live.run.id)
            live.run = await self._failed(live.run, "arazzo-mcp failed; see its log")
        finally:
            if seconds is None or tasks.cancel_scope.cancel_called:
                self._forget(live)
            else:
                live.rest.begin(seconds, partial(tasks.start_soon, self._to_its_end, live, program, tasks))

    def _forget(self, live: Live) -> None:
        """This process drives the run no more."""
        live.rest.forget()
        self._live.pop(live.run.id, None)
        live.tell()

    async def _failed(self, run: Run, message: str) -> Run:
        """The run, ended by a fault that is none of the provider's."""
        error = {"type": "internal_error", "step": run.state.step, "message": message}
        failed = replace(run, outcome=Outcome("failed", {}, error), updated=time.time())
        try:
            await self._store.save(failed, durable=True)
        except (ArazzoMcpError, ValueError) as problem:
            log.error("run %s cannot be recorded as failed: %s", run.id, problem)
            return run
        return failed

    # --- other processes

    async def _watch(self) -> None:
        """See what other processes write: cancels of our runs, changes of theirs, and their death."""
        version, looked = -1, time.monotonic()
        while True:
            await anyio.sleep(WATCH_SECONDS)
            try:
                now = await self._store.version()
                if now != version:
                    await self._notice()
                    version = now
            except StoreError as error:
                log.error("other processes cannot be watched meanwhile: %s", error)
            self._owner.keep()
            if time.monotonic() - looked >= _TAKE_OVER_SECONDS:
                looked = time.monotonic()
                await self._look_after()

    async def _look_after(self) -> None:
        """Take over what dead processes have left; what keeps us from it now is tried again."""
        try:
            await self._take_over()
        except (StoreError, OSError) as error:
            log.error("runs of dead processes cannot be taken over meanwhile: %s", error)

    async def _notice(self) -> None:
        self._wake_watchers()
        await self._hear_cancels()

    async def _hear_cancels(self) -> None:
        for run_id in await self._store.cancels(self.owner):
            if live := self._live.get(run_id):
                live.request_cancel()

    def _wake_watchers(self) -> None:
        foreign, self._foreign = self._foreign, anyio.Event()
        foreign.set()

    async def _take_over(self, run_id: str | None = None) -> None:
        """Go on with the runs of processes that have died: those of our documents, or the one that is asked for."""
        if self._documents is None and run_id is None:
            return
        documents = None if run_id is not None else self._documents
        for owner in await self._store.owners():
            if owner != self.owner and self._owner.is_dead(owner):
                with anyio.CancelScope(shield=True):  # what is taken must be driven
                    for run in await self._store.take(owner, self.owner, documents, run_id):
                        await self._recover(run)
                    await self._hear_cancels()  # of a run that had been taken and was not driven yet

    async def _recover(self, run: Run) -> None:
        try:
            program = await self._program(run)
        except (ArazzoMcpError, ValueError) as error:
            log.error("run %s cannot go on: %s", run.id, error)
            await self._failed(run, f"the documents that it was started with cannot be read any more: {error}")
            return
        log.info("run %s of %s taken over at step %s", run.id, run.workflow, run.state.step)
        self._drive(recovered(run), program)

    async def _program(self, run: Run) -> Program:
        known = self._programs.program(run.program)
        if known is not None:
            return known
        snapshot = await self._store.snapshot(run.program)
        if snapshot is None:
            raise StoreError(f"run {run.id}: its documents are not in the store")
        return self._programs.restore(run.program, snapshot)
