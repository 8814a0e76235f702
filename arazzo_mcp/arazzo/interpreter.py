"""`advance`: the specification's control flow as one pure function.

    state, command = advance(program, state, event)

It asks, never does: a call to be made, a wait to be kept, or that the run is done. It knows no clock, no loop and no
store. Sections of Arazzo 1.1.0 are named where a rule comes from. What it needs stands beside it, and never enters a
step: `present` (where a run is), `performed` (what has come of a step), `frames` and `jumps` (where it goes), `again`
(what is asked once more) and `cancelling`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.action import decide
from arazzo_mcp.arazzo.again import ask_again, is_met, may_repeat, not_now, patient, unsure
from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.cancelling import after_cancel, cancel, cancelled, is_new_submit
from arazzo_mcp.arazzo.change import changed
from arazzo_mcp.arazzo.command import (
    REPEATABLE,
    CallOperation,
    CancelRequested,
    Done,
    Event,
    Exchanged,
    Outcome,
    Program,
    Resumed,
    Started,
    Woke,
)
from arazzo_mcp.arazzo.criterion import Verdict, judge
from arazzo_mcp.arazzo.frames import TooDeep, anew, called, popped, pushed, with_given
from arazzo_mcp.arazzo.jumps import gone, retried
from arazzo_mcp.arazzo.model import End, Goto, Retry, Step, Workflow, WorkflowId
from arazzo_mcp.arazzo.patience import NOT_NOW, TAKEN, is_lost
from arazzo_mcp.arazzo.performed import inputs_from, outputs_of, verdict_on
from arazzo_mcp.arazzo.present import Advance, is_completed, present, scope_of, seconds_for
from arazzo_mcp.arazzo.problem import failure, problem
from arazzo_mcp.arazzo.scope import Ended, Exchange, Json, Scope
from arazzo_mcp.arazzo.state import THEN, State
from arazzo_mcp.arazzo.submit import after_submit, key_of, settled, takes_key, with_key
from arazzo_mcp.arazzo.template import Unresolved
from arazzo_mcp.arazzo.upstream import told

_KINDS: Final = {Unresolved: "unresolved_expression", TooDeep: "too_deep"}
"""The types of the problems for which a step cannot go on."""


def advance(program: Program, state: State, event: Event) -> Advance:
    """What a run does next, given what just happened."""
    try:
        return _advanced(program, state, event)
    except RecursionError:
        why = "workflows call one another without an end and without a request"
        return state, Done(Outcome("failed", {}, {"type": "too_deep", "step": state.step, "message": why}))


def _advanced(program: Program, state: State, event: Event) -> Advance:
    match event:
        case Started(workflow, inputs, given):
            state = pushed(program, state, workflow, inputs, returns="step")
            return _enter(program, with_given(program, state, given))
        case Resumed(given):
            return _enter(program, with_given(program, anew(state), given))
        case Exchanged(exchange) if state.cancel:
            state, command = after_cancel(program, state.answered(exchange), exchange)
            return (state, command) if command is not None else _enter(program, state)
        case Exchanged(exchange):
            state = state.answered(exchange, told(state.upstream, exchange))
            return _after_call(program, state.spending(exchange.seconds), exchange)
        case Woke() if state.cancel:
            return cancel(program, state)
        case Woke():
            return _in_time(program, state) or _enter(program, state)
        case CancelRequested():
            return cancel(program, state)


# --- entering a step


def _enter(program: Program, state: State) -> Advance:
    """Ask for what the present step does: an API call, or another workflow."""
    workflow, step = present(program, state)
    if step.id in state.frame.given:
        return _pass_by(program, state, workflow, step)
    if state.remote == "already_completed" and is_new_submit(program, state):
        if not state.grace:
            return cancelled(program, state)
        state = replace(state, grace=state.calls)  # what is paid for is here: its limit holds again
    needed = next((name for name in workflow.depends_on if not state.has_completed(name)), None)
    if needed is None and (unmet := [awaited for awaited in step.depends_on if not is_completed(state, awaited)]):
        which = ", ".join(repr(awaited.step) for awaited in unmet)
        return _end(program, state, problem(state, "dependency_not_met", f"it depends on {which}, not yet completed"))
    try:
        if needed is not None:
            entered = called(program, state, needed, state.frame.inputs, returns="retry")
        elif isinstance(step.call, WorkflowId):
            inputs = inputs_from(step.parameters, scope_of(program, state))
            entered = called(program, state, step.call.name, inputs, returns="step", left=step.timeout)
        else:
            return state, _call(program, state, workflow, step)
    except (Unresolved, TooDeep) as error:
        return _cannot(program, state, error)
    return _enter(program, entered)


def _call(program: Program, state: State, workflow: Workflow, step: Step) -> CallOperation:
    scope = scope_of(program, state)
    target = program.targets[workflow.id, step.id]
    arguments, body = arguments_of(step.parameters, scope), body_of(step.body, scope)
    call = CallOperation(state.step, target, arguments, body, seconds_for(step, state))
    return with_key(call, key_of(state)) if takes_key(target, state) else call


def _pass_by(program: Program, state: State, workflow: Workflow, step: Step) -> Advance:
    """A step whose outputs were given is passed by once; a jump back to it performs it."""
    left = tuple(name for name in state.frame.given if name != step.id)
    state = state.with_frame(replace(state.frame, given=left))
    return _back(program, state, step) or _onward(program, state, workflow, step)


def _back(program: Program, state: State, step: Step) -> Advance | None:
    """After a step that a retry has gone to first: the one that is to be retried, or the next before it."""
    if state.frame.back is None:
        return None
    here, _, rest = state.frame.back.partition(THEN)
    return _enter(program, state.leaving(step.id, here).at(here, back=rest or None))


def _onward(program: Program, state: State, workflow: Workflow, step: Step) -> Advance:
    """The next step in the order of the document, or the end."""
    following = workflow.after(step.id)
    return _enter(program, state.leaving(step.id, following.id)) if following else _end(program, state)


# --- after a step


def _after_call(program: Program, state: State, exchange: Exchange) -> Advance:
    workflow, step = present(program, state)
    target = program.targets[workflow.id, step.id]
    if target.method not in REPEATABLE:
        state = after_submit(state, target, exchange)
    if state.lost:
        if not is_met(program, state, step, exchange):
            return ask_again(program, state, step, exchange)
        state = settled(state)
    overdue = exchange.failure is not None and exchange.failure.kind == "timeout" and step.timeout is not None
    may_wait = may_repeat(program, state) and state.calls + state.submits > 1
    if is_lost(exchange) and not overdue and may_wait:
        if (again := patient(state, step, exchange)) is not None:
            return again
    elif exchange.status not in NOT_NOW:
        state = state.forgiving(step.id, TAKEN)
    if late := _in_time(program, state):
        return late
    scope = scope_of(program, state, exchange)
    return _conclude(program, state, verdict_on(step, exchange, scope), scope)


def _in_time(program: Program, state: State) -> Advance | None:
    """Step Object, `timeout`: a workflow that takes longer than the step that called it allows fails that step."""
    at = next((at for at, frame in enumerate(state.frames) if frame.left is not None and frame.left <= 0), None)
    if at is None:
        return None
    if state.lost:
        return unsure(program, state, "the time that its workflow has is over")
    below = replace(state, frames=state.frames[:at])
    _, step = present(program, below)
    late = problem(below, "timeout", f"it did not complete within its timeout of {step.timeout:g} s")
    return _after_workflow(program, below, Ended({}, {}), late)


def _after_workflow(program: Program, state: State, ended: Ended, trouble: dict[str, Json] | None) -> Advance:
    _, step = present(program, state)
    scope = scope_of(program, state, child=ended)
    verdict = judge(step.success_criteria, scope) if trouble is None else Verdict(False, why=str(trouble["message"]))
    return _conclude(program, state, verdict, scope, ended, trouble)


def _conclude(
    program: Program,
    state: State,
    verdict: Verdict,
    scope: Scope,
    child: Ended | None = None,
    trouble: dict[str, Json] | None = None,
) -> Advance:
    """Record the outputs of a step that was performed, and take the action that applies. scope: what the criteria of
    the step have seen."""
    workflow, step = present(program, state)
    state = state.with_outputs(step.id, outputs_of(step, scope, verdict.ok, child))
    if verdict.ok and (workflow.id, step.id) in program.description.awaited:
        state = state.with_completed(step.id)
    if verdict.ok and (back := _back(program, state, step)) is not None:
        return back
    exchange, scope = scope.exchange, changed(scope, steps=state.frame.outputs)
    actions = step.on_success if verdict.ok else step.on_failure
    match decide(actions, scope, state.retries_of(step.id)):
        case None if verdict.ok:
            return _onward(program, state, workflow, step)
        case End() if verdict.ok:
            return _end(program, state)
        case None if not_now(program, state, step, exchange, scope) and (again := patient(state, step, exchange)):
            return again
        case None | End():
            return _end(program, state, trouble or failure(state, verdict, exchange))
        case Goto() | Retry() as action:
            return _jump(program, state, action, exchange, succeeded=verdict.ok)


def _jump(program: Program, state: State, action: Goto | Retry, exchange: Exchange, *, succeeded: bool) -> Advance:
    try:
        if isinstance(action, Retry):
            return retried(program, state, action, exchange, succeeded=succeeded)
        there, pause = gone(program, state, action, exchange)
    except (Unresolved, TooDeep) as error:
        return _cannot(program, state, error)
    return _enter(program, there) if pause is None else (there, pause)


# --- the end of a workflow


def _cannot(program: Program, state: State, error: Unresolved | TooDeep) -> Advance:
    """The present workflow ends at a step that cannot go on."""
    return _end(program, state, problem(state, _KINDS[type(error)], str(error)))


def _end(program: Program, state: State, trouble: dict[str, Json] | None = None) -> Advance:
    """The present workflow ends, and with it the run, or the step that called it goes on."""
    below, ended = popped(program, state, unfinished=trouble is not None)
    if not below.frames and trouble is not None and state.perhaps and state.remote == "already_completed":
        return replace(state, remote="cancel_requested"), Done(Outcome("cancelled", ended.outputs))
    if not below.frames:
        return state, Done(Outcome("completed" if trouble is None else "failed", ended.outputs, trouble))
    if trouble is not None and state.frame.returns == "retry":
        return _end(program, below, trouble)
    if state.frame.returns == "retry":
        return _enter(program, below)
    return _after_workflow(program, below, ended, trouble)
