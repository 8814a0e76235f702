"""Asking again: which requests may be repeated, how patiently, and when nobody knows what has become of one."""

from __future__ import annotations

from arazzo_mcp.arazzo.action import decide
from arazzo_mcp.arazzo.command import REPEATABLE, Done, Outcome, Program
from arazzo_mcp.arazzo.model import Step
from arazzo_mcp.arazzo.patience import TAKEN, is_not_now, patience, precision
from arazzo_mcp.arazzo.performed import verdict_on
from arazzo_mcp.arazzo.present import Advance, present, scope_of, wait
from arazzo_mcp.arazzo.problem import in_doubt
from arazzo_mcp.arazzo.scope import Exchange, Scope
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.submit import takes_key


def may_repeat(program: Program, state: State) -> bool:
    """Whether the present step's request may be sent again."""
    workflow, step = present(program, state)
    target = program.targets.get((workflow.id, step.id))
    return target is not None and (target.method in REPEATABLE or takes_key(target, state))


def patient(state: State, step: Step, exchange: Exchange) -> Advance | None:
    """A request without an answer, or an answer of "not now", to something that may be asked again, in a run that has
    started something already: one lost poll must not lose the job. Asked again a few times, ever more slowly."""
    seconds = patience(state, step.id, exchange)
    if seconds is None:
        return None
    return wait(state.retrying(step.id, TAKEN), seconds, precision(exchange))


def not_now(program: Program, state: State, step: Step, exchange: Exchange, scope: Scope) -> bool:
    """Whether it is to be asked again later. Where a document says itself how often a request is sent that must not be
    repeated, it is sent no more often."""
    if (state.frame.workflow, step.id) not in program.targets:
        return False
    repeatable = may_repeat(program, state)
    return is_not_now(exchange, repeatable=repeatable) and (repeatable or decide(step.on_failure, scope, {}) is None)


def is_met(program: Program, state: State, step: Step, exchange: Exchange) -> bool:
    """Whether an answer makes a step succeed."""
    return exchange.status is not None and verdict_on(step, exchange, scope_of(program, state, exchange)).ok


def ask_again(program: Program, state: State, step: Step, exchange: Exchange) -> Advance:
    """A submit whose answer was lost is asked again with the same key until its fate is known: not before may the
    workflow's actions begin anything else, as its job may exist."""
    unfit = exchange.failure is not None and exchange.failure.kind in ("bind", "refused")
    again = None if unfit else patient(state, step, exchange)
    why = exchange.failure.message if exchange.failure else f"the provider answers {exchange.status}"
    return again or unsure(program, state, why)


def unsure(program: Program, state: State, why: str) -> Advance:
    """The run ends in doubt about the present submit."""
    workflow, step = present(program, state)
    target = program.targets[workflow.id, step.id]
    return state, Done(Outcome("in_doubt", {}, in_doubt(state, target, why)))
