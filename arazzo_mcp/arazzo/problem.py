"""What a failed run tells: as data for programs, and in one sentence for people and agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from arazzo_mcp.arazzo.command import Target
from arazzo_mcp.arazzo.criterion import Verdict
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Json, as_text
from arazzo_mcp.arazzo.spoken import message_of
from arazzo_mcp.arazzo.state import State

LIMIT_REACHED: Final = "limit_reached"
"""The type of the problem of a run that has used up what the settings allow one."""


def problem(state: State, kind: str, message: str) -> dict[str, Json]:
    """A problem at the present step."""
    return {"type": kind, "step": state.step, "message": f"step {state.step!r}: {message}"}


def failure(state: State, verdict: Verdict, exchange: Exchange) -> dict[str, Json]:
    """What a failed run tells: the step, the criterion with its values, the HTTP status, the provider's words."""
    said = message_of(None if exchange.body is ABSENT else exchange.body)
    kind = "criterion_failed" if exchange.failure is None else "request_failed"
    found = problem(state, kind, "; ".join(_reasons(verdict, exchange, said)))
    if verdict.criterion:
        found |= {"criterion": verdict.criterion, "values": dict(verdict.values)}
    if exchange.status is not None:
        found |= {"http_status": exchange.status, "request": f"{exchange.method} {exchange.url}"}
    return {**found, "provider": said} if said else found


def in_doubt(state: State, target: Target, why: str) -> dict[str, Json]:
    """A submit with a key that nobody knows the fate of, though it was asked again and again."""
    what = f"{target.operation} of {target.source}"
    message = (
        f"{what} may have been received by the provider, but its answer is not known ({why}). It was sent again with "
        "the same key, in vain: what it starts may exist and cost money. Look for it at the provider before you start "
        "this workflow again."
    )
    return {**problem(state, "in_doubt", message), "request": target.operation}


def _reasons(verdict: Verdict, exchange: Exchange, said: str) -> Iterable[str]:
    if verdict.criterion:
        values = ", ".join(f"{name} is {as_text(value)}" for name, value in verdict.values.items())
        yield f"{verdict.criterion} is not met{f' ({values})' if values else ''}"
    if verdict.why:
        yield verdict.why
    if exchange.status is not None:
        yield f"the provider answered {exchange.status}{f': {said}' if said else ' with no message'}"
