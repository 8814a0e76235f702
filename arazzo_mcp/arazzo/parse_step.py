"""Workflow Objects and their Step Objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.model import OperationId, OperationPath, Step, StepCall, Workflow, WorkflowId
from arazzo_mcp.arazzo.order import ordered, step_references
from arazzo_mcp.arazzo.parse_action import step_actions
from arazzo_mcp.arazzo.parse_criterion import criteria
from arazzo_mcp.arazzo.parse_request import request_body, step_parameters
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json


def workflow(context: Context, name: str) -> Workflow:
    """The workflow of a context."""
    node, path, reader = context.node, context.path, context.reader
    check_fields(reader, node, path, "a workflow")
    steps = ordered(context, tuple(_steps(context)))
    if not steps and not node.get("steps"):
        reader.error(path, "no-steps", f"workflow {name!r} has no steps.")
    needed = (context.workflow_id(text, (*path, "dependsOn")) for text in reader.names(node, "dependsOn", path))
    return Workflow(
        name,
        reader.text(node, "summary", path),
        reader.text(node, "description", path),
        context.inputs,
        steps,
        context.outputs(node.get("outputs"), (*path, "outputs")),
        reader.where(path),
        tuple(dict.fromkeys(needs.name for needs in needed if needs)),
    )


def _steps(context: Context) -> Iterator[Step]:
    seen: set[str] = set()
    for at, value in enumerate(context.reader.items(context.node, "steps", context.path)):
        path = (*context.path, "steps", at)
        node = context.reader.mapping(value, path, "a step")
        if not isinstance(value, dict):
            continue
        step_id = context.reader.text(node, "stepId", path, required=True)
        if step_id in seen:
            context.reader.error(path, "duplicate-step", f"stepId {step_id!r} is used twice.")
        seen.add(step_id)
        call = _call(context, node, path)
        if call is not None and step_id:
            yield _step(context, step_id, node, path, call)


def _step(context: Context, step_id: str, node: dict[str, Json], path: Path, call: StepCall) -> Step:
    check_fields(context.reader, node, path, "a step")
    if node.get("successCriteria") == []:
        context.reader.warn(
            (*path, "successCriteria"), "empty-criteria", "'successCriteria' is empty: any 2xx is a success."
        )
    if odd := [name for name in ("action", "correlationId") if name in node and "channelPath" not in node]:
        message = f"{' and '.join(map(repr, odd))} only fits a step on an AsyncAPI channel."
        context.reader.warn((*path, odd[0]), "asyncapi-field", message)
    if isinstance(call, WorkflowId) and node.get("requestBody") is not None:
        message = "a step that calls a workflow sends no body; give the workflow's inputs as parameters."
        context.reader.warn((*path, "requestBody"), "body-for-workflow", message)
    return Step(
        step_id,
        context.reader.text(node, "description", path),
        call,
        step_parameters(context, node, path, call),
        request_body(context, node.get("requestBody"), (*path, "requestBody")),
        criteria(context, node, "successCriteria", path),
        step_actions(context, node, path, "onSuccess", "successActions"),
        step_actions(context, node, path, "onFailure", "failureActions"),
        context.outputs(node.get("outputs"), (*path, "outputs")),
        context.reader.where(path),
        _timeout(context, node, path),
        step_references(context, node, path),
    )


def _timeout(context: Context, node: dict[str, Json], path: Path) -> float | None:
    """Step Object, `timeout`: "the maximum number of milli-seconds to wait for the step to complete"; here seconds."""
    milliseconds = context.reader.number(node, "timeout", path, whole=True)
    return None if milliseconds is None else milliseconds / 1000


def _call(context: Context, node: dict[str, Json], path: Path) -> StepCall | None:
    """operationId, operationPath and workflowId are mutually exclusive; a channelPath is AsyncAPI's."""
    given = [key for key in (*_CALLS, "channelPath") if node.get(key)]
    if given == ["channelPath"]:
        context.reader.error(path, "asyncapi", "steps on AsyncAPI channels are not served.")
        return None
    if len(given) != 1:
        what = f"has {' and '.join(given)}" if given else "calls nothing"
        hint = f"Give it one of {', '.join(_CALLS)}."
        context.reader.error(path, "step-call", f"the step {what}.", hint)
        return None
    text = context.reader.text(node, given[0], path)
    return _CALLS[given[0]](context, text, (*path, given[0])) if text else None


def _operation_id(context: Context, text: str, path: Path) -> StepCall:
    return OperationId(text, context.reader.where(path))


def _operation_path(context: Context, text: str, path: Path) -> StepCall:
    return OperationPath(text, context.reader.where(path))


_CALLS: dict[str, Callable[[Context, str, Path], StepCall | None]] = {
    "operationId": _operation_id,
    "operationPath": _operation_path,
    "workflowId": Context.workflow_id,
}
