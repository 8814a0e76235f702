"""Inputs that are named by what is not sent: criteria, outputs, and what actions hand on. Knows no API."""

from __future__ import annotations

from collections.abc import Iterator

from arazzo_mcp.arazzo.model import Criterion, End, SimpleCriterion, Step, Workflow
from arazzo_mcp.arazzo.template import Template, expressions_of


def mentions(workflow: Workflow) -> str:
    """Every text outside of requests in which an input may be named."""
    return " ".join(_texts(workflow))


def _texts(workflow: Workflow) -> Iterator[str]:
    for template in workflow.outputs.values():
        yield from _of_template(template)
    for step in (*workflow.steps, *filter(None, (workflow.on_cancel,))):
        yield from _of_step(step)


def _of_step(step: Step) -> Iterator[str]:
    for template in step.outputs.values():
        yield from _of_template(template)
    actions = (*step.on_success, *step.on_failure)
    for criteria in (step.success_criteria, *(action.criteria for action in actions)):
        yield from map(_of_criterion, criteria)
    for action in actions:
        for parameter in () if isinstance(action, End) else action.parameters:
            yield from _of_template(parameter.value)


def _of_template(template: Template) -> Iterator[str]:
    yield from (expression.text for expression in expressions_of(template))


def _of_criterion(criterion: Criterion) -> str:
    return criterion.text if isinstance(criterion, SimpleCriterion) else f"{criterion.context.text} {criterion.text}"
