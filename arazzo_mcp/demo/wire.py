"""A little HTTP that the fake providers share: recording, refusing, reading bodies, and a picture to be fetched.

Knows no provider's paths, bodies or words.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arazzo_mcp.demo.jobs import LoggedRequest, Record


class Refusal(Exception):
    """A request that goes no further; it carries the answer to give."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Recorded:
    """ASGI middleware: writes each request of one provider into the record, and the status that it was
    answered.
    """

    def __init__(self, app: ASGIApp, record: Record, provider: str) -> None:
        self._app, self._record, self._provider = app, record, provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        entry = LoggedRequest(
            provider=self._provider,
            method=request.method,
            path=scope["path"],
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=_parsed(body),
            at=self._record.now(),
        )
        self._record.requests.append(entry)
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        await self._app(scope, replay, watch)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")


async def give_refusal(_: Request, refusal: Exception) -> Response:
    """The exception handler that answers a Refusal."""
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal.response


async def json_object(request: Request) -> dict[str, Any] | None:
    """The body as a JSON object, or None when it is anything else."""
    body = _parsed(await request.body())
    return body if isinstance(body, dict) else None


def admits(request: Request, scheme: str, key: str | None) -> bool:
    """Whether the request carries a credential of this scheme: `key` itself, or any when `key` is None."""
    name, _, given = request.headers.get("authorization", "").partition(" ")
    return name.casefold() == scheme.casefold() and bool(given.strip()) and key in (None, given.strip())


def base_url(request: Request) -> str:
    """The URL that the provider was called under, its mount included, without a slash at its end."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def picture(width: int, height: int) -> bytes:
    """A white PNG of that many pixels, in a few hundred bytes: what the fake models make."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = (b"\0" + b"\xff" * ((width + 7) // 8)) * height
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
