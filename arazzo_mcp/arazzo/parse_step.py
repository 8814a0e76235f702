"""Workflow Objects and their Step Objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.model import ON_CANCEL, OperationId, OperationPath, Step, StepCall, Workflow, WorkflowId
from arazzo_mcp.arazzo.order import ordered, step_references
from arazzo_mcp.arazzo.parse_action import step_actions
from arazzo_mcp.arazzo.parse_criterion import criteria
from arazzo_mcp.arazzo.parse_request import request_body, step_parameters
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import expressions_of

_NOT_ON_CANCEL: Final = ("onSuccess", "onFailure", "dependsOn")
_OF_STEPS: Final = ("inputs", "steps", "workflows", "sourceDescriptions", "components", "self")
"""What a request can be made of that follows no other one."""


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
        on_cancel=_on_cancel(context),
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


def _on_cancel(context: Context) -> Step | None:
    """`x-on-cancel`: one Step Object that is run in the scope of a run when that is cancelled, and leads nowhere."""
    path = (*context.path, ON_CANCEL)
    for name in (name for name in context.node if name != ON_CANCEL and _like(name) == _like(ON_CANCEL)):
        message = f"{name!r} means nothing; the step that cancels is {ON_CANCEL!r}."
        context.reader.error((*context.path, name), "unknown-field", message, f"Did you mean {ON_CANCEL!r}?")
    if ON_CANCEL not in context.node:
        return None
    node = context.node[ON_CANCEL]
    if not isinstance(node, dict):
        hint = "Write one step: an operationId, and its parameters."
        context.reader.error(path, "on-cancel-step", f"{ON_CANCEL!r} must be one Step Object.", hint)
        return None
    step_id = context.reader.text(node, "stepId", path) or ON_CANCEL
    if step_id in context.names.steps:
        context.reader.error(path, "duplicate-step", f"stepId {step_id!r} is used twice.")
    call = _call(context, node, path)
    if isinstance(call, WorkflowId):
        message = f"{ON_CANCEL!r} calls a workflow; it can only call an operation."
        context.reader.error((*path, "workflowId"), "on-cancel-step", message, "Give it an operationId.")
        return None
    return _leading_nowhere(context, _step(context, step_id, node, path, call), node, path) if call else None


def _like(name: str) -> str:
    return re.sub(r"[-_]", "", str(name)).lower()


def _leading_nowhere(context: Context, step: Step, node: dict[str, Json], path: Path) -> Step:
    for name in (name for name in _NOT_ON_CANCEL if name in node):
        message = f"{ON_CANCEL!r} has {name!r}, but it stands in no order and leads to nothing."
        context.reader.error((*path, name), "on-cancel-step", message, "Take it out; its successCriteria decide.")
    if "outputs" in node:
        message = f"nothing sees the outputs of {ON_CANCEL!r}; the provider's own words are kept."
        context.reader.warn((*path, "outputs"), "on-cancel-unused", message)
    for text in dict.fromkeys(e.text for t in step.sent() for e in expressions_of(t) if e.root not in _OF_STEPS):
        message = f"{text} has no value in {ON_CANCEL!r}: no other request comes before it."
        context.reader.error(path, "on-cancel-step", message, "Use $inputs, and $steps.<stepId>.outputs.<name>.")
    return replace(step, on_success=(), on_failure=(), outputs={}, depends_on=())


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
