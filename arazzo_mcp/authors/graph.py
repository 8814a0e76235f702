"""A workflow as a Mermaid flowchart: where it begins, its steps, what leads from one to the next, and how it ends.

Pure. Ids are made here and labels are quoted and escaped, so that any document yields a valid chart. Solid arrows
follow a success, dotted ones a failure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from arazzo_mcp.arazzo.command import Program
from arazzo_mcp.arazzo.model import Action, End, Goto, Retry, Step, StepId, Workflow, WorkflowId
from arazzo_mcp.arazzo.wording import action_text, all_of

MOST_LABEL: Final = 160
"""Characters of one line of a label; the rest is cut."""

_SPECIAL: Final = re.compile(r"""[#&<>"`%\\|]""")
_SPECIAL_IN_STYLE: Final = re.compile(r"""[#&<>"`%\\|:]""")
_LOOKS_LIKE_STYLE: Final = re.compile(r"style|classDef")


def mermaid(program: Program, workflow: Workflow) -> str:
    """The flowchart of one workflow; a workflow that a step calls is drawn inside, one level deep."""
    lines = ["flowchart TD", *_Chart(program, workflow, "").lines()]
    return "\n".join(lines) + "\n"


@dataclass
class _Chart:
    """One workflow's part of a chart. prefix: what its ids begin with; others: nodes of workflows that it goes to."""

    program: Program
    workflow: Workflow
    prefix: str
    others: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        steps = self.workflow.steps
        yield f'  {self.prefix}start(["{_label(*self._beginning())}"])'
        yield from (line for at, step in enumerate(steps) for line in self._node(at, step))
        yield f'  {self.prefix}done(["{_label("end", *_listed("outputs", self.workflow.outputs))}"])'
        edges = [*(line for at, step in enumerate(steps) for line in self._edges(at, step))]
        if any(line.endswith(f" {self.prefix}failed") for line in edges):
            yield f'  {self.prefix}failed(["failed"])'
        yield from (f'  {node}[["{_label(f"workflow {name}")}"]]' for name, node in self.others.items())
        yield f"  {self.prefix}start --> {self._step(0)}"
        yield from edges
        yield from self._when_cancelled()

    def _when_cancelled(self) -> Iterator[str]:
        """`x-on-cancel` stands in no order: whichever step a run is at, a cancel leads there."""
        step = self.workflow.on_cancel
        if step is not None:
            target = self.program.targets.get((self.workflow.id, step.id))
            yield f'  {self.prefix}cancel["{_label(step.id, target.operation if target else "")}"]'
            yield f'  {self.prefix}start -. "when cancelled" .-> {self.prefix}cancel'

    def _beginning(self) -> Iterator[str]:
        yield f"start {self.workflow.id}"
        required = self.workflow.inputs.get("required")
        marked = required if isinstance(required, list) else ()
        names = self.workflow.inputs.get("properties", {})
        yield from _listed("inputs", [f"{name}{'*' if name in marked else ''}" for name in names])
        yield from _listed("after workflows", self.workflow.depends_on)

    def _step(self, at: int) -> str:
        return f"{self.prefix}s{at}"

    def _node(self, at: int, step: Step) -> Iterator[str]:
        """A step; where it calls a workflow, that one beside it, with its own steps where this is the outer one."""
        if not isinstance(step.call, WorkflowId):
            target = self.program.targets.get((self.workflow.id, step.id))
            yield f'  {self._step(at)}["{_label(step.id, target.operation if target else "")}"]'
            return
        yield f'  {self._step(at)}[["{_label(step.id, f"workflow {step.call.name}")}"]]'
        called = self.program.description.workflows.get(step.call.name)
        if called is not None and not self.prefix:
            yield from self._inside(at, called)

    def _inside(self, at: int, called: Workflow) -> Iterator[str]:
        here, prefix = self._step(at), f"w{at}_"
        yield f'  subgraph {prefix}box["{_label(f"workflow {called.id}")}"]'
        yield from (f"  {line}" for line in _Chart(self.program, called, prefix).lines())
        yield "  end"
        yield f"  {here} -. calls .-> {prefix}start"
        yield f"  {prefix}done -. returns .-> {here}"

    def _edges(self, at: int, step: Step) -> Iterator[str]:
        following = self._step(at + 1) if at + 1 < len(self.workflow.steps) else f"{self.prefix}done"
        yield from self._ways(at, step.on_success, following, succeeded=True)
        yield from self._ways(at, step.on_failure, f"{self.prefix}failed", succeeded=False)

    def _ways(self, at: int, actions: Sequence[Action], otherwise: str, *, succeeded: bool) -> Iterator[str]:
        """The actions in their order, as far as one can be reached, and what happens where none applies."""
        arrow, here = ("-->" if succeeded else "-.->"), self._step(at)
        for action in actions:
            when = all_of(action.criteria)
            label = f"{self._said(at, action, succeeded=succeeded)}{f' when {when}' if when else ''}"
            yield f'  {here} {arrow}|"{_label(label)}"| {self._goal(at, action, succeeded=succeeded)}'
            if not when and not isinstance(action, Retry):
                return
        label = '|"otherwise"|' if actions else '|"fails"|' if not succeeded else ""
        yield f"  {here} {arrow}{label} {otherwise}"

    def _said(self, at: int, action: Action, *, succeeded: bool) -> str:
        text = action_text(action, succeeded=succeeded)
        match action:
            case Goto(target=StepId(name)) if self.workflow.position(name) <= at:
                return f"{text}, paced"
            case _:
                return text

    def _goal(self, at: int, action: Action, *, succeeded: bool) -> str:
        match action:
            case End():
                return f"{self.prefix}{'done' if succeeded else 'failed'}"
            case Goto(target=target):
                return self._place(target)
            case Retry(first=first):
                return self._place(first) if first else self._step(at)

    def _place(self, target: StepId | WorkflowId) -> str:
        if isinstance(target, StepId):
            return self._step(self.workflow.position(target.name))
        return self.others.setdefault(target.name, f"{self.prefix}o{len(self.others)}")


def _listed(what: str, names: Collection[str]) -> Iterator[str]:
    if names:
        yield f"{what}: {', '.join(names)}"


def _label(*parts: str) -> str:
    """Lines of text within a quoted label."""
    return "<br/>".join(_escaped(part) for part in parts if part)


def _escaped(text: str) -> str:
    """A text in which nothing means anything to Mermaid: its special characters as entities (`#quot;`), one line.

    Mermaid drops the end of an entity in lines that look like a style (`style...:`), so there `:` is one as well.
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    cut = plain if len(plain) <= MOST_LABEL else f"{plain[: MOST_LABEL - 1]}…"
    pattern = _SPECIAL_IN_STYLE if _LOOKS_LIKE_STYLE.search(cut) else _SPECIAL
    return pattern.sub(lambda match: f"#{ord(match[0])};", cut)
