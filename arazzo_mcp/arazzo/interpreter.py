"""`advance`: the specification's control flow as one pure function.

    state, command = advance(program, state, event)

It asks, never does: a call to be made, a wait to be kept, or that the run is done. It knows no clock, no loop and no
store. Sections of Arazzo 1.1.0 are named where a rule comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.action import decide
from arazzo_mcp.arazzo.attach import may_submit
from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.cancel import CancelCall, both, cancel_calls, in_turn, names_its_job, remote_of, try_again
from arazzo_mcp.arazzo.command import (
    OFF,
    REPEATABLE,
    CallOperation,
    CancelRequested,
    Command,
    Done,
    Event,
    Exchanged,
    Outcome,
    Precision,
    Program,
    Resumed,
    Started,
    Wait,
    Woke,
)
from arazzo_mcp.arazzo.criterion import PASSED, Verdict, judge
from arazzo_mcp.arazzo.model import (
    End,
    Goto,
    Parameter,
    Retry,
    Step,
    StepId,
    StepReference,
    Workflow,
    WorkflowId,
)
from arazzo_mcp.arazzo.patience import (
    MOST_RETRY_AFTER,
    NOT_NOW,
    TAKEN,
    believed,
    is_lost,
    is_not_now,
    patience,
    precision,
)
from arazzo_mcp.arazzo.problem import LIMIT_REACHED, failure, in_doubt, problem
from arazzo_mcp.arazzo.scope import ABSENT, Ended, Exchange, Json, Scope
from arazzo_mcp.arazzo.spoken import message_of
from arazzo_mcp.arazzo.state import THEN, Frame, Remote, State
from arazzo_mcp.arazzo.submit import after_submit, key_of, settled, takes_key, with_key
from arazzo_mcp.arazzo.template import Unresolved, fill
from arazzo_mcp.arazzo.upstream import glimpse, told

MOST_FRAMES: Final = 16
"""How deep workflows may call one another before the run is stopped as endless."""

GRACE_CALLS: Final = 100
"""How many requests a run that has reached a limit may still make for a result that it has paid for."""

Advance = tuple[State, Command]


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
            state = _pushed(program, state, workflow, inputs, returns="step")
            return _enter(program, _with_given(program, state, given))
        case Resumed(given):
            return _enter(program, _with_given(program, _anew(state), given))
        case Exchanged(exchange) if state.cancel:
            return _after_cancel(program, state.answered(exchange), exchange)
        case Exchanged(exchange):
            state = replace(state.answered(exchange), upstream=told(state.upstream, exchange))
            return _after_call(program, state.spending(exchange.seconds), exchange)
        case Woke() if state.cancel:
            return _cancel(program, state)
        case Woke():
            return _in_time(program, state) or _enter(program, state)
        case CancelRequested():
            return _cancel(program, state)


# --- entering a step


def _enter(program: Program, state: State) -> Advance:
    """Ask for what the present step does: an API call, or another workflow."""
    workflow, step = _present(program, state)
    if step.id in state.frame.given:
        return _pass_by(program, state, workflow, step)
    if state.remote == "already_completed" and _is_new_submit(program, state):
        if not state.grace:
            return _cancelled(program, state)
        state = replace(state, grace=state.calls)  # what is paid for is here: its limit holds again
    needed = next((name for name in workflow.depends_on if not state.has_completed(name)), None)
    if needed is not None:
        return _call_workflow(program, state, needed, state.frame.inputs, returns="retry")
    if unmet := [awaited for awaited in step.depends_on if not _is_completed(state, awaited)]:
        which = ", ".join(repr(awaited.step) for awaited in unmet)
        return _end(program, state, problem(state, "dependency_not_met", f"it depends on {which}, not yet completed"))
    scope = _scope(program, state)
    try:
        if isinstance(step.call, WorkflowId):
            inputs = _given(step.parameters, scope)
            return _call_workflow(program, state, step.call.name, inputs, returns="step", left=step.timeout)
        arguments = arguments_of(step.parameters, scope)
        body = body_of(step.body, scope)
    except Unresolved as missing:
        return _end(program, state, problem(state, "unresolved_expression", str(missing)))
    target = program.targets[workflow.id, step.id]
    call = CallOperation(state.step, target, arguments, body, _seconds(step, state))
    return state, with_key(call, key_of(state)) if takes_key(target, state) else call


def _is_new_submit(program: Program, state: State) -> bool:
    """Whether the present step would submit something more. What was asked for already goes on: a POST that polls, or
    a retry; but where a job comes from is asked for once, unless its answer was lost."""
    workflow, step = _present(program, state)
    target = program.targets.get((workflow.id, step.id))
    if target is None or target.method in REPEATABLE or state.lost:
        return False
    is_known = state.asked == state.step or step.id in (*state.frame.outputs, *state.frame.laps)
    return not is_known or any(names_its_job(plan, step.id) for plan in program.cancels.get(workflow.id, ()))


def _with_given(program: Program, state: State, given: Mapping[str, dict[str, Json]]) -> State:
    """With steps of the present workflow that were performed elsewhere: their outputs are known, and what they have
    started can be cancelled."""
    workflow, present = _present(program, state)
    for name in given:
        state = state.with_outputs(name, given[name])
        if (workflow.id, name) in program.description.awaited:
            state = state.with_completed(name)
    ahead = tuple(name for name in given if workflow.position(name) >= workflow.position(present.id))
    submits = sum(may_submit(program, workflow, workflow.step(name)) for name in given)
    return replace(state.with_frame(replace(state.frame, given=ahead)), submits=state.submits + submits)


def _anew(state: State) -> State:
    """Where an ended run stands, without what its attempts, its last request and its cancel have left."""
    frame = replace(state.frame, retries={}, laps={})
    asked = replace(state.with_frame(frame), calls=0, attempts=0, upstream={}, failed=None)
    return replace(asked, cancel=False, tries=0, too_late=0, remote=None, perhaps=False, lost=False)


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


def _is_completed(state: State, awaited: StepReference) -> bool:
    """Step Object, `dependsOn`: "only establishes a prerequisite relationship ... and does not trigger execution"."""
    if awaited.workflow is None:
        return awaited.step in state.frame.completed
    ended = state.ended.get(awaited.workflow)
    return ended is not None and awaited.step in ended.completed


def _seconds(step: Step, state: State) -> float | None:
    """Step Object, `timeout`: what is left for a call of its own step's time, and of those that called the workflow."""
    return min((limit for limit in (step.timeout, state.time_left()) if limit is not None), default=None)


def _call_workflow(
    program: Program,
    state: State,
    workflow_id: str,
    inputs: dict[str, Json],
    *,
    returns: str,
    after: float | None = None,
    left: float | None = None,
) -> Advance:
    if len(state.frames) >= MOST_FRAMES:
        why = f"workflows call one another more than {MOST_FRAMES} deep"
        return _end(program, state, problem(state, "too_deep", why))
    state = _pushed(program, state, workflow_id, inputs, returns=returns, left=left)
    return _enter(program, state) if after is None else _wait(state, after)


def _pushed(
    program: Program,
    state: State,
    workflow_id: str,
    inputs: dict[str, Json],
    *,
    returns: str,
    left: float | None = None,
    instead_of: tuple[str, ...] = (),
) -> State:
    """At the first step of a workflow, within the present one."""
    workflow = program.description.workflows[workflow_id]
    frame = Frame(
        workflow_id,
        workflow.steps[0].id,
        {**workflow.defaults(), **inputs},
        returns="retry" if returns == "retry" else "step",
        left=left,
        instead_of=instead_of,
    )
    return replace(state, frames=(*state.frames, frame))


def _given(parameters: Iterable[Parameter], scope: Scope) -> dict[str, Json]:
    """ "all parameters map to workflow inputs"."""
    return {p.name: v for p in parameters if (v := fill(p.value, scope)) is not ABSENT}


# --- after a step


def _after_call(program: Program, state: State, exchange: Exchange) -> Advance:
    workflow, step = _present(program, state)
    target = program.targets[workflow.id, step.id]
    if target.method not in REPEATABLE:
        state = after_submit(state, target, exchange)
    if state.lost:
        if not _is_met(program, state, step, exchange):
            return _ask_again(program, state, step, exchange)
        state = settled(state)
    overdue = exchange.failure is not None and exchange.failure.kind == "timeout" and step.timeout is not None
    may_wait = _may_repeat(program, state) and state.calls + state.submits > 1
    if is_lost(exchange) and not overdue and may_wait:
        if (patient := _patient(state, step, exchange)) is not None:
            return patient
    elif exchange.status not in NOT_NOW:
        state = state.forgiving(step.id, TAKEN)
    if late := _in_time(program, state):
        return late
    scope = _scope(program, state, exchange)
    return _conclude(program, state, _verdict(step, exchange, scope), scope)


def _may_repeat(program: Program, state: State) -> bool:
    workflow, step = _present(program, state)
    target = program.targets.get((workflow.id, step.id))
    return target is not None and (target.method in REPEATABLE or takes_key(target, state))


def _is_met(program: Program, state: State, step: Step, exchange: Exchange) -> bool:
    return exchange.status is not None and _verdict(step, exchange, _scope(program, state, exchange)).ok


def _ask_again(program: Program, state: State, step: Step, exchange: Exchange) -> Advance:
    """A submit whose answer was lost is asked again with the same key until its fate is known: not before may the
    workflow's actions begin anything else, as its job may exist."""
    unfit = exchange.failure is not None and exchange.failure.kind in ("bind", "refused")
    again = None if unfit else _patient(state, step, exchange)
    why = exchange.failure.message if exchange.failure else f"the provider answers {exchange.status}"
    return again or _unsure(program, state, why)


def _unsure(program: Program, state: State, why: str) -> Advance:
    """The run ends in doubt about the present submit."""
    workflow, step = _present(program, state)
    target = program.targets[workflow.id, step.id]
    return state, Done(Outcome("in_doubt", {}, in_doubt(state, target, why)))


def _in_time(program: Program, state: State) -> Advance | None:
    """Step Object, `timeout`: a workflow that takes longer than the step that called it allows fails that step."""
    at = next((at for at, frame in enumerate(state.frames) if frame.left is not None and frame.left <= 0), None)
    if at is None:
        return None
    if state.lost:
        return _unsure(program, state, "the time that its workflow has is over")
    below = replace(state, frames=state.frames[:at])
    _, step = _present(program, below)
    late = problem(below, "timeout", f"it did not complete within its timeout of {step.timeout:g} s")
    return _after_workflow(program, below, Ended({}, {}), late)


def _patient(state: State, step: Step, exchange: Exchange) -> Advance | None:
    """A request without an answer, or an answer of "not now", to something that may be asked again, in a run that has
    started something already: one lost poll must not lose the job. Asked again a few times, ever more slowly."""
    seconds = patience(state, step.id, exchange)
    if seconds is None:
        return None
    return _wait(state.retrying(step.id, TAKEN), seconds, precision(exchange))


def _verdict(step: Step, exchange: Exchange, scope: Scope) -> Verdict:
    """All success criteria must hold; without criteria a 2xx answer is a success."""
    if exchange.failure is not None:
        return Verdict(False, why=exchange.failure.message)
    if step.success_criteria:
        return judge(step.success_criteria, scope)
    ok = exchange.status is not None and 200 <= exchange.status < 300
    return PASSED if ok else Verdict(False, "$statusCode is 2xx", {"$statusCode": exchange.status})


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
    workflow, step = _present(program, state)
    state = state.with_outputs(step.id, _outputs(step, scope, verdict.ok, child))
    if verdict.ok and (workflow.id, step.id) in program.description.awaited:
        state = state.with_completed(step.id)
    if verdict.ok and (back := _back(program, state, step)) is not None:
        return back
    exchange, scope = scope.exchange, replace(scope, steps=state.frame.outputs)
    actions = step.on_success if verdict.ok else step.on_failure
    match decide(actions, scope, state.retries_of(step.id)):
        case None if verdict.ok:
            return _onward(program, state, workflow, step)
        case End() if verdict.ok:
            return _end(program, state)
        case None if _not_now(program, state, step, exchange, scope) and (again := _patient(state, step, exchange)):
            return again
        case None | End():
            return _end(program, state, trouble or failure(state, verdict, exchange))
        case Goto() as goto:
            return _goto(program, state, step, goto, exchange)
        case Retry() as retry:
            return _retry(program, state, step, retry, exchange, succeeded=verdict.ok)


def _not_now(program: Program, state: State, step: Step, exchange: Exchange, scope: Scope) -> bool:
    """Whether it is to be asked again later. Where a document says itself how often a request is sent that must not be
    repeated, it is sent no more often."""
    if (state.frame.workflow, step.id) not in program.targets:
        return False
    repeatable = _may_repeat(program, state)
    return is_not_now(exchange, repeatable=repeatable) and (repeatable or decide(step.on_failure, scope, {}) is None)


def _outputs(step: Step, scope: Scope, ok: bool, child: Ended | None) -> dict[str, Json]:
    """Step Object, `outputs`. Of a step that succeeded a value that is not there is null; of one that failed only what
    is there is kept, so that an error answer never wipes out an earlier value."""
    if child is not None and not step.outputs:
        return dict(child.outputs)
    produced = {}
    for name, template in step.outputs.items():
        try:
            value = fill(template, scope)
        except Unresolved:
            value = ABSENT
        if value is not ABSENT or ok:
            produced[name] = None if value is ABSENT else value
    return produced


def _goto(program: Program, state: State, step: Step, goto: Goto, exchange: Exchange) -> Advance:
    if isinstance(goto.target, WorkflowId):
        return _transfer(program, state, goto.target, goto.parameters, exchange)
    workflow, _ = _present(program, state)
    target = goto.target.name
    if workflow.position(target) > workflow.position(step.id):
        return _enter(program, state.leaving(step.id, target))
    seconds = _paced(program, state.frame.laps.get(target, 0), exchange)
    return _wait(state.leaving(step.id, target, lap=True), seconds, precision(exchange))


def _paced(program: Program, lap: int, exchange: Exchange) -> float:
    asked = believed(exchange)
    return program.pace.delay(lap) if asked is None else asked


def _transfer(
    program: Program, state: State, target: WorkflowId, parameters: tuple[Parameter, ...], exchange: Exchange
) -> Advance:
    """ "goto - A one-way transfer of workflow control": the other workflow takes this one's place and its inputs.
    Going to one that was there before is a jump back, and is paced like one."""
    scope = _scope(program, state, exchange)
    try:
        given = _given(parameters, scope)
    except Unresolved as missing:
        return _end(program, state, problem(state, "unresolved_expression", str(missing)))
    frame = state.frame
    transfers = {frame.workflow: 0} | state.transfers
    back, lap = target.name in transfers, transfers.get(target.name, 0)
    transfers[target.name] = lap + back
    left = {**state.left, frame.workflow: frame}
    produced = _workflow_outputs(program.description.workflows[frame.workflow], _scope(program, state))
    so_far = {**state.ended, frame.workflow: Ended(frame.inputs, produced, frame.completed, unfinished=True)}
    below = replace(state, frames=state.frames[:-1], transfers=transfers, left=left, ended=so_far)
    inputs, before = {**frame.inputs, **given}, (*frame.instead_of, frame.workflow)
    instead_of = tuple(name for name in dict.fromkeys(before) if name != target.name)
    entered = _pushed(
        program, below, target.name, inputs, returns=frame.returns, left=frame.left, instead_of=instead_of
    )
    if not back:
        return _enter(program, entered)
    return _wait(entered, _paced(program, lap, exchange), precision(exchange))


def _retry(program: Program, state: State, step: Step, retry: Retry, exchange: Exchange, *, succeeded: bool) -> Advance:
    """ "The current step will be retried ... If a `stepId` or `workflowId` are specified, then the reference is
    executed and the context is returned, after which the current step is retried." Among success actions the named
    step itself is what runs again."""
    state = state.retrying(step.id, retry.name)
    exact: Precision = "exact" if exchange.retry_after is None else "least"
    seconds = retry.after or 0.0
    if exchange.retry_after is not None:
        seconds = min(exchange.retry_after, MOST_RETRY_AFTER)
    match retry.first:
        case StepId(name) if name != step.id:
            back = THEN.join(filter(None, (step.id, state.frame.back)))
            return _wait(state.at(name, back=None if succeeded else back), seconds, exact)
        case WorkflowId(name):
            try:
                given = _given(retry.parameters, _scope(program, state, exchange))
            except Unresolved as missing:
                return _end(program, state, problem(state, "unresolved_expression", str(missing)))
            inputs = {**state.frame.inputs, **given}
            return _call_workflow(program, state, name, inputs, returns="retry", after=seconds)
        case _:
            return _wait(state, seconds, exact)


def _wait(state: State, seconds: float, precision: Precision = "exact") -> Advance:
    left = state.time_left()
    seconds = seconds if left is None else max(0.0, min(seconds, left))
    return state.spending(seconds), Wait(state.step, seconds, precision)


def _end(program: Program, state: State, trouble: dict[str, Json] | None = None) -> Advance:
    """The present workflow ends, and with it the run, or the step that called it goes on."""
    frame = state.frame
    workflow = program.description.workflows[frame.workflow]
    outputs = _workflow_outputs(workflow, _scope(program, state))
    ended = Ended(frame.inputs, outputs, frame.completed, unfinished=trouble is not None)
    now = dict.fromkeys((*frame.instead_of, workflow.id), ended)
    below = replace(state, frames=state.frames[:-1], ended={**state.ended, **now})
    if not below.frames and trouble is not None and state.perhaps and state.remote == "already_completed":
        return replace(state, remote="cancel_requested"), Done(Outcome("cancelled", ended.outputs))
    if not below.frames:
        return state, Done(Outcome("completed" if trouble is None else "failed", ended.outputs, trouble))
    if trouble is not None and frame.returns == "retry":
        return _end(program, below, trouble)
    if frame.returns == "retry":
        return _enter(program, below)
    return _after_workflow(program, below, ended, trouble)


def _after_workflow(program: Program, state: State, ended: Ended, trouble: dict[str, Json] | None) -> Advance:
    _, step = _present(program, state)
    scope = _scope(program, state, child=ended)
    verdict = judge(step.success_criteria, scope) if trouble is None else Verdict(False, why=str(trouble["message"]))
    return _conclude(program, state, verdict, scope, ended, trouble)


def _workflow_outputs(workflow: Workflow, scope: Scope) -> dict[str, Json]:
    """Outputs of steps that never ran are absent, never an error."""
    outputs = {}
    for name, template in workflow.outputs.items():
        try:
            value = fill(template, scope)
        except Unresolved:
            continue
        if value is not ABSENT:
            outputs[name] = value
    return outputs


# --- cancelling


def _cancel(program: Program, state: State) -> Advance:
    """Ask the provider to stop what the run has started, as far as what that needs is known by now."""
    calls = _cancel_calls(program, state)[state.too_late :]
    if calls:
        return replace(state, cancel=True, tries=state.tries + 1), calls[0].call
    remote: Remote = "unsupported" if state.has_begun else "nothing_started"
    return _cancelled(program, replace(state, cancel=False, remote=remote))


def _cancel_calls(program: Program, state: State) -> list[CancelCall]:
    """Those of the innermost workflow first; those of workflows that gave their place to another one come last."""
    if not state.has_begun or program.cancel_settings.get(state.frames[0].workflow) == OFF:
        return []
    present = [call for frame in reversed(state.frames) for call in _cancels_of(program, state, frame)]
    left = [call for frame in reversed(state.left.values()) for call in _cancels_of(program, state, frame)]
    return in_turn([*present, *(replace(call, live=False) for call in left)])


def _cancels_of(program: Program, state: State, frame: Frame) -> list[CancelCall]:
    scope = _scope(program, replace(state, frames=(frame,)))
    workflow = program.description.workflows[frame.workflow]
    return cancel_calls(program.cancels.get(frame.workflow, ()), workflow, frame.step, scope)


def _after_cancel(program: Program, state: State, exchange: Exchange) -> Advance:
    """The provider's answer to the cancel of one job; those of other live jobs follow. Too late for all of them means
    that the run goes on to the result that is paid for, and to no further submit."""
    calls = _cancel_calls(program, state)
    asked = calls[state.too_late] if state.too_late < len(calls) else None
    seconds = try_again(exchange, state.tries, asked)
    if seconds is not None:
        return _wait(state, seconds, precision(exchange))
    state = _told_of_cancel(state, exchange, asked)
    following = next(iter(calls[state.too_late + 1 :]), None)
    if following is not None and (following.live or state.remote == "already_completed"):
        return _cancel(program, replace(state, too_late=state.too_late + 1))
    state = replace(state, cancel=False, too_late=0)
    if state.remote == "already_completed":
        state = _in_grace(state)
        if state.failed is None:
            return _enter(program, state)
    return _cancelled(program, state)


def _told_of_cancel(state: State, exchange: Exchange, asked: CancelCall | None) -> State:
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


def _cancelled(program: Program, state: State) -> Advance:
    """The end that a cancel makes. A run that had failed stays so unless its job was cancelled; it never goes on. One
    that has reached a limit stays so in any case: nobody has asked for its end."""
    outputs = {}
    if state.frames:
        root = replace(state, frames=state.frames[:1])
        outputs = _workflow_outputs(program.description.workflows[root.frame.workflow], _scope(program, root))
    stopped = state.remote in ("cancelled", "cancel_requested")
    if state.failed is not None and (not stopped or state.failed["type"] == LIMIT_REACHED):
        return state, Done(Outcome("failed", outputs, state.failed))
    return state, Done(Outcome("cancelled", outputs))


# --- states made from states


def _present(program: Program, state: State) -> tuple[Workflow, Step]:
    workflow = program.description.workflows[state.frame.workflow]
    return workflow, workflow.step(state.frame.step)


def _scope(program: Program, state: State, exchange: Exchange | None = None, child: Ended | None = None) -> Scope:
    workflow = program.description.workflows[state.frame.workflow]
    home = program.description.home(workflow)
    known = {frame.workflow: Ended(frame.inputs, {}) for frame in state.frames} | state.ended
    return Scope(
        inputs=state.frame.inputs,
        steps=state.frame.outputs,
        workflows=_of_home(known, workflow.home) if workflow.home else known,
        outputs=child.outputs if child else {},
        sources={name: {"url": s.url, "type": s.type} for name, s in home.sources.items()},
        self_uri=home.self_uri,
        exchange=exchange or Exchange(),
    )


def _of_home(ended: dict[str, Ended], home: str) -> dict[str, Ended]:
    """ "Components are scoped to the Arazzo document they are defined in", and so are the ids of workflows."""
    return {name.removeprefix(home): one for name, one in ended.items() if name.startswith(home)}
