"""Findings: every code with its place, its words and its hint; and what one broken workflow does to the others."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from arazzo_mcp.arazzo.model import Description
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.findings import Finding, did_you_mean, strictly
from arazzo_mcp.reading.documents import Text, parse_with_lines

TOP = """\
arazzo: 1.0.1
info: {title: shop, version: '1'}
sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]
workflows:
"""
HEAD = (
    TOP
    + """\
- workflowId: order
  inputs: {properties: {name: {}, size: {}}}
"""
)  # the steps of a case begin at line 7


def _parse(text: str) -> tuple[Description | None, list[Finding]]:
    return parse(parse_with_lines(Text("shop.yaml", text)))


def _of(steps: str) -> list[Finding]:
    return _parse(HEAD + textwrap.indent(textwrap.dedent(steps), "  "))[1]


STEP = "steps:\n- stepId: a\n  operationId: x\n"  # what follows begins at line 10
CRITERION = STEP + "  successCriteria:\n  - "
SUCCESS = STEP + "  onSuccess:\n  - "
FAILURE = STEP + "  onFailure:\n  - "
PARAMETER = STEP + "  parameters:\n  - "
OUTPUTS = STEP + "  outputs: "

FINDINGS: list[tuple[str, str, int, str, str]] = [
    # code, steps, line, words of the message, hint
    ("no-steps", "steps: []\n", 5, "workflow 'order' has no steps", ""),
    ("no-steps", "summary: s\n", 5, "workflow 'order' has no steps", ""),
    ("wrong-type", "steps: text\n", 7, "'steps' must be a list, not a string", ""),
    ("wrong-type", "steps:\n- text\n", 8, "a step must be an object, not a string", ""),
    ("missing-field", "steps:\n- operationId: x\n", 8, "'stepId' is missing", ""),
    ("wrong-type", "steps:\n- stepId: 5\n  operationId: x\n", 8, "'stepId' must be a string, not a number", ""),
    ("duplicate-step", STEP + "- stepId: a\n  operationId: y\n", 10, "stepId 'a' is used twice", ""),
    ("step-call", "steps:\n- stepId: a\n", 8, "the step calls nothing", "Give it one of"),
    ("step-call", STEP + "  workflowId: order\n", 8, "the step has operationId and workflowId", "Give it one of"),
    ("asyncapi", "steps:\n- stepId: a\n  channelPath: c\n", 8, "AsyncAPI channels are not served", ""),
    ("workflow-reference", "steps:\n- stepId: a\n  workflowId: $inputs.b\n", 9, "names no workflow", "$sourceDesc"),
    ("unknown-workflow", STEP + "dependsOn: [other]\n", 5, "there is no workflow 'other'", ""),
    ("unknown-step", STEP + "  dependsOn: [aa]\n", 10, "there is no step 'aa'", "Did you mean 'a'?"),
    ("parameter-in", PARAMETER + "{name: q, in: qery, value: 1}\n", 11, "is in 'qery'", "Did you mean 'query'?"),
    ("missing-field", PARAMETER + "{name: q, in: query}\n", 11, "parameter 'q' has no 'value'", ""),
    ("missing-field", PARAMETER + "{in: query, value: 1}\n", 11, "'name' is missing", ""),
    (
        "replacement-target",
        STEP + "  requestBody:\n    replacements:\n    - {target: $.a, value: 1}\n",
        12,
        "is no JSON pointer",
        "Write /a/b",
    ),
    ("wrong-type", STEP + "  requestBody: text\n", 10, "'requestBody' must be an object", ""),
    ("condition-syntax", CRITERION + "condition: $statusCode 200\n", 11, "expected an operator at '200'", ""),
    (
        "condition-syntax",
        CRITERION + "{context: $method, type: regex, condition: '(a'}\n",
        11,
        "regular expression",
        "",
    ),
    ("condition-syntax", CRITERION + "{context: $response.body, type: xpath, condition: '/a b'}\n", 11, "'/a b'", ""),
    ("selector-type", OUTPUTS + "{v: {context: $method, selector: a, type: xpth}}\n", 10, "'xpth' are not", "'xpath'?"),
    (
        "selector-type",
        OUTPUTS + "{v: {context: $response.body, selector: a, type: {type: xpath, version: xpath-1.0}}}\n",
        10,
        "no version 'xpath-1.0' of xpath",
        "Did you mean 'xpath-10'?",
    ),
    (
        "selector-syntax",
        OUTPUTS + "{v: {context: $response.body, selector: '/a[', type: xpath}}\n",
        10,
        "'/a[' is no XPath",
        "",
    ),
    (
        "replacement-target",
        STEP + "  requestBody:\n    replacements:\n    - {target: /a, targetSelectorType: jsonpath, value: 1}\n",
        12,
        "'/a' is no JSONPath",
        "Write $.a.b.",
    ),
    ("word-operators", CRITERION + "condition: $method and $url\n", 11, "read as `and`", ""),
    ("single-equals", CRITERION + "condition: $statusCode = 200\n", 11, "equality is `==`", ""),
    ("javascript-equals", CRITERION + "condition: $statusCode === 200\n", 11, "equality is", ""),
    ("contains", CRITERION + "condition: $url contains 'x'\n", 11, "an equal item", ""),
    ("length-in-condition", CRITERION + "condition: $response.body.a.length > 0\n", 11, "how many", ""),
    (
        "condition-syntax",
        CRITERION + "{context: $response.body, type: jsonpath, condition: $.a is}\n",
        11,
        "not a JSONPath query",
        "",
    ),
    ("missing-field", CRITERION + "{type: simple}\n", 11, "'condition' is missing", ""),
    ("missing-field", CRITERION + "{type: regex, condition: a}\n", 11, "'context' is missing", ""),
    (
        "expression-syntax",
        CRITERION + "{type: regex, condition: a, context: body}\n",
        11,
        "'body' is no runtime expression",
        "",
    ),
    (
        "criterion-type",
        CRITERION + "{type: jsonpth, condition: a, context: $response.body}\n",
        11,
        "'jsonpth' are not served",
        "Did you mean 'jsonpath'?",
    ),
    ("criterion-type", CRITERION + "{type: 5, condition: a}\n", 11, "'5' are not served", ""),
    (
        "criterion-type",
        CRITERION + "{type: {type: jsonpath, version: draft-goessner}, condition: $.a, context: $response.body}\n",
        11,
        "draft-goessner",
        "One of rfc9535, draft-goessner-dispatch-jsonpath-00.",
    ),
    ("action-type", SUCCESS + "{name: e, type: ende}\n", 11, "the unknown type 'ende'", "Did you mean 'end'?"),
    ("missing-field", SUCCESS + "{name: e}\n", 11, "'type' is missing", ""),
    ("action-target", SUCCESS + "{name: e, type: goto}\n", 11, "action 'e' goes nowhere", "Give it a stepId"),
    ("action-target", SUCCESS + "{name: e, type: goto, stepId: a, workflowId: order}\n", 11, "not both", ""),
    (
        "unknown-step",
        STEP + "- {stepId: fetch, operationId: y, onSuccess: [{name: e, type: goto, stepId: fecth}]}\n",
        10,
        "no step 'fecth'",
        "Did you mean 'fetch'?",
    ),
    (
        "wrong-type",
        FAILURE + "{name: r, type: retry, retryAfter: soon}\n",
        11,
        "must be a number from 0, not 'soon'",
        "",
    ),
    ("wrong-type", FAILURE + "{name: r, type: retry, retryLimit: -1}\n", 11, "must be a number from 0, not -1", ""),
    ("wrong-type", FAILURE + "{name: r, type: retry, retryLimit: true}\n", 11, "must be a number from 0", ""),
    ("wrong-type", FAILURE + "{name: r, type: retry, retryLimit: .inf}\n", 11, "must be a number from 0", ""),
    ("wrong-type", FAILURE + "{name: r, type: retry, retryAfter: .nan}\n", 11, "must be a number from 0", ""),
    (
        "unknown-component",
        SUCCESS + "{reference: $components.successActions.stop}\n",
        11,
        "is not in the components",
        "",
    ),
    ("outputs-list", STEP + "outputs: [a]\n", 10, "a map from names to values", ""),
    ("wrong-type", STEP + "  outputs: [a]\n", 10, "'outputs' must be an object, not a list", ""),
    ("wrong-type", STEP + "  outputs: a\n", 10, "'outputs' must be an object, not a string", ""),
    ("odd-name", STEP + "  outputs: {the id: $response.body#/id}\n", 10, "output 'the id'", ""),
    ("dotted-name", STEP + "  outputs: {v: $response.body}\noutputs: {v: $steps.a.outputs.v.w}\n", 11, "longest", ""),
    ("pointer-path", STEP + "  outputs: {v: '$response.body#/a.b[0]'}\n", 10, "read literally first", ""),
    ("not-an-expression", STEP + "  outputs: {v: $respons.body}\n", 10, "'$respons.body' is no", "'$response'"),
    ("not-an-expression", STEP + "  outputs: {v: 'see {$response.bdy}'}\n", 10, "{$response.bdy}", ""),
    ("undeclared-name", STEP + "  outputs: {v: $workflows.ordr.outputs.x}\n", 10, "no workflow 'ordr'", "'order'"),
    ("undeclared-name", STEP + "  outputs: {v: $workflows.order.outputs.x}\n", 10, "has no output 'x'", ""),
    ("undeclared-name", STEP + "  outputs: {v: $sourceDescriptions.shp.url}\n", 10, "no source 'shp'", ""),
    ("undeclared-name", STEP + "  outputs: {v: $components.parameters.x}\n", 10, "no value here", ""),
    (
        "duplicate-parameter",
        PARAMETER + "{name: q, in: query, value: 1}\n  - {name: q, in: query, value: 2}\n",
        12,
        "given twice",
        "",
    ),
    ("duplicate-action", SUCCESS + "{name: e, type: end}\n  - {name: e, type: end}\n", 12, "the first one applies", ""),
    (
        "parameter-in",
        SUCCESS + "{name: g, type: goto, workflowId: order, parameters: [{name: n, in: query, value: 1}]}\n",
        11,
        "have no 'in': n",
        "",
    ),
    ("empty-criteria", STEP + "  successCriteria: []\n", 10, "any 2xx", ""),
    ("asyncapi", STEP + "  outputs: {v: $message.payload.id}\n", 10, "AsyncAPI channels", ""),
    ("undeclared-name", OUTPUTS + "{v: $steps.b.outputs.v}\n", 10, "there is no step 'b'", ""),
    ("undeclared-name", OUTPUTS + "{v: $inputs.nmae}\n", 10, "there is no input 'nmae'", "Did you mean 'name'?"),
    (
        "undeclared-name",
        OUTPUTS + "{v: $response.body}\noutputs: {w: $steps.a.outputs.w}\n",
        11,
        "step 'a' has no output 'w'",
        "",
    ),
    (
        "undeclared-name",
        CRITERION + "condition: $inputs.sise == 1\n",
        11,
        "there is no input 'sise'",
        "Did you mean 'size'?",
    ),
    (
        "undeclared-name",
        CRITERION + "{context: $steps.z.outputs.a, type: regex, condition: a}\n",
        11,
        "there is no step 'z'",
        "",
    ),
    (
        "undeclared-name",
        CRITERION + "{context: $response.body, type: regex, condition: $steps.z.outputs.a}\n",
        11,
        "there is no step 'z'",
        "",
    ),
    ("unknown-workflow", "steps:\n- stepId: a\n  workflowId: ordr\n", 5, "no workflow 'ordr'", ""),
    # tolerances
    ("object-for-list", STEP + "  parameters: {name: q, in: query, value: 1}\n", 10, "'parameters' is one object", ""),
    ("unnamed-action", SUCCESS + "{type: end}\n", 11, "the action has no name", ""),
    (
        "action-condition",
        SUCCESS + "{name: e, type: end, condition: $statusCode == 200}\n",
        11,
        "action 'e' has a 'condition'",
        "",
    ),
    ("success-retry", SUCCESS + "{name: r, type: retry}\n", 11, "action 'r' is a retry on success", ""),
    ("bare-expression", OUTPUTS + "{v: Bearer $inputs.name}\n", 10, "'Bearer $inputs.name'", ""),
    ("dotted-body", OUTPUTS + "{v: $response.body.a}\n", 10, "$response.body.a", ""),
    ("pointer-without-slash", OUTPUTS + "{v: $response.body#a}\n", 10, "$response.body#a", ""),
    ("plural-headers", OUTPUTS + "{v: $response.headers.A}\n", 10, "$response.headers.A", ""),
    ("steps-without-outputs", OUTPUTS + "{v: $response.body, w: $steps.a.v}\n", 10, "$steps.a.v", ""),
    ("double-quotes", CRITERION + "condition: '$method == \"GET\"'\n", 11, "double quotes are read as quotes", ""),
    (
        "jsonpath-boolean",
        CRITERION + "{context: $response.body, type: jsonpath, condition: $.a == 1}\n",
        11,
        "'$.a == 1'",
        "",
    ),
]


@pytest.mark.parametrize(
    ("code", "steps", "line", "words", "hint"), FINDINGS, ids=[f"{row[0]}: {row[3][:40]}" for row in FINDINGS]
)
def test_a_finding(code: str, steps: str, line: int, words: str, hint: str) -> None:
    findings = _of(steps)
    assert [(finding.code, finding.where.line) for finding in findings] == [(code, line)], "\n".join(map(str, findings))
    assert words in findings[0].message
    assert hint in findings[0].hint
    assert bool(findings[0].hint) is bool(hint)
    assert findings[0].where.file == "shop.yaml"
    assert findings[0].workflow == "order"


def test_a_tolerance_is_a_warning_and_strictly_an_error() -> None:
    findings = _of(STEP + "  outputs: {v: $response.headers.A}\n")
    assert [finding.severity for finding in findings] == ["warning"]
    assert [finding.severity for finding in strictly(findings)] == ["error"]


def test_a_finding_reads_as_one_line() -> None:
    findings = _of(STEP + "  outputs: {v: $inputs.nmae}\n")
    assert str(findings[0]) == (
        "shop.yaml:10:18 workflows.0.steps.0.outputs.v: warning [undeclared-name] $inputs.nmae: there is no input "
        "'nmae'; it has no value. Did you mean 'name'?"
    )


def test_all_problems_are_found_at_once() -> None:
    findings = _of(
        """\
        steps:
        - stepId: a
          operationId: x
          parameters: [{name: q, in: qery, value: 1}]
          successCriteria: [{condition: $statusCode is 200}]
          onSuccess: [{name: g, type: goto, stepId: nope}]
          outputs: {v: $steps.z.outputs.v}
        - stepId: b
        """
    )
    assert [finding.code for finding in findings] == [
        "parameter-in",
        "condition-syntax",
        "unknown-step",
        "undeclared-name",
        "step-call",
    ]


def test_what_holds_for_the_whole_workflow_is_found_once() -> None:
    findings = _of(
        """\
        parameters: [{name: q, in: query, value: $response.headers.A}]
        successActions: [{type: end}]
        steps:
        - {stepId: a, operationId: x}
        - {stepId: b, operationId: x}
        - {stepId: c, operationId: x}
        """
    )
    assert [finding.code for finding in findings] == ["plural-headers", "unnamed-action"]


# --- documents


@pytest.mark.parametrize("data", [None, [], "text", 5, {}, {"openapi": "3.1.0"}])
def test_what_is_no_arazzo_description(data: Any) -> None:
    description, findings = parse(Document("f", data))
    assert description is None
    assert [finding.code for finding in findings] == ["not-arazzo"]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.1", "1.1.0", "1.0", "1.1.0-rc1"])
def test_versions(version: str) -> None:
    _, findings = _parse(HEAD.replace("1.0.1", version) + "  steps: [{stepId: a, operationId: x}]\n")
    assert findings == []


@pytest.mark.parametrize("version", ["2.0.0", "0.9", "1.2.0"])
def test_another_version_is_read_and_said(version: str) -> None:
    description, findings = _parse(HEAD.replace("1.0.1", version) + "  steps: [{stepId: a, operationId: x}]\n")
    assert [finding.code for finding in findings] == ["unknown-version"]
    assert description is not None
    assert list(description.workflows) == ["order"]


def test_a_description_without_workflows() -> None:
    _, findings = _parse(TOP.replace("workflows:", "workflows: []"))
    assert [finding.code for finding in findings] == ["no-workflows"]


def test_what_a_description_must_have() -> None:
    _, findings = _parse(
        "arazzo: 1.1.0\n$self: https://a.test/#b\ninfo: {}\n"
        "components: {parameters: {a b: {name: n, in: query, value: 1}}}\n"
        "workflows:\n- {workflowId: w, steps: [{stepId: a, operationId: x}]}\n"
    )
    assert [(finding.severity, finding.code, finding.where.line) for finding in findings] == [
        ("warning", "incomplete-info", 3),
        ("warning", "incomplete-info", 3),
        ("warning", "no-sources", 1),
        ("warning", "self-fragment", 2),
        ("warning", "odd-name", 4),
    ]


def test_a_finding_stands_at_the_value_itself() -> None:
    findings = _of(STEP + "  requestBody:\n    payload:\n      a:\n      - $inputs.name\n      - $inputs.nme\n")
    assert [(finding.where.line, finding.where.column) for finding in findings] == [(14, 11)]


GOOD = "- {workflowId: good, steps: [{stepId: a, operationId: x}]}\n"

BAD = "- {workflowId: bad, steps: [{stepId: a, operationId: x"

BROKEN = {
    "a step that calls nothing": "- {workflowId: bad, steps: [{stepId: a}]}\n",
    "a bad condition": BAD + ", successCriteria: [{condition: '='}]}]}\n",
    "a call of nothing": "- {workflowId: bad, steps: [{stepId: a, workflowId: nope}]}\n",
    "no steps": "- {workflowId: bad}\n",
    "a type of another kind": BAD + ", successCriteria: [{condition: a, type: 5}]}]}\n",
    "endless retries": BAD + ", onFailure: [{name: r, type: retry, retryLimit: .inf}]}]}\n",
    "no id": "- {steps: [{stepId: a, operationId: x}]}\n",
    "an id of another kind": "- {workflowId: [x], steps: [{stepId: a, operationId: x}]}\n",
    "no object": "- text\n",
    "the same id": GOOD,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_one_broken_workflow_does_not_spoil_the_others(broken: str) -> None:
    description, findings = _parse("arazzo: 1.0.1\nworkflows:\n" + GOOD + broken)
    errors = [finding for finding in findings if finding.severity == "error"]
    assert len(errors) == 1
    assert errors[0].where.line == 4
    assert errors[0].workflow not in (None, "good"), "it would keep the others from being served"
    assert description is not None
    assert list(description.workflows) == ["good"]


def test_a_workflow_that_needs_a_broken_one_is_not_served_either() -> None:
    description, findings = _parse(
        TOP
        + GOOD
        + "- {workflowId: bad, steps: [{stepId: a}]}\n"
        + "- {workflowId: one, steps: [{stepId: a, workflowId: bad}]}\n"
        + "- {workflowId: two, steps: [{stepId: a, operationId: x, "
        + "onFailure: [{name: r, type: retry, workflowId: one}]}]}\n"
    )
    assert description is not None
    assert list(description.workflows) == ["good"]
    assert [(finding.code, finding.workflow) for finding in findings] == [
        ("step-call", "bad"),
        ("unknown-workflow", "one"),
        ("unknown-workflow", "two"),
    ]


def test_a_workflow_is_not_proposed_to_itself() -> None:
    _, findings = _parse(TOP + "- {workflowId: order, steps: [{stepId: a, workflowId: orders}]}\n")
    assert [finding.hint for finding in findings] == [""]


ODD: list[Any] = [
    {"workflows": {"workflowId": "w", "steps": {"stepId": "a", "operationId": "x"}}},
    {"info": "text", "workflows": []},
    {"info": {"title": 5}, "workflows": None},
    {"sourceDescriptions": "api.yaml"},
    {"sourceDescriptions": [{"name": 5, "url": None}, "x", None]},
    {"components": []},
    {"$self": 5},
    *(
        {"workflows": [{"workflowId": "w", "steps": [{"stepId": "a", "operationId": "x"}], **odd}]}
        for odd in (
            {"inputs": 5},
            {"inputs": True},
            {"inputs": []},
            {"inputs": {"properties": ["a"]}},
            {"inputs": {"properties": {"a": 5, "b": None}}},
            {"inputs": {"$ref": "#"}},
            {"inputs": {"$ref": "#/workflows/0/inputs"}},
            {"inputs": {"$ref": "other.yaml#/x"}},
            {"inputs": {"$ref": "#/nope"}},
            {"outputs": 5},
            {"outputs": {5: 5, None: None}},
            {"parameters": 5},
            {"parameters": [5, None, {}]},
            {"successActions": [None, {"type": 5}, {"type": "goto", "stepId": 5}]},
            {"failureActions": [{"reference": 5}, {"reference": "$components.failureActions.x"}]},
            {"summary": 5, "description": []},
        )
    ),
    *(
        {"workflows": [{"workflowId": "w", "steps": [{"stepId": "a", "operationId": "x", **odd}]}]}
        for odd in (
            {"operationId": 5},
            {"operationId": ["x"]},
            {"successCriteria": [None]},
            {"successCriteria": [{"condition": 5}]},
            {"successCriteria": [{"condition": "a", "type": 5}]},
            {"successCriteria": [{"condition": "a", "type": ["regex"]}]},
            {"successCriteria": [{"condition": "a", "type": {"type": ["regex"]}}]},
            {"successCriteria": [{"condition": "a", "type": "regex", "context": 5}]},
            {"successCriteria": [{"condition": "(" * 5000}]},
            {"successCriteria": [{"condition": "$statusCode == " + "1" * 5000}]},
            {"onFailure": [{"name": "r", "type": "retry", "retryLimit": float("inf")}]},
            {"onFailure": [{"name": "r", "type": "retry", "retryLimit": float("nan")}]},
            {"onFailure": [{"name": "r", "type": "retry", "retryAfter": [1]}]},
            {"requestBody": []},
            {"requestBody": {"replacements": [5, {"target": 5}]}},
            {"requestBody": {"contentType": 5, "payload": None}},
            {"requestBody": {"payload": {5: {None: "$inputs.x"}}}},
            {"outputs": {"v": None, 5: "$inputs.x"}},
            {"parameters": [{"name": ["q"], "in": ["query"], "value": {}}]},
            {"description": 5},
        )
    ),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:90])
def test_nothing_that_is_written_raises(odd: Any) -> None:
    description, findings = parse(Document("f", {"arazzo": "1.1.0", **odd}))
    assert description is not None
    assert all(finding.message for finding in findings)


def test_an_inputs_schema_that_refers_to_itself_many_times_ends() -> None:
    schemas = {
        f"s{at}": {"properties": {k: {"$ref": f"#/components/inputs/s{at + 1}"} for k in "ab"}} for at in range(40)
    }
    workflow = {"workflowId": "w", "inputs": {"$ref": "#/components/inputs/s0"}, "steps": []}
    description, _ = parse(
        Document("f", {"arazzo": "1.0.1", "components": {"inputs": schemas}, "workflows": [workflow]})
    )
    assert description is not None


# --- what is read


def test_the_inputs_schema_stands_alone() -> None:
    description, _ = _parse(
        "arazzo: 1.0.1\n"
        "components:\n"
        "  inputs:\n"
        "    page: {type: object, properties: {size: {$ref: '#/components/inputs/size'}}}\n"
        "    size: {type: integer}\n"
        "workflows:\n"
        "- workflowId: w\n"
        "  inputs: {$ref: '#/components/inputs/page', description: beside}\n"
        "  steps: [{stepId: a, operationId: x}]\n"
    )
    assert description is not None
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}, "description": "beside"}
    assert description.workflows["w"].inputs == schema


def test_definitions_of_the_schema_itself() -> None:
    inputs = {
        "$defs": {"n": {"type": "integer"}, "loop": {"properties": {"next": {"$ref": "#/$defs/loop"}}}},
        "properties": {"a": {"$ref": "#/$defs/n"}, "l": {"$ref": "#/$defs/loop"}, "definitions": {"type": "string"}},
    }
    workflow = {"workflowId": "w", "inputs": inputs, "steps": [{"stepId": "a", "operationId": "x"}]}
    description, _ = parse(Document("f", {"arazzo": "1.0.1", "workflows": [workflow]}))
    assert description is not None
    assert description.workflows["w"].inputs == {
        "properties": {"a": {"type": "integer"}, "l": {"properties": {"next": {}}}, "definitions": {"type": "string"}}
    }


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("payOrder", ["payOrders", "list"], "Did you mean 'payOrders'?"),
        ("zzz", ["payOrders", "list"], ""),
        ("x", [], ""),
    ],
)
def test_did_you_mean(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
