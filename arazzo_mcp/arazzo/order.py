"""The order in which the steps of a workflow run, and what they wait for.

Arazzo 1.1.0, "Step Dependencies and Execution Order": where a workflow uses `dependsOn`, "tools supporting only
sequential execution MUST execute steps in an order that satisfies both explicit (`dependsOn`) and implicit (output
reference) dependencies". Without any `dependsOn` the order of the document stands as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.model import Step, StepReference
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import expressions_of
from arazzo_mcp.arazzo.uses import sent
from arazzo_mcp.findings import did_you_mean

_OF_WORKFLOW: Final = re.compile(
    r"\$workflows\.(?P<local>[^.{}]+)\.steps\.(?P<step>[^.{}]+)"
    r"|(?P<other>\$sourceDescriptions\.[^.{}]+\.[^{}]+?)\.steps\.(?P<far>[^.{}]+)"
)


def step_references(context: Context, node: Mapping[str, Json], path: Path) -> tuple[StepReference, ...]:
    """Step Object, `dependsOn`: step ids of this workflow, or expressions that name a step of another one."""
    names = context.reader.names(node, "dependsOn", path)
    if len(set(names)) < len(names) or node.get("dependsOn") == []:
        message = "'dependsOn' is empty." if not names else "'dependsOn' names a step twice."
        context.reader.warn((*path, "dependsOn"), "idle-dependency", message)
    found = (_reference(context, name, (*path, "dependsOn")) for name in dict.fromkeys(names))
    return tuple(reference for reference in found if reference is not None)


def _reference(context: Context, text: str, path: Path) -> StepReference | None:
    name = text.removeprefix("$steps.")
    if name in context.names.steps:
        if name != text:
            context.reader.tolerate(path, "reference-form", repr(text))
        return StepReference(None, name)
    match = _OF_WORKFLOW.fullmatch(text)
    if match is None:
        hint = did_you_mean(name, context.names.steps)
        context.reader.error(path, "unknown-step", f"there is no step {text!r} in this workflow.", hint)
        return None
    return StepReference(match["local"] or match["other"], match["step"] or match["far"])


def ordered(context: Context, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps in the order in which they run: that of the document, but none before a step that it depends on."""
    if not any(step.depends_on for step in steps):
        return tuple(steps)
    known = {step.id for step in steps}
    needs = {step.id: (_awaited(step) | _used(step) - {step.id}) & known for step in steps}
    waiting, placed = list(steps), list[Step]()
    while waiting:
        ready = next((step for step in waiting if needs[step.id] <= {one.id for one in placed}), None)
        if ready is None:
            stuck = ", ".join(step.id for step in waiting)
            message = f"these steps depend on one another in a circle: {stuck}."
            context.reader.error((*context.path, "steps"), "dependency-cycle", message)
            return tuple(steps)
        waiting.remove(ready)
        placed.append(ready)
    return tuple(placed)


def _awaited(step: Step) -> set[str]:
    """The steps of its workflow that a step names in `dependsOn`."""
    return {reference.step for reference in step.depends_on if reference.workflow is None}


def _used(step: Step) -> set[str]:
    """The steps whose outputs a step sends; its own are those of an earlier lap."""
    return {e.names[0] for template in sent(step) for e in expressions_of(template) if e.root == "steps"}
