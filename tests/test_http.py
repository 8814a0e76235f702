"""The only door to the network, against real servers on loopback: what leaves, what comes back, what cannot."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from arazzo_mcp.arazzo.command import Argument, Body, CallOperation, Target
from arazzo_mcp.arazzo.scope import ABSENT, Exchange
from arazzo_mcp.arazzo.state import STATE_JSON, Frame, State
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.http.client import ApiClient, HttpLimits, retry_after
from arazzo_mcp.http.decode import decode
from arazzo_mcp.openapi.parse import OpenApi
from tests.conftest import Scripted

pytestmark = pytest.mark.anyio

CANARY = "canary-5a1b"


def described(url: str, scheme: dict[str, Any] | None = None, path: str = "/x") -> OpenApi:
    data: dict[str, Any] = {
        "openapi": "3.1.0",
        "servers": [{"url": url}],
        "paths": {path: {"get": {"operationId": "get"}, "post": {"operationId": "post"}}},
    }
    if scheme is not None:
        data["components"] = {"securitySchemes": {"Key": scheme}}
        data["security"] = [{"Key": []}]
    return OpenApi("api", data)


def call(method: str = "GET", path: str = "/x", *arguments: Argument, body: Body | None = None) -> CallOperation:
    return CallOperation("step", Target("api", f"{method} {path}", method), arguments, body)


async def performed(
    api: OpenApi,
    command: CallOperation | None = None,
    environ: dict[str, str] | None = None,
    limits: HttpLimits | None = None,
) -> Exchange:
    command = command or call()
    async with ApiClient(Credentials(environ or {}), limits) as client:
        return await client.perform(command, api.operation(command.target.operation))


@pytest.mark.parametrize(
    ("scheme", "environ", "header", "value"),
    [
        ({"type": "http", "scheme": "bearer"}, {"ARAZZO_API_KEY": CANARY}, "authorization", f"Bearer {CANARY}"),
        (
            {"type": "http", "scheme": "Bearer"},
            {"ARAZZO_API_KEY": f"Bearer {CANARY}"}, "authorization", f"Bearer {CANARY}",
        ),
        ({"type": "http", "scheme": "basic"}, {"ARAZZO_API_KEY": "u:p"}, "authorization", "Basic dTpw"),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, {"ARAZZO_API_KEY": CANARY}, "x-key", CANARY),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"ARAZZO_API_KEY": CANARY}, "cookie", f"sid={CANARY}"),
        (
            {"type": "apiKey", "in": "header", "name": "Authorization",
             "description": "Pass it as `Authorization: Key $THING_KEY`."},
            {"THING_KEY": CANARY}, "authorization", f"Key {CANARY}",
        ),
        (
            {"type": "apiKey", "in": "header", "name": "Authorization", "x-arazzo-mcp-env": "MINE",
             "x-arazzo-mcp-prefix": "Token "},
            {"MINE": CANARY}, "authorization", f"Token {CANARY}",
        ),
    ],
)  # fmt: skip
async def test_credentials_go_out_and_nowhere_else(
    scripted: Scripted,
    scheme: dict[str, Any],
    environ: dict[str, str],
    header: str,
    value: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.replies = [JSONResponse({})]
    exchange = await performed(described(scripted.url, scheme), environ=environ)
    assert scripted.headers[0][header] == value
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("arazzo_mcp")]
    assert CANARY not in f"{exchange!r} {ours}"


async def test_an_api_key_in_the_query(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    api = described(scripted.url, {"type": "apiKey", "in": "query", "name": "key"})
    exchange = await performed(api, environ={"ARAZZO_API_KEY": "a&b"})
    assert scripted.asked[0][1] == "/x?key=a%26b"
    assert "key" not in exchange.url


async def test_what_the_step_gives_itself_wins(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    api = described(scripted.url, {"type": "http", "scheme": "bearer"})
    own = call("GET", "/x", Argument("Authorization", "header", "Bearer mine"))
    await performed(api, own, {"ARAZZO_API_KEY": "other"})
    assert scripted.headers[0]["authorization"] == "Bearer mine"


async def test_a_refusal_says_which_variable_to_set(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({"detail": "who are you?"}, 401)]
    exchange = await performed(described(scripted.url, {"type": "http", "scheme": "bearer"}))
    assert exchange.body["detail"] == "who are you? (no credential is set for api.Key: set ARAZZO_API_KEY)"


async def test_nothing_of_netrc_is_sent(scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    scripted.replies = [JSONResponse({})]
    await performed(described(scripted.url))
    assert "authorization" not in scripted.headers[0]


@pytest.mark.parametrize("value", ["caf\u00e9", "a\x01b"])
async def test_a_header_that_cannot_be_sent_never_leaves(scripted: Scripted, value: str) -> None:
    exchange = await performed(described(scripted.url), call("GET", "/x", Argument("x-name", "header", value)))
    assert exchange.failure is not None
    assert exchange.failure.kind == "bind"
    assert scripted.asked == []


async def test_an_encoding_that_was_not_asked_for_is_not_taken_in(scripted: Scripted) -> None:
    bomb = gzip.compress(gzip.compress(b"0" * 10_000_000))
    scripted.replies = [Response(bomb, headers={"content-encoding": "gzip, gzip"})]
    exchange = await performed(described(scripted.url))
    assert exchange.failure is not None
    assert "was not asked for" in exchange.failure.message


async def test_an_answer_with_a_line_that_is_too_long_may_have_been_taken(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({}, headers={"x-long": CANARY * 20_000})]
    exchange = await performed(described(scripted.url), call("POST"))
    assert exchange.failure is not None
    assert exchange.failure.kind == "broken"
    assert CANARY not in exchange.failure.message


async def test_no_cookie_is_kept(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({}, headers={"set-cookie": "session=1; Path=/"})]
    api = described(scripted.url)
    async with ApiClient(Credentials({})) as client:
        for _ in range(2):
            await client.perform(call(), api.operation("GET /x"))
    assert all("cookie" not in headers for headers in scripted.headers)


async def test_no_redirect_is_followed(scripted: Scripted) -> None:
    scripted.replies = [RedirectResponse("/elsewhere", 307)]
    assert (await performed(described(scripted.url))).status == 307
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (JSONResponse({"a": [1, None]}), {"a": [1, None]}),
        (Response('{"a": 1}', media_type="application/problem+json; charset=utf-8"), {"a": 1}),
        (PlainTextResponse("b1c2-uuid"), "b1c2-uuid"),
        (PlainTextResponse('{"a": 1}'), {"a": 1}),
        (PlainTextResponse("12"), "12"),
        (Response("true", media_type="application/json"), True),
        (Response("not json", media_type="application/json"), "not json"),
        (Response(b""), ABSENT),
        (Response(status_code=204), ABSENT),
        (Response(b"\x89PNG\xff", media_type="image/png"), "data:image/png;base64,iVBOR/8="),
        (Response("h\u00e9".encode("latin-1"), headers={"content-type": "text/plain; charset=latin-1"}), "h\u00e9"),
        (Response(gzip.compress(b'{"a": 1}'), headers={"content-encoding": "gzip", "content-type": "application/json"}),
         {"a": 1}),
    ],
)  # fmt: skip
async def test_bodies(scripted: Scripted, reply: Response, body: Any) -> None:
    scripted.replies = [reply]
    assert (await performed(described(scripted.url))).body == body


async def test_a_body_over_the_limit_is_cut_and_counted_after_decompression(scripted: Scripted) -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    scripted.replies = [Response(bomb, headers={"content-encoding": "gzip"})]
    exchange = await performed(described(scripted.url), limits=HttpLimits(body=10_000))
    assert exchange.failure is not None
    assert "larger than 10000 bytes" in exchange.failure.message
    assert len(bomb) < 10_000


async def test_an_answer_that_does_not_come_in_time(scripted: Scripted) -> None:
    scripted.hold = anyio.Event()
    scripted.replies = [JSONResponse({})]
    exchange = await performed(described(scripted.url), limits=HttpLimits(read=0.2))
    scripted.hold.set()
    assert exchange.failure is not None
    assert exchange.failure.kind == "timeout"


async def test_an_answer_that_drips_has_a_limit_as_a_whole(scripted: Scripted) -> None:
    async def drips() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x"
            await anyio.sleep(0.05)

    scripted.replies = [StreamingResponse(drips())]
    exchange = await performed(described(scripted.url), call("POST"), limits=HttpLimits(read=1, total=0.3))
    assert exchange.failure is not None
    assert exchange.failure.kind == "timeout"


async def test_a_server_that_is_not_there() -> None:
    exchange = await performed(described("http://127.0.0.1:9"))
    assert exchange.failure is not None
    assert exchange.failure.kind == "connect", "it never left: it may be sent again"


async def test_a_connection_that_breaks_after_the_request() -> None:
    async def close(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, close)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        exchange = await performed(described(f"http://127.0.0.1:{port}"), call("POST"))
        tasks.cancel_scope.cancel()
    assert exchange.failure is not None
    assert exchange.failure.kind == "broken", "it may have arrived"


@asynccontextmanager
async def closing_kept_connections() -> AsyncIterator[tuple[OpenApi, list[bytes]]]:
    """An API that closes a kept connection just as the next request comes, and what it has received."""
    received: list[bytes] = []

    async def once(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream):
                received.append(await stream.receive())
                await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                received.append(await stream.receive())

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, once)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield described(f"http://127.0.0.1:{port}"), received
        tasks.cancel_scope.cancel()


async def test_a_post_on_a_connection_that_the_server_has_closed_is_sent_once() -> None:
    """Whoever keeps the run decides what is sent again; the client repeats no POST, even one that does no harm."""
    with_key = replace(call("POST"), idempotent=True)
    async with closing_kept_connections() as (api, received), ApiClient(Credentials({})) as client:
        first = await client.perform(with_key, api.operation("POST /x"))
        second = await client.perform(with_key, api.operation("POST /x"))
    assert first.status == 200
    assert second.failure is not None
    assert second.failure.kind == "broken"
    assert len(received) == 2


@pytest.mark.parametrize("before", ["GET", "POST"])
async def test_what_must_not_be_repeated_goes_out_over_a_connection_of_its_own(before: str) -> None:
    """One that is used again may just have been closed, and nobody would know whether the request has arrived."""
    async with closing_kept_connections() as (api, received), ApiClient(Credentials({})) as client:
        exchanges = [await client.perform(call(before), api.operation(f"{before} /x"))]
        exchanges += [await client.perform(call("POST"), api.operation("POST /x")) for _ in range(2)]
    assert [exchange.status for exchange in exchanges] == [200, 200, 200]
    assert [line.partition(b" ")[0].decode() for line in received] == [before, "POST", "POST"]


async def test_the_exact_path_on_the_wire(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    path = "/things/{id}/parts/{path}"
    api = described(scripted.url, path=path)
    command = call("GET", path, Argument("id", "path", "a/b c%"), Argument("path", "path", "f/g h"))
    raw = Argument("q", "query", "x&y=z/é")
    exchange = await performed(api, CallOperation("s", command.target, (*command.arguments, raw), None))
    assert scripted.asked[0][1].startswith("/things/a%2Fb%20c%25/parts/f%2Fg%20h?q=")
    assert exchange.url.endswith("?q=x%26y%3Dz%2F%C3%A9")


async def test_a_body_is_sent_as_the_step_says(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    form = Body("application/x-www-form-urlencoded", {"to": "+1 2", "media": ["a", "b"]})
    await performed(described(scripted.url), call("POST", body=form))
    assert scripted.asked[0][2] == b"to=%2B1+2&media=a&media=b"
    assert scripted.headers[0]["content-type"] == "application/x-www-form-urlencoded"


async def test_a_call_that_cannot_be_bound_never_leaves(scripted: Scripted) -> None:
    api = described(scripted.url, path="/things/{id}")
    exchange = await performed(api, call("GET", "/things/{id}", Argument("id", "path", "../secrets")))
    assert exchange.failure is not None
    assert exchange.failure.kind == "bind"
    assert scripted.asked == []


async def test_a_long_stream_is_cut(scripted: Scripted) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    scripted.replies = [StreamingResponse(long())]
    exchange = await performed(described(scripted.url), limits=HttpLimits(body=5000))
    assert exchange.failure is not None
    assert "larger than 5000 bytes" in exchange.failure.message


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (formatdate(NOW + 7, usegmt=True), 7.0),
        (formatdate(NOW - 7, usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == seconds


def test_deeply_nested_json_is_a_text() -> None:
    text = "[" * 200_000
    assert decode("application/json", text.encode()) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": NaN}', {"a": None}),
        ('{"a": "half \\ud83d"}', {"a": "half \ufffd"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ("[" * 99 + "]" * 99, None),
        ("[" * 150 + "]" * 150, "[" * 150 + "]" * 150),
    ],
)
def test_what_is_taken_in_can_be_kept(text: str, value: Any) -> None:
    taken = decode("application/json", text.encode())
    assert taken == (json.loads(text) if value is None else value)
    state = State(frames=(Frame("w", "s", {}, {"s": {"body": taken}}),))
    assert STATE_JSON.validate_json(STATE_JSON.dump_json(state)) == state


def test_numbers_come_back_as_they_are() -> None:
    assert decode("application/json", json.dumps({"n": 12345678901234567890}).encode()) == {"n": 12345678901234567890}


# --- streams of events, and what is sent from files


async def test_events_until_the_stream_ends(scripted: Scripted) -> None:
    scripted.replies = [Response('data: {"n": 1}\n\ndata: two\n\n', media_type="text/event-stream")]
    body = (await performed(described(scripted.url))).body
    assert [event["data"] for event in body] == [{"n": 1}, "two"]


def _stream(*chunks: bytes, then: float = 0.0, endless: bool = False) -> StreamingResponse:
    async def sends() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
            await anyio.sleep(then)
        while endless:
            yield b"data: again\n\n"
            await anyio.sleep(0.005)

    return StreamingResponse(sends(), media_type="text/event-stream")


async def test_events_until_the_provider_says_that_it_is_done(scripted: Scripted) -> None:
    scripted.replies = [_stream(b"data: 1\n\ndata: [DO", b"NE]\n\n", endless=True)]
    exchange = await performed(described(scripted.url), limits=HttpLimits(events=30))
    assert [event["data"] for event in exchange.body] == [1]


async def test_events_for_so_long_and_no_longer(scripted: Scripted) -> None:
    scripted.replies = [_stream(b"data: 1\n\nda", endless=True)]
    exchange = await performed(described(scripted.url), limits=HttpLimits(events=0.3))
    assert exchange.failure is None
    assert exchange.body[0]["data"] == 1
    assert len(exchange.body) > 1


async def test_events_of_a_server_that_falls_silent(scripted: Scripted) -> None:
    scripted.replies = [_stream(b"data: 1\n\n", b"data: half", then=3)]
    exchange = await performed(described(scripted.url), limits=HttpLimits(read=0.3))
    assert [event["data"] for event in exchange.body] == [1]


async def test_as_many_events_as_may_be(scripted: Scripted) -> None:
    scripted.replies = [_stream(b"data: 1\n\n", endless=True)]
    exchange = await performed(described(scripted.url), limits=HttpLimits(events=30, events_body=60))
    assert exchange.failure is None
    assert 2 <= len(exchange.body) <= 5


async def test_compressed_events(scripted: Scripted) -> None:
    content = gzip.compress(b"data: 1\n\ndata: 2\n\n")
    headers = {"content-encoding": "gzip", "content-type": "text/event-stream"}
    scripted.replies = [Response(content, headers=headers)]
    assert [event["data"] for event in (await performed(described(scripted.url))).body] == [1, 2]


@pytest.mark.parametrize("wrapped", [True, False], ids=["zlib", "raw"])
async def test_deflate_with_and_without_its_wrapper(scripted: Scripted, wrapped: bool) -> None:
    packer = zlib.compressobj(wbits=15 if wrapped else -15)
    content = packer.compress(b'{"a": 1}') + packer.flush()
    headers = {"content-encoding": "deflate", "content-type": "application/json"}
    scripted.replies = [Response(content, headers=headers)]
    assert (await performed(described(scripted.url))).body == {"a": 1}


async def test_xml_stays_a_text(scripted: Scripted) -> None:
    scripted.replies = [Response("<a><b>1</b></a>", media_type="application/xml")]
    assert (await performed(described(scripted.url))).body == "<a><b>1</b></a>"


async def test_a_file_of_an_allowed_folder_is_sent(scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\x00\xff")
    scripted.replies = [JSONResponse({})]
    api = described(scripted.url)
    octets = call("POST", body=Body("application/octet-stream", "cat.png"))
    async with ApiClient(Credentials({}), file_roots=[tmp_path]) as client:
        await client.perform(octets, api.operation("POST /x"))
        outside = call("POST", body=Body("application/octet-stream", "/etc/hostname"))
        exchange = await client.perform(outside, api.operation("POST /x"))
    assert [content for _, _, content in scripted.asked] == [b"\x89PNG\x00\xff"]
    assert exchange.failure is not None
    assert exchange.failure.kind == "bind"
    assert "no file in the folders that may be read" in exchange.failure.message


async def test_without_an_allowed_folder_a_path_is_a_text(scripted: Scripted, tmp_path: Path) -> None:
    scripted.replies = [JSONResponse({})]
    path = str(tmp_path / "cat.png")
    await performed(described(scripted.url), call("POST", body=Body("application/octet-stream", path)))
    assert scripted.asked[0][2] == path.encode()


async def test_parts_arrive_as_they_were_made(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    body = Body("multipart/form-data", {"a": "b", "file": "data:image/png;base64,iVBOR/8="})
    await performed(described(scripted.url), call("POST", body=body))
    content, headers = scripted.asked[0][2], scripted.headers[0]
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    assert content.startswith(b"--" + boundary + b"\r\n")
    assert b'filename="file.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff\r\n' in content


async def test_brackets_and_reserved_characters_on_the_wire(scripted: Scripted) -> None:
    scripted.replies = [JSONResponse({})]
    parameters = [
        {"name": "f", "in": "query", "style": "deepObject"},
        {"name": "u", "in": "query", "allowReserved": True},
        {"name": "Key", "in": "path"},
    ]
    path = "/b/{Key+}?uploads&part={n}"
    data = {
        "openapi": "3.1.0",
        "servers": [{"url": scripted.url}],
        "paths": {path: {"get": {"parameters": parameters}}},
    }
    given = [("Key", "path", "a/b c"), ("n", "query", 7), ("f", "query", {"a": 1}), ("u", "query", "x/y?z%20&")]
    await performed(OpenApi("api", data), call("GET", path, *(Argument(*one) for one in given)))
    assert scripted.asked[0][1] == "/b/a/b%20c?uploads&part=7&f%5Ba%5D=1&u=x/y?z%20%26"
