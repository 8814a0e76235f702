"""What the tool of a workflow takes: what its own inputs schema says, and what the API says where that says less.

An input that a request cannot do without, on every way through the workflow, is required. An input that is used and
nowhere declared is offered. Each is a tolerance, reported once a workflow. Knows nothing of how a tool is shown.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from arazzo_mcp.arazzo.command import Target
from arazzo_mcp.arazzo.flow import always_reached
from arazzo_mcp.arazzo.model import Goto, Parameter, Step, StepId, Workflow, WorkflowId
from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.words import kinds, tidy
from arazzo_mcp.findings import Finding, did_you_mean
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.openapi.shape import Shapes
from arazzo_mcp.schemas.feeds import Feed, Feeds, Place, walk
from arazzo_mcp.schemas.mentions import mentions
from arazzo_mcp.schemas.said import Said, said

_PLAIN: Final = Shapes(OpenApi("", {}))
_UNUSED: Final = "No step uses it."
_MOST_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class ToolInputs:
    """What a tool takes: a JSON Schema of an object without references, what it says of each input and in whose words,
    and what was found on the way."""

    schema: Mapping[str, Json]
    inputs: Mapping[str, Said] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def properties(self) -> dict[str, dict[str, Json]]:
        """The schema of each input."""
        properties: dict[str, Json] = self.schema.get("properties", {})
        return {name: value if isinstance(value, dict) else {} for name, value in properties.items()}

    @property
    def required(self) -> list[str]:
        """The inputs that a call must give."""
        return list(self.schema.get("required", ()))


def as_written(workflow: Workflow) -> ToolInputs:
    """The workflow's own schema and nothing else."""
    return ToolInputs(tidy(workflow.inputs))


class ToolSchemas:
    """What the tool of each workflow of a description takes. targets: the operation of each step; apis: by source."""

    def __init__(
        self,
        workflows: Mapping[str, Workflow],
        targets: Mapping[tuple[str, str], Target],
        apis: Mapping[str, OpenApi],
    ) -> None:
        self._workflows = workflows
        self._feeds = Feeds(targets, apis)
        self._made: dict[str, ToolInputs] = {}

    def of(self, name: str) -> ToolInputs:
        """What the tool of a workflow takes; of one that is not served, nothing."""
        if name not in self._made:
            workflow = self._workflows.get(name)
            # what a workflow takes that leads into itself is asked for while it is made
            self._made[name] = as_written(workflow) if workflow else ToolInputs({})
            if workflow:
                self._made[name] = self._derived(workflow)
        return self._made[name]

    def _derived(self, workflow: Workflow) -> ToolInputs:
        own = as_written(workflow)
        declared, always = own.properties, always_reached(workflow)
        feeds = self._of_steps(workflow, declared, always)
        others = self._of_others(workflow, always)
        undeclared = _undeclared(feeds, (*declared, *others))
        for name, feed in others.items():
            feeds.setdefault(name, []).append(feed)
        inputs = {
            name: said(declared.get(name, {}), feeds.get(name, ()))
            for name in dict.fromkeys((*declared, *undeclared, *others))
        }
        unused = [name for name in declared if name not in feeds]
        named = mentions(workflow) if unused else ""
        for name, one in ((name, inputs[name]) for name in unused):
            if f"$inputs.{name}" not in named:
                one.schema["description"] = f"{one.schema.get('description', '')} {_UNUSED}".strip()
        return _tool_inputs(workflow, own, inputs, undeclared)

    def _of_steps(
        self, workflow: Workflow, declared: Mapping[str, Json], always: Container[StepId | WorkflowId]
    ) -> dict[str, list[Feed]]:
        """Where each input goes; nothing is needed by a step that a run may pass by."""
        feeds: dict[str, list[Feed]] = {}
        for step in (*workflow.steps, *filter(None, (workflow.on_cancel,))):
            for feed in self._of_step(workflow, step):
                known = _as_declared(feed, declared)
                certain = replace(known, needed=known.needed and StepId(step.id) in always)
                feeds.setdefault(known.input, []).append(certain)
        return feeds

    def _of_step(self, workflow: Workflow, step: Step) -> Iterator[Feed]:
        """What a step is given. Where it calls a workflow, "all parameters map to workflow inputs" (Step Object)."""
        if not isinstance(step.call, WorkflowId):
            yield from self._feeds.of(workflow, step)
            return
        called = self.of(step.call.name)
        properties, required = called.properties, called.required
        for parameter in step.parameters:
            place = f"input {parameter.name!r} of workflow {step.call.name}"
            schema, needed = properties.get(parameter.name, {}), parameter.name in required
            yield from walk(parameter.value, Place(place, schema, needed, as_text=False), _PLAIN)

    def _of_others(self, workflow: Workflow, always: Iterable[StepId | WorkflowId]) -> dict[str, Feed]:
        """The inputs of workflows that run on this one's: those that it depends on, and one that always takes its
        place in the end."""
        after = {node.name for node in always if isinstance(node, WorkflowId)}
        given = {p.name for step in workflow.steps for p in _given_on(step)}
        found: dict[str, Feed] = {}
        for other in (*workflow.depends_on, *sorted(after)):
            inputs = self.of(other)
            for name, schema in inputs.properties.items():
                if other in workflow.depends_on or name not in given:
                    needed = name in inputs.required or (name in found and found[name].needed)
                    found[name] = Feed(name, f"workflow {other}", schema, True, needed)
        return found


def _given_on(step: Step) -> Iterator[Parameter]:
    """What the actions of a step give to the workflows that they go to."""
    for action in (*step.on_success, *step.on_failure):
        if isinstance(action, Goto):
            yield from action.parameters


def _as_declared(feed: Feed, declared: Mapping[str, Json]) -> Feed:
    """The input that an expression names: "a.b" where that is declared, else a part of "a"."""
    if feed.input in declared:
        return feed
    heads = [feed.input[:at] for at, character in enumerate(feed.input) if character in ".[" and at]
    if not heads:
        return feed
    name = next((head for head in reversed(heads) if head in declared), heads[0])
    return replace(feed, input=name, schema={}, whole=False)


def _undeclared(feeds: Mapping[str, list[Feed]], declared: Iterable[str]) -> list[str]:
    """Inputs that are used and not declared, without those that look like a slip of the pen and can be done without."""
    known = tuple(declared)
    unknown = (name for name in feeds if name not in known)
    return [name for name in unknown if any(f.needed for f in feeds[name]) or not did_you_mean(name, known)]


def _tool_inputs(workflow: Workflow, own: ToolInputs, inputs: Mapping[str, Said], undeclared: list[str]) -> ToolInputs:
    declared, required = own.properties, own.required
    derived = {
        name
        for name, one in inputs.items()
        if one.needed and name not in required and "default" not in declared.get(name, {})
    }
    schema = {
        **own.schema,
        "type": "object",
        "properties": {name: one.schema for name, one in inputs.items()},
        "required": [name for name in inputs if name in required or name in derived],
    }
    used = {
        "required-input-derived": [name for name in declared if name in derived],
        "input-type-from-api": [_retyped(n, declared[n], one) for n, one in inputs.items() if one.retyped],
        "undeclared-input": undeclared,
    }
    findings = tuple(_finding(workflow, code, names) for code, names in used.items() if names)
    return ToolInputs(schema, inputs, findings)


def _retyped(name: str, own: Mapping[str, Json], now: Said) -> str:
    return f"{name} ({'|'.join(sorted(kinds(own)))} -> {'|'.join(sorted(kinds(now.schema)))})"


def _finding(workflow: Workflow, code: str, names: list[str]) -> Finding:
    tolerance = TOLERANCES[code]
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    listed = f"{', '.join(names[:_MOST_LISTED])}{more}"
    return Finding("warning", code, workflow.where, f"{listed}: {tolerance.rule}; {tolerance.done}.", "", workflow.id)
