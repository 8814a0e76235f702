"""The present workflow and step of a run, what its expressions see, and a wait at it. Nothing here decides anything."""

from __future__ import annotations

from arazzo_mcp.arazzo.command import Command, Precision, Program, Wait
from arazzo_mcp.arazzo.model import Step, StepReference, Workflow
from arazzo_mcp.arazzo.scope import Ended, Exchange, Scope
from arazzo_mcp.arazzo.state import State

Advance = tuple[State, Command]
"""Where a run is, and what it asks for."""


def present(program: Program, state: State) -> tuple[Workflow, Step]:
    """The workflow that a run is in, and the step that it is at."""
    workflow = program.description.workflows[state.frame.workflow]
    return workflow, workflow.step(state.frame.step)


def scope_of(program: Program, state: State, exchange: Exchange | None = None, child: Ended | None = None) -> Scope:
    """What expressions of the present workflow see. exchange: the step's request and its answer; child: how the
    workflow that the step called has ended."""
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


def is_completed(state: State, awaited: StepReference) -> bool:
    """Step Object, `dependsOn`: "only establishes a prerequisite relationship ... and does not trigger execution"."""
    if awaited.workflow is None:
        return awaited.step in state.frame.completed
    ended = state.ended.get(awaited.workflow)
    return ended is not None and awaited.step in ended.completed


def seconds_for(step: Step, state: State) -> float | None:
    """Step Object, `timeout`: what is left for a call of its own step's time, and of those that called the workflow."""
    return min((limit for limit in (step.timeout, state.time_left()) if limit is not None), default=None)


def wait(state: State, seconds: float, precision: Precision = "exact") -> tuple[State, Wait]:
    """A wait before the present step, no longer than the time that its workflow has left."""
    left = state.time_left()
    seconds = seconds if left is None else max(0.0, min(seconds, left))
    return state.spending(seconds), Wait(state.step, seconds, precision)
