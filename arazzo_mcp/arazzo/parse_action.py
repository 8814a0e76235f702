"""Success Action Objects and Failure Action Objects."""

from __future__ import annotations

from collections.abc import Callable

from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.model import Action, Criterion, End, Goto, Parameter, Retry, StepId, WorkflowId
from arazzo_mcp.arazzo.parse_criterion import criteria
from arazzo_mcp.arazzo.parse_request import parameters
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.findings import did_you_mean


def step_actions(context: Context, node: dict[str, Json], path: Path, key: str, common: str) -> tuple[Action, ...]:
    """A step's own actions come first; the workflow's apply where the step has none of that name."""
    own = _actions(context, node, key, common, path)
    names = {action.name for action in own}
    inherited = _actions(context, context.node, common, common, context.path)
    return (*own, *(action for action in inherited if action.name not in names))


def _actions(context: Context, node: dict[str, Json], key: str, component: str, path: Path) -> tuple[Action, ...]:
    nodes = context.reader.items(node, key, path)
    read = ((at, _action(context, node, component, (*path, key, at), at)) for at, node in enumerate(nodes))
    found: dict[str, Action] = {}
    for at, action in read:
        if action is not None and found.setdefault(action.name, action) is not action:
            message = f"action {action.name!r} is given twice; the first one applies."
            context.reader.warn((*path, key, at), "duplicate-action", message)
    return tuple(found.values())


def _action(context: Context, value: Json, component: str, path: Path, at: int) -> Action | None:
    reader = context.reader
    node = context.reusable(reader.mapping(value, path, "an action"), component, path)
    if node is None:
        return None
    check_fields(reader, node, path, "an action")
    name = reader.text(node, "name", path)
    if not name:
        name = f"{path[-2]}[{at}]"
        reader.tolerate(path, "unnamed-action", "the action has no name")
    if "condition" in node and "criteria" not in node:
        reader.tolerate(path, "action-condition", f"action {name!r} has a 'condition'")
        node = {**node, "criteria": [{key: node[key] for key in ("condition", "context") if key in node}]}
    kind = reader.text(node, "type", path, required=True)
    if kind == "retry" and component == "successActions":
        reader.tolerate(path, "success-retry", f"action {name!r} is a retry on success")
    read = _KINDS.get(kind)
    if read is None and kind:
        hint = did_you_mean(kind, _KINDS)
        reader.error(path, "action-type", f"action {name!r} has the unknown type {kind!r}.", hint)
    return read(context, name, node, path) if read else None


def _end(context: Context, name: str, node: dict[str, Json], path: Path) -> Action:
    return End(name, _criteria(context, node, path), context.reader.where(path))


def _goto(context: Context, name: str, node: dict[str, Json], path: Path) -> Action | None:
    target = _target(context, node, path)
    if target is None:
        message = f"action {name!r} goes nowhere."
        context.reader.error(path, "action-target", message, "Give it a stepId or a workflowId.")
        return None
    given = _parameters(context, node, path)
    return Goto(name, _criteria(context, node, path), target, given, context.reader.where(path))


def _retry(context: Context, name: str, node: dict[str, Json], path: Path) -> Action:
    """ "If not specified then a single retry SHALL be attempted." """
    after = context.reader.number(node, "retryAfter", path)
    limit = context.reader.number(node, "retryLimit", path, whole=True)
    times = 1 if limit is None else int(limit)
    first = _target(context, node, path)
    given, where = _parameters(context, node, path), context.reader.where(path)
    return Retry(name, _criteria(context, node, path), after, times, first, given, where)


_KINDS: dict[str, Callable[[Context, str, dict[str, Json], Path], Action | None]] = {
    "end": _end,
    "goto": _goto,
    "retry": _retry,
}


def _parameters(context: Context, node: dict[str, Json], path: Path) -> tuple[Parameter, ...]:
    """The inputs of the workflow that an action leads to: "the `in` field MUST NOT be used"."""
    found = parameters(context, node, path)
    if placed := [parameter.name for parameter in found if parameter.location is not None]:
        names = ", ".join(placed)
        message = f"parameters of an action are inputs of its workflow and have no 'in': {names}."
        context.reader.warn((*path, "parameters"), "parameter-in", message)
    return found


def _criteria(context: Context, node: dict[str, Json], path: Path) -> tuple[Criterion, ...]:
    return criteria(context, node, "criteria", path)


def _target(context: Context, node: dict[str, Json], path: Path) -> StepId | WorkflowId | None:
    """Where an action goes. A stepId must be of the current workflow."""
    step, workflow = (context.reader.text(node, key, path) for key in ("stepId", "workflowId"))
    if step and workflow:
        context.reader.error(path, "action-target", "an action has either a stepId or a workflowId, not both.")
    if step and step not in context.names.steps:
        hint = did_you_mean(step, context.names.steps)
        context.reader.error(path, "unknown-step", f"there is no step {step!r} in this workflow.", hint)
    if workflow:
        return context.workflow_id(workflow, path)
    return StepId(step) if step else None
