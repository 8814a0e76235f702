"""Documents that are made to harm, and what must be found in them. Made when they are wanted: some are large."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEAD = (
    "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions: [{name: api, url: api.yaml, type: openapi}]\n"
)
STEP = "{stepId: one, operationId: look}"
FLOW = f"workflows: [{{workflowId: w, steps: [{STEP}]}}]\n"
API = """
openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: 'https://api.example'}]
paths:
  /look: {get: {operationId: look, responses: {'200': {description: ok}}}}
"""


def flow(**fields: Any) -> str:
    """A document with one workflow of one step."""
    steps = [{"stepId": "one", "operationId": "look"}]
    return HEAD + f"workflows: {json.dumps([{'workflowId': 'w', 'steps': steps, **fields}])}\n"


def step(**fields: Any) -> str:
    """A document with one workflow, with more in its step."""
    return flow(steps=[{"stepId": "one", "operationId": "look", **fields}])


def criterion(condition: str, kind: str = "simple") -> str:
    """A document whose step has this success criterion."""
    return step(successCriteria=[{"condition": condition, "type": kind, "context": "$response.body"}])


def bomb() -> str:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 30))
    return f"{HEAD}{FLOW}x-bomb:\n  l0: &l0 [a, a, a]\n" + "".join(f"  {line}\n" for line in levels.splitlines())


def sending(value: str) -> str:
    """A document whose step sends this value."""
    return step(parameters=[{"name": "a", "in": "query", "value": value}])


def source(url: str) -> str:
    return HEAD.replace("api.yaml", url) + FLOW


def asking(fields: str) -> str:
    """An API whose operation has more fields."""
    return API.replace("responses:", f"{fields} responses:")


def nested_block(levels: int) -> str:
    return HEAD + FLOW + "x-deep:\n" + "".join(" " * n + "a:\n" for n in range(1, levels))


@dataclass(frozen=True)
class Case:
    """A document, the codes of which one must be found, and whether its workflow is served all the same."""

    text: Callable[[], str | bytes]
    codes: tuple[str, ...] = ()
    served: bool = False
    api: str = API


NO_SOURCE = ("source-not-found", "not-openapi", "syntax", "unreadable")
SCHEMA = "{$ref: '#/components/schemas/t'}"
PARAMETER = "{$ref: '#/components/parameters/p'}"
BODY = "{$ref: '#/components/requestBodies/b'}"
ENDLESS_INPUTS = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}


TEXTS = {
    "alias bomb": Case(bomb, ("syntax",)),
    "an alias within itself": Case(lambda: f"{HEAD}{FLOW}x-a: &a [*a]\n", ("syntax",)),
    "5,000 levels, flow": Case(lambda: f"{HEAD}{FLOW}x-a: {'[' * 5000}{']' * 5000}\n", ("syntax",)),
    "100,000 levels, flow": Case(lambda: f"{HEAD}{FLOW}x-a: {'[' * 100_000}{']' * 100_000}\n", ("syntax",)),
    "100,000 levels, sequences": Case(lambda: f"{HEAD}{FLOW}x-a:\n  {'- ' * 100_000}1\n", ("syntax",)),
    "2,000,000 brackets that are never closed": Case(lambda: f"{HEAD}{FLOW}x-a: {'[' * 2_000_000}", ("syntax",)),
    "5,000 levels, block": Case(lambda: nested_block(5000), ("syntax", "unreadable")),
    "5,000 levels, JSON": Case(
        lambda: '{"arazzo": "1.0.1", "x": ' + '{"a": ' * 5000 + "1" + "}" * 5001, ("syntax",)
    ),
    "duplicate keys": Case(lambda: f"{HEAD}{FLOW}info: {{title: again, version: '2'}}\n", ("duplicate-key",)),
    "python object": Case(lambda: f"{HEAD}{FLOW}x-a: !!python/object/apply:os.system ['true']\n", ("syntax",)),
    "51 MB": Case(lambda: f"{HEAD}{FLOW}x-a: {'a' * 51 * 1024 * 1024}\n", ("unreadable",)),
    "50 MB": Case(lambda: f"{HEAD}{FLOW}x-a: {'a' * (49 * 1024 * 1024)}\n", ("unreadable",)),
    "9 MB in one line": Case(lambda: f"{HEAD}{FLOW}x-a: {'a' * (9 * 1024 * 1024)}\n", served=True),
    "9 MB of small values": Case(lambda: f"{HEAD}{FLOW}x-a: [{'1,' * (4 * 1024 * 1024)}]\n", ("syntax",)),
    "NUL": Case(lambda: f"{HEAD}{FLOW}x-a: a\0b\n", ("syntax",)),
    "UTF-16": Case(lambda: (HEAD + FLOW).encode("utf-16"), ("unreadable",)),
    "no UTF-8": Case(lambda: (HEAD + FLOW).encode() + b"x-a: \xff\xfe\n", ("unreadable",)),
    "half a character": Case(lambda: f'{HEAD}{FLOW}x-a: "\\ud800"\n', ("syntax",)),
    "half a character, JSON": Case(
        lambda: json.dumps({"arazzo": "1.0.1", "workflows": [{"workflowId": "\ud800"}]})
    ),
    "merge key": Case(
        lambda: f"{HEAD}x-a: &a {{summary: s}}\nworkflows: [{{<<: *a, workflowId: w, steps: [{STEP}]}}]\n",
        ("unknown-field",), served=True,
    ),
    "a date and an octal number": Case(
        lambda: flow(inputs={"type": "object"}).replace("'1'", "2026-01-01") + "x-a: [0o17, 017, 2026-01-01, 1_000]\n",
        served=True,
    ),
    "a number of 100,000 digits": Case(lambda: f"{HEAD}{FLOW}x-a: {'9' * 100_000}\n", ("syntax",)),
}  # fmt: skip
"""What text is misused for."""

LANGUAGE = {
    "100,000 steps": Case(
        lambda: HEAD + "workflows:\n- workflowId: w\n  steps:\n" + "".join(
            f"  - {{stepId: s{n}, operationId: look}}\n" for n in range(100_000)
        ),
        ("syntax", "too-many"),
    ),
    "10,000 workflows": Case(
        lambda: HEAD + "workflows:\n" + "".join(f"- {{workflowId: w{n}, steps: [{STEP}]}}\n" for n in range(10_000)),
        served=True,
    ),
    "10,000 workflows that call one another": Case(
        lambda: HEAD + "workflows:\n" + "".join(
            f"- {{workflowId: w{n}, steps: [{{stepId: s, workflowId: w{(n + 1) % 10_000}}}]}}\n" for n in range(10_000)
        ),
        ("endless-workflows",),
    ),
    "a chain of 10,000 workflows to nowhere": Case(
        lambda: HEAD + "workflows:\n" + "".join(
            f"- {{workflowId: w{n}, steps: [{{stepId: s, workflowId: w{n + 1}}}]}}\n" for n in range(10_000)
        ),
        ("unknown-workflow",),
    ),
    "recursive workflows": Case(
        lambda: f"{HEAD}workflows: [{{workflowId: w, steps: [{{stepId: s, workflowId: w}}]}}]\n",
        ("endless-workflows",),
    ),
    "a workflowId of 1 MB": Case(lambda: flow(workflowId="w" * 1024 * 1024)),
    "inputs that refer to themselves": Case(
        lambda: flow(inputs={"$ref": "#/components/inputs/a"}) + 'components: {inputs: {a: '
        '{type: object, properties: {a: {$ref: "#/components/inputs/a"}, b: {$ref: "#/components/inputs/b"}}}, '
        'b: {$ref: "#/components/inputs/b"}}}',
        served=True,
    ),
    "inputs that refer to one another, doubling": Case(
        lambda: flow(inputs={"$ref": "#/components/inputs/i0"}) + "components:\n  inputs:\n" + "".join(
            f"    i{n}: {{type: object, properties: {{a: {{$ref: '#/components/inputs/i{n + 1}'}}, "
            f"b: {{$ref: '#/components/inputs/i{n + 1}'}}}}}}\n" for n in range(60)
        ) + "    i60: {}\n",
        served=True,
    ),
    "inputs that refer elsewhere": Case(
        lambda: flow(inputs={"$ref": "http://127.0.0.1:9/inputs.json", "properties": {"a": {"$ref": "file:///a"}}}),
        served=True,
    ),
    "a pattern in inputs that never ends": Case(lambda: flow(inputs=ENDLESS_INPUTS), served=True),
    "a pattern in a criterion that never ends": Case(lambda: criterion("^(a+)+$", "regex"), served=True),
    "a regex that is none": Case(lambda: criterion("(" * 5000, "regex")),
    "10,000 parentheses": Case(
        lambda: criterion("(" * 10_000 + "$statusCode == 200" + ")" * 10_000), ("condition-syntax",)
    ),
    "10,000 negations": Case(lambda: criterion("!" * 10_000 + "$statusCode"), ("condition-syntax",)),
    "50,000 terms": Case(lambda: criterion(" && ".join(["$statusCode == 200"] * 50_000))),
    "a jsonpath of 10,000 filters": Case(lambda: criterion("$" + "[?(@.a" * 10_000 + ")]" * 10_000, "jsonpath")),
    "a jsonpath of 10,000 descents": Case(lambda: criterion("$" + "..*" * 10_000, "jsonpath")),
    "an expression of 1 MB": Case(lambda: sending("$inputs." + "a." * 500_000), served=True),
    "a value of 100,000 expressions": Case(lambda: sending("{$inputs.a}" * 100_000), served=True),
    "a value of 100,000 dollars": Case(lambda: sending("$inputs.$" * 100_000), served=True),
    "a pointer of 100,000 parts": Case(
        lambda: step(outputs={"a": "$response.body#" + "/a" * 100_000}), served=True
    ),
}  # fmt: skip
"""What the language is misused for."""

SOURCES = {
    "source ../../etc/passwd": Case(lambda: source("../../../../../../../../etc/passwd"), NO_SOURCE),
    "source file:///etc/passwd": Case(lambda: source("file:///etc/passwd"), NO_SOURCE),
    "source at a URL": Case(lambda: source("http://127.0.0.1:9/openapi.yaml"), ("source-not-found",)),
    "source /dev/zero": Case(lambda: source("/dev/zero"), NO_SOURCE),
    "source with a NUL": Case(lambda: source('"api\\0.yaml"'), NO_SOURCE),
    "source with a name of 100,000 characters": Case(lambda: source("a" * 100_000), ("source-not-found",)),
    "the source is a folder": Case(lambda: source("."), NO_SOURCE),
    "the source is the document": Case(lambda: source("hostile.arazzo.yaml"), ("not-openapi",)),
    "$refs that go in a circle": Case(
        lambda: HEAD + FLOW, served=True,
        api=API + "  /a: {$ref: '#/paths/~1b'}\n  /b: {$ref: '#/paths/~1a'}\n"
        f"components: {{schemas: {{t: {{properties: {{t: {SCHEMA}}}}}}}}}\n",
    ),
    "an operation whose $refs go in a circle": Case(
        lambda: HEAD + FLOW, served=True,
        api=asking(f"parameters: [{PARAMETER}], requestBody: {BODY},")
        + f"components: {{parameters: {{p: {PARAMETER}}}, requestBodies: {{b: {BODY}}}}}\n",
    ),
    "a schema that is all of itself": Case(
        lambda: step(parameters=[{"name": "q", "in": "query", "value": "$inputs.q"}], requestBody={
            "contentType": "application/json", "payload": {"t": "$inputs.q"}}),
        ("undeclared-name",), served=True,
        api=asking(f"parameters: [{{name: q, in: query, schema: {SCHEMA}}}], "
                   f"requestBody: {{content: {{application/json: {{schema: {SCHEMA}}}}}}},")
        + f"components: {{schemas: {{t: {{allOf: [{SCHEMA}], properties: {{t: {SCHEMA}}}}}}}}}\n",
    ),
    "$refs to files and URLs": Case(
        lambda: HEAD + FLOW, served=True,
        api=asking("parameters: [{$ref: '../../etc/passwd'}, {$ref: 'http://127.0.0.1:9/p.yaml#/p'}, "
                   "{$ref: 'file:///etc/passwd'}],"),
    ),
    "a source of 5,000 levels": Case(lambda: HEAD + FLOW, ("syntax",), api=f"{API}x-a: {'[' * 5000}{']' * 5000}\n"),
    "a source of 5,000 levels, JSON": Case(
        lambda: HEAD + FLOW, ("syntax",), api='{"openapi": "3.1.0", "x": ' + "[" * 5000 + "]" * 5000 + "}"
    ),
    "a source of 150 levels, JSON": Case(
        lambda: HEAD + FLOW, ("unknown-operation",), api='{"openapi": "3.1.0", "x": ' + "[" * 150 + "]" * 150 + "}"
    ),
    "a source with an alias bomb": Case(lambda: HEAD + FLOW, ("syntax",), api=API + bomb().partition(FLOW)[2]),
    "a source with keys that stand twice": Case(lambda: HEAD + FLOW, served=True, api=API + "x-a: 1\nx-a: 2\n"),
}  # fmt: skip
"""What sources are misused for."""

CASES = {**TEXTS, **LANGUAGE, **SOURCES}
