"""Where control can go within a workflow, and what that says of it before it runs. Pure; each rule is one function.

A step that succeeds goes where its first matching success action says, else to the next step; one that fails where its
first matching failure action says, else the workflow fails (Arazzo 1.1.0, "Step Object", onSuccess and onFailure).
Criteria may always hold and always fail, so that what is said here of "never" is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import (
    Action,
    Goto,
    Retry,
    Step,
    StepId,
    Workflow,
)
from arazzo_mcp.arazzo.template import expressions_of
from arazzo_mcp.arazzo.uses import judged
from arazzo_mcp.findings import Finding

Graph = Mapping[str, frozenset[str]]
"""The steps that may come directly after each step."""


def dead_ends(workflow: Workflow) -> Iterator[Finding]:
    """What can be said of the flow of a workflow."""
    for rule in _RULES:
        yield from rule(workflow, _graph(workflow))


# --- the graph


def _graph(workflow: Workflow) -> Graph:
    return {step.id: frozenset(_successors(workflow, step)) for step in workflow.steps}


def _successors(workflow: Workflow, step: Step) -> Iterator[str]:
    following = workflow.after(step.id)
    yield from (name for action in _applicable(step.on_success) for name in _target(action))
    if following is not None and not any(_always(action) for action in step.on_success):
        yield following.id
    for action in _applicable(step.on_failure):
        yield from _target(action)
        if isinstance(action, Retry):
            yield step.id


def _applicable(actions: Iterable[Action]) -> Iterator[Action]:
    """The actions up to the first that always applies: "the first action whose criteria hold is performed"."""
    for action in actions:
        yield action
        if _always(action):
            return


def _always(action: Action) -> bool:
    """Whether no later action can apply. A retry is used up one day."""
    return not action.criteria and not isinstance(action, Retry)


def _target(action: Action) -> Iterator[str]:
    match action:
        case Goto(target=StepId(name)) | Retry(first=StepId(name)):
            yield name
        case _:
            return


def _reached(graph: Graph, starts: Iterable[str]) -> set[str]:
    """The steps that control may reach from some, with these."""
    reached, pending = set[str](), list(starts)
    while pending:
        name = pending.pop()
        if name in graph and name not in reached:
            reached.add(name)
            pending += graph[name]
    return reached


# --- rules


def _unreachable(workflow: Workflow, graph: Graph) -> Iterator[Finding]:
    reached = _reached(graph, [step.id for step in workflow.steps[:1]])
    for step in workflow.steps:
        if step.id not in reached:
            yield Finding("warning", "unreachable-step", step.where, f"no step ever leads to step {step.id!r}.")


def _forward_references(workflow: Workflow, graph: Graph) -> Iterator[Finding]:
    """ "implementations SHOULD produce an error if a step references another step's outputs where the referenced step
    appears later in the steps array" (Validation Recommendations): an error unless control can lead back."""
    after = {name: _reached(graph, graph[name]) for name in graph}
    for step in workflow.steps:
        for name in dict.fromkeys(_referenced(step)):
            if name not in graph or workflow.position(name) < workflow.position(step.id):
                continue
            what = f"step {step.id!r} uses outputs of step {name!r}"
            if name == step.id:
                message = f"step {name!r} sends outputs of its own, which are not there before it has run."
                yield Finding("warning", "forward-reference", step.where, message)
            elif step.id not in after[name]:
                message = f"{what}, which never runs before it."
                yield Finding("error", "forward-reference", step.where, message, "Change their order.")
            else:
                message = f"{what}, which stands after it: there is no value until a jump leads back."
                yield Finding("warning", "forward-reference", step.where, message)


def _referenced(step: Step) -> Iterator[str]:
    """The steps whose outputs a step uses; its own where it sends them."""
    yield from _steps_of(expression for template in step.sent() for expression in expressions_of(template))
    later = (*judged(step), *(e for value in step.outputs.values() for e in expressions_of(value)))
    yield from (name for name in _steps_of(later) if name != step.id)


def _steps_of(expressions: Iterable[Expression]) -> Iterator[str]:
    yield from (expression.names[0] for expression in expressions if expression.root == "steps" and expression.names)


def _unpaced_loop(workflow: Workflow, graph: Graph) -> Iterator[Finding]:
    """A jump back has no delay of its own; the engine gives it one. Said once of a workflow."""
    for step in workflow.steps:
        for action in (*_applicable(step.on_success), *_applicable(step.on_failure)):
            back = [name for name in _target(action) if isinstance(action, Goto) and name in graph]
            if any(workflow.position(name) <= workflow.position(step.id) for name in back) and step.id in _reached(
                graph, back
            ):
                message = f"step {step.id!r} goes back to step {back[0]!r} without a delay, as often as it takes."
                hint = "Such a loop is paced, ever more slowly; a retry can say how long and how often."
                yield Finding("info", "paced-loop", action.where, message, hint)
                return


def _falls_into_sibling(workflow: Workflow, _graph: Graph) -> Iterator[Finding]:
    """An arm of a branch that goes on into the next arm, as the order of the steps has it. What success and failure
    lead to may well come together again."""
    for step in workflow.steps:
        for actions in (step.on_success, step.on_failure):
            arms = list(dict.fromkeys(name for action in _applicable(actions) for name in _target(action)))
            yield from (_falls(workflow, step, arm) for arm in arms if _goes_on(workflow, arm) in set(arms) - {step.id})


def _goes_on(workflow: Workflow, arm: str) -> str | None:
    """The step after an arm that says nothing of where it goes."""
    following = workflow.after(arm)
    return following.id if following is not None and not workflow.step(arm).on_success else None


def _falls(workflow: Workflow, step: Step, arm: str) -> Finding:
    following = _goes_on(workflow, arm)
    message = f"step {step.id!r} leads to {arm!r} or {following!r}, and {arm!r} goes on to {following!r}."
    return Finding("info", "branch-falls-through", workflow.step(arm).where, message, "End it, if that is not meant.")


def _dead_actions(workflow: Workflow, _graph: Graph) -> Iterator[Finding]:
    """A step's own actions behind one that always applies; those of the workflow that it hides it may well mean to."""
    for step in workflow.steps:
        for actions in (step.on_success, step.on_failure):
            own = [action for action in actions if action.where.path.startswith(f"{step.where.path}.")]
            applicable = list(_applicable(own))
            for action in own[len(applicable) :]:
                message = f"action {action.name!r} never applies: {applicable[-1].name!r} before it always does."
                yield Finding("warning", "dead-action", action.where, message)


_RULES: Final = (
    _unreachable,
    _forward_references,
    _unpaced_loop,
    _falls_into_sibling,
    _dead_actions,
)
