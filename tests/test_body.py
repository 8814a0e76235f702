"""Request bodies, read back by real parsers: what a server would see of fields, parts, XML and bytes."""

from __future__ import annotations

import base64
import contextlib
import csv
import json
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from xml.etree import ElementTree

import pytest
from starlette.datastructures import UploadFile
from starlette.requests import Request as ServerRequest

from arazzo_mcp.arazzo.command import Argument, Body, CallOperation, Target
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.binary import Blob
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.encode import UnfitValue
from arazzo_mcp.openapi.model import Request
from arazzo_mcp.openapi.parse import OpenApi

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PNG_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def files(text: str) -> Blob | None:
    """A reader that knows one file, and refuses one."""
    if text == "/etc/passwd":
        raise UnfitValue("'/etc/passwd' is no file in the folders that may be read")
    return Blob(PNG, filename="cat.png") if text in ("uploads/cat.png", "file:///uploads/cat.png") else None


def sent(
    value: Any,
    media: str | None = None,
    described: dict[str, Any] | None = None,
    schemas: dict[str, Any] | None = None,
    *arguments: Argument,
    **node: Any,
) -> Request:
    """The request for a body. described: the Media Type Object of `media`, where the operation declares it."""
    content = {media or "application/json": described} if described is not None else {}
    operation = {"requestBody": {"content": content}, **node} if content else node
    data = {
        "openapi": "3.2.0",
        "servers": [{"url": "https://x.test"}],
        "paths": {"/a": {"post": operation}},
        "components": {"schemas": schemas or {}},
    }
    call = CallOperation("step", Target("shop", "POST /a", "POST"), arguments, Body(media, value))
    return bind(call, OpenApi("shop", data).operation("POST /a"), files)


async def received(request: Request) -> list[tuple[str, Any, str | None, dict[str, str]]]:
    """The fields of a form as Starlette's parser reads them: name, value or bytes, file name, headers."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.content, "more_body": False}

    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    scope = {"type": "http", "method": "POST", "headers": headers, "path": "/a", "query_string": b""}
    async with ServerRequest(scope, receive).form() as form:
        return [
            (name, await value.read(), value.filename, dict(value.headers))
            if isinstance(value, UploadFile)
            else (name, value, None, {})
            for name, value in form.multi_items()
        ]


# --- JSON

PROPERTIES = {
    "n": {"type": "integer"},
    "price": {"type": "number"},
    "on": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "meta": {"type": "object", "properties": {"deep": {"type": "integer"}}},
    "text": {"type": "string"},
}


def test_json_is_coerced_to_what_the_api_wants() -> None:
    value = {"n": "5", "price": "1.5", "on": "true", "tags": "a", "meta": '{"deep": "7"}', "text": "5"}
    request = sent(value, None, {"schema": {"$ref": "#/components/schemas/T"}}, {"T": {"properties": PROPERTIES}})
    wanted = {"n": 5, "price": 1.5, "on": True, "tags": ["a"], "meta": {"deep": 7}, "text": "5"}
    assert json.loads(request.content or b"") == wanted
    assert request.body == wanted


def test_a_json_text_is_sent_byte_by_byte() -> None:
    text = '{"n": "5",  "x": 1.0}'
    assert sent(text, None, {"schema": {"properties": PROPERTIES}}).content == text.encode()


@pytest.mark.parametrize("media", ["application/merge-patch+json", "Application/JSON; charset=utf-8", "text/json"])
def test_relatives_of_json(media: str) -> None:
    request = sent({"a": 1}, media)
    assert (request.content, request.headers["content-type"]) == (b'{"a":1}', media)


def test_the_schema_of_a_range_counts() -> None:
    data = {"schema": {"properties": {"n": {"type": "integer"}}}}
    request = sent({"n": "5"}, "application/*+json", data)
    assert (request.content, request.headers["content-type"]) == (b'{"n":5}', "application/json")


def test_the_content_type_that_a_step_gives_as_a_header_decides() -> None:
    header = Argument("Content-Type", "header", FORM)
    request = sent({"a": "b c"}, None, None, None, header)
    assert (request.content, request.headers["content-type"]) == (b"a=b+c", FORM)


def test_a_content_type_that_is_none_is_sent_and_decides_nothing() -> None:
    header = Argument("Content-Type", "header", "whatever")
    request = sent({"a": 1}, None, {}, None, header)
    assert (request.content, request.headers["content-type"]) == (b'{"a":1}', "whatever")


@pytest.mark.parametrize(
    ("media", "content"),
    [
        ("application/x-ndjson", b'{"a":1}\n[2]\n'),
        ("application/jsonl", b'{"a":1}\n[2]\n'),
        ("application/json-seq", b'\x1e{"a":1}\n\x1e[2]\n'),
    ],
)
def test_sequences_of_json(media: str, content: bytes) -> None:
    assert sent([{"a": 1}, [2]], media).content == content
    assert sent([{"a": "1"}, [2]], media, {"itemSchema": {"properties": {"a": {"type": "integer"}}}}).content == content


# --- fields

FIELDS: list[tuple[Any, dict[str, Any] | None, dict[str, list[str]]]] = [
    ({"To": "+1 2", "MediaUrl": ["u1", "u2"]}, None, {"To": ["+1 2"], "MediaUrl": ["u1", "u2"]}),
    ({"a": None, "b": ""}, None, {"b": [""]}),
    ({"o": {"k": [1, "x y"]}}, None, {"o": ['{"k":[1,"x y"]}']}),
    # servers that think in brackets show it
    (
        {"metadata[a]": 1, "o": {"k": [1, 2]}, "l": ["x", "y"], "m": [{"p": 1}]},
        None,
        {"metadata[a]": ["1"], "o[k][]": ["1", "2"], "l[]": ["x", "y"], "m[0][p]": ["1"]},
    ),
    (
        {"to": ["x", "y"]},
        {"schema": {"properties": {"filter[name]": {"type": "string"}}}},
        {"to[]": ["x", "y"]},
    ),
    ({"ids[]": [1, 2]}, None, {"ids[]": ["1", "2"]}),
    (
        {"entities[type]": "x", "conf[url]": "u"},
        {"schema": {"properties": {"entities[type]": {"type": "array"}}}},
        {"entities[type]": ["x"], "conf[url]": ["u"]},
    ),
    # encoding
    ({"o": {"a": 1, "b": {"c": 2}}}, {"encoding": {"o": {"style": "deepObject"}}}, {"o[a]": ["1"], "o[b][c]": ["2"]}),
    ({"l": [1, 2]}, {"encoding": {"l": {"explode": False}}}, {"l": ["1,2"]}),
    ({"l": [1, 2]}, {"encoding": {"l": {"style": "spaceDelimited"}}}, {"l": ["1 2"]}),
    ({"o": {"R": 1, "G": 2}}, {"encoding": {"o": {"style": "form"}}}, {"R": ["1"], "G": ["2"]}),
    ({"u": "a/b?c"}, {"encoding": {"u": {"allowReserved": True}}}, {"u": ["a/b?c"]}),
    ({"j": {"a": 1}}, {"encoding": {"j": {"contentType": "application/json"}}}, {"j": ['{"a":1}']}),
    # a single value for an array, a JSON text for structure; texts stay as they are
    ({"l": "x"}, {"schema": {"properties": {"l": {"type": "array"}}}}, {"l": ["x"]}),
    ({"l": '["x","y"]'}, {"schema": {"properties": {"l": {"type": "array"}}}}, {"l": ["x", "y"]}),
    ({"n": "5.10"}, {"schema": {"properties": {"n": {"type": "number"}}}}, {"n": ["5.10"]}),
    ('{"a": 1}', None, {"a": ["1"]}),
]


@pytest.mark.parametrize(("value", "described", "fields"), FIELDS, ids=str)
async def test_a_form_as_a_server_reads_it(
    value: Any, described: dict[str, Any] | None, fields: dict[str, list[str]]
) -> None:
    request = sent(value, FORM, described)
    assert parse_qs((request.content or b"").decode(), keep_blank_values=True, strict_parsing=True) == fields
    assert [(name, text) for name, text, _, _ in await received(request)] == parse_qsl(
        (request.content or b"").decode(), keep_blank_values=True
    )


def test_what_is_reserved_stays_raw_where_that_is_allowed() -> None:
    described = {"encoding": {"u": {"allowReserved": True}}}
    assert sent({"u": "a/b?c&d#e"}, FORM, described).content == b"u=a/b?c%26d%23e"


# --- parts

PARTS: dict[str, Any] = {
    "schema": {
        "properties": {
            "id": {"type": "string"},
            "file": {"type": "string", "format": "binary"},
            "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "coded": {"type": "string", "contentEncoding": "base64"},
            "untyped": {},
            "meta": {"type": "object"},
        }
    }
}


async def test_parts_as_a_server_reads_them() -> None:
    value = {"id": "x", "n": 5, "on": True, "meta": {"a": [1]}, "tags": ["p", "q"], "none": None, "file": PNG_URI}
    request = sent(value, MULTIPART, PARTS)
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    parts = await received(request)
    assert [(name, text) for name, text, filename, _ in parts if filename is None] == [
        ("id", "x"),
        ("n", "5"),
        ("on", "true"),
        ("meta", '{"a":[1]}'),
        ("tags", "p"),
        ("tags", "q"),
    ]
    name, content, filename, headers = parts[-1]
    assert (name, content, filename, headers["content-type"]) == ("file", PNG, "file.png", "image/png")


FILES: list[tuple[str, str, bytes, str, str]] = [
    # property, value, bytes, file name, media type
    ("file", PNG_URI, PNG, "file.png", "image/png"),
    ("file", "data:text/plain;name=a%20b.txt,hello%20you", b"hello you", "a b.txt", "text/plain"),
    ("file", base64.b64encode(PNG).decode(), PNG, "file", "application/octet-stream"),
    ("file", base64.b64encode(b"a long text of ours").decode(), b"a long text of ours", "file",
     "application/octet-stream"),
    ("file", "uploads/cat.png", PNG, "cat.png", "application/octet-stream"),
    ("file", "h\u00e9llo", "h\u00e9llo".encode(), "file", "application/octet-stream"),
    ("file", "d41d8cd98f00b204e9800998ecf8427e", b"d41d8cd98f00b204e9800998ecf8427e", "file",
     "application/octet-stream"),
    ("file", "AAAAB3NzaC1yc2EAAAADAQABAAABgQ==", b"AAAAB3NzaC1yc2EAAAADAQABAAABgQ==", "file",
     "application/octet-stream"),
    ("file", "HelloWorldHelloWorldHelloWorld12", b"HelloWorldHelloWorldHelloWorld12", "file",
     "application/octet-stream"),
    ("coded", "aGk=", b"hi", "coded", "application/octet-stream"),
    ("coded", "no base64 at all!", b"no base64 at all!", "coded", "application/octet-stream"),
    ("untyped", PNG_URI, PNG, "untyped.png", "image/png"),
    ("unknown", PNG_URI, PNG, "unknown.png", "image/png"),
    ("unknown", "file:///uploads/cat.png", PNG, "cat.png", "application/octet-stream"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "content", "filename", "media"), FILES, ids=lambda v: str(v)[:30])
async def test_a_file(name: str, value: str, content: bytes, filename: str, media: str) -> None:
    [part] = await received(sent({name: value}, MULTIPART, PARTS))
    assert (part[0], part[1], part[2], part[3]["content-type"]) == (name, content, filename, media)


@pytest.mark.parametrize("name", ["id", "untyped", "unknown"])
async def test_a_text_that_is_no_file_is_a_field(name: str) -> None:
    assert await received(sent({name: "just text"}, MULTIPART, PARTS)) == [(name, "just text", None, {})]


async def test_several_files_share_their_name() -> None:
    parts = await received(sent({"files": [PNG_URI, "uploads/cat.png"]}, MULTIPART, PARTS))
    assert [(name, content, filename) for name, content, filename, _ in parts] == [
        ("files", PNG, "files.png"),
        ("files", PNG, "cat.png"),
    ]
    assert len(await received(sent({"files": PNG_URI}, MULTIPART, PARTS))) == 1


def test_a_file_that_must_not_be_read_stops_the_request() -> None:
    with pytest.raises(BindError, match="POST /a: '/etc/passwd' is no file in the folders that may be read"):
        sent({"file": "/etc/passwd"}, MULTIPART, PARTS)


@pytest.mark.parametrize("value", ["data:image/png;base64,%%%", "data:;base64,abcde"])
def test_a_data_uri_that_is_broken_is_refused(value: str) -> None:
    with pytest.raises(BindError, match="is no valid base64"):
        sent({"file": value}, MULTIPART, PARTS)


async def test_a_parts_own_media_type_and_headers() -> None:
    described = {
        **PARTS,
        "encoding": {
            "file": {
                "contentType": "image/png, image/jpeg",
                "headers": {
                    "X-Kind": {"schema": {"default": "photo"}},
                    "X-None": {"schema": {"type": "string"}},
                    "Content-Type": {"schema": {"default": "no/no"}},
                },
            },
            "meta": {"contentType": "application/vnd.meta+json"},
        },
    }
    request = sent({"file": "raw", "meta": {"a": 1}}, MULTIPART, described)
    [(_, content, _, headers)] = [part for part in await received(request) if part[0] == "file"]
    assert content == b"raw"
    assert headers["content-type"] == "image/png"
    assert headers["x-kind"] == "photo"
    assert "x-none" not in headers
    assert b"Content-Type: application/vnd.meta+json\r\n\r\n" in (request.content or b"")
    uri = "data:image/jpeg;base64,/9j/"
    [(_, _, filename, headers)] = await received(sent({"file": uri}, MULTIPART, described))
    assert (filename, headers["content-type"]) == ("file.jpg", "image/jpeg")


async def test_fields_with_a_style_are_not_percent_encoded() -> None:
    described = {"encoding": {"o": {"style": "deepObject"}, "l": {"explode": False}}}
    request = sent({"o": {"a b": "c&d"}, "l": ["x", "y z"]}, MULTIPART, described)
    assert [(name, text) for name, text, _, _ in await received(request)] == [("o[a b]", "c&d"), ("l", "x,y z")]


def test_the_boundary_is_made_from_the_content() -> None:
    first, second = sent({"a": 1}, MULTIPART), sent({"a": 1}, MULTIPART)
    assert (first.content, first.headers) == (second.content, second.headers)
    assert sent({"a": 2}, MULTIPART).headers != first.headers
    assert sent({"a": 1}, f"{MULTIPART}; boundary=mine").content == (
        b'--mine\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--mine--\r\n'
    )


def test_a_content_type_without_a_boundary_is_replaced() -> None:
    header = Argument("Content-Type", "header", MULTIPART)
    assert "boundary=" in sent({"a": 1}, None, None, None, header).headers["content-type"]


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: y", "\u00e9"])
async def test_odd_names_of_parts_stay_names(name: str) -> None:
    [(shown, text, _, _)] = await received(sent({name: "x"}, MULTIPART))
    assert text == "x"
    assert shown == name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def test_parts_by_position() -> None:
    """OpenAPI 3.2, "Encoding By Position": metadata, then an image."""
    described = {
        "schema": {"type": "array", "prefixItems": [{"type": "object"}, {"format": "binary"}]},
        "prefixEncoding": [{}, {"contentType": "image/png"}],
    }
    request = sent([{"name": "x"}, PNG_URI], "multipart/mixed", described)
    head, meta, image, end = (request.content or b"").split(b"--" + request.headers["content-type"][-40:].encode())
    assert (head, end) == (b"", b"--\r\n")
    assert meta == b'\r\nContent-Type: application/json\r\n\r\n{"name":"x"}\r\n'
    assert image.startswith(b"\r\nContent-Type: image/png\r\n\r\n\x89PNG")


# --- XML

BUCKET = {
    "CreateBucketConfiguration": {
        "type": "object",
        "xml": {"name": "CreateBucketConfiguration", "namespace": "http://s3.test/doc/"},
        "properties": {"LocationConstraint": {"type": "string"}, "Bucket": {"type": "object"}},
    }
}
ANIMALS = {"type": "array", "items": {"type": "string", "xml": {"name": "animal"}}}
LIST = ["dog", "cat"]


def _document(animals: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "object", "xml": {"name": "document"}, "properties": {"animals": animals}}}


XML: list[tuple[Any, dict[str, Any] | None, str]] = [
    # OpenAPI 3.2, "XML Object Examples"
    ({"animals": "dog, cat"}, _document({"type": "string"}), "<document><animals>dog, cat</animals></document>"),
    ({"animals": LIST}, _document({"type": "array", "items": {"type": "string"}}),
     "<document><animals>dog</animals><animals>cat</animals></document>"),
    ({"animals": LIST}, _document({"type": "string", "xml": {"name": "animal"}}),
     "<document><animal>dog</animal><animal>cat</animal></document>"),
    ({"animals": LIST}, _document(ANIMALS), "<document><animal>dog</animal><animal>cat</animal></document>"),
    ({"animals": LIST}, _document({**ANIMALS, "xml": {"name": "aliens"}}),
     "<document><animal>dog</animal><animal>cat</animal></document>"),
    ({"animals": LIST}, _document({"type": "array", "xml": {"nodeType": "element"}, "items": {"type": "string"}}),
     "<document><animals><animals>dog</animals><animals>cat</animals></animals></document>"),
    ({"animals": LIST}, _document({**ANIMALS, "xml": {"nodeType": "element"}}),
     "<document><animals><animal>dog</animal><animal>cat</animal></animals></document>"),
    ({"animals": LIST}, _document({**ANIMALS, "xml": {"name": "aliens", "wrapped": True}}),
     "<document><aliens><animal>dog</animal><animal>cat</animal></aliens></document>"),
    ({"animals": LIST}, _document({"type": "array", "xml": {"name": "aliens", "wrapped": True}, "items": {}}),
     "<document><aliens><aliens>dog</aliens><aliens>cat</aliens></aliens></document>"),
    ({"id": 123, "name": "example"}, {"schema": {"$ref": "#/components/schemas/Person"}},
     '<Person id="123"><s:name xmlns:s="https://x.test/s">example</s:name></Person>'),
    ([{"kind": "Cat", "name": "Fluffy"}], {"schema": {"$ref": "#/components/schemas/Animals"}},
     '<animals><animal kind="Cat">Fluffy</animal></animals>'),
    ({"content": "<b>]]></b>"}, {"schema": {"$ref": "#/components/schemas/Documentation"}},
     "<Documentation>&lt;b&gt;]]&gt;&lt;/b&gt;</Documentation>"),
    ({"content": "x"}, {"schema": {"xml": {"nodeType": "element", "name": "Stored"},
                                   "$ref": "#/components/schemas/Documentation"}}, "<Stored>x</Stored>"),
    (["Some text", {"unit": "cubits", "value": 42}, None], {"schema": {"$ref": "#/components/schemas/OneTwoThree"}},
     '<OneTwoThree><One>Some text</One><Two unit="cubits">42</Two>'
     '<Three xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/></OneTwoThree>'),
    (["Some preamble text.", 42, "Some postamble text."], {"schema": {"$ref": "#/components/schemas/Report"}},
     "<Report>Some preamble text.<data>42</data>Some postamble text.</Report>"),
    ({"count": None, "description": "Thing", "related": {}}, {"schema": {"$ref": "#/components/schemas/Product"}},
     "<product><description>Thing</description><related/></product>"),
    # what it does not say
    ({"Bucket": {"Type": "D"}, "LocationConstraint": "eu"},
     {"schema": {"$ref": "#/components/schemas/CreateBucketConfiguration"}},
     '<CreateBucketConfiguration xmlns="http://s3.test/doc/"><LocationConstraint>eu</LocationConstraint>'
     "<Bucket><Type>D</Type></Bucket></CreateBucketConfiguration>"),
    ({"CreateBucketConfiguration": {"LocationConstraint": "eu"}},
     {"schema": {"$ref": "#/components/schemas/CreateBucketConfiguration"}},
     '<CreateBucketConfiguration xmlns="http://s3.test/doc/"><LocationConstraint>eu</LocationConstraint>'
     "</CreateBucketConfiguration>"),
    ({"note": {"@id": 7, "to": ["a", "b"], "#text": "<&>"}}, None,
     '<note id="7"><to>a</to><to>b</to>&lt;&amp;&gt;</note>'),
    ({"a": 1}, None, "<a>1</a>"),
    ({"a": None}, None, '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'),
    ({"v": 'say "x" & <y>'}, _document({}) | {"schema": {"xml": {"name": "d"}, "properties": {
        "v": {"xml": {"attribute": True}}}}}, '<d v="say &quot;x&quot; &amp; &lt;y&gt;"/>'),
]  # fmt: skip

SCHEMAS: dict[str, Any] = {
    **BUCKET,
    "Person": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "xml": {"nodeType": "attribute"}},
            "name": {"type": "string", "xml": {"namespace": "https://x.test/s", "prefix": "s"}},
        },
    },
    "Animals": {
        "type": "array",
        "xml": {"nodeType": "element", "name": "animals"},
        "items": {
            "xml": {"name": "animal"},
            "properties": {
                "kind": {"type": "string", "xml": {"nodeType": "attribute"}},
                "name": {"type": "string", "xml": {"nodeType": "text"}},
            },
        },
    },
    "Documentation": {
        "type": "object",
        "properties": {"content": {"type": "string", "xml": {"nodeType": "cdata"}}},
    },
    "OneTwoThree": {
        "type": "array",
        "xml": {"nodeType": "element", "name": "OneTwoThree"},
        "prefixItems": [
            {"xml": {"name": "One"}, "type": "string"},
            {
                "xml": {"name": "Two"},
                "properties": {
                    "unit": {"type": "string", "xml": {"nodeType": "attribute"}},
                    "value": {"type": "number", "xml": {"nodeType": "text"}},
                },
            },
            {"xml": {"name": "Three"}, "type": ["boolean", "null"]},
        ],
    },
    "Report": {
        "type": "array",
        "xml": {"nodeType": "element", "name": "Report"},
        "prefixItems": [
            {"xml": {"nodeType": "text"}},
            {"xml": {"name": "data"}, "type": "number"},
            {"xml": {"nodeType": "text"}},
        ],
    },
    "Product": {
        "xml": {"name": "product"},
        "properties": {"count": {"type": ["number", "null"], "xml": {"nodeType": "attribute"}}},
    },
}


@pytest.mark.parametrize(("value", "described", "document"), XML, ids=lambda v: str(v)[:40])
def test_xml_as_a_parser_reads_it(value: Any, described: dict[str, Any] | None, document: str) -> None:
    content = (sent(value, "application/xml", described, SCHEMAS).content or b"").decode()
    assert content.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    body = content.partition("\n")[2]
    assert ElementTree.canonicalize(body) == ElementTree.canonicalize(document)


def test_cdata_is_cdata() -> None:
    described = {"schema": {"$ref": "#/components/schemas/Documentation"}}
    content = sent({"content": "<b>"}, "text/xml", described, SCHEMAS).content
    assert b"<![CDATA[<b>]]>" in (content or b"")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": 1, "b": 2}, "does not name a root element"),
        ([1], "does not name a root element"),
        ({"a b": 1}, "'a b' is no name of XML"),
        ({"a": {"1": 2}}, "'1' is no name of XML"),
        ({"a": "\x00"}, "cannot stand in XML"),
        ({"a": {"@x": "\x01"}}, "cannot stand in XML"),
    ],
    ids=str,
)
def test_what_is_no_xml_is_refused(value: Any, why: str) -> None:
    with pytest.raises(BindError, match=why):
        sent(value, "application/xml")


@pytest.mark.parametrize("media", ["application/xml", "application/soap+xml", "text/xml"])
def test_a_text_of_xml_is_sent_as_it_is(media: str) -> None:
    assert sent("<a>\u00e9</a>", media).content == "<a>\u00e9</a>".encode()


# --- bytes and texts


@pytest.mark.parametrize(
    ("media", "described", "value", "content", "sent_as"),
    [
        ("application/octet-stream", None, PNG_URI, PNG, "application/octet-stream"),
        ("application/octet-stream", None, "uploads/cat.png", PNG, "application/octet-stream"),
        ("application/octet-stream", None, "raw \u00e9", "raw \u00e9".encode(), "application/octet-stream"),
        ("application/pdf", {"schema": {"type": "string", "format": "byte"}}, "aGk=", b"hi", "application/pdf"),
        (None, {"schema": {}}, "uploads", b'"uploads"', "application/json"),
        ("image/*", {}, PNG_URI, PNG, "image/png"),
        ("image/*", {}, "uploads/cat.png", PNG, "application/octet-stream"),
        ("text/*", {}, "x", b"x", "text/plain"),
        ("text/plain; charset=iso-8859-1", None, "\u00e9", b"\xe9", "text/plain; charset=iso-8859-1"),
        ("text/plain", None, None, b"", "text/plain"),
        ("text/plain", None, 5, b"5", "text/plain"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_bytes_and_texts(media: str, described: Any, value: Any, content: bytes, sent_as: str) -> None:
    request = sent(value, media, described)
    assert (request.content, request.headers["content-type"]) == (content, sent_as)


def test_rows_of_csv() -> None:
    rows = [{"a": 1, "b": 'say "x", y'}, {"b": None, "c": "é"}]
    text = (sent(rows, "text/csv").content or b"").decode()
    assert list(csv.DictReader(StringIO(text))) == [
        {"a": "1", "b": 'say "x", y', "c": ""},
        {"a": "", "b": "", "c": "é"},
    ]
    assert sent([["x", 1], ["y", None]], "text/csv").content == b"x,1\r\ny,\r\n"
    assert sent("a,b\n", "text/csv").content == b"a,b\n"


ODD = [None, True, 5, 1.5, "", "x", "a\ud800", [], {}, [None], [[1]], {"a": {"b": [{"c": None}]}}, {"": 1}]


@pytest.mark.parametrize("media", [FORM, MULTIPART, "application/xml", "text/plain; charset=ascii", "text/csv"])
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_every_value_is_written_or_refused_by_name(media: str, value: Any) -> None:
    body: bytes | None = b""
    with contextlib.suppress(BindError):
        body = sent({"v": value} if media in (FORM, MULTIPART) else value, media).content
    assert isinstance(body, bytes)
