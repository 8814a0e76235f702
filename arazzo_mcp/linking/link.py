"""Linking: the steps of a description joined to the operations that they call.

Orchestrates only: sources are opened in `apis.py`, operations found in `resolve.py`, steps held against them in
`conform.py`, the flow of a workflow looked at in `arazzo/dead_ends.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from arazzo_mcp.arazzo.command import Target
from arazzo_mcp.arazzo.dead_ends import dead_ends
from arazzo_mcp.arazzo.model import Description, Parameter, Step, Workflow, WorkflowId
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.findings import Finding
from arazzo_mcp.linking.apis import ANY, Apis, Servers, open_apis, server_findings
from arazzo_mcp.linking.conform import conform
from arazzo_mcp.linking.resolve import resolve
from arazzo_mcp.openapi.idempotency import idempotency_header, without_need
from arazzo_mcp.openapi.oddities import oddities
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.reading.documents import Text

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Links:
    """A description with its steps as they are meant, the operation of each by workflow and step, the sources that are
    open, and everything that was found. A workflow that a finding of severity error names cannot be served."""

    description: Description
    targets: Mapping[tuple[str, str], Target]
    apis: Mapping[str, OpenApi]
    findings: tuple[Finding, ...]


def link(
    description: Description, texts: Mapping[str, Text], servers: Servers, findings: Iterable[Finding] = ()
) -> Links:
    """Find the operation of every step, and all that can be known before the first request.

    texts: of each source that is at hand; findings: what has been found before, which comes first in the result.
    """
    apis, found = open_apis(description, texts, servers)
    linker = _Linker(apis, servers)
    workflows = {name: linker.workflow(flow) for name, flow in description.workflows.items()}
    for flow in workflows.values():
        linker.findings += [_in(flow, finding) for finding in dead_ends(flow)]
    for flow in description.refused.values():  # what is wrong with them besides is said as well
        linker.workflow(flow)
    every = [*findings, *found, *linker.of_servers(description), *linker.findings, *_names(description)]
    # a source that no workflow needs keeps nothing from being served
    every = [replace(f, workflow=None, severity="warning") if f.workflow == ANY else f for f in every]
    targets = {key: target for key, target in linker.targets.items() if key[0] in workflows}
    return Links(replace(description, workflows=workflows), targets, apis.open, tuple(dict.fromkeys(every)))


@dataclass
class _Linker:
    """Gathers targets and findings step by step."""

    apis: Apis
    servers: Servers
    targets: dict[tuple[str, str], Target] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def workflow(self, workflow: Workflow) -> Workflow:
        """A workflow with its steps as they are meant."""
        steps = tuple(self._step(workflow, step) for step in workflow.steps)
        on_cancel = self._step(workflow, workflow.on_cancel) if workflow.on_cancel else None
        return replace(workflow, steps=steps, on_cancel=on_cancel)

    def _step(self, workflow: Workflow, step: Step) -> Step:
        resolved = resolve(step, self.apis)
        findings = list(resolved.findings)
        if resolved.line is not None:
            source, entry = resolved.line
            operation = self.apis.open[source].operation(entry.key)
            header = idempotency_header(operation, self.servers.idempotency.get(source))
            self.targets[workflow.id, step.id] = Target(source, entry.key, entry.method, header)
            step, found = conform(step, without_need(operation, header))
            findings += [*found, *(tolerated(code, step.where, what) for code, what in oddities(operation))]
        elif not isinstance(step.call, WorkflowId):
            findings += [_nowhere(parameter) for parameter in step.parameters if parameter.location is None]
        self.findings += [_in(workflow, finding, step) for finding in findings]
        return step

    def of_servers(self, description: Description) -> Iterator[Finding]:
        """What is known of the servers of the sources that are called."""
        for target in self.targets.values():
            api = self.apis.open[target.source]
            yield from server_findings(description.sources[target.source], api, target.operation, self.servers)


def _nowhere(parameter: Parameter) -> Finding:
    """ "In all other scenarios ... the `in` field MUST be specified"; what the operation has cannot be known."""
    message = f"parameter {parameter.name!r} has no 'in'."
    return Finding("error", "parameter-in", parameter.where, message, "Say where it goes: in: query.")


def _in(workflow: Workflow, finding: Finding, step: Step | None = None) -> Finding:
    """A finding of a workflow, with a path that people read."""
    path = f"{workflow.id}.{step.id}" if step else finding.where.path
    return replace(finding, where=replace(finding.where, path=path), workflow=workflow.id)


def _names(description: Description) -> Iterator[Finding]:
    """ "SHOULD conform to the regular expression `[A-Za-z0-9_\\-]+`" (workflowId, and name of a source)."""
    for flow in description.workflows.values():
        if not _NAME.fullmatch(flow.id):
            message = f"workflowId {flow.id!r} has other characters than letters, digits, '_' and '-'."
            yield Finding("info", "odd-id", flow.where, message, "Its tool gets another name.", flow.id)
    for source in description.sources.values():
        if not _NAME.fullmatch(source.name):
            message = f"source name {source.name!r} has other characters than letters, digits, '_' and '-'."
            yield Finding("info", "odd-id", source.where, message)
