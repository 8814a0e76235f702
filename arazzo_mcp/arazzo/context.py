"""What one workflow declares, and what may therefore stand in its expressions.

Compiles the values of a workflow: each expression is parsed once, its names are checked, deviations become findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.inputs import Schemas, plain_schema
from arazzo_mcp.arazzo.kind import mistake
from arazzo_mcp.arazzo.model import WorkflowId
from arazzo_mcp.arazzo.quirks import bent, is_odd
from arazzo_mcp.arazzo.reader import Path, Reader, keys
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import (
    ROOTS,
    Literal,
    Names,
    Selected,
    Template,
    Text,
    compile_query_text,
    compile_template,
    expressions_of,
    leaves,
    misspelt,
    placed_leaves,
)
from arazzo_mcp.findings import did_you_mean

OTHER_WORKFLOW: Final = re.compile(r"\$sourceDescriptions\.(?P<source>[^.{}]+)\.(?P<workflow>[^{}]+)")
"""The id of a workflow that stands in a source of type arazzo."""
_OF_WORKFLOW: Final = 3
"""How long the path of a field of a workflow is."""


_UNREAD: Final = re.compile(r"(?<![\w$])\$(?:inputs\.([\w-]+)|steps\.[\w-]+\.outputs\.[\w-]+)")
"""What would be an expression if its name were declared, within a longer text."""


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
    sources: frozenset[str]

    def workflow_id(self, text: str, path: Path) -> WorkflowId | None:
        """A `workflowId` of a step, an action or `dependsOn`: of this description, or of a source of type arazzo."""
        plain = text[1:-1] if text.startswith("{$") and text.endswith("}") else text
        plain = re.sub(r"^(\$sourceDescriptions\.[^.{}]+\.)workflows\.", r"\1", plain)
        local = plain.removeprefix("$workflows.")
        plain = local if local in self.names.workflows else plain
        if not plain.startswith("$") or OTHER_WORKFLOW.fullmatch(plain):
            if plain != text:
                self.reader.tolerate(path, "reference-form", repr(text))
            return WorkflowId(plain)
        hint = "Write a workflowId, or $sourceDescriptions.<name>.<workflowId>."
        self.reader.error(path, "workflow-reference", f"{text!r} names no workflow.", hint)
        return None

    def reusable(self, node: dict[str, Json], kind: str, path: Path) -> dict[str, Json] | None:
        """Reusable Object: `reference: $components.<kind>.<name>`, `value` overriding a parameter's."""
        reference = node.get("reference")
        if not isinstance(reference, str):
            return node
        before = f"$components.{kind}."
        name = reference.removeprefix(before)
        known = self.components.get(kind)
        found = known.get(name) if isinstance(known, dict) and reference.startswith(before) else None
        if not isinstance(found, dict):
            hint = did_you_mean(name, known if isinstance(known, dict) else ())
            self.reader.error(path, "unknown-component", f"{reference!r} is not in the components.", hint)
            return None
        return {**found, **({"value": node["value"]} if "value" in node else {})}

    def outputs(self, value: Json, path: Path) -> dict[str, Template]:
        """The `outputs` of a step or a workflow. Those of a workflow that are a list name nothing."""
        if isinstance(value, list) and len(path) == _OF_WORKFLOW:
            self.reader.tolerate(path, "outputs-list", "'outputs' is a list")
            return {}
        outputs = self.reader.mapping(value, path, "'outputs'")
        for name in filter(is_odd, map(str, outputs)):
            self.reader.tolerate((*path, name), "odd-name", f"output {name!r}")
        for name, given in outputs.items():
            if isinstance(given, dict) and not isinstance(compile_template(given, self.names), Selected):
                message = f"output {str(name)!r} is neither a runtime expression nor a Selector Object."
                self.reader.warn((*path, str(name)), "not-an-output", message)
        return {str(name): self.template(given, (*path, str(name))) for name, given in outputs.items()}

    def template(self, value: Json, path: Path) -> Template:
        """A value with its expressions compiled and their names checked."""
        template = compile_template(value, self.names)
        for place, leaf in placed_leaves(template, path):
            self._check_leaf(leaf, place)
        return template

    def _check_leaf(self, leaf: Template, path: Path) -> None:
        self._check_written(leaf, path)
        for expression in dict.fromkeys(expressions_of(leaf)):
            self.check(expression, path)
        if _bare_inside(leaf):
            self.reader.tolerate(path, "bare-expression", repr(_written(leaf))[:80])
        if isinstance(leaf, Selected):
            text = str(leaf.selector.value) if isinstance(leaf.selector, Literal) else None
            if problem := mistake(text, leaf.kind, "selectors"):
                self.reader.error(path, *problem)

    def _check_written(self, leaf: Template, path: Path) -> None:
        """What looks like an expression and is none is sent as the text that it is, which is hardly what was meant."""
        texts = leaf.parts if isinstance(leaf, Text) else (leaf.value,) if isinstance(leaf, Literal) else ()
        for text in (text for text in texts if isinstance(text, str)):
            for written in misspelt(text, whole=isinstance(leaf, Literal)):
                message = f"{written!r} is no runtime expression; it is sent as it stands."
                root = re.split(r"[.#\[]", written.lstrip("{"), maxsplit=1)[0]
                self.reader.warn(path, "not-an-expression", message, did_you_mean(root, ROOTS - {root}))
            for match in _UNREAD.finditer(text):
                message = f"{match[0]!r} is sent as it stands: no such name is declared."
                hint = did_you_mean(match[1], self.names.inputs) if match[1] else ""
                self.reader.warn(path, "undeclared-name", message, hint)

    def check(self, expression: Expression, path: Path, *, in_condition: bool = False) -> None:
        """Names that are not declared: an unknown step is an error, an unknown input or output has no value."""
        for code in (*bent(expression, in_condition=in_condition), *self._bent_names(expression, in_condition)):
            self.reader.tolerate(path, code, expression.text)
        known = _DECLARED.get(expression.root)
        problem = known(self, expression) if known else None
        if problem is not None:
            severity, message, hint = problem
            text = f"{expression.text}: {message}"
            if expression.root == "message":
                self.reader.error(path, "asyncapi", text, hint)
            elif severity == "error":
                self.reader.error(path, "undeclared-name", text, hint)
            else:
                self.reader.warn(path, "undeclared-name", text, hint)

    def _bent_names(self, expression: Expression, in_condition: bool) -> Iterator[str]:
        """How the name of an input or an output is written: literally, though it is odd, or with a path after it."""
        declared = self._names_for(expression)
        name = expression.names[-1] if expression.names else ""
        if name in declared and is_odd(name):
            yield "odd-name"
        elif name not in declared and _declared(name, declared) and not in_condition:
            yield "dotted-name"

    def _names_for(self, expression: Expression) -> frozenset[str]:
        """The names that are declared where an expression looks."""
        match expression.root, expression.names:
            case "inputs", _:
                return self.names.inputs
            case "steps", (step, _):
                return self.names.steps.get(step, frozenset())
            case "workflows", (workflow, "outputs", _):
                return self.names.workflows.get(workflow, frozenset())
        return frozenset()

    def _unknown_input(self, expression: Expression) -> tuple[str, str, str] | None:
        name = expression.names[0] if expression.names else ""
        if not name or _declared(name, self.names.inputs):
            return None
        hint = did_you_mean(name, self.names.inputs)
        return "warning", f"there is no input {name!r}{'; it has no value' if hint else ' in the inputs schema'}.", hint

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

    def _unknown_workflow(self, expression: Expression) -> tuple[str, str, str] | None:
        workflow, kind, name = expression.names
        if workflow not in self.names.workflows:
            hint = did_you_mean(workflow, self.names.workflows)
            return "warning", f"there is no workflow {workflow!r}; it has no value.", hint
        outputs = self.names.workflows[workflow]
        if kind != "outputs" or _declared(name, outputs):
            return None
        message = f"workflow {workflow!r} has no output {name!r}; it has no value."
        return "warning", message, did_you_mean(name, outputs)

    def _unknown_source(self, expression: Expression) -> tuple[str, str, str] | None:
        name = expression.names[0]
        if name in self.sources:
            return None
        return "warning", f"there is no source {name!r}; it has no value.", did_you_mean(name, self.sources)

    def _no_value(self, _expression: Expression) -> tuple[str, str, str] | None:
        return "warning", "it has no value here.", ""

    def _of_message(self, _expression: Expression) -> tuple[str, str, str] | None:
        return "error", "messages belong to steps on AsyncAPI channels, which are not served.", ""

    def condition_text(self, text: str, path: Path) -> Literal | Text:
        """A regex or jsonpath condition, in which expressions may stand in braces."""
        compiled = compile_query_text(text, self.names)
        for expression in expressions_of(compiled):
            self.check(expression, path)
        if _bare_inside(compiled):
            self.reader.tolerate(path, "bare-expression", repr(text)[:80])
        return compiled


def context_of(
    reader: Reader,
    data: dict[str, Json],
    node: dict[str, Json],
    path: Path,
    workflows: Mapping[str, frozenset[str]],
    schemas: Schemas,
) -> Context:
    """The context of one workflow of a document. workflows: the outputs that each workflow declares."""
    inputs = plain_schema(node.get("inputs") or {}, schemas)
    steps = [step for step in reader.items(node, "steps", path) if isinstance(step, dict)]
    outputs = {str(step.get("stepId")): keys(step.get("outputs")) for step in steps}
    components = reader.mapping(data.get("components"), ("components",), "'components'")
    return Context(
        reader,
        node,
        path,
        inputs,
        Names(keys(inputs.get("properties")), outputs, workflows, dict(_values(components.get("parameters")))),
        frozenset(str(step.get("stepId")) for step in steps if "workflowId" in step),
        components,
        frozenset(str(source.get("name")) for source in _objects(data.get("sourceDescriptions"))),
    )


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _values(parameters: Json) -> Iterator[tuple[str, Json]]:
    for name, parameter in (parameters if isinstance(parameters, dict) else {}).items():
        if isinstance(parameter, dict) and "value" in parameter:
            yield str(name), parameter["value"]


def _declared(name: str, known: frozenset[str]) -> bool:
    return name in known or any(name.startswith((f"{one}.", f"{one}[")) for one in known)


def _bare_inside(template: Template) -> bool:
    """Whether a text holds an expression that stood there without braces."""
    inner = (leaf.selector if isinstance(leaf, Selected) else leaf for leaf in leaves(template))
    texts = (leaf for leaf in inner if isinstance(leaf, Text))
    return any(isinstance(part, Expression) and part.bare for text in texts for part in text.parts)


def _written(leaf: Template) -> str:
    """A text with expressions inside, as it stands in the document."""
    parts = leaf.parts if isinstance(leaf, Text) else ()
    return "".join(part if isinstance(part, str) else part.text for part in parts)


_DECLARED: dict[str, Callable[[Context, Expression], tuple[str, str, str] | None]] = {
    "inputs": Context._unknown_input,
    "steps": Context._unknown_step_output,
    "workflows": Context._unknown_workflow,
    "sourceDescriptions": Context._unknown_source,
    "components": Context._no_value,
    "message": Context._of_message,
}
