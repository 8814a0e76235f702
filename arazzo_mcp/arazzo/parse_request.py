"""Parameter Objects, Request Body Objects and Payload Replacement Objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.kind import POINTER, XPATH, Kind, kind_of, mistake
from arazzo_mcp.arazzo.model import Parameter, Replacement, RequestBody, StepCall, WorkflowId
from arazzo_mcp.arazzo.payload import language_of
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import Literal
from arazzo_mcp.findings import did_you_mean

LOCATIONS: Final = ("path", "query", "querystring", "header", "cookie")
BODY_LOCATIONS: Final = ("body", "formData")
"""Where OpenAPI 2.0 has the parameters of which a body is made."""


def step_parameters(context: Context, node: dict[str, Json], path: Path, call: StepCall) -> tuple[Parameter, ...]:
    """A step's parameters over its workflow's: "the new definition will override it but can never remove it"."""
    common = parameters(context, context.node, context.path)
    own = parameters(context, node, path)
    if isinstance(call, WorkflowId):
        return tuple(replace(p, location=None) for p in ({p.name: p for p in (*common, *own)}).values())
    return tuple(
        {(p.name.lower() if p.location == "header" else p.name, p.location): p for p in (*common, *own)}.values()
    )


def parameters(context: Context, node: dict[str, Json], path: Path) -> tuple[Parameter, ...]:
    """The `parameters` of a step, a workflow or an action."""
    nodes = context.reader.items(node, "parameters", path)
    seen: set[tuple[str, str | None]] = set()
    found: list[Parameter] = []
    for at, value in enumerate(nodes):
        parameter = _parameter(context, value, (*path, "parameters", at))
        if parameter is None:
            continue
        if (parameter.name, parameter.location) in seen:
            message = f"parameter {parameter.name!r} is given twice; the last one is sent."
            context.reader.warn((*path, "parameters", at), "duplicate-parameter", message)
        seen.add((parameter.name, parameter.location))
        found.append(parameter)
    return tuple(found)


def _parameter(context: Context, value: Json, path: Path) -> Parameter | None:
    node = context.reusable(context.reader.mapping(value, path, "a parameter"), "parameters", path)
    if node is None:
        return None
    check_fields(context.reader, node, path, "a parameter")
    name = context.reader.text(node, "name", path, required=True)
    location = context.reader.text(node, "in", path) or None
    if location in BODY_LOCATIONS:
        context.reader.tolerate(path, "body-parameter", f"parameter {name!r} is in {location!r}")
    elif location not in (*LOCATIONS, None):
        hint = did_you_mean(str(location), LOCATIONS)
        context.reader.error(path, "parameter-in", f"parameter {name!r} is in {location!r}, which is not served.", hint)
    if "value" not in node:
        context.reader.error(path, "missing-field", f"parameter {name!r} has no 'value'.")
    return Parameter(name, location, context.template(node.get("value"), (*path, "value")), context.reader.where(path))


def request_body(context: Context, value: Json, path: Path) -> RequestBody | None:
    """A step's `requestBody`."""
    if value is None:
        return None
    node = context.reader.mapping(value, path, "'requestBody'")
    check_fields(context.reader, node, path, "'requestBody'")
    content_type = context.reader.text(node, "contentType", path) or None
    default = _default_kind(content_type, node.get("payload"))
    replacements = (
        _replacement(context, replacement, default, (*path, "replacements", at))
        for at, replacement in enumerate(context.reader.items(node, "replacements", path))
    )
    payload = context.template(node["payload"], (*path, "payload")) if "payload" in node else None
    given = tuple(one for one in replacements if one is not None)
    return RequestBody(content_type, payload, given, context.reader.where(path))


def _default_kind(content_type: str | None, payload: Json) -> Kind:
    """What a target is that does not say: an XPath in a payload of XML, a JSON pointer in any other."""
    return XPATH if language_of(content_type, payload if isinstance(payload, str) else "") == "xml" else POINTER


def _replacement(context: Context, value: Json, default: Kind, path: Path) -> Replacement | None:
    node = context.reader.mapping(value, path, "a replacement")
    check_fields(context.reader, node, path, "a replacement")
    if "value" not in node:
        context.reader.error(path, "missing-field", "a replacement has no 'value'.")
    if not isinstance(node.get("target"), str):
        context.reader.text(node, "target", path, required=True)
        return None
    named = node.get("targetSelectorType")
    kind = kind_of(named) if named else default
    target = context.condition_text(node["target"], (*path, "target"))
    if problem := mistake(str(target.value) if isinstance(target, Literal) else None, kind, "targets"):
        _code, message, hint = problem
        context.reader.error(path, "replacement-target", message, hint or _HINTS.get(kind.type, ""))
    return Replacement(target, context.template(node.get("value"), (*path, "value")), kind)


_HINTS: Final = {
    "jsonpointer": "Write /a/b, or say targetSelectorType: jsonpath.",
    "jsonpath": "Write $.a.b.",
    "xpath": "Write /a/b.",
}
