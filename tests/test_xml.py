"""XML texts as the structure that a JSON pointer enters."""

from __future__ import annotations

from typing import Any

import pytest

from arazzo_mcp.arazzo.expression import dig, point
from arazzo_mcp.arazzo.scope import ABSENT
from arazzo_mcp.arazzo.xml import XmlError, parse_xml, structure

STRUCTURES: list[tuple[str, dict[str, Any]]] = [
    ("<a/>", {"a": ""}),
    ("<a>1</a>", {"a": "1"}),
    ("<a> 1 </a>", {"a": " 1 "}),
    ("<a x='1'/>", {"a": {"@x": "1"}}),
    ("<a x='1'>t</a>", {"a": {"@x": "1", "#text": "t"}}),
    ("<a><b>1</b></a>", {"a": {"b": "1"}}),
    ("<a><b>1</b><b>2</b><c/></a>", {"a": {"b": ["1", "2"], "c": ""}}),
    ("<a>\n  <b>1</b>\n</a>", {"a": {"b": "1"}}),
    ("<a>x<b>1</b>y</a>", {"a": {"b": "1", "#text": "xy"}}),
    ("<p:a xmlns:p='u' p:x='1'><p:b/></p:a>", {"a": {"@x": "1", "b": ""}}),
    ("<a>&lt;&#233;<![CDATA[<b>]]></a>", {"a": "<é<b>"}),
    ("<?xml version='1.0'?><!-- c --><a><!-- c --><b/></a>", {"a": {"b": ""}}),
    ("<!DOCTYPE a><a/>", {"a": ""}),
]


@pytest.mark.parametrize(("text", "plain"), STRUCTURES, ids=[row[0] for row in STRUCTURES])
def test_the_structure_of_a_text(text: str, plain: dict[str, Any]) -> None:
    assert structure(text) == plain


BODY = "<R x='9'><Name>b</Name><C><K>k1</K></C><C><K>k2</K></C><One><K>k3</K></One><R>inner</R></R>"

POINTERS: list[tuple[str, Any]] = [
    ("/Name", "b"), ("/C/1/K", "k2"), ("/C/2/K", ABSENT), ("/One/0/K", "k3"), ("/One/K", "k3"), ("/One/1", ABSENT),
    ("/@x", "9"), ("/R", "inner"), ("/R/Name", "b"), ("/nope", ABSENT), ("/Name/x", ABSENT),
    ("/C", [{"K": "k1"}, {"K": "k2"}]),
    ("", BODY),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "value"), POINTERS, ids=[row[0] or "whole" for row in POINTERS])
def test_a_pointer_into_xml(pointer: str, value: Any) -> None:
    assert point(BODY, pointer) == value


def test_the_root_may_be_named_where_nothing_below_it_has_that_name() -> None:
    assert point("<L><Name>b</Name></L>", "/L/Name") == "b"
    assert dig("<L><Name>b</Name></L>", ".L.Name") == "b"


@pytest.mark.parametrize(("path", "value"), [(".Name", "b"), (".C[1].K", "k2"), ("['@x']", "9"), (".nope", ABSENT)])
def test_a_path_into_xml(path: str, value: Any) -> None:
    assert dig(BODY, path) == value


def test_a_pointer_into_a_text_that_only_looks_like_xml_finds_nothing() -> None:
    assert point("<html><br></html>", "/br") is ABSENT
    assert point("a < b", "/b") is ABSENT


HOSTILE = [
    "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
    "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
    "<!DOCTYPE a [" + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 9)) + "]><a>&e8;</a>",
    "<a>" * 101 + "</a>" * 101,
    "<a>" * 50_000,
    "<a>" + "x" * 20_000_001 + "</a>",
    "",
    "text",
    "<a>\x00</a>",
    "<a>\ud800</a>",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24] or "nothing")
def test_a_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(XmlError):
        parse_xml(text)
