"""stdio, SSE and Streamable HTTP from one server object, in both protocol eras."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress
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

from arazzo_mcp.server.tools import ArazzoServer

GRACE_SECONDS: Final = 5
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


async def serve_stdio(server: ArazzoServer) -> None:
    """Serve one client on stdin and stdout until it closes them, or a signal comes."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_signal, tasks.cancel_scope)
        async with (
            _Lines(os.dup(0)) as lines,
            stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (read, write),
        ):
            await server.run(read, write, server.create_initialization_options())
        tasks.cancel_scope.cancel()


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
    """uvicorn that says when it listens."""

    def __init__(self, config: uvicorn.Config, task_status: TaskStatus[int]) -> None:
        super().__init__(config)
        self._task_status = task_status

    async def startup(self, sockets: Any = None) -> None:
        """As uvicorn's; then the port is known."""
        await super().startup(sockets)
        if self.servers:
            self._task_status.started(self.servers[0].sockets[0].getsockname()[1])


async def serve_http(
    server: ArazzoServer, host: str, port: int, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve any number of clients over HTTP until a signal comes. Port 0 takes a free one; started with the port."""
    config = uvicorn.Config(
        http_app(server, host),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    await _HttpServer(config, task_status).serve()
