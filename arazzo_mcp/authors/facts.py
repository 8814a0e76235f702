"""What a workflow that is served will do: the hosts that it calls, the credentials that go there, what a cancel does,
where it waits by itself, and which of its steps submit something.

Everything is known before the first request. Says which variable holds a credential and whether it is set, never what
is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arazzo_mcp.arazzo.command import REPEATABLE, Pace, Target
from arazzo_mcp.arazzo.model import Goto, Step, StepId, Workflow
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.credentials import Credentials, Needed
from arazzo_mcp.library import Linked
from arazzo_mcp.openapi.cancel import cancel_line, cancelling
from arazzo_mcp.openapi.model import Operation


@dataclass(frozen=True, slots=True)
class Facts:
    """cancel: in one sentence; hosts: base URLs; paced, submits: lines that begin with the step; cancel_by,
    cancel_operation: what cancels the remote job, as in `Cancelling`."""

    file: str
    workflow: str
    cancel: str
    steps: int
    hosts: tuple[str, ...]
    credentials: tuple[Needed, ...]
    paced: tuple[str, ...]
    submits: tuple[str, ...]
    cancel_by: str
    cancel_operation: str | None

    def as_dict(self) -> dict[str, Json]:
        """As plain JSON data."""
        needs = [
            {"source": n.source, "scheme": n.scheme.name, "variable": n.variable, "set": n.is_set}
            for n in self.credentials
        ]
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "credentials": needs, **{k: list(plain[k]) for k in ("hosts", "paced", "submits")}}


def facts(linked: Linked, workflow: Workflow, credentials: Credentials) -> Facts:
    """What a workflow will do, with every workflow that it calls or goes to."""
    calls = list(_calls(linked, workflow))
    own_cancels = [flow.on_cancel for flow in linked.program.description.reached(workflow)]
    known = cancelling(linked.program, workflow)
    needed = (need for step, _, operation in calls for need in credentials.needed(operation, _headers(step)))
    return Facts(
        linked.file,
        workflow.id,
        cancel_line(linked.program, workflow),
        len(workflow.steps),
        tuple(dict.fromkeys(o.base_url or f"{o.source}: no absolute server URL" for _, _, o in calls)),
        tuple({(n.source, n.scheme.name): n for n in needed}.values()),
        tuple(
            line for flow in linked.program.description.reached(workflow) for line in _paced(flow, linked.program.pace)
        ),
        tuple(
            _submit(step, target, o)
            for step, target, o in calls
            if o.method not in REPEATABLE and step not in own_cancels and o.key != known.operation
        ),
        known.by,
        known.operation,
    )


def _calls(linked: Linked, workflow: Workflow) -> Iterator[tuple[Step, Target, Operation]]:
    """Every call, that of `x-on-cancel` among them."""
    for flow in linked.program.description.reached(workflow):
        for step in (*flow.steps, *filter(None, (flow.on_cancel,))):
            target = linked.program.targets.get((flow.id, step.id))
            if target is not None:
                yield step, target, linked.operation(target)


def _submit(step: Step, target: Target, operation: Operation) -> str:
    """A call that may start something, and what makes it repeatable."""
    key = f" (repeatable by {target.idempotency})" if target.idempotency else ""
    return f"{step.id}: {operation.key}{key}"


def _headers(step: Step) -> frozenset[str]:
    return frozenset(p.name.lower() for p in step.parameters if p.location == "header")


def _paced(workflow: Workflow, pace: Pace) -> Iterator[str]:
    """Jumps back that have no delay of their own."""
    for step in workflow.steps:
        for action in (*step.on_success, *step.on_failure):
            match action:
                case Goto(target=StepId(name)) if workflow.position(name) <= workflow.position(step.id):
                    yield f"{step.id}: back to {name} after {pace.first:g} s, growing to {pace.most:g} s"
                case _:
                    continue
