"""Conditions: the grammar, and the only comparison there is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from arazzo_mcp.arazzo.comparison import compare, truthy
from arazzo_mcp.arazzo.condition import (
    All,
    AnyOf,
    Comparison,
    Condition,
    ConditionSyntaxError,
    Constant,
    Not,
    Truth,
    holds,
    operands,
    parse_condition,
)
from arazzo_mcp.arazzo.scope import ABSENT


def _read(text: str, start: int) -> tuple[str, int] | None:
    """Operands of these tests are words."""
    match = re.compile(r"[a-zA-Z]\w*").match(text, start)
    return (match[0], match.end()) if match else None


def _parse(text: str) -> Condition[str]:
    return parse_condition(text, _read)


def _is(name: str, value: Any) -> Comparison[str]:
    return Comparison(name, "==", Constant(value))


A, B, C = Truth("a"), Truth("b"), Truth("c")

TREES: list[tuple[str, Condition[str]]] = [
    ("a", A),
    ("!a", Not(A)),
    ("!!a", Not(Not(A))),
    ("! a", Not(A)),
    ("((a))", A),
    ("a && b && c", All((A, B, C))),
    ("a || b || c", AnyOf((A, B, C))),
    ("a && b || c", AnyOf((All((A, B)), C))),
    ("a || b && c", AnyOf((A, All((B, C))))),
    ("(a || b) && c", All((AnyOf((A, B)), C))),
    ("!(a || b)", Not(AnyOf((A, B)))),
    ("!a && b", All((Not(A), B))),
    ("a==1", _is("a", 1)),
    ("a == 1&&b", All((_is("a", 1), B))),
    ("  a  ==  1  ", _is("a", 1)),
    ("a == b", Comparison("a", "==", "b")),
    ("1 == a", Comparison(Constant(1), "==", "a")),
    ("a != 1", Comparison("a", "!=", Constant(1))),
    ("a <= 1", Comparison("a", "<=", Constant(1))),
    ("a<1", Comparison("a", "<", Constant(1))),
    ("a >= -1.5", Comparison("a", ">=", Constant(-1.5))),
    ("a > 1e3", Comparison("a", ">", Constant(1000.0))),
    ("a == 'x'", _is("a", "x")),
    ("a == ''", _is("a", "")),
    ("a == 'it''s'", _is("a", "it's")),
    ("a == '&& || ( \"'", _is("a", '&& || ( "')),
    (r"a == 'back\slash'", _is("a", r"back\slash")),
    ('a == "x"', _is("a", "x")),
    (r'a == "say \"x\""', _is("a", 'say "x"')),
    ("a == true", _is("a", True)),
    ("a == FALSE", _is("a", False)),
    ("a == null", _is("a", None)),
    ("true", Truth(Constant(True))),
    ("nullable", Truth("nullable")),
    ("trueish == 1", _is("trueish", 1)),
]


@pytest.mark.parametrize(("text", "tree"), TREES, ids=[row[0] for row in TREES])
def test_the_grammar(text: str, tree: Condition[str]) -> None:
    assert _parse(text) == tree


BROKEN = [
    ("", "expected a value at the end"),
    ("   ", "expected a value at the end"),
    ("a ==", "expected a value at the end"),
    ("== 1", "expected a value at '== 1'"),
    ("a = 1", "expected an operator at '= 1'"),
    ("a === 1", "expected a value at '= 1'"),
    ("a b", "expected an operator at 'b'"),
    ("a == 1 2", "expected an operator at '2'"),
    ("a == 1 == 2", "expected an operator at '== 2'"),
    ("a and b", "expected an operator at 'and b'"),
    ("a & b", "expected an operator at '& b'"),
    ("a && ", "expected a value at the end"),
    ("|| a", "expected a value at '|| a'"),
    ("(a", "expected ')' at the end"),
    ("(a b)", "expected ')' at 'b)'"),
    ("a)", "expected an operator at ')'"),
    ("()", "expected a value at ')'"),
    ("a == 'x", 'expected a value at "\'x"'),
    ("a == 12px", "expected a value at '12px'"),
    ("a == 1.2.3", "expected a value at '1.2.3'"),
    ("a == @b", "expected a value at '@b'"),
    ("!", "expected a value at the end"),
]


@pytest.mark.parametrize(("text", "where"), BROKEN, ids=[row[0] or "nothing" for row in BROKEN])
def test_a_syntax_error_says_where(text: str, where: str) -> None:
    with pytest.raises(ConditionSyntaxError) as error:
        _parse(text)
    assert str(error.value) == f"{where} in {text!r}"


LOOSE_TREES: list[tuple[str, Condition[str], set[str]]] = [
    ("a and b", All((A, B)), {"word-operators"}),
    ("a OR b", AnyOf((A, B)), {"word-operators"}),
    ("not a", Not(A), {"word-operators"}),
    ("not (a or b) && c", All((Not(AnyOf((A, B))), C)), {"word-operators"}),
    ("a = 1", _is("a", 1), {"single-equals"}),
    ("a=1", _is("a", 1), {"single-equals"}),
    ("a === 1", _is("a", 1), {"javascript-equals"}),
    ("a !== 1", Comparison("a", "!=", Constant(1)), {"javascript-equals"}),
    ("a <> 1", Comparison("a", "!=", Constant(1)), {"javascript-equals"}),
    ("a contains 'x'", Comparison("a", "contains", Constant("x")), {"contains"}),
    ("'x' in a", Comparison("a", "contains", Constant("x")), {"contains"}),
    ("a in [200, 'x', null]", Comparison(Constant([200, "x", None]), "contains", "a"), {"contains"}),
    ("a in [1] and b = 2", All((Comparison(Constant([1]), "contains", "a"), _is("b", 2))),
     {"contains", "word-operators", "single-equals"}),
    ("a == 1", _is("a", 1), set()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree", "codes"), LOOSE_TREES, ids=[row[0] for row in LOOSE_TREES])
def test_the_operators_of_other_languages(text: str, tree: Condition[str], codes: set[str]) -> None:
    used: set[str] = set()
    assert parse_condition(text, _read, used) == tree
    assert used == codes


@pytest.mark.parametrize("text", ["a b", "a == ", "a & b", "a in", "a in [1", "a in [b]", "a in [1 2]", "a not b"])
def test_what_no_language_reads_stays_a_syntax_error(text: str) -> None:
    with pytest.raises(ConditionSyntaxError):
        parse_condition(text, _read, set())


@pytest.mark.parametrize("text", ["(" * 5000 + "a" + ")" * 5000, "!" * 5000 + "a", "a == " + "1" * 5000])
def test_an_endless_condition_is_a_syntax_error(text: str) -> None:
    with pytest.raises(ConditionSyntaxError):
        _parse(text)


BOTH = [
    # numbers
    (1, "==", 1, True),
    (1, "==", 1.0, True),
    (1, "!=", 2, True),
    (1, "<", 2, True),
    (2, "<", 1, False),
    (1, "<=", 1, True),
    (1.5, ">", 1, True),
    (1, ">=", 2, False),
    # null equals itself alone, and what is absent counts as null
    (None, "==", None, True),
    (ABSENT, "==", None, True),
    (ABSENT, "==", ABSENT, True),
    (None, "!=", None, False),
    (ABSENT, "!=", "x", True),
    (None, "==", 0, False),
    (None, "==", "", False),
    (None, "==", False, False),
    (None, "<", 1, False),
    (None, ">=", 0, False),
    (None, "<=", None, False),
    (None, "==", "null", False),
    # booleans are no numbers and no texts
    (True, "==", True, True),
    (True, "==", False, False),
    (True, "==", 1, False),
    (False, "==", 0, False),
    (True, "==", "true", False),
    (True, "<", 2, False),
    # contains
    ([1, "x"], "contains", "x", True),
    ([1], "contains", 2, False),
    ({"a": 1}, "contains", "a", True),
    ("text", "contains", "ex", True),
    ("text", "contains", 1, False),
    (None, "contains", None, False),
    (5, "contains", 5, False),
    # structures
    ([1], "==", [1], True),
    ({"a": 1}, "==", {"a": 1}, True),
    ([1], "!=", [2], True),
    ([1], "<", [2], False),
    ([], "==", "", False),
    # texts
    ("a", "==", "a", True),
    ("a", "==", "b", False),
    ("a", "<", "b", True),
    ("b", ">=", "b", True),
    ("a", "<", None, False),
    ("1.0", "==", "1", False),
    ("", "==", 0, False),
    ("x", "<", 1, False),
]

LOOSE = [
    ("Done", "==", "dONE", True),
    ("Done", "!=", "done", False),
    ("STRASSE", "==", "straße", True),
    ("B", "<", "a", False),
    ("b", ">", "A", True),
    ("5", "==", 5, True),
    (5, "==", "5.0", True),
    (" 5 ", "==", 5, True),
    ("5", "!=", 6, True),
    ("10", ">", 9, True),
    (9, "<", "10", True),
    ("10", ">", "9", True),
    ("-1.5", "<", 0, True),
    ("1e3", "==", 1000, True),
    ("5x", "==", 5, False),
    ("5x", ">", 4, False),
    ("0x10", "==", 16, False),
    ("", "<", 1, False),
    (["X"], "contains", "x", True),
    ("TEXT", "contains", "ex", True),
    ([200], "contains", "200", True),
]

EXACT = [
    ("Done", "==", "done", False),
    ("Done", "!=", "done", True),
    ("B", "<", "a", True),
    ("b", ">", "A", True),
    ("a", ">", "B", True),
    ("5", "==", 5, False),
    ("5", "!=", 5, True),
    ("10", ">", 9, False),
    ("10", ">", "9", False),
    (["X"], "contains", "x", False),
    ("TEXT", "contains", "ex", False),
]


def _id(row: tuple[Any, ...]) -> str:
    return f"{row[0]!r} {row[1]} {row[2]!r}"


@pytest.mark.parametrize("loose", [True, False], ids=["loose", "exact"])
@pytest.mark.parametrize(("left", "operator", "right", "true"), BOTH, ids=map(_id, BOTH))
def test_comparisons(left: Any, operator: str, right: Any, true: bool, loose: bool) -> None:
    assert compare(left, operator, right, loose=loose) is true


@pytest.mark.parametrize(("left", "operator", "right", "true"), LOOSE, ids=map(_id, LOOSE))
def test_comparisons_of_simple_conditions(left: Any, operator: str, right: Any, true: bool) -> None:
    assert compare(left, operator, right, loose=True) is true


@pytest.mark.parametrize(("left", "operator", "right", "true"), EXACT, ids=map(_id, EXACT))
def test_comparisons_of_jsonpath_conditions(left: Any, operator: str, right: Any, true: bool) -> None:
    assert compare(left, operator, right, loose=False) is true


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("value", ["1" * 5000, float("nan"), float("inf"), 10**400, "\ud800", [[]], {"a": ABSENT}])
def test_no_comparison_raises(value: Any, operator: str) -> None:
    for other in (1, 1.5, "1", None, True, [], {}, value):
        assert compare(value, operator, other, loose=True) in (True, False)
        assert compare(other, operator, value, loose=False) in (True, False)


@pytest.mark.parametrize(
    ("value", "true"),
    [(True, True), (False, False), (None, False), (ABSENT, False), (0, True), ("", True), ("false", True), ([], True)],
)
def test_a_value_alone(value: Any, true: bool) -> None:
    assert truthy(value) is true
    assert holds(Truth("x"), {"x": value}.__getitem__, loose=True) is true


VALUES = {"a": True, "b": False, "c": None, "n": 5, "s": "Done"}

TRUTHS = [
    ("a && !b", True),
    ("b || a", True),
    ("b && a || a", True),
    ("b && (a || a)", False),
    ("!a == true", False),
    ("!c", True),
    ("n > 4 && n < 6", True),
    ("s == 'done' && n == '5'", True),
    ("5 == n", True),
    ("1 < 2", True),
    ("!(n == 5 || s == 'x')", False),
]


@pytest.mark.parametrize(("text", "true"), TRUTHS, ids=[row[0] for row in TRUTHS])
def test_a_condition_as_a_whole(text: str, true: bool) -> None:
    assert holds(_parse(text), VALUES.__getitem__, loose=True) is true


def test_every_operand_is_found_in_order() -> None:
    assert list(operands(_parse("a == 1 && (!b || 'x' < c) && true && a"))) == ["a", "b", "c", "a"]
