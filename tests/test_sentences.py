"""The ledger of the specification's sentences (`sentences.yaml`): a test that is there shows each, or it says why not.

What no story of `language/` can show, because it is said of the file and not of what stands in it, is shown here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.responses import JSONResponse
from yamlcore import CCoreLoader

from arazzo_mcp.app import catalog
from arazzo_mcp.arazzo.command import CallOperation, Started, Target
from arazzo_mcp.arazzo.expression import evaluate, parse_expression
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import Scope
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.http.client import ApiClient
from arazzo_mcp.library import Library, Options, open_library
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.server.catalog import Entry
from tests.conftest import Scripted

TESTS = Path(__file__).parent
PLACES = frozenset({"cases", "elsewhere", "not-served", "about"})
VERSIONS = frozenset({"both", "1.0.1", "1.1.0"})
STRENGTHS = frozenset({"must", "should", "may", "states"})
LEAST_CASES = 400

Sentence = dict[str, Any]


def _read(file: Path) -> Any:
    return yaml.load(file.read_text(), CCoreLoader)


def _sentences() -> Iterator[tuple[str, Sentence]]:
    for section, sentences in _read(TESTS / "sentences.yaml").items():
        yield from ((section, sentence) for sentence in sentences)


def _cases() -> list[str]:
    files = sorted((TESTS / "language").glob("*.yaml"))
    return [f"{file.stem}: {case['name']}" for file in files for case in _read(file)]


def _tests(file: Path) -> set[str]:
    return set(re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE)) if file.is_file() else set()


# --- the ledger


def test_every_sentence_is_whole() -> None:
    for section, sentence in _sentences():
        assert set(sentence) <= {"says", "versions", "strength", *PLACES}, (section, sentence)
        assert sentence["says"], section
        assert sentence["versions"] in VERSIONS, (section, sentence)
        assert sentence["strength"] in STRENGTHS, (section, sentence)


def test_every_sentence_says_where_it_is_shown_or_why_not() -> None:
    assert [s for s in _sentences() if not any(s[1].get(place) for place in PLACES)] == []


def test_every_sentence_stands_once() -> None:
    said = [(section, sentence["versions"], sentence["says"]) for section, sentence in _sentences()]
    assert len(said) == len(set(said))


def test_every_case_that_is_named_is_there() -> None:
    known = set(_cases())
    named = {case for _, sentence in _sentences() for case in sentence.get("cases", [])}
    assert sorted(named - known) == []


def test_every_test_that_is_named_is_there() -> None:
    named = {place for _, sentence in _sentences() for place in sentence.get("elsewhere", [])}
    missing = [place for place in named if place.split("::")[1] not in _tests(TESTS.parent / place.split("::")[0])]
    assert sorted(missing) == []


def test_the_language_has_many_stories() -> None:
    assert len(_cases()) >= LEAST_CASES


# --- what is said of files

API = """openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: 'https://x.test'}]
paths:
  /x: {post: {operationId: doX}, get: {operationId: url}}
  /all: {get: {operationId: all, parameters: [{name: all, in: querystring, content: {FORM: {}}}]}}
""".replace("FORM", "application/x-www-form-urlencoded")
FLOW = """arazzo: 1.1.0
info: {title: t, version: '1'}
sourceDescriptions: [{name: p, url: p.yaml, type: openapi}]
workflows: [{workflowId: w, steps: [{stepId: a, operationId: OPERATION}]}]
"""


def _opened(folder: Path, name: str, text: str) -> Library:
    (folder / "p.yaml").write_text(API)
    (folder / name).write_text(text)
    return open_library([folder / name], Options())


def test_a_description_in_json_is_one(tmp_path: Path) -> None:
    text = (
        '{"arazzo": "1.1.0", "info": {"title": "t", "version": "1"}, "sourceDescriptions": [{"name": "p", "url":'
        ' "p.yaml"}], "workflows": [{"workflowId": "w", "steps": [{"stepId": "a", "operationId": "doX"}]}]}'
    )
    library = _opened(tmp_path, "flow.json", text)
    assert library.findings == ()
    assert [workflow.id for _, workflow in library.workflows()] == ["w"]


@pytest.mark.parametrize("odd", ["!!python/object:os.system x", "!!set {a}", "{[a, b]: 1}", "{{a: b}: 1}"])
def test_yaml_that_json_cannot_say_is_a_finding(tmp_path: Path, odd: str) -> None:
    """Format: "Tags MUST be limited to those allowed by the JSON Schema ruleset"; keys are scalar strings."""
    library = _opened(tmp_path, "flow.yaml", FLOW.replace("OPERATION}", f"doX, x-odd: {odd}}}"))
    assert list(library.workflows()) == []
    assert [(finding.code, finding.where.line) for finding in library.errors()] == [("syntax", 4)]


def test_an_operation_whose_id_is_a_field_of_the_source(tmp_path: Path) -> None:
    """Source Description Expression Resolution: "the operationId takes precedence"."""
    library = _opened(tmp_path, "flow.yaml", FLOW.replace("OPERATION", "$sourceDescriptions.p.url"))
    ((linked, _),) = library.workflows()
    assert [target.operation for target in linked.program.targets.values()] == ["GET /x"]


@pytest.mark.parametrize(
    ("sources", "lacks"),
    [
        ("[{url: p.yaml}, {name: p, url: p.yaml}]", "name"),
        ("[{name: q}, {name: p, url: p.yaml}]", "url"),
    ],
)
def test_a_source_without_a_name_or_a_url_keeps_every_workflow_from_being_served(
    tmp_path: Path, sources: str, lacks: str
) -> None:
    """Source Description Object: both are REQUIRED; which workflow such a source is meant for, nobody knows."""
    text = FLOW.replace("OPERATION", "doX").replace("[{name: p, url: p.yaml, type: openapi}]", sources)
    library = _opened(tmp_path, "flow.yaml", text)
    assert list(library.workflows()) == []
    (finding,) = library.errors()
    assert (finding.code, finding.message, finding.where.line) == ("missing-field", f"{lacks!r} is missing.", 3)


@pytest.mark.parametrize(("own", "url"), [("sub/flow.yaml", "../p.yaml"), ("./other.yaml", "p.yaml")])
def test_a_relative_self_is_the_base_once_it_is_resolved(tmp_path: Path, own: str, url: str) -> None:
    """Establishing the Base URI: "it MUST first be resolved against the next possible base URI source"."""
    text = FLOW.replace("OPERATION", "doX").replace("arazzo: 1.1.0", f"arazzo: 1.1.0\n$self: {own}")
    library = _opened(tmp_path, "flow.yaml", text.replace("url: p.yaml", f"url: {url}"))
    assert library.findings == ()
    assert [workflow.id for _, workflow in library.workflows()] == ["w"]


def test_a_relative_self_leads_to_other_files_than_those_beside_the_document(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "p.yaml").write_text(API.replace("doX", "moved"))
    text = FLOW.replace("OPERATION", "moved").replace("arazzo: 1.1.0", "arazzo: 1.1.0\n$self: sub/flow.yaml")
    assert _opened(tmp_path, "flow.yaml", text).findings == ()


# --- what is said of inputs


def _inputs(folder: Path, properties: str) -> Entry:
    schema = f"inputs: {{type: object, properties: {properties}}}, steps"
    return catalog(_opened(folder, "flow.yaml", FLOW.replace("OPERATION", "doX").replace("steps", schema))).named("w")


@pytest.mark.parametrize("given", [5, 5.0, 5e2, "5", "5.0", "5e2"])
def test_an_integer_is_what_json_schema_says(tmp_path: Path, given: Any) -> None:
    """JSON Schema 2020-12, 6.1.1: "integer" matches "any number with a zero fractional part"."""
    assert _inputs(tmp_path, "{n: {type: integer}}").inputs({"n": given}) == {"n": float(given)}


@pytest.mark.parametrize("given", [5.5, "5.5", "5e-1", True])
def test_what_has_a_fraction_is_no_integer(tmp_path: Path, given: Any) -> None:
    with pytest.raises(InvalidInputs, match="n must be of type integer"):
        _inputs(tmp_path, "{n: {type: integer}}").inputs({"n": given})


@pytest.mark.parametrize(
    ("type_", "format_", "shown"),
    [
        ("string", "password", "password"),
        ("string", "email", "email"),
        ("string", "of-our-own", "of-our-own"),
        ("integer", "int32", None),
        ("integer", "int64", None),
        ("number", "int32", None),
        ("number", "float", None),
        ("number", "double", None),
    ],
)
def test_a_format_is_shown_where_it_tells_something(
    tmp_path: Path, type_: str, format_: str, shown: str | None
) -> None:
    """Sizes of numbers mean nothing to an agent, and some hosts refuse them: the type stays."""
    entry = _inputs(tmp_path, f"{{n: {{type: {type_}, format: {format_}}}}}")
    assert (shows := entry.schema["properties"]["n"])["type"] == type_
    assert shows.get("format") == shown


# --- what is said of requests


def test_a_whole_query_string_from_the_document_to_the_request(tmp_path: Path) -> None:
    """Parameter Object, `querystring`: "treats the entire URL query string as a single value"."""
    step = "all, parameters: [{name: all, in: querystring, value: 'a={$inputs.a}&b=2'}]"
    text = FLOW.replace("OPERATION", step).replace("steps", "inputs: {properties: {a: {}}, required: [a]}, steps")
    library = _opened(tmp_path, "flow.yaml", text)
    assert library.findings == ()
    ((linked, _),) = library.workflows()
    _, command = advance(linked.program, State(), Started("w", {"a": "x&y z"}))
    assert isinstance(command, CallOperation)
    assert bind(command, linked.operation(command.target)).url == "https://x.test/all?a=x%26y+z&b=2"


@pytest.mark.anyio
async def test_the_media_type_that_was_asked_for_can_be_read_back(scripted: Scripted) -> None:
    """Runtime Expressions, the examples: `$request.header.accept`."""
    scripted.replies = [JSONResponse({})]
    content = {"content": {"text/csv": {}}}
    get = {"get": {"operationId": "get", "responses": {"200": content}}}
    api = OpenApi("api", {"openapi": "3.1.0", "servers": [{"url": scripted.url}], "paths": {"/x": get}})
    async with ApiClient(Credentials({})) as client:
        exchange = await client.perform(
            CallOperation("a", Target("api", "GET /x", "GET"), (), None), api.operation("GET /x")
        )
    expression = parse_expression("$request.header.accept")
    assert expression is not None
    assert evaluate(expression, Scope(exchange=exchange)) == scripted.headers[0]["accept"]
    assert scripted.headers[0]["accept"].startswith("text/csv")
