"""Descriptions that use workflows of other descriptions (sources of type arazzo) made into one.

A workflow of another description goes in under `$sourceDescriptions.<name>.<workflowId>`, which is how the text names
it, with all that it needs itself. It goes on to see its own document only: "Components are scoped to the Arazzo
document they are defined in" (Arazzo 1.1.0, "Components Object").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from arazzo_mcp.arazzo.model import (
    Action,
    Description,
    Goto,
    Home,
    Retry,
    Step,
    StepReference,
    Workflow,
    WorkflowId,
)
from arazzo_mcp.findings import Finding, did_you_mean


def prefix(name: str) -> str:
    """What stands before the ids of the workflows of a source."""
    return f"$sourceDescriptions.{name}."


def graft(main: Description, others: Mapping[str, Description]) -> Description:
    """A description with the workflows of others, by the names of their sources, as far as it uses them."""
    workflows, homes, awaited = dict(main.workflows), dict(main.homes), set(main.awaited)
    for name, other in others.items():
        before = prefix(name)
        wanted = {one.removeprefix(before) for flow in main.workflows.values() for one in flow.calls()}
        wanted |= {flow.removeprefix(before) for flow, _ in main.awaited}
        used = _reached(wanted & other.workflows.keys(), other)
        workflows |= {before + flow: _renamed(other.workflows[flow], before) for flow in used}
        homes |= {before: Home(other.sources, other.self_uri)}
        homes |= {before + home: seen for home, seen in other.homes.items()}
        awaited |= {(before + flow, step) for flow, step in other.awaited}
    return replace(main, workflows=workflows, homes=homes, awaited=frozenset(awaited))


def undercut(workflows: Mapping[str, Workflow], *, foreign: bool) -> Iterator[tuple[Workflow, str]]:
    """Every workflow that cannot run because one that it needs is not there, by itself or through others, with what it
    lacks; those nearest to the gap first. foreign: workflows of other descriptions count as well."""
    callers: dict[str, list[Workflow]] = {}
    for workflow in workflows.values():
        for called in dict.fromkeys(workflow.calls()):
            callers.setdefault(called, []).append(workflow)
    gone = [
        name for name in callers if name not in workflows and (foreign or not name.startswith("$sourceDescriptions."))
    ]
    lost: set[str] = set()
    for name in gone:  # grows while it is gone through
        for caller in callers.get(name, ()):
            if caller.id not in lost:
                lost.add(caller.id)
                gone.append(caller.id)
                yield caller, name


def missing(workflow: Workflow, called: str, known: Mapping[str, Workflow]) -> Finding:
    """The finding for a workflow that needs one which is not there. known: the ids that it may have meant."""
    message = f"there is no workflow {called!r} that can be served."
    hint = "" if called in known else did_you_mean(called, known.keys() - {workflow.id})
    return Finding("error", "unknown-workflow", workflow.where, message, hint, workflow.id)


def _reached(names: Iterable[str], description: Description) -> list[str]:
    """Workflows with all those that they need, in the order of the document."""
    reached, pending = set[str](), list(names)
    while pending:
        name = pending.pop()
        if name not in reached and name in description.workflows:
            reached.add(name)
            pending += description.workflows[name].calls()
    return [name for name in description.workflows if name in reached]


def _renamed(workflow: Workflow, before: str) -> Workflow:
    """A workflow, and every workflow that it names, with something before its id."""
    return replace(
        workflow,
        id=before + workflow.id,
        home=before + workflow.home,
        depends_on=tuple(before + name for name in workflow.depends_on),
        steps=tuple(_step(step, before) for step in workflow.steps),
    )


def _step(step: Step, before: str) -> Step:
    call = WorkflowId(before + step.call.name) if isinstance(step.call, WorkflowId) else step.call
    return replace(
        step,
        call=call,
        on_success=tuple(_action(action, before) for action in step.on_success),
        on_failure=tuple(_action(action, before) for action in step.on_failure),
        depends_on=tuple(
            one if one.workflow is None else StepReference(before + one.workflow, one.step) for one in step.depends_on
        ),
    )


def _action(action: Action, before: str) -> Action:
    match action:
        case Goto(target=WorkflowId(name)):
            return replace(action, target=WorkflowId(before + name))
        case Retry(first=WorkflowId(name)):
            return replace(action, first=WorkflowId(before + name))
        case _:
            return action


def joined(main: Description, others: Mapping[str, Description]) -> tuple[Description, list[Finding]]:
    """A description with the workflows of others that it uses, without those that need one which is not there, and a
    finding for each of these."""
    description = graft(main, others)
    flows = description.workflows
    findings = [missing(workflow, called, flows) for workflow, called in undercut(flows, foreign=True)]
    spoiled = {finding.workflow for finding in findings}
    return replace(description, workflows={name: f for name, f in flows.items() if name not in spoiled}), findings
