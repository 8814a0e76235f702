"""Where an action leads: to a step, to another workflow in the place of this one, or to the same step once more.

A jump back is paced, so that no document can make a run ask without a pause. What comes of it is a state, and the wait
that comes before it goes on there, if any: nothing is entered here.
"""

from __future__ import annotations

from dataclasses import replace

from arazzo_mcp.arazzo.command import Precision, Program, Wait
from arazzo_mcp.arazzo.frames import called, transferred
from arazzo_mcp.arazzo.model import Goto, Parameter, Retry, StepId, WorkflowId
from arazzo_mcp.arazzo.patience import MOST_RETRY_AFTER, believed, precision
from arazzo_mcp.arazzo.performed import inputs_from
from arazzo_mcp.arazzo.present import present, scope_of, wait
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.arazzo.state import THEN, State


def gone(program: Program, state: State, goto: Goto, exchange: Exchange) -> tuple[State, Wait | None]:
    """The state after a goto, and the wait before it goes on there.

    Raises:
        Unresolved: a parameter refers to what is not there.
    """
    if isinstance(goto.target, WorkflowId):
        return _transferred(program, state, goto.target, goto.parameters, exchange)
    workflow, step = present(program, state)
    target = goto.target.name
    if workflow.position(target) > workflow.position(step.id):
        return state.leaving(step.id, target), None
    seconds = _paced(program, state.frame.laps.get(target, 0), exchange)
    return wait(state.leaving(step.id, target, lap=True), seconds, precision(exchange))


def _transferred(
    program: Program, state: State, target: WorkflowId, parameters: tuple[Parameter, ...], exchange: Exchange
) -> tuple[State, Wait | None]:
    """Going to a workflow that was there before is a jump back, and is paced like one."""
    given = inputs_from(parameters, scope_of(program, state, exchange))
    transfers = {state.frame.workflow: 0} | state.transfers
    back, lap = target.name in transfers, transfers.get(target.name, 0)
    transfers[target.name] = lap + back
    entered = transferred(program, replace(state, transfers=transfers), target.name, given)
    return wait(entered, _paced(program, lap, exchange), precision(exchange)) if back else (entered, None)


def _paced(program: Program, lap: int, exchange: Exchange) -> float:
    asked = believed(exchange)
    return program.pace.delay(lap) if asked is None else asked


def retried(program: Program, state: State, retry: Retry, exchange: Exchange, *, succeeded: bool) -> tuple[State, Wait]:
    """ "The current step will be retried ... If a `stepId` or `workflowId` are specified, then the reference is
    executed and the context is returned, after which the current step is retried." Among success actions the named
    step itself is what runs again.

    Raises:
        Unresolved: a parameter refers to what is not there.
        TooDeep: workflows call one another too deep.
    """
    _, step = present(program, state)
    state = state.retrying(step.id, retry.name)
    seconds, exactness = _after(retry, exchange)
    match retry.first:
        case StepId(name) if name != step.id:
            back = THEN.join(filter(None, (step.id, state.frame.back)))
            return wait(state.at(name, back=None if succeeded else back), seconds, exactness)
        case WorkflowId(name):
            given = inputs_from(retry.parameters, scope_of(program, state, exchange))
            inputs = {**state.frame.inputs, **given}
            return wait(called(program, state, name, inputs, returns="retry"), seconds)
        case _:
            return wait(state, seconds, exactness)


def _after(retry: Retry, exchange: Exchange) -> tuple[float, Precision]:
    """The seconds before a retry: the provider's Retry-After comes before those of the document."""
    if exchange.retry_after is None:
        return retry.after or 0.0, "exact"
    return min(exchange.retry_after, MOST_RETRY_AFTER), "least"
