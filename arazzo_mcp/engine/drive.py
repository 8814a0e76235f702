"""The loop that drives one run: save what is about to happen, let it happen, advance. It stops at a long wait, so that
a run that sleeps costs a timer and no task.

It also owns one policy: what to do about a call that may or may not have reached the provider. Such a call is repeated
when repeating it cannot do harm; any other ends the run as `in_doubt`, and is never sent twice.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Final

import anyio
import anyio.lowlevel

from arazzo_mcp.arazzo.attach import wanted_outputs
from arazzo_mcp.arazzo.change import changed
from arazzo_mcp.arazzo.command import (
    SAFE,
    CallOperation,
    CancelRequested,
    Command,
    Done,
    Event,
    Exchanged,
    Outcome,
    Program,
    Wait,
    Woke,
)
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import Exchange, Failure
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.submit import MAY_HAVE_ARRIVED
from arazzo_mcp.engine.limits import OPEN, UNLIMITED, Gates, RunLimits, Turn, kept_for
from arazzo_mcp.engine.live import Live
from arazzo_mcp.engine.run import Run, attach_call, is_submit, may_repeat
from arazzo_mcp.engine.seams import Perform, Store
from arazzo_mcp.errors import StoreError

log = logging.getLogger(__name__)

_SOON_SECONDS: Final = 900.0
"""A deadline that is further away than any request takes needs no timer."""


async def drive(
    live: Live,
    program: Program,
    store: Store,
    perform: Perform,
    gates: Gates = OPEN,
    limits: RunLimits = UNLIMITED,
) -> float | None:
    """Drive a run to its end, or to a long wait: after so many seconds, or when it is cancelled, it is to be driven on.

    gates: what each call passes; limits: what the run may take.

    Raises:
        RunLost: another process drives it now.
        ValueError: where it is cannot be written as JSON.
    """
    with Turn(gates) as turn:
        return await _Driver(live, program, store, perform, turn, limits).drive()


@dataclass(frozen=True, slots=True)
class _Driver:
    """Drives one run."""

    live: Live
    program: Program
    store: Store
    perform: Perform
    turn: Turn
    limits: RunLimits

    async def drive(self) -> float | None:
        """To the end, or to a long wait."""
        live, state, command = self.live, self.live.run.state, self.live.run.command
        again = True  # what is asked for first may have been sent by a process that has died
        while not isinstance(command, Done):
            unsure = state.lost or (again and _changes_something(command))
            if not unsure and (limit := self.limits.reached(live.run, state)):
                # its job must not run and cost on: the run ends as one that is cancelled does
                self.turn.give_back()
                state, command = advance(self.program, replace(state, failed=limit), CancelRequested())
                continue
            queued = self._queued(state, command)
            if queued is not None:
                command = Wait(state.step, 0.0)  # after which the same call is asked for again
            await self._record(state, command)
            if queued is None and (seconds := live.may_sleep()) is not None:
                return seconds
            if queued is not None:
                event = await self._interruptible(partial(self._queue, queued))
            else:
                event = await self._happen(state, command, unsure=unsure)
            again = False
            if queued is None or not isinstance(event, Woke):
                self.turn.give_back()
            if isinstance(event, Exchanged) and event.exchange.status is None:
                # others have their turn also where nothing was sent: a wait of no time is none
                await anyio.lowlevel.cancel_shielded_checkpoint()
            if event is not None:
                state, command = _doubt(state, command, event) or advance(self.program, state, event)
        await self._end(state, command)
        return None

    async def _record(self, state: State, command: Command) -> None:
        """What is about to happen is recorded, and told to all who wait."""
        live = self.live
        if not state.cancel and _changes_something(command):
            # a process that is ending starts nothing that it might not see the end of
            await anyio.lowlevel.checkpoint()
        answered = live.run.state.cancel and not state.cancel
        run = _about_to(live.run, state, command, self.limits.deadline(live.run, state))
        if not _is_recorded(live.run, state, command):
            await _save(self.store, run, durable=_must_not_be_lost(state, command), cancel_answered=answered)
        # a cancel may have been asked for while this was recorded
        live.publish(run if run.cancel == live.run.cancel else replace(run, cancel=live.run.cancel))
        if answered:
            live.cancel_answered()

    async def _end(self, state: State, command: Done) -> None:
        outcome = _with_way_on(self.live.run.id, self.program, state, command.outcome)
        now = time.time()
        run = replace(self.live.run, state=state, command=command, updated=now, due=None, outcome=outcome)
        await _save(self.store, run, durable=True)
        self.live.publish(run)

    def _queued(self, state: State, command: Command) -> CallOperation | None:
        """A call that must not be repeated and whose turn has not come yet."""
        if not isinstance(command, CallOperation) or may_repeat(state, command) or self.turn.take_now(command):
            return None
        return command

    async def _happen(self, state: State, command: CallOperation | Wait, *, unsure: bool) -> Event | None:
        """Let a command happen, unless a cancel or the end of the run's time comes first. unsure: a call that changes
        something may have arrived, so that a job may exist which can only be cancelled when its answer is known: the
        cancel comes later."""
        if not state.cancel and not unsure and self.live.take_cancel():
            return CancelRequested()
        if isinstance(command, Wait):
            if (left := self.live.left()) > 0:
                await self.live.rest.keep(left)
            return CancelRequested() if not unsure and self.live.take_cancel() else Woke()
        if state.cancel or _changes_something(command):
            return Exchanged(await self._awaited_call(state, command))
        return await self._interruptible(partial(self._call, command))

    async def _interruptible(self, happen: Callable[[], Awaitable[Event]]) -> Event | None:
        """What happens, CancelRequested if that comes before, None if the run's time is over before."""
        event: Event | None = None
        left = self.limits.deadline(self.live.run, self.live.run.state) - time.time()
        with self.live.interruptible() as scope:
            if left < _SOON_SECONDS:
                scope.deadline = anyio.current_time() + left
            event = await happen()
        if scope.cancelled_caught:
            return CancelRequested() if self.live.take_cancel() else None
        return event

    async def _queue(self, call: CallOperation) -> Event:
        """Nothing but the wait for the turn of a call that is not recorded yet."""
        await self._take_turn(call, urgent=False)
        return Woke()

    async def _take_turn(self, call: CallOperation, *, urgent: bool) -> None:
        if not self.turn.take_now(call):
            live = self.live
            live.publish(replace(live.run, held=f"waits for its turn at {call.target.source}"))
            await self.turn.take(call, urgent=urgent)
            live.publish(replace(live.run, held=""))

    async def _awaited_call(self, state: State, command: CallOperation) -> Exchange:
        await self._take_turn(command, urgent=state.cancel)
        with self.live.awaited():
            return await self.perform(self.live.run.program, command)
        if may_repeat(state, command):
            # ends here with this process: the request is recorded, and sent at the next start
            await anyio.lowlevel.checkpoint()
        return Exchange(failure=Failure("broken", "arazzo-mcp ended before the answer came"))

    async def _call(self, command: CallOperation) -> Event:
        await anyio.lowlevel.checkpoint_if_cancelled()  # nothing is sent by a process that is ending
        await self._take_turn(command, urgent=False)
        return Exchanged(await self.perform(self.live.run.program, command))


async def _save(store: Store, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
    """What has happened is recorded, even while this process is ending, and however long the store cannot be written:
    an answer that is known must not be lost, and nothing goes on before it is recorded."""
    for attempt in count():
        try:
            await store.save(run, durable=durable, cancel_answered=cancel_answered)
        except StoreError as error:
            log.error("run %s cannot be recorded and stands still meanwhile: %s", run.id, error)
        else:
            return
        await anyio.sleep(min(0.25 * 2**attempt, 10.0))


def recovered(run: Run) -> Run:
    """A run whose process died, as it can go on: a call that may have been sent and must not be repeated ends it."""
    if not isinstance(run.command, CallOperation):
        return run
    if not may_repeat(run.state, run.command):
        why = "the process that sent it ended before an answer was recorded"
        return replace(run, command=Done(_in_doubt(run.command, why)))
    if run.state.cancel:
        return replace(run, state=replace(run.state, tries=run.state.tries + 1))
    if is_submit(run.state, run.command):
        return replace(run, state=replace(run.state, lost=True))
    return run


def _about_to(run: Run, state: State, command: Command, deadline: float) -> Run:
    """The run as it is recorded before a command; a wait that was recorded already keeps its end."""
    now = time.time()
    resumed = isinstance(command, Wait) and command is run.command and run.due is not None
    due = run.due if resumed else min(now + kept_for(command), deadline) if isinstance(command, Wait) else None
    return changed(run, state=state, command=command, updated=now, due=due, held="")


def _is_recorded(run: Run, state: State, command: Command) -> bool:
    """A wait with which a run is driven first, or driven on; or a call that changes nothing and comes straight from a
    wait: recovery from that wait leads to it by itself."""
    return (isinstance(command, Wait) and command is run.command) or (
        isinstance(command, CallOperation)
        and isinstance(run.command, Wait)
        and run.due is not None
        and state == run.state
        and not _changes_something(command)
    )


def _must_not_be_lost(state: State, command: Command) -> bool:
    return isinstance(command, CallOperation) and is_submit(state, command)


def _changes_something(command: Command) -> bool:
    return isinstance(command, CallOperation) and command.target.method not in SAFE


def _doubt(state: State, command: Command, event: Event) -> tuple[State, Command] | None:
    """A request without an answer that may have reached the provider and must not be repeated."""
    if not isinstance(event, Exchanged) or not isinstance(command, CallOperation):
        return None
    failure = event.exchange.failure
    if failure is None or failure.kind not in MAY_HAVE_ARRIVED or may_repeat(state, command):
        return None
    return state, Done(_in_doubt(command, failure.message, event.exchange))


def _in_doubt(call: CallOperation, why: str, exchange: Exchange | None = None) -> Outcome:
    what = f"{call.target.operation} of {call.target.source}"
    message = (
        f"step {call.step!r}: {what} may have been received by the provider, but its answer is not known ({why}). "
        "It was not sent again: what it starts may exist and cost money. Look for it at the provider before you start "
        "this workflow again."
    )
    request = f"{exchange.method} {exchange.url}" if exchange else call.target.operation
    return Outcome("in_doubt", {}, {"type": "in_doubt", "step": call.step, "message": message, "request": request})


def _with_way_on(run_id: str, program: Program, state: State, outcome: Outcome) -> Outcome:
    """The end of a run in doubt says how to go on once its job is found."""
    if outcome.status != "in_doubt" or outcome.error is None:
        return outcome
    attach = {"run_id": run_id, "outputs": wanted_outputs(program, state)}
    message = (
        f"{outcome.error['message']} If it is there, go on with it: {attach_call(attach)} (or `arazzo-mcp runs attach "
        f"{run_id} --outputs '{json.dumps(attach['outputs'])}'`)."
    )
    return replace(outcome, error={**outcome.error, "message": message, "attach": attach})
