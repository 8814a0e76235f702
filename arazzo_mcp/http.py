"""The only door to the network: a call -> bind, authenticate, send, decode -> Exchange.

httpx over aiohttp's transport: with hundreds of requests under way at once httpx's own connection pool costs 14 to 36
times more CPU. The choice stands here and nowhere else. Credentials join here and leave no trace in the Exchange.
Nothing is repeated, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Final
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import CallOperation
from arazzo_mcp.arazzo.scope import ABSENT, MOST_DEPTH, Exchange, Failure, Value, within
from arazzo_mcp.credentials import Additions, Credentials
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Operation, Request

_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_MOST_HEADER_BYTES: Final = 64 * 1024
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class _Refused(Exception):
    """A response is not taken in: too large, or encoded in a way that was not asked for."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """connect, read, total: seconds to a connection, between two bytes, and for a whole exchange; connections: open at
    once; body: bytes of a decoded response."""

    connect: float = 10.0
    read: float = 90.0
    total: float = 300.0
    connections: int = 512
    body: int = 16 * 1024 * 1024


class ApiClient:
    """Performs API calls. An async context manager: the connections live as long as it is open."""

    def __init__(self, credentials: Credentials, limits: HttpLimits | None = None) -> None:
        self._credentials = credentials
        self._limits = limits or HttpLimits()
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ApiClient:
        # not trust_env: it would send what ~/.netrc holds to any host that is named there
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.connections, ssl=httpx.create_ssl_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            max_line_size=_MOST_HEADER_BYTES,
            max_field_size=_MOST_HEADER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._clients.clear()

    async def perform(self, call: CallOperation, operation: Operation) -> Exchange:
        """One call, performed once. Never raises for what a provider or a network does: that is in the Exchange."""
        try:
            request = bind(call, operation)
            additions = self._credentials.additions(operation, request.headers)
            outgoing = _outgoing(request, additions, self._limits)
        except BindError as error:
            return Exchange(method=operation.method, failure=Failure("bind", str(error)))
        except (httpx.InvalidURL, ValueError):
            unfit = f"{operation.key}: its URL or one of its headers holds characters that cannot be sent"
            return Exchange(method=operation.method, failure=Failure("bind", unfit))
        exchange = await self._send(request, outgoing, call.timeout)
        if exchange.status in (401, 403) and (advice := self._credentials.advice(operation, request.headers)):
            return _with_advice(exchange, advice)
        return exchange

    async def _send(self, request: Request, outgoing: httpx.Request, timeout: float | None) -> Exchange:
        started = time.monotonic()
        most = self._limits.total if timeout is None else min(timeout, self._limits.total)
        try:
            with anyio.fail_after(most):
                response, content = await self._answer(outgoing)
        except Exception as error:  # noqa: BLE001  (the request ends here; whatever went wrong, it may have arrived)
            return replace(_exchange(request, failure=_failure(error, request)), seconds=time.monotonic() - started)
        body = decode(response.headers.get("content-type", ""), content)
        return replace(_exchange(request, response, body), seconds=time.monotonic() - started)

    async def _answer(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = await self._client_for(request.url).send(request, stream=True, follow_redirects=False)
        try:
            return response, await _content(response, self._limits.body)
        finally:
            await response.aclose()

    def _client_for(self, url: httpx.URL) -> httpx.AsyncClient:
        """The client for a URL: through the proxy that the environment names for it, if any."""
        if self._session is None:
            raise RuntimeError("ApiClient is not open: use it in `async with`")
        place = f"{url.scheme}://{url.host}"
        if place not in self._clients:
            proxy = "" if proxy_bypass(url.host) else getproxies().get(url.scheme, "")
            transport = AiohttpTransport(client=self._session, proxy=httpx.Proxy(proxy) if proxy else None)
            nowhere = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
            self._clients[place] = httpx.AsyncClient(transport=transport, cookies=nowhere)
        return self._clients[place]


async def _content(response: httpx.Response, most: int) -> bytes:
    """The decoded body. The limit holds while it is decompressed, not only afterwards."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in _CODINGS:
        raise _Refused(f"the response has the content encoding {coding[:40]!r}, which was not asked for")
    decoder = None if coding == "identity" else zlib.decompressobj(wbits=47)
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk if decoder is None else decoder.decompress(chunk, most + 1 - len(content))
        if len(content) > most:
            raise _Refused(f"the response is larger than {most} bytes")
    return bytes(content)


_CODINGS: Final = ("identity", "gzip", "x-gzip", "deflate")


def _outgoing(request: Request, additions: Additions, limits: HttpLimits) -> httpx.Request:
    """The request as it leaves, credentials and all.

    Raises:
        ValueError, httpx.InvalidURL: it cannot be written as HTTP.
    """
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
    for value in headers.values():
        if not value.isascii() or any(ord(character) < 32 and character != "\t" for character in value):
            raise ValueError("a header holds characters that cannot be sent")
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
    """Why there is no response, and whether the request can have reached the provider.

    The text of an exception is shown only where it cannot hold the URL as it was sent, credentials included.
    """
    cause = error.__cause__
    where = f"{request.method} {request.url.partition('?')[0]}"
    if isinstance(cause, _NEVER_SENT):
        return Failure("connect", f"{where}: no connection: {cause}")
    if isinstance(error, httpx.UnsupportedProtocol):
        return Failure("connect", f"{where}: this is no URL of HTTP")
    if isinstance(error, TimeoutError | httpx.TimeoutException) and not isinstance(
        cause, aiohttp.ServerDisconnectedError
    ):
        return Failure("timeout", f"{where}: no answer in time")
    if isinstance(error, _Refused):
        return Failure("broken", f"{where}: {error}")
    return Failure("broken", f"{where}: the connection broke ({type(cause or error).__name__})")


def decode(content_type: str, content: bytes) -> Value:
    """A response body as a value: JSON as structure, text as a string, anything else as a data URI.

    A body that says JSON and is none stays a text; an object or array sent as plain text is read as what it is. What
    comes out can always be written as JSON again: half characters are replaced, NaN is null, and a structure that is
    nested more than 100 deep stays a text.
    """
    if not content:
        return ABSENT
    header = Message()
    header["content-type"] = content_type or "application/json"
    essence, charset = header.get_content_type(), header.get_content_charset("utf-8")
    try:
        text = content.decode(charset)
    except (ValueError, LookupError):
        return f"data:{essence};base64,{base64.b64encode(content).decode()}"
    if essence == "application/json" or essence.endswith("+json") or text.lstrip()[:1] in ("{", "["):
        return _json_or_text(text)
    return _whole(text)


def _json_or_text(text: str) -> Value:
    try:
        value = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return _whole(text)
    if "\\ud" in text.lower():
        value = json.loads(_SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    return value if within(value, MOST_DEPTH) else _whole(text)


def _whole(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The Retry-After header in seconds from now: a number of seconds, or an HTTP date (RFC 9110, section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
