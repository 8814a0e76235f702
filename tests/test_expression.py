"""Runtime expressions: what parses, what it means in a scope, and which `$` of a text are none."""

from __future__ import annotations

import time
from typing import Any

import pytest

from arazzo_mcp.arazzo.expression import Expression, dig, evaluate, parse_expression, point
from arazzo_mcp.arazzo.scope import ABSENT, Ended, Exchange, Scope
from arazzo_mcp.arazzo.template import (
    Literal,
    Names,
    Text,
    Unresolved,
    compile_template,
    compile_text,
    expressions_of,
    fill,
)

PARSED = [
    ("$url", "url", (), None),
    ("$method", "method", (), None),
    ("$statusCode", "statusCode", (), None),
    ("$self", "self", (), None),
    ("$inputs.a", "inputs", ("a",), None),
    ("$inputs.a-b_c.d", "inputs", ("a-b_c.d",), None),
    ("$inputs.page[size]", "inputs", ("page[size]",), None),
    ("$inputs.$.xgafv", "inputs", ("$.xgafv",), None),
    ("$inputs.a#/b/0", "inputs", ("a",), "/b/0"),
    ("$inputs.a#", "inputs", ("a",), ""),
    ("$inputs.a#b", "inputs", ("a",), "/b"),
    ("$outputs.a", "outputs", ("a",), None),
    ("$steps.s.outputs.a", "steps", ("s", "a"), None),
    ("$steps.s.outputs.a.b", "steps", ("s", "a.b"), None),
    ("$steps.s.outputs.a.outputs.b", "steps", ("s", "a.outputs.b"), None),
    ("$steps.s.outputs.a#/b", "steps", ("s", "a"), "/b"),
    ("$steps.s.a", "steps", ("s", "a"), None),
    ("$workflows.w.outputs.a", "workflows", ("w", "outputs", "a"), None),
    ("$workflows.w.inputs.a#/b", "workflows", ("w", "inputs", "a"), "/b"),
    ("$sourceDescriptions.api.url", "sourceDescriptions", ("api", "url"), None),
    ("$sourceDescriptions.api.get.it", "sourceDescriptions", ("api", "get.it"), None),
    ("$components.parameters.a", "components", ("parameters.a",), None),
    ("$request.body", "request", ("body",), None),
    ("$request.body#/a", "request", ("body",), "/a"),
    ("$request.header.X-A", "request", ("header", "x-a"), None),
    ("$request.query.A b", "request", ("query", "A b"), None),
    ("$request.path.id", "request", ("path", "id"), None),
    ("$response.body", "response", ("body",), None),
    ("$response.body#/a/0/~1b", "response", ("body",), "/a/0/~1b"),
    ("$response.body#/", "response", ("body",), "/"),
    ("$response.body.a.b[0]", "response", ("body", ".a.b[0]"), None),
    ("$response.body[0].a", "response", ("body", "[0].a"), None),
    ("$response.header.X-A", "response", ("header", "x-a"), None),
    ("$response.headers.X-A", "response", ("header", "x-a"), None),
]

NONE = [
    "",
    "$",
    "$5",
    "url",
    "$urls",
    "$url#/a",
    "$statusCode.x",
    "$inputs.",
    "$input.a",
    "$steps.s",
    "$steps.s.outputs",
    "$steps.s.outputs.",
    "$steps..outputs.a",
    "$workflows.w",
    "$workflows.w.a",
    "$workflows.w.steps.s",
    "$sourceDescriptions.api",
    "$response",
    "$response.bodyguard",
    "$response.header.",
    "$response.header.a b",
    "$request.cookie.a",
    "$message.topic",
    "$.a",
    "$[0]",
    " $inputs.a",
    "{$inputs.a}",
    "$inputs.{a}",
]


@pytest.mark.parametrize(("text", "root", "names", "pointer"), PARSED, ids=[row[0] for row in PARSED])
def test_an_expression(text: str, root: str, names: tuple[str, ...], pointer: str | None) -> None:
    assert parse_expression(text) == Expression(text, root, names, pointer)


@pytest.mark.parametrize("text", NONE)
def test_no_expression(text: str) -> None:
    assert parse_expression(text) is None


def test_all_inputs_together() -> None:
    found = parse_expression("$inputs")
    assert found is not None
    assert evaluate(found, SCOPE) == dict(SCOPE.inputs)


def test_parsing_takes_no_time_on_a_long_text() -> None:
    began = time.perf_counter()
    assert parse_expression("$response.body" + ".a" * 21 + " is what it says") is None
    assert time.perf_counter() - began < 0.1


SCOPE = Scope(
    inputs={"a": 1, "a.b": 2, "o": {"x": [10, {"y": None}], "odd name": 3}, "null": None, "s": "text", "page[size]": 5},
    steps={"s": {"v": {"id": 7}, "v.id": 8, "list": [{"id": 1}, {"id": 2}]}},
    workflows={"w": Ended({"i": 1}, {"o": {"k": 2}})},
    outputs={"out": 9},
    sources={"api": {"url": "api.yaml", "type": "openapi"}},
    self_uri="https://x.test/d",
    exchange=Exchange(
        "POST",
        "https://x.test/a?b=1",
        {"x-sent": "1"},
        {"b": 1},
        {"id": 7},
        {"sent": True},
        201,
        {"x-got": "2"},
        {"a": {"b": [0, {"c": "found"}]}, "a.b": "dots", "n": None, "f": False},
    ),
)

VALUES = [
    ("$url", "https://x.test/a?b=1"),
    ("$method", "POST"),
    ("$statusCode", 201),
    ("$self", "https://x.test/d"),
    ("$inputs.a", 1),
    ("$inputs.a.b", 2),
    ("$inputs.a.c", ABSENT),
    ("$inputs.null", None),
    ("$inputs.nope", ABSENT),
    ("$inputs.page[size]", 5),
    ("$inputs.o.x[1].y", None),
    ("$inputs.o.x.0", 10),
    ("$inputs.o['odd name']", 3),
    ("$inputs.o#/x/0", 10),
    ("$inputs.o#/x/2", ABSENT),
    ("$inputs.s#/0", ABSENT),
    ("$inputs.s.length", ABSENT),
    ("$outputs.out", 9),
    ("$steps.s.outputs.v#/id", 7),
    ("$steps.s.outputs.v.id", 8),
    ("$steps.s.outputs.list[1].id", 2),
    ("$steps.s.outputs.nope", ABSENT),
    ("$steps.other.outputs.v", ABSENT),
    ("$workflows.w.inputs.i", 1),
    ("$workflows.w.outputs.o#/k", 2),
    ("$workflows.w.outputs.o.k", 2),
    ("$workflows.other.outputs.o", ABSENT),
    ("$sourceDescriptions.api.url", "api.yaml"),
    ("$sourceDescriptions.api.operation", ABSENT),
    ("$components.parameters.p", ABSENT),
    ("$request.header.X-Sent", "1"),
    ("$request.query.b", 1),
    ("$request.path.id", 7),
    ("$request.body#/sent", True),
    ("$response.header.X-Got", "2"),
    ("$response.header.X-Sent", ABSENT),
    ("$response.query.b", ABSENT),
    ("$response.body#/a/b/1/c", "found"),
    ("$response.body#/a.b", "dots"),
    ("$response.body#/a.b[1].c", "found"),
    ("$response.body.a.b[1].c", "found"),
    ("$response.body#/n", None),
    ("$response.body#/n/x", ABSENT),
    ("$response.body#/f", False),
    ("$response.body#/a/b/-", ABSENT),
    ("$response.body#/a/b/01", ABSENT),
    ("$response.body#/a/b/-1", ABSENT),
    ("$response.body#/a/b/²", ABSENT),
    ("$response.body.a.b.²", ABSENT),
    ("$response.body#/~", ABSENT),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[row[0] for row in VALUES])
def test_the_value_of_an_expression(text: str, value: Any) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert evaluate(expression, SCOPE) == value
    assert type(evaluate(expression, SCOPE)) is type(value)


@pytest.mark.parametrize(("text", "_"), VALUES, ids=[row[0] for row in VALUES])
def test_an_empty_scope_gives_nothing_and_never_raises(text: str, _: Any) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert evaluate(expression, Scope()) is ABSENT


@pytest.mark.parametrize("document", [None, True, 0, "", "text", [], {}, ABSENT])
@pytest.mark.parametrize("pointer", ["", "/", "/0", "/-", "/a/b", "/~2", "a"])
def test_a_pointer_into_anything_never_raises(document: Any, pointer: str) -> None:
    assert point(document, pointer) in (document, ABSENT)
    assert dig(document, pointer.replace("/", ".")) in (document, ABSENT)


NAMES = Names(
    frozenset({"a", "ab", "a-b", "user", "my name", "owner", "repo"}),
    {"s": frozenset({"x", "My Song", "x.y"})},
    {"w": frozenset({"token"})},
)


def _bare(text: str) -> Expression:
    found = parse_expression(text)
    assert found is not None
    return Expression(found.text, found.root, found.names, found.pointer, bare=True)


def _whole(text: str) -> Expression:
    found = parse_expression(text)
    assert found is not None
    return found


A, B = _whole("$inputs.a"), _bare("$inputs.a")

COMPILED: list[tuple[str, Literal | Expression | Text]] = [
    # an expression as a whole
    ("$inputs.a", A),
    ("$inputs.not-declared", _whole("$inputs.not-declared")),
    ("$inputs.my name", _whole("$inputs.my name")),
    ("$steps.s.outputs.My Song", _whole("$steps.s.outputs.My Song")),
    ("$steps.s.outputs.My Song#/title", _whole("$steps.s.outputs.My Song#/title")),
    ("$inputs.user.name", _whole("$inputs.user.name")),
    ("$inputs.user[0]", _whole("$inputs.user[0]")),
    ("$inputs.user#/my name", _whole("$inputs.user#/my name")),
    # in braces
    ("{$inputs.a}", Text((A,))),
    ("x{$inputs.a}y", Text(("x", A, "y"))),
    ("{$inputs.a}{$url}", Text((A, _whole("$url")))),
    ("{{$inputs.a}}", Text(("{", A, "}"))),
    ("{$inputs.not-declared}", Text((_whole("$inputs.not-declared"),))),
    ("{$nothing}", Literal("{$nothing}")),
    ("{inputs.a}", Literal("{inputs.a}")),
    ("{ $inputs.b }", Literal("{ $inputs.b }")),
    # without braces, where the name is declared
    ("Bearer $inputs.a", Text(("Bearer ", B))),
    ("$inputs.a!", Text((B, "!"))),
    ("$inputs.a and $inputs.ab", Text((B, " and ", _bare("$inputs.ab")))),
    ("$inputs.owner/$inputs.repo", Text((_bare("$inputs.owner"), "/", _bare("$inputs.repo")))),
    ("$inputs.owner,$inputs.repo", Text((_bare("$inputs.owner"), ",", _bare("$inputs.repo")))),
    ("see $inputs.a.", Text(("see ", B, "."))),
    ("v $inputs.a-b", Text(("v ", _bare("$inputs.a-b")))),
    ("v $inputs.abc", Literal("v $inputs.abc")),
    ("v $inputs.nope", Literal("v $inputs.nope")),
    ("v $steps.s.outputs.x.y", Text(("v ", _bare("$steps.s.outputs.x.y")))),
    ("v $steps.s.outputs.z", Literal("v $steps.s.outputs.z")),
    ("v $steps.t.outputs.x", Literal("v $steps.t.outputs.x")),
    ("v $workflows.w.outputs.token", Text(("v ", _bare("$workflows.w.outputs.token")))),
    ("code $statusCode!", Text(("code ", _bare("$statusCode"), "!"))),
    ("code $statusCodes", Literal("code $statusCodes")),
    # every other $
    ("costs $5 or $a", Literal("costs $5 or $a")),
    ("query($id: ID!) { x(id: $id) { n } }", Literal("query($id: ID!) { x(id: $id) { n } }")),
    (r"^\$\d{2}$", Literal(r"^\$\d{2}$")),
    ("${HOME}/$PATH", Literal("${HOME}/$PATH")),
    ("the $url and $method", Literal("the $url and $method")),
    ("see $response", Literal("see $response")),
    ("", Literal("")),
    ("$", Literal("$")),
]


@pytest.mark.parametrize(("text", "compiled"), COMPILED, ids=[row[0] or "nothing" for row in COMPILED])
def test_a_text_of_the_document(text: str, compiled: Literal | Expression | Text) -> None:
    found = compile_text(text, NAMES)
    if isinstance(found, Text):
        found = Text(tuple(part for part in found.parts if part != ""))
    assert found == compiled


FILLED = [
    ("$inputs.o", {"x": [10, {"y": None}], "odd name": 3}),
    ("$inputs.nope", ABSENT),
    ("$inputs.null", None),
    ("{$inputs.a}", "1"),
    ("{$inputs.s}", "text"),
    ("{$response.body#/f}", "false"),
    ("{$inputs.o#/x}", '[10,{"y":null}]'),
    (
        {"k": "$inputs.a", "gone": "$inputs.nope", "null": "$inputs.null", "c": [1, "$5"]},
        {"k": 1, "null": None, "c": [1, "$5"]},
    ),
    (["$inputs.nope", "$inputs.a", ["$inputs.nope"]], [1, []]),
    ({"$inputs.a": "$inputs.a"}, {"$inputs.a": 1}),
    (7, 7),
    (None, None),
    ([], []),
    ({1: "$inputs.a"}, {"1": 1}),
]


@pytest.mark.parametrize(("value", "filled"), FILLED, ids=[str(row[0])[:40] for row in FILLED])
def test_a_value_of_the_document_in_a_scope(value: Any, filled: Any) -> None:
    assert fill(compile_template(value, Names()), SCOPE) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x {$inputs.nope}", "$inputs.nope has no value"),
        ("x {$inputs.null}", "$inputs.null is null"),
        ("x {$steps.s.outputs.gone#/a}", "$steps.s.outputs.gone#/a has no value"),
    ],
)
def test_a_text_around_nothing_is_refused_with_the_expression(text: str, message: str) -> None:
    with pytest.raises(Unresolved) as error:
        fill(compile_template({"deep": [text]}, Names()), SCOPE)
    assert str(error.value) == message


def test_every_expression_of_a_template_is_found() -> None:
    template = compile_template({"a": "$inputs.a", "b": ["x {$url} {$method}", {"c": "$statusCode"}], "d": 1}, Names())
    assert [found.text for found in expressions_of(template)] == ["$inputs.a", "$url", "$method", "$statusCode"]


def test_constants_stay_constants() -> None:
    value = {"a": [1, {"b": "text"}], "price": "$5"}
    assert compile_template(value, Names()) == Literal(value)
