"""stdio, SSE and Streamable HTTP from one server object, in both protocol eras."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import anyio
import uvicorn
from anyio.abc import TaskStatus
from mcp.server.runner import serve_dual_era_loop
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from arazzo_mcp.errors import UsageError
from arazzo_mcp.server.tools import ArazzoServer

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


async def serve_stdio(server: ArazzoServer) -> None:
    """Serve one client on stdin and stdout until it closes them, or a signal comes."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_signal, tasks.cancel_scope)
        await _session(server)
        tasks.cancel_scope.cancel()


async def _session(server: ArazzoServer) -> None:
    try:
        async with (
            _Lines(os.dup(0)) as lines,
            stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (read, write),
        ):
            await server.run(read, write, server.create_initialization_options())
    except* (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError) as gone:
        log.debug("the client is gone: %s", gone)


async def _end_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


class _Lines:
    """The lines of a file descriptor, read in a daemon thread: a read that blocks must not keep a signal from ending
    the process, which the SDK's own reader would."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._send, self._receive = anyio.create_memory_object_stream[str](16)

    async def __aenter__(self) -> _Lines:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="stdin", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._receive.close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        pending = b""
        with suppress(RuntimeError, anyio.BrokenResourceError, CancelledError):
            while chunk := os.read(self._descriptor, 65536):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    text = line.decode("utf-8", "replace")
                    asyncio.run_coroutine_threadsafe(self._send.send(text), loop).result()
            loop.call_soon_threadsafe(self._send.close)

    def __aiter__(self) -> AsyncIterator[str]:
        return self._receive.__aiter__()


class _Sse:
    """The SSE endpoint as an ASGI class: its answer is the stream itself."""

    def __init__(self, server: ArazzoServer, transport: SseServerTransport) -> None:
        self.server, self.transport = server, transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            connection = self.transport.connect_sse(scope, receive, send)
            streams = await connection.__aenter__()
        except ValueError:
            return  # refused by the transport's security; the answer is sent
        try:
            await serve_dual_era_loop(self.server, *streams, lifespan_state={})
        finally:
            await connection.__aexit__(None, None, None)


def http_app(server: ArazzoServer, host: str) -> Starlette:
    """Streamable HTTP at /mcp, SSE at /sse, and /health, as one application."""
    security = _security(host)
    sse = SseServerTransport("/messages/", security_settings=security)
    routes: list[Any] = [
        Route("/sse", _Sse(server, sse), methods=["GET"]),
        Mount("/messages/", app=sse.handle_post_message),
        Route("/health", _health),
    ]
    return server.streamable_http_app(transport_security=security, host=host, custom_starlette_routes=routes)


def _security(host: str) -> TransportSecuritySettings | None:
    """On loopback a page in a browser must not be able to talk to the server under another name."""
    if host not in LOOPBACK:
        return None
    names = ("127.0.0.1", "localhost", "[::1]")
    return TransportSecuritySettings(
        allowed_hosts=[f"{name}:*" for name in names], allowed_origins=[f"http://{name}:*" for name in names]
    )


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


class _HttpServer(uvicorn.Server):
    """uvicorn that says when it listens, and returns on a signal instead of ending the process with it: what is around
    it has runs to bring to rest."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; then it listens."""
        await super().startup(sockets)
        self._started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises a signal again when it has shut down; here the process goes on to end by itself."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def serve_http(
    server: ArazzoServer, host: str, port: int, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve any number of clients over HTTP until a signal comes. Port 0 takes a free one; started with the port.

    Raises:
        UsageError: the address cannot be listened on.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror}. Choose another --port.") from None
    config = uvicorn.Config(
        http_app(server, host), log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS
    )
    bound = listening.getsockname()[1]
    await _HttpServer(config, lambda: task_status.started(bound)).serve(sockets=[listening])
