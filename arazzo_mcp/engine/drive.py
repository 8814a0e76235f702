"""The loop that drives one run: save what is about to happen, let it happen, advance.

It also owns one policy: what to do about a call that may or may not have reached the provider. Such a call is repeated
when repeating it cannot do harm; any other ends the run as `in_doubt`, and is never sent twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import anyio

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
from arazzo_mcp.engine.run import Perform, Run, Store, may_repeat

_MAY_HAVE_ARRIVED: Final = ("timeout", "broken")


class Live:
    """A run that is driven in this process: its present value, who waits for changes, and a cancel that may come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._changed = anyio.Event()
        self._cancel = run.cancel
        self._interruptible: anyio.CancelScope | None = None
        self._awaited: anyio.CancelScope | None = None

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
        self._cancel = True
        if self._interruptible is not None:
            self._interruptible.cancel()

    def take_cancel(self) -> bool:
        """Whether a cancel was requested since this was last asked."""
        requested, self._cancel = self._cancel, False
        return requested

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
        with anyio.CancelScope(shield=True) as scope:
            self._awaited = scope
            try:
                yield
            finally:
                self._awaited = None

    def give_up_after(self, seconds: float) -> None:
        """This process is ending: an answer that is still awaited has so many seconds left."""
        if self._awaited is not None:
            self._awaited.deadline = anyio.current_time() + seconds


async def drive(live: Live, program: Program, store: Store, perform: Perform) -> None:
    """Drive a run to its end.

    Raises:
        RunLost: another process drives it now.
        StoreError: it cannot be recorded; nothing that is not recorded has been sent.
    """
    state, command = live.run.state, live.run.command
    while not isinstance(command, Done):
        run = _about_to(live.run, state, command)
        if not _is_recorded(live.run, state, command):
            await _save(store, run, durable=_must_not_be_lost(state, command))
        live.publish(run)
        event = await _happen(live, state, command, perform)
        state, command = _doubt(state, command, event) or advance(program, state, event)
    run = replace(live.run, state=state, command=command, updated=time.time(), due=None, outcome=command.outcome)
    await _save(store, run, durable=True)
    live.publish(run)


async def _save(store: Store, run: Run, *, durable: bool) -> None:
    """What has happened is recorded even while this process is ending."""
    with anyio.CancelScope(shield=True):
        await store.save(run, durable=durable)


def recovered(run: Run) -> Run:
    """A run whose process died, as it can go on: a call that may have been sent and must not be repeated ends it."""
    if isinstance(run.command, CallOperation) and not may_repeat(run.state, run.command):
        return replace(
            run,
            command=Done(_in_doubt(run.command, "the process that sent it ended before an answer was recorded")),
        )
    return run


def _about_to(run: Run, state: State, command: Command) -> Run:
    now = time.time()
    resumed = isinstance(command, Wait) and command is run.command and run.due is not None
    due = run.due if resumed else now + command.seconds if isinstance(command, Wait) else None
    return replace(run, state=state, command=command, updated=now, due=due, cancel=run.cancel and not state.remote)


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


async def _happen(live: Live, state: State, command: Command, perform: Perform) -> Event:
    """Let a command happen, unless a cancel comes first."""
    if not state.cancel and live.take_cancel():
        return CancelRequested()
    if isinstance(command, CallOperation) and (state.cancel or not may_repeat(state, command)):
        return Exchanged(await _awaited_call(live, command, perform))
    event: Event = CancelRequested()
    with live.interruptible() as scope:
        event = await _interrupted_by_cancel(live, command, perform)
    if scope.cancelled_caught:
        live.take_cancel()
    return event


async def _awaited_call(live: Live, command: CallOperation, perform: Perform) -> Exchange:
    with live.awaited():
        return await perform(live.run.program, command)
    return Exchange(failure=Failure("broken", "arazzo-mcp ended before the answer came"))


async def _interrupted_by_cancel(live: Live, command: Command, perform: Perform) -> Event:
    if isinstance(command, CallOperation):
        return Exchanged(await perform(live.run.program, command))
    await anyio.sleep(max(0.0, (live.run.due or 0.0) - time.time()))
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
