"""What has come of a step that was performed: its verdict and its outputs; and the outputs of its workflow."""

from __future__ import annotations

from collections.abc import Iterable

from arazzo_mcp.arazzo.criterion import PASSED, Verdict, judge
from arazzo_mcp.arazzo.model import Parameter, Step, Workflow
from arazzo_mcp.arazzo.scope import ABSENT, Ended, Exchange, Json, Scope
from arazzo_mcp.arazzo.template import Unresolved, fill


def verdict_on(step: Step, exchange: Exchange, scope: Scope) -> Verdict:
    """All success criteria must hold; without criteria a 2xx answer is a success."""
    if exchange.failure is not None:
        return Verdict(False, why=exchange.failure.message)
    if step.success_criteria:
        return judge(step.success_criteria, scope)
    ok = exchange.status is not None and 200 <= exchange.status < 300
    return PASSED if ok else Verdict(False, "$statusCode is 2xx", {"$statusCode": exchange.status})


def outputs_of(step: Step, scope: Scope, ok: bool, child: Ended | None) -> dict[str, Json]:
    """Step Object, `outputs`. Of a step that succeeded a value that is not there is null; of one that failed only what
    is there is kept, so that an error answer never wipes out an earlier value."""
    if child is not None and not step.outputs:
        return dict(child.outputs)
    produced = {}
    for name, template in step.outputs.items():
        try:
            value = fill(template, scope)
        except Unresolved:
            value = ABSENT
        if value is not ABSENT or ok:
            produced[name] = None if value is ABSENT else value
    return produced


def workflow_outputs(workflow: Workflow, scope: Scope) -> dict[str, Json]:
    """Outputs of steps that never ran are absent, never an error."""
    outputs = {}
    for name, template in workflow.outputs.items():
        try:
            value = fill(template, scope)
        except Unresolved:
            continue
        if value is not ABSENT:
            outputs[name] = value
    return outputs


def inputs_from(parameters: Iterable[Parameter], scope: Scope) -> dict[str, Json]:
    """ "all parameters map to workflow inputs".

    Raises:
        Unresolved: one of them refers to what is not there.
    """
    return {p.name: v for p in parameters if (v := fill(p.value, scope)) is not ABSENT}
