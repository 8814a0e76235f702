"""The three fake providers as one application, and a server for it on loopback.

    python -m arazzo_mcp.demo.providers --port 8900

    /fal             fal's queue
    /replicate/v1    Replicate
    /windmill/api    Windmill
    /_record         GET what reached them, as JSON: {"requests": [...], "jobs": [...]}
    /_record/fal     the same for one of them
    /_reset          POST to forget it

Knows where each provider is mounted and how to serve them; nothing of what they answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from arazzo_mcp.demo.fal import fal_app
from arazzo_mcp.demo.jobs import Clock, Plan, Record, Sleep
from arazzo_mcp.demo.replicate import replicate_app
from arazzo_mcp.demo.windmill import windmill_app

_HOST = "127.0.0.1"
_NAMES = ("fal", "replicate", "windmill")


class Providers:
    """fal, Replicate and Windmill in one application with one record.

    Seconds: a job waits `queue_seconds`, then works `run_seconds`, unless its input asks otherwise. `clock`
    and `sleep` belong together. `key` is the only credential that the providers take; None takes any.
    """

    def __init__(
        self,
        *,
        queue_seconds: float = 0.5,
        run_seconds: float = 2.0,
        published_status_codes: bool = False,
        key: str | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self.record = Record(clock, Plan(queue_seconds, run_seconds))
        fal = fal_app(self.record, key=key, published_status_codes=published_status_codes)
        replicate = replicate_app(self.record, key=key, published_status_codes=published_status_codes, sleep=sleep)
        self.app = Starlette(
            routes=[
                Mount("/fal", fal),
                Mount("/replicate/v1", replicate),
                Mount("/windmill/api", windmill_app(self.record, key=key)),
                Route("/_record", self._show),
                Route("/_record/{provider}", self._show),
                Route("/_reset", self._reset, methods=["POST"]),
            ]
        )

    async def _show(self, request: Request) -> Response:
        provider = request.path_params.get("provider")
        if provider not in (None, *_NAMES):
            return JSONResponse({"detail": f"no provider {provider!r}; there are {', '.join(_NAMES)}"}, 404)
        return JSONResponse(self.record.as_json(provider))

    async def _reset(self, _: Request) -> Response:
        self.record.reset()
        return Response(status_code=204)


@dataclass(frozen=True)
class ServedProviders:
    """Where the providers listen: each URL is what a description of that API has as its server."""

    base_url: str
    record: Record

    @property
    def fal_url(self) -> str:
        return f"{self.base_url}/fal"

    @property
    def replicate_url(self) -> str:
        return f"{self.base_url}/replicate/v1"

    @property
    def windmill_url(self) -> str:
        return f"{self.base_url}/windmill/api"


@contextlib.asynccontextmanager
async def serve_providers(providers: Providers | None = None, *, port: int = 0) -> AsyncIterator[ServedProviders]:
    """Serves the providers on 127.0.0.1 in this event loop; port 0 takes a free one.

    Raises OSError for a taken port.
    """
    served = Providers() if providers is None else providers
    async with serve_app(served.app, port=port) as base_url:
        yield ServedProviders(base_url, served.record)


@contextlib.asynccontextmanager
async def serve_app(app: ASGIApp, *, port: int = 0) -> AsyncIterator[str]:
    """An ASGI application on loopback, on a free port where `port` is 0; yields its base URL."""
    listening = socket.create_server((_HOST, port))
    # Without a log configuration of its own: loggers belong to the program that this is a part of.
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.ready.wait()
        yield f"http://{_HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await serving


class _Server(uvicorn.Server):
    """A server that says when it is ready, and leaves the signals to the program that it is a part of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_until_signalled(providers: Providers, port: int) -> None:
    async with serve_providers(providers, port=port) as served:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            sys.stdout.write(f"{served.base_url}\n")
            sys.stdout.flush()
            async for _ in signals:
                return


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the providers until SIGINT or SIGTERM; prints their base URL when they listen."""
    parser = argparse.ArgumentParser(
        prog="python -m arazzo_mcp.demo.providers", description="Fake providers on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument("--queue-seconds", type=float, default=0.5, help="how long a job waits (0.5)")
    parser.add_argument("--run-seconds", type=float, default=2.0, help="how long a job works (2.0)")
    parser.add_argument("--key", help="the only credential to take; without it any is taken")
    parser.add_argument(
        "--published-status-codes", action="store_true", help="answer 200 and 201 where the real APIs say 202"
    )
    given = parser.parse_args(arguments)
    providers = Providers(
        queue_seconds=given.queue_seconds,
        run_seconds=given.run_seconds,
        published_status_codes=given.published_status_codes,
        key=given.key,
    )
    asyncio.run(_serve_until_signalled(providers, given.port))


if __name__ == "__main__":
    main()
