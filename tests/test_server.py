"""The MCP face through a real client, in both protocol eras: tools, calls, refusals, waiting, cancelling, listing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.demo.providers import ServedProviders, serve_app
from arazzo_mcp.server.catalog import MOST_NAME, tool_names
from arazzo_mcp.server.control import controls_for
from arazzo_mcp.server.envelope import ENVELOPE_SCHEMA
from arazzo_mcp.server.run_tools import RUN_TOOLS
from arazzo_mcp.server.tools import PAGE, all_tools, build_server
from arazzo_mcp.settings import Settings
from tests.conftest import ERAS, WORKFLOWS, Scripted

pytestmark = pytest.mark.anyio

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
FLOW = """
arazzo: 1.0.1
info: {title: things, version: '1'}
sourceDescriptions: [{name: api, url: things.openapi.yaml, type: openapi}]
workflows:
- workflowId: make-thing
  summary: Make a thing.
  inputs:
    type: object
    required: [name]
    properties:
      name: {type: string, description: What it is called.}
      size: {type: integer, minimum: 1}
      options: {type: object}
  steps:
  - stepId: make
    operationId: makeThing
    requestBody: {payload: {name: $inputs.name, size: $inputs.size, options: $inputs.options}}
    successCriteria: [{condition: $statusCode == 201}]
    outputs: {id: $response.body#/id}
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
MADE = {"id": "7"}


def made() -> Response:
    return JSONResponse(MADE, 201)


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=ERAS)
def connect(request: pytest.FixtureRequest, scripted: Scripted, tmp_path: Path) -> Connect:
    """A client of a server for the workflow above, against the scripted API."""
    (tmp_path / "things.openapi.yaml").write_text(API.replace("URL", scripted.url))
    (tmp_path / "things.arazzo.yaml").write_text(FLOW)

    @asynccontextmanager
    async def connected(wait: float = 10, flow: str | None = None) -> AsyncIterator[Client]:
        if flow is not None:
            (tmp_path / "things.arazzo.yaml").write_text(flow)
        settings = Settings(store=tmp_path / "runs.sqlite3", wait_seconds=wait)
        library = load([tmp_path / "things.arazzo.yaml"], settings)
        async with open_engine(library, settings, take_over=True) as engine:
            server = build_server(engine, catalog(library), wait)
            async with Client(server, mode=request.param, raise_exceptions=True) as client:
                yield client

    return connected


async def called(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The envelope of a call, which must fit its schema and stand in the text as well."""
    result = await client.call_tool(name, arguments)
    envelope = result.structured_content
    assert envelope is not None, result.content
    assert json.loads(result.content[0].text) == envelope  # type: ignore[union-attr]
    Draft202012Validator(ENVELOPE_SCHEMA).validate(envelope)
    assert result.is_error is (envelope["status"] in ("failed", "in_doubt"))
    return envelope


async def busy(client: Client) -> dict[str, Any]:
    """A run that has been handed back while its job is at work."""
    envelope = await called(client, "make-thing", {"name": "a"})
    with anyio.fail_after(10):
        while "upstream" not in envelope:
            envelope = await called(client, "run_status", {"run_id": envelope["run_id"], "wait_seconds": 5})
    return envelope


async def refused(client: Client, name: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    assert result.structured_content is None
    return str(result.content[0].text)  # type: ignore[union-attr]


async def test_a_run_to_its_end(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "ready"})]
    async with connect() as client:
        envelope = await called(client, "make-thing", {"name": "a", "size": 3})
    assert envelope["status"] == "completed"
    assert envelope["outputs"] == {"id": "7", "state": "ready"}
    assert scripted.asked == [("POST", "/things", b'{"name":"a","size":3}'), ("GET", "/things/7", b"")]
    assert "next" not in envelope


async def test_arguments_sent_as_text_are_what_the_schema_says(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "ready"})]
    async with connect() as client:
        await called(client, "make-thing", {"name": "5", "size": "3", "options": '{"a": 1}'})
    assert json.loads(scripted.asked[0][2]) == {"name": "5", "size": 3, "options": {"a": 1}}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "name is required (string: What it is called.)"),
        ({"name": ["a"]}, 'name must be of type string, not ["a"]'),
        ({"name": "a", "size": "many"}, 'size must be of type integer, not "many"'),
        ({"name": "a", "size": 0}, "size: 0 is less than the minimum of 1"),
        ({"name": "a", "siez": 1}, "siez is not known. Did you mean 'size'?"),
    ],
)
async def test_wrong_arguments_say_which_and_start_nothing(
    connect: Connect, scripted: Scripted, arguments: dict[str, Any], says: str
) -> None:
    scripted.replies = [made()]
    async with connect() as client:
        message = await refused(client, "make-thing", arguments)
        listed = (await client.call_tool("run_list", {})).structured_content
    assert says in message
    assert "Nothing was started" in message
    assert listed == {"runs": []}
    assert scripted.asked == []


async def test_an_unknown_tool(connect: Connect) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match="Did you mean 'make-thing'"):
            await client.call_tool("make_thing", {"name": "a"})


@pytest.mark.parametrize("tool", ["run_status", "run_cancel"])
async def test_an_unknown_run(connect: Connect, tool: str) -> None:
    async with connect() as client:
        assert "there is no run 'run_x'. Call run_list" in await refused(client, tool, {"run_id": "run_x"})


async def test_run_tools_check_their_arguments(connect: Connect) -> None:
    async with connect() as client:
        assert "run_id is required" in await refused(client, "run_status", {})
        refusal = await refused(client, "run_status", {"run_id": "x", "wait_seconds": -1})
        assert "wait_seconds" in refusal
        assert "Nothing was started" not in refusal, "it says nothing of the run that is meant"


@pytest.mark.parametrize(
    ("reply", "says", "status", "provider"),
    [
        (
            JSONResponse({"detail": "no such key"}, 401),
            "$statusCode == 201 is not met ($statusCode is 401)", 401, "no such key",
        ),
        (JSONResponse({"error": {"message": "no such thing"}}, 404), "404: no such thing", 404, "no such thing"),
        (
            JSONResponse({"detail": [{"loc": ["name"], "msg": "too short"}]}, 422),
            "422", 422, '[{"loc":["name"],"msg":"too short"}]',
        ),
        (PlainTextResponse("out of order", 500), "500: out of order", 500, "out of order"),
        (Response("<p>busy</p>", 503, media_type="text/html"), "503: <p>busy</p>", 503, "<p>busy</p>"),
        (Response("", 500), "500 with no message", 500, None),
    ],
)  # fmt: skip
async def test_a_provider_that_refuses(
    connect: Connect, scripted: Scripted, reply: Response, says: str, status: int, provider: str | None
) -> None:
    scripted.replies = [reply]
    async with connect() as client:
        envelope = await called(client, "make-thing", {"name": "a"})
    error = envelope["error"]
    assert envelope["status"] == "failed"
    assert error["step"] == "make"
    assert error["criterion"] == "$statusCode == 201"
    assert error["values"] == {"$statusCode": status}
    assert error["http_status"] == status
    assert error.get("provider") == provider
    assert says in error["message"]
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("body", [b"not json", b'{"id": ', b""])
async def test_a_body_that_is_no_json(connect: Connect, scripted: Scripted, body: bytes) -> None:
    scripted.replies = [Response(body, 201, media_type="application/json")]
    async with connect() as client:
        envelope = await called(client, "make-thing", {"name": "a"})
    assert envelope["status"] == "failed"
    assert envelope["error"]["step"] == "look"
    assert "path parameter 'id'" in envelope["error"]["message"]
    assert len(scripted.asked) == 1, "no request with a hole in its path"


async def test_a_provider_that_is_down(connect: Connect, scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "things.openapi.yaml").write_text(API.replace("URL", "http://127.0.0.1:9"))
    async with connect() as client:
        envelope = await called(client, "make-thing", {"name": "a"})
    assert envelope["status"] == "failed"
    assert "no connection" in envelope["error"]["message"]


async def test_a_submit_without_an_answer_is_in_doubt(connect: Connect, tmp_path: Path) -> None:
    received: list[bytes] = []

    async def hang_up(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            received.append(await stream.receive())

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hang_up)
        url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        (tmp_path / "things.openapi.yaml").write_text(API.replace("URL", url))
        async with connect() as client:
            envelope = await called(client, "make-thing", {"name": "a"})
        tasks.cancel_scope.cancel()
    assert envelope["status"] == "in_doubt"
    assert "Do not call the workflow again" in envelope["next"]
    assert len(received) == 1


async def test_a_step_that_takes_longer_than_its_timeout_fails(connect: Connect, tmp_path: Path) -> None:
    """Arazzo 1.1.0, Step Object, `timeout`: milliseconds; `onFailure` goes on from there."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "GET":
            await anyio.sleep_forever()
        return JSONResponse(MADE, 201)

    flow = FLOW.replace(
        "  - stepId: look\n",
        "  - stepId: look\n    timeout: 200\n    onFailure: [{name: g, type: goto, stepId: stop}]\n",
    )
    flow = flow.replace("  outputs: {id: $steps", "  - {stepId: stop, operationId: makeThing}\n  outputs: {id: $steps")
    async with serve_app(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])) as url:
        (tmp_path / "things.openapi.yaml").write_text(API.replace("URL", url))
        async with connect(flow=flow) as client:
            with anyio.fail_after(20):
                envelope = await called(client, "make-thing", {"name": "a"})
    assert envelope["status"] == "completed"
    assert asked == ["POST /things", "GET /things/7", "POST /things"]


async def test_a_long_run_is_handed_back_and_goes_on(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), *[JSONResponse({"state": "busy"})] * 2, JSONResponse({"state": "ready"})]
    async with connect(wait=0.2) as client:
        envelope = await busy(client)
        assert envelope["status"] == "working"
        assert envelope["run_id"] in envelope["next"]
        assert envelope["upstream"] == {"status": "busy"}
        assert envelope["poll_after_seconds"] >= 1
        later = await called(client, "run_status", {"run_id": envelope["run_id"], "wait_seconds": 20})
    assert later["status"] == "completed"
    assert later["waited_seconds"] > 0.5
    assert len(scripted.asked) == 4


async def test_status_waits_for_a_change_no_longer_than_asked(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "busy"})]
    async with connect(wait=0.1) as client:
        run_id = (await busy(client))["run_id"]
        envelope = await called(client, "run_status", {"run_id": run_id, "wait_seconds": 0.5})
        assert envelope["status"] == "working"
        assert 0.4 <= envelope["waited_seconds"] < 2
        at_once = await called(client, "run_status", {"run_id": run_id})
    assert at_once["waited_seconds"] < 0.3


async def test_progress_rises_and_names_the_step(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "busy"}), JSONResponse({"state": "ready"})]
    seen: list[tuple[float, str]] = []

    async def progress(value: float, _total: float | None, message: str | None) -> None:
        seen.append((value, message or ""))

    async with connect() as client:
        await client.call_tool("make-thing", {"name": "a"}, progress_callback=progress)
    assert [value for value, _ in seen] == sorted({value for value, _ in seen})
    assert any(message.startswith("look: busy") for _, message in seen)


BUSY: dict[str, Any] = {"state": "busy"}


def busy_with(**fields: Any) -> Response:
    return JSONResponse({**BUSY, **fields}, headers={"Retry-After": "0"})


async def test_a_watcher_hears_of_everything_that_the_provider_says(connect: Connect, scripted: Scripted) -> None:
    log = [{"message": "\x1b[1mLoading\x1b[0m the model"}, {"message": " 62%|###   | 31/50 [00:10<00:06,  3.1it/s]"}]
    scripted.replies = [
        made(),
        *(busy_with(queue_position=place) for place in (3, 2)),
        *(busy_with(logs=log[:length]) for length in (1, 2)),
        JSONResponse({"state": "ready"}),
    ]
    seen: list[tuple[float, str]] = []

    async def progress(value: float, _total: float | None, message: str | None) -> None:
        seen.append((value, (message or "").partition(" (working")[0]))

    async with connect() as client:
        await client.call_tool("make-thing", {"name": "a"}, progress_callback=progress)
    heard = list(dict.fromkeys(message for _, message in seen if message.startswith("look: busy")))
    assert heard == [
        "look: busy, position 3",
        "look: busy, position 2",
        "look: busy, Loading the model",
        "look: busy, 62 %, Loading the model",
    ]
    assert [value for value, _ in seen] == sorted({value for value, _ in seen}), "progress rises"


async def test_status_waits_for_the_provider_to_say_another_word(connect: Connect, scripted: Scripted) -> None:
    """A place in the queue is no reason to hand the turn back to an agent: it costs one each time."""
    places = [busy_with(queue_position=place) for place in range(9, 0, -1)]
    scripted.replies = [made(), *places, JSONResponse({"state": "nearly"}), JSONResponse({"state": "ready"})]
    async with connect(wait=0.05) as client:
        envelope = await busy(client)
        assert envelope["upstream"]["queue_position"] > 1
        assert 1 <= envelope["attempt"] < 9
        envelope = await called(client, "run_status", {"run_id": envelope["run_id"], "wait_seconds": 20})
    assert len(scripted.asked) >= 11
    assert "queue_position" not in envelope.get("upstream", {})


async def test_the_status_of_a_working_run_is_short(connect: Connect, scripted: Scripted) -> None:
    noise = {"logs": ['"' * 9000] * 50, "message": "m" * 9000, "error": "e" * 9000, "metrics": {"m": "v" * 900}}
    scripted.replies = [made(), JSONResponse({**BUSY, **noise, "queue_position": 7}, headers={"Retry-After": "30"})]
    async with connect(wait=0.1) as client:
        envelope = await busy(client)
    assert len(json.dumps(envelope, ensure_ascii=False)) <= 900
    assert envelope["upstream"]["queue_position"] == 7
    assert envelope["attempt"] == 1
    assert 20 < envelope["next_poll_seconds"] <= 33, "Retry-After, or a little later"


async def test_cancel_reaches_the_provider(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "busy"}), JSONResponse({"status": "cancelled"})]
    async with connect(wait=0.3) as client:
        run_id = (await busy(client))["run_id"]
        envelope = await called(client, "run_cancel", {"run_id": run_id})
        again = await called(client, "run_cancel", {"run_id": run_id})
    assert envelope["status"] == again["status"] == "cancelled"
    assert envelope["remote"] == "cancelled"
    assert envelope["outputs"]["id"] == "7"
    assert scripted.asked[-1][:2] == ("POST", "/things/7/cancel")
    assert len(scripted.asked) == 3, "one cancel, and nothing after it"


async def test_a_cancel_that_is_too_late_keeps_the_result(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [
        made(),
        JSONResponse({"state": "busy"}),
        JSONResponse({"detail": "already completed"}, 400),
        JSONResponse({"state": "ready"}),
    ]
    async with connect(wait=0.3) as client:
        run_id = (await busy(client))["run_id"]
        envelope = await called(client, "run_cancel", {"run_id": run_id})
        assert envelope["remote"] == "already_completed"
        ended = await called(client, "run_status", {"run_id": run_id, "wait_seconds": 10})
    assert ended["status"] == "completed"
    assert ended["outputs"]["state"] == "ready"


async def test_a_cancel_that_is_too_late_submits_nothing_more(connect: Connect, scripted: Scripted) -> None:
    second = "\n  - {stepId: second, operationId: makeThing}\n  outputs: {id"
    scripted.replies = [
        made(),
        JSONResponse({"state": "busy"}),
        JSONResponse({"detail": "already completed"}, 400),
        JSONResponse({"state": "ready"}),
    ]
    async with connect(wait=0.3, flow=FLOW.replace("\n  outputs: {id", second, 1)) as client:
        run_id = (await busy(client))["run_id"]
        await client.call_tool("run_cancel", {"run_id": run_id})
        answer = await client.call_tool("run_status", {"run_id": run_id, "wait_seconds": 10})
    ended = answer.structured_content
    assert ended is not None
    assert not answer.is_error
    assert (ended["status"], ended["remote"], ended["step"]) == ("cancelled", "already_completed", "second")
    assert ended["outputs"]["state"] == "ready"
    assert "Nothing further was submitted" in ended["next"]
    assert [path for method, path, _ in scripted.asked if method == "POST"] == ["/things", "/things/7/cancel"]


async def test_a_failed_run_whose_job_may_live_on_says_so_and_can_be_cancelled(
    connect: Connect, scripted: Scripted
) -> None:
    scripted.replies = [made(), Response("gone", 404), JSONResponse({"status": "cancelled"})]
    async with connect() as client:
        failed = await called(client, "make-thing", {"name": "a"})
        assert failed["status"] == "failed"
        assert "may still run and be billed" in failed["next"]
        envelope = await called(client, "run_cancel", {"run_id": failed["run_id"]})
    assert (envelope["status"], envelope["remote"]) == ("cancelled", "cancelled")
    assert scripted.asked[-1][:2] == ("POST", "/things/7/cancel")


async def test_a_submit_that_was_answered_with_5xx_may_have_started_something(
    connect: Connect, scripted: Scripted
) -> None:
    scripted.replies = [Response("oh", 500), Response("no", 400)]
    async with connect() as client:
        unclear = await called(client, "make-thing", {"name": "a"})
        refusal_ = await called(client, "make-thing", {"name": "a"})
    assert (unclear["status"], refusal_["status"]) == ("failed", "failed")
    assert "may have started a job all the same" in unclear["next"]
    assert refusal_["next"].startswith("Nothing was started")


async def test_a_change_that_passes_at_once_is_no_reason_to_come_back(connect: Connect, scripted: Scripted) -> None:
    last = """
  - stepId: fetch
    operationId: getThing
    parameters: [{name: id, in: path, value: $steps.make.outputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
  outputs: {id"""
    scripted.replies = [made(), JSONResponse({"state": "busy"}), JSONResponse({"state": "ready"})]
    async with connect(flow=FLOW.replace("\n  outputs: {id", last, 1)) as client:
        run_id = (await called(client, "make-thing", {"name": "a", "wait_seconds": 0}))["run_id"]
        changes = []
        while not changes or changes[-1]["status"] == "working":
            changes.append(await called(client, "run_status", {"run_id": run_id, "wait_seconds": 20}))
    assert changes[-1]["status"] == "completed"
    assert "fetch" not in [one["step"] for one in changes[:-1]]


async def test_the_words_of_the_envelope_are_said_once(connect: Connect) -> None:
    async with connect() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    one, status = tools["make-thing"].output_schema or {}, tools["run_status"].output_schema or {}
    assert list(one["properties"]) == list(status["properties"])
    assert "description" not in json.dumps(one)
    assert "description" in json.dumps(status)


async def test_a_misspelt_control_argument_is_recognised(connect: Connect) -> None:
    async with connect() as client:
        text = await refused(client, "make-thing", {"name": "a", "force_now": True})
    assert "Did you mean 'force_new'?" in text


async def test_cancelling_a_failed_run_never_sends_its_failed_submit_again(
    connect: Connect, scripted: Scripted
) -> None:
    second = """  - stepId: second
    operationId: makeThing
    successCriteria: [{condition: $statusCode == 201}]
  outputs: {id"""
    too_late = JSONResponse({"detail": "already completed"}, 400)
    scripted.replies = [made(), JSONResponse({"state": "ready?"}), Response("no", 400), too_late]
    async with connect(flow=FLOW.replace("\n  outputs: {id", f"\n{second}", 1)) as client:
        failed = await called(client, "make-thing", {"name": "a"})
        assert failed["step"] == "second"
        envelope = await called(client, "run_cancel", {"run_id": failed["run_id"]})
    assert (envelope["status"], envelope["remote"]) == ("failed", "already_completed")
    assert envelope["error"] == failed["error"]
    assert [(method, path) for method, path, _ in scripted.asked] == [
        ("POST", "/things"), ("GET", "/things/7"), ("POST", "/things"), ("POST", "/things/7/cancel"),
    ]  # fmt: skip


async def test_a_run_that_failed_before_anything_was_taken_says_so(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [Response("no", 400)]
    async with connect() as client:
        failed = await called(client, "make-thing", {"name": "a"})
        again = await called(client, "run_cancel", {"run_id": failed["run_id"]})
    assert "Nothing was started" in failed["next"]
    assert again["status"] == "failed"
    assert len(scripted.asked) == 1


async def test_a_cancel_that_is_refused_is_an_error(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [made(), JSONResponse({"state": "busy"}), Response("not allowed", 405)]
    async with connect(wait=0.3) as client:
        run_id = (await busy(client))["run_id"]
        result = await client.call_tool("run_cancel", {"run_id": run_id})
    assert result.is_error
    envelope = result.structured_content
    assert envelope is not None
    assert (envelope["status"], envelope["remote"]) == ("cancelled", "failed")
    assert "may still run and be billed" in envelope["next"]


async def test_a_cancel_that_waits_for_a_submit_stays_in_sight(connect: Connect, scripted: Scripted) -> None:
    scripted.hold = anyio.Event()
    scripted.replies = [made(), JSONResponse({"status": "cancelled"})]
    async with connect(wait=0.1) as client, anyio.create_task_group() as tasks:
        run_id = (await called(client, "make-thing", {"name": "a"}))["run_id"]
        await scripted.reached.wait()
        tasks.start_soon(called, client, "run_cancel", {"run_id": run_id})
        with anyio.fail_after(10):
            while (envelope := await called(client, "run_status", {"run_id": run_id})).get("remote") != "pending":
                await anyio.sleep(0.02)
        assert "A cancel was asked for" in envelope["next"]
        scripted.hold.set()
    assert scripted.asked[-1][1] == "/things/7/cancel"


async def test_run_list_is_newest_first(connect: Connect, scripted: Scripted) -> None:
    scripted.replies = [Response("", 500)]
    async with connect() as client:
        ids = [(await called(client, "make-thing", {"name": name}))["run_id"] for name in "abc"]
        listed = (await client.call_tool("run_list", {"limit": 2})).structured_content
    assert listed is not None
    assert [run["run_id"] for run in listed["runs"]] == [ids[2], ids[1]]


async def test_lists_are_paged(connect: Connect) -> None:
    head, _, one = FLOW.partition("- workflowId: make-thing")
    many = head + "".join(f"- workflowId: make-thing-{n}{one}" for n in range(PAGE + 5))
    async with connect(flow=many) as client:
        first = await client.list_tools()
        second = await client.list_tools(cursor=first.next_cursor)
        with pytest.raises(MCPError, match="Invalid cursor"):
            await client.list_tools(cursor="elsewhere")
    assert len(first.tools) == PAGE
    assert len(second.tools) == 5 + len(RUN_TOOLS)
    assert second.next_cursor is None


async def test_odd_schemas_take_no_other_tool_down(connect: Connect, scripted: Scripted) -> None:
    head, _, one = FLOW.partition("- workflowId: make-thing")
    inputs = one[one.index("  inputs:") : one.index("  steps:")]
    odd = [
        "  inputs: {$ref: '#/components/inputs/thing'}\n",
        "  inputs: {anyOf: [{required: [name]}, {required: [size]}], properties: {name: {type: string}}}\n",
        "  inputs: {properties: {name: string, size: {type: whole}}}\n",
        "  inputs: {allOf: [{properties: {name: {type: string}}, required: [name]}]}\n",
        "",
    ]
    flows = "".join(f"- workflowId: odd-{n}{one.replace(inputs, schema)}" for n, schema in enumerate(odd))
    components = "components: {inputs: {thing: {type: object, properties: {name: {$ref: '#/components/inputs/n'}}},"
    scripted.replies = [made(), JSONResponse({"state": "ready"})]
    async with connect(flow=f"{head}{flows}{components} n: {{type: string}}}}}}\n") as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        assert "name is required or size is required" in await refused(client, "odd-1", {})
    assert [schema["type"] for schema in tools.values()] == ["object"] * (5 + len(RUN_TOOLS))
    controls = controls_for(()).schemas()
    assert tools["odd-0"]["properties"] == {"name": {"type": "string"}, "size": {}, "options": {}, **controls}
    assert "anyOf" not in tools["odd-1"]
    assert tools["odd-3"]["required"] == ["name"]
    assert tools["odd-4"]["properties"] == {"name": {}, "size": {}, "options": {}, **controls}, "what its steps use"


def test_names_are_legal_unique_and_stable() -> None:
    long = "a-very-long-workflow-name-that-no-host-would-ever-show-in-full"
    names = tool_names(
        [("a", "plain"), ("a", "with blanks & dots."), ("a", long), ("a", "twin"), ("b", "twin"), ("a", "run_list")]
    )
    assert names[0] == "plain"
    assert names[1] == "with_blanks_dots"
    assert len(set(names)) == len(names)
    assert all(len(name) <= MOST_NAME for name in names)
    assert "run_list" not in names
    assert tool_names([("a", long)]) == [names[2]], "what else is served changes no name"


def test_two_files_of_one_name_in_two_folders() -> None:
    names = tool_names([("x/flow.yaml", "twin"), ("y/flow.yaml", "twin")])
    assert len(set(names)) == 2


async def test_annotations_and_descriptions(providers: ServedProviders, tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "runs.sqlite3")
    tools = all_tools(catalog(load([WORKFLOWS], settings)))
    inference = next(tool for tool in tools if tool.name == "fal-queue-inference")
    assert inference.annotations is not None
    assert inference.annotations.read_only_hint is False
    assert "run_cancel also cancels the remote job (PUT" in str(inference.description)
    assert all(len(str(tool.description)) <= 2000 for tool in tools)
