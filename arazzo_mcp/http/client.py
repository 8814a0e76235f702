"""The only door to the network: a call -> bind, authenticate, send, decode -> Exchange.

httpx over aiohttp's transport: with hundreds of requests under way at once httpx's own connection pool costs 14 to 36
times more CPU. The choice stands here and nowhere else. Credentials join here and leave no trace in the Exchange.
Nothing is repeated, no redirect is followed, no cookie is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
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
        self._files = FileRoots(file_roots, self._limits.file)
        self._clients: dict[tuple[str, bool], httpx.AsyncClient] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> ApiClient:
        ssl = httpx.create_ssl_context()
        for alone in (False, True):
            limit = self._limits.connections
            # not trust_env: it would send what ~/.netrc holds to any host that is named there
            self._sessions[alone] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limit, ssl=ssl, force_close=alone),
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
        self._clients.clear()

    async def perform(self, call: CallOperation, operation: Operation) -> Exchange:
        """One call, performed once. Never raises for what a provider or a network does: that is in the Exchange."""
        try:
            request = await self._bound(call, operation)
            additions = self._credentials.additions(operation, request.headers)
            outgoing = _outgoing(request, additions, self._limits)
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
                response, content = await self._answer(outgoing)
        except Exception as error:  # noqa: BLE001  (the request ends here; whatever went wrong, it may have arrived)
            limit = "request_seconds" if timeout is None or timeout > most else "the timeout of the step"
            failure = _failure(error, request, limit)
            return replace(_exchange(request, failure=failure), seconds=time.monotonic() - started)
        body = decode(response.headers.get("content-type", ""), content)
        took = time.monotonic() - started
        return replace(_exchange(request, response, body), seconds=took, size=len(content))

    async def _answer(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        response = await self._client_for(request).send(request, stream=True, follow_redirects=False)
        try:
            limits = self._limits
            return response, await receive(response, limits.body, limits.events_body, limits.events)
        finally:
            await response.aclose()

    def _client_for(self, request: httpx.Request) -> httpx.AsyncClient:
        """The client for a request: through the proxy that the environment names for its URL, if any. One that must
        not be repeated has a connection of its own: one that is used again may just have been closed by the provider,
        and nobody would know whether the request has arrived."""
        url, alone = request.url, bool(request.extensions.get(_ALONE))
        if not self._sessions:
            raise RuntimeError("ApiClient is not open: use it in `async with`")
        place = (f"{url.scheme}://{url.host}", alone)
        if place not in self._clients:
            proxy = "" if proxy_bypass(url.host) else getproxies().get(url.scheme, "")
            transport = AiohttpTransport(client=self._sessions[alone], proxy=httpx.Proxy(proxy) if proxy else None)
            nowhere = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
            self._clients[place] = httpx.AsyncClient(transport=transport, cookies=nowhere)
        return self._clients[place]


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
