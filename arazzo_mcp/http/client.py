"""The only door to the network: a call -> bind, authenticate, send, decode -> Exchange.

httpx's requests and responses over aiohttp's transport: with hundreds of requests under way at once httpx's own
connection pool costs 14 to 36 times more CPU, and httpx's client would add only redirects, cookies and a log of URLs,
which are not wanted. The choice stands here and nowhere else. Credentials join here and leave no trace in the Exchange.
Nothing is repeated, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import REPEATABLE, CallOperation
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Failure, Value
from arazzo_mcp.credentials import Additions, Credentials
from arazzo_mcp.errors import BindError
from arazzo_mcp.http.decode import decode
from arazzo_mcp.http.files import FileRoots
from arazzo_mcp.http.receive import Refused, receive
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Operation, Request

_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_MOST_HEADER_BYTES: Final = 64 * 1024
_ALONE: Final = "alone"
_UNFIT: Final = re.compile(r"[^\t\x20-\x7f]")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """connect, read, total: seconds to a connection, between two bytes, and for a whole exchange; connections: open at
    once; body: bytes of a decoded response; events: seconds that a stream of server-sent events is listened to, after
    which those that have come are the response; events_body: bytes of them, likewise; file: bytes of a file that is
    sent."""

    connect: float = 10.0
    read: float = 90.0
    total: float = 300.0
    connections: int = 512
    body: int = 16 * 1024 * 1024
    events: float = 60.0
    events_body: int = 1024 * 1024
    file: int = 64 * 1024 * 1024


class ApiClient:
    """Performs API calls. An async context manager: the connections live as long as it is open.

    file_roots: the folders whose files bodies may be filled from; none by default.
    """

    def __init__(
        self, credentials: Credentials, limits: HttpLimits | None = None, file_roots: Sequence[Path] = ()
    ) -> None:
        self._credentials = credentials
        self._limits = limits or HttpLimits()
        self._timeout = _timeout(self._limits)
        self._files = FileRoots(file_roots, self._limits.file)
        self._transports: dict[tuple[str, bool], AiohttpTransport] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> ApiClient:
        self._tls = httpx.create_ssl_context()
        for alone in (False, True):
            # a call that is recorded and must not be repeated does not queue here; not trust_env: it would send what
            # ~/.netrc holds to any host that is named there
            limit = 0 if alone else self._limits.connections
            self._sessions[alone] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limit, ssl=self._tls, force_close=alone),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                max_line_size=_MOST_HEADER_BYTES,
                max_field_size=_MOST_HEADER_BYTES,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        self._transports.clear()

    async def perform(self, call: CallOperation, operation: Operation) -> Exchange:
        """One call, performed once. Never raises for what a provider or a network does: that is in the Exchange."""
        try:
            request = await self._bound(call, operation)
            additions = self._credentials.additions(operation, request.headers)
            outgoing = _outgoing(request, additions, self._timeout)
            outgoing.extensions[_ALONE] = not call.idempotent and operation.method not in REPEATABLE
        except BindError as error:
            return Exchange(method=operation.method, failure=Failure("bind", str(error)))
        except (httpx.InvalidURL, ValueError):
            unfit = f"{operation.key}: its URL or one of its headers holds characters that cannot be sent"
            return Exchange(method=operation.method, failure=Failure("bind", unfit))
        exchange = await self._send(request, outgoing, call.timeout)
        if exchange.status in (401, 403) and (advice := self._credentials.advice(operation, request.headers)):
            return _with_advice(exchange, advice)
        return exchange

    async def _bound(self, call: CallOperation, operation: Operation) -> Request:
        """The call as a request; in a thread where that may read a file."""
        if call.body is None or not self._files.roots:
            return bind(call, operation, self._files)
        return await anyio.to_thread.run_sync(bind, call, operation, self._files)

    async def _send(self, request: Request, outgoing: httpx.Request, timeout: float | None) -> Exchange:
        started = time.monotonic()
        most = self._limits.total if timeout is None else min(timeout, self._limits.total)
        try:
            with anyio.fail_after(most):
                status, headers, content = await self._answer(outgoing)
        except Exception as error:  # noqa: BLE001  (the request ends here; whatever went wrong, it may have arrived)
            limit = "request_seconds" if timeout is None or timeout > most else "the timeout of the step"
            return _exchange(request, started, failure=_failure(error, request, limit))
        body = decode(headers.get("content-type", ""), content)
        return _exchange(request, started, status, headers, body, len(content))

    async def _answer(self, request: httpx.Request) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the decompressed body."""
        response = await self._transport_for(request).handle_async_request(request)
        try:
            headers, limits = dict(response.headers.items()), self._limits
            assert isinstance(response.stream, httpx.AsyncByteStream)
            content = await receive(response.stream, headers, limits.body, limits.events_body, limits.events)
            return response.status_code, headers, content
        finally:
            await response.aclose()

    def _transport_for(self, request: httpx.Request) -> AiohttpTransport:
        """The way for a request: through the proxy that the environment names for its URL, if any. One that must not be
        repeated has a connection of its own: one that is used again may just have been closed by the provider, and
        nobody would know whether the request has arrived."""
        url, alone = request.url, bool(request.extensions.get(_ALONE))
        if not self._sessions:
            raise RuntimeError("ApiClient is not open: use it in `async with`")
        place = (f"{url.scheme}://{url.host}", alone)
        if place not in self._transports:
            proxy = "" if proxy_bypass(url.host) else getproxies().get(url.scheme, "")
            through, session = httpx.Proxy(proxy) if proxy else None, self._sessions[alone]
            self._transports[place] = AiohttpTransport(verify=self._tls, client=session, proxy=through)
        return self._transports[place]


def _timeout(limits: HttpLimits) -> Mapping[str, float | None]:
    """The limits as httpx's transports want them."""
    return {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": None}


def _outgoing(request: Request, additions: Additions, timeout: Mapping[str, float | None]) -> httpx.Request:
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
    if any(map(_UNFIT.search, headers.values())):
        raise ValueError("a header holds characters that cannot be sent")
    return httpx.Request(
        request.method, _url(url), headers=headers, content=request.content, extensions={"timeout": timeout}
    )


@lru_cache(maxsize=1024)
def _url(text: str) -> httpx.URL:
    """Reading a URL is a tenth of what a request costs, and polls ask the same one again and again."""
    return httpx.URL(text)


def _exchange(
    request: Request,
    started: float,
    status: int | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    body: Value = ABSENT,
    size: int = 0,
    failure: Failure | None = None,
) -> Exchange:
    return Exchange(
        method=request.method,
        url=request.url,
        request_headers=request.headers,
        request_query=request.query_arguments,
        request_path=request.path_arguments,
        request_body=request.body,
        status=status,
        headers=headers,
        body=body,
        size=size,
        retry_after=retry_after(headers, time.time()),
        failure=failure,
        seconds=time.monotonic() - started,
    )


def _with_advice(exchange: Exchange, advice: str) -> Exchange:
    """The provider's refusal, followed by what the person who set this up has to do."""
    said = exchange.body if isinstance(exchange.body, dict) else {"message": exchange.body or "unauthorized"}
    words = next((said[k] for k in ("detail", "message", "error", "title") if said.get(k)), "unauthorized")
    return replace(exchange, body={**said, "detail": f"{words} ({advice})"})


def _failure(error: Exception, request: Request, limit: str) -> Failure:
    """Why there is no response, and whether the request can have reached the provider. limit: that of its time.

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
        limit = "read_seconds" if isinstance(error, httpx.TimeoutException) else limit
        return Failure("timeout", f"{where}: no answer in time (limit {limit})")
    if isinstance(error, Refused):
        return Failure("refused", f"{where}: {error}")
    return Failure("broken", f"{where}: the connection broke ({type(cause or error).__name__})")


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
