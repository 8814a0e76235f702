"""The public test suites of the specification and of its grammars, run against the package.

They are not part of this project. Put them into a folder, one each under the name of its repository, and name it in
ARAZZO_MCP_SUITES (default: `suites` in the folder of published documents); what is absent is skipped:

    arazzo-specification            github.com/OAI/Arazzo-Specification, branch v1.1-dev: tests/schema/
    arazzo-runtime-expression       github.com/swaggerexpert/arazzo-runtime-expression: test/
    arazzo-criterion                github.com/swaggerexpert/arazzo-criterion: test/
    jsonpath-compliance-test-suite  github.com/jsonpath-standard/jsonpath-compliance-test-suite: cts.json
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from arazzo_mcp.arazzo.condition import ConditionSyntaxError, holds, parse_condition
from arazzo_mcp.arazzo.expression import Expression, parse_expression
from arazzo_mcp.arazzo.jsonpath import compile_query
from arazzo_mcp.arazzo.query import SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT
from arazzo_mcp.arazzo.template import Names, compile_text, expressions_of
from arazzo_mcp.findings import Finding
from arazzo_mcp.library import Options, open_library
from arazzo_mcp.reading.documents import parse_with_lines, read_text
from tests.conftest import SHARED

SUITES = Path(os.environ.get("ARAZZO_MCP_SUITES", SHARED / "suites"))


def suite(*parts: str) -> Path:
    """A file or folder of a suite; its test is skipped where it is absent."""
    found = SUITES.joinpath(*parts)
    if not found.exists():
        pytest.skip(f"no suite at {found}: see the head of this module for where to get it")
    return found


def quoted(file: Path) -> list[str]:
    """The strings of a JavaScript list, one in each line."""
    lines = (re.fullmatch(r"""\s*(?:'(.*)'|"(.*)"),""", line) for line in file.read_text("utf-8").splitlines())
    return [match[1] if match[1] is not None else match[2] for match in lines if match]


def claimed(file: Path, call: str) -> list[str]:
    """The strings of `assert.<call>(test('...'))` in a JavaScript test."""
    found = re.findall(rf"""assert\.{call}\(\s*test\(\s*(?:'([^']*)'|"([^"]*)")""", file.read_text("utf-8"))
    return [single or double for single, double in found]


# --- the specification's own documents

ELSEWHERE = "source-not-found"
"""What is said of sources that are not there."""

TRUE_ALL_THE_SAME = {
    # valid against the JSON Schema of the specification, and wrong by its text
    "characterization-openapi-invalid-operationPath-string.arazzo.yaml": "operation-path",  # names no operation
    "openapi-success-criteria.arazzo.yaml": "unknown-source",  # declares UserAPI, uses userAPI
    "workflow-success-criteria.arazzo.yaml": "unknown-source",  # the same
}

FAULTS = {
    "async-both-operationId-and-channelPath": "workflows.0.steps.0",
    "async-channelPath-without-action": "workflows.0.steps.0",
    "async-depends-on-duplicate-values": "workflows.0.steps.1.dependsOn",
    "async-depends-on-empty": "workflows.0.steps.1.dependsOn",
    "async-depends-on-invalid-reference": "workflows.0.steps.1.dependsOn",
    "channel-path-is-invalid-for-openapi": "workflows.0.steps.0",
    "invalid-arazzo-version": "arazzo",
    "invalid-async-correlation-id-non-receive-action": "workflows.0.steps.0",
    "invalid-async-parameter-without-in": "workflows.0.steps.0.parameters",
    "invalid-async": "workflows.0.steps.0",
    "invalid-expression-type-object": "workflows.0.steps.0.outputs",
    "invalid-openapi-parameter-without-in": "workflows.0.steps.0.parameters",
    "invalid-openapi-success-criteria": "workflows.0.steps.0",
    "invalid-querystring-without-value": "workflows.0.steps.0.parameters",
    "invalid-selector-object": "workflows.0.steps.0.outputs",
    "invalid-self-fragment": "$self",
    "invalid-targetSelectorType": "workflows.0.steps.0.requestBody",
    "invalid-workflow-step-with-operationId": "workflows.0.steps.0",
    "invalid-workflow-success-criteria": "workflows.0.steps.0",
    "not-an-object": "",
    "openapi-both-operationId-and-operationPath": "workflows.0.steps.0",
    "openapi-duplicate-parameters": "workflows.0.steps.0.parameters",
    "openapi-missing-operation-target": "workflows.0.steps.0",
    "workflow-duplicate-parameters": "workflows.0.steps.0.parameters",
    "workflow-missing-workflowId": "workflows.0.steps.0",
    "workflow-step-with-action": "workflows.0.steps.0",
    "workflow-step-with-channelPath": "workflows.0.steps.0",
}
"""Where the fault is of each document that must not pass."""

ASYNC = re.compile(r"\$message|asyncapi|AsyncAPI|channel|correlation", re.IGNORECASE)


def documents(kind: str) -> list[Path]:
    """The documents of one kind, none where the suite is absent."""
    folder = SUITES / "arazzo-specification" / "tests" / "schema" / kind
    return sorted(folder.iterdir()) if folder.is_dir() else []


def found_in(file: Path) -> list[Finding]:
    """What is found in a document, but for sources that are elsewhere."""
    return [f for f in open_library([file], Options()).findings if f.code != ELSEWHERE]


def test_the_documents_of_the_specification_are_all_there() -> None:
    suite("arazzo-specification")
    assert (len(documents("pass")), len(documents("fail"))) == (35, 27)
    assert {file.name.partition(".")[0] for file in documents("fail")} == FAULTS.keys()


@pytest.mark.parametrize("file", documents("pass"), ids=lambda file: file.name)
def test_a_document_that_must_pass_has_no_error(file: Path) -> None:
    every = open_library([file], Options()).findings
    followed = {"unknown-workflow"} if any(f.code == ELSEWHERE for f in every) else set()
    found = [f for f in every if f.code not in {ELSEWHERE, *followed}]
    errors = [f for f in found if f.severity == "error" and not ASYNC.search(f.message)]
    assert [f for f in errors if f.code != TRUE_ALL_THE_SAME.get(file.name)] == []


@pytest.mark.parametrize("file", documents("fail"), ids=lambda file: file.name)
def test_a_document_that_must_fail_has_a_finding_where_its_fault_is(file: Path) -> None:
    lines = parse_with_lines(read_text(file)).lines
    fault = FAULTS[file.name.partition(".")[0]]
    path = tuple(int(part) if part.isdigit() else part for part in fault.split(".")) if fault else ()
    within = [line for place, (line, _) in lines.items() if place[: len(path)] == path]
    # the key of a value stands in the line before it, where the value is a list of lines
    assert [f for f in found_in(file) if min(within) - 1 <= f.where.line <= max(within)], found_in(file)


# --- the grammar of runtime expressions


def test_every_expression_of_the_grammar_is_read() -> None:
    expressions = quoted(suite("arazzo-runtime-expression", "test", "fixtures", "expressions-valid.js"))
    assert len(expressions) == 68
    unread = [text for text in expressions if parse_expression(text) is None]
    # messages are AsyncAPI's; an expression of one is a finding
    assert [text for text in unread if not text.startswith("$message.")] == []


def test_every_expression_that_the_grammar_detects_is_detected() -> None:
    file = suite("arazzo-runtime-expression", "test", "test.js")
    detected, refused = claimed(file, "isTrue"), claimed(file, "isFalse")
    assert (len(detected), len(refused)) == (31, 11)
    unread = [text for text in detected if parse_expression(text) is None]
    assert [text for text in unread if not text.startswith("$message.") and text not in WITHOUT_A_NAME] == []
    assert [text for text in refused if parse_expression(text) is not None] == []


WITHOUT_A_NAME = frozenset({"$request.query.", "$request.path."})
"""The grammar lets a name be empty. No parameter has such a name: it is read as a slip of the pen, a plain text."""


def test_embedded_expressions_are_found() -> None:
    text = suite("arazzo-runtime-expression", "test", "extract.js").read_text("utf-8")
    stories = re.findall(r"assert\.deepEqual\(extract\('([^']*)'\), \[([^\]]*)\]\)", text)
    assert len(stories) == 33
    wrong = {}
    for template, expected in stories:
        found = [one.text for one in expressions_of(compile_text(template, Names()))]
        if found != re.findall(r"'([^']*)'", expected) and template not in WITH_BRACES:
            wrong[template] = found
    assert wrong == {}


WITH_BRACES = frozenset({"{{$url}}", "{$url}}"})
"""The grammar of 1.1 has no braces in literal text, so that a text with one more has no expressions at all. Published
documents hold JSON and templates of other languages: an expression in braces is replaced whatever stands around it."""


# --- the grammar of conditions


def read(text: str, start: int) -> tuple[Expression, int] | None:
    """An operand: the longest text from here on that is a runtime expression."""
    match = re.compile(r"\$[^\s()&|!<>=]*").match(text, start)
    expression = parse_expression(match[0]) if match else None
    return (expression, match.end()) if match and expression else None


def test_every_condition_of_the_grammar_is_read() -> None:
    conditions = quoted(suite("arazzo-criterion", "test", "fixtures", "conditions-valid.js"))
    assert len(conditions) == 41
    for condition in conditions:
        parse_condition(condition, read)


def test_what_is_no_condition_is_refused() -> None:
    refused = claimed(suite("arazzo-criterion", "test", "test.js"), "isFalse")
    assert len(refused) == 9
    for text in refused:
        with pytest.raises(ConditionSyntaxError):
            parse_condition(text, read)


CONTEXT = {
    "$statusCode": 200,
    "$response.body": {"status": "Available", "data": [{"id": 42}], "count": 0, "active": False},
    "$inputs.name": "Fluffy",
    "$inputs.age": "30",
}


def test_conditions_are_true_and_false_as_the_reference_says() -> None:
    text = suite("arazzo-criterion", "test", "evaluate.js").read_text("utf-8")
    stories = re.findall(r"""assert\.is(True|False)\(\s*evaluate\((?:'([^']*)'|"([^"]*)"),""", text)
    assert len(stories) == 29
    wrong = []
    for expected, single, double in stories:
        condition = parse_condition(single or double, read)
        if holds(condition, look, loose=True) is not (expected == "True"):
            wrong.append(single or double)
    assert wrong == []


def look(operand: Expression) -> Any:
    """The value of an operand in the context of the reference's tests."""
    from arazzo_mcp.arazzo.expression import dig

    root = max((name for name in CONTEXT if operand.text.startswith(name)), key=len, default=None)
    if root is None:
        return ABSENT
    return dig(CONTEXT[root], operand.text.removeprefix(root))


# --- JSONPath


def test_jsonpath_is_rfc_9535() -> None:
    cases = json.loads(suite("jsonpath-compliance-test-suite", "cts.json").read_text("utf-8"))["tests"]
    assert len(cases) == 703
    assert [case["name"] for case in cases if not complies(case)] == []


def complies(case: dict[str, Any]) -> bool:
    """Whether the default engine does what a case says; some leave the order of results open."""
    try:
        query = compile_query(case["selector"])
    except SelectorSyntaxError:
        return bool(case.get("invalid_selector"))
    if case.get("invalid_selector"):
        return False
    found = [value for _, value in query.nodes(case["document"])]
    return found in case["results"] if "results" in case else bool(found == case["result"])
