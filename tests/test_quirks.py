"""Each tolerance of the ledger as data: `quirks/<code>.yaml` is a list of small stories that bend one rule.

A case reads as follows. Files are written, read and linked as those of users are; the calls are bound into requests.

    name        what it shows
    document    the fields of one workflow `main`, or `workflows`, and fields of the document; a step without a call
                calls the operation of its own name
    paths       the paths of the OpenAPI source `api`, in place of the common ones below
    api         other fields of that source
    files       more files: name -> data; a text stands as it is
    at          the text that stands where the finding points
    inputs, replies, asked, outputs
                what a run is given, what it is answered (a status code, or `status` and `body`), the requests in their
                order (`METHOD /path name: header body`), and what comes out
    also        the codes of other findings than the one of the file
    refused     true: even so it is not served
    strict      `as written`: with --strict nothing is derived, and the workflow is served; else the code of the finding
                for which it is refused instead

Every other case is served, with the finding as a warning; with --strict the workflow is refused for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from yamlcore import CCoreLoader

from arazzo_mcp.arazzo.command import CallOperation, Command, Done, Event, Exchanged, Started, Wait, Woke
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.arazzo.scope import ABSENT, Exchange
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.findings import Finding
from arazzo_mcp.library import Library, Linked, Options, open_library
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Request

FOLDER = Path(__file__).parent / "quirks"
KNOWN = {
    "name", "document", "paths", "api", "files", "at", "inputs", "replies", "asked", "outputs", "also", "refused",
    "strict",
}  # fmt: skip
OF_DOCUMENT = ("components", "$self", "sourceDescriptions", "workflows", "arazzo")
ID = {"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}
PATHS = {
    "/pets": {
        "get": {"operationId": "listPets", "responses": {"200": {}}},
        "post": {
            "operationId": "addPet",
            "requestBody": {"content": {"application/json": {}}},
            "responses": {"201": {}},
        },
    },
    "/pets/{petId}": {"get": {"operationId": "getPet", "parameters": [ID], "responses": {"200": {}}}},
}

Case = dict[str, Any]


def _cases() -> Iterator[Any]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.load(file.read_text(), CCoreLoader):
            yield pytest.param(file.stem, case, id=f"{file.stem}: {case['name']}")


def test_every_tolerance_has_its_stories() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == TOLERANCES.keys()


# --- the files of a case


def _written(case: Case, folder: Path) -> Path:
    short = case["document"]
    main = {key: value for key, value in short.items() if key not in OF_DOCUMENT}
    workflows = [*short.get("workflows", []), *([{"workflowId": "main", **main}] if main else [])]
    document = {
        "arazzo": "1.1.0",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.yaml", "type": "openapi"}],
        **{key: short[key] for key in OF_DOCUMENT if key in short},
        "workflows": [{**flow, "steps": [_step(step) for step in flow["steps"]]} for flow in workflows],
    }
    api = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://api.test"}],
        "paths": case.get("paths", PATHS),
        **case.get("api", {}),
    }
    for name, data in {"api.yaml": api, **case.get("files", {}), "main.arazzo.yaml": document}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            file.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False, width=1000))
    return folder / "main.arazzo.yaml"


def _step(step: str | dict[str, Any]) -> dict[str, Any]:
    node = {"stepId": step} if isinstance(step, str) else step
    calls = ("operationId", "operationPath", "workflowId", "channelPath")
    return node if any(key in node for key in calls) else {**node, "operationId": node["stepId"]}


# --- running it


def _run(linked: Linked, inputs: Mapping[str, Any], replies: list[Any]) -> tuple[list[str], Done]:
    """What is requested, each call answered with the next reply, and how it ends."""
    asked: list[str] = []
    state, command = advance(linked.program, State(), Started("main", dict(inputs)))
    while not isinstance(command, Done):
        state, command = advance(linked.program, state, _event(linked, command, asked, replies))
    assert not replies, f"never asked for: {replies}"
    return asked, command


def _event(linked: Linked, command: Command, asked: list[str], replies: list[Any]) -> Event:
    if isinstance(command, Wait):
        asked.append(f"wait {command.seconds:g}")
        return Woke()
    assert isinstance(command, CallOperation)
    request = bind(command, linked.operation(command.target))
    asked.append(_shown(request))
    assert replies, f"no reply is left for {asked[-1]}"
    reply = replies.pop(0)
    told = {"status": reply} if isinstance(reply, int) else {"status": 200, **reply}
    return Exchanged(
        Exchange(
            request.method,
            request.url,
            request.headers,
            request.query_arguments,
            request.path_arguments,
            request.body,
            told["status"],
            told.get("headers", {}),
            told.get("body", ABSENT),
        )
    )


def _shown(request: Request) -> str:
    words = [request.method, request.url.removeprefix("https://api.test")]
    of_http = ("accept", "content-type", "content-length")
    words += [f"{name}: {value}" for name, value in request.headers.items() if name not in of_http]
    words += [request.content.decode()] if request.content else []
    return " ".join(words)


# --- the tests


@pytest.mark.parametrize(("code", "case"), list(_cases()))
def test_quirk(code: str, case: Case, tmp_path: Path) -> None:
    assert set(case) <= KNOWN, f"unknown: {set(case) - KNOWN}"
    document = _written(case, tmp_path)
    library = open_library([document], Options())
    seen = "\n".join(map(str, library.findings))
    if case.get("refused"):
        assert _served(library) == [], seen
        assert code not in {finding.code for finding in library.findings}, seen
        assert {finding.code for finding in library.errors()} == set(case["also"]), seen
        return
    assert "main" in _served(library), seen
    assert {finding.code for finding in library.findings} == {code, *case.get("also", [])}, seen
    _points_at(document, next(finding for finding in library.findings if finding.code == code), case.get("at"))
    asked, done = _run(library.descriptions[0], case.get("inputs", {}), list(case["replies"]))
    assert done.outcome.status == "completed", done
    assert asked == case["asked"]
    assert "outputs" not in case or done.outcome.outputs == case["outputs"]
    strict = open_library([document], Options(strict=True))
    if case.get("strict") == "as written":
        assert "main" in _served(strict)
        assert strict.findings == ()
        return
    assert "main" not in _served(strict)
    assert case.get("strict", code) in {finding.code for finding in strict.errors()}


def _points_at(document: Path, finding: Finding, text: str | None) -> None:
    """A finding is a warning, says the rule, and stands at a line and column."""
    assert finding.severity == "warning"
    assert TOLERANCES[finding.code].rule in finding.message
    assert finding.where.line
    assert finding.where.column
    if text is not None:
        line = document.read_text().splitlines()[finding.where.line - 1]
        assert line[finding.where.column - 1 :].strip("'\"").startswith(text)


def _served(library: Library) -> list[str]:
    return [flow.id for _, flow in library.workflows()]


def test_the_stories_are_whole() -> None:
    cases = [(file.stem, case) for file in FOLDER.glob("*.yaml") for case in yaml.load(file.read_text(), CCoreLoader)]
    assert len({(stem, case["name"]) for stem, case in cases}) == len(cases)
    assert all(json.dumps(case) for _, case in cases)
    assert {stem for stem, case in cases if not case.get("refused")} == TOLERANCES.keys()
