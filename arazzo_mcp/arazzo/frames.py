"""States made from states where workflows call one another, take one another's place, or are begun in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from arazzo_mcp.arazzo.attach import may_submit
from arazzo_mcp.arazzo.command import Program
from arazzo_mcp.arazzo.performed import workflow_outputs
from arazzo_mcp.arazzo.present import present, scope_of
from arazzo_mcp.arazzo.scope import Ended, Json
from arazzo_mcp.arazzo.state import Frame, State

MOST_FRAMES: Final = 16
"""How deep workflows may call one another before the run is stopped as endless."""

Returns = Literal["step", "retry"]


class TooDeep(Exception):
    """Workflows call one another too deep."""


def called(
    program: Program,
    state: State,
    workflow_id: str,
    inputs: dict[str, Json],
    *,
    returns: Returns,
    left: float | None = None,
) -> State:
    """At the first step of a workflow that the present step calls. returns: what the step does when that has ended;
    left: the seconds that it has.

    Raises:
        TooDeep: it would be one more than MOST_FRAMES.
    """
    if len(state.frames) >= MOST_FRAMES:
        raise TooDeep(f"workflows call one another more than {MOST_FRAMES} deep")
    return pushed(program, state, workflow_id, inputs, returns=returns, left=left)


def pushed(
    program: Program,
    state: State,
    workflow_id: str,
    inputs: dict[str, Json],
    *,
    returns: Returns,
    left: float | None = None,
    instead_of: tuple[str, ...] = (),
) -> State:
    """At the first step of a workflow, within the present one. instead_of: as in Frame."""
    workflow = program.description.workflows[workflow_id]
    given = {**workflow.defaults(), **inputs}
    frame = Frame(workflow_id, workflow.steps[0].id, given, returns=returns, left=left, instead_of=instead_of)
    return replace(state, frames=(*state.frames, frame))


def popped(program: Program, state: State, *, unfinished: bool) -> tuple[State, Ended]:
    """The present workflow has ended: where the run is then, and how it has ended, for itself and for those whose place
    it had taken. unfinished: it did not complete."""
    frame = state.frame
    workflow = program.description.workflows[frame.workflow]
    outputs = workflow_outputs(workflow, scope_of(program, state))
    ended = Ended(frame.inputs, outputs, frame.completed, unfinished=unfinished)
    now = dict.fromkeys((*frame.instead_of, workflow.id), ended)
    return replace(state, frames=state.frames[:-1], ended={**state.ended, **now}), ended


def transferred(program: Program, state: State, target: str, given: dict[str, Json]) -> State:
    """ "goto - A one-way transfer of workflow control": the other workflow takes the present one's place and its
    inputs. given: inputs that the jump itself gives."""
    frame = state.frame
    produced = workflow_outputs(program.description.workflows[frame.workflow], scope_of(program, state))
    so_far = {**state.ended, frame.workflow: Ended(frame.inputs, produced, frame.completed, unfinished=True)}
    left = {**state.left, frame.workflow: frame}
    below = replace(state, frames=state.frames[:-1], left=left, ended=so_far)
    inputs, before = {**frame.inputs, **given}, (*frame.instead_of, frame.workflow)
    instead_of = tuple(name for name in dict.fromkeys(before) if name != target)
    return pushed(program, below, target, inputs, returns=frame.returns, left=frame.left, instead_of=instead_of)


def with_given(program: Program, state: State, given: Mapping[str, dict[str, Json]]) -> State:
    """With steps of the present workflow that were performed elsewhere: their outputs are known, and what they have
    started can be cancelled."""
    workflow, step = present(program, state)
    for name in given:
        state = state.with_outputs(name, given[name])
        if (workflow.id, name) in program.description.awaited:
            state = state.with_completed(name)
    ahead = tuple(name for name in given if workflow.position(name) >= workflow.position(step.id))
    submits = sum(may_submit(program, workflow, workflow.step(name)) for name in given)
    return replace(state.with_frame(replace(state.frame, given=ahead)), submits=state.submits + submits)


def anew(state: State) -> State:
    """Where an ended run stands, without what its attempts, its last request and its cancel have left."""
    frame = replace(state.frame, retries={}, laps={})
    asked = replace(state.with_frame(frame), calls=0, attempts=0, upstream={}, failed=None)
    return replace(asked, cancel=False, tries=0, too_late=0, remote=None, perhaps=False, lost=False)
