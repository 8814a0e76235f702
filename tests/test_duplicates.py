"""Who calls twice pays once, and who gives up a call cancels its run only by saying so: through real clients, over
every transport, and from two processes on one store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arazzo_mcp.app import catalog, load, open_engine, open_server
from arazzo_mcp.demo.providers import serve_app
from arazzo_mcp.settings import Settings
from tests.conftest import ERAS, ROOT, HttpServer, command, http_server, loopback, sse_client, stdio

pytestmark = pytest.mark.anyio

PATIENCE = 120
"""Seconds until a test gives up; nothing is measured by it."""

API = """
openapi: 3.1.0
info: {title: things, version: '1'}
servers: [{url: URL}]
paths:
  /things:
    post: {operationId: makeThing, responses: {'201': {description: made}}}
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getThing, responses: {'200': {description: it}}}
  /things/{id}/cancel:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    post: {operationId: cancelThing, responses: {'200': {description: cancelled}}}
"""
HEAD = """
arazzo: 1.0.1
info: {title: things, version: '1'}
sourceDescriptions: [{name: api, url: things.openapi.yaml, type: openapi}]
workflows:
"""
STEPS = """
  - stepId: look
    operationId: getThing
    parameters: [{name: id, in: path, value: $steps.make.outputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {state: $response.body#/state}
    onSuccess:
    - name: again
      type: goto
      stepId: look
      criteria: [{condition: $response.body#/state == 'busy'}]
  outputs: {id: $steps.make.outputs.id, state: $steps.look.outputs.state}
"""
MAKE = """
- workflowId: make-thing
  inputs:
    required: [name]
    properties: {name: {type: string}, size: {type: integer, default: 3}, tags: {type: object}}
  steps:
  - stepId: make
    operationId: makeThing
    requestBody: {payload: {name: $inputs.name, size: $inputs.size, tags: $inputs.tags}}
    outputs: {id: $response.body#/id}
"""
OWN_NAMES = """
- workflowId: own-names
  inputs:
    properties:
      name: {type: string}
      wait_seconds: {type: string}
      run_wait_seconds: {type: string}
      'force_new': {type: string}
      'idempotency key': {type: string}
      'idempotency_key': {type: string}
  steps:
  - stepId: make
    operationId: makeThing
    requestBody:
      payload: {name: $inputs.name, a: $inputs.wait_seconds, b: $inputs.force_new, c: $inputs.idempotency_key}
    outputs: {id: $response.body#/id}
"""


@dataclass
class Things:
    """An API whose jobs bear the name that they were given, and are done when the test says so."""

    made: list[dict[str, Any]] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    url: str = ""

    async def make(self, request: Request) -> Response:
        self.made.append(json.loads(await request.body()))
        return JSONResponse({"id": self.made[-1]["name"]}, 201)

    async def look(self, request: Request) -> Response:
        return JSONResponse({"state": "ready" if request.path_params["id"] in self.done else "busy"})

    async def cancel(self, request: Request) -> Response:
        self.cancelled.add(request.path_params["id"])
        return JSONResponse({"state": "cancelled"})

    def names(self) -> list[str]:
        return [str(one["name"]) for one in self.made]


@pytest.fixture
async def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Things]:
    """The API, and a document with workflows for it."""
    api = Things()
    routes = [
        Route("/things", api.make, methods=["POST"]),
        Route("/things/{id}", api.look),
        Route("/things/{id}/cancel", api.cancel, methods=["POST"]),
    ]
    monkeypatch.setenv("ARAZZO_MCP_PACE_FIRST", "0.05")
    monkeypatch.setenv("ARAZZO_MCP_PACE_MOST", "0.1")
    async with serve_app(Starlette(routes=routes)) as url:
        api.url = url
        (tmp_path / "things.openapi.yaml").write_text(API.replace("URL", url))
        (tmp_path / "things.arazzo.yaml").write_text(f"{HEAD}{MAKE}{STEPS}{OWN_NAMES}{STEPS}")
        yield api


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=ERAS)
def connect(request: pytest.FixtureRequest, things: Things, tmp_path: Path) -> Connect:
    """A client of a server of its own; all of them share a store."""

    @asynccontextmanager
    async def connected(**more: Any) -> AsyncIterator[Client]:
        settings = Settings(store=tmp_path / "runs.sqlite3", wait_seconds=20, **more)
        library = load([tmp_path / "things.arazzo.yaml"], settings)
        async with open_server(library, settings) as server, Client(server, mode=request.param) as client:
            yield client

    return connected


async def called(client: Client, tool: str = "make-thing", **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert result.structured_content is not None, result.content
    return result.structured_content


async def refused(client: Client, tool: str = "make-thing", **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert result.structured_content is None
    return str(result.content[0].text)  # type: ignore[union-attr]


async def until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while not is_so():
            await anyio.sleep(0.02)


async def status_of(client: Client, run_id: str) -> str:
    """The status of a run, asked in a way that delivers nothing."""
    listed = await called(client, "run_list", limit=100)
    return next(str(run["status"]) for run in listed["runs"] if run["run_id"] == run_id)


async def ended(client: Client, run_id: str) -> str:
    with anyio.fail_after(PATIENCE):
        while (status := await status_of(client, run_id)) == "working":
            await anyio.sleep(0.02)
    return status


# --- the same call


async def test_the_same_call_while_the_run_is_unfinished(connect: Connect, things: Things) -> None:
    async with connect() as client:
        first = await called(client, name="a", tags={"x": 1, "y": 2}, wait_seconds=0)
        again = await called(client, tags={"y": 2, "x": 1}, name="a", wait_seconds="0", force_new=None)
        spelt_out = await called(client, name="a", size=3, tags={"x": 1, "y": 2}, wait_seconds=0)
        other = await called(client, name="a", size=4, tags={"x": 1, "y": 2}, wait_seconds=0)
        forced = await called(client, name="a", tags={"x": 1, "y": 2}, wait_seconds=0, force_new=True)
        await until(lambda: len(things.made) == 3)
    assert "deduplicated" not in first
    assert first["run_id"] == again["run_id"] == spelt_out["run_id"]
    assert again["deduplicated"] is spelt_out["deduplicated"] is True
    assert again["next"].startswith("This is the run of an earlier call")
    assert "force_new starts another" in again["next"]
    assert "run_status" in again["next"]
    assert len({first["run_id"], other["run_id"], forced["run_id"]}) == 3
    assert "deduplicated" not in {**other, **forced}


async def test_a_result_that_nobody_has_seen_is_handed_over_once(connect: Connect, things: Things) -> None:
    things.done = {"a"}
    async with connect() as client:
        first = await called(client, name="a", wait_seconds=0)
        assert await ended(client, first["run_id"]) == "completed"
        again = await called(client, name="a")
        third = await called(client, name="a")
    assert again["run_id"] == first["run_id"]
    assert again["deduplicated"] is True
    assert again["outputs"] == {"id": "a", "state": "ready"}
    assert third["run_id"] != first["run_id"]
    assert things.names() == ["a", "a"]


@pytest.mark.parametrize("tool", ["run_status", "run_cancel"])
async def test_a_result_that_was_asked_for_has_been_seen(connect: Connect, things: Things, tool: str) -> None:
    async with connect() as client:
        first = await called(client, name="a", wait_seconds=0)
        await until(lambda: things.names() == ["a"])
        if tool == "run_status":
            things.done = {"a"}
            assert await ended(client, first["run_id"]) == "completed"
        await called(client, tool, run_id=first["run_id"])
        again = await called(client, name="a", wait_seconds=0)
    assert again["run_id"] != first["run_id"]


async def test_a_result_of_long_ago_is_no_answer(connect: Connect, things: Things, tmp_path: Path) -> None:
    things.done = {"a"}
    async with connect() as client:
        first = await called(client, name="a", wait_seconds=0)
        assert await ended(client, first["run_id"]) == "completed"
        with contextlib.closing(sqlite3.connect(tmp_path / "runs.sqlite3")) as store:
            store.execute("UPDATE runs SET updated = updated - 119")
            store.commit()
            recent = await called(client, name="a")
            store.execute("UPDATE runs SET delivered = 0, updated = updated - 2")
            store.commit()
        late = await called(client, name="a")
    assert recent["run_id"] == first["run_id"]
    assert late["run_id"] != first["run_id"]


async def test_the_same_call_of_another_server(connect: Connect, things: Things, tmp_path: Path) -> None:
    async with connect() as client:
        first = await called(client, name="a", wait_seconds=0)
        await until(lambda: things.names() == ["a"])
    document = tmp_path / "things.arazzo.yaml"
    document.write_text(document.read_text().replace("title: things", "title: edited"))
    async with connect() as client:
        assert (await called(client, name="a", wait_seconds=0))["run_id"] == first["run_id"]
        async with connect(servers={"api": f"{things.url}/"}) as staging:
            elsewhere = await called(staging, name="a", wait_seconds=0)
    assert elsewhere["run_id"] != first["run_id"], "its requests go elsewhere"


# --- keys


async def test_a_key_names_a_run_however_old(connect: Connect, things: Things) -> None:
    things.done = {"a", "b"}
    async with connect() as client:
        first = await called(client, name="a", idempotency_key="k")
        again = await called(client, name="a", idempotency_key="k")
        forced = await called(client, name="a", idempotency_key="k", force_new=True)
        other = await called(client, name="a", idempotency_key="l")
        text = await refused(client, name="b", idempotency_key="k")
    assert first["status"] == "completed"
    assert first["run_id"] == again["run_id"] == forced["run_id"] != other["run_id"]
    assert again["deduplicated"] is True
    assert again["outputs"] == first["outputs"]
    assert "another idempotency_key starts another" in forced["next"]
    assert first["run_id"] in text
    assert "other arguments" in text
    assert things.names() == ["a", "a"]


async def test_a_call_without_a_key_finds_a_run_that_has_one(connect: Connect, things: Things) -> None:
    async with connect() as client:
        first = await called(client, name="a", idempotency_key="k", wait_seconds=0)
        again = await called(client, name="a", wait_seconds=0)
        keyed = await called(client, name="a", idempotency_key="l", wait_seconds=0)
    assert first["run_id"] == again["run_id"] != keyed["run_id"]


# --- the names of the controls


async def test_a_workflow_keeps_its_own_inputs(connect: Connect, things: Things) -> None:
    own = {"name": "a", "wait_seconds": "w", "force_new": "f", "idempotency_key": "i", "run_wait_seconds": "r"}
    async with connect() as client:
        schemas = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
        first = await called(client, "own-names", **own, arazzo_wait_seconds=0)
        again = await called(client, "own-names", **own, arazzo_wait_seconds=0)
        forced = await called(client, "own-names", **own, arazzo_wait_seconds=0, run_force_new=True)
        await until(lambda: len(things.made) == 2)
    assert list(schemas["make-thing"])[-3:] == ["wait_seconds", "idempotency_key", "force_new"]
    assert list(schemas["own-names"])[-3:] == ["arazzo_wait_seconds", "run_idempotency_key", "run_force_new"]
    assert {schemas["own-names"][name]["type"] for name in own} == {"string"}
    assert "'force_new' is the workflow's" in schemas["own-names"]["run_force_new"]["description"]
    assert first["run_id"] == again["run_id"] != forced["run_id"]
    assert "run_force_new starts another" in again["next"]
    assert things.made[0] == {"name": "a", "a": "w", "b": "f", "c": "i"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"wait_seconds": -1}, "wait_seconds: -1 is less than the minimum of 0"),
    ({"wait_seconds": "soon"}, 'wait_seconds must be of type number, not "soon"'),
    ({"idempotency_key": ""}, "idempotency_key: "),
    ({"idempotency_key": "k" * 256}, "idempotency_key: "),
    ({"force_new": "perhaps"}, "force_new must be of type boolean"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[str(row[0])[:30] for row in WRONG])
async def test_a_control_that_does_not_fit(connect: Connect, things: Things, wrong: dict[str, Any], said: str) -> None:
    async with connect() as client:
        text = await refused(client, name="a", **wrong)
        listed = await called(client, "run_list")
    assert text.startswith("Nothing was started. Invalid arguments for make-thing: ")
    assert said in text
    assert listed["runs"] == []


# --- many processes


def served(tmp_path: Path) -> list[str | Path]:
    return [tmp_path / "things.arazzo.yaml", "--store", tmp_path / "runs.sqlite3", "--wait-seconds", "30"]


async def test_two_processes_at_the_same_moment(things: Things, tmp_path: Path) -> None:
    names = [f"thing{at}" for at in range(5)]
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    given = served(tmp_path)

    async def call(client: Client, name: str) -> None:
        answers[name].append(await called(client, name=name, wait_seconds=0))

    async with http_server(*given) as one, http_server(*given) as two:
        async with Client(one.mcp) as first, Client(two.mcp) as second, anyio.create_task_group() as tasks:
            for name in names:
                for client in (first, second, second):
                    tasks.start_soon(call, client, name)
        await until(lambda: set(things.names()) == set(names))
    for name in names:
        assert len({answer["run_id"] for answer in answers[name]}) == 1
        assert sorted(answer.get("deduplicated", False) for answer in answers[name]) == [False, True, True]
    assert sorted(things.names()) == names, "one submit each"


async def test_a_run_that_a_dead_process_has_left(things: Things, tmp_path: Path) -> None:
    """With its key the command line goes on with it, though it takes over no other run."""
    given = served(tmp_path)
    async with http_server(*given) as server:
        async with Client(server.mcp) as client:
            first = await called(client, name="a", idempotency_key="k", wait_seconds=0)
            await until(lambda: things.names() == ["a"])
        await server.kill()
    things.done = {"a"}
    run = command("run", given[0], "make-thing", *given[1:3], "--input", "name=a", "--idempotency-key", "k", "--json")
    result = await anyio.run_process(run, check=True, cwd=ROOT)
    assert json.loads(result.stdout)["run_id"] == first["run_id"]
    assert json.loads(result.stdout)["status"] == "completed"
    assert things.names() == ["a"]


async def test_the_command_line_always_starts_and_has_seen_its_result(
    connect: Connect, things: Things, tmp_path: Path
) -> None:
    things.done = {"a"}
    given = served(tmp_path)
    run = command("run", given[0], "make-thing", *given[1:3], "--inputs", '{"name": "a", "wait_seconds": 0}', "--json")
    ids = [json.loads((await anyio.run_process(run, check=True, cwd=ROOT)).stdout)["run_id"] for _ in range(2)]
    async with connect() as client:
        ids.append((await called(client, name="a"))["run_id"])
    assert len(set(ids)) == 3


# --- giving up a call

HTTP_CLIENTS: dict[str, Callable[[HttpServer], Client]] = {
    "http-auto": lambda server: Client(server.mcp),
    "http-legacy": lambda server: Client(server.mcp, mode="legacy"),
    "sse-auto": lambda server: sse_client(server.sse, "auto"),
    "sse-legacy": lambda server: sse_client(server.sse, "legacy"),
}
GiveUp = Callable[[Client, str, Things], Awaitable[None]]


async def cancels(client: Client, name: str, things: Things) -> None:
    """The caller's own cancel, as a person who presses stop."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: called(client, name=name))
        await until(lambda: name in things.names())
        tasks.cancel_scope.cancel()
    await called(client, "run_list")  # who closes at once may not get its notification out


async def times_out(client: Client, name: str, _things: Things) -> None:
    """The client's limit for a call."""
    with pytest.raises(MCPError, match="timed out"):
        await client.call_tool("make-thing", {"name": name}, read_timeout_seconds=1.5)


async def goes_on(client: Client, name: str, things: Things) -> None:
    """The run is not touched: the same call gives it, and it comes to its end."""
    things.done.add(name)
    result = await called(client, name=name)
    assert (result["status"], result.get("deduplicated")) == ("completed", True), name
    assert name not in things.cancelled
    assert things.names().count(name) == 1


async def was_cancelled(client: Client, name: str, things: Things) -> None:
    """The provider's own record says so; the same call again is a new one, as of this run nothing is to be had."""
    await until(lambda: name in things.cancelled)
    again = await called(client, name=name, wait_seconds=0)
    assert (again["status"], "deduplicated" in again) == ("working", False), name
    assert (await called(client, "run_cancel", run_id=again["run_id"]))["status"] == "cancelled"


async def given_up(server: HttpServer, what: GiveUp, things: Things, suffix: str) -> None:
    """Every kind of client gives up a call of its own."""

    async def one(kind: str) -> None:
        async with HTTP_CLIENTS[kind](server) as client:
            await what(client, kind + suffix, things)

    async with anyio.create_task_group() as tasks:
        for kind in HTTP_CLIENTS:
            tasks.start_soon(one, kind)


async def test_giving_up_over_http_and_sse(things: Things, tmp_path: Path) -> None:
    """Of Streamable HTTP of 2026-07-28 the closed stream is all that there is: the run goes on."""
    async with http_server(*served(tmp_path)) as server:
        await given_up(server, cancels, things, "-stop")
        await given_up(server, times_out, things, "-late")
        async with Client(server.mcp) as client:
            for kind in HTTP_CLIENTS:
                await (goes_on if kind == "http-auto" else was_cancelled)(client, f"{kind}-stop", things)
                await goes_on(client, f"{kind}-late", things)


CLIENT = """
import sys, anyio
from mcp import Client
from mcp.client.sse import sse_client
async def main(url, mode, name):
    async with Client(sse_client(url) if url.endswith("/sse") else url, mode=mode) as client:
        await client.call_tool("make-thing", {"name": name})
anyio.run(main, *sys.argv[1:])
"""


async def dies(server: HttpServer, kind: str, things: Things) -> None:
    """A client in a process of its own, killed in the middle of its call."""
    transport, mode = kind.split("-")
    url = server.mcp if transport == "http" else server.sse
    process = await anyio.open_process([sys.executable, "-c", CLIENT, url, mode, kind], stdout=None, stderr=None)
    await until(lambda: kind in things.names())
    process.kill()
    await process.aclose()


async def test_a_connection_that_breaks_leaves_the_run(things: Things, tmp_path: Path) -> None:
    async with http_server(*served(tmp_path)) as server:
        async with anyio.create_task_group() as tasks:
            for kind in HTTP_CLIENTS:
                tasks.start_soon(dies, server, kind, things)
        async with Client(server.mcp) as client:
            for kind in HTTP_CLIENTS:
                await goes_on(client, kind, things)


async def test_a_setting_makes_a_closed_stream_a_cancel(
    things: Things, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not the end of the server, nor the connection of a client that cancels in another way."""
    monkeypatch.setenv("ARAZZO_MCP_ON_DISCONNECT", "cancel")
    given = served(tmp_path)
    async with http_server(*given) as server, Client(server.mcp) as client:
        await cancels(client, "stop", things)
        await was_cancelled(client, "stop", things)
        await dies(server, "http-legacy", things)
        await goes_on(client, "http-legacy", things)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(suppressed, client, "working")
            await until(lambda: "working" in things.names())
            server.process.terminate()
            await server.process.wait()
    async with http_server(*given) as server, Client(server.mcp) as client:
        await goes_on(client, "working", things)


async def suppressed(client: Client, name: str) -> None:
    with contextlib.suppress(MCPError, httpx.HTTPError, AssertionError):
        await called(client, name=name)


@pytest.mark.parametrize("mode", ERAS)
async def test_giving_up_over_stdio(mode: str, things: Things, tmp_path: Path) -> None:
    async with Client(stdio(*served(tmp_path)), mode=mode) as client:
        await cancels(client, "stop", things)
        await times_out(client, "late", things)
        await was_cancelled(client, "stop", things)
        await goes_on(client, "late", things)


async def test_who_only_asks_cancels_nothing(things: Things, tmp_path: Path) -> None:
    async with Client(stdio(*served(tmp_path))) as client:
        first = await called(client, name="a", wait_seconds=0)
        await until(lambda: things.names() == ["a"])
        with anyio.move_on_after(1):
            await called(client, "run_status", run_id=first["run_id"], wait_seconds=30)
        await goes_on(client, "a", things)


async def test_of_two_calls_for_one_run_the_other_goes_on_waiting(things: Things, tmp_path: Path) -> None:
    results: list[dict[str, Any]] = []

    async def waits(client: Client) -> None:
        results.append(await called(client, name="a"))

    async with (
        http_server(*served(tmp_path)) as server,
        sse_client(server.sse, "auto") as one,
        sse_client(server.sse, "auto") as two,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(waits, one)
        await until(lambda: things.names() == ["a"])
        with anyio.move_on_after(1):
            await called(two, name="a")
        things.done = {"a"}
    assert results[0]["status"] == "completed"
    assert things.cancelled == set()


REASONS = {
    "McpError: MCP error -32001: Request timed out": False,
    "SdkError: Maximum total timeout exceeded": False,
    "TimeoutError: The operation was aborted due to timeout": False,
    "timed out after 60s": False,
    "context deadline exceeded": False,
    "Timeout": False,
    "Connection closed": False,
    "AbortError: This operation was aborted": True,
    "context canceled": True,
    "caller cancelled": True,
    "User pressed stop": True,
    None: True,
}


async def test_what_clients_say_when_they_give_up(things: Things, tmp_path: Path) -> None:
    """Line by line over stdio; at last the client closes it in the middle of a call."""
    process = await anyio.open_process(command("serve", *served(tmp_path)), stdin=-1, stdout=-1, stderr=None, cwd=ROOT)

    def line(method: str, params: dict[str, Any], request_id: int | None = None) -> str:
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": request_id} if request_id else {})
        return f"{json.dumps(message)}\n"

    def call(name: str, request_id: int) -> str:
        return line("tools/call", {"name": "make-thing", "arguments": {"name": name}}, request_id)

    async def send(*lines: str) -> None:
        assert process.stdin is not None
        await process.stdin.send("".join(lines).encode())

    client_info = {"name": "test", "version": "1"}
    await send(
        line("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client_info}, 1),
        line("notifications/initialized", {}),
    )
    for at in range(100, 105):
        await send(call(f"at-once-{at}", at), line("notifications/cancelled", {"requestId": at}))
    for at, reason in enumerate(REASONS, 2):
        await send(call(f"{reason}", at))
        await until(lambda reason=reason: f"{reason}" in things.names())  # type: ignore[misc]
        await send(line("notifications/cancelled", {"requestId": at} | ({"reason": reason} if reason else {})))
    await send(call("closes", 99))
    await until(lambda: "closes" in things.names())
    live_on = {f"{reason}" for reason, cancels in REASONS.items() if not cancels} | {"closes"}
    await until(lambda: things.cancelled == {*things.names()} - live_on)
    assert process.stdin is not None
    await process.stdin.aclose()
    await process.wait()
    await process.aclose()
    async with Client(stdio(*served(tmp_path))) as client:
        listed = await called(client, "run_list", limit=100)
        assert [run["status"] for run in listed["runs"]].count("working") == len(live_on)
        for name in live_on:
            await goes_on(client, name, things)


async def test_a_result_that_was_lost_on_its_way_is_handed_over(things: Things, tmp_path: Path) -> None:
    """Streamable HTTP of 2025 lets a handler go on whose client is gone."""
    async with http_server(*served(tmp_path)) as server:
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
        async with loopback() as raw:
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            line = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
            answer = await raw.post(server.mcp, headers=headers, json=line)
            headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
            await raw.post(server.mcp, headers=headers, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
            params = {"name": "make-thing", "arguments": {"name": "a"}}
            line = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
            async with raw.stream("POST", server.mcp, headers=headers, json=line):
                await until(lambda: things.names() == ["a"])
        things.done = {"a"}
        async with Client(server.mcp) as client:
            listed = await called(client, "run_list")
            assert await ended(client, listed["runs"][0]["run_id"]) == "completed"
            await anyio.sleep(0.5)  # the lost handler has come to its end
            again = await called(client, name="a")
    assert again["deduplicated"] is True
    assert things.names() == ["a"]


async def test_a_start_without_a_wish_is_the_same_as_no_other(things: Things, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "runs.sqlite3")
    library = load([tmp_path / "things.arazzo.yaml"], settings)
    offer = catalog(library).named("make-thing").offer
    async with open_engine(library, settings, take_over=False) as engine:
        runs = [await engine.start(offer.program_digest, offer.document, "make-thing", {"name": "a"}) for _ in range(2)]
    assert len({run.id for run in runs}) == 2
    assert {run.arguments for run in runs} == {""}
