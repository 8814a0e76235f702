"""What a step uses: every expression that stands in it. Knows no order and no run."""

from __future__ import annotations

from collections.abc import Iterator

from arazzo_mcp.arazzo.criterion import looked_at
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import Criterion, End, Parameter, RegexCriterion, SimpleCriterion, Step
from arazzo_mcp.arazzo.template import Template, expressions_of


def judged(step: Step) -> Iterator[Expression]:
    """What its criteria look at, and what its actions hand on."""
    for criterion in criteria_of(step):
        yield from looked_at(criterion)
    for action in (*step.on_success, *step.on_failure):
        given: tuple[Parameter, ...] = () if isinstance(action, End) else action.parameters
        yield from (expression for parameter in given for expression in expressions_of(parameter.value))


def criteria_of(step: Step) -> Iterator[Criterion]:
    """The criteria of its success and of its actions."""
    yield from step.success_criteria
    yield from (criterion for action in (*step.on_success, *step.on_failure) for criterion in action.criteria)


def expressions_in(step: Step) -> Iterator[Expression]:
    """Every expression of a step: what it sends, looks at, hands on and puts out."""
    for template in (*step.sent(), *step.outputs.values(), *_queries(step)):
        yield from expressions_of(template)
    yield from judged(step)


def _queries(step: Step) -> Iterator[Template]:
    """The texts of patterns and queries, in which expressions may stand, as in the targets of replacements."""
    for criterion in criteria_of(step):
        if not isinstance(criterion, SimpleCriterion):
            yield criterion.pattern if isinstance(criterion, RegexCriterion) else criterion.query
    if step.body is not None:
        yield from (replacement.target for replacement in step.body.replacements)
