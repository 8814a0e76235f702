"""The loop that drives one run: save what is about to happen, let it happen, advance. It stops at a long wait, so that
a run that sleeps costs a timer and no task.

It also owns one policy: what to do about a call that may or may not have reached the provider. Such a call is repeated
when repeating it cannot do harm; any other ends the run as `in_doubt`, and is never sent twice.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from arazzo_mcp.engine.rest import Rest
from arazzo_mcp.engine.run import Perform, Run, Store, may_repeat
from arazzo_mcp.errors import StoreError

log = logging.getLogger(__name__)

_LONG_SECONDS: Final = 2.0
"""A wait that is longer is slept without a task."""

_MAY_HAVE_ARRIVED: Final = ("timeout", "broken")


class Live:
    """A run that is driven in this process: its present value, who waits for changes, and a cancel that may come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rest = Rest()
        self._changed: anyio.Event | None = None
        self._cancelling = run.state.cancel
        self._cancel = run.cancel and not run.state.cancel
        self._interruptible: anyio.CancelScope | None = None
        self._awaited: anyio.CancelScope | None = None
        self._deadline = math.inf

    def publish(self, run: Run) -> None:
        """The run is here now: tell everybody who waits, unless it only does what was to be done next."""
        before, self.run = self.run, run
        if run.state is not before.state or run.cancel != before.cancel or run.ended:
            self.tell()

    def tell(self) -> None:
        """Let everybody who waits look at it."""
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def changed(self) -> None:
        """Return at the next change."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def request_cancel(self) -> None:
        """Interrupts a wait or a repeatable call; any other call is awaited first, as its answer names the job."""
        if self._cancelling:
            return
        self._cancel = True
        self.publish(replace(self.run, cancel=True))
        self.rest.end()
        if self._interruptible is not None:
            self._interruptible.cancel()

    def may_sleep(self) -> float | None:
        """The seconds of a long wait that has just begun, unless it is to be cancelled."""
        seconds = _left(self.run)
        return seconds if seconds > _LONG_SECONDS and not self._cancel else None

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


async def drive(live: Live, program: Program, store: Store, perform: Perform) -> float | None:
    """Drive a run to its end, or to a long wait: after so many seconds, or when it is cancelled, it is to be driven on.

    Raises:
        RunLost: another process drives it now.
        ValueError: where it is cannot be written as JSON.
    """
    state, command = live.run.state, live.run.command
    while not isinstance(command, Done):
        if _must_not_be_lost(state, command):
            # a process that is ending starts nothing that it might not see the end of
            await anyio.lowlevel.checkpoint()
        answered = live.run.state.cancel and not state.cancel
        run = _about_to(live.run, state, command)
        if not _is_recorded(live.run, state, command):
            await _save(store, run, durable=_must_not_be_lost(state, command), cancel_answered=answered)
        # a cancel may have been asked for while this was recorded
        live.publish(run if run.cancel == live.run.cancel else replace(run, cancel=live.run.cancel))
        if answered:
            live.cancel_answered()
        if (seconds := live.may_sleep()) is not None:
            return seconds
        event = await _happen(live, state, command, perform)
        state, command = _doubt(state, command, event) or advance(program, state, event)
    run = replace(live.run, state=state, command=command, updated=time.time(), due=None, outcome=command.outcome)
    await _save(store, run, durable=True)
    live.publish(run)
    return None


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


def _about_to(run: Run, state: State, command: Command) -> Run:
    """The run as it is recorded before a command; a wait that was recorded already keeps its end."""
    now = time.time()
    resumed = isinstance(command, Wait) and command is run.command and run.due is not None
    due = run.due if resumed else now + command.seconds if isinstance(command, Wait) else None
    return replace(run, state=state, command=command, updated=now, due=due)


def _left(run: Run) -> float:
    """The seconds of a wait that are left, never more than was asked for: the clock may have been set back since."""
    wait = run.command
    return min(wait.seconds, max(0.0, (run.due or 0.0) - time.time())) if isinstance(wait, Wait) else 0.0


def _is_recorded(run: Run, state: State, command: Command) -> bool:
    """A wait with which a run is driven first, or driven on; or a call that may be repeated and comes straight from a
    wait: recovery from that wait leads to it by itself."""
    return (isinstance(command, Wait) and command is run.command) or (
        isinstance(command, CallOperation)
        and isinstance(run.command, Wait)
        and run.due is not None
        and state == run.state
        and may_repeat(state, command)
    )


def _must_not_be_lost(state: State, command: Command) -> bool:
    return isinstance(command, CallOperation) and not may_repeat(state, command)


async def _happen(live: Live, state: State, command: CallOperation | Wait, perform: Perform) -> Event:
    """Let a command happen, unless a cancel comes first."""
    if not state.cancel and live.take_cancel():
        return CancelRequested()
    if isinstance(command, CallOperation) and (state.cancel or not may_repeat(state, command)):
        return Exchanged(await _awaited_call(live, state, command, perform))
    if isinstance(command, Wait):
        await live.rest.keep(_left(live.run))
        return CancelRequested() if live.take_cancel() else Woke()
    event: Event = CancelRequested()
    with live.interruptible() as scope:
        event = await _interrupted_by_cancel(live, command, perform)
    if scope.cancelled_caught:
        live.take_cancel()
    return event


async def _awaited_call(live: Live, state: State, command: CallOperation, perform: Perform) -> Exchange:
    with live.awaited():
        return await perform(live.run.program, command)
    if state.cancel:
        # ends here with this process: the request is recorded, and sent at the next start
        await anyio.lowlevel.checkpoint()
    return Exchange(failure=Failure("broken", "arazzo-mcp ended before the answer came"))


async def _interrupted_by_cancel(live: Live, command: CallOperation, perform: Perform) -> Event:
    await anyio.lowlevel.checkpoint_if_cancelled()  # nothing is sent by a process that is ending
    return Exchanged(await perform(live.run.program, command))


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
