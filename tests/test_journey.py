"""From a tool call to its result across the death of the server: kill -9, a signal, a client that goes away."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.responses import JSONResponse

from arazzo_mcp.demo.providers import ServedProviders
from tests.conftest import ROOT, WORKFLOWS, HttpServer, Scripted, command, http_server, sse_client, stdio

pytestmark = pytest.mark.anyio

DOCUMENT = WORKFLOWS / "fal.arazzo.yaml"
LOOKS = {"prompt": "a lighthouse", "_demo": {"polls": 3}}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "k")


def serve(served: ServedProviders, store: Path, wait: float) -> list[str | Path]:
    return [DOCUMENT, "--server", f"fal={served.fal_url}", "--store", store, "--wait-seconds", str(wait)]


def inputs(prompt: dict[str, Any]) -> dict[str, Any]:
    return {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": prompt}


def client_of(server: HttpServer, transport: str) -> Client:
    return Client(server.mcp) if transport == "http" else sse_client(server.sse, "auto")


async def status(client: Client, run_id: str, wait: float = 0) -> dict[str, Any]:
    result = await client.call_tool("run_status", {"run_id": run_id, "wait_seconds": wait})
    assert result.structured_content is not None
    return result.structured_content


async def to_the_end(client: Client, run_id: str) -> dict[str, Any]:
    with anyio.fail_after(40):
        while (envelope := await status(client, run_id, 10))["status"] == "working":
            assert envelope["next"]
    return envelope


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_kill_in_the_middle_of_a_poll(transport: str, providers: ServedProviders, tmp_path: Path) -> None:
    given = serve(providers, tmp_path / "runs.sqlite3", 1)
    async with http_server(*given) as server:
        async with client_of(server, transport) as client:
            started = (await client.call_tool("fal-queue-inference", inputs(LOOKS))).structured_content
        assert started is not None
        assert started["status"] == "working"
        await server.kill()
    async with http_server(*given) as server, client_of(server, transport) as client:
        ended = await to_the_end(client, started["run_id"])
    assert ended["status"] == "completed"
    assert ended["outputs"]["result"]["prompt"] == "a lighthouse"
    (job,) = providers.record.jobs
    assert providers.record.submits(job) == 1


async def test_kill_in_the_middle_of_a_poll_over_stdio(providers: ServedProviders, tmp_path: Path) -> None:
    given = serve(providers, tmp_path / "runs.sqlite3", 1)
    process = await anyio.open_process(command("serve", *given), stdin=-1, stdout=-1, stderr=-1, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "fal-queue-inference", "arguments": inputs(LOOKS)}},
    ]  # fmt: skip
    await process.stdin.send("".join(f"{json.dumps(line)}\n" for line in lines).encode())
    answers = b""
    with anyio.fail_after(30):
        while b'"id":2' not in answers:
            answers += await process.stdout.receive()
    run_id = json.loads(answers.splitlines()[-1])["result"]["structuredContent"]["run_id"]
    process.kill()
    await process.aclose()
    async with Client(stdio(*given)) as client:
        ended = await to_the_end(client, run_id)
    assert ended["status"] == "completed"
    assert [providers.record.submits(job) for job in providers.record.jobs] == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_and_not_the_run(
    sent: signal.Signals, providers: ServedProviders, tmp_path: Path
) -> None:
    given = serve(providers, tmp_path / "runs.sqlite3", 1)
    async with http_server(*given) as server, Client(server.mcp) as client:
        started = (await client.call_tool("fal-queue-inference", inputs(LOOKS))).structured_content
        assert started is not None
        server.process.send_signal(sent)
        with anyio.fail_after(10):
            await server.process.wait()
        assert "Traceback" not in server.log
    async with Client(stdio(*given)) as client:
        assert (await to_the_end(client, started["run_id"]))["status"] == "completed"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_stdio_ends_on_a_signal_while_its_client_is_silent(providers: ServedProviders, tmp_path: Path) -> None:
    given = serve(providers, tmp_path / "runs.sqlite3", 1)
    process = await anyio.open_process(command("serve", *given), stdin=-1, stdout=-1, stderr=-1, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.send(b'{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}\n')
    await process.stdout.receive()
    process.terminate()
    with anyio.fail_after(5):
        await process.wait()
    await process.aclose()


async def test_a_submit_in_flight_at_the_kill_is_in_doubt_and_never_repeated(
    scripted: Scripted, tmp_path: Path
) -> None:
    scripted.hold = anyio.Event()
    scripted.replies = [JSONResponse({"request_id": "1"})]
    given = [DOCUMENT, "--server", f"fal={scripted.url}", "--store", tmp_path / "runs.sqlite3", "--wait-seconds", "0.2"]
    async with http_server(*given) as server:
        async with Client(server.mcp) as client:
            started = (await client.call_tool("fal-queue-inference", inputs(LOOKS))).structured_content
        assert started is not None
        with anyio.fail_after(10):
            await scripted.reached.wait()
        await server.kill()
    scripted.hold.set()
    async with http_server(*given) as server, Client(server.mcp) as client:
        ended = await to_the_end(client, started["run_id"])
        result = await client.call_tool("run_status", {"run_id": started["run_id"]})
    assert ended["status"] == "in_doubt"
    assert result.is_error
    assert "POST" in ended["error"]["request"]
    assert "not sent again" in ended["error"]["message"]
    assert [method for method, _, _ in scripted.asked] == ["POST"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_submit_in_flight_at_a_signal_is_awaited_and_recorded(
    sent: signal.Signals, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.hold = anyio.Event()
    scripted.replies = [JSONResponse({"request_id": "1"}), JSONResponse({"status": "COMPLETED"})]
    store = tmp_path / "runs.sqlite3"
    given = [DOCUMENT, "--server", f"fal={scripted.url}", "--store", store, "--wait-seconds", "0.2"]
    async with http_server(*given) as server:
        async with Client(server.mcp) as client:
            started = (await client.call_tool("fal-queue-inference", inputs(LOOKS))).structured_content
            assert started is not None
            await scripted.reached.wait()
        server.process.send_signal(sent)
        with anyio.fail_after(10):
            await server.closed()
        scripted.hold.set()
        with anyio.fail_after(15):
            assert await server.process.wait() == 0
    assert list(Path(f"{store}.owners").iterdir()) == []  # noqa: ASYNC240
    async with http_server(*given) as server, Client(server.mcp) as client:
        ended = await to_the_end(client, started["run_id"])
    assert ended["status"] == "completed"
    assert [method for method, _, _ in scripted.asked if method == "POST"] == ["POST"]


async def test_a_call_that_its_client_cancels_at_once_leaves_no_run(providers: ServedProviders, tmp_path: Path) -> None:
    """Also where the cancel comes while the run is being recorded: nothing is left that works, here or at fal."""
    given = serve(providers, tmp_path / "runs.sqlite3", 30)
    async with Client(stdio(*given)) as client:
        with anyio.move_on_after(0.02):
            await client.call_tool("fal-queue-inference", inputs(LOOKS))
        with anyio.fail_after(20):
            while not (listed := (await client.call_tool("run_list", {})).structured_content or {}).get("runs"):
                await anyio.sleep(0.05)
        ended = await to_the_end(client, listed["runs"][0]["run_id"])
    assert ended["status"] == "cancelled"
    assert {job.view().state.value for job in providers.record.jobs} <= {"cancelled"}


async def test_a_client_that_goes_away_leaves_the_run(providers: ServedProviders, tmp_path: Path) -> None:
    given = serve(providers, tmp_path / "runs.sqlite3", 30)
    async with http_server(*given) as server:
        with anyio.move_on_after(1.5):
            async with Client(server.mcp) as client:
                await client.call_tool("fal-queue-inference", inputs(LOOKS))
        async with Client(server.mcp) as client:
            listed = (await client.call_tool("run_list", {})).structured_content
            assert listed is not None
            ended = await to_the_end(client, listed["runs"][0]["run_id"])
    assert ended["status"] == "completed"


async def test_an_edited_document_does_not_divert_a_live_run(providers: ServedProviders, tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    for name in ("fal.arazzo.yaml", "fal.openapi.yaml"):
        (folder / name).write_bytes((WORKFLOWS / name).read_bytes())
    document = folder / "fal.arazzo.yaml"
    given = [
        document,
        "--server",
        f"fal={providers.fal_url}",
        "--store",
        tmp_path / "runs.sqlite3",
        "--wait-seconds",
        "1",
    ]
    async with http_server(*given) as server:
        async with Client(server.mcp) as client:
            started = (await client.call_tool("fal-queue-inference", inputs(LOOKS))).structured_content
        assert started is not None
        await server.kill()
    document.write_text(
        document.read_text().replace("stepId: fetch", "stepId: gone").replace("steps.fetch", "steps.gone")
    )
    async with http_server(*given) as server, Client(server.mcp) as client:
        ended = await to_the_end(client, started["run_id"])
    assert ended["status"] == "completed"
    assert ended["step"] == "fetch"
