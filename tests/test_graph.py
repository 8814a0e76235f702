"""Any workflow as a chart that Mermaid can read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from arazzo_mcp.app import load
from arazzo_mcp.authors.graph import mermaid
from arazzo_mcp.settings import Settings
from tests.conftest import CORPUS, WORKFLOWS

LABEL = r'"[^"`<>\\%|\n]*(?:<br/>[^"`<>\\%|\n]*)*"'
NODE = rf"  (?:  )?\w+(?:\[{LABEL}\]|\(\[{LABEL}\]\)|\[\[{LABEL}\]\])"
EDGE = rf"  (?:  )?\w+ (?:-->|-\.->)(?:\|{LABEL}\|)? \w+|  \w+ -\. (?:calls|returns) \.-> \w+"
LINE = re.compile(rf"{NODE}|{EDGE}|  subgraph \w+\[{LABEL}\]|  end")
"""What the charts are made of: Mermaid's own parser takes all of it."""

HOSTILE = [
    "end", "a b", "über 漢字 🎉", 'say "x"', "it's", "a]b[c", "a)b(c", "{a}", "a|b", "<b>bold</b>", "#quot;", "#35;",
    "a;b", "a\nb", "a\r\n  b\t", "%% comment", "%%{init: {}}%%", "`code`", "\\n", "style x:y #a;", "classDef a:b #c;",
    "-->", "---", "click a href", "subgraph", "&amp;", "\x1b[31m", "a\u2028b", "x" * 500, "[[", ":::c", "@{}",
]  # fmt: skip

API = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://a.example"}],
    "paths": {"/jobs/{id}": {"get": {"operationId": "look"}}, "/jobs": {"post": {"operationId": "submit"}}},
}


def chart(tmp_path: Path, *workflows: dict[str, object]) -> str:
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.json", "type": "openapi"}],
        "workflows": list(workflows),
    }
    (tmp_path / "api.json").write_text(json.dumps(API))
    (tmp_path / "a.arazzo.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    library = load([tmp_path / "a.arazzo.yaml"], Settings(store=tmp_path / "s"))
    assert library.errors() == ()
    linked, flow = next(library.workflows())
    return mermaid(linked.program, flow)


def checked(text: str) -> list[str]:
    """The lines of a chart, each of a known form, each name of a node declared."""
    head, *lines = text.splitlines()
    assert head == "flowchart TD"
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    declared = {match[1] for line in lines if (match := re.match(r" +(?:subgraph )?(\w+)[(\[]", line))}
    for line in lines:
        if match := re.fullmatch(r" +(\w+) .*> ?(?:\|.*\| )?(\w+)", line):
            assert {match[1], match[2]} <= declared, line
    return [line.strip() for line in lines]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_of_any_kind_is_only_a_label(tmp_path: Path, name: str) -> None:
    quoted = name.replace("'", "''")
    done = {"name": name, "type": "end", "criteria": [{"condition": f"$response.body#/s == '{quoted}'"}]}
    steps = [
        {"stepId": name, "operationId": "submit", "onSuccess": [done], "outputs": {name: "$response.body"}},
        {"stepId": f"{name}2", "workflowId": name},
    ]
    child = {"workflowId": name, "steps": [{"stepId": name, "operationId": "submit"}]}
    flow = {"workflowId": f"{name}.", "inputs": {"properties": {name: {}}, "required": [name]}, "steps": steps}
    lines = checked(chart(tmp_path, flow, child))
    assert sum(line.startswith("subgraph ") for line in lines) == 1


def test_what_leads_where(tmp_path: Path) -> None:
    poll = {
        "stepId": "poll", "operationId": "look",
        "parameters": [{"name": "id", "in": "path", "value": "$steps.submit.outputs.id"}],
        "onSuccess": [
            {"name": "done", "type": "end", "criteria": [{"condition": "$response.body#/s == 'DONE'"}]},
            {"name": "again", "type": "goto", "stepId": "poll"},
            {"name": "never", "type": "end"},
        ],
        "onFailure": [
            {"name": "busy", "type": "retry", "retryAfter": 2, "retryLimit": 3},
            {"name": "other", "type": "goto", "workflowId": "w2"},
        ],
    }  # fmt: skip
    submit = {"stepId": "submit", "operationId": "submit", "outputs": {"id": "$response.body#/id"}}
    other = {"workflowId": "w2", "steps": [{"stepId": "x", "operationId": "submit"}]}
    lines = checked(chart(tmp_path, {"workflowId": "w", "steps": [submit, poll]}, other))
    assert lines[1:3] == ['s0["submit<br/>POST /jobs"]', 's1["poll<br/>GET /jobs/{id}"]']
    assert [line for line in lines if line.startswith(("s0 ", "s1 "))] == [
        "s0 --> s1",
        's0 -.->|"fails"| failed',
        "s1 -->|\"end when $response.body#35;/s == 'DONE'\"| done",
        's1 -->|"go to poll, paced"| s1',
        's1 -.->|"retry after 2 s, at most 3 times"| s1',
        's1 -.->|"go to workflow w2"| o0',
    ]
    assert 'o0[["workflow w2"]]' in lines


def test_a_workflow_inside_is_drawn_one_level_deep(tmp_path: Path) -> None:
    def calling(name: str, called: str) -> dict[str, object]:
        return {"workflowId": name, "steps": [{"stepId": f"call-{called}", "workflowId": called}]}

    last = {"workflowId": "c", "steps": [{"stepId": "s", "operationId": "submit"}]}
    lines = checked(chart(tmp_path, calling("a", "b"), calling("b", "c"), last))
    assert 'subgraph w0_box["workflow b"]' in lines
    assert 'w0_s0[["call-c<br/>workflow c"]]' in lines
    assert sum(line.startswith("subgraph") for line in lines) == 1
    assert {"s0 -. calls .-> w0_start", "w0_done -. returns .-> s0"} <= set(lines)


def test_what_ships_can_be_drawn(tmp_path: Path) -> None:
    for linked, flow in load([WORKFLOWS], Settings(store=tmp_path / "s")).workflows():
        assert len(checked(mermaid(linked.program, flow))) > len(flow.steps)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no published documents")
def test_published_workflows_can_be_drawn(tmp_path: Path) -> None:
    flows = list(load([CORPUS], Settings(store=tmp_path / "s")).workflows())
    assert flows
    for linked, flow in flows:
        checked(mermaid(linked.program, flow))
