"""Going on with what was started elsewhere: attaching to jobs that the vendors' own clients have submitted and to runs
in doubt, and waiting for many runs at once."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import fal_client
import pytest
import wmill
from mcp import Client
from replicate.client import Client as Replicate
from starlette.responses import JSONResponse

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.arazzo.attach import attach_problems, beginning, inputs_needed, of_present, wanted_outputs
from arazzo_mcp.arazzo.command import CallOperation, Resumed, Started
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.cli_runs import Status
from arazzo_mcp.demo.providers import ServedProviders
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.run import RunStatus
from arazzo_mcp.server.tools import build_server
from arazzo_mcp.settings import Settings
from tests.conftest import ROOT, WORKFLOWS, Scripted, command, http_server
from tests.test_language import _parsed, _program

pytestmark = pytest.mark.anyio

FAL = "fal-queue-inference"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FAL_KEY", "REPLICATE_API_TOKEN", "WM_TOKEN"):
        monkeypatch.setenv(name, "k")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@dataclass
class Face:
    """A server, its engine, and a client of it."""

    engine: LocalEngine
    client: Client

    async def __call__(self, tool: str, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
        result = await self.client.call_tool(tool, arguments, **options)
        assert result.structured_content is not None, result.content
        assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]
        return result.structured_content

    async def refused(self, tool: str, arguments: dict[str, Any]) -> str:
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error
        assert result.structured_content is None
        return str(result.content[0].text)  # type: ignore[union-attr]

    async def started(self, seconds: float) -> str:
        """The id of a run on fal whose job takes so long."""
        job = {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": seconds}}
        run = await self(FAL, {"model": "fal-ai/flux/dev", "app": "fal-ai/flux", "input": job, "force_new": True})
        return str(run["run_id"])


@asynccontextmanager
async def face(paths: list[Path], servers: dict[str, str], store: Path, wait: float = 0) -> AsyncIterator[Face]:
    settings = Settings(store=store, wait_seconds=wait, servers=servers)
    library = load(paths, settings)
    async with (
        open_engine(library, settings, take_over=True) as engine,
        Client(build_server(engine, catalog(library), wait), raise_exceptions=True) as client,
    ):
        yield Face(engine, client)


@pytest.fixture
async def served(providers: ServedProviders, tmp_path: Path) -> AsyncIterator[Face]:
    urls = {"fal": providers.fal_url, "replicate": providers.replicate_url, "windmill": providers.windmill_url}
    async with face([WORKFLOWS], urls, tmp_path / "runs.sqlite3") as one:
        yield one


# --- jobs that the vendors' own clients have submitted


def by_fal_client(providers: ServedProviders, job: dict[str, Any]) -> str:
    client = fal_client.SyncClient(key="k")
    with client._client:
        return str(client.submit("fal-ai/flux/schnell", job).request_id)


def by_replicate(providers: ServedProviders, job: dict[str, Any]) -> str:
    client = Replicate("k", base_url=f"{providers.base_url}/replicate")
    with client._client:
        return str(client.predictions.create(version="acme/dog:abc", input=job).id)


def by_wmill(providers: ServedProviders, job: dict[str, Any]) -> str:
    client = wmill.Windmill(base_url=f"{providers.base_url}/windmill", token="k", workspace="demo")  # type: ignore[no-untyped-call]
    with client.client:
        return str(client.run_script_by_path_async("u/demo/hello", job))


Submit = Callable[[ServedProviders, dict[str, Any]], str]
VENDORS = [
    pytest.param(by_fal_client, FAL, "submit", "request_id", {"app": "fal-ai/flux"}, "result", id="fal"),
    pytest.param(by_replicate, "replicate-predict", "create", "prediction_id", {}, "output", id="replicate"),
    pytest.param(by_wmill, "windmill-run-script", "run", "job_id", {"workspace": "demo"}, "result", id="windmill"),
]


@pytest.fixture
def _fal_client_here(providers: ServedProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{providers.fal_url}/")


@pytest.mark.usefixtures("_fal_client_here")
@pytest.mark.parametrize(("submit", "workflow", "step", "name", "inputs", "result"), VENDORS)
async def test_a_job_that_was_submitted_elsewhere_is_gone_on_with(
    submit: Submit,
    workflow: str,
    step: str,
    name: str,
    inputs: dict[str, Any],
    result: str,
    served: Face,
    providers: ServedProviders,
) -> None:
    job_id = await anyio.to_thread.run_sync(submit, providers, {"prompt": "a cat", "text": "woof"})
    asked = {"workflow": workflow, "outputs": {step: {name: job_id}}, "inputs": inputs, "wait_seconds": 30}
    envelope = await served("run_attach", asked)
    assert envelope["status"] == "completed", envelope
    assert envelope["outputs"][name] == job_id
    assert envelope["outputs"][result]
    assert "continues" not in envelope
    assert [providers.record.submits(job) for job in providers.record.jobs] == [1]


@pytest.mark.usefixtures("_fal_client_here")
@pytest.mark.parametrize(("submit", "workflow", "step", "name", "inputs", "result"), VENDORS)
async def test_a_job_that_was_submitted_elsewhere_is_cancelled(
    submit: Submit,
    workflow: str,
    step: str,
    name: str,
    inputs: dict[str, Any],
    result: str,
    served: Face,
    providers: ServedProviders,
) -> None:
    job = {"prompt": "a cat", "_demo": {"queue_seconds": 0, "run_seconds": 600}}
    job_id = await anyio.to_thread.run_sync(submit, providers, job)
    asked = {"workflow": workflow, "outputs": {step: {name: job_id}}, "inputs": inputs, "wait_seconds": 0}
    attached = await served("run_attach", asked)
    assert attached["status"] == "working"
    envelope = await served("run_cancel", {"run_id": attached["run_id"]})
    assert envelope["status"] == "cancelled"
    assert envelope["remote"] in ("cancelled", "cancel_requested")
    assert [job.view().state.value for job in providers.record.jobs] == ["cancelled"]


# --- runs that have ended


async def test_a_run_in_doubt_says_how_to_go_on_and_does(scripted: Scripted, tmp_path: Path) -> None:
    """kill -9 between sending and recording."""
    scripted.hold = anyio.Event()
    scripted.replies = [JSONResponse({"request_id": "the-job"}), JSONResponse({"status": "COMPLETED"})]
    given = ["--server", f"fal={scripted.url}", "--store", tmp_path / "runs.sqlite3", "--wait-seconds", "0.2"]
    inputs = {"model": "fal-ai/flux/dev", "app": "fal-ai/flux", "input": {"prompt": "p"}}
    async with http_server(WORKFLOWS / "fal.arazzo.yaml", *given) as server:
        async with Client(server.mcp) as client:
            run_id = ((await client.call_tool(FAL, inputs)).structured_content or {})["run_id"]
        with anyio.fail_after(10):
            await scripted.reached.wait()
        await server.kill()
    scripted.hold.set()
    async with http_server(WORKFLOWS / "fal.arazzo.yaml", *given) as server, Client(server.mcp) as client:
        with anyio.fail_after(20):
            while (doubt := await status(client, run_id))["status"] == "working":
                await anyio.sleep(0.05)
        attach = doubt["error"]["attach"]
        bare = await client.call_tool("run_attach", {"run_id": run_id})
        attach["outputs"]["submit"]["request_id"] = "the-job"
        ended = (await client.call_tool("run_attach", {**attach, "wait_seconds": 20})).structured_content or {}
    call = f'run_attach with run_id "{run_id}" and outputs {{"submit": {{"request_id": "<request_id>"}}}}'
    assert doubt["status"] == "in_doubt"
    assert call in doubt["next"]
    assert call in doubt["error"]["message"]
    assert f"arazzo-mcp runs attach {run_id} --outputs" in doubt["error"]["message"]
    assert "outputs.submit is required" in bare.content[0].text  # type: ignore[union-attr]
    assert ended["status"] == "completed"
    assert ended["continues"] == run_id != ended["run_id"]
    assert ended["outputs"]["request_id"] == "the-job"
    assert [method for method, _, _ in scripted.asked].count("POST") == 1
    assert scripted.asked[-1][1] == "/fal-ai/flux/requests/the-job"


async def status(client: Client, run_id: str) -> dict[str, Any]:
    return (await client.call_tool("run_status", {"run_id": run_id})).structured_content or {}


async def test_a_run_goes_on_though_its_document_is_not_served_any_more(scripted: Scripted, tmp_path: Path) -> None:
    scripted.replies = [JSONResponse({"request_id": "7"}), JSONResponse({"detail": "gone"}, 404)]
    fal, store = {"fal": scripted.url}, tmp_path / "runs.sqlite3"
    inputs = {"model": "fal-ai/flux/dev", "app": "fal-ai/flux", "input": {"prompt": "p"}}
    async with face([WORKFLOWS / "fal.arazzo.yaml"], fal, store, wait=10) as one:
        failed = await one(FAL, inputs)
    scripted.replies = [JSONResponse({"status": "COMPLETED"})]
    async with face([WORKFLOWS / "windmill.arazzo.yaml"], {}, store) as other:
        ended = await other("run_attach", {"run_id": failed["run_id"]})
        again = await other.refused("run_attach", {"run_id": ended["run_id"]})
    assert (failed["status"], failed["step"]) == ("failed", "wait")
    assert ended["status"] == "completed"
    assert ended["workflow"] == FAL
    assert "has completed" in again
    assert [method for method, _, _ in scripted.asked] == ["POST", "GET", "GET", "GET"]


async def test_a_run_that_is_at_work_is_not_attached_to(served: Face, providers: ServedProviders) -> None:
    run_id = await served.started(600)
    assert "still working" in await served.refused("run_attach", {"run_id": run_id})
    assert "there is no run" in await served.refused("run_attach", {"run_id": "run_x"})


# --- what does not fit


REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ("give workflow",)),
    ({"workflow": "fal-queue-inferenc"}, ("Did you mean 'fal-queue-inference'",)),
    ({"workflow": FAL}, ("give those of at least one step",)),
    ({"workflow": FAL, "run_id": "run_x"}, ("workflow: with run_id it is that of the run",)),
    (
        {"workflow": FAL, "outputs": {"submitJob": {"request_id": "7"}}},
        ("has no step 'submitJob'. Did you mean 'submit'? Its steps: submit, wait, fetch",),
    ),
    (
        {"workflow": FAL, "outputs": {"submit": {"requestId": "7"}}},
        (
            "outputs.submit.requestId is no output of step 'submit'. Did you mean 'request_id'? It has: request_id",
            "outputs.submit.request_id is required: step 'wait' uses it",
            "inputs: app is required",
        ),
    ),
    ({"workflow": FAL, "outputs": {"submit": "7"}}, ("outputs.submit must be of type object",)),
    (
        {"workflow": FAL, "outputs": {"submit": {"request_id": "7"}, "wait": {}, "fetch": {}}},
        ("every step is given",),
    ),
    ({"workflow": FAL, "outputs": {"wait": {}}}, ("model is required", "input is required")),
    (
        {"workflow": "windmill-run-script", "outputs": {"wait": {}, "run": {"job_id": "7"}}, "inputs": {"path": 7}},
        ("workspace is required", "path"),
    ),
]


@pytest.mark.parametrize(("asked", "says"), REFUSED)
async def test_what_does_not_fit_is_said_at_once(
    asked: dict[str, Any], says: tuple[str, ...], served: Face, providers: ServedProviders
) -> None:
    words = await served.refused("run_attach", asked)
    for part in says:
        assert part in words
    assert "is required" not in words or "prompt" not in words
    assert await served.engine.newest() == []
    assert providers.record.requests == []


async def test_only_the_inputs_of_what_is_left_are_required(served: Face) -> None:
    asked = {"workflow": FAL, "outputs": {"submit": {"request_id": "7"}}, "inputs": {"app": "fal-ai/flux"}}
    envelope = await served("run_attach", asked)
    assert envelope["status"] == "failed"
    assert envelope["error"]["http_status"] == 404
    assert "run_cancel" in envelope["next"]
    assert "run_attach with this run_id" in envelope["next"]


# --- what the language says of it


LINES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "all steps",
        {"steps": ["first", "second"]},
        {"first": {}, "second": {}},
        ["every step is given"],
    ),
    (
        "a submit before the given one, which nothing needs any more",
        {
            "steps": [
                {"stepId": "first", "outputs": {"id": "$response.body"}},
                {"stepId": "second", "requestBody": {"payload": "$steps.first.outputs.id"}, "outputs": {"id": "$url"}},
                {"stepId": "poll", "requestBody": {"payload": "$steps.second.outputs.id"}},
            ]
        },
        {"second": {"id": "7"}},
        ["outputs.first is required: step 'first' may start a second job"],
    ),
    (
        "one before it whose outputs are needed is performed",
        {
            "steps": [
                {"stepId": "login", "outputs": {"token": "$response.body"}},
                {"stepId": "submit", "outputs": {"id": "$response.body"}},
                {
                    "stepId": "poll",
                    "parameters": [{"name": "t", "in": "query", "value": "$steps.login.outputs.token"}],
                    "requestBody": {"payload": {"a": ["$steps.submit.outputs.id"]}},
                },
            ]
        },
        {"submit": {"id": "7"}},
        [],
    ),
    (
        "an output that a criterion, a query or an action looks at",
        {
            "steps": [
                {"stepId": "submit", "outputs": {"a": "$url", "b": "$url", "c": "$url", "d": "$url"}},
                {
                    "stepId": "poll",
                    "successCriteria": [
                        {"condition": "$steps.submit.outputs.a == 1"},
                        {
                            "context": "$response.body",
                            "type": "jsonpath",
                            "condition": "$[?(@.id == '{$steps.submit.outputs.b}')]",
                        },
                    ],
                    "outputs": {"mine": "$steps.submit.outputs.c"},
                },
            ]
        },
        {"submit": {"a": None}},
        ["submit.c is required", "submit.b is required", "submit.a is required"],
    ),
    (
        "the outputs of a step that calls a workflow are that one's",
        {
            "workflows": [
                {"workflowId": "start", "steps": [{"stepId": "s", "outputs": {"id": "$url"}}],
                 "outputs": {"id": "$steps.s.outputs.id"}},
            ],
            "steps": [
                {"stepId": "begin", "workflowId": "start"},
                {"stepId": "poll", "requestBody": {"payload": "$steps.begin.outputs.id"}},
            ],
        },
        {"begin": {"it": "7"}},
        ["outputs.begin.it is no output of step 'begin'. It has: id", "outputs.begin.id is required"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("document", "given", "says"), [pytest.param(*rest, id=name) for name, *rest in LINES])
async def test_what_is_wrong_with_outputs(document: dict[str, Any], given: dict[str, Any], says: list[str]) -> None:
    description, _ = _parsed(document)
    program = _program(description, {"get": ["poll"]})
    found = attach_problems(program, beginning(description.workflows["main"]), given, resumed=False)
    assert len(found) == len(says), found
    assert all(part in line for part, line in zip(says, found, strict=True)), found


NEEDED = [
    ({"steps": ["submit", "poll"]}, []),
    ({"steps": ["submit", {"stepId": "poll", "requestBody": {"payload": {"x": "$inputs.a.part"}}}]}, ["a"]),
    ({"steps": ["submit", {"stepId": "poll", "requestBody": {"payload": "$inputs"}}]}, ["a", "b", "c"]),
    ({"steps": ["submit", {"stepId": "poll", "requestBody": {"payload": "$inputs#/b"}}]}, ["b"]),
    ({"steps": ["submit", "poll"], "outputs": {"o": "so {$inputs.c} be it"}}, ["c"]),
    (
        {
            "steps": [
                {"stepId": "submit", "requestBody": {"payload": "$inputs.a"}},
                {"stepId": "poll", "onFailure": [{"name": "g", "type": "goto", "stepId": "submit"}]},
            ]
        },
        ["a"],
    ),
    (
        {
            "workflows": [
                {
                    "workflowId": "login",
                    "inputs": {"properties": {"b": {}}},
                    "steps": [{"stepId": "l", "requestBody": {"payload": "$inputs.b"}}],
                }
            ],
            "dependsOn": ["login"],
            "steps": ["submit", "poll"],
        },
        ["b"],
    ),
]


@pytest.mark.parametrize(("document", "needed"), NEEDED)
async def test_the_inputs_that_are_still_needed(document: dict[str, Any], needed: list[str]) -> None:
    description, _ = _parsed({"inputs": {"properties": {name: {} for name in "abc"}}, **document})
    program, start = _program(description, {"get": ["poll"]}), beginning(description.workflows["main"])
    assert inputs_needed(program, start, {"submit": {}}, ("a", "b", "c")) == needed


async def test_a_submit_in_doubt_within_a_workflow_that_a_step_calls() -> None:
    inner = {"workflowId": "start", "steps": [{"stepId": "submit", "outputs": {"id": "$response.body"}}],
             "outputs": {"id": "$steps.submit.outputs.id"}}  # fmt: skip
    poll = {"stepId": "poll", "parameters": [{"name": "id", "in": "path", "value": "$steps.begin.outputs.id"}]}
    description, _ = _parsed({"workflows": [inner], "steps": [{"stepId": "begin", "workflowId": "start"}, poll]})
    program = _program(description, {"get": ["poll"]})
    state, _ = advance(program, State(), Started("main", {}))
    assert wanted_outputs(program, state) == {"begin/submit": {"id": "<id>"}}
    given = of_present(state, {"begin/submit": {"id": "7"}})
    assert attach_problems(program, state.frame, given, resumed=True) == []
    state, command = advance(program, state, Resumed(given))
    assert isinstance(command, CallOperation)
    assert [(argument.name, argument.value) for argument in command.arguments] == [("id", "7")]


# --- many at once


async def test_waiting_for_any_and_for_all_of_many(served: Face, providers: ServedProviders) -> None:
    ids = [await served.started(1 if n == 19 else 600) for n in range(20)]
    heard: list[tuple[float, str | None]] = []

    async def progress(value: float, _total: float | None, message: str | None) -> None:
        heard.append((value, message))

    with anyio.fail_after(30):
        first = await served(
            "run_wait", {"run_ids": [*ids, "run_x"], "until": "any", "wait_seconds": 30}, progress_callback=progress
        )
    assert first["done"] == [ids[19]]
    assert first["working"] == [one for one in ids if one != ids[19]]
    assert first["unknown"] == ["run_x"]
    assert [one["run_id"] for one in first["runs"]] == ids
    assert first["runs"][19]["outputs"]["result"]
    assert "wait" in first["runs"][0]["now"]
    for one in first["working"]:
        await served("run_cancel", {"run_id": one})
    rest = await served("run_wait", {"run_ids": first["working"]})
    assert rest["done"] == first["working"]
    assert "next" not in rest
    assert heard[-1][1] == "1 of 20 ended"
    assert [value for value, _ in heard] == sorted({value for value, _ in heard})
    assert "there is no run 'run_x'" in await served.refused("run_wait", {"run_ids": ["run_x"]})


async def test_a_wait_that_is_over_hands_back_what_there_is(served: Face) -> None:
    ids = [await served.started(600) for _ in range(3)]
    waited = await served("run_wait", {"run_ids": ids, "wait_seconds": 0.2})
    assert (waited["done"], waited["working"]) == ([], ids)
    assert 0.2 <= waited["waited_seconds"] < 5
    assert "run_wait" in waited["next"]


async def test_runs_of_another_process_are_waited_for_with_few_reads(
    providers: ServedProviders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls, store = {"fal": providers.fal_url}, tmp_path / "runs.sqlite3"
    async with face([WORKFLOWS], urls, store) as theirs, face([WORKFLOWS], urls, store) as ours:
        ids = [await theirs.started(0) for _ in range(10)]
        reads: list[int] = []
        some = ours.engine._store.some

        async def counted(run_ids: list[str]) -> Any:
            reads.append(len(run_ids))
            return await some(run_ids)

        monkeypatch.setattr(ours.engine._store, "some", counted)
        waited = await ours("run_wait", {"run_ids": ids, "wait_seconds": 30})
    assert waited["done"] == ids
    assert len(reads) < 60, "one for all, and one a change: never one for each run"


async def test_lists_by_status_and_workflow(served: Face) -> None:
    slow = await served.started(600)
    asked = {"workflow": FAL, "outputs": {"submit": {"request_id": "7"}}, "inputs": {"app": "fal-ai/flux"}}
    failed = (await served("run_attach", asked))["run_id"]

    async def listed(**arguments: Any) -> list[str]:
        return [run["run_id"] for run in (await served("run_list", arguments))["runs"]]

    assert await listed() == [failed, slow]
    assert await listed(status="working") == [slow]
    assert await listed(status="failed", workflow=FAL) == [failed]
    assert await listed(workflow="replicate-predict") == []
    assert "is not one of" in await served.refused("run_list", {"status": "lost"})


# --- the command line


async def ran(*arguments: str | Path) -> tuple[int, str, str]:
    done = await anyio.run_process(command(*arguments), check=False, cwd=ROOT, env={**os.environ})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.usefixtures("_fal_client_here")
async def test_the_command_line_attaches_waits_and_lists(providers: ServedProviders, tmp_path: Path) -> None:
    store = ["--store", tmp_path / "s"]
    job_id = await anyio.to_thread.run_sync(by_fal_client, providers, {"prompt": "a cat"})
    job = [WORKFLOWS, FAL, "--server", f"fal={providers.fal_url}", "--input", "app=fal-ai/flux"]
    outputs = ["--outputs", json.dumps({"submit": {"request_id": job_id}})]
    code, out, _ = await ran("runs", "attach", *job, *store, *outputs, "--json")
    ended = json.loads(out)
    assert (code, ended["status"], ended["outputs"]["request_id"]) == (0, "completed", job_id)
    assert [providers.record.submits(job) for job in providers.record.jobs] == [1]

    code, out, _ = await ran(
        "runs", "attach", *job, *store, "--outputs", '{"submit": {"request_id": "none"}}', "--json"
    )
    lost = json.loads(out)
    assert (code, lost["status"]) == (1, "failed")
    code, out, _ = await ran("runs", "attach", lost["run_id"], *store, *outputs, "--json")
    assert (code, json.loads(out)["outputs"]["request_id"]) == (0, job_id)

    assert (await ran("runs", "wait", ended["run_id"], *store))[0] == 0
    code, out, _ = await ran("runs", "wait", ended["run_id"], lost["run_id"], *store, "--json")
    assert (code, [one["status"] for one in json.loads(out)]) == (1, ["completed", "failed"])
    code, out, _ = await ran("runs", "list", "--status", "failed", *store, "--json")
    assert [one["run_id"] for one in json.loads(out)] == [lost["run_id"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["attach", "run_x"], "there is no run 'run_x'"),
        (["attach", "run_x", "--input", "a=b"], "leave them out"),
        (["attach", WORKFLOWS, FAL, "x"], "one RUN, or PATH and WORKFLOW"),
        (["attach", WORKFLOWS, FAL, "--outputs", "{"], "--outputs is no JSON"),
        (["attach", WORKFLOWS, FAL, "--outputs", '{"submit": 7}'], "must be an object"),
        (["wait", "run_x"], "there is no run 'run_x'"),
    ],
)
async def test_bad_usage_of_the_command_line(arguments: list[str | Path], says: str, tmp_path: Path) -> None:
    code, _, error = await ran("runs", *arguments, "--store", tmp_path / "s")
    assert code == 2
    assert says in " ".join(error.replace("│", " ").split())


def test_the_statuses_of_the_command_line_are_those_of_runs() -> None:
    assert [one.value for one in Status] == [one.value for one in RunStatus]
