"""Going on with a job that was started elsewhere: what the outputs of given steps must hold, and which inputs the rest
of the workflow still needs.

Knows the description alone, and the frame in which the run begins or goes on. A given step is passed by once; one that
a jump back leads to is performed after all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from arazzo_mcp.arazzo.command import REPEATABLE, Program
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import Step, StepId, Workflow, WorkflowId
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.state import Frame, State
from arazzo_mcp.arazzo.template import expressions_of
from arazzo_mcp.arazzo.uses import expressions_in
from arazzo_mcp.findings import did_you_mean

Given = Mapping[str, Mapping[str, Json]]

_MOST_NAMED: Final = 20


def beginning(workflow: Workflow) -> Frame:
    """Where a run of a workflow begins."""
    return Frame(workflow.id, workflow.steps[0].id, {})


def of_present(state: State, given: Mapping[str, Json]) -> dict[str, Json]:
    """What is given to an ended run, by the ids of the workflow that it stands in; the whole path of a step will do."""
    path = "".join(f"{frame.step}/" for frame in state.frames[:-1])
    return {name.removeprefix(path): outputs for name, outputs in given.items()}


def may_submit(program: Program, workflow: Workflow, step: Step) -> bool:
    """Whether a step sends, or a workflow that it calls may send, a request that must not be repeated."""
    pending, met = [(workflow.id, step)], set[str]()
    while pending:
        where, one = pending.pop()
        target = program.targets.get((where, one.id))
        if target is not None and target.method not in REPEATABLE:
            return True
        if isinstance(one.call, WorkflowId) and one.call.name not in met:
            met.add(one.call.name)
            called = program.description.workflows[one.call.name]
            pending += [(called.id, inner) for inner in called.steps]
    return False


def wanted_outputs(program: Program, state: State) -> dict[str, Json]:
    """What to give so that a run goes on after its present step: that step's outputs that later ones need, else all,
    each with a word in place of its value."""
    rest = _Rest(program, state.frame, {state.frame.step: {}})
    names = list(dict.fromkeys(name for _, step, name in rest.used() if step == state.frame.step))
    names = names or list(rest.declared(state.frame.step))
    return {state.step: {name: f"<{name}>" for name in names}}


def attach_problems(program: Program, frame: Frame, given: Mapping[str, Json], *, resumed: bool) -> list[str]:
    """Why a run cannot go on from a frame with these outputs: one line each; none where it can.

    resumed: the frame is one of a run that has ended, not the beginning of a workflow.
    """
    workflow = program.description.workflows[frame.workflow]
    wrong = list(_unfit(workflow, given))
    if not given and not resumed:
        wrong.append(f"outputs: give those of at least one step; to run all of {workflow.id} call its tool")
    if wrong:
        return wrong
    rest = _Rest(program, frame, given)
    wrong = [*rest.undeclared(), *rest.missing()]
    if resumed:
        return [*wrong, *rest.sent_again(step for step in rest.steps if step.id == frame.step)]
    return [*wrong, *rest.nothing_left(), *rest.sent_again(rest.idle())]


def inputs_needed(program: Program, frame: Frame, given: Given, names: Iterable[str]) -> list[str]:
    """Those of the named inputs that what is left of the workflow refers to."""
    found = [expression for expression in _Rest(program, frame, given).expressions() if expression.root == "inputs"]
    return [name for name in names if any(_refers_to(expression, name) for expression in found)]


def _refers_to(expression: Expression, name: str) -> bool:
    """`$inputs.name`, a part of it, `$inputs#/name`, or all inputs."""
    if not expression.names:
        first = (expression.pointer or "").removeprefix("/").split("/")[0]
        return first in ("", name)
    written = expression.names[0]
    return written == name or (written.startswith(name) and written[len(name)] in ".[")


def _unfit(workflow: Workflow, given: Mapping[str, Json]) -> Iterator[str]:
    known = [step.id for step in workflow.steps]
    for name, outputs in given.items():
        if name not in known:
            line = f"outputs: workflow {workflow.id} has no step {name!r}. {did_you_mean(name, known)}"
            yield f"{line.rstrip()} Its steps: {', '.join(known[:_MOST_NAMED])}"
        elif not isinstance(outputs, dict):
            yield f"outputs.{name} must be an object: the outputs of step {name!r} by their names"


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left of a workflow from a frame on, without the steps that are given."""

    program: Program
    frame: Frame
    given: Given

    @property
    def workflow(self) -> Workflow:
        return self.program.description.workflows[self.frame.workflow]

    @property
    def steps(self) -> list[Step]:
        """Those that are performed if nothing jumps back."""
        at = self.workflow.position(self.frame.step)
        return [step for step in self.workflow.steps[at:] if step.id not in self.given]

    def performed(self) -> list[Step]:
        """Every step that may be performed: those that are left, and what a jump back leads to."""
        met: dict[str, Step] = {}
        pending = self.steps[::-1]
        while pending:
            step = pending.pop()
            if step.id not in met:
                met[step.id] = step
                pending += map(self.workflow.step, self._again(step))
        return list(met.values())

    def _again(self, step: Step) -> Iterator[str]:
        """The steps that a jump back of a step leads to, with all between: they come after it."""
        at = self.workflow.position(step.id)
        for target in step.jumps():
            if isinstance(target, StepId) and (to := self.workflow.position(target.name)) <= at:
                yield from (one.id for one in self.workflow.steps[to:at])

    def declared(self, name: str) -> Iterable[str]:
        """The outputs of a step; of one that calls a workflow and names none, that workflow's."""
        step = self.workflow.step(name)
        if isinstance(step.call, WorkflowId) and not step.outputs:
            return self.program.description.workflows[step.call.name].outputs
        return step.outputs

    def used(self) -> Iterator[tuple[str, str, str]]:
        """Who uses which output of which given step."""
        for step in self.performed():
            for expression in expressions_in(step):
                if expression.root == "steps" and expression.names[0] in self.given:
                    name = _named(expression.names[1], self.declared(expression.names[0]))
                    if name is not None:
                        yield step.id, expression.names[0], name

    def expressions(self) -> Iterator[Expression]:
        """Every expression that may still be evaluated with this workflow's inputs."""
        for template in self.workflow.outputs.values():
            yield from expressions_of(template)
        for step in (*self.performed(), *self._elsewhere()):
            yield from expressions_in(step)

    def _elsewhere(self) -> Iterator[Step]:
        """The steps of the workflows that get this one's inputs: it depends on them, or goes over to them."""
        pending, met = [self.workflow], set[str]()
        steps = {self.workflow.id: self.performed()}
        while pending:
            flow = pending.pop()
            jumps = [j.name for s in steps.get(flow.id, flow.steps) for j in s.jumps() if isinstance(j, WorkflowId)]
            for name in (name for name in (*flow.depends_on, *jumps) if name not in met):
                met.add(name)
                pending.append(self.program.description.workflows[name])
                yield from pending[-1].steps

    # --- what is wrong

    def undeclared(self) -> Iterator[str]:
        for step, outputs in self.given.items():
            known = list(self.declared(step))
            for name in (name for name in outputs if name not in known):
                listed = ", ".join(known[:_MOST_NAMED]) or "none"
                line = f"outputs.{step}.{name} is no output of step {step!r}. {did_you_mean(name, known)}"
                yield f"{line.rstrip()} It has: {listed}"

    def missing(self) -> Iterator[str]:
        told = set[tuple[str, str]]()
        for user, step, name in self.used():
            known = {**self.frame.outputs.get(step, {}), **self.given[step]}
            if known.get(name) is None and (step, name) not in told:
                told.add((step, name))
                yield f"outputs.{step}.{name} is required: step {user!r} uses it"

    def nothing_left(self) -> Iterator[str]:
        if not self.steps:
            yield "outputs: every step is given, so that nothing is left to do"

    def sent_again(self, steps: Iterable[Step]) -> Iterator[str]:
        """What was sent before must not be sent again only because nobody said that it was."""
        for step in steps:
            if may_submit(self.program, self.workflow, step):
                yield f"outputs.{step.id} is required: step {step.id!r} may start a second job if it is sent again"

    def idle(self) -> list[Step]:
        """The steps before the last given one whose outputs are of no use after it."""
        last = max((self.workflow.position(name) for name in self.given), default=0)
        before = {step.id: step for step in self.steps if self.workflow.position(step.id) < last}
        pending = [step for step in self.performed() if step.id not in before]
        while pending:
            names = {e.names[0] for e in expressions_in(pending.pop()) if e.root == "steps"}
            pending += [before.pop(name) for name in names & before.keys()]
        return list(before.values())


def _named(written: str, declared: Iterable[str]) -> str | None:
    """The output that a name stands for: a literal name first, else the longest whose part it is."""
    names = sorted(declared, key=len, reverse=True)
    return next((n for n in names if written == n or (written.startswith(n) and written[len(n)] in ".[")), None)
