"""What the values of a workflow are used for: which operation's parameter or property each expression feeds.

So that an input or an output gets a value that the operation which takes it accepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from arazzo_mcp.arazzo.condition import operands
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import SimpleCriterion, Step, Workflow, WorkflowId
from arazzo_mcp.arazzo.template import Items, Members, Template, Text, expressions_of
from arazzo_mcp.library import Linked
from tests.corpus.description import Api, chosen_media, mapping
from tests.corpus.sample import flat

_MOST_NESTED = 8


@dataclass(frozen=True)
class Feed:
    """An expression, and the schema of what it feeds. whole: it is the whole value; needed: no request without it."""

    expression: Expression
    api: Api
    schema: Any
    whole: bool
    needed: bool


def feeds(linked: Linked, apis: dict[str, Api], workflow: Workflow, depth: int = 0) -> Iterator[Feed]:
    """Every use of an expression in the steps of a workflow."""
    for step in workflow.steps:
        if isinstance(step.call, WorkflowId):
            yield from _of_workflow(linked, apis, step, step.call.name, depth)
        elif (target := linked.program.targets.get((workflow.id, step.id))) is not None:
            yield from _of_operation(apis[target.source], target.operation, step)
        yield from _of_criteria(step)


def _of_operation(api: Api, key: str, step: Step) -> Iterator[Feed]:
    asked = api.asked(key)
    declared = {(str(p.get("name")), str(p.get("in"))): p for p in asked.parameters}
    by_name = {name: p for (name, _), p in declared.items()}
    for given in step.parameters:
        parameter = declared.get((given.name, str(given.location))) or by_name.get(given.name) or {}
        needed = given.location == "path" or bool(parameter.get("required"))
        content = list(mapping(parameter.get("content")).values())
        schema = parameter.get("schema") or (mapping(content[0]).get("schema") if content else None)
        yield from _uses(api, given.value, schema or {}, needed)
    if step.body is not None and step.body.payload is not None:
        name = step.body.content_type
        schema = asked.bodies.get(name or "") or asked.bodies.get(chosen_media(asked.bodies) or "") or {}
        yield from _uses(api, step.body.payload, schema, asked.body_required)
    for replacement in step.body.replacements if step.body else ():
        yield from _uses(api, replacement.value, {}, True)


def _uses(api: Api, template: Template, schema: Any, needed: bool, depth: int = 0) -> Iterator[Feed]:
    if isinstance(template, Expression):
        yield Feed(template, api, schema, True, needed)
    elif isinstance(template, Text):
        yield from (Feed(part, api, {}, False, True) for part in template.parts if isinstance(part, Expression))
    elif isinstance(template, Members) and depth < _MOST_NESTED:
        node = flat(api, schema)
        required = node.get("required")
        for name, inner in template.members:
            must = isinstance(required, list) and name in required
            extra = node.get("additionalProperties")
            property_ = mapping(node.get("properties")).get(name, extra if isinstance(extra, dict) else {})
            yield from _uses(api, inner, property_, needed and must, depth + 1)
    elif isinstance(template, Items) and depth < _MOST_NESTED:
        items = flat(api, schema).get("items", {})
        for inner in template.items:
            yield from _uses(api, inner, items, needed, depth + 1)
    else:
        yield from (Feed(e, api, {}, True, needed) for e in expressions_of(template))


def _of_workflow(linked: Linked, apis: dict[str, Api], step: Step, name: str, depth: int) -> Iterator[Feed]:
    """What a called workflow does with its inputs is what is done with the values that it is given."""
    child = linked.program.description.workflows.get(name)
    if child is None or depth > _MOST_NESTED:
        return
    inner = list(feeds(linked, apis, child, depth + 1))
    required = child.inputs.get("required") or ()
    for given in step.parameters:
        used = [f for f in inner if f.expression.root == "inputs" and f.expression.names[:1] == (given.name,)]
        schema = mapping(child.inputs.get("properties")).get(given.name, {})
        best = next((f for f in used if f.whole and f.schema), None)
        needed = given.name in required or any(f.needed for f in used)
        for expression in expressions_of(given.value):
            api = best.api if best else Api({})
            yield Feed(expression, api, best.schema if best else schema, True, needed)


def _of_criteria(step: Step) -> Iterator[Feed]:
    """A condition that speaks of an input decides nothing without it."""
    lists = (step.success_criteria, *(action.criteria for action in (*step.on_success, *step.on_failure)))
    for criteria in lists:
        for criterion in criteria:
            found: list[Expression] = []
            if isinstance(criterion, SimpleCriterion):
                found = list(operands(criterion.condition))
            elif isinstance(text := getattr(criterion, "query", getattr(criterion, "pattern", None)), Text):
                found = list(expressions_of(text))
            yield from (Feed(one, Api({}), {}, True, True) for one in found)
