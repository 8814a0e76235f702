"""How the remote job of a workflow is cancelled, as far as it is known at load time.

First comes the workflow's own step (`x-on-cancel`). Else the settings name an operation of a source, or turn its
cancels off. Else one is found: an operation of the same source whose path ends in a cancel verb (`.../cancel`,
`.../cancel/{id}`), never a delete, and whose path parameters are all given by one step of the workflow, one of them
from what another step returned: then it names the job and nothing else. A step of the workflow that calls such an
operation itself knows best how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType
from typing import Final

from arazzo_mcp.arazzo.command import OFF, SAFE, CancelPlan, Program, Target
from arazzo_mcp.arazzo.model import RequestBody, Step, Workflow
from arazzo_mcp.arazzo.template import Literal, expressions_of
from arazzo_mcp.findings import Finding
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.parse import Entry, OpenApi
from arazzo_mcp.openapi.path import VARIABLE, path_template

_VERBS: Final = ("cancel", "abort", "terminate", "stop", "kill")
_CALLS: Final = ("POST", "PUT", "PATCH")
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})


def cancel_plans(
    workflow: Workflow,
    targets: Mapping[tuple[str, str], Target],
    sources: Mapping[str, OpenApi],
    settings: Mapping[str, str] = NO_SETTINGS,
) -> tuple[CancelPlan, ...]:
    """Every way to cancel what a workflow has started, best first: `x-on-cancel`, else its own cancel step, else the
    operation whose path is nearest to the step that lends its parameters.

    settings: by source or workflow `off`, or by source the operation (see `named_operation`).
    """
    if settings.get(workflow.id) == OFF:
        return ()
    found: list[tuple[int, CancelPlan | None]] = []
    for step in workflow.steps:
        target = targets.get((workflow.id, step.id))
        if target is not None and _names_a_job(workflow, step, targets):
            api = sources[target.source]
            candidates = _candidates(api, target, settings.get(setting_name(target.source)))
            found += [(near, _plan(api.operation(entry.key), step, target)) for near, entry in candidates]
    ordered = sorted(((near, plan) for near, plan in found if plan), key=lambda pair: -pair[0])
    return (*_own(workflow, targets), *(plan for _, plan in ordered))


def setting_name(source: str) -> str:
    """The name of a source in the settings, without the way to it through other descriptions."""
    return source.rpartition("/")[2]


def named_operation(api: OpenApi, text: str) -> Entry | None:
    """The operation that a setting names by its operationId or as `METHOD /path`; None where there is none, or two."""
    method, _, path = text.strip().partition(" ")
    found = api.by_id.get(text.strip(), ())
    found = found or [entry for entry in api.entries if entry.key == f"{method.upper()} {path.strip()}"]
    return found[0] if len(found) == 1 else None


def cancel_findings(
    workflow: Workflow,
    targets: Mapping[tuple[str, str], Target],
    sources: Mapping[str, OpenApi],
    settings: Mapping[str, str],
) -> Iterator[Finding]:
    """Operations that the settings name and that cannot cancel what a workflow starts."""
    if not settings or settings.get(workflow.id) == OFF:
        return
    own = [target for (flow, _), target in targets.items() if flow == workflow.id and target.method not in SAFE]
    plans = cancel_plans(workflow, targets, sources, settings)
    for source in dict.fromkeys(target.source for target in own):
        text = settings.get(setting_name(source), OFF)
        if text != OFF and not any(plan.own or plan.target.source == source for plan in plans):
            lending = [s for s in workflow.steps if _source(workflow, s, targets) == source]
            why = _why_not(lending, sources[source], text)
            message = f"the settings cancel jobs of {source!r} with {text!r}, {why}."
            hint = "run_cancel will only stop the run here. Give the workflow an x-on-cancel step."
            yield Finding("warning", "cancel-setting", workflow.where, message, hint, workflow.id)


def _source(workflow: Workflow, step: Step, targets: Mapping[tuple[str, str], Target]) -> str | None:
    target = targets.get((workflow.id, step.id))
    return target.source if target else None


def _why_not(steps: list[Step], api: OpenApi, text: str) -> str:
    entry = named_operation(api, text)
    if entry is None:
        return "which it does not have"
    needs = path_template(entry.path).variables
    given = {p.name for step in steps for p in step.parameters if p.location == "path"}
    missing = ", ".join(repr(name) for name in needs if name not in given)
    if missing:
        return f"and no step gives its path parameter {missing}"
    return "and no step gives all its path parameters, one of them from what another step has started"


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What `run_cancel` does at the provider. by: `x-on-cancel`, `settings`, `found`, `off`, or `none`."""

    by: str
    operation: str | None = None


def cancelling(program: Program, workflow: Workflow) -> Cancelling:
    """What `run_cancel` does for a workflow first; where it has no way itself, for those that it calls or goes to."""
    flows = list(program.description.reached(workflow))
    if program.cancel_settings.get(workflow.id) == OFF:
        return Cancelling("off")
    plan = next((plan for flow in flows for plan in program.cancels.get(flow.id, ())), None)
    if plan is not None:
        set_so = setting_name(plan.target.source) in program.cancel_settings
        return Cancelling("x-on-cancel" if plan.own else "settings" if set_so else "found", plan.target.operation)
    ids = {flow.id for flow in flows}
    turned_off = {name for name, value in program.cancel_settings.items() if value == OFF}
    called = (setting_name(target.source) for (flow, _), target in program.targets.items() if flow in ids)
    return Cancelling("off" if turned_off and not turned_off.isdisjoint(called) else "none")


def cancel_line(program: Program, workflow: Workflow) -> str:
    """What `run_cancel` does for a workflow, in one sentence."""
    known = cancelling(program, workflow)
    return _SENTENCES[known.by].format(operation=known.operation)


_SENTENCES: Final = {
    "x-on-cancel": "run_cancel also cancels the remote job, as the workflow says ({operation}).",
    "settings": "run_cancel also cancels the remote job, as the settings say ({operation}).",
    "found": "run_cancel also cancels the remote job ({operation}).",
    "off": "run_cancel stops the run here; cancelling the remote job is turned off in the settings.",
    "none": "run_cancel stops the run here; no cancel operation was found in the API.",
}


def _own(workflow: Workflow, targets: Mapping[tuple[str, str], Target]) -> Iterator[CancelPlan]:
    step = workflow.on_cancel
    target = targets.get((workflow.id, step.id)) if step else None
    if step is not None and target is not None:
        needs = frozenset(p.name for p in step.parameters if p.location == "path")
        yield CancelPlan(target, step.id, step.parameters, step.body, needs, step)


def _candidates(api: OpenApi, target: Target, setting: str | None) -> Iterator[tuple[int, Entry]]:
    """The operations that may cancel what a step looks at, each with how near it is."""
    if setting is None:
        yield from _near(api, target)
    elif setting != OFF and (entry := named_operation(api, setting)) is not None:
        yield (1000 if entry.key == target.operation else 0), entry


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
    return any(target is None or target.method not in SAFE for target in started)


def _plan(operation: Operation, step: Step, lends: Target) -> CancelPlan | None:
    """lends: the operation of the step itself."""
    own = operation.key == lends.operation
    needs = frozenset(path_template(operation.path).variables)
    given = {p.name for p in step.parameters if p.location == "path"}
    if not needs or not needs <= given:
        return None
    parameters = tuple(p for p in step.parameters if own or p.location == "header" or p.name in needs)
    empty = RequestBody(None, Literal({}), ()) if operation.body_required else None
    target = Target(lends.source, operation.key, operation.method)
    return CancelPlan(target, step.id, parameters, step.body if own else empty, needs)
