"""The objects of an Arazzo description, as the specification names them, parsed once and frozen.

Every expression in them is compiled; nothing downstream looks into raw mappings. References to
operations stay as written (`OperationId`, `OperationPath`): what they mean is found when the description is linked to
its sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from arazzo_mcp.arazzo.condition import Condition
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.kind import Kind
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import Literal, Template, Text
from arazzo_mcp.findings import Where

NOWHERE: Final = Where("")
"""The place of what stands in no document."""

ON_CANCEL: Final = "x-on-cancel"
"""The extension of the Workflow Object that holds the step which cancels what the workflow has started."""


@dataclass(frozen=True, slots=True)
class Source:
    """Source Description Object."""

    name: str
    url: str
    type: str
    where: Where


@dataclass(frozen=True, slots=True)
class OperationId:
    """A step's `operationId` as written, and where it stands."""

    text: str
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OperationPath:
    """A step's `operationPath` as written, and where it stands."""

    text: str
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WorkflowId:
    """A step's or an action's `workflowId`: of the same description, or `$sourceDescriptions.<name>.<workflowId>`."""

    name: str


@dataclass(frozen=True, slots=True)
class StepId:
    """An action's `stepId`, within the same workflow."""

    name: str


@dataclass(frozen=True, slots=True)
class StepReference:
    """A step that another one awaits: of the same workflow where `workflow` is None."""

    workflow: str | None
    step: str


StepCall = OperationId | OperationPath | WorkflowId


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameter Object. `location` is None where the parameter is a workflow's input, or none is given."""

    name: str
    location: str | None
    value: Template
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Replacement:
    """Payload Replacement Object. `kind` is what its target is."""

    target: Literal | Text
    value: Template
    kind: Kind


@dataclass(frozen=True, slots=True)
class RequestBody:
    """Request Body Object. `payload` is None where only replacements build the body."""

    content_type: str | None
    payload: Template | None
    replacements: tuple[Replacement, ...]
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SimpleCriterion:
    """A condition over runtime expressions."""

    text: str
    condition: Condition[Expression]
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RegexCriterion:
    """A pattern that must be found in the context's text."""

    text: str
    context: Expression
    pattern: Literal | Text


@dataclass(frozen=True, slots=True)
class QueryCriterion:
    """A JSONPath or XPath query, or a boolean expression over JSONPaths, applied to the context."""

    text: str
    context: Expression
    query: Literal | Text
    kind: Kind


Criterion = SimpleCriterion | RegexCriterion | QueryCriterion


@dataclass(frozen=True, slots=True)
class End:
    """An action that ends the workflow."""

    name: str
    criteria: tuple[Criterion, ...]
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Goto:
    """An action that transfers control."""

    name: str
    criteria: tuple[Criterion, ...]
    target: StepId | WorkflowId
    parameters: tuple[Parameter, ...] = ()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """An action that repeats a step: after `after` seconds, at most `limit` times, `first` going somewhere else."""

    name: str
    criteria: tuple[Criterion, ...]
    after: float | None
    limit: int
    first: StepId | WorkflowId | None
    parameters: tuple[Parameter, ...] = ()
    where: Where = field(default=NOWHERE, compare=False, repr=False)


Action = End | Goto | Retry


def _destination(action: Action) -> StepId | WorkflowId | None:
    match action:
        case Goto():
            return action.target
        case Retry():
            return action.first
        case End():
            return None


@dataclass(frozen=True, slots=True)
class Step:
    """Step Object, with the workflow's parameters and actions already laid under its own.

    timeout: the most seconds that it may take; depends_on: steps that must have completed before it.
    """

    id: str
    description: str
    call: StepCall
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    success_criteria: tuple[Criterion, ...]
    on_success: tuple[Action, ...]
    on_failure: tuple[Action, ...]
    outputs: Mapping[str, Template]
    where: Where
    timeout: float | None = None
    depends_on: tuple[StepReference, ...] = ()

    def sent(self) -> Iterator[Template]:
        """The values that it sends, or gives to the workflow that it calls."""
        yield from (parameter.value for parameter in self.parameters)
        if self.body is not None:
            yield from (replacement.value for replacement in self.body.replacements)
            yield from (payload for payload in (self.body.payload,) if payload is not None)

    def jumps(self) -> Iterator[StepId | WorkflowId]:
        """Where its actions lead."""
        for action in (*self.on_success, *self.on_failure):
            target = _destination(action)
            if target is not None:
                yield target


@dataclass(frozen=True, slots=True)
class Workflow:
    """Workflow Object. `inputs` is its JSON Schema with local references inlined.

    depends_on: the ids of workflows that must have completed before it; home: empty, or of a workflow of another
    description, what stands before the ids of that description's workflows: `$sourceDescriptions.<name>.`; on_cancel:
    the step that is run when a run is cancelled, which is none of `steps` and calls an operation.
    """

    id: str
    summary: str
    description: str
    inputs: Mapping[str, Json]
    steps: tuple[Step, ...]
    outputs: Mapping[str, Template]
    where: Where
    depends_on: tuple[str, ...] = ()
    home: str = ""
    on_cancel: Step | None = None
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # asked for at every request; of two steps of one id the first one counts
        places = {step.id: at for at, step in reversed(list(enumerate(self.steps)))}
        object.__setattr__(self, "_places", places)

    def defaults(self) -> dict[str, Json]:
        """The values of inputs that a caller may leave out, as the schema says."""
        properties = self.inputs.get("properties", {})
        return {name: s["default"] for name, s in properties.items() if isinstance(s, dict) and "default" in s}

    def calls(self) -> Iterator[str]:
        """The ids of the workflows that this one needs, calls, goes to, or runs before a retry."""
        yield from self.depends_on
        for step in self.steps:
            if isinstance(step.call, WorkflowId):
                yield step.call.name
            yield from (target.name for target in step.jumps() if isinstance(target, WorkflowId))

    def nested(self) -> Iterator[str]:
        """The ids of the workflows that run within this one: those that it needs and those that its steps call."""
        yield from self.depends_on
        yield from (step.call.name for step in self.steps if isinstance(step.call, WorkflowId))

    def step(self, step_id: str) -> Step:
        """The step with this id; it exists, for every reference was checked when the workflow was parsed."""
        return self.steps[self._places[step_id]]

    def after(self, step_id: str) -> Step | None:
        """The next step in the order of the document, None after the last."""
        at = self.position(step_id) + 1
        return self.steps[at] if at < len(self.steps) else None

    def position(self, step_id: str) -> int:
        """Where a step stands in the order of the document."""
        return self._places[step_id]


@dataclass(frozen=True, slots=True)
class Home:
    """What the workflows of one document see of it: its sources and its `$self`."""

    sources: Mapping[str, Source]
    self_uri: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """Arazzo Description: those of its workflows that can be served, by id.

    Workflows of other descriptions that they use are among them, under `$sourceDescriptions.<name>.<workflowId>`; what
    those see of their own documents is in `homes`. awaited: the steps, by workflow and id, that other steps await;
    refused: the other ones, as far as they could be read, so that all that is wrong with them can be said at once.
    """

    version: str
    title: str
    self_uri: str | None
    sources: Mapping[str, Source]
    workflows: Mapping[str, Workflow]
    where: Where = NOWHERE
    homes: Mapping[str, Home] = field(default_factory=dict)
    awaited: frozenset[tuple[str, str]] = frozenset()
    refused: Mapping[str, Workflow] = field(default_factory=dict)

    def reached(self, workflow: Workflow) -> list[Workflow]:
        """A workflow and every one that it can lead to, once each."""
        found = {workflow.id: workflow}
        pending = [workflow]
        while pending:
            for name in pending.pop().calls():
                if name not in found:
                    found[name] = self.workflows[name]
                    pending.append(found[name])
        return list(found.values())

    def home(self, workflow: Workflow) -> Home:
        """What a workflow sees of its document."""
        return self.homes[workflow.home] if workflow.home else Home(self.sources, self.self_uri)
