"""Cancelling a remote job: the call that asks for it, and what the provider's answer means."""

from __future__ import annotations

import re
from typing import Final

from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.command import CallOperation, CancelPlan
from arazzo_mcp.arazzo.expression import Unresolved
from arazzo_mcp.arazzo.scope import Exchange, Scope
from arazzo_mcp.arazzo.state import Remote

_TOO_LATE: Final = re.compile(
    r"already[ _-]?(completed|finished|done|ended|succeeded|failed)|not cancell?able", re.IGNORECASE
)


def cancel_call(plan: CancelPlan, scope: Scope) -> CallOperation | None:
    """The call of a plan, None while not everything that it needs is known."""
    try:
        arguments = arguments_of(plan.parameters, scope)
        body = body_of(plan.body, scope)
    except Unresolved:
        return None
    given = {argument.name for argument in arguments}
    return CallOperation(plan.step, plan.target, arguments, body) if plan.needs <= given else None


def remote_of(exchange: Exchange, said: str) -> Remote:
    """What a provider's answer to a cancel says. Some answer 200 to one that came too late, and say so in words."""
    if exchange.status is None or exchange.status >= 500:
        return "failed"
    if exchange.status < 500 and _TOO_LATE.search(said):
        return "already_completed"
    if 200 <= exchange.status < 300:
        status = exchange.body.get("status", "") if isinstance(exchange.body, dict) else ""
        return "cancelled" if re.fullmatch(r"cancell?ed", str(status), re.IGNORECASE) else "cancel_requested"
    return "failed"
