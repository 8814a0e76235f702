"""Finding, at load time, how the remote job of a workflow is cancelled.

An operation of the same source whose path ends in a cancel verb (`.../cancel`, `.../cancel/{id}`), never a delete, and
whose path parameters are all given by one step of the workflow, one of them from what another step returned: then it
names the job and nothing else. A step of the workflow that calls such an operation itself knows best how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Final

from arazzo_mcp.arazzo.command import CancelPlan, Target
from arazzo_mcp.arazzo.expression import Literal, expressions_of
from arazzo_mcp.arazzo.model import RequestBody, Step, Workflow
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.parse import Entry, OpenApi

_VERBS: Final = ("cancel", "abort", "terminate", "stop", "kill")
_CALLS: Final = ("POST", "PUT", "PATCH")
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")


def cancel_plans(
    workflow: Workflow, targets: Mapping[tuple[str, str], Target], sources: Mapping[str, OpenApi]
) -> tuple[CancelPlan, ...]:
    """Every way to cancel what a workflow has started, best first: its own cancel step, else the operation whose path
    is nearest to the step that lends its parameters."""
    found: list[tuple[int, CancelPlan | None]] = []
    for step in workflow.steps:
        target = targets.get((workflow.id, step.id))
        if target is not None and _names_a_job(step):
            api = sources[target.source]
            found += [
                (near, _plan(api.operation(e.key), step, e.key == target.operation)) for near, e in _near(api, target)
            ]
    ordered = sorted(((near, plan) for near, plan in found if plan), key=lambda pair: -pair[0])
    return tuple(plan for _, plan in ordered)


def _near(api: OpenApi, target: Target) -> Iterator[tuple[int, Entry]]:
    """Cancel operations beside a step's own operation, with how many leading segments they share."""
    own = api.by_key[target.operation].path.strip("/").split("/")
    for entry in api.entries:
        if entry.method in _CALLS and _is_cancel(entry.path):
            shared = _shared(own, entry.path.strip("/").split("/"))
            if shared or entry.key == target.operation:
                yield (1000 if entry.key == target.operation else shared), entry


def _shared(one: list[str], other: list[str]) -> int:
    """How many leading segments two paths share."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _is_cancel(path: str) -> bool:
    words = [segment for segment in path.strip("/").split("/") if not _VARIABLE.search(segment)]
    return bool(words) and words[-1].lower() in _VERBS and path.strip("/").split("/")[-2:].count(words[-1]) == 1


def _names_a_job(step: Step) -> bool:
    """Whether a path parameter of the step comes from what another step returned."""
    values = (p.value for p in step.parameters if p.location == "path")
    return any(expression.root == "steps" for value in values for expression in expressions_of(value))


def _plan(operation: Operation, step: Step, own: bool) -> CancelPlan | None:
    needs = frozenset(_VARIABLE.findall(operation.path))
    given = {p.name for p in step.parameters if p.location == "path"}
    if not needs or not needs <= given:
        return None
    parameters = tuple(p for p in step.parameters if own or p.location == "header" or p.name in needs)
    empty = RequestBody(None, Literal({}), ()) if operation.body_required else None
    target = Target(operation.source, operation.key, operation.method)
    return CancelPlan(target, step.id, parameters, step.body if own else empty, needs)
