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

from arazzo_mcp.arazzo.command import CancelPlan, Program, Target
from arazzo_mcp.arazzo.model import RequestBody, Step, Workflow
from arazzo_mcp.arazzo.template import Literal, expressions_of
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.parse import Entry, OpenApi
from arazzo_mcp.openapi.path import VARIABLE, path_template

_VERBS: Final = ("cancel", "abort", "terminate", "stop", "kill")
_CALLS: Final = ("POST", "PUT", "PATCH")
_SAFE: Final = ("GET", "HEAD", "OPTIONS", "QUERY")


def cancel_plans(
    workflow: Workflow, targets: Mapping[tuple[str, str], Target], sources: Mapping[str, OpenApi]
) -> tuple[CancelPlan, ...]:
    """Every way to cancel what a workflow has started, best first: its own cancel step, else the operation whose path
    is nearest to the step that lends its parameters."""
    found: list[tuple[int, CancelPlan | None]] = []
    for step in workflow.steps:
        target = targets.get((workflow.id, step.id))
        if target is not None and _names_a_job(workflow, step, targets):
            api = sources[target.source]
            found += [
                (near, _plan(api.operation(e.key), step, e.key == target.operation)) for near, e in _near(api, target)
            ]
    ordered = sorted(((near, plan) for near, plan in found if plan), key=lambda pair: -pair[0])
    return tuple(plan for _, plan in ordered)


def cancel_line(program: Program, workflow: Workflow) -> str:
    """What `run_cancel` does for a workflow, in one sentence."""
    plans = program.cancels.get(workflow.id, ())
    if not plans:
        return "run_cancel stops the run here; no cancel operation was found in the API."
    return f"run_cancel also cancels the remote job ({plans[0].target.operation})."


def _near(api: OpenApi, target: Target) -> Iterator[tuple[int, Entry]]:
    """Cancel operations beside a step's own operation, with how many leading segments they share."""
    own = _segments(api.by_key[target.operation].path)
    for entry in api.entries:
        if entry.method in _CALLS and _is_cancel(entry.path):
            other = _segments(entry.path)
            shared = _shared(own, other)
            if entry.key == target.operation or _is_beside(other, shared):
                yield (1000 if entry.key == target.operation else shared), entry


def _is_beside(path: list[str], shared: int) -> bool:
    """Whether a cancel operation that shares its first segments with a step's own is for the same kind of thing:
    `jobs/{id}/cancel` must share the thing itself; `jobs/queue/cancel/{id}` the collection, which is a word of its own
    and neither a variable nor a version, as all things share those."""
    if not any(VARIABLE.search(segment) for segment in path[shared:]):
        return True
    if not shared or not VARIABLE.search(path[-1]):
        return False
    return not re.fullmatch(r"v\d+|api|rest|.*\{.*", path[shared - 1])


def _shared(one: list[str], other: list[str]) -> int:
    """How many leading segments two paths share."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _is_cancel(path: str) -> bool:
    segments = _segments(path)
    words = [segment for segment in segments if not VARIABLE.search(segment)]
    return bool(words) and words[-1].lower() in _VERBS and segments[-2:].count(words[-1]) == 1


def _segments(path: str) -> list[str]:
    return path_template(path).path.strip("/").split("/")


def _names_a_job(workflow: Workflow, step: Step, targets: Mapping[tuple[str, str], Target]) -> bool:
    """Whether a path parameter of the step comes from what another step started; what a GET found was there before."""
    values = (p.value for p in step.parameters if p.location == "path")
    names = {e.names[0] for value in values for e in expressions_of(value) if e.root == "steps"}
    started = (targets.get((workflow.id, name)) for name in names)
    return any(target is None or target.method not in _SAFE for target in started)


def _plan(operation: Operation, step: Step, own: bool) -> CancelPlan | None:
    needs = frozenset(path_template(operation.path).variables)
    given = {p.name for p in step.parameters if p.location == "path"}
    if not needs or not needs <= given:
        return None
    parameters = tuple(p for p in step.parameters if own or p.location == "header" or p.name in needs)
    empty = RequestBody(None, Literal({}), ()) if operation.body_required else None
    target = Target(operation.source, operation.key, operation.method)
    return CancelPlan(target, step.id, parameters, step.body if own else empty, needs)
