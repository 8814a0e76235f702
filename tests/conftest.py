"""What the tests share: real servers on loopback, real MCP clients, and the folder of published documents."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arazzo_mcp.demo.providers import Providers, ServedProviders, serve_app, serve_providers

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / "workflows"
SHARED = Path(os.environ.get("ARAZZO_MCP_SHARED", ROOT.parent / "shared"))
SEEDS = SHARED / "seeds"
CORPUS = SHARED / "corpus"

ERAS = ("auto", "legacy")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the store, the cache, the settings or the credentials of the person who runs it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("HOME", str(folder))
    for name in [
        n for n in os.environ if n.startswith("ARAZZO") or n in ("FAL_KEY", "REPLICATE_API_TOKEN", "WM_TOKEN")
    ]:
        monkeypatch.delenv(name)


@pytest.fixture
async def providers() -> AsyncIterator[ServedProviders]:
    """The fake providers with the status codes of the real ones."""
    async with serve_providers(Providers(queue_seconds=0.2, run_seconds=0.4)) as served:
        yield served


@pytest.fixture
async def published_providers() -> AsyncIterator[ServedProviders]:
    """The fake providers with the status codes that the published descriptions say."""
    async with serve_providers(Providers(queue_seconds=0.2, run_seconds=0.4, published_status_codes=True)) as served:
        yield served


@dataclass
class Scripted:
    """An API that answers what it is told to, in order, and remembers what it was asked."""

    replies: list[Response | None] = field(default_factory=list)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hold: anyio.Event | None = None
    reached: anyio.Event = field(default_factory=anyio.Event)
    url: str = ""

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        query = f"?{request.url.query}" if request.url.query else ""
        self.asked.append((request.method, request.scope["raw_path"].decode() + query, body))
        self.headers.append(dict(request.headers))
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is None:
            raise ConnectionAbortedError("the connection is to break here")
        return reply


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A scripted API, served."""
    api = Scripted()
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    async with serve_app(Starlette(routes=[Route("/{path:path}", api.answer, methods=methods)])) as url:
        api.url = url
        yield api


def command(*arguments: str | Path) -> list[str]:
    """The command line of this package in a process of its own."""
    return [sys.executable, "-m", "arazzo_mcp", *map(str, arguments)]


def stdio(*arguments: str | Path, env: dict[str, str] | None = None) -> StdioServerParameters:
    """`serve` over stdio, for an MCP client to start."""
    program, *rest = command("serve", *arguments)
    return StdioServerParameters(command=program, args=rest, env={**os.environ, **(env or {})}, cwd=ROOT)


@contextlib.asynccontextmanager
async def http_server(*arguments: str | Path, env: dict[str, str] | None = None) -> AsyncIterator[HttpServer]:
    """`serve` over HTTP in a process of its own."""
    process = await anyio.open_process(
        command("serve", *arguments, "--transport", "http", "--port", "0"),
        stdout=-1,
        stderr=-1,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
    )
    assert process.stderr is not None
    seen = ""
    try:
        with anyio.fail_after(30):
            while "listens on " not in seen:
                seen += (await process.stderr.receive()).decode()
        base = seen.split("listens on ")[1].split("/mcp")[0]
        async with anyio.create_task_group() as tasks:
            server = HttpServer(base, process)
            tasks.start_soon(server.drain)
            yield server
            if process.returncode is None:
                process.terminate()
            with anyio.fail_after(20):
                await process.wait()
            tasks.cancel_scope.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


@dataclass
class HttpServer:
    """A server process, where it listens, and what it has logged."""

    base: str
    process: anyio.abc.Process
    log: str = ""

    @property
    def mcp(self) -> str:
        return f"{self.base}/mcp"

    @property
    def sse(self) -> str:
        return f"{self.base}/sse"

    async def drain(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                self.log += (await self.process.stderr.receive()).decode(errors="replace")

    async def closed(self) -> None:
        """Return when it takes no connections any more, though the process may still be at work."""
        host, port = self.base.removeprefix("http://").split(":")
        with contextlib.suppress(OSError):
            while True:
                await (await anyio.connect_tcp(host, int(port))).aclose()
                await anyio.lowlevel.checkpoint()

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()


def sse_client(url: str, mode: str) -> Client:
    """An MCP client over SSE."""
    from mcp.client.sse import sse_client as transport

    return Client(transport(url), mode=mode)


def asked_of(served: ServedProviders, job: str) -> list[tuple[str, str]]:
    """What a provider was asked about one job, in order, without the mount."""
    return [(r.method, r.path) for r in served.record.requests if job in r.path]


@pytest.fixture
def shared() -> Path:
    """The folder with published documents; its tests skip where it is absent."""
    if not SEEDS.is_dir() or not CORPUS.is_dir():
        pytest.skip(f"no published documents at {SHARED}")
    return SHARED


def loopback() -> httpx.AsyncClient:
    """A plain HTTP client for looking at the fakes from outside."""
    return httpx.AsyncClient(trust_env=False)
