"""Documents that use one another: where they are found, by place and by identity, and pinned together."""

from __future__ import annotations

from pathlib import Path

import pytest

from arazzo_mcp.arazzo.command import Pace
from arazzo_mcp.library import Library, Options, open_library, relink
from arazzo_mcp.reading.read import Snapshot

API = """openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: 'https://NAME.example.test'}]
paths: {/x: {post: {operationId: doX}}}
"""
HEAD = "arazzo: 1.1.0\ninfo: {title: t, version: '1'}\n"
MORE = (
    HEAD
    + """sourceDescriptions: [{name: api, url: more.openapi.yaml}]
workflows: [{workflowId: sub, steps: [{stepId: x, operationId: doX}]}]
"""
)
MAIN = (
    HEAD
    + """sourceDescriptions:
- {name: api, url: main.openapi.yaml}
- {name: more, url: MORE, type: arazzo}
workflows:
- workflowId: main
  steps:
  - {stepId: own, operationId: $sourceDescriptions.api.doX}
  - {stepId: other, workflowId: $sourceDescriptions.more.sub}
- {workflowId: alone, steps: [{stepId: own, operationId: $sourceDescriptions.api.doX}]}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("main", "more"):
        (tmp_path / f"{name}.openapi.yaml").write_text(API.replace("NAME", name))
    (tmp_path / "main.arazzo.yaml").write_text(MAIN.replace("MORE", "more.arazzo.yaml"))
    (tmp_path / "more.arazzo.yaml").write_text(MORE)
    return tmp_path


def opened(*paths: Path, **options: object) -> Library:
    return open_library(paths, Options(**options))  # type: ignore[arg-type]


def served(library: Library) -> list[str]:
    return [workflow.id for _, workflow in library.workflows()]


def hosts(library: Library) -> dict[str, str | None]:
    (linked,) = library.descriptions
    return {step: linked.operation(target).base_url for (_, step), target in linked.program.targets.items()}


def test_a_workflow_of_another_document_calls_that_documents_api(folder: Path) -> None:
    library = opened(folder / "main.arazzo.yaml")
    assert library.findings == ()
    assert served(library) == ["main", "alone"]
    assert hosts(library) == {"own": "https://main.example.test", "x": "https://more.example.test"}


def test_every_workflow_is_served_once_in_its_own_document(folder: Path) -> None:
    assert served(opened(folder)) == ["main", "alone", "sub"]


def test_both_documents_are_pinned(folder: Path) -> None:
    (linked,) = opened(folder / "main.arazzo.yaml").descriptions
    text = linked.snapshot.to_json()
    for file in folder.iterdir():
        file.unlink()
    again = relink(Snapshot.from_json(text), Pace())
    assert (again.digest, again.program) == (linked.digest, linked.program)


def test_a_change_of_the_other_document_is_another_program(folder: Path) -> None:
    (before,) = opened(folder / "main.arazzo.yaml").descriptions
    (folder / "more.openapi.yaml").write_text(API.replace("NAME", "new"))
    (after,) = opened(folder / "main.arazzo.yaml").descriptions
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (None, "source-not-found"),
        ("a: [", "syntax"),
        ("openapi: 3.1.0\n", "not-arazzo"),
        (MORE.replace("doX", "doY"), "unknown-operation"),
    ],
)
def test_a_broken_other_document_spoils_only_what_uses_it(folder: Path, other: str | None, why: str) -> None:
    (folder / "more.arazzo.yaml").unlink()
    if other is not None:
        (folder / "more.arazzo.yaml").write_text(other)
    library = opened(folder / "main.arazzo.yaml")
    assert served(library) == ["alone"]
    assert {finding.code for finding in library.errors()} >= {"unknown-workflow"}
    assert why in {finding.code for finding in library.findings}


def test_documents_that_use_one_another(folder: Path) -> None:
    """A circle of documents is cut where it closes; what does not need the closing link is served."""
    (folder / "more.arazzo.yaml").write_text(
        MORE.replace(
            "sourceDescriptions: [", "sourceDescriptions: [{name: back, url: main.arazzo.yaml, type: arazzo}, "
        ).replace("operationId: doX", "operationId: $sourceDescriptions.api.doX")
    )
    library = opened(folder / "main.arazzo.yaml")
    assert served(library) == ["main", "alone"]
    assert [(f.severity, f.code) for f in library.findings] == [("warning", "source-cycle")]


def test_a_server_is_set_for_a_source_of_the_other_document_too(folder: Path) -> None:
    (folder / "more.arazzo.yaml").write_text(MORE.replace("name: api", "name: far"))
    library = opened(folder / "main.arazzo.yaml", servers={"far": "http://127.0.0.1:1"})
    assert hosts(library) == {"own": "https://main.example.test", "x": "http://127.0.0.1:1"}
    assert library.source_names == {"api", "more", "far"}


def test_a_document_is_found_by_its_identity(folder: Path) -> None:
    """Arazzo 1.1.0, "Identity-Based Referencing": resolved "by identity (matching the `$self` value)"."""
    (folder / "main.arazzo.yaml").write_text(MAIN.replace("MORE", "https://flows.example.test/v1/more.yaml"))
    (folder / "sub").mkdir()
    (folder / "sub" / "renamed.yaml").write_text(
        MORE.replace("arazzo: 1.1.0", "arazzo: 1.1.0\n$self: https://flows.example.test/v1/more.yaml").replace(
            "more.openapi", "../more.openapi"
        )
    )
    library = opened(folder)
    assert library.findings == ()
    assert served(library) == ["main", "alone", "sub", "sub"]


def test_a_relative_url_is_resolved_against_self(folder: Path) -> None:
    """Arazzo 1.1.0, "Establishing the Base URI": "the base URI is the `$self` URI"."""
    own = "$self: https://flows.example.test/v1/main.yaml\n"
    (folder / "main.arazzo.yaml").write_text(own + MAIN.replace("MORE", "parts/more.yaml"))
    (folder / "elsewhere.yaml").write_text("$self: https://flows.example.test/v1/parts/more.yaml\n" + MORE)
    library = opened(folder / "main.arazzo.yaml")
    assert library.findings == ()
    assert served(library) == ["main", "alone"]


def test_an_absolute_url_beside_self_is_a_file_beside_the_document(folder: Path) -> None:
    own = "$self: https://flows.example.test/v1/main.arazzo.yaml\n"
    url = "https://flows.example.test/v1/more.arazzo.yaml"
    (folder / "main.arazzo.yaml").write_text(own + MAIN.replace("MORE", url))
    library = opened(folder / "main.arazzo.yaml")
    assert library.findings == ()
    assert served(library) == ["main", "alone"]


PARTS = """openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: 'https://main.example.test'}]
paths:
  /x: {$ref: 'paths/x.yaml#/x'}
"""


def test_an_openapi_description_of_several_files(folder: Path) -> None:
    """A path item in another file, whose references are relative to that file, is read and pinned."""
    (folder / "main.openapi.yaml").write_text(PARTS)
    (folder / "paths").mkdir()
    (folder / "paths" / "x.yaml").write_text(
        "x: {post: {operationId: doX, parameters: [{$ref: '../common/parameters.yaml#/size'}]}}\n"
    )
    (folder / "common").mkdir()
    (folder / "common" / "parameters.yaml").write_text("size: {name: size, in: query, schema: {type: integer}}\n")
    library = opened(folder / "main.arazzo.yaml")
    assert library.findings == ()
    (linked,) = library.descriptions
    text = linked.snapshot.to_json()
    for file in folder.rglob("*.yaml"):
        file.unlink()
    again = relink(Snapshot.from_json(text), Pace())
    assert again.digest == linked.digest
    (parameter,) = again.operation(again.program.targets["main", "own"]).parameters
    assert (parameter.name, parameter.schema) == ("size", {"type": "integer"})


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("nowhere.yaml#/x", "where there is no file"),
        ("../../../../../../../etc/hostname#/x", "outside of the folders"),
        ("/etc/hostname", "outside of the folders"),
        ("https://example.test/x.yaml#/x", "URLs are not fetched"),
        ("file:///etc/hostname", "URLs are not fetched"),
        ("../far/link.yaml", "outside of the folders"),
    ],
)
def test_a_reference_that_is_not_followed(folder: Path, reference: str, why: str) -> None:
    """What lies outside, also by a symbolic link, is not read, and what refers to it is empty."""
    (folder / "far").mkdir()
    (folder / "far" / "link.yaml").symlink_to("/etc/hostname")
    inner = folder / "in"
    inner.mkdir()
    for file in folder.glob("*.yaml"):
        file.rename(inner / file.name)
    text = API.replace("NAME", "main").replace("{operationId: doX}", "{operationId: doX, requestBody: {$ref: 'REF'}}")
    (inner / "main.openapi.yaml").write_text(text.replace("REF", reference))
    library = opened(inner)
    assert served(library) == ["main", "alone", "sub"]
    (finding,) = library.findings
    assert (finding.severity, finding.code) == ("warning", "dangling-reference")
    assert why in finding.message
    assert "root" not in finding.message
