"""Documents found, read and linked: where sources are looked for, and what a broken one leaves standing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from arazzo_mcp.arazzo.command import Pace
from arazzo_mcp.findings import Finding
from arazzo_mcp.library import Library, Options, open_library, relink
from arazzo_mcp.reading.read import Snapshot
from tests.conftest import CORPUS

API = """openapi: 3.0.3
info: {title: t, version: '1'}
servers: [{url: https://api.example.test/v1}]
paths:
  /orders: {post: {operationId: placeOrder}}
  /orders/{id}:
    parameters: [{$ref: '#/components/parameters/Id'}]
    get: {operationId: getOrder}
components: {parameters: {Id: {name: id, in: path, required: true, schema: {$ref: '#/nowhere/Id'}}}}
"""
FLOW = """arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions:
- {name: shop, url: SHOP, type: openapi}
workflows:
- workflowId: order
  steps:
  - stepId: place
    operationId: placeOrder
    outputs: {id: $response.body#/id}
  - stepId: get
    operationId: getOrder
    parameters: [{name: id, in: path, value: $steps.place.outputs.id}]
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str = "flows/order.arazzo.yaml", text: str = FLOW, shop: str = "shop.yaml") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("SHOP", shop))
        return file

    return written


def opened(*paths: Path, **options: object) -> Library:
    return open_library(paths, Options(**options))  # type: ignore[arg-type]


def codes(library: Library) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in library.findings]


def found(library: Library, code: str) -> Finding:
    return next(finding for finding in library.findings if finding.code == code)


def served(library: Library) -> list[str]:
    return [workflow.id for _, workflow in library.workflows()]


def test_a_source_beside_the_document(write: Write) -> None:
    write("flows/shop.yaml", API)
    library = opened(write())
    assert served(library) == ["order"]
    assert library.findings == ()


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("flows/shop.yaml", "../openapi/shop.yaml"),
        ("openapi/_original/shop.yaml", "../openapi/shop.yaml"),
        ("apis/openapi/shop.yaml", "./apis/openapi/shop.yaml"),
        ("flows/shop.yaml", "https://elsewhere.example.test/specs/shop.yaml"),
        ("flows/my shop.yaml", "../gone/my%20shop.yaml"),
    ],
)
def test_a_source_elsewhere_is_found_and_reported(write: Write, place: str, url: str) -> None:
    write(place, API)
    library = opened(write(shop=url))
    assert served(library) == ["order"]
    finding = found(library, "source-elsewhere")
    assert finding.severity == "warning"
    assert Path(place).name in finding.message
    assert finding.where.line == 4


def test_strict_does_not_look_away(write: Write) -> None:
    write("flows/shop.yaml", API)
    library = opened(write(shop="../openapi/shop.yaml"), strict=True)
    assert served(library) == []
    assert codes(library) == [("error", "source-elsewhere")]


def test_a_source_given_by_name_wins(write: Write, tmp_path: Path) -> None:
    write("flows/shop.yaml", "not: openapi")
    library = opened(write(), sources={"shop": write("given.yaml", API)})
    assert served(library) == ["order"]
    assert library.findings == ()


def test_a_source_that_is_nowhere(write: Write) -> None:
    library = opened(write(shop="../openapi/shop.yaml"))
    assert served(library) == []
    assert "--source shop=PATH" in found(library, "source-not-found").hint


def test_an_unused_source_that_is_nowhere_spoils_nothing(write: Write) -> None:
    write("flows/shop.yaml", API)
    two = FLOW.replace("workflows:", "- {name: gone, url: gone.yaml, type: openapi}\nworkflows:")
    library = opened(write(text=two))
    assert served(library) == ["order"]
    assert ("warning", "source-not-found") in codes(library)


def test_an_unknown_operation_says_which_is_meant(write: Write) -> None:
    write("flows/shop.yaml", API)
    library = opened(write(text=FLOW.replace("operationId: getOrder", "operationId: getOrders")))
    finding = found(library, "unknown-operation")
    assert served(library) == []
    assert finding.hint == "Did you mean 'getOrder'?"
    assert (finding.where.line, finding.where.column, finding.workflow) == (12, 18, "order")


def test_a_missing_path_parameter_is_known_before_any_request(write: Write) -> None:
    write("flows/shop.yaml", API)
    library = opened(write(text=FLOW.replace("{name: id, in: path", "{name: ident, in: path")))
    assert "needs the path parameter 'id'" in found(library, "missing-path-parameter").message


def test_one_operation_id_in_two_sources(write: Write) -> None:
    write("flows/shop.yaml", API)
    write("flows/other.yaml", API.replace("getOrder", "getOther"))
    two = FLOW.replace("workflows:", "- {name: other, url: other.yaml, type: openapi}\nworkflows:")
    library = opened(write(text=two))
    finding = found(library, "ambiguous-operation")
    assert "shop: POST /orders, other: POST /orders" in finding.message
    named = two.replace("operationId: placeOrder", "operationId: $sourceDescriptions.shop.placeOrder")
    library = opened(write(text=named))
    assert served(library) == ["order"]
    assert codes(library) == [("warning", "bare-operation-id")]


@pytest.mark.parametrize(
    ("path", "strictly"),
    [
        ("'{$sourceDescriptions.shop.url}#/paths/~1orders/post'", True),
        ("'{$sourceDescriptions.shop}#/paths/~1orders/post'", False),
        ("shop#/paths/~1orders/post", False),
        ("'{$sourceDescriptions.shop.url}#/paths/~1orders~1%7Bid%7D/get'", True),
        ("'{$sourceDescriptions.shop.url}#/paths/%2Forders/post'", False),
        ("'{$sourceDescriptions.shop.url}#/paths/~1order/post'", None),
    ],
)
def test_operation_paths(write: Write, path: str, strictly: bool | None) -> None:
    write("flows/shop.yaml", API)
    id_ = "\n    parameters: [{name: id, in: path, value: 1}]" if "%7Bid" in path else ""
    library = opened(write(text=FLOW.replace("operationId: placeOrder", f"operationPath: {path}{id_}")))
    if strictly is None:
        assert found(library, "unknown-operation").hint.startswith("Did you mean '/paths/~1orders/post'")
    else:
        assert served(library) == ["order"]
        assert (library.findings == ()) is strictly


def test_a_syntax_error_has_file_and_line_and_the_others_serve(write: Write, tmp_path: Path) -> None:
    write("flows/shop.yaml", API)
    write()
    write("flows/broken.arazzo.yaml", "arazzo: 1.0.1\nworkflows:\n- workflowId: a\n  steps: [\n")
    library = opened(tmp_path)
    assert served(library) == ["order"]
    finding = found(library, "syntax")
    assert finding.where.file.endswith("broken.arazzo.yaml")
    assert finding.where.line in (4, 5)


@pytest.mark.parametrize("name", ["openapi.yaml", "flows/deep/openapi.json"])
def test_a_folder_is_searched_for_arazzo_alone(write: Write, tmp_path: Path, name: str) -> None:
    write("flows/shop.yaml", API)
    write()
    write(name, API)
    write("node_modules/x/other.arazzo.yaml", FLOW)
    assert served(opened(tmp_path)) == ["order"]


def test_nothing_there(tmp_path: Path) -> None:
    assert codes(opened(tmp_path)) == [("error", "no-documents")]
    assert codes(opened(tmp_path / "gone")) == [("error", "unreadable")]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"arazzo: [", b"[1, 2]", b"", b"just text"])
def test_files_that_are_no_documents(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    library = opened(file)
    assert served(library) == []
    assert library.errors()


def test_yaml_is_read_by_version_1_2(write: Write) -> None:
    write("flows/shop.yaml", API)
    text = FLOW.replace(
        "outputs: {id: $response.body#/id}", "outputs: {on: $response.body#/on, id: $response.body#/id}"
    )
    text = text.replace("- stepId: get\n", "- stepId: get\n    x-since: 2024-01-01\n")
    library = opened(write(text=text))
    (workflow,) = (workflow for _, workflow in library.workflows())
    assert set(workflow.steps[0].outputs) == {"on", "id"}


def test_a_snapshot_is_made_into_the_same_program(write: Write) -> None:
    write("flows/shop.yaml", API)
    library = opened(write(), servers={"shop": "http://127.0.0.1:1"})
    (linked,) = library.descriptions
    again = relink(Snapshot.from_json(linked.snapshot.to_json()), Pace())
    assert again.digest == linked.digest
    assert again.program == linked.program
    assert again.operation(linked.program.targets["order", "get"]).base_url == "http://127.0.0.1:1"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no published documents")
@pytest.mark.parametrize(("name", "flows"), [("fal-ai", 9), ("replicate", 10), ("windmill", 10)])
def test_published_documents_load_and_bind(name: str, flows: int) -> None:
    library = opened(CORPUS / f"api-evangelist__{name}")
    assert len(served(library)) == flows
    assert library.errors() == ()
    for linked in library.descriptions:
        for target in linked.program.targets.values():
            assert linked.operation(target).key == target.operation
