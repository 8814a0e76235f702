"""LocalEngine: runs as tasks of this process over a shared store.

Several processes may share one store. Each holds a lock file that the kernel frees when it dies; a run belongs to the
process whose name it carries, and the runs of one that is dead, or has stood still for long, are taken over by one that
serves the same documents. A process that goes on after it stood still lets go of the runs that have another owner now.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

import anyio
from anyio.abc import TaskGroup

from arazzo_mcp.arazzo.attach import attach_problems, of_present
from arazzo_mcp.arazzo.command import CallOperation, Command, Done, Outcome, Program, Resumed, Started, Wait
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import MOST_DEPTH, Exchange, Json, within
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.engine.drive import drive, recovered
from arazzo_mcp.engine.limits import OPEN, UNLIMITED, Gates, RunLimits
from arazzo_mcp.engine.live import Live
from arazzo_mcp.engine.once import UNDELIVERED_SECONDS, Once, arguments_digest
from arazzo_mcp.engine.owner import HUNG_SECONDS, Owner
from arazzo_mcp.engine.prune import DAY_SECONDS, prune, why_unknown
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.seams import Perform, Programs, Store
from arazzo_mcp.errors import ArazzoMcpError, InvalidInputs, RunLost, StoreError, TooManyRuns, UnknownRun

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 0.25
"""How often this process looks whether another has written to the store."""

GRACE_SECONDS: Final = 8.0
"""How long the answer to a call that must not be repeated is awaited when this process ends."""

_TAKE_OVER_SECONDS: Final = 1.0
_DELIVER_SECONDS: Final = 0.05

_NOTHING_TO_RESUME: Final = {
    RunStatus.WORKING: "run {} is still working: wait for it, or cancel it first",
    RunStatus.COMPLETED: "run {} has completed: its outputs are there, and nothing is left to do",
}

PRUNE_SECONDS: Final = 3600.0
"""How often ended runs are looked for that are old enough to be dropped."""

_PRUNE_AT_FIRST_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.5


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
        self._store, self._programs, self._perform = store, programs, perform
        self._documents = None if documents is None else frozenset(documents)
        self._owner, self._keep_days = Owner(locks, hung_seconds), keep_days
        self._gates, self._limits = gates, limits
        self._live: dict[str, Live] = {}
        self._starting: set[str] = set()
        self._refused: set[str] = set()
        self._astray = self._stood_still = False
        self._taking = anyio.Lock()
        self._foreign = anyio.Event()
        self._ending = anyio.Event()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> LocalEngine:
        self._owner.acquire()
        self._tasks = await anyio.create_task_group().__aenter__()
        await self._look_after()
        for task in (self._beat, self._watch, self._prune):
            self._tasks.start_soon(task)
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
        run = self._new(run_id, workflow, program, document, principal, state, command)
        since = None if once is None or once.force_new else run.created - UNDELIVERED_SECONDS
        if once is not None:
            whole = {**known.description.workflows[workflow].defaults(), **inputs}
            run = replace(run, key=once.key, arguments=arguments_digest(document, workflow, whole, once.realm))
        return await self._begin(run, known, [inputs, given or {}], since)

    async def resume(self, run_id: str, principal: str, given: Mapping[str, Json]) -> Run:
        """Start a run that goes on where an ended one stands, with the documents that it was pinned to.

        given: outputs of steps that are to be passed by, of the workflow that it stands in.
        """
        ended = await self.get(run_id, principal)
        if not ended.ended or ended.status == RunStatus.COMPLETED:
            raise InvalidInputs([_NOTHING_TO_RESUME[ended.status].format(ended.id)])
        program = await self._program(ended)
        outputs = of_present(ended.state, given)
        if wrong := attach_problems(program, ended.state.frame, outputs, resumed=True):
            raise InvalidInputs(wrong)
        state, command = advance(program, ended.state, Resumed(outputs))
        run = self._new(_new_id(), ended.workflow, ended.program, ended.document, principal, state, command)
        return await self._begin(run, program, [given])

    def _new(
        self, run_id: str, workflow: str, program: str, document: str, principal: str, state: State, command: Command
    ) -> Run:
        """A run as it is first recorded."""
        if not isinstance(command, Done):
            # nothing is asked for yet, and that is what is recorded: after a crash there is no doubt about it
            command = Wait(state.step, 0.0)
        now = time.time()
        return Run(run_id, workflow, program, document, principal, state, command, now, now, self.owner)

    async def _begin(self, run: Run, program: Program, outside: Json, since: float | None = None) -> Run:
        """Record a new run and drive it. outside: what it was given, which may be anything."""
        with anyio.CancelScope(shield=True), self._recording(run.id, self._refused):
            # a call that is cancelled must not leave a run that nobody drives
            self._room()
            recorded = await self._create(run, outside, since)
            if not recorded.deduplicated:
                log.info("run %s of %s started", run.id, run.workflow)
                self._drive(recorded, program)
        return await self._found(recorded) if recorded.deduplicated else recorded

    def _room(self) -> None:
        """Room for the run that is being recorded."""
        most = self._limits.runs
        if len(self._live) + len(self._starting) > most:
            raise TooManyRuns(
                f"Nothing was started: the limit runs ({most:g} at once in this process) was reached. Call again when "
                "one of them has ended, cancel one that is not needed, or raise the limit in the settings."
            )

    @contextmanager
    def _recording(self, run_id: str, refused: set[str] | None = None) -> Iterator[None]:
        """Nobody else here takes the run for one that is left alone. Where the store fails, it may be one: it is looked
        for later, and forgotten where it is among the `refused`."""
        self._starting.add(run_id)
        try:
            yield
        except StoreError:
            if refused is not None:
                refused.add(run_id)
            self._astray = True
            raise
        finally:
            self._starting.discard(run_id)

    async def _create(self, run: Run, outside: Json, since: float | None) -> Run:
        if not within(outside, MOST_DEPTH + 1):
            raise InvalidInputs([f"the inputs are nested more than {MOST_DEPTH} deep"])
        try:
            return await self._store.create(run, self._programs.snapshot(run.program), undelivered_since=since)
        except ValueError as error:
            raise InvalidInputs([f"the inputs cannot be written as JSON: {str(error)[:200]}"]) from None

    async def _found(self, run: Run) -> Run:
        """A run that was there already; one that a dead process has left behind goes on here, as somebody waits."""
        if not run.ended and run.id not in self._live:
            await self._look_after(run.id)
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
        run = await self.get(run_id, principal)
        with anyio.move_on_after(seconds):
            while not run.ended and (seen is None or run.news()[: len(seen)] == seen):
                live = self._live.get(run_id)
                await (live.changed() if live else self._foreign.wait())
                run = await self.get(run_id, principal)
        return run

    async def wait_any(self, run_ids: Sequence[str], principal: str, seconds: float) -> list[Run]:
        """The runs with these ids, in this order, as soon as one of them has ended, or after so many seconds; ids of no
        run of this principal are left out. One read for each change, however many runs there are."""
        ending, runs = self._ending, await self._several(run_ids, principal)
        with anyio.move_on_after(seconds):
            while runs and not any(run.ended for run in runs):
                await ending.wait()
                ending, runs = self._ending, await self._several(run_ids, principal)
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
        with anyio.CancelScope(shield=True), self._recording(run.id):
            if await self._store.reopen(again):
                self._drive(again, program)

    async def newest(
        self, principal: str = "", limit: int = 50, status: str | None = None, workflow: str | None = None
    ) -> list[Run]:
        """The newest runs of a principal, newest first; those of one status, of one workflow, where these are said."""
        return await self._store.newest(principal, limit, status, workflow)

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
            with live.driver:
                perform = partial(self._perform_own, live)
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

    def _forget(self, live: Live) -> None:
        """This process drives the run no more."""
        live.rest.forget()
        self._live.pop(live.run.id, None)
        live.tell()
        self._wake_waiters()

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
            if time.monotonic() - looked >= self._owner.look_seconds:
                looked = time.monotonic()
                await self._look_after()

    async def _look_after(self, run_id: str | None = None) -> None:
        """Take over what dead processes have left; what keeps us from it now is tried again."""
        try:
            await self._let_go()
            await self._gather()
            await self._take_over(run_id)
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
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        """A run of this process has ended, or one of another may have."""
        ending, self._ending = self._ending, anyio.Event()
        ending.set()

    async def _take_over(self, run_id: str | None = None) -> None:
        """Go on with the runs of processes that have died: those of our documents, or the one that is asked for."""
        if self._documents is None and run_id is None:
            return
        documents = None if run_id is not None else self._documents
        for owner in await self._store.owners():
            if owner != self.owner and self._owner.is_gone(owner):
                await self._take(owner, documents, run_id)

    async def _take(self, owner: str, documents: Iterable[str] | None, run_id: str | None) -> None:
        with anyio.CancelScope(shield=True):  # what is taken must be driven
            async with self._taking:
                # a run whose driver of an earlier time has not stopped yet has to wait: two must never drive it
                busy = {*self._live, *self._starting, *self._refused}
                try:
                    taken = await self._store.take(owner, self.owner, documents, run_id, busy)
                except StoreError:
                    self._astray = True
                    raise
                for run in taken:
                    await self._recover(run)
            await self._hear_cancels()  # of a run that had been taken and was not driven yet

    async def _gather(self) -> None:
        """A store that fails may have recorded all the same what it said that it had not: runs that are ours and that
        nobody drives. What was refused is forgotten, what was taken is driven."""
        if not self._astray:
            return
        for run_id in tuple(self._refused):
            await self._store.discard(run_id, self.owner)
            self._refused.discard(run_id)
        self._astray = False
        await self._take(self.owner, None, None)

    async def _let_go(self) -> None:
        """After this process stood still: stop the drivers of runs that another process drives now."""
        if not self._stood_still:
            return
        for run_id in await self._store.lost(self.owner, tuple(self._live)):
            if live := self._live.get(run_id):
                log.warning("run %s was taken over by another process while this one stood still", run_id)
                live.driver.cancel()
                if live.rest.is_on:
                    self._forget(live)
        self._stood_still = False

    async def _perform_own(self, live: Live, program: str, call: CallOperation) -> Exchange:
        """Send nothing for a run that may have been taken over since the call was recorded."""
        if self._stood_still or self._owner.stood_still():
            self._stood_still = True
            self._owner.beat()  # first: from now on it is not taken any more
            if await self._is_lost(live.run.id):
                raise RunLost(f"run {live.run.id} is driven by another process now")
        return await self._perform(program, call)

    async def _is_lost(self, run_id: str) -> bool:
        while True:
            try:
                return bool(await self._store.lost(self.owner, [run_id]))
            except StoreError as error:
                log.error("run %s stands still, as its owner cannot be read: %s", run_id, error)
            await anyio.sleep(_RETRY_SECONDS)

    async def _beat(self) -> None:
        """Show others that this process lives, from the loop that drives its runs: a blocked one shows nothing."""
        while True:
            self._stood_still |= self._owner.stood_still()
            self._owner.beat()
            await anyio.sleep(self._owner.beat_seconds)

    async def _prune(self) -> None:
        """Drop old runs soon after the start and then every hour or so, each process at times of its own."""
        await anyio.sleep(random.uniform(0, _PRUNE_AT_FIRST_SECONDS))
        while self._keep_days:
            try:
                pruned = await prune(self._store, self._keep_days * DAY_SECONDS)
            except StoreError as error:
                log.error("old runs cannot be dropped meanwhile: %s", error)
            else:
                if pruned.runs:
                    log.info("%d runs that ended more than %g days ago were dropped", pruned.runs, self._keep_days)
            await anyio.sleep(random.uniform(0.5, 1.5) * PRUNE_SECONDS)

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


def _new_id() -> str:
    """144 random bits."""
    return f"run_{secrets.token_urlsafe(18)}"
