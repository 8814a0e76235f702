"""What a workflow would send, without sending anything: each step's request, in the order of the document, and at its
end that of `x-on-cancel`.

Made with the real pieces: parameters and bodies are filled in, bound by the operation and joined by credentials as in a
run; see `unknowns.py` for what cannot be known yet. Which steps run, and how often, is decided by answers: shown is
what decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from arazzo_mcp.arazzo.call import arguments_of, body_of
from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.model import ON_CANCEL, Action, Step, Workflow, WorkflowId
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope
from arazzo_mcp.arazzo.submit import with_key
from arazzo_mcp.arazzo.template import Template, Unresolved, expressions_of, fill
from arazzo_mcp.arazzo.wording import action_text, all_of, criterion_text, template_text
from arazzo_mcp.authors.unknowns import Unknowns
from arazzo_mcp.credentials import Credentials, Needed
from arazzo_mcp.errors import BindError
from arazzo_mcp.library import Linked
from arazzo_mcp.openapi.binary import Reader, no_files
from arazzo_mcp.openapi.bind import bind

MOST_STEPS: Final = 500
"""Workflows that call workflows can be far more than anybody reads."""

_KNOWN_ROOTS: Final = frozenset({"inputs", "steps", "self", "sourceDescriptions"})


@dataclass(frozen=True, slots=True)
class Planned:
    """A request as it would leave: marks of `unknowns` stand for what is not known and for credentials."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None
    needs: tuple[Needed, ...]

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return "json" in self.headers.get("content-type", "")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step: what it sends or which workflow it calls, or why it cannot; and what decides how it goes on.

    name: the path of step ids through sub-workflows; what only a cancel runs is marked as such.
    """

    name: str
    workflow: str
    calls: str | None
    request: Planned | None
    problem: str
    success: tuple[str, ...]
    outputs: Mapping[str, str]
    on_success: tuple[str, ...]
    on_failure: tuple[str, ...]


@dataclass
class DryRun:
    """One workflow, step by step. problems: what is wrong with the inputs; required: which must be given;
    read: the files that bodies may be filled from."""

    linked: Linked
    workflow: Workflow
    credentials: Credentials
    problems: tuple[str, ...] = ()
    required: Collection[str] = ()
    read: Reader = no_files
    unknowns: Unknowns = field(default_factory=Unknowns)
    steps: list[PlannedStep] = field(default_factory=list)
    cut: bool = False
    _before: set[str] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        """Whether something is known to go wrong."""
        return bool(self.problems) or any(step.problem for step in self.steps)

    def go(self, inputs: Mapping[str, Json]) -> DryRun:
        """Fill `steps`. Required inputs that are not given are shown as the expressions that ask for them."""
        missing = (name for name in self.required if name not in inputs)
        stand_ins = {name: self.unknowns.value(f"$inputs.{name}") for name in missing}
        self._through(self.workflow, {**stand_ins, **inputs}, "")
        return self

    def _through(self, workflow: Workflow, inputs: Mapping[str, Json], trail: str) -> None:
        for needed in workflow.depends_on:
            if needed not in self._before:
                self._before.add(needed)
                self._through(self.linked.program.description.workflows[needed], inputs, f"{trail}{needed}/")
        produced = {step.id: self._outputs(step) for step in workflow.steps}
        scope = Scope({**workflow.defaults(), **inputs}, produced, sources=self._sources())
        for step in workflow.steps:
            if len(self.steps) >= MOST_STEPS:
                self.cut = True
                return
            self._step(workflow, step, scope, trail)
            produced[step.id].update(self._known_outputs(step, scope))
        if workflow.on_cancel is not None:
            self._step(workflow, workflow.on_cancel, scope, trail)

    def _sources(self) -> dict[str, dict[str, Json]]:
        sources = self.linked.program.description.sources
        return {name: {"url": source.url, "type": source.type} for name, source in sources.items()}

    def _outputs(self, step: Step) -> dict[str, Json]:
        """What only the answer to a step can tell."""
        called = self._called(step)
        names = step.outputs or (called.outputs if called else {})
        return {name: self.unknowns.value(f"$steps.{step.id}.outputs.{name}") for name in names}

    def _called(self, step: Step) -> Workflow | None:
        if not isinstance(step.call, WorkflowId):
            return None
        return self.linked.program.description.workflows.get(step.call.name)

    def _known_outputs(self, step: Step, scope: Scope) -> Iterator[tuple[str, Json]]:
        """Outputs that need no answer: they only hand on what was there before."""
        for name, template in step.outputs.items():
            if all(expression.root in _KNOWN_ROOTS for expression in expressions_of(template)):
                value = self._filled(template, scope)
                if value is not ABSENT:
                    yield name, value

    def _filled(self, template: Template, scope: Scope) -> Json:
        try:
            return fill(self.unknowns.settled(template, scope), scope)
        except Unresolved:
            return ABSENT

    def _step(self, workflow: Workflow, step: Step, scope: Scope, trail: str) -> None:
        called = self._called(step)
        request, problem, inputs = None, "", dict[str, Json]()
        try:
            if called is None:
                request = self._request(workflow, step, scope)
            else:
                given = ((p.name, fill(p.value, scope)) for p in self.unknowns.parameters(step.parameters, scope))
                inputs = {name: value for name, value in given if value is not ABSENT}
        except (Unresolved, BindError) as error:
            problem = str(error)
        shown = f"{step.id} ({ON_CANCEL})" if step is workflow.on_cancel and step.id != ON_CANCEL else step.id
        self.steps.append(_planned(workflow, step, f"{trail}{shown}", request, problem))
        if called is not None and not problem:
            self._through(called, inputs, f"{trail}{step.id}/")

    def _request(self, workflow: Workflow, step: Step, scope: Scope) -> Planned:
        """A step's request as it would leave.

        Raises:
            Unresolved, BindError: it cannot be made.
        """
        target = self.linked.program.targets[workflow.id, step.id]
        operation = self.linked.operation(target)
        arguments = arguments_of(self.unknowns.parameters(step.parameters, scope), scope)
        body = body_of(self.unknowns.body(step.body, scope), scope)
        call = CallOperation(step.id, target, arguments, body)
        if target.idempotency is not None:
            call = with_key(call, self.unknowns.value("the run's own key"))
        request = bind(call, operation, self.read)
        needs = self.credentials.needed(operation, request.headers)
        secrets = {need.variable: self.unknowns.secret(need.variable, is_set=need.is_set) for need in needs}
        added = self.credentials.stand_in(secrets).additions(operation, request.headers)
        query = "&".join(f"{name}={value}" for name, value in added.query.items())
        url = f"{request.url}{'&' if '?' in request.url else '?'}{query}" if query else request.url
        cookies = [request.headers.get("cookie", ""), *(f"{name}={value}" for name, value in added.cookies.items())]
        headers = {**request.headers, **{name.lower(): value for name, value in added.headers.items()}}
        if any(cookies):
            headers["cookie"] = "; ".join(filter(None, cookies))
        return Planned(request.method, url, headers, _text(request.content), needs)


def _planned(workflow: Workflow, step: Step, name: str, request: Planned | None, problem: str) -> PlannedStep:
    return PlannedStep(
        name,
        workflow.id,
        step.call.name if isinstance(step.call, WorkflowId) else None,
        request,
        problem,
        tuple(map(criterion_text, step.success_criteria)),
        {output: template_text(template) for output, template in step.outputs.items()},
        tuple(_decided(action, succeeded=True) for action in step.on_success),
        tuple(_decided(action, succeeded=False) for action in step.on_failure),
    )


def _decided(action: Action, *, succeeded: bool) -> str:
    when = all_of(action.criteria)
    return f"{action_text(action, succeeded=succeeded)}{f' when {when}' if when else ''}"


def _text(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes)"
