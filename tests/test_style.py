"""Parameter values as text. The first tables are the one of OpenAPI 3.2, "Style Examples"; the others are what it
leaves open: what stands raw in a path, and what must never get there."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from arazzo_mcp.openapi.encode import UnfitValue, scalar
from arazzo_mcp.openapi.model import Parameter
from arazzo_mcp.openapi.style import cookie_text, header_text, path_text, query_pairs

ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}

PATHS = [
    ("matrix", False, "blue", ";color=blue"),
    ("matrix", False, ARRAY, ";color=blue,black,brown"),
    ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
    ("matrix", True, "blue", ";color=blue"),
    ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
    ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
    ("label", False, "blue", ".blue"),
    ("label", False, ARRAY, ".blue,black,brown"),
    ("label", False, OBJECT, ".R,100,G,200,B,150"),
    ("label", True, "blue", ".blue"),
    ("label", True, ARRAY, ".blue.black.brown"),
    ("label", True, OBJECT, ".R=100.G=200.B=150"),
    ("simple", False, "blue", "blue"),
    ("simple", False, ARRAY, "blue,black,brown"),
    ("simple", False, OBJECT, "R,100,G,200,B,150"),
    ("simple", True, "blue", "blue"),
    ("simple", True, ARRAY, "blue,black,brown"),
    ("simple", True, OBJECT, "R=100,G=200,B=150"),
]

QUERIES = [
    ("form", False, None, ""),
    ("form", False, "", "color="),
    ("form", False, "blue", "color=blue"),
    ("form", False, ARRAY, "color=blue,black,brown"),
    ("form", False, OBJECT, "color=R,100,G,200,B,150"),
    ("form", True, None, ""),
    ("form", True, "", "color="),
    ("form", True, "blue", "color=blue"),
    ("form", True, ARRAY, "color=blue&color=black&color=brown"),
    ("form", True, OBJECT, "R=100&G=200&B=150"),
    ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
    ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
    ("pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
    ("pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
    ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
    ("deepObject", False, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
]

COOKIES = [
    ("form", False, "", "color="),
    ("form", False, "blue", "color=blue"),
    ("form", False, ARRAY, "color=blue,black,brown"),
    ("form", False, OBJECT, "color=R,100,G,200,B,150"),
    ("form", True, "blue black", "color=blue%20black"),
    ("form", True, ARRAY, "color=blue; color=black; color=brown"),
    ("form", True, OBJECT, "R=100; G=200; B=150"),
    ("form", True, None, ""),
    ("cookie", False, "", "color="),
    ("cookie", False, "blue", "color=blue"),
    ("cookie", False, ARRAY, "color=blue,black,brown"),
    ("cookie", False, OBJECT, "color=R,100,G,200,B,150"),
    ("cookie", True, "blue", "color=blue"),
    ("cookie", True, ARRAY, "color=blue; color=black; color=brown"),
    ("cookie", True, OBJECT, "R=100; G=200; B=150"),
    ("cookie", True, {"greeting": "Hello%2C world!", "code": 42}, "greeting=Hello%2C world!; code=42"),
    ("cookie", True, None, ""),
]

HEADERS = [
    (False, "blue", "blue"),
    (False, ARRAY, "blue,black,brown"),
    (False, OBJECT, "R,100,G,200,B,150"),
    (True, ARRAY, "blue,black,brown"),
    (True, OBJECT, "R=100,G=200,B=150"),
]


def _id(value: Any) -> str:
    return type(value).__name__ if isinstance(value, list | dict) else str(value)


def _path(value: Any, **more: Any) -> str:
    return path_text(Parameter("id", "path", **{"style": "simple", "explode": False, **more}), value)


def _query(parameter: Parameter, value: Any) -> str:
    return "&".join(f"{name}={text}" for name, text in query_pairs(parameter, value))


@pytest.mark.parametrize(("style", "explode", "value", "text"), PATHS, ids=_id)
def test_style_examples_in_a_path(style: str, explode: bool, value: Any, text: str) -> None:
    assert path_text(Parameter("color", "path", style=style, explode=explode), value) == text


@pytest.mark.parametrize(("style", "explode", "value", "text"), QUERIES, ids=_id)
def test_style_examples_in_a_query(style: str, explode: bool, value: Any, text: str) -> None:
    assert _query(Parameter("color", "query", style=style, explode=explode), value) == text


@pytest.mark.parametrize(("explode", "value", "text"), HEADERS, ids=_id)
def test_style_examples_in_a_header(explode: bool, value: Any, text: str) -> None:
    assert header_text(Parameter("color", "header", style="simple", explode=explode), value) == text


@pytest.mark.parametrize(("style", "explode", "value", "text"), COOKIES, ids=_id)
def test_style_examples_in_a_cookie(style: str, explode: bool, value: Any, text: str) -> None:
    assert cookie_text(Parameter("color", "cookie", style=style, explode=explode), value) == text


UNDEFINED = [
    # "The behavior of combinations marked n/a is undefined"
    ("query", "spaceDelimited", False, "blue", "query parameter 'color': style spaceDelimited is defined for arrays"),
    ("query", "spaceDelimited", False, "", "is defined for arrays and objects only, and the value is ''"),
    ("query", "spaceDelimited", True, ARRAY, "style spaceDelimited is defined with explode: false only"),
    ("query", "spaceDelimited", True, OBJECT, "style spaceDelimited is defined with explode: false only"),
    ("query", "pipeDelimited", False, "blue", "is defined for arrays and objects only"),
    ("query", "pipeDelimited", True, ARRAY, "style pipeDelimited is defined with explode: false only"),
    ("query", "pipeDelimited", True, OBJECT, "style pipeDelimited is defined with explode: false only"),
    ("query", "deepObject", True, "blue", "is defined for objects only, and the value is 'blue'"),
    ("query", "deepObject", True, 7, "is defined for objects only, and the value is '7'"),
    # "Combinations not represented in this table are not permitted"
    ("query", "simple", False, "blue", "query parameter 'color': style 'simple' is not defined there"),
    ("query", "matrix", False, "blue", "style 'matrix' is not defined there"),
    ("query", "cookie", False, "blue", "style 'cookie' is not defined there"),
    ("path", "form", True, "blue", "path parameter 'color': style 'form' is not defined there"),
    ("path", "deepObject", True, OBJECT, "style 'deepObject' is not defined there"),
    ("header", "form", True, "blue", "header parameter 'color': style 'form' is not defined there"),
    ("cookie", "simple", False, "blue", "cookie parameter 'color': style 'simple' is not defined there"),
]


@pytest.mark.parametrize(("place", "style", "explode", "value", "why"), UNDEFINED, ids=_id)
def test_what_the_specification_leaves_undefined_is_refused(
    place: str, style: str, explode: bool, value: Any, why: str
) -> None:
    write: dict[str, Any] = {"path": path_text, "query": query_pairs, "header": header_text, "cookie": cookie_text}
    with pytest.raises(UnfitValue) as error:
        write[place](Parameter("color", place, style=style, explode=explode), value)
    assert why in str(error.value)


COLLECTIONS = [
    ("query", "ssv", "color=blue%20black%20brown"),
    ("query", "tsv", "color=blue%09black%09brown"),
    ("query", "pipes", "color=blue%7Cblack%7Cbrown"),
    ("path", "ssv", "blue%20black%20brown"),
    ("path", "tsv", "blue%09black%09brown"),
    ("path", "pipes", "blue%7Cblack%7Cbrown"),
    ("header", "ssv", "blue black brown"),
    ("header", "tsv", "blue\tblack\tbrown"),
    ("header", "pipes", "blue|black|brown"),
]


@pytest.mark.parametrize(("place", "style", "text"), COLLECTIONS)
def test_collection_formats_of_openapi_2(place: str, style: str, text: str) -> None:
    write: dict[str, Any] = {"path": path_text, "query": _query, "header": header_text}
    assert write[place](Parameter("color", place, style=style, explode=False), ARRAY) == text


def test_null_is_left_out_of_lists_and_objects() -> None:
    assert _query(Parameter("q", "query"), ["a", None, "b"]) == "q=a&q=b"
    assert _query(Parameter("q", "query", explode=False), ["a", None]) == "q=a"
    assert _query(Parameter("q", "query"), {"a": None, "b": 1}) == "b=1"
    assert _query(Parameter("q", "query", style="deepObject"), {"a": None, "b": 1}) == "q%5Bb%5D=1"
    assert header_text(Parameter("q", "header", style="simple"), {"a": None, "b": 1}) == "b=1"
    assert _path({"a": None, "b": 1}) == "b,1"


def test_an_empty_value_stands_for_one_that_is_left_out_where_that_is_allowed() -> None:
    assert query_pairs(Parameter("q", "query", allow_empty=True), None) == [("q", "")]
    assert query_pairs(Parameter("q", "query"), None) == []


def test_an_array_as_a_deep_object_is_written_as_servers_read_it() -> None:
    assert unquote(_query(Parameter("expand", "query", style="deepObject"), ["a", "b"])) == "expand[]=a&expand[]=b"
    shown = _query(Parameter("i", "query", style="deepObject"), [{"p": 1, "q": 2}, {"p": 3}])
    assert unquote(shown) == "i[0][p]=1&i[0][q]=2&i[1][p]=3"


@pytest.mark.parametrize("value", ["a; b=c", "a\r\nb", "\u00e9", {"a;b": 1}, ["x", "y;z"]], ids=repr)
def test_a_cookie_that_needs_escaping_must_be_given_escaped(value: Any) -> None:
    with pytest.raises(UnfitValue, match="must hold escaped"):
        cookie_text(Parameter("c", "cookie", style="cookie"), value)


SCALARS = [
    (7, "7"),
    (7.0, "7"),
    (7.5, "7.5"),
    (True, "true"),
    (False, "false"),
    ("7", "7"),
    ({"a": [1]}, '{"a":[1]}'),
]


@pytest.mark.parametrize(("value", "text"), SCALARS, ids=_id)
def test_one_value(value: Any, text: str) -> None:
    assert scalar(value) == text


ENCODED = [
    ("a b", "a%20b"),
    ("a/b", "a%2Fb"),
    ("a?b=c", "a%3Fb%3Dc"),
    ("a#b", "a%23b"),
    ("a%2Fb", "a%252Fb"),
    ("%2e%2e", "%252e%252e"),
    ("..a", "..a"),
    ("a..", "a.."),
    ("a;b", "a%3Bb"),
    ("a@b:c", "a%40b%3Ac"),
    ("größe", "gr%C3%B6%C3%9Fe"),
    ("日本", "%E6%97%A5%E6%9C%AC"),
    ("a,b", "a%2Cb"),
    (["a,b", "c"], "a%2Cb,c"),
    ("{x}", "%7Bx%7D"),
    (0, "0"),
    (False, "false"),
]


@pytest.mark.parametrize(("value", "text"), ENCODED, ids=_id)
def test_a_path_value_is_one_segment(value: Any, text: str) -> None:
    assert _path(value) == text


RAW = [
    ("fal-ai/flux/schnell", "fal-ai/flux/schnell"),
    ("f/user/my flow", "f/user/my%20flow"),
    ("a/..b/c", "a/..b/c"),
    ("a/%2e%2e/b", "a/%252e%252e/b"),
    ("a?b/c#d", "a%3Fb/c%23d"),
    ("plain", "plain"),
]


@pytest.mark.parametrize(("value", "text"), RAW, ids=_id)
def test_a_path_value_with_raw_slashes(value: Any, text: str) -> None:
    assert _path(value, raw_slash=True) == text


REFUSED = [
    (None, "is empty"),
    ("", "is empty"),
    ([], "is empty"),
    ({}, "is empty"),
    ([""], "empty"),
    ([None], "empty"),
    (".", "'.' or '..'"),
    ("..", "'.' or '..'"),
    ("../x", "'.' or '..'"),
    ("x/..", "'.' or '..'"),
    ("x/../y", "'.' or '..'"),
    ("x/./y", "'.' or '..'"),
    ("..\\x", "'.' or '..'"),
    (["a", ".."], "'.' or '..'"),
    ("a\nb", "control characters"),
    ("a\tb", "control characters"),
    ("a\0", "control characters"),
    ("a\x7f", "control characters"),
]

REFUSED_WITH_RAW_SLASHES = [
    *REFUSED,
    ("/a", "empty segments"),
    ("a//b", "empty segments"),
    ("a/", "empty segments"),
    ("/", "empty segments"),
    ("//x.test/a", "empty segments"),
]


@pytest.mark.parametrize("style", ["simple", "matrix"])
@pytest.mark.parametrize(("value", "why"), REFUSED, ids=repr)
def test_what_never_stands_in_a_path(value: Any, why: str, style: str) -> None:
    if style == "matrix" and value in ([""], [None]):
        assert _path(value, style=style).startswith(";id=")
        return
    with pytest.raises(UnfitValue, match=why):
        _path(value, style=style)


@pytest.mark.parametrize(("value", "why"), REFUSED_WITH_RAW_SLASHES, ids=repr)
def test_what_never_stands_in_a_path_with_raw_slashes(value: Any, why: str) -> None:
    with pytest.raises(UnfitValue, match=why):
        _path(value, raw_slash=True)


@pytest.mark.parametrize("value", [[""], ["", ""], ["", "", ""]], ids=repr)
@pytest.mark.parametrize("explode", [True, False])
def test_the_dot_of_style_label_makes_no_dot_segment(value: list[str], explode: bool) -> None:
    try:
        shown = _path(value, style="label", explode=explode)
    except UnfitValue:
        return
    assert shown not in (".", "..")


@pytest.mark.parametrize("character", [chr(code) for code in range(0x20, 0x7F)])
def test_no_character_ends_the_path_or_begins_a_segment(character: str) -> None:
    shown = _path(f"a{character}b")
    assert not set("/?#\\ ") & set(shown)
    assert unquote(shown) == f"a{character}b"


TEXTS = [
    ("a b&c=d", False, "a%20b%26c%3Dd"),
    ("a+b", False, "a%2Bb"),
    ("https://x.test/?a=1&b#c", False, "https%3A%2F%2Fx.test%2F%3Fa%3D1%26b%23c"),
    ("https://x.test/?a=1&b#c", True, "https://x.test/?a=1%26b%23c"),
    ("a+b", True, "a%2Bb"),
    # RFC 6570, 3.2.3: reserved characters and triplets pass, a lone % does not
    ("a%20b", True, "a%20b"),
    ("100%", True, "100%25"),
    ("50%zz", True, "50%25zz"),
    ("a%20b", False, "a%2520b"),
    ("filter[x]=(1;2)!*'$@:,", True, "filter%5Bx%5D=(1;2)!*'$@:,"),
    ("~a_b-c.d", True, "~a_b-c.d"),
    ('\u00e9 "<>', True, "%C3%A9%20%22%3C%3E"),
    # what stands between items never stands in one
    (["a,b", "c"], True, "a%2Cb,c"),
    (["a,b", "c"], False, "a%2Cb,c"),
]


@pytest.mark.parametrize(("value", "reserved", "text"), TEXTS, ids=_id)
def test_a_query_value_stays_within_its_own(value: Any, reserved: bool, text: str) -> None:
    parameter = Parameter("q", "query", explode=False, allow_reserved=reserved)
    assert query_pairs(parameter, value) == [("q", text)]


def test_a_query_name_is_encoded() -> None:
    assert query_pairs(Parameter("page[size]&x", "query"), 1) == [("page%5Bsize%5D%26x", "1")]
    assert query_pairs(Parameter("q", "query"), {"a&b": "c=d"}) == [("a%26b", "c%3Dd")]


def test_a_deep_object_may_be_deeper() -> None:
    parameter = Parameter("f", "query", style="deepObject")
    shown = _query(parameter, {"a": {"b": 1, "c": [2, 3]}, "d": "x y"})
    assert shown.replace("%5B", "[").replace("%5D", "]") == "f[a][b]=1&f[a][c][]=2&f[a][c][]=3&f[d]=x%20y"


RESERVED_PATHS = [
    ("a:b@c", "a:b@c"),
    ("a b", "a%20b"),
    ("a?b#c", "a%3Fb%23c"),
    ("a%20b", "a%20b"),
    ("x/y", "x/y"),
]


@pytest.mark.parametrize(("value", "text"), RESERVED_PATHS)
def test_reserved_characters_in_a_path(value: str, text: str) -> None:
    assert _path(value, allow_reserved=True, raw_slash=True) == text


@pytest.mark.parametrize("value", ["%2e%2e", "x/%2E%2E/y", "%2e%2e%2fx", "a/.%2e"])
def test_a_triplet_that_passes_makes_no_dot_segment(value: str) -> None:
    with pytest.raises(UnfitValue, match=r"'\.' or '\.\.'"):
        _path(value, allow_reserved=True, raw_slash=True)


def test_an_empty_list_gives_no_pair() -> None:
    assert query_pairs(Parameter("q", "query"), []) == []


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b", ["a", "b\r"], {"a\n": 1}], ids=repr)
def test_a_header_value_cannot_begin_another_header(value: Any) -> None:
    with pytest.raises(UnfitValue, match="line breaks"):
        header_text(Parameter("X-A", "header", style="simple", explode=False), value)


def test_a_header_value_is_not_percent_encoded() -> None:
    assert header_text(Parameter("X-A", "header", style="simple", explode=False), "a b/c?d=%e") == "a b/c?d=%e"


@pytest.mark.parametrize("value", ["a; b=c", "a\r\nb", "a,b"], ids=repr)
def test_a_cookie_value_cannot_begin_another_cookie(value: str) -> None:
    shown = cookie_text(Parameter("c", "cookie"), value)
    assert shown.startswith("c=")
    assert not set(";\r\n ,") & set(shown)


@pytest.mark.parametrize("place", ["path", "query", "cookie"])
def test_a_lone_surrogate_is_unfit_and_no_crash(place: str) -> None:
    parameter = Parameter("x", place, style="simple" if place == "path" else "form")
    write: dict[str, Any] = {"path": path_text, "query": query_pairs, "cookie": cookie_text}
    with pytest.raises(UnfitValue):
        write[place](parameter, "a\ud800")
