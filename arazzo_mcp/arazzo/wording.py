"""The parts of a workflow in words: criteria, actions and values as people read them, expressions as written."""

from __future__ import annotations

from collections.abc import Iterable

from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import (
    Action,
    Criterion,
    End,
    Goto,
    Parameter,
    RegexCriterion,
    Retry,
    SimpleCriterion,
    StepId,
    WorkflowId,
)
from arazzo_mcp.arazzo.scope import Json, as_text
from arazzo_mcp.arazzo.template import Items, Literal, Members, Selected, Template, Text


def criterion_text(criterion: Criterion) -> str:
    """A condition as it is written, with its type and what it is applied to where it has them."""
    text = " ".join(criterion.text.split())
    if isinstance(criterion, SimpleCriterion):
        return text
    kind = "regex" if isinstance(criterion, RegexCriterion) else criterion.kind.type
    return f"{kind} {text} on {criterion.context.text}"


def all_of(criteria: Iterable[Criterion]) -> str:
    """Several criteria, which must all hold; empty where there are none."""
    return " and ".join(map(criterion_text, criteria))


def action_text(action: Action, *, succeeded: bool) -> str:
    """What an action does, without its criteria. succeeded: it stands among the success actions."""
    match action:
        case End():
            return "end" if succeeded else "end, failed"
        case Goto(target=target):
            return f"go to {_place(target)}{_with(action.parameters)}"
        case Retry(first=StepId(name)) if succeeded:
            return f"run {name} again {_rhythm(action)}"
        case Retry():
            first = f", {_place(action.first)} first{_with(action.parameters)}" if action.first else ""
            return f"retry {_rhythm(action)}{first}"


def _rhythm(retry: Retry) -> str:
    after = f"after {retry.after:g} s" if retry.after else "at once"
    return f"{after}, at most {retry.limit} time{'' if retry.limit == 1 else 's'}"


def _place(target: StepId | WorkflowId) -> str:
    return f"workflow {target.name}" if isinstance(target, WorkflowId) else target.name


def _with(parameters: Iterable[Parameter]) -> str:
    shown = ", ".join(f"{p.name} = {template_text(p.value)}" for p in parameters)
    return f" with {shown}" if shown else ""


def template_text(template: Template) -> str:
    """A value as it is written: texts as they are, everything else as JSON."""
    return as_text(written(template))


def written(template: Template) -> Json:
    """A value of the document as it is written."""
    match template:
        case Literal(value):
            return value
        case Expression():
            return template.text
        case Text(parts):
            return "".join(part if isinstance(part, str) else f"{{{part.text}}}" for part in parts)
        case Items(items):
            return [written(item) for item in items]
        case Members(members):
            return {name: written(item) for name, item in members}
        case Selected():
            return f"{template.kind.type} {written(template.selector)} of {template.context.text}"
