"""Published documents become working tools: all that are in the folder of published documents, which is no part of
this project. Without it these tests are skipped, but for those of the scripted provider itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.routing import Route

from arazzo_mcp.arazzo.criterion import judge
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.kind import JSONPATH
from arazzo_mcp.arazzo.model import QueryCriterion
from arazzo_mcp.arazzo.scope import Exchange, Scope
from arazzo_mcp.arazzo.template import Literal
from tests.conftest import CORPUS, http_server, serve_app
from tests.corpus.description import Api
from tests.corpus.door import Door, expected
from tests.corpus.pattern import text_for
from tests.corpus.report import Ran, Report, Row, survey
from tests.corpus.sample import sample
from tests.corpus.solve import Reply, variants

FAMILIES = ("api-evangelist__", "jentic__")
LEAST_SERVED = 0.99
LEAST_COMPLETED = 0.98


# --- the scripted provider itself


@pytest.mark.parametrize(
    "pattern", [r"^[A-Z]{2}[0-9]{10}$", r"^(draft|final)$", r"^\d+$", r"[^/]+/[^/]+", r"^[a-f0-9]{8}-x?$", r"\w+@\w+"]
)
def test_a_text_for_a_pattern(pattern: str) -> None:
    assert text_for(pattern)


SCHEMAS: dict[str, tuple[Any, Any]] = {
    "a constant": ({"const": 3}, 3),
    "an enum": ({"enum": [None, "a", "b"]}, "a"),
    "a default that fits": ({"type": "integer", "default": 7}, 7),
    "an example of another type": ({"type": "integer", "example": "seven"}, 1),
    "a minimum": ({"type": "integer", "minimum": 18}, 18),
    "an exclusive minimum before 3.1": ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, 1),
    "all of": ({"allOf": [{"properties": {"a": {"type": "boolean"}}}, {"required": ["a"]}]}, {"a": True}),
    "one of": ({"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}}]}, [True]),
    "a type list": ({"type": ["null", "boolean"]}, True),
    "a reference": ({"$ref": "#/definitions/a"}, True),
    "a reference to nowhere": ({"$ref": "#/definitions/b"}, "value-1"),
    "a date": ({"type": "string", "format": "date"}, "2026-01-02"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_value_from_a_schema(name: str) -> None:
    schema, value = SCHEMAS[name]
    assert sample(Api({"definitions": {"a": {"type": "boolean"}}}), schema, whole=True) == value


def test_a_schema_within_itself_ends() -> None:
    api = Api({"definitions": {"a": {"type": "object", "properties": {"a": {"$ref": "#/definitions/a"}}}}})
    assert json.dumps(sample(api, {"$ref": "#/definitions/a"}, whole=True)).count("a") < 20


CONDITIONS = [
    '$.status == "DONE"',
    "$.status != 'DONE' && $.items.length > 2",
    "$.items.length == 0",
    "$.items[?(@.id == 'x')].length > 0",
    "$.items[?(@.id == 'x' && @.n > 4)]",
    "$.count >= 3 || $.other == null",
    "$[?(@.kind == 'a')]",
    "$.a.b[1].c <= -2",
]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("want", [True, False])
def test_a_body_for_a_condition(condition: str, want: bool) -> None:
    criterion = QueryCriterion(
        condition, Expression("$response.body", "response", ("body",)), Literal(condition), JSONPATH
    )
    body = {"status": "QUEUED", "items": [{"id": "a"}], "count": 1, "other": 2}
    made = variants([Reply(200, {}, body)], [criterion], want, Scope())
    seen = [judge([criterion], Scope(exchange=Exchange(status=200, body=reply.body))).ok for reply in made]
    assert want in seen, [reply.body for reply in made]


def test_a_document_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.arazzo.yaml").write_text("arazzo: 1.0.1\nworkflows: [\n")
    (row,) = survey([tmp_path]).rows
    assert (row.served, dict(row.codes), row.silent) == ((), {"error:syntax": 1}, False)


# --- the published documents


@cache
def report() -> Report:
    """Every document of the folder, with every served workflow run through the scripted provider."""
    if not CORPUS.is_dir():
        pytest.skip(f"no published documents at {CORPUS}")
    return survey([CORPUS], run=True)


def rows() -> Iterator[Row]:
    """The documents of the two families that the goals are set for."""
    return (row for row in report().rows if row.family.startswith(FAMILIES))


def test_every_document_gives_tools_or_an_error_that_says_why_not() -> None:
    assert [row.file.name for row in report().rows if row.silent] == []
    assert [row.trace for row in report().rows if row.trace] == []


def test_nearly_all_workflows_become_tools() -> None:
    refused = {row.file.name: left for row in rows() if (left := sorted({*row.workflows} - {*row.served}))}
    reasons = Counter(code for row in rows() for code in row.codes.elements() if code.startswith("error:"))
    workflows, served = sum(len(row.workflows) for row in rows()), sum(len(row.served) for row in rows())
    assert workflows > 100
    assert served >= LEAST_SERVED * workflows, f"{served} of {workflows}: {reasons}\n{refused}"


def test_nearly_all_workflows_run_to_completion_with_valid_requests() -> None:
    ran = [one for row in rows() for one in row.ran]
    failed = {one.workflow: one.why for one in ran if one.why}
    assert len(ran) > 100
    assert len(ran) - len(failed) >= LEAST_COMPLETED * len(ran), f"{len(failed)} of {len(ran)}: {failed}"


def test_every_poll_is_told_not_yet_at_least_once() -> None:
    """The provider is no pushover: jobs are not done at the first look."""
    ran = [one for row in rows() for one in row.ran]
    polled = [one for one in ran if max(Counter(turn.call.step for turn in one.played.turns).values(), default=0) > 1]
    assert len(polled) >= 10


# --- a sample through the real door


def sampled() -> list[Row]:
    """For each provider the first document of which every workflow completes without long waits."""
    chosen: dict[Path, Row] = {}
    for row in rows():
        good = row.ran and all(not ran.why and ran.played.turns and ran.played.waited < 8 for ran in row.ran)
        if good:
            chosen.setdefault(row.file.parent, row)
    return list(chosen.values())


@pytest.mark.anyio
async def test_a_sample_of_all_providers_through_the_real_server(tmp_path: Path) -> None:
    documents = sampled()
    assert len(documents) >= 10
    for at in range(0, len(documents), 4):
        await through_the_door(documents[at : at + 4], tmp_path / f"runs{at}.sqlite3")


async def through_the_door(documents: list[Row], store: Path) -> None:
    """Each workflow of some documents called as a tool, its requests laid beside those that were found by search."""
    door = Door()
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
    async with serve_app(Starlette(routes=[Route("/{path:path}", door.answer, methods=methods)])) as url:
        flags = [flag for name in sources(documents) for flag in ("--server", f"{name}={url}")]
        files = [row.file for row in documents]
        environment = {"ARAZZO_MCP_PACE_FIRST": "0.05", "ARAZZO_MCP_WAIT_SECONDS": "60"}
        async with (
            http_server(*files, *flags, "--store", store, env=environment) as server,
            Client(server.mcp) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
            for row in documents:
                for ran in row.ran:
                    await called(client, door, ran, names)


def sources(documents: list[Row]) -> set[str]:
    """The names of the sources of some documents."""
    return {name for row in documents for ran in row.ran for name in ran.bases}


async def called(client: Client, door: Door, ran: Ran, names: set[str]) -> None:
    """One tool call against the answers that were found."""
    door.script(ran.played)
    tool = ran.tool if ran.tool in names else next(name for name in names if name.startswith(ran.tool[:30]))
    with anyio.fail_after(60):
        result = await client.call_tool(tool, ran.arguments)
    envelope = result.structured_content
    assert envelope is not None
    assert envelope["status"] == "completed", (ran.workflow, envelope)
    assert door.seen == expected(ran.played, ran.bases), ran.workflow
