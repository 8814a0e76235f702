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
from yamlcore import CCoreLoader

from arazzo_mcp.library import Library, Options, open_library

TESTS = Path(__file__).parent
PLACES = frozenset({"cases", "elsewhere", "not-served", "about", "pending"})
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
paths: {/x: {post: {operationId: doX}, get: {operationId: url}}}
"""
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
