"""A call and its operation make a request: the URL, the headers, the content; or a BindError that says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arazzo_mcp.arazzo.command import Argument, Body, CallOperation, Target
from arazzo_mcp.arazzo.scope import ABSENT
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Request
from arazzo_mcp.openapi.parse import OpenApi

FORM = "application/x-www-form-urlencoded"
SERVERS = [{"url": "https://x.test/v1/"}]


def _request(
    path: str = "/things",
    *arguments: tuple[str, str, Any],
    body: Body | None = None,
    method: str = "post",
    servers: list[dict[str, Any]] | None = None,
    base_url: str | None = None,
    **operation: Any,
) -> Request:
    data = {
        "openapi": "3.1.0",
        "servers": SERVERS if servers is None else servers,
        "paths": {path: {method: operation}},
    }
    api = OpenApi("shop", data, base_url)
    key = f"{method.upper()} {path}"
    given = tuple(Argument(name, location, value) for name, location, value in arguments)
    return bind(CallOperation("step", Target("shop", key, method.upper()), given, body), api.operation(key))


def _declared(name: str, location: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": location, **more}


# --- the URL


def test_the_server_the_path_and_the_query() -> None:
    request = _request("/things/{id}/parts", ("id", "path", 7), ("q", "query", "a b"), ("n", "query", [1, 2]))
    assert request.method == "POST"
    assert request.url == "https://x.test/v1/things/7/parts?q=a%20b&n=1&n=2"
    assert request.path_arguments == {"id": 7}
    assert request.query_arguments == {"q": "a b", "n": [1, 2]}
    assert request.body is ABSENT
    assert request.content is None
    assert "content-type" not in request.headers


def test_two_variables_in_one_segment() -> None:
    assert _request("/r/{a}-{b}.{c}", ("a", "path", 1), ("b", "path", "x/y"), ("c", "path", "z")).url.endswith(
        "/r/1-x%2Fy.z"
    )


def test_a_value_that_looks_like_a_variable_is_not_filled_again() -> None:
    assert _request("/a/{x}/{y}", ("x", "path", "{y}"), ("y", "path", 2)).url.endswith("/a/%7By%7D/2")


def test_a_declared_style_is_used() -> None:
    parameters = [
        _declared("ids", "query", style="pipeDelimited", explode=False),
        _declared("f", "query", style="deepObject", explode=True),
        _declared("m", "path", style="matrix", schema={"type": "string"}),
    ]
    request = _request(
        "/a/{m}", ("m", "path", 1), ("ids", "query", [1, 2]), ("f", "query", {"a": 1}), parameters=parameters
    )
    assert request.url == "https://x.test/v1/a/;m=1?ids=1%7C2&f%5Ba%5D=1"


def test_an_argument_without_a_place_takes_the_operations() -> None:
    parameters = [_declared("id", "path"), _declared("X-A", "header"), _declared("q", "query")]
    request = _request("/a/{id}", ("q", "", 1), ("id", "", 2), ("x-a", "", 3), parameters=parameters)
    assert request.url == "https://x.test/v1/a/2?q=1"
    assert request.headers["x-a"] == "3"


def test_an_argument_without_a_place_that_the_operation_does_not_know_is_refused() -> None:
    with pytest.raises(BindError, match="POST /things: parameter 'q' has no 'in'"):
        _request("/things", ("q", "", 1))


def test_a_path_argument_that_is_not_in_the_path_is_not_appended() -> None:
    assert _request("/things", ("id", "path", 7)).url == "https://x.test/v1/things"


@pytest.mark.parametrize(
    ("path", "arguments", "why"),
    [
        ("/a/{id}", [], "POST /a/{id}: path parameter 'id' is missing"),
        ("/a/{id}", [("id", "query", 1)], "path parameter 'id' is missing"),
        ("/a/{id}", [("ID", "path", 1)], "path parameter 'id' is missing"),
        ("/a/{id}", [("id", "path", "")], "path parameter 'id' is empty"),
        ("/a/{id}", [("id", "path", None)], "path parameter 'id' is empty"),
        ("/a/{id}", [("id", "path", "..")], "must not contain '.' or '..' segments"),
        ("/a", [("X-A", "header", "a\r\nb")], "header 'X-A' must not contain line breaks"),
    ],
)
def test_a_call_that_is_no_request(path: str, arguments: list[tuple[str, str, Any]], why: str) -> None:
    with pytest.raises(BindError) as error:
        _request(path, *arguments)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("servers", "base_url", "url"),
    [
        ([{"url": "https://x.test"}], None, "https://x.test/things"),
        ([{"url": "https://x.test/"}, {"url": "https://y.test"}], None, "https://x.test/things"),
        (
            [{"url": "https://{r}.x.test/{v}", "variables": {"r": {"default": "eu"}, "v": {"default": "v2"}}}],
            None,
            "https://eu.x.test/v2/things",
        ),
        ([{"url": "https://x.test"}], "http://localhost:1/api/", "http://localhost:1/api/things"),
        ([], "http://localhost:1", "http://localhost:1/things"),
        ([{"url": "/api"}], "http://localhost:1", "http://localhost:1/things"),
    ],
)
def test_servers(servers: list[dict[str, Any]], base_url: str | None, url: str) -> None:
    assert _request(servers=servers, base_url=base_url).url == url


def test_the_operations_own_server_comes_first() -> None:
    assert _request(**{"servers": None}).url.startswith("https://x.test/")
    data = {
        "openapi": "3.0.0",
        "servers": SERVERS,
        "paths": {
            "/a": {
                "servers": [{"url": "https://item.test"}],
                "get": {},
                "post": {"servers": [{"url": "https://own.test"}]},
            }
        },
    }
    api = OpenApi("shop", data)
    assert api.operation("POST /a").base_url == "https://own.test"
    assert api.operation("GET /a").base_url == "https://item.test"


@pytest.mark.parametrize("servers", [[], [{"url": "/api"}], [{"url": "//x.test"}], [{"url": ""}], [{"url": "ftp://x"}]])
def test_no_absolute_server_says_what_to_do(servers: list[dict[str, Any]]) -> None:
    with pytest.raises(BindError, match="source 'shop' has no absolute server URL: give one with --server shop=URL"):
        _request(servers=servers)


# --- headers and cookies


def test_headers_and_cookies() -> None:
    request = _request(
        "/a", ("X-One", "header", "1"), ("X-List", "header", [1, 2]), ("a", "cookie", "x y"), ("b", "cookie", 2)
    )
    assert request.headers["x-one"] == "1"
    assert request.headers["x-list"] == "1,2"
    assert request.headers["cookie"] == "a=x%20y; b=2"


def test_json_is_accepted_first_unless_the_step_says_otherwise() -> None:
    assert _request("/a").headers["accept"].startswith("application/json")
    assert _request("/a", ("Accept", "header", "text/csv")).headers["accept"] == "text/csv"


def test_the_steps_own_content_type_wins() -> None:
    request = _request("/a", ("Content-Type", "header", "application/vnd.x+json"), body=Body(None, {"a": 1}))
    assert request.headers["content-type"] == "application/vnd.x+json"
    assert request.content == b'{"a":1}'


def test_a_header_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(BindError, match="X-Title"):
        _request("/a", ("X-Title", "header", "日本"))


# --- bodies

BODIES: list[tuple[str | None, Any, bytes, str]] = [
    (None, {"a": [1, None], "b": "ü"}, '{"a":[1,null],"b":"ü"}'.encode(), "application/json"),
    (None, [], b"[]", "application/json"),
    (None, None, b"null", "application/json"),
    (None, 7, b"7", "application/json"),
    (None, "plain", b'"plain"', "application/json"),
    (None, '{"a": 1}', b'{"a": 1}', "application/json"),
    (None, " [1]\n", b" [1]\n", "application/json"),
    (None, '{"a": ', b'"{\\"a\\": "', "application/json"),
    ("application/json", {"a": 1}, b'{"a":1}', "application/json"),
    ("application/json; charset=utf-8", {"a": 1}, b'{"a":1}', "application/json; charset=utf-8"),
    ("application/vnd.x+json", {"a": 1}, b'{"a":1}', "application/vnd.x+json"),
    ("Application/JSON", {"a": 1}, b'{"a":1}', "Application/JSON"),
    ("*/*", {"a": 1}, b'{"a":1}', "application/json"),
    ("application/*+json", {"a": 1}, b'{"a":1}', "application/json"),
    (FORM, {"a b": "c&d", "n": 1.0, "t": True}, b"a+b=c%26d&n=1&t=true", FORM),
    (FORM, {"m": ["x", "y"]}, b"m=x&m=y", FORM),
    (FORM, {"o": {"k": 1}}, b"o=%7B%22k%22%3A1%7D", FORM),
    (FORM, "a=1&b=2", b"a=1&b=2", FORM),
    ("text/plain", "hällo", "hällo".encode(), "text/plain"),
    ("text/csv", [1, 2], b"[1,2]", "text/csv"),
    ("application/xml", "<a/>", b"<a/>", "application/xml"),
    ("application/octet-stream", "raw", b"raw", "application/octet-stream"),
]


@pytest.mark.parametrize(("content_type", "value", "content", "sent"), BODIES, ids=lambda v: str(v)[:30])
def test_a_body(content_type: str | None, value: Any, content: bytes, sent: str) -> None:
    request = _request("/a", body=Body(content_type, value))
    assert request.content == content
    assert request.headers["content-type"] == sent
    assert request.body == value


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/pdf", "image/png"])
def test_a_structure_that_cannot_be_written_is_refused(content_type: str) -> None:
    with pytest.raises(BindError, match=f"a structured body cannot be sent as {content_type}"):
        _request("/a", body=Body(content_type, {"a": 1}))


CHOICES = [
    # "If omitted then refer to Content-Type specified at the targeted operation"
    (None, [FORM], FORM),
    (None, [FORM, "application/json"], "application/json"),
    (None, ["text/plain", FORM], "text/plain"),
    (None, ["*/*"], "application/json"),
    (None, ["application/*+json", FORM], FORM),
    (None, ["application/merge-patch+json"], "application/merge-patch+json"),
    (None, [], "application/json"),
    # what the step says is sent, declared or not
    (FORM, ["application/json"], FORM),
    ("application/json", [FORM], "application/json"),
    ("*/*", [FORM], FORM),
]


@pytest.mark.parametrize(("wanted", "declared", "sent"), CHOICES, ids=str)
def test_the_media_type(wanted: str | None, declared: list[str], sent: str) -> None:
    content = {name: {} for name in declared}
    request = _request("/a", body=Body(wanted, {"a": 1}), requestBody={"content": content})
    assert request.headers["content-type"] == sent


def test_form_fields_are_encoded_as_the_operation_says() -> None:
    encoding = {
        "ids": {"style": "form", "explode": False},
        "f": {"style": "deepObject", "explode": True},
        "p": {"style": "pipeDelimited"},
        "plain": {"contentType": "text/plain"},
    }
    request = _request(
        "/a",
        body=Body(None, {"ids": [1, 2], "f": {"a": {"b": 1}}, "p": [1, 2], "plain": ["x", "y"]}),
        requestBody={"content": {FORM: {"encoding": encoding}}},
    )
    assert request.content == b"ids=1,2&f%5Ba%5D%5Bb%5D=1&p=1%7C2&plain=x&plain=y"


def test_no_body_sends_neither_content_nor_its_type() -> None:
    request = _request("/a", requestBody={"content": {"application/json": {}}, "required": True})
    assert request.content is None
    assert "content-type" not in request.headers


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(BindError):
        _request("/a", body=Body(None, {"n": float("nan")}))


def test_a_json_body_of_any_text_can_be_sent() -> None:
    request = _request("/a", body=Body(None, {"t": "a\ud800"}))
    assert request.content is not None
    assert json.loads(request.content) == {"t": "a\ud800"}


# --- operations of a description that is not quite right


def test_a_description_with_loose_ends_still_has_its_operations() -> None:
    data = {
        "openapi": "3.0.0",
        "servers": SERVERS,
        "paths": {
            "/a/{id}": {
                "parameters": [
                    {"$ref": "#/components/parameters/id"},
                    {"$ref": "#/components/parameters/gone"},
                    {"$ref": "other.yaml#/x"},
                    {"$ref": "#/components/parameters/circle"},
                    "text",
                    {"in": "query"},
                ],
                "get": {
                    "requestBody": {"$ref": "#/nope"},
                    "parameters": [{"name": "q", "in": "query", "schema": {"$ref": "#/no"}}],
                },
                "post": None,
                "x-note": {"operationId": "none"},
            },
            "/b": {"$ref": "#/components/pathItems/b"},
            "/c": None,
        },
        "components": {
            "parameters": {"id": {"name": "id", "in": "path"}, "circle": {"$ref": "#/components/parameters/circle"}},
            "pathItems": {"b": {"get": {"operationId": "getB"}}},
        },
    }
    api = OpenApi("shop", data)
    assert [entry.key for entry in api.entries] == ["GET /a/{id}", "GET /b"]
    assert [(p.name, p.location) for p in api.operation("GET /a/{id}").parameters] == [("id", "path"), ("q", "query")]
    assert api.by_id["getB"][0].key == "GET /b"


@pytest.mark.parametrize("data", [None, [], "text", {}, {"paths": []}, {"paths": {"/a": []}}])
def test_what_is_no_description_has_no_operations(data: Any) -> None:
    assert OpenApi("shop", data).entries == ()


@pytest.mark.parametrize(
    "odd",
    [
        {"servers": {"url": "https://x.test"}},
        {"servers": "https://x.test"},
        {"servers": [None]},
        {"parameters": {"name": "q", "in": "query"}},
        {"parameters": "q"},
        {"parameters": [{"name": "q", "in": "query", "schema": {"examples": 5}}]},
        {"parameters": [{"name": "q", "in": "path", "schema": {"examples": 5}}]},
        {"security": {"key": []}},
        {"security": "key"},
        {"security": 5},
        {"security": [None, "key", {"key": []}]},
        {"requestBody": {"content": []}},
        {"requestBody": {"content": {"application/json": None}}},
    ],
    ids=str,
)
def test_an_operation_with_odd_fields_does_not_crash(odd: dict[str, Any]) -> None:
    api = OpenApi("shop", {"openapi": "3.1.0", "paths": {"/a": {"get": odd}}})
    assert api.operation("GET /a").key == "GET /a"


@pytest.mark.parametrize(
    ("node", "raw"),
    [
        ({"name": "id"}, False),
        ({"name": "path"}, True),
        ({"name": "script_path"}, True),
        ({"name": "scriptPath"}, True),
        ({"name": "empath"}, False),
        ({"name": "model", "example": "fal-ai/flux"}, True),
        ({"name": "model", "schema": {"default": "a/b"}}, True),
        ({"name": "model", "schema": {"examples": ["a/b"]}}, True),
        ({"name": "model", "description": "such as `flux/schnell`"}, True),
        ({"name": "model", "example": "https://x.test/a"}, False),
        ({"name": "path", "description": "URL-encoded path of the project"}, False),
        ({"name": "path", "x-arazzo-mcp-allow-slash": False}, False),
        ({"name": "id", "x-arazzo-mcp-allow-slash": True, "description": "url encoded"}, True),
        ({"name": "id", "allowReserved": True}, True),
    ],
    ids=str,
)
def test_where_a_slash_stays_raw(node: dict[str, Any], raw: bool) -> None:
    path = f"/a/{{{node['name']}}}"
    parameters = [{"in": "path", **node}]
    url = _request(path, (node["name"], "path", "x/y"), parameters=parameters).url
    assert url.endswith("/a/x/y" if raw else "/a/x%2Fy")


def test_a_slash_stays_raw_only_in_a_path() -> None:
    parameters = [_declared("path", "query", example="a/b")]
    assert _request("/a", ("path", "query", "x/y"), parameters=parameters).url.endswith("?path=x%2Fy")


@pytest.mark.parametrize(
    ("pointer", "key"),
    [
        ("/paths/~1a~1{id}/get", "GET /a/{id}"),
        ("/paths/~1a~1%7Bid%7D/get", "GET /a/{id}"),
        ("/paths/~1a~1{id}/GET", "GET /a/{id}"),
        ("/paths/~1t~0x/get", "GET /t~x"),
        ("/paths/~1a~1{id}", None),
        ("/paths/~1a~1{id}/post", None),
        ("/paths//a/{id}/get", None),
        ("", None),
    ],
)
def test_an_operation_at_a_pointer(pointer: str, key: str | None) -> None:
    api = OpenApi("shop", {"openapi": "3.1.0", "paths": {"/a/{id}": {"get": {}}, "/t~x": {"get": {}}}})
    found = api.at_pointer(pointer)
    assert (found.key if found else None) == key


# --- parameters that are filled in, left out, or written by a media type


REQUIRED = [
    # schema, the URL's query where the step gives nothing
    ({"default": "v1"}, "?q=v1"),
    ({"enum": ["only"]}, "?q=only"),
    ({"const": 3}, "?q=3"),
    ({"enum": ["one", "two"]}, ""),
    ({"default": None}, ""),
    ({"type": "string"}, ""),
]


@pytest.mark.parametrize(("schema", "query"), REQUIRED, ids=str)
def test_a_required_parameter_has_its_default_or_is_left_out(schema: dict[str, Any], query: str) -> None:
    parameters = [_declared("q", "query", required=True, schema=schema)]
    assert _request("/a", parameters=parameters).url == f"https://x.test/v1/a{query}"
    assert _request("/a", ("q", "query", "mine"), parameters=parameters).url.endswith("?q=mine")


def test_an_optional_parameter_is_not_filled_in() -> None:
    parameters = [_declared("q", "query", schema={"default": "v1"}), _declared("h", "header", schema={"enum": [1]})]
    request = _request("/a", parameters=parameters)
    assert request.url == "https://x.test/v1/a"
    assert "h" not in request.headers


def test_required_headers_cookies_and_path_variables_are_filled_in() -> None:
    parameters = [
        _declared("X-Version", "header", required=True, schema={"enum": ["2024-01-01"]}),
        _declared("lang", "cookie", required=True, schema={"default": "en"}),
        _declared("region", "path", required=True, schema={"default": "eu"}),
        _declared("Authorization", "header", required=True, schema={"default": "none"}),
        _declared("Accept", "header", required=True, schema={"default": "x/y"}),
    ]
    request = _request("/a/{region}", parameters=parameters)
    assert request.url.endswith("/a/eu")
    assert (request.headers["x-version"], request.headers["cookie"]) == ("2024-01-01", "lang=en")
    assert "authorization" not in request.headers
    assert request.headers["accept"].startswith("application/json")


def test_null_is_left_out_of_query_headers_and_cookies() -> None:
    request = _request("/a", ("q", "query", None), ("X-A", "header", None), ("c", "cookie", None))
    assert request.url == "https://x.test/v1/a"
    assert "x-a" not in request.headers
    assert "cookie" not in request.headers


def test_null_with_allow_empty_value_is_an_empty_value() -> None:
    parameters = [_declared("q", "query", allowEmptyValue=True)]
    assert _request("/a", ("q", "query", None), parameters=parameters).url.endswith("/a?q=")


CONTENTS = [
    ("application/json", {"a": [1]}, "f=%7B%22a%22%3A%5B1%5D%7D"),
    ("application/json", '{"a": 1}', "f=%7B%22a%22%3A%201%7D"),
    ("application/json", "text", "f=%22text%22"),
    ("application/json", 7, "f=7"),
    ("text/plain", "a b", "f=a%20b"),
    (FORM, {"a": "b c"}, "f=a%3Db%2Bc"),
]


@pytest.mark.parametrize(("media", "value", "query"), CONTENTS, ids=str)
def test_a_parameter_that_is_described_by_content(media: str, value: Any, query: str) -> None:
    parameters = [_declared("f", "query", content={media: {}})]
    assert _request("/a", ("f", "query", value), parameters=parameters).url == f"https://x.test/v1/a?{query}"


def test_json_in_a_header_and_in_a_path() -> None:
    parameters = [
        _declared("X-A", "header", content={"application/json": {"schema": {"type": "object"}}}),
        _declared("f", "path", content={"application/json": {}}),
    ]
    request = _request("/a/{f}", ("X-A", "header", {"a": "\u00e9"}), ("f", "path", {"b": 1}), parameters=parameters)
    assert json.loads(request.headers["x-a"]) == {"a": "\u00e9"}
    assert request.url.endswith("/a/%7B%22b%22%3A1%7D")


QUERYSTRINGS = [
    # OpenAPI 3.2, Parameter Object: "treats the entire URL query string as a value"
    ({FORM: {}}, {"a b": "c&d", "n": [1, 2]}, "a+b=c%26d&n=1&n=2"),
    ({FORM: {}}, "?x=1&y=%20z", "x=1&y=%20z"),
    ({"text/plain": {}}, "$filter=Name eq 'x'&$top=3", "$filter=Name%20eq%20'x'&$top=3"),
    ({"application/json": {}}, {"n": [1, 2], "flag": None}, "%7B%22n%22%3A%5B1%2C2%5D%2C%22flag%22%3Anull%7D"),
    ({"application/json": {}}, '{"a": "#"}', "%7B%22a%22%3A%20%22%23%22%7D"),
    ({"application/json": {}}, "a=1#b", "a=1%23b"),
    ({FORM: {"encoding": {"f": {"style": "deepObject"}}}}, {"f": {"a": 1}}, "f%5Ba%5D=1"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "value", "query"), QUERYSTRINGS, ids=str)
def test_a_whole_query_string(content: dict[str, Any], value: Any, query: str) -> None:
    parameters = [_declared("any", "querystring", content=content)]
    request = _request("/a", ("any", "querystring", value), parameters=parameters)
    assert request.url == f"https://x.test/v1/a?{query}"
    assert request.query_arguments == {"any": value}


def test_a_query_string_that_the_operation_does_not_declare() -> None:
    assert _request("/a", ("q", "querystring", "a=1&b=2")).url.endswith("/a?a=1&b=2")
    assert _request("/a", ("q", "querystring", None)).url.endswith("/a")


def test_one_value_for_an_array_and_json_text_for_structure() -> None:
    parameters = [
        _declared("ids", "query", style="pipeDelimited", explode=False, schema={"type": "array", "items": {}}),
        _declared("f", "query", style="deepObject", schema={"type": "object"}),
        _declared("n", "query", schema={"type": "number"}),
    ]
    request = _request(
        "/a", ("ids", "query", "x"), ("f", "query", '{"a": 1}'), ("n", "query", "5.10"), parameters=parameters
    )
    assert request.url.endswith("/a?ids=x&f%5Ba%5D=1&n=5.10")
    assert _request("/a", ("ids", "query", '["x","y"]'), parameters=parameters).url.endswith("?ids=x%7Cy")


# --- path templates as real documents write them

TEMPLATES = [
    ("/{Bucket}/{Key+}?uploads", [("Bucket", "path", "b"), ("Key", "path", "a/b c")], "/b/a/b%20c?uploads"),
    ("/{proxy*}", [("proxy", "path", "a/b")], "/a/b"),
    ("/{Key+}", [("Key+", "path", "a/b")], "/a/b"),
    ("/x?list-type=2&q={q}", [("q", "query", "a b")], "/x?list-type=2&q=a%20b"),
    ("/x?q={q}", [("q", "path", "a/b")], "/x?q=a%2Fb"),
    ("/x?a={a}-{b}&c", [("a", "path", 1), ("b", "query", 2), ("d", "query", 3)], "/x?a=1-2&c&d=3"),
    ("/x?uploads", [("uploads", "query", "")], "/x?uploads="),
    ("/x#part", [("q", "query", 1)], "/x?q=1"),
    ("/x?a=1#b?c=2", [], "/x?a=1"),
    ("/x{?page,size}", [("page", "query", 2)], "/x?page=2"),
    ("/#Action=Do", [], "/"),
]


@pytest.mark.parametrize(("path", "arguments", "url"), TEMPLATES, ids=lambda v: str(v)[:40])
def test_a_path_with_more_than_a_path(path: str, arguments: list[tuple[str, str, Any]], url: str) -> None:
    assert _request(path, *arguments).url == f"https://x.test/v1{url}"


def test_the_key_of_an_operation_is_its_path_as_it_is_written() -> None:
    path = "/{Bucket}/{Key+}?uploads#x"
    api = OpenApi("shop", {"openapi": "3.0.0", "servers": SERVERS, "paths": {path: {"post": {"operationId": "start"}}}})
    assert api.by_id["start"][0].key == f"POST {path}"
    assert api.operation(f"POST {path}").path == path
    assert api.at_pointer("/paths/~1{Bucket}~1{Key+}?uploads#x/post") is not None


def test_a_declared_parameter_of_a_query_in_the_path() -> None:
    parameters = [
        _declared("id", "query", required=True),
        _declared("part", "query"),
        _declared("uploads", "query", required=True, schema={"enum": [True]}),
    ]
    path = "/x?uploads&id={id}&part={part}"
    assert _request(path, ("id", "query", 7), parameters=parameters).url.endswith("/x?uploads&id=7")
    with pytest.raises(BindError, match="path parameter 'id' is missing"):
        _request(path, parameters=parameters)


@pytest.mark.parametrize("value", ["../x", "a//b", "/a", "", None])
def test_a_value_with_slashes_stays_below_its_place(value: Any) -> None:
    with pytest.raises(BindError, match="path parameter 'Key'"):
        _request("/b/{Key+}", ("Key", "path", value))


def test_what_the_operation_answers_in_is_accepted() -> None:
    responses = {"200": {"content": {"text/csv": {}}}, "404": {"content": {"application/json": {}}}}
    assert _request("/a", responses=responses).headers["accept"] == "text/csv, application/json;q=0.9, */*;q=0.8"
    responses = {"2XX": {"content": {"text/csv": {}, "application/json": {}}}}
    assert _request("/a", responses=responses).headers["accept"].startswith("application/json")
