"""What one workflow declares, and what may therefore stand in its expressions.

Compiles the values of a workflow: each expression is parsed once, its names are checked, deviations become findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.inputs import plain_schema
from arazzo_mcp.arazzo.kind import mistake
from arazzo_mcp.arazzo.model import WorkflowId
from arazzo_mcp.arazzo.quirks import bent
from arazzo_mcp.arazzo.reader import Path, Reader, keys
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import (
    Literal,
    Names,
    Selected,
    Template,
    Text,
    compile_query_text,
    compile_template,
    expressions_of,
    leaves,
)
from arazzo_mcp.findings import did_you_mean


@dataclass(frozen=True, slots=True)
class Context:
    """The workflow that is being read, where it stands, and the names that it may use.

    calling: its steps that call a workflow, whose outputs are that one's where they name none.
    """

    reader: Reader
    node: dict[str, Json]
    path: Path
    inputs: dict[str, Json]
    names: Names
    calling: frozenset[str]
    components: dict[str, Json]

    def local_workflow(self, text: str, path: Path) -> WorkflowId | None:
        """A `workflowId` of a step or an action."""
        if text.startswith("$"):
            self.reader.error(path, "other-description", f"{text!r}: workflows of other descriptions are not served.")
            return None
        return WorkflowId(text)

    def reusable(self, node: dict[str, Json], kind: str, path: Path) -> dict[str, Json] | None:
        """Reusable Object: `reference: $components.<kind>.<name>`, `value` overriding a parameter's."""
        reference = node.get("reference")
        if not isinstance(reference, str):
            return node
        name = reference.removeprefix(f"$components.{kind}.")
        known = self.components.get(kind)
        found = known.get(name) if isinstance(known, dict) else None
        if not isinstance(found, dict):
            hint = did_you_mean(name, known if isinstance(known, dict) else ())
            self.reader.error(path, "unknown-component", f"{reference!r} is not in the components.", hint)
            return None
        return {**found, **({"value": node["value"]} if "value" in node else {})}

    def outputs(self, value: Json, path: Path) -> dict[str, Template]:
        """The `outputs` of a step or a workflow."""
        outputs = self.reader.mapping(value, path, "'outputs'")
        return {str(name): self.template(given, (*path, str(name))) for name, given in outputs.items()}

    def template(self, value: Json, path: Path) -> Template:
        """A value with its expressions compiled and their names checked."""
        template = compile_template(value, self.names)
        for expression in expressions_of(template):
            self.check(expression, path)
        if _bare_inside(template):
            self.reader.tolerate(path, "bare-expression", repr(value)[:80])
        for leaf in leaves(template):
            if isinstance(leaf, Selected):
                text = str(leaf.selector.value) if isinstance(leaf.selector, Literal) else None
                if problem := mistake(text, leaf.kind, "selectors"):
                    self.reader.error(path, *problem)
        return template

    def check(self, expression: Expression, path: Path, *, in_condition: bool = False) -> None:
        """Names that are not declared: an unknown step is an error, an unknown input or output has no value."""
        for code in bent(expression, in_condition=in_condition):
            self.reader.tolerate(path, code, expression.text)
        known = _DECLARED.get(expression.root)
        problem = known(self, expression) if known else None
        if problem is not None:
            severity, message, hint = problem
            report = self.reader.error if severity == "error" else self.reader.warn
            report(path, "undeclared-name", f"{expression.text}: {message}", hint)

    def _unknown_input(self, expression: Expression) -> tuple[str, str, str] | None:
        name = expression.names[0] if expression.names else ""
        if not name or _declared(name, self.names.inputs):
            return None
        return (
            "warning",
            f"there is no input {name!r}; it has no value.",
            did_you_mean(name, self.names.inputs),
        )

    def _unknown_step_output(self, expression: Expression) -> tuple[str, str, str] | None:
        step, name = expression.names
        if step not in self.names.steps:
            return "error", f"there is no step {step!r}.", did_you_mean(step, self.names.steps)
        outputs = self.names.steps[step]
        if _declared(name, outputs) or (step in self.calling and not outputs):
            return None
        return (
            "warning",
            f"step {step!r} has no output {name!r}; it has no value.",
            did_you_mean(name, outputs),
        )

    def condition_text(self, text: str, path: Path) -> Literal | Text:
        """A regex or jsonpath condition, in which expressions may stand in braces."""
        compiled = compile_query_text(text, self.names)
        for expression in expressions_of(compiled):
            self.check(expression, path)
        if _bare_inside(compiled):
            self.reader.tolerate(path, "bare-expression", repr(text)[:80])
        return compiled


def context_of(
    reader: Reader, data: dict[str, Json], node: dict[str, Json], path: Path, workflows: Mapping[str, frozenset[str]]
) -> Context:
    """The context of one workflow of a document. workflows: the outputs that each workflow declares."""
    inputs = plain_schema(node.get("inputs") or {}, data)
    steps = [step for step in reader.items(node, "steps", path) if isinstance(step, dict)]
    outputs = {str(step.get("stepId")): keys(step.get("outputs")) for step in steps}
    return Context(
        reader,
        node,
        path,
        inputs,
        Names(keys(inputs.get("properties")), outputs, workflows),
        frozenset(str(step.get("stepId")) for step in steps if "workflowId" in step),
        reader.mapping(data.get("components"), ("components",), "'components'"),
    )


def _declared(name: str, known: frozenset[str]) -> bool:
    return name in known or any(name.startswith((f"{one}.", f"{one}[")) for one in known)


def _bare_inside(template: Template) -> bool:
    """Whether a text holds an expression that stood there without braces."""
    inner = (leaf.selector if isinstance(leaf, Selected) else leaf for leaf in leaves(template))
    texts = (leaf for leaf in inner if isinstance(leaf, Text))
    return any(isinstance(part, Expression) and part.bare for text in texts for part in text.parts)


_DECLARED: dict[str, Callable[[Context, Expression], tuple[str, str, str] | None]] = {
    "inputs": Context._unknown_input,
    "steps": Context._unknown_step_output,
}
