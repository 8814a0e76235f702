"""JSONPath conditions: which reading a text has, and what it says of a value."""

from __future__ import annotations

from typing import Any

import pytest

from arazzo_mcp.arazzo.jsonpath import GOESSNER, RFC, compile_query
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT
from arazzo_mcp.arazzo.selector import compile_jsonpath, pick

PETS = {"pets": [{"id": 1, "name": "rex", "price": 5}, {"id": 2, "name": "tom", "price": 15}], "status": "done"}

ROWS: list[tuple[str, str, Any, bool]] = [
    # queries: a node that there is, whatever its value
    ("$", "query", {}, True),
    ("$.a", "query", {"a": None}, True),
    ("$.a", "query", {"a": False}, True),
    ("$.a", "query", {}, False),
    ("$.a", "query", [], False),
    ("$.a", "query", "text", False),
    ("$.a", "query", 5, False),
    ("$['a b']", "query", {"a b": 1}, True),
    ("$[0]", "query", [0], True),
    ("$[0]", "query", [], False),
    ("$[-1]", "query", [0], True),
    ("$[*]", "query", [], False),
    ("$..id", "query", PETS, True),
    ("$.pets[*].name", "query", PETS, True),
    ("$.pets[?(@.price > 10)]", "query", PETS, True),
    ("$.pets[?@.price > 100]", "query", PETS, False),
    ("$.pets[?(@.name == 'rex' && @.price < 10)]", "query", PETS, True),
    ("$.pets[?(@.name == 'REX')]", "query", PETS, False),
    ("$.pets[?length(@.name) == 3]", "query", PETS, True),
    ("$.pets[?match(@.name, 'r.*')]", "query", PETS, True),
    ("$.pets[?@.id == $.wanted]", "query", {**PETS, "wanted": 2}, True),
    # a filter at the root: of a list its items, of an object its members, and then the object itself
    ("$[?(@.id == 2)]", "query", PETS["pets"], True),
    ("$[?(@.id == 3)]", "query", PETS["pets"], False),
    ("$[?count(@.pets) > 0]", "query", PETS, True),
    ("$[?count(@.pets) > 0]", "query", {}, False),
    ("$[?count(@.pets[*]) > 1]", "query", PETS, True),
    ("$[?count(@.pets[*]) > 2]", "query", PETS, False),
    ("$[?(@.status == 'done')]", "query", PETS, True),
    ("$[?(@.status == 'late')]", "query", PETS, False),
    ("$[?(@.status == 'done')]", "query", {"job": {"status": "done"}}, True),
    ("$[?(@.status == 'done')]", "query", "done", False),
    # boolean expressions
    ("$.status == 'done'", "boolean", PETS, True),
    ('$.status == "done"', "boolean", PETS, True),
    ("$.status == 'DONE'", "boolean", PETS, False),
    ("$.status=='done'", "boolean", PETS, True),
    ("$.status != 'done'", "boolean", PETS, False),
    ("$.nope == null", "boolean", PETS, True),
    ("$.nope != 'x'", "boolean", PETS, True),
    ("$.nope == 'x'", "boolean", PETS, False),
    ("$.nope > 0", "boolean", PETS, False),
    ("'done' == $.status", "boolean", PETS, True),
    ("$.pets[0].price <= 5", "boolean", PETS, True),
    ("$.pets[0].price == '5'", "boolean", PETS, False),
    ('$["pets"][0]["name"] == "rex"', "boolean", PETS, True),
    ("$.status == 'late' || $.status == 'done'", "boolean", PETS, True),
    ("$.status == 'late' || $.status == 'done' && $.pets", "boolean", PETS, True),
    ("($.status == 'late' || $.status == 'done') && !$.error", "boolean", PETS, True),
    ("$.pets[?(@.name == 'rex')] && $.status == 'done'", "boolean", PETS, True),
    ("$.pets[?(@.name == 'max')] && $.status == 'done'", "boolean", PETS, False),
    ("$.pets[?(@.price > 1)] && true", "boolean", PETS, True),
    ("$.pets[?(@.name == 'a]b')].length == 0", "boolean", PETS, True),
    ('$.pets[?(@.name == "it\'s")].length == 0', "boolean", PETS, True),
    ("$ == 5", "boolean", 5, True),
    ("$ == 'x'", "boolean", "x", True),
    ("$.a == $.b", "boolean", {"a": 1, "b": 1}, True),
    ("$.größe == 1", "boolean", {"größe": 1}, True),
    ("$.done && true", "boolean", {"done": False}, False),
    # a pointer for a path
    ("#/status == 'done'", "boolean", PETS, True),
    ("#/pets/0/name=='rex' && #/pets.length == 2", "boolean", PETS, True),
    ("#/nope == 1", "boolean", PETS, False),
    ("#/nope == null", "boolean", PETS, True),
    # .length: elements, characters, members; of nothing 0
    ("$.pets.length > 0", "boolean", PETS, True),
    ("$.pets.length == 2", "boolean", PETS, True),
    ("$.status.length == 4", "boolean", PETS, True),
    ("$.nope.length == 0", "boolean", PETS, True),
    ("$.nope.length > 0", "boolean", PETS, False),
    ("$.length > 1", "boolean", [1, 2], True),
    ("$.length == 0", "boolean", [], True),
    ("$.length == 2", "boolean", PETS, True),
    ("$.pets[0].price.length == 0", "boolean", PETS, True),
    ("$.pets[?(@.price > 10)].id == 2", "boolean", PETS, True),
    # blanks around a query are not a part of it
    ("$.a\n", "query", {"a": False}, True),
    ("  $.a", "query", {"a": False}, True),
    (" $[?(@.status == 'done')] ", "query", PETS, True),
]


@pytest.mark.parametrize(
    ("text", "reading", "value", "passes"), ROWS, ids=[f"{row[0].strip()} on {str(row[2])[:24]}" for row in ROWS]
)
def test_a_jsonpath_condition(text: str, reading: str, value: Any, passes: bool) -> None:
    test = compile_jsonpath(text)
    assert test.reading == reading
    assert test.passes(value) is passes


BROKEN = [
    "",
    "done",
    "$.a is done",
    "$.a ==",
    "$.a = 'x'",
    "$.a == done",
    "$.a[",
    "$.a[?(@.b == 'x')",
    "$.a[?(@.b =~ /x/)]",
    "count($.a)",
    "#a == 1",
    "@.a == 1",
    "$.a == 'x",
    "$.a.b() == 1",
    "$" + "[0]" * 5000 + " ==",
    "!" * 5000 + "$.a",
]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20] or "nothing")
def test_neither_a_query_nor_a_boolean_expression(text: str) -> None:
    with pytest.raises(SelectorSyntaxError) as error:
        compile_jsonpath(text)
    assert "not a JSONPath query" in str(error.value)


def test_a_boolean_expression_tells_the_values_that_it_saw() -> None:
    test = compile_jsonpath("$.status == 'late' || $.pets.length > 5 && $.nope == 1")
    assert test.explain(PETS) == {"$.status": "done", "$.pets.length": 2, "$.nope": ABSENT}


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", "text", [], {}, [[[]]], {"": {}}])
@pytest.mark.parametrize("text", ["$", "$.a.b", "$[0]", "$..a", "$[?@.a > 1]", "$.a.length > 0", "$.a < 1 || $ == 2"])
def test_no_value_makes_a_condition_raise(text: str, value: Any) -> None:
    assert compile_jsonpath(text).passes(value) in (True, False)


def test_a_value_that_is_nested_too_deeply_selects_nothing() -> None:
    value: Any = "end"
    for _ in range(5000):
        value = [value]
    assert compile_jsonpath("$..nope").passes(value) is False


BOOKS = {"store": {"book": [{"price": 8, "c": "x"}, {"price": 12}, {"price": 9}], "bike": {"price": 20}}}

PICKS: list[tuple[str, str, Any]] = [
    (RFC, "$.store.bike.price", 20),
    (RFC, "$.store.nope", ABSENT),
    (RFC, "$.store.book[-1].price", 9),
    (RFC, "$.store.book[*].price", [8, 12, 9]),
    (RFC, "$.store.book[?@.price > 100]", []),
    (RFC, " $.store.bike ", {"price": 20}),
    (GOESSNER, "$.store.bike.price", 20),
    (GOESSNER, "$.store.nope", ABSENT),
    (GOESSNER, "$", BOOKS),
    (GOESSNER, "$['store']['bike']['price']", 20),
    (GOESSNER, "$.store.book[(@.length-1)].price", 9),
    (GOESSNER, "$..book[( @.length - 2 )].price", [12]),
    (GOESSNER, "$.store.book[0,1].price", [8, 12]),
    (GOESSNER, "$.store.book[:2].price", [8, 12]),
    (GOESSNER, "$.store.book[?(@.price < 10)].price", [8, 9]),
    (GOESSNER, "$.store.book[?(@.c == 'x')].price", [8]),
    (GOESSNER, "$.store.book[?(@.c)].price", [8]),
    (GOESSNER, "$.store.book[?(@.price > 100)]", []),
]


@pytest.mark.parametrize(("version", "text", "picked"), PICKS, ids=[f"{row[0][:5]} {row[1]}" for row in PICKS])
def test_what_a_jsonpath_picks(version: str, text: str, picked: Any) -> None:
    assert pick(BOOKS, text, version) == picked


@pytest.mark.parametrize("version", [RFC, GOESSNER])
def test_where_the_nodes_stand(version: str) -> None:
    nodes = compile_query("$.store.book[?(@.price < 10)].price", version).nodes(BOOKS)
    assert nodes == [(("store", "book", 0, "price"), 8), (("store", "book", 2, "price"), 9)]


@pytest.mark.parametrize("text", ["", "store", "$.a[", "$.a[?(@.b =~ /(a+)+$/)]", "$.`len`", "$" + ".a" * 2000, "@.a"])
def test_no_jsonpath_of_the_draft(text: str) -> None:
    with pytest.raises(SelectorSyntaxError):
        compile_query(text, GOESSNER)


@pytest.mark.parametrize("version", [RFC, GOESSNER])
@pytest.mark.parametrize("text", ["$..*..*..*", "$..[*,*,*][*,*,*]..[*,*,*][*,*,*]..[*,*,*]", "$..*[?(@..*..*)]..*"])
def test_a_query_that_explodes_is_stopped(text: str, version: str) -> None:
    value = {"a": [{"b": [{"c": [1, 2, 3]} for _ in range(20)]} for _ in range(60)]}
    try:
        query = compile_query(text, version)
    except SelectorSyntaxError:
        assert version == GOESSNER
        return
    with pytest.raises(SelectorError, match="takes more than"):
        query.nodes(value)


@pytest.mark.parametrize("function", ["match(@, '(x+x+)+y')", "search(@, '(x+x+)+y')"])
def test_a_pattern_in_a_filter_that_never_ends_is_stopped(function: str) -> None:
    with pytest.raises(SelectorError, match="took longer"):
        compile_query(f"$[?{function}]").nodes(["x" * 5000] * 1000)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a.c", "abc", True),
        ("a.c", "a\nc", False),
        ("a[.]c", "abc", False),
        (r"a\.c", "a.c", True),
        ("(?i)A", "a", False),
    ],
)
def test_an_iregexp_in_a_filter(pattern: str, text: str, found: bool) -> None:
    assert bool(compile_query("$.t[?match(@, $.p)]").nodes({"t": [text], "p": pattern})) is found
