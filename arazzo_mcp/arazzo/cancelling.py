"""A run that is being cancelled: what it asks of the provider, what an answer means for it, and how it ends.

Too late means that it goes on to the result that is paid for, and to no further submit. Where it goes on, it is the
interpreter that enters its step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.cancel import CancelCall, both, cancel_calls, in_turn, names_its_job, remote_of, try_again
from arazzo_mcp.arazzo.command import OFF, REPEATABLE, Command, Done, Outcome, Program
from arazzo_mcp.arazzo.patience import precision
from arazzo_mcp.arazzo.performed import workflow_outputs
from arazzo_mcp.arazzo.present import Advance, present, scope_of, wait
from arazzo_mcp.arazzo.problem import LIMIT_REACHED
from arazzo_mcp.arazzo.scope import ABSENT, Exchange
from arazzo_mcp.arazzo.spoken import message_of
from arazzo_mcp.arazzo.state import Frame, Remote, State
from arazzo_mcp.arazzo.upstream import glimpse

GRACE_CALLS: Final = 100
"""How many requests a run that has reached a limit may still make for a result that it has paid for."""


def cancel(program: Program, state: State) -> Advance:
    """Ask the provider to stop what the run has started, as far as what that needs is known by now."""
    calls = _calls(program, state)[state.too_late :]
    if calls:
        return replace(state, cancel=True, tries=state.tries + 1), calls[0].call
    remote: Remote = "unsupported" if state.has_begun else "nothing_started"
    return cancelled(program, replace(state, cancel=False, remote=remote))


def _calls(program: Program, state: State) -> list[CancelCall]:
    """Those of the innermost workflow first; those of workflows that gave their place to another one come last."""
    if not state.has_begun or program.cancel_settings.get(state.frames[0].workflow) == OFF:
        return []
    here = [call for frame in reversed(state.frames) for call in _calls_of(program, state, frame)]
    left = [call for frame in reversed(state.left.values()) for call in _calls_of(program, state, frame)]
    return in_turn([*here, *(replace(call, live=False) for call in left)])


def _calls_of(program: Program, state: State, frame: Frame) -> list[CancelCall]:
    scope = scope_of(program, replace(state, frames=(frame,)))
    workflow = program.description.workflows[frame.workflow]
    return cancel_calls(program.cancels.get(frame.workflow, ()), workflow, frame.step, scope)


def after_cancel(program: Program, state: State, exchange: Exchange) -> tuple[State, Command | None]:
    """After the provider's answer to the cancel of one job; those of other live jobs follow. No command where the run
    goes on with its present step: too late for all of them."""
    calls = _calls(program, state)
    asked = calls[state.too_late] if state.too_late < len(calls) else None
    seconds = try_again(exchange, state.tries, asked)
    if seconds is not None:
        return wait(state, seconds, precision(exchange))
    state = _told(state, exchange, asked)
    following = next(iter(calls[state.too_late + 1 :]), None)
    if following is not None and (following.live or state.remote == "already_completed"):
        return cancel(program, replace(state, too_late=state.too_late + 1))
    state = replace(state, cancel=False, too_late=0)
    if state.remote == "already_completed":
        state = _in_grace(state)
        if state.failed is None:
            return state, None
    return cancelled(program, state)


def _told(state: State, exchange: Exchange, asked: CancelCall | None) -> State:
    """The provider's words, after those on the jobs before this one, and what they mean."""
    said = message_of(None if exchange.body is ABSENT else exchange.body)
    words = exchange.failure.message if exchange.failure else f"{exchange.status} {said}".strip()
    is_first = state.too_late == 0
    words = words if is_first else f"{state.upstream.get('cancel', '')}; {words}"
    remote = both(None if is_first else state.remote, remote_of(exchange, asked), live=asked is None or asked.live)
    upstream = {**state.upstream, **glimpse(exchange), "cancel": words}
    # "already completed" may be the answer to a cancel of ours that was taken, and whose own answer was lost
    perhaps = state.tries > 1 or (state.perhaps and not is_first)
    return replace(state, remote=remote, upstream=upstream, tries=0, perhaps=perhaps)


def _in_grace(state: State) -> State:
    """A run that has reached a limit and whose job has ended by itself may fetch its result, once: it is paid for."""
    if state.failed is None or state.failed["type"] != LIMIT_REACHED or state.grace:
        return state
    return replace(state, failed=None, grace=state.calls + GRACE_CALLS)


def is_new_submit(program: Program, state: State) -> bool:
    """Whether the present step would submit something more. What was asked for already goes on: a POST that polls, or
    a retry; but where a job comes from is asked for once, unless its answer was lost."""
    workflow, step = present(program, state)
    target = program.targets.get((workflow.id, step.id))
    if target is None or target.method in REPEATABLE or state.lost:
        return False
    is_known = state.asked == state.step or step.id in (*state.frame.outputs, *state.frame.laps)
    return not is_known or any(names_its_job(plan, step.id) for plan in program.cancels.get(workflow.id, ()))


def cancelled(program: Program, state: State) -> Advance:
    """The end that a cancel makes. A run that had failed stays so unless its job was cancelled; it never goes on. One
    that has reached a limit stays so in any case: nobody has asked for its end."""
    outputs = {}
    if state.frames:
        root = replace(state, frames=state.frames[:1])
        outputs = workflow_outputs(program.description.workflows[root.frame.workflow], scope_of(program, root))
    stopped = state.remote in ("cancelled", "cancel_requested")
    if state.failed is not None and (not stopped or state.failed["type"] == LIMIT_REACHED):
        return state, Done(Outcome("failed", outputs, state.failed))
    return state, Done(Outcome("cancelled", outputs))
