"""Cancelling a remote job: the call that asks for it, and what the provider's answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.command import CallOperation, CancelPlan
from arazzo_mcp.arazzo.model import Workflow
from arazzo_mcp.arazzo.scope import Exchange, Scope
from arazzo_mcp.arazzo.state import Remote
from arazzo_mcp.arazzo.template import Unresolved

_ENDED: Final = re.compile(r"succeeded|completed|finished|failed|already_?(completed|finished)", re.IGNORECASE)
_CANCELLED: Final = re.compile(r"cancell?ed|aborted", re.IGNORECASE)
_TOO_LATE: Final = re.compile(
    r"already[ _-]?(completed?|finished|done|ended|succeeded|failed)|not cancell?able", re.IGNORECASE
)
_WORDS: Final = ("detail", "message", "error", "title", "reason")
_MOST_TRIES: Final = 4


def cancel_calls(plans: Sequence[CancelPlan], workflow: Workflow, step: str, scope: Scope) -> list[CallOperation]:
    """The calls that can be made by now, one for each job, that of the present step first.

    A workflow may have started several jobs, one after the other: the job that the present step looks at comes first,
    then those of later steps, then those of earlier ones, the latest first.
    """
    here = workflow.position(step)
    calls: dict[str, tuple[int, CallOperation]] = {}
    for plan in plans:
        call = _call(plan, scope)
        if call is not None:
            job = repr([(a.name, a.value) for a in call.arguments if a.name in plan.needs])
            behind = workflow.position(plan.step) - here
            distance = behind if behind >= 0 else len(workflow.steps) - behind
            known = calls.get(job)
            calls[job] = (min(distance, known[0]), known[1]) if known else (distance, call)
    return [call for _, call in sorted(calls.values(), key=lambda pair: pair[0])]


def _call(plan: CancelPlan, scope: Scope) -> CallOperation | None:
    """The call of a plan, None while not everything that it needs is known."""
    try:
        arguments = arguments_of(plan.parameters, scope)
        body = body_of(plan.body, scope)
    except Unresolved:
        return None
    given = {argument.name for argument in arguments}
    return CallOperation(plan.step, plan.target, arguments, body) if plan.needs <= given else None


def try_again(exchange: Exchange, tries: int) -> float | None:
    """Seconds after which a cancel is sent again, None where its answer is final: 429, 5xx and no answer are not."""
    transient = exchange.failure is not None and exchange.failure.kind != "bind"
    if exchange.status is not None:
        transient = exchange.status == 429 or exchange.status >= 500
    if not transient or tries >= _MOST_TRIES:
        return None
    return min(exchange.retry_after, 30.0) if exchange.retry_after is not None else 0.5 * 2**tries


def remote_of(exchange: Exchange) -> Remote:
    """What a provider's answer to a cancel says.

    Its own word for the job's state comes first; some answer 200 to a cancel that came too late and say so in words.
    """
    if exchange.status is None or exchange.status >= 500:
        return "failed"
    state = _state(exchange)
    if _ENDED.fullmatch(state) or _TOO_LATE.search(_words(exchange)):
        return "already_completed"
    if not 200 <= exchange.status < 300:
        return "failed"
    return "cancelled" if _CANCELLED.fullmatch(state) else "cancel_requested"


def _state(exchange: Exchange) -> str:
    body = exchange.body if isinstance(exchange.body, dict) else {}
    return str(body.get("status") or body.get("state") or "")


def _words(exchange: Exchange) -> str:
    """What an answer says of itself: never what somebody has put into the job."""
    if isinstance(exchange.body, str):
        return exchange.body[:500]
    body = exchange.body if isinstance(exchange.body, dict) else {}
    return " ".join(str(body[name])[:500] for name in _WORDS if body.get(name))
