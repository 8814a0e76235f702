"""What `check` tells beside its text: SARIF, annotations, why a workflow is not served, and what a served one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from arazzo_mcp.app import load
from arazzo_mcp.authors.check import Report, github_lines, report
from arazzo_mcp.authors.finding_text import finding_line
from arazzo_mcp.authors.sarif import sarif
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.findings import Finding, Where
from arazzo_mcp.settings import Settings
from tests.conftest import CORPUS

API = """
openapi: 3.1.0
servers: [{url: 'https://a.example/v1'}]
security: [{key: []}]
paths:
  /jobs: {post: {operationId: submit}}
  /jobs/{id}:
    get: {operationId: look, servers: [{url: 'https://b.example'}], security: [{key: []}, {token: []}]}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    token: {type: http, scheme: bearer, x-arazzo-mcp-env: THE_TOKEN}
"""
HEAD = """arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]
workflows:
"""
GOOD = """- workflowId: good
  inputs: {properties: {id: {}, other: {}}, required: [id]}
  steps:
  - {stepId: submit, operationId: submit}
  - stepId: look
    operationId: look
    parameters: [{name: id, in: path, value: $inputs.id}]
    onSuccess: [{name: again, type: goto, stepId: look}]
"""
BAD = """- workflowId: bad
  steps:
  - stepId: one
    operationId: lok
"""
OVER = """- workflowId: over
  steps: [{stepId: one, workflowId: bad}]
"""


def told(tmp_path: Path, workflows: str, *, strict: bool = False, **environ: str) -> Report:
    (tmp_path / "api.yaml").write_text(API)
    (tmp_path / "a.arazzo.yaml").write_text(HEAD + workflows)
    library = load([tmp_path / "a.arazzo.yaml"], Settings(store=tmp_path / "s", strict=strict))
    return report(library, Credentials(environ))


def test_what_a_workflow_does(tmp_path: Path) -> None:
    (served,) = told(tmp_path, GOOD, THE_TOKEN="secret").served
    data = served.as_dict()
    assert "secret" not in json.dumps(data)
    assert data["inputs"] == [{"name": "id", "required": True}, {"name": "other", "required": False}]
    assert data["hosts"] == ["https://a.example/v1", "https://b.example"]
    assert data["credentials"] == [
        {"source": "api", "scheme": "key", "variable": "ARAZZO_API_KEY", "set": False},
        {"source": "api", "scheme": "token", "variable": "THE_TOKEN", "set": True},
    ]
    assert data["submits"] == ["submit: POST /jobs"]
    assert data["paced"] == ["look: back to look after 1 s, growing to 15 s"]
    assert (data["tool"], data["steps"], data["served"]) == ("good", 2, True)


def test_why_a_workflow_is_not_served(tmp_path: Path) -> None:
    found = told(tmp_path, GOOD + BAD + OVER)
    bad, over = found.refused
    assert (bad.workflow, bad.why) == ("bad", "1 error, see above: unknown-operation")
    assert over.workflow == "over", "no workflow is left out without a word"
    assert over.why
    assert found.exit_code == 1
    assert [served.facts.workflow for served in found.served] == ["good"]


def test_a_document_that_is_wrong_as_a_whole(tmp_path: Path) -> None:
    found = told(tmp_path, GOOD + "$self: 3\n")
    assert [(one.workflow, one.why) for one in found.refused] == [
        ("good", "1 error of the whole document, see above: wrong-type")
    ]


def test_the_linkers_findings_stand_at_the_field(tmp_path: Path) -> None:
    (finding,) = told(tmp_path, BAD).findings
    assert str(finding).startswith(f"{tmp_path}/a.arazzo.yaml:8:18 bad.one")
    assert finding.code == "unknown-operation"
    assert finding.hint == "Did you mean 'look'?"


def test_a_field_whose_value_is_a_block_is_found_at_its_key(tmp_path: Path) -> None:
    findings = told(tmp_path, GOOD + "    succesCriteria:\n    - condition: $statusCode == 200\n").findings
    assert [(f.code, f.where.line, f.where.column) for f in findings] == [("unknown-field", 13, 5)]


def test_findings_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    places = [f.where.line for f in told(tmp_path, BAD + GOOD.replace("$inputs.id", "$inputs.di") + OVER).findings]
    assert len(places) > 1
    assert places == sorted(places)


def test_a_line_stays_one_line() -> None:
    finding = Finding("error", "syntax", Where("a.yaml", 1, 2), "one\ntwo", "Mend it.")
    assert finding_line(finding).plain == "a.yaml:1:2: error [syntax] one two Mend it."


# --- SARIF

ESSENTIALS: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"minItems": 1, "maxItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "text": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        "run": {
            "required": ["tool", "results", "invocations"],
            "properties": {
                "tool": {"properties": {"driver": {"$ref": "#/$defs/driver"}}, "required": ["driver"]},
                "results": {"items": {"$ref": "#/$defs/result"}},
                "invocations": {"minItems": 1, "items": {"required": ["executionSuccessful"]}},
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            },
        },
        "driver": {
            "required": ["name", "version", "rules"],
            "properties": {
                "rules": {
                    "uniqueItems": True,
                    "items": {
                        "required": ["id", "shortDescription", "fullDescription", "help"],
                        "properties": {
                            "shortDescription": {"$ref": "#/$defs/text"},
                            "fullDescription": {"$ref": "#/$defs/text"},
                            "help": {"$ref": "#/$defs/text"},
                        },
                    },
                }
            },
        },
        "result": {
            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
            "properties": {
                "level": {"enum": ["error", "warning", "note"]},
                "message": {"$ref": "#/$defs/text"},
                "locations": {"minItems": 1, "items": {"$ref": "#/$defs/location"}},
                "partialFingerprints": {"additionalProperties": {"type": "string"}, "minProperties": 1},
            },
        },
        "location": {
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "required": ["uri"],
                            "properties": {"uri": {"type": "string", "pattern": "^[!-~]+$"}},
                        },
                        "region": {
                            "required": ["startLine", "startColumn"],
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                }
            },
        },
    },
}


def valid(log: dict[str, Any]) -> dict[str, Any]:
    Draft202012Validator(ESSENTIALS).validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    return run  # type: ignore[no-any-return]


def test_sarif_has_what_readers_need(tmp_path: Path) -> None:
    found = told(tmp_path, BAD)
    (result,) = valid(sarif(found.findings, 1))["results"]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": (tmp_path / "a.arazzo.yaml").as_uri()}
    assert physical["region"] == {"startLine": 8, "startColumn": 18}
    assert result["properties"] == {"workflow": "bad"}


@pytest.mark.parametrize(
    ("file", "uri"),
    [("a b/ü.yaml", "a%20b/%C3%BC.yaml"), ("a.yaml", "a.yaml"), ("/tmp/a b.yaml", "file:///tmp/a%20b.yaml")],
)
def test_sarif_names_files_by_uri(file: str, uri: str) -> None:
    finding = Finding("warning", "no-such-code", Where(file), "m")
    log = sarif([finding], 0)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert "region" not in place, "a place that is not known is not made up"


def test_a_fingerprint_stays_while_lines_move(tmp_path: Path) -> None:
    def marks(workflows: str) -> list[dict[str, str]]:
        run = valid(sarif(told(tmp_path, workflows).findings, 1))
        return [result["partialFingerprints"] for result in run["results"]]

    assert marks(BAD) == marks(f"\n\n{BAD}")
    assert marks(BAD) != marks(BAD.replace("one", "two"))


def test_equal_findings_have_fingerprints_of_their_own() -> None:
    twice = [Finding("warning", "no-server", Where("a.yaml", line, 1), "m") for line in (1, 2)]
    first, second = valid(sarif(twice, 0))["results"]
    assert first["partialFingerprints"] != second["partialFingerprints"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no published documents")
def test_published_documents_make_valid_reports(tmp_path: Path) -> None:
    found = report(load([CORPUS], Settings(store=tmp_path / "s")), Credentials({}))
    assert found.findings
    valid(sarif(found.findings, 1))
    json.dumps(found.as_dict())
    assert all(line.count("\n") == 0 for line in github_lines(found))


# --- GitHub


def test_annotations_are_escaped() -> None:
    finding = Finding("error", "syntax", Where("a,b:c.yaml", 3, 7), "100 %\nof it", "Mend.")
    first = next(github_lines(Report((finding,), (), ())))
    assert first == "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=arazzo-mcp syntax::100 %25%0Aof it Mend."
