"""Submits: calls whose method may not be repeated, and the key that makes them repeatable all the same.

A provider that takes a key does the work of each key once, however often it is asked. The key of a call is made from
the run's seed, the place of its step, and how many answers that settle the matter the step has had: so it is the same
when a call is repeated after a crash, a lost answer or "not now", and another one when a loop submits again, or after
an answer that refused the request, which some providers would only give once more for the same key.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final
from uuid import UUID

from arazzo_mcp.arazzo.command import Argument, CallOperation, Target
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.arazzo.state import State

MAY_HAVE_ARRIVED: Final = ("timeout", "broken", "refused")
"""The failures after which nobody knows whether the provider has received the request."""

_NOT_SETTLED: Final = frozenset({408, 409, 425, 429})
"""Refusals that say nothing of the request itself: too slow, still at work on the first one, too early, too many."""


def takes_key(target: Target, state: State) -> bool:
    """Whether a call of a run carries a key. Runs of versions before there were keys have no seed."""
    return target.idempotency is not None and state.key != ""


def with_key(call: CallOperation, key: str) -> CallOperation:
    """A call with its key, where its operation takes one: the step's own value where it gives one, else this one."""
    name = call.target.idempotency
    if name is None:
        return call
    own = [a for a in call.arguments if a.location in ("header", "") and a.name.lower() == name.lower()]
    if any(argument.value not in (None, "") for argument in own):
        return replace(call, idempotent=True)
    rest = (argument for argument in call.arguments if argument not in own)
    return replace(call, arguments=(*rest, Argument(name, "header", key)), idempotent=True)


def key_of(state: State) -> str:
    """The key of the present step's call, in the form of a random UUID, which most providers ask for."""
    parts = (state.key, _place(state), str(state.settled.get(_place(state), 0)))
    return str(UUID(bytes=sha256("\n".join(parts).encode()).digest()[:16], version=4))


def after_submit(state: State, target: Target, exchange: Exchange) -> State:
    """The state after the answer to a submit, or after its loss."""
    status, failure = exchange.status, exchange.failure
    if status is not None and status < 400:
        state = replace(state, submits=state.submits + 1)
    if not takes_key(target, state):
        return state
    if status is not None and status < 500 and status not in _NOT_SETTLED:
        return settled(state)
    lost = failure is not None and failure.kind in MAY_HAVE_ARRIVED
    return replace(state, lost=True) if lost else state


def settled(state: State) -> State:
    """The matter of the present submit is settled: what comes next is another one."""
    place = _place(state)
    return replace(state, lost=False, settled={**state.settled, place: state.settled.get(place, 0) + 1})


def _place(state: State) -> str:
    """The present step, with the workflow of each frame that leads to it."""
    return "/".join(f"{frame.workflow}.{frame.step}" for frame in state.frames)
