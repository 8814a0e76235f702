"""The runs that are driven in this process: each has a task while it works, and a timer while it sleeps.

Who owns a run and how it came into the store is decided before; here it is driven to its end, whatever happens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import anyio
from anyio.abc import TaskGroup

from arazzo_mcp.arazzo.command import CallOperation, Outcome, Program
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.engine.bell import Bell
from arazzo_mcp.engine.drive import drive, recovered
from arazzo_mcp.engine.limits import Gates, RunLimits
from arazzo_mcp.engine.live import Live
from arazzo_mcp.engine.run import Run
from arazzo_mcp.engine.seams import Programs, Store
from arazzo_mcp.errors import ArazzoMcpError, RunLost, StoreError

log = logging.getLogger(__name__)

PerformOwn = Callable[[str, str, CallOperation], Awaitable[Exchange]]
"""Performs one API call of a run of a program. RunLost where another process drives that run now."""


class Drivers:
    """Drives runs, between `open` and `close`.

    live: the runs that are driven here, by id; changed: rings when any other run may have changed, or one has come
    here; ending: rings when a run has ended, or may have.
    """

    def __init__(self, store: Store, programs: Programs, perform: PerformOwn, gates: Gates, limits: RunLimits) -> None:
        self._store, self._programs, self._perform = store, programs, perform
        self._gates, self._limits = gates, limits
        self.live: dict[str, Live] = {}
        self.changed, self.ending = Bell(), Bell()
        self._tasks: TaskGroup | None = None

    def open(self, tasks: TaskGroup) -> None:
        """From now on runs are driven, by these tasks."""
        self._tasks = tasks

    def close(self, grace_seconds: float) -> None:
        """The tasks are about to be cancelled: answers that must not be lost are awaited for so many seconds."""
        for live in list(self.live.values()):
            live.give_up_after(grace_seconds)
            self._forget_resting(live)

    @property
    def is_open(self) -> bool:
        """Whether runs can be driven."""
        return self._tasks is not None

    def drive(self, run: Run, program: Program) -> None:
        """Drive a run of this process to its end."""
        if self._tasks is None:
            raise RuntimeError("LocalEngine is not open: use it in `async with`")
        live = self.live[run.id] = Live(run)
        self.others_changed()
        self._tasks.start_soon(self._to_its_end, live, program, self._tasks)

    async def recover(self, run: Run) -> None:
        """Drive a run on that another process has left behind; it fails where its documents cannot be read any more."""
        try:
            program = await self.program(run)
        except (ArazzoMcpError, ValueError) as error:
            log.error("run %s cannot go on: %s", run.id, error)
            await self._failed(run, f"the documents that it was started with cannot be read any more: {error}")
            return
        log.info("run %s of %s taken over at step %s", run.id, run.workflow, run.state.step)
        self.drive(recovered(run), program)

    async def program(self, run: Run) -> Program:
        """What a run executes, made from its pinned documents where it is not at hand."""
        known = self._programs.program(run.program)
        if known is not None:
            return known
        snapshot = await self._store.snapshot(run.program)
        if snapshot is None:
            raise StoreError(f"run {run.id}: its documents are not in the store")
        return self._programs.restore(run.program, snapshot)

    def request_cancel(self, run_id: str) -> bool:
        """Ask a run to stop; False where it is not driven here."""
        live = self.live.get(run_id)
        if live is not None:
            live.request_cancel()
        return live is not None

    def let_go(self, run_id: str) -> None:
        """Drive a run no more that another process drives now."""
        if live := self.live.get(run_id):
            log.warning("run %s was taken over by another process while this one stood still", run_id)
            live.driver.cancel()
            self._forget_resting(live)

    def others_changed(self) -> None:
        """Let everybody look who waits for a run that is not driven here, or was not until now."""
        self.changed.ring()
        self.ending.ring()

    async def _to_its_end(self, live: Live, program: Program, tasks: TaskGroup) -> None:
        """Drive a run to its end, or to where it sleeps; then a timer starts this again."""
        seconds = None
        try:
            with live.driver:
                perform = partial(self._perform, live.run.id)
                seconds = await drive(live, program, self._store, perform, self._gates, self._limits)
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
                live.driver = anyio.CancelScope()
                live.rest.begin(seconds, partial(tasks.start_soon, self._to_its_end, live, program, tasks))

    def _forget_resting(self, live: Live) -> None:
        """One that rests has no task that would do it."""
        if live.rest.is_on:
            self._forget(live)

    def _forget(self, live: Live) -> None:
        """This process drives the run no more."""
        live.rest.forget()
        self.live.pop(live.run.id, None)
        live.tell()
        self.ending.ring()

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
