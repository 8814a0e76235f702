"""The loop that drives one run: save what is about to happen, let it happen, advance.

It also owns one policy: what to do about a call that may or may not have reached the provider. Such a call is repeated
when repeating it cannot do harm; any other ends the run as `in_doubt`, and is never sent twice. Hence a call that must
not be repeated takes its turn at the gate of its source before it is recorded as about to be sent: what waits there has
not been sent, and is recorded as a wait. Any other is recorded first, and then takes its turn.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

import anyio
import anyio.lowlevel

from arazzo_mcp.arazzo.command import (
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
from arazzo_mcp.engine.limits import MOST_SPREAD, OPEN, UNLIMITED, Gates, RunLimits, Turn, kept_for
from arazzo_mcp.engine.run import Perform, Run, Store, may_repeat
from arazzo_mcp.errors import StoreError

log = logging.getLogger(__name__)

_SOON_SECONDS: Final = 900.0
"""A deadline that is further away than any request takes needs no timer."""

_MAY_HAVE_ARRIVED: Final = ("timeout", "broken", "refused")


class Live:
    """A run that is driven in this process: its present value, who waits for changes, and a cancel that may come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._changed = anyio.Event()
        self._cancelling = run.state.cancel
        self._cancel = run.cancel and not run.state.cancel
        self._interruptible: anyio.CancelScope | None = None
        self._awaited: anyio.CancelScope | None = None
        self._deadline = math.inf

    def publish(self, run: Run) -> None:
        """The run is here now: tell everybody who waits."""
        self.run = run
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def changed(self) -> None:
        """Return at the next change."""
        await self._changed.wait()

    def request_cancel(self) -> None:
        """Interrupts a wait or a repeatable call; any other call is awaited first, as its answer names the job."""
        if self._cancelling:
            return
        self._cancel = True
        self.publish(replace(self.run, cancel=True))
        if self._interruptible is not None:
            self._interruptible.cancel()

    def take_cancel(self) -> bool:
        """Whether a cancel was requested that is not under way yet; it is from now on."""
        requested, self._cancel = self._cancel, False
        self._cancelling = self._cancelling or requested
        return requested

    def cancel_answered(self) -> None:
        """The provider has answered: from now on another request is another cancel."""
        self._cancelling = False
        self.run = replace(self.run, cancel=False)

    @contextmanager
    def interruptible(self) -> Iterator[anyio.CancelScope]:
        """A cancel request ends the block early."""
        with anyio.CancelScope() as scope:
            self._interruptible = scope
            try:
                yield scope
            finally:
                self._interruptible = None

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Neither a cancel nor the end of this process cuts the block short, but for `give_up_after`."""
        with anyio.CancelScope(shield=True, deadline=self._deadline) as scope:
            self._awaited = scope
            try:
                yield
            finally:
                self._awaited = None

    def give_up_after(self, seconds: float) -> None:
        """This process is ending: an answer that is awaited, now or later, has so many seconds left."""
        self._deadline = anyio.current_time() + seconds
        if self._awaited is not None:
            self._awaited.deadline = self._deadline


async def drive(
    live: Live,
    program: Program,
    store: Store,
    perform: Perform,
    gates: Gates = OPEN,
    limits: RunLimits = UNLIMITED,
) -> None:
    """Drive a run to its end. gates: what each call passes; limits: what the run may take.

    Raises:
        RunLost: another process drives it now.
        ValueError: where it is cannot be written as JSON.
    """
    with Turn(gates) as turn:
        await _drive(live, program, store, perform, turn, limits)


async def _drive(live: Live, program: Program, store: Store, perform: Perform, turn: Turn, limits: RunLimits) -> None:
    state, command = live.run.state, live.run.command
    while not isinstance(command, Done):
        if limit := limits.reached(live.run, state):
            # its job must not run and cost on: the run ends as one that is cancelled does
            turn.give_back()
            state, command = advance(program, replace(state, failed=limit), CancelRequested())
            continue
        queued = _queued(state, command, turn)
        if queued is not None:
            command = Wait(state.step, 0.0)  # after which the same call is asked for again
        if _must_not_be_lost(state, command):
            # a process that is ending starts nothing that it might not see the end of
            await anyio.lowlevel.checkpoint()
        answered = live.run.state.cancel and not state.cancel
        run = _about_to(live.run, state, command, limits.deadline(live.run, state))
        if not _is_recorded(live.run, state, command):
            await _save(store, run, durable=_must_not_be_lost(state, command), cancel_answered=answered)
        live.publish(replace(run, cancel=live.run.cancel))  # asked for while this was recorded
        if answered:
            live.cancel_answered()
        if queued is not None:
            event = await _interruptible(live, limits, partial(_queue, live, queued, turn))
        else:
            event = await _happen(live, state, command, perform, turn, limits)
        if queued is None or not isinstance(event, Woke):
            turn.give_back()
        if event is not None:
            state, command = _doubt(state, command, event) or advance(program, state, event)
    run = replace(live.run, state=state, command=command, updated=time.time(), due=None, outcome=command.outcome)
    await _save(store, run, durable=True)
    live.publish(run)


async def _save(store: Store, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
    """What has happened is recorded, even while this process is ending, and however long the store cannot be written:
    an answer that is known must not be lost, and nothing goes on before it is recorded."""
    for attempt in count():
        with anyio.CancelScope(shield=True):
            try:
                await store.save(run, durable=durable, cancel_answered=cancel_answered)
            except StoreError as error:
                log.error("run %s cannot be recorded and stands still meanwhile: %s", run.id, error)
            else:
                return
        await anyio.sleep(min(0.25 * 2**attempt, 10.0))


def recovered(run: Run) -> Run:
    """A run whose process died, as it can go on: a call that may have been sent and must not be repeated ends it."""
    if isinstance(run.command, CallOperation) and not may_repeat(run.state, run.command):
        return replace(
            run,
            command=Done(_in_doubt(run.command, "the process that sent it ended before an answer was recorded")),
        )
    if isinstance(run.command, CallOperation) and run.state.cancel:
        return replace(run, state=replace(run.state, tries=run.state.tries + 1))
    return run


def _about_to(run: Run, state: State, command: Command, deadline: float) -> Run:
    """The run as it is recorded before a command; a wait that was recorded already keeps its end."""
    now = time.time()
    resumed = isinstance(command, Wait) and command is run.command and run.due is not None
    due = run.due if resumed else min(now + kept_for(command), deadline) if isinstance(command, Wait) else None
    return replace(run, state=state, command=command, updated=now, due=due, held="")


def _is_recorded(run: Run, state: State, command: Command) -> bool:
    """A call that may be repeated and comes straight from a wait: recovery from that wait leads to it by itself."""
    return (
        isinstance(command, CallOperation)
        and isinstance(run.command, Wait)
        and run.due is not None
        and state == run.state
        and may_repeat(state, command)
    )


def _must_not_be_lost(state: State, command: Command) -> bool:
    return isinstance(command, CallOperation) and not may_repeat(state, command)


def _queued(state: State, command: Command, turn: Turn) -> CallOperation | None:
    """A call that must not be repeated and whose turn has not come yet."""
    if not isinstance(command, CallOperation) or may_repeat(state, command) or turn.take_now(command):
        return None
    return command


async def _happen(
    live: Live, state: State, command: Command, perform: Perform, turn: Turn, limits: RunLimits
) -> Event | None:
    """Let a command happen, unless a cancel or the end of the run's time comes first."""
    if not state.cancel and live.take_cancel():
        return CancelRequested()
    if isinstance(command, CallOperation) and (state.cancel or not may_repeat(state, command)):
        return Exchanged(await _awaited_call(live, state, command, perform, turn))
    return await _interruptible(live, limits, partial(_interrupted_by_cancel, live, command, perform, turn))


async def _interruptible(live: Live, limits: RunLimits, happen: Callable[[], Awaitable[Event]]) -> Event | None:
    """What happens, CancelRequested if that comes before, None if the run's time is over before."""
    event: Event | None = None
    left = limits.deadline(live.run, live.run.state) - time.time()
    with live.interruptible() as scope:
        if left < _SOON_SECONDS:
            scope.deadline = anyio.current_time() + left
        event = await happen()
    if scope.cancelled_caught:
        return CancelRequested() if live.take_cancel() else None
    return event


async def _queue(live: Live, call: CallOperation, turn: Turn) -> Event:
    """Nothing but the wait for the turn of a call that is not recorded yet."""
    await _take_turn(live, call, turn, urgent=False)
    return Woke()


async def _take_turn(live: Live, call: CallOperation, turn: Turn, *, urgent: bool) -> None:
    if not turn.take_now(call):
        live.publish(replace(live.run, held=f"waits for its turn at {call.target.source}"))
        await turn.take(call, urgent=urgent)
        live.publish(replace(live.run, held=""))


async def _awaited_call(live: Live, state: State, command: CallOperation, perform: Perform, turn: Turn) -> Exchange:
    await _take_turn(live, command, turn, urgent=state.cancel)
    with live.awaited():
        return await perform(live.run.program, command)
    if state.cancel:
        # ends here with this process: the request is recorded, and sent at the next start
        await anyio.lowlevel.checkpoint()
    return Exchange(failure=Failure("broken", "arazzo-mcp ended before the answer came"))


async def _interrupted_by_cancel(live: Live, command: Command, perform: Perform, turn: Turn) -> Event:
    if isinstance(command, CallOperation):
        await anyio.lowlevel.checkpoint()  # nothing is sent by a process that is ending
        await _take_turn(live, command, turn, urgent=False)
        return Exchanged(await perform(live.run.program, command))
    if isinstance(command, Wait):
        # never longer than was asked for: the wall clock may have been set back since
        await anyio.sleep(min(command.seconds * MOST_SPREAD, max(0.0, (live.run.due or 0.0) - time.time())))
    return Woke()


def _doubt(state: State, command: Command, event: Event) -> tuple[State, Command] | None:
    """A request without an answer that may have reached the provider and must not be repeated."""
    if not isinstance(event, Exchanged) or not isinstance(command, CallOperation):
        return None
    failure = event.exchange.failure
    if failure is None or failure.kind not in _MAY_HAVE_ARRIVED or may_repeat(state, command):
        return None
    return state, Done(_in_doubt(command, failure.message, event.exchange))


def _in_doubt(call: CallOperation, why: str, exchange: Exchange | None = None) -> Outcome:
    what = f"{call.target.operation} of {call.target.source}"
    message = (
        f"step {call.step!r}: {what} may have been received by the provider, but its answer is not known ({why}). "
        "It was not sent again: what it starts may exist and cost money. Look for it at the provider before you start "
        "this workflow again."
    )
    error = {"type": "in_doubt", "step": call.step, "message": message, "request": call.target.operation}
    return Outcome("in_doubt", {}, {**error, "request": f"{exchange.method} {exchange.url}"} if exchange else error)
