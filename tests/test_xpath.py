"""XPath: what each version selects, what its boolean value is, and what no query can reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arazzo_mcp.arazzo import xpath
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT

V31, V30, V20, V10 = xpath.VERSIONS
LATER = (V31, V30, V20)

PLAIN = "<shop n='2'><pet id='1'><name>rex</name></pet><pet id='2'><name>tom</name></pet><w>8</w><e/></shop>"
SPACED = "<r xmlns='u:d' xmlns:p='u:p'><p:x>1</p:x><y>2</y></r>"

ROWS: list[tuple[str, str, Any, tuple[str, ...]]] = [
    # nodes
    (PLAIN, "/shop/w", "8", xpath.VERSIONS),
    (PLAIN, "/shop/e", "", xpath.VERSIONS),
    (PLAIN, "/shop/@n", "2", xpath.VERSIONS),
    (PLAIN, "//name", ["rex", "tom"], xpath.VERSIONS),
    (PLAIN, "//pet/@id", ["1", "2"], xpath.VERSIONS),
    (PLAIN, "//pet[@id='2']/name/text()", "tom", xpath.VERSIONS),
    (PLAIN, "//pet[2]/name", "tom", xpath.VERSIONS),
    (PLAIN, "//pet[last()]/name", "tom", xpath.VERSIONS),
    (PLAIN, "/shop/pet[1]", {"@id": "1", "name": "rex"}, xpath.VERSIONS),
    (PLAIN, "/nope", ABSENT, xpath.VERSIONS),
    (PLAIN, "//nope/text()", ABSENT, xpath.VERSIONS),
    (PLAIN, "name(/*)", "shop", xpath.VERSIONS),
    # values
    (PLAIN, "count(//pet)", 2, xpath.VERSIONS),
    (PLAIN, "count(//pet) > 1", True, xpath.VERSIONS),
    (PLAIN, "number(//w) + 0.5", 8.5, xpath.VERSIONS),
    (PLAIN, "sum(//pet/@id)", 3, xpath.VERSIONS),
    (PLAIN, "string(//name)", "rex", (V10,)),
    (PLAIN, "concat('a', 1)", "a1", xpath.VERSIONS),
    (PLAIN, "number('x')", "nan", xpath.VERSIONS),
    (PLAIN, "contains(//w, '8')", True, xpath.VERSIONS),
    (PLAIN, "for $i in 1 to 3 return $i * 2", [2, 4, 6], LATER),
    (PLAIN, "//name ! upper-case(.)", ["REX", "TOM"], (V31, V30)),
    (PLAIN, "let $x := 5 return $x", 5, (V31, V30)),
    (PLAIN, "map{'a': 1}('a')", 1, (V31,)),
    (PLAIN, "replace('abc', 'b(.)', '[$1]')", "a[c]", LATER),
    (PLAIN, "tokenize('a,b', ',')", ["a", "b"], LATER),
    (PLAIN, "matches('a1', '[0-9]')", True, LATER),
    (PLAIN, "sum(1 to 100)", 5050, LATER),
    # namespaces
    (SPACED, "/r/y", "2", LATER),
    (SPACED, "/r/y", ABSENT, (V10,)),
    (SPACED, "/*[local-name()='r']/*[local-name()='y']", "2", xpath.VERSIONS),
    (SPACED, "//p:x", "1", xpath.VERSIONS),
    ("<p:a xmlns:p='u'><p:b>1</p:b></p:a>", "/p:a/p:b", "1", xpath.VERSIONS),
    ("<a><b xmlns:q='u'><q:c>1</q:c></b></a>", "//q:c", "1", xpath.VERSIONS),
    ("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>", "/a", "é", xpath.VERSIONS),
    ("\ufeff \n<a>1</a>", "/a", "1", xpath.VERSIONS),
]

CASES = [(version, *row[:3]) for row in ROWS for version in row[3]]


@pytest.mark.parametrize(("version", "text", "query", "picked"), CASES, ids=[f"{row[0]} {row[2]}" for row in CASES])
def test_what_a_query_picks(version: str, text: str, query: str, picked: Any) -> None:
    found = xpath.pick(text, query, version)
    assert found == picked
    assert type(found) is type(picked)


TRUTHS = [
    ("//pet", True), ("//nope", False), ("'x'", True), ("''", False), ("1", True), ("0", False), ("number('x')", False),
    ("true()", True), ("false()", False), ("count(//pet) = 2", True), ("not(//nope)", True), ("/shop/e", True),
    ("//pet[@id='3']", False), ("//w > 7 and //w < 9", True),
]  # fmt: skip


@pytest.mark.parametrize("version", xpath.VERSIONS)
@pytest.mark.parametrize(("query", "passes"), TRUTHS, ids=[row[0] for row in TRUTHS])
def test_the_boolean_value(query: str, passes: bool, version: str) -> None:
    assert xpath.passes(PLAIN, query, version) is passes


def test_the_boolean_value_is_that_of_the_version() -> None:
    assert xpath.passes(PLAIN, "1 div 0", V10) is True
    for version in LATER:
        with pytest.raises(ValueError, match="zero"):
            xpath.passes(PLAIN, "1 div 0", version)
        with pytest.raises(ValueError, match="boolean value"):
            xpath.passes(PLAIN, "(1, 2)", version)


BROKEN = [
    ("/root[", xpath.VERSIONS),
    ("", xpath.VERSIONS),
    ("/a ~ /b", xpath.VERSIONS),
    ("nope()", xpath.VERSIONS),
    ("for $i in 1 to 2 return $i", (V10,)),
    ("//a ! b", (V20, V10)),
    ("map{'a': 1}", (V30, V20, V10)),
    ("/" + "a/" * 9000, xpath.VERSIONS),
    ("(" * 3000 + "1" + ")" * 3000, xpath.VERSIONS),
]


@pytest.mark.parametrize(
    ("version", "query"), [(v, q) for q, versions in BROKEN for v in versions], ids=lambda value: str(value)[:20] or "-"
)
def test_no_query(version: str, query: str) -> None:
    with pytest.raises(SelectorSyntaxError):
        xpath.check(query, version)


def test_a_prefix_that_is_known_only_with_its_document_is_no_syntax_error() -> None:
    xpath.check("/s:Envelope/s:Body[p:x = 'q:y']/@xsi:type", V31)
    with pytest.raises(ValueError, match="s"):
        xpath.pick("<a/>", "/s:Envelope", V31)


@pytest.mark.parametrize(
    "value", [{"a": 1}, [1], 5, True, "no XML", "", "<a>", "<a><b></a>", "{}", "<a>" * 200 + "</a>" * 200]
)
def test_no_context(value: Any) -> None:
    with pytest.raises(SelectorError):
        xpath.pick(value, "/a", V31)


OUTSIDE = [
    "doc('{uri}')", "fn:doc('{uri}')", "doc-available('{uri}')", "collection('{uri}')", "uri-collection('{uri}')",
    "unparsed-text('{uri}')", "unparsed-text-lines('{uri}')", "unparsed-text-available('{uri}')", "json-doc('{uri}')",
    "unparsed-text#1('{uri}')", "function-lookup(xs:QName('fn:unparsed-text'), 1)('{uri}')", "transform(map{})",
    "Q{http://www.w3.org/2005/xpath-functions}unparsed-text('{uri}')", "environment-variable('HOME')",
    "available-environment-variables()", "current-dateTime()", "current-date()", "current-time()",
    "parse-xml('<!DOCTYPE a [<!ENTITY e SYSTEM \"{uri}\">]><a>&e;</a>')", "('{uri}') ! unparsed-text(.)",
]  # fmt: skip


@pytest.mark.parametrize("version", xpath.VERSIONS)
@pytest.mark.parametrize("query", OUTSIDE, ids=[query[:30] for query in OUTSIDE])
def test_a_query_reaches_nothing_but_its_context(query: str, version: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<s>secret</s>")
    with pytest.raises((SelectorSyntaxError, SelectorError)):
        xpath.pick("<a/>", query.replace("{uri}", secret.as_uri()), version)


ENDLESS = [
    "count(for $i in 1 to 1000000000 return $i)",
    "for $i in 1 to 90000, $j in 1 to 90000 return $i + $j",
    "some $i in 1 to 90000, $j in 1 to 90000 satisfies $i + $j = 0",
    "(1 to 1000000000)[1]",
    "count(//*[count(//*[count(//*) > 0]) > 0])",
]


@pytest.mark.parametrize("query", ENDLESS)
def test_a_query_without_end_is_stopped(query: str) -> None:
    text = "<a>" * 40 + "<b/>" * 200 + "</a>" * 40
    with pytest.raises((SelectorSyntaxError, SelectorError), match=r"steps|items"):
        xpath.pick(text, query, V31)


@pytest.mark.parametrize(
    "function", ["matches(/a, '(x+x+)+y')", "replace(/a, '(x+x+)+y', '')", "tokenize(/a, '(x+x+)+y')"]
)
@pytest.mark.parametrize("version", LATER)
def test_a_pattern_without_end_is_stopped(function: str, version: str) -> None:
    with pytest.raises(SelectorError, match="took longer"):
        xpath.pick(f"<a>{'x' * 5000}</a>", function, version)
