"""The only door to the network: a call -> bind, authenticate, send, decode -> Exchange.

httpx over aiohttp's transport: with hundreds of requests under way at once httpx's own connection pool costs 14 to 36
times more CPU. The choice stands here and nowhere else. Credentials join here and leave no trace in the Exchange.
Nothing is repeated, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final
from urllib.parse import quote

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Failure, Value
from arazzo_mcp.credentials import Additions, Credentials
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Operation, Request

_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class ResponseTooLarge(Exception):
    """A response is larger than the limit."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """connect, read: seconds; connections: open at once; body: bytes of a decoded response."""

    connect: float = 10.0
    read: float = 90.0
    connections: int = 512
    body: int = 16 * 1024 * 1024


class ApiClient:
    """Performs API calls. An async context manager: the connections live as long as it is open."""

    def __init__(self, credentials: Credentials, limits: HttpLimits | None = None) -> None:
        self._credentials = credentials
        self._limits = limits or HttpLimits()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> ApiClient:
        connector = aiohttp.TCPConnector(limit=self._limits.connections, ssl=httpx.create_ssl_context())
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
        self._client = httpx.AsyncClient(transport=AiohttpTransport(client=session))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def perform(self, call: CallOperation, operation: Operation) -> Exchange:
        """One call, performed once. Never raises for what a provider or a network does: that is in the Exchange."""
        try:
            request = bind(call, operation)
        except BindError as error:
            return Exchange(method=operation.method, failure=Failure("bind", str(error)))
        additions = self._credentials.additions(operation, request.headers)
        exchange = await self._send(request, additions)
        if exchange.status in (401, 403) and (advice := self._credentials.advice(operation, request.headers)):
            return _with_advice(exchange, advice)
        return exchange

    async def _send(self, request: Request, additions: Additions) -> Exchange:
        try:
            response, content = await self._answer(_outgoing(request, additions, self._limits))
        except (httpx.HTTPError, ResponseTooLarge) as error:
            return _exchange(request, failure=_failure(error, request))
        body = decode(response.headers.get("content-type", ""), content)
        return _exchange(request, response, body)

    async def _answer(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        if self._client is None:
            raise RuntimeError("ApiClient is not open: use it in `async with`")
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > self._limits.body:
                    raise ResponseTooLarge(f"the response is larger than {self._limits.body} bytes")
            return response, bytes(content)
        finally:
            await response.aclose()


def _outgoing(request: Request, additions: Additions, limits: HttpLimits) -> httpx.Request:
    """The request as it leaves. Made by hand, so that no cookie of an earlier answer joins it."""
    url = request.url
    if additions.query:
        pairs = "&".join(f"{quote(name, safe='')}={value}" for name, value in additions.query.items())
        url += f"{'&' if '?' in url else '?'}{pairs}"
    headers = {
        "user-agent": f"arazzo-mcp/{__version__}",
        "accept-encoding": "gzip, deflate",
        **request.headers,
        **additions.headers,
    }
    cookies = [f"{name}={value}" for name, value in additions.cookies.items()]
    if cookies:
        headers["cookie"] = "; ".join([*filter(None, [headers.get("cookie")]), *cookies])
    timeout = httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.read, pool=None)
    extensions = {"timeout": timeout.as_dict()}
    return httpx.Request(request.method, url, headers=headers, content=request.content, extensions=extensions)


def _exchange(
    request: Request,
    response: httpx.Response | None = None,
    body: Value = ABSENT,
    failure: Failure | None = None,
) -> Exchange:
    headers = {name.lower(): value for name, value in response.headers.items()} if response else {}
    return Exchange(
        method=request.method,
        url=request.url,
        request_headers=request.headers,
        request_query=request.query_arguments,
        request_path=request.path_arguments,
        request_body=request.body,
        status=response.status_code if response else None,
        headers=headers,
        body=body,
        retry_after=retry_after(headers, time.time()),
        failure=failure,
    )


def _with_advice(exchange: Exchange, advice: str) -> Exchange:
    """The provider's refusal, followed by what the person who set this up has to do."""
    said = exchange.body if isinstance(exchange.body, dict) else {"message": exchange.body or "unauthorized"}
    words = next((said[k] for k in ("detail", "message", "error", "title") if said.get(k)), "unauthorized")
    return replace(exchange, body={**said, "detail": f"{words} ({advice})"})


def _failure(error: Exception, request: Request) -> Failure:
    """Why there is no response, and whether the request can have reached the provider."""
    cause = error.__cause__
    where = f"{request.method} {request.url.partition('?')[0]}"
    if isinstance(cause, _NEVER_SENT) or isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Failure("connect", f"{where}: no connection: {cause or error}")
    if isinstance(error, httpx.TimeoutException) and isinstance(cause, TimeoutError):
        return Failure("timeout", f"{where}: no answer in time")
    return Failure("broken", f"{where}: the connection broke: {error or type(error).__name__}")


def decode(content_type: str, content: bytes) -> Value:
    """A response body as a value: JSON as structure, text as a string, anything else as a data URI.

    A body that says JSON and is none stays a text; an object or array sent as plain text is read as what it is.
    """
    if not content:
        return ABSENT
    header = Message()
    header["content-type"] = content_type or "application/json"
    essence, charset = header.get_content_type(), header.get_content_charset("utf-8")
    try:
        text = content.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return f"data:{essence};base64,{base64.b64encode(content).decode()}"
    if essence == "application/json" or essence.endswith("+json") or text.lstrip()[:1] in ("{", "["):
        return _json_or_text(text)
    return text


def _json_or_text(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The Retry-After header in seconds from now: a number of seconds, or an HTTP date (RFC 9110, section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None
