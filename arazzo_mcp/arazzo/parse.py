"""A document's plain data -> Description and findings. Arazzo 1.0 and 1.1.

All problems are collected, each with its place; a workflow with an error is left out of the description and the others
stay. What a tolerance lets through is a warning whose code stands in `quirks.TOLERANCES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from arazzo_mcp.arazzo.condition import ConditionSyntaxError, operands, parse_condition
from arazzo_mcp.arazzo.expression import (
    Expression,
    Literal,
    Names,
    Template,
    Text,
    compile_template,
    compile_text,
    expressions_of,
    parse_expression,
)
from arazzo_mcp.arazzo.inputs import plain_schema
from arazzo_mcp.arazzo.model import (
    Action,
    Criterion,
    Description,
    End,
    Goto,
    JsonPathCriterion,
    OperationId,
    OperationPath,
    Parameter,
    RegexCriterion,
    Replacement,
    RequestBody,
    Retry,
    SimpleCriterion,
    Source,
    Step,
    StepCall,
    StepId,
    Workflow,
    WorkflowId,
)
from arazzo_mcp.arazzo.quirks import TOLERANCES, bent
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.selector import SelectorSyntaxError, compile_jsonpath
from arazzo_mcp.findings import Finding, Where, did_you_mean

Path = tuple[str | int, ...]

SERVED_VERSIONS: Final = re.compile(r"1\.[01](\.\d+)?(-.*)?")
LOCATIONS: Final = ("path", "query", "header", "cookie")
_SOURCE_EXPRESSION = re.compile(r"\{?\$sourceDescriptions\.(?P<name>[^.{}#]+)\.(?P<operation>[^{}#]+)\}?")
_OPERATION_PATH = re.compile(
    r"(?P<open>\{)?(?P<dollar>\$sourceDescriptions\.)?(?P<name>[\w-]+)(?P<url>\.url)?\}?#(?P<pointer>/.+)"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's plain data, and the line and column (1-based) of every value in it by path."""

    file: str
    data: Json
    lines: Mapping[Path, tuple[int, int]] = field(default_factory=dict)


@dataclass
class _Reader:
    """Collects findings while a document is read; `workflow` is the one that is being read."""

    document: Document
    findings: list[Finding] = field(default_factory=list)
    workflow: str | None = None

    def where(self, path: Path) -> Where:
        known = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.document.lines), ())
        line, column = self.document.lines.get(known, (0, 0))
        return Where(self.document.file, line, column, ".".join(map(str, path)))

    def error(self, path: Path, code: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding("error", code, self.where(path), message, hint, self.workflow))

    def warn(self, path: Path, code: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding("warning", code, self.where(path), message, hint, self.workflow))

    def tolerate(self, path: Path, code: str, what: str) -> None:
        tolerance = TOLERANCES[code]
        self.warn(path, code, f"{what}: {tolerance.rule}; {tolerance.done}.")

    def spoiled(self, workflow: str) -> bool:
        return any(f.severity == "error" and f.workflow == workflow for f in self.findings)

    def mapping(self, value: Json, path: Path, what: str) -> dict[str, Json]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self.error(path, "wrong-type", f"{what} must be an object, not {_kind(value)}.")
        return {}

    def items(self, node: Mapping[str, Json], key: str, path: Path) -> list[Json]:
        value = node.get(key)
        if isinstance(value, list):
            return value
        if isinstance(value, dict):
            self.tolerate((*path, key), "object-for-list", f"{key!r} is one object")
            return [value]
        if value is not None:
            self.error((*path, key), "wrong-type", f"{key!r} must be a list, not {_kind(value)}.")
        return []

    def text(self, node: Mapping[str, Json], key: str, path: Path, *, required: bool = False) -> str:
        value = node.get(key)
        if isinstance(value, str):
            return value
        if value is not None:
            self.error((*path, key), "wrong-type", f"{key!r} must be a string, not {_kind(value)}.")
        elif required:
            self.error(path, "missing-field", f"{key!r} is missing.")
        return ""

    def number(self, node: Mapping[str, Json], key: str, path: Path) -> float | None:
        value = node.get(key)
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            value = float(value)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
            return value
        self.error((*path, key), "wrong-type", f"{key!r} must be a number from 0, not {value!r}.")
        return None


def _kind(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def parse(document: Document) -> tuple[Description | None, list[Finding]]:
    """The description of a document, with the workflows that can be served, and everything that was found.

    None where the document is no Arazzo description at all (a finding says why).
    """
    reader = _Reader(document)
    data = document.data
    if not isinstance(data, dict) or "arazzo" not in data:
        reader.error((), "not-arazzo", "this is not an Arazzo description: it has no 'arazzo' field.")
        return None, reader.findings
    version = str(data["arazzo"])
    if not SERVED_VERSIONS.fullmatch(version):
        reader.warn(("arazzo",), "unknown-version", f"version {version} is read as 1.1.0.")
    info = reader.mapping(data.get("info"), ("info",), "'info'")
    return Description(
        version,
        str(info.get("title", "")),
        data.get("$self"),
        {source.name: source for source in _sources(reader, data)},
        _workflows(reader, data),
        reader.where(()),
    ), reader.findings


def _sources(reader: _Reader, data: dict[str, Json]) -> Iterator[Source]:
    for at, node in enumerate(reader.items(data, "sourceDescriptions", ())):
        path: Path = ("sourceDescriptions", at)
        source = reader.mapping(node, path, "a source description")
        name = reader.text(source, "name", path, required=True)
        url = reader.text(source, "url", path, required=True)
        if name and url:
            yield Source(name, url, reader.text(source, "type", path) or "openapi", reader.where(path))


def _workflows(reader: _Reader, data: dict[str, Json]) -> dict[str, Workflow]:
    nodes = [
        (at, reader.mapping(n, ("workflows", at), "a workflow"))
        for at, n in enumerate(reader.items(data, "workflows", ()))
    ]
    if not nodes:
        reader.error((), "no-workflows", "the description has no workflows.")
    outputs = {str(node.get("workflowId")): _keys(node.get("outputs")) for _, node in nodes}
    workflows: dict[str, Workflow] = {}
    for at, node in nodes:
        path: Path = ("workflows", at)
        reader.workflow = None
        name = reader.text(node, "workflowId", path, required=True)
        if name in workflows:
            reader.error(path, "duplicate-workflow", f"workflowId {name!r} is used twice; the first one is served.")
        elif name:
            reader.workflow = name
            workflow = _WorkflowReader(reader, data, node, path, outputs).read(name)
            if not reader.spoiled(name):
                workflows[name] = workflow
    reader.workflow = None
    return _without_dangling(reader, workflows)


def _keys(value: Json) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, dict) else frozenset()


def _without_dangling(reader: _Reader, workflows: dict[str, Workflow]) -> dict[str, Workflow]:
    """Workflows that call one which is not served are not served either."""
    while True:
        dangling = [(w, r) for w in workflows.values() for r in w.calls() if r not in workflows]
        if not dangling:
            return workflows
        for workflow, reference in dangling:
            reader.findings.append(
                Finding(
                    "error",
                    "unknown-workflow",
                    workflow.where,
                    f"there is no workflow {reference!r} that can be served.",
                    did_you_mean(reference, workflows),
                    workflow.id,
                )
            )
            workflows.pop(workflow.id, None)


class _WorkflowReader:
    """Reads one workflow: it knows the names that its expressions may use."""

    def __init__(
        self,
        reader: _Reader,
        data: dict[str, Json],
        node: dict[str, Json],
        path: Path,
        workflows: Mapping[str, frozenset[str]],
    ) -> None:
        self.reader, self.node, self.path = reader, node, path
        self.components = reader.mapping(data.get("components"), ("components",), "'components'")
        self.inputs = plain_schema(node.get("inputs") or {}, data)
        steps = [step for step in reader.items(node, "steps", path) if isinstance(step, dict)]
        self.names = Names(
            _keys(self.inputs.get("properties")),
            {str(step.get("stepId")): _keys(step.get("outputs")) for step in steps},
            workflows,
        )
        self.calls_workflow = {str(step.get("stepId")) for step in steps if "workflowId" in step}

    def read(self, name: str) -> Workflow:
        node, path, reader = self.node, self.path, self.reader
        steps = tuple(self._steps())
        if not steps:
            reader.error(path, "no-steps", f"workflow {name!r} has no steps.")
        if node.get("dependsOn"):
            reader.error((*path, "dependsOn"), "depends-on", "'dependsOn' is not served by this version.")
        outputs = node.get("outputs")
        return Workflow(
            name,
            reader.text(node, "summary", path),
            reader.text(node, "description", path),
            self.inputs,
            (),
            steps,
            self._outputs(outputs, (*path, "outputs")),
            reader.where(path),
        )

    def _steps(self) -> Iterator[Step]:
        seen: set[str] = set()
        for at, value in enumerate(self.reader.items(self.node, "steps", self.path)):
            path = (*self.path, "steps", at)
            node = self.reader.mapping(value, path, "a step")
            step_id = self.reader.text(node, "stepId", path, required=True)
            if step_id in seen:
                self.reader.error(path, "duplicate-step", f"stepId {step_id!r} is used twice.")
            seen.add(step_id)
            call = self._call(node, path)
            if call is not None and step_id:
                yield self._step(step_id, node, path, call)

    def _step(self, step_id: str, node: dict[str, Json], path: Path, call: StepCall) -> Step:
        return Step(
            step_id,
            self.reader.text(node, "description", path),
            call,
            self._parameters_over(node, path, call),
            self._body(node.get("requestBody"), (*path, "requestBody")),
            self._criteria(node, "successCriteria", path),
            self._actions_over(node, path, "onSuccess", "successActions"),
            self._actions_over(node, path, "onFailure", "failureActions"),
            self._outputs(node.get("outputs"), (*path, "outputs")),
            self.reader.where(path),
        )

    # --- what a step calls

    def _call(self, node: dict[str, Json], path: Path) -> StepCall | None:
        given = [key for key in ("operationId", "operationPath", "workflowId", "channelPath") if node.get(key)]
        if given == ["channelPath"]:
            self.reader.error(path, "asyncapi", "steps on AsyncAPI channels are not served.")
            return None
        if len(given) != 1:
            what = f"has {' and '.join(given)}" if given else "calls nothing"
            self.reader.error(
                path,
                "step-call",
                f"the step {what}.",
                "Give it one of operationId, operationPath, workflowId.",
            )
            return None
        text = self.reader.text(node, given[0], path)
        return _CALLS[given[0]](self, text, (*path, given[0]))

    def _operation_id(self, text: str, _path: Path) -> StepCall:
        match = _SOURCE_EXPRESSION.fullmatch(text)
        return OperationId(match["operation"], match["name"]) if match else OperationId(text, None)

    def _operation_path(self, text: str, path: Path) -> StepCall | None:
        match = _OPERATION_PATH.fullmatch(text)
        if match is None:
            hint = "Write {$sourceDescriptions.<name>.url}#/paths/~1things/get."
            self.reader.error(path, "operation-path", f"{text!r} names no operation.", hint)
            return None
        if not (match["open"] and match["dollar"] and match["url"]):
            self.reader.tolerate(path, "operation-path-form", repr(text))
        return OperationPath(match["name"], match["pointer"])

    def _workflow_id(self, text: str, path: Path) -> StepCall | None:
        if text.startswith("$"):
            self.reader.error(path, "other-description", f"{text!r}: workflows of other descriptions are not served.")
            return None
        return WorkflowId(text)

    # --- parameters and bodies

    def _parameters_over(self, node: dict[str, Json], path: Path, call: StepCall) -> tuple[Parameter, ...]:
        """ "If a parameter is already defined at the Workflow, the new definition will override it." """
        common = self._parameters(self.node, self.path)
        own = self._parameters(node, path)
        if isinstance(call, WorkflowId):
            return tuple(replace(p, location=None) for p in ({p.name: p for p in (*common, *own)}).values())
        return tuple(
            {(p.name.lower() if p.location == "header" else p.name, p.location): p for p in (*common, *own)}.values()
        )

    def _parameters(self, node: dict[str, Json], path: Path) -> tuple[Parameter, ...]:
        nodes = self.reader.items(node, "parameters", path)
        found = (self._parameter(n, (*path, "parameters", at)) for at, n in enumerate(nodes))
        return tuple(parameter for parameter in found if parameter is not None)

    def _parameter(self, value: Json, path: Path) -> Parameter | None:
        node = self._reusable(self.reader.mapping(value, path, "a parameter"), "parameters", path)
        if node is None:
            return None
        name = self.reader.text(node, "name", path, required=True)
        location = self.reader.text(node, "in", path) or None
        if location not in (*LOCATIONS, None):
            hint = did_you_mean(str(location), LOCATIONS)
            self.reader.error(
                path, "parameter-in", f"parameter {name!r} is in {location!r}, which is not served.", hint
            )
        if "value" not in node:
            self.reader.error(path, "missing-field", f"parameter {name!r} has no 'value'.")
        return Parameter(name, location, self._template(node.get("value"), (*path, "value")))

    def _body(self, value: Json, path: Path) -> RequestBody | None:
        if value is None:
            return None
        node = self.reader.mapping(value, path, "'requestBody'")
        replacements = tuple(
            self._replacement(
                self.reader.mapping(r, (*path, "replacements", at), "a replacement"),
                (*path, "replacements", at),
            )
            for at, r in enumerate(self.reader.items(node, "replacements", path))
        )
        payload = self._template(node["payload"], (*path, "payload")) if "payload" in node else None
        return RequestBody(self.reader.text(node, "contentType", path) or None, payload, replacements)

    def _replacement(self, node: dict[str, Json], path: Path) -> Replacement:
        target = self.reader.text(node, "target", path, required=True)
        if target and not target.startswith("/"):
            self.reader.error(path, "replacement-target", f"target {target!r} is no JSON pointer.", "Write /a/b.")
        return Replacement(target, self._template(node.get("value"), (*path, "value")))

    # --- criteria

    def _criteria(self, node: dict[str, Json], key: str, path: Path) -> tuple[Criterion, ...]:
        nodes = self.reader.items(node, key, path)
        found = (self._criterion(n, (*path, key, at)) for at, n in enumerate(nodes))
        return tuple(criterion for criterion in found if criterion is not None)

    def _criterion(self, value: Json, path: Path) -> Criterion | None:
        node = self.reader.mapping(value, path, "a criterion")
        text = self.reader.text(node, "condition", path, required=True)
        kind = node.get("type") or "simple"
        if isinstance(kind, dict):
            kind = f"{kind.get('type')} {kind.get('version')}"
        read = _CRITERIA.get(kind.removesuffix(" rfc9535"))
        if read is None:
            hint = did_you_mean(kind, _CRITERIA)
            self.reader.error(path, "criterion-type", f"criteria of type {kind!r} are not served.", hint)
        return read(self, text, node, path) if read and text else None

    def _simple(self, text: str, _node: dict[str, Json], path: Path) -> Criterion | None:
        try:
            condition = parse_condition(text, _read_expression)
        except ConditionSyntaxError as error:
            self.reader.error(path, "condition-syntax", f"{error}.")
            return None
        if '"' in re.sub(r"'(?:[^']|'')*'", "", text):
            self.reader.tolerate(path, "double-quotes", repr(text))
        for expression in operands(condition):
            self._check(expression, path, in_condition=True)
        return SimpleCriterion(text, condition)

    def _regex(self, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
        context = self._context(node, path)
        return RegexCriterion(text, context, self._condition_text(text, path)) if context else None

    def _jsonpath(self, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
        context = self._context(node, path)
        query = self._condition_text(text, path)
        if isinstance(query, Literal):
            try:
                if compile_jsonpath(text).reading == "boolean":
                    self.reader.tolerate(path, "jsonpath-boolean", repr(text))
            except SelectorSyntaxError as error:
                self.reader.error(path, "condition-syntax", f"{text!r}: {error}.")
        return JsonPathCriterion(text, context, query) if context else None

    def _context(self, node: dict[str, Json], path: Path) -> Expression | None:
        text = self.reader.text(node, "context", path, required=True)
        expression = parse_expression(text)
        if text and expression is None:
            self.reader.error((*path, "context"), "expression-syntax", f"{text!r} is no runtime expression.")
        elif expression is not None:
            self._check(expression, path, in_condition=True)
        return expression

    def _condition_text(self, text: str, path: Path) -> Literal | Text:
        compiled = compile_text(text, self.names)
        if isinstance(compiled, Expression):
            return Text((compiled,))
        for expression in expressions_of(compiled):
            self._check(expression, path)
        return compiled

    # --- actions

    def _actions_over(self, node: dict[str, Json], path: Path, key: str, common: str) -> tuple[Action, ...]:
        """A step's own actions come first; the workflow's apply where the step has none of that name."""
        own = self._actions(node, key, common, path)
        names = {action.name for action in own}
        return (
            *own,
            *(a for a in self._actions(self.node, common, common, self.path) if a.name not in names),
        )

    def _actions(self, node: dict[str, Json], key: str, component: str, path: Path) -> tuple[Action, ...]:
        nodes = self.reader.items(node, key, path)
        found = (self._action(n, component, (*path, key, at), at) for at, n in enumerate(nodes))
        return tuple(action for action in found if action is not None)

    def _action(self, value: Json, component: str, path: Path, at: int) -> Action | None:
        reader = self.reader
        node = self._reusable(reader.mapping(value, path, "an action"), component, path)
        if node is None:
            return None
        name = reader.text(node, "name", path)
        if not name:
            name = f"{component}[{at}]"
            reader.tolerate(path, "unnamed-action", "the action has no name")
        kind = reader.text(node, "type", path, required=True)
        criteria = self._criteria(node, "criteria", path)
        target = self._action_target(node, path)
        match kind:
            case "end":
                return End(name, criteria)
            case "goto" if target is not None:
                return Goto(name, criteria, target, self._parameters(node, path))
            case "retry":
                if component == "successActions":
                    reader.tolerate(path, "success-retry", f"action {name!r} is a retry on success")
                after, limit = (
                    reader.number(node, "retryAfter", path),
                    reader.number(node, "retryLimit", path),
                )
                return Retry(
                    name,
                    criteria,
                    after,
                    1 if limit is None else int(limit),
                    target,
                    self._parameters(node, path),
                )
            case "goto":
                reader.error(
                    path,
                    "action-target",
                    f"action {name!r} goes nowhere.",
                    "Give it a stepId or a workflowId.",
                )
            case _ if kind:
                hint = did_you_mean(kind, ("end", "goto", "retry"))
                reader.error(path, "action-type", f"action {name!r} has the unknown type {kind!r}.", hint)
        return None

    def _action_target(self, node: dict[str, Json], path: Path) -> StepId | WorkflowId | None:
        step, workflow = (self.reader.text(node, key, path) for key in ("stepId", "workflowId"))
        if step and workflow:
            self.reader.error(path, "action-target", "an action has either a stepId or a workflowId, not both.")
        if step and step not in self.names.steps:
            hint = did_you_mean(step, self.names.steps)
            self.reader.error(path, "unknown-step", f"there is no step {step!r} in this workflow.", hint)
        if workflow:
            found = self._workflow_id(workflow, path)
            return found if isinstance(found, WorkflowId) else None
        return StepId(step) if step else None

    # --- shared

    def _reusable(self, node: dict[str, Json], kind: str, path: Path) -> dict[str, Json] | None:
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

    def _outputs(self, value: Json, path: Path) -> dict[str, Template]:
        outputs = self.reader.mapping(value, path, "'outputs'")
        return {str(name): self._template(given, (*path, str(name))) for name, given in outputs.items()}

    def _template(self, value: Json, path: Path) -> Template:
        template = compile_template(value, self.names)
        for expression in expressions_of(template):
            self._check(expression, path)
        if _bare_inside(template):
            self.reader.tolerate(path, "bare-expression", repr(value)[:80])
        return template

    def _check(self, expression: Expression, path: Path, *, in_condition: bool = False) -> None:
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
        name = expression.names[0]
        if _declared(name, self.names.inputs):
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
        if _declared(name, outputs) or (step in self.calls_workflow and not outputs):
            return None
        return (
            "warning",
            f"step {step!r} has no output {name!r}; it has no value.",
            did_you_mean(name, outputs),
        )


def _declared(name: str, known: frozenset[str]) -> bool:
    return name in known or any(name.startswith((f"{one}.", f"{one}[")) for one in known)


def _bare_inside(template: Template) -> bool:
    """Whether a text holds an expression that stood there without braces."""
    match template:
        case Text(parts):
            return any(isinstance(part, Expression) and part.bare for part in parts)
        case _:
            inner: Sequence[Any] = getattr(template, "items", None) or [m for _, m in getattr(template, "members", ())]
            return any(_bare_inside(one) for one in inner)


def _read_expression(text: str, start: int) -> tuple[Expression, int] | None:
    """The runtime expression that begins at an offset of a simple condition; braces around it are allowed."""
    match = _OPERAND.match(text, start)
    if match is None:
        return None
    expression = parse_expression(match["braced"] or match["plain"])
    return (expression, match.end()) if expression else None


_OPERAND = re.compile(r"\{(?P<braced>\$[^{}]+)\}|(?P<plain>\$(?:[^\s=!<>&|()\[\]{}]|\[[^\]]*\])+)")

_CALLS: dict[str, Callable[[_WorkflowReader, str, Path], StepCall | None]] = {
    "operationId": _WorkflowReader._operation_id,
    "operationPath": _WorkflowReader._operation_path,
    "workflowId": _WorkflowReader._workflow_id,
}
_CRITERIA: dict[str, Callable[[_WorkflowReader, str, dict[str, Json], Path], Criterion | None]] = {
    "simple": _WorkflowReader._simple,
    "regex": _WorkflowReader._regex,
    "jsonpath": _WorkflowReader._jsonpath,
}
_DECLARED: dict[str, Callable[[_WorkflowReader, Expression], tuple[str, str, str] | None]] = {
    "inputs": _WorkflowReader._unknown_input,
    "steps": _WorkflowReader._unknown_step_output,
}
