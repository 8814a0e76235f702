"""Cancelling a remote job: the call that asks for it, and what the provider's answer means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.command import CallOperation, CancelPlan
from arazzo_mcp.arazzo.criterion import judge, looked_at
from arazzo_mcp.arazzo.expression import evaluate
from arazzo_mcp.arazzo.model import Step, Workflow
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Scope
from arazzo_mcp.arazzo.state import Remote
from arazzo_mcp.arazzo.template import Unresolved, expressions_of
from arazzo_mcp.arazzo.upstream import glimpse, word_of

_ENDED: Final = re.compile(r"succeeded|completed|finished|failed|already_?(completed|finished)", re.IGNORECASE)
_CANCELLED: Final = re.compile(r"cancell?ed|aborted", re.IGNORECASE)
_TOO_LATE: Final = re.compile(
    r"already[ _-]?(completed?|finished|done|ended|succeeded|failed)|not cancell?able", re.IGNORECASE
)
_WORDS: Final = ("detail", "message", "error", "title", "reason")
_MOST_TRIES: Final = 4
_GRAVITY: Final = ("nothing_started", "already_completed", "cancelled", "cancel_requested", "unsupported", "failed")


@dataclass(frozen=True, slots=True)
class CancelCall:
    """A cancel that can be sent by now.

    scope: what its step sees; job: what tells its job from others; live: the run has not seen that job's end.
    """

    call: CallOperation
    plan: CancelPlan
    scope: Scope
    job: frozenset[tuple[str, str]]
    live: bool

    def taken(self, exchange: Exchange) -> bool | None:
        """What the success criteria of the workflow's own cancel step say of an answer; None where it has none."""
        if self.plan.own is None or not self.plan.own.success_criteria or exchange.status is None:
            return None
        return judge(self.plan.own.success_criteria, replace(self.scope, exchange=exchange)).ok

    @property
    def reads_the_answer(self) -> bool:
        """Whether those criteria look into the answer's body, so that its words are judged already."""
        criteria = self.plan.own.success_criteria if self.plan.own else ()
        return any(e.root == "response" and e.names[:1] == ("body",) for one in criteria for e in looked_at(one))


def cancel_calls(plans: Sequence[CancelPlan], workflow: Workflow, step: str, scope: Scope) -> list[CancelCall]:
    """The cancels of one workflow that can be sent by now: its own step and nothing else where it has one, else one
    for each job, that of the present step first.

    A workflow may have started several jobs: the job that the present step looks at comes first, then those of later
    steps, which are live as well, then those of earlier ones, the latest first.
    """
    found = [call for plan in plans if (call := _call(plan, scope)) is not None]
    if own := [call for call in found if call.plan.own]:
        return own
    here = workflow.position(step)
    calls: dict[frozenset[tuple[str, str]], tuple[int, CancelCall]] = {}
    for call in found:
        behind = workflow.position(call.plan.step) - here
        distance = behind if behind >= 0 else len(workflow.steps) - behind
        known = calls.setdefault(call.job, (distance, call))
        calls[call.job] = (min(distance, known[0]), known[1])
    ordered = sorted(calls.values(), key=lambda pair: pair[0])
    return [replace(call, live=distance < len(workflow.steps)) for distance, call in ordered]


def in_turn(calls: Iterable[CancelCall]) -> list[CancelCall]:
    """One for each job, those of live jobs first. Of two that differ in how much they stop (a run, or the job that it
    belongs to) the second is only for when the first came too late."""
    kept: list[CancelCall] = []
    for one in sorted(calls, key=lambda call: not call.live):
        if all(one.job != other.job for other in kept):
            part = any(one.job < other.job or other.job < one.job for other in kept)
            kept.append(replace(one, live=one.live and not part))
    return sorted(kept, key=lambda call: not call.live)


def _call(plan: CancelPlan, scope: Scope) -> CancelCall | None:
    """The call of a plan, None while not everything that it needs is known."""
    if plan.own is not None and not _is_known(plan.own, scope):
        return None
    try:
        arguments = arguments_of(plan.parameters, scope)
        body = body_of(plan.body, scope)
    except Unresolved:
        return None
    if not plan.needs <= {argument.name for argument in arguments}:
        return None
    timeout = plan.own.timeout if plan.own else None
    call = CallOperation(plan.step, plan.target, arguments, body, timeout)
    named = [(a.name, repr(a.value)) for a in arguments if a.name in plan.needs]
    return CancelCall(call, plan, scope, frozenset(named or [("", repr((arguments, body)))]), live=True)


def _is_known(step: Step, scope: Scope) -> bool:
    """Whether everything that a cancel step takes from other steps is there: without it, it might stop something
    else."""
    taken = (e for template in step.sent() for e in expressions_of(template) if e.root == "steps")
    return all(evaluate(expression, scope) not in (ABSENT, None) for expression in taken)


def names_its_job(plan: CancelPlan, step: str) -> bool:
    """Whether a plan takes from a step what names its job, so that this step has started it."""
    named = (parameter.value for parameter in plan.parameters if parameter.name in plan.needs)
    taken = (e for template in (plan.own.sent() if plan.own else named) for e in expressions_of(template))
    return any(e.root == "steps" and e.names[0] == step for e in taken)


def try_again(exchange: Exchange, tries: int, asked: CancelCall | None = None) -> float | None:
    """Seconds after which a cancel is sent again, None where its answer is final: 429, 5xx and no answer are not."""
    transient = exchange.failure is not None and exchange.failure.kind != "bind"
    if exchange.status is not None:
        transient = exchange.status == 429 or exchange.status >= 500
    if not transient or tries >= _MOST_TRIES or (asked and asked.taken(exchange)):
        return None
    return min(exchange.retry_after, 30.0) if exchange.retry_after is not None else 0.5 * 2**tries


def remote_of(exchange: Exchange, asked: CancelCall | None = None) -> Remote:
    """What a provider's answer to a cancel says.

    Success criteria of the workflow's own cancel step decide whether it was taken. The provider's word for the job's
    state comes before a mere status code; some answer 200 to a cancel that came too late and say so in words.
    """
    taken = asked.taken(exchange) if asked else None
    if exchange.status is None or (exchange.status >= 500 and not taken):
        return "failed"
    state = str(word_of(glimpse(exchange)) or "")
    is_judged = taken and asked is not None and asked.reads_the_answer
    if not is_judged and (_ENDED.fullmatch(state) or _TOO_LATE.search(_words(exchange))):
        return "already_completed"
    if taken is False or (taken is None and not 200 <= exchange.status < 300):
        return "failed"
    return "cancelled" if _CANCELLED.fullmatch(state) else "cancel_requested"


def both(before: Remote | None, now: Remote, *, live: bool) -> Remote:
    """What became of several jobs, in one word: the one that its owner must hear of. That a job which the run had seen
    the end of is not known any more says nothing of the others."""
    if before is None or (now == "failed" and not live):
        return before or now
    return max(before, now, key=_GRAVITY.index)


def _words(exchange: Exchange) -> str:
    """What an answer says of itself: never what somebody has put into the job."""
    if isinstance(exchange.body, str):
        return exchange.body[:500]
    body = exchange.body if isinstance(exchange.body, dict) else {}
    return " ".join(str(body[name])[:500] for name in _WORDS if body.get(name))
