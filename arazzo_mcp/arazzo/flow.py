"""Which steps of a workflow are always reached: the ones that every way to a successful end passes through.

Knows the order of steps and what their actions may do (Arazzo 1.1.0, Step Object, Success Action Object, Failure Action
Object), and nothing of what a run has seen: an action with criteria may be taken or not. A way that ends in a failure
does not count, since nobody asks for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from arazzo_mcp.arazzo.model import Action, End, Goto, Retry, Step, StepId, Workflow, WorkflowId

_END: Final = None
Node = StepId | WorkflowId | None
"""A step of the workflow, another workflow that takes its place, or the successful end."""

Ways = Mapping[Node, frozenset[Node]]


def always_reached(workflow: Workflow) -> frozenset[StepId | WorkflowId]:
    """The steps that are always entered, and the workflows that always take this one's place in the end.

    Of a workflow that has no successful end it is the first step alone.
    """
    ways: dict[Node, frozenset[Node]] = {StepId(step.id): frozenset(_onward(workflow, step)) for step in workflow.steps}
    start = StepId(workflow.steps[0].id)
    met = _met(ways, start)
    if _END not in met:
        return frozenset({start})
    return frozenset(node for node in met if node is not None and _END not in _met(ways, start, without=node))


def _met(ways: Ways, start: Node, without: Node = _END) -> set[Node]:
    """Every node on a way from the start, on ways that avoid one of them."""
    met: set[Node] = set()
    pending = [start]
    while pending:
        node = pending.pop()
        if node in met or (node is not None and node == without):
            continue
        met.add(node)
        # another workflow ends by itself
        pending += ways.get(node, (_END,) if node is not None else ())
    return met


def _onward(workflow: Workflow, step: Step) -> Iterator[Node]:
    """Where a run may be after a step."""
    actions = list(_possible(step.on_success))
    yield from (node for action in actions for node in _destinations(action, step))
    if not actions or not _is_final(actions[-1]):
        following = workflow.after(step.id)
        yield StepId(following.id) if following else _END
    failures = (action for action in _possible(step.on_failure) if isinstance(action, Goto))
    yield from (action.target for action in failures)


def _possible(actions: Iterable[Action]) -> Iterator[Action]:
    """The actions that may be taken: none after one that always applies."""
    for action in actions:
        yield action
        if _is_final(action):
            return


def _is_final(action: Action) -> bool:
    """Whether an action applies whatever has happened; a retry does not any more when its limit is used up."""
    return not action.criteria and not isinstance(action, Retry)


def _destinations(action: Action, step: Step) -> Iterator[Node]:
    """Where a success action leads. A retry goes to another step and on from there; one of the step itself, or of
    another workflow first, comes back."""
    match action:
        case End():
            yield _END
        case Goto(target=target):
            yield target
        case Retry(first=StepId() as first) if first.name != step.id:
            yield first
        case _:
            return
