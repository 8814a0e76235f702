"""Four published workflows, byte for byte, through every transport in both protocol eras: each branch, right outputs,
the right requests in the provider's record, and nothing sent that should not be."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from arazzo_mcp.demo.providers import ServedProviders
from arazzo_mcp.server.run_tools import RUN_TOOLS
from tests.conftest import CORPUS, ERAS, SEEDS, http_server, sse_client, stdio

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("shared")]

FAL = CORPUS / "api-evangelist__fal-ai/openapi/fal-model-apis-openapi.yml"
REPLICATE = CORPUS / "api-evangelist__replicate/openapi/replicate-openapi.yml"
WINDMILL = CORPUS / "api-evangelist__windmill/openapi/windmill-api-openapi.yml"
ENVIRONMENT = {"FAL_KEY": "fal-key", "ARAZZO_MCP_WAIT_SECONDS": "45"}


def arguments(served: ServedProviders, store: Path) -> list[str | Path]:
    given: list[str | Path] = [SEEDS, "--store", store]
    for name, file, url in (
        ("falModelApis", FAL, served.fal_url),
        ("replicateApi", REPLICATE, served.replicate_url),
        ("windmillApi", WINDMILL, served.windmill_url),
    ):
        given += ["--source", f"{name}={file}", "--server", f"{name}={url}"]
    return given


@asynccontextmanager
async def connected(transport: str, era: str, served: ServedProviders, store: Path) -> AsyncIterator[Client]:
    given = arguments(served, store)
    async with AsyncExitStack() as stack:
        if transport == "stdio":
            yield await stack.enter_async_context(Client(stdio(*given, env=ENVIRONMENT), mode=era))
            return
        server = await stack.enter_async_context(http_server(*given, env=ENVIRONMENT))
        client = Client(server.mcp, mode=era) if transport == "http" else sse_client(server.sse, era)
        yield await stack.enter_async_context(client)


@dataclass(frozen=True)
class Story:
    """One branch of one workflow: what is called, what comes out, and what the provider is asked."""

    tool: str
    inputs: Callable[[str], dict[str, Any]]
    outputs: Callable[[dict[str, Any], str], None]
    asked: Callable[[str, str], list[tuple[str, str]]]
    authorization: str
    state: str


def fal(polls: int) -> Callable[[str], dict[str, Any]]:
    return lambda prompt: {
        "modelOwner": "fal-ai",
        "modelName": "flux/schnell",
        "input": {"prompt": prompt, "_demo": {"polls": polls}},
    }


def replicate(polls: int) -> Callable[[str], dict[str, Any]]:
    return lambda prompt: {
        "apiToken": "r8-token",
        "version": "v1",
        "input": {"prompt": prompt, "_demo": {"polls": polls}},
    }


def windmill(polls: int) -> Callable[[str], dict[str, Any]]:
    return lambda prompt: {
        "token": "wm-token",
        "workspace": "acme",
        "path": "f/images/draw",
        "args": {"prompt": prompt, "_demo": {"polls": polls}},
        "cancelReason": "too slow",
    }


def fal_asked(*after: tuple[str, str]) -> Callable[[str, str], list[tuple[str, str]]]:
    model = "/fal/fal-ai/flux/schnell"

    def asked(job: str, _prompt: str) -> list[tuple[str, str]]:
        return [("POST", model), *((method, f"{model}/requests/{job}{rest}") for method, rest in after)]

    return asked


def replicate_asked(gets: int, *, cancel: bool = False) -> Callable[[str, str], list[tuple[str, str]]]:
    def asked(job: str, _prompt: str) -> list[tuple[str, str]]:
        one = f"/replicate/v1/predictions/{job}"
        cancelled = [("POST", f"{one}/cancel")] if cancel else []
        return [("POST", "/replicate/v1/predictions"), *[("GET", one)] * gets, *cancelled]

    return asked


def windmill_asked(*after: tuple[str, str]) -> Callable[[str, str], list[tuple[str, str]]]:
    jobs = "/windmill/api/w/acme/jobs"

    def asked(job: str, _prompt: str) -> list[tuple[str, str]]:
        return [("POST", f"{jobs}/run/p/f/images/draw"), *((m, f"{jobs}_u/{rest}/{job}") for m, rest in after)]

    return asked


def is_image(outputs: dict[str, Any], prompt: str) -> None:
    assert set(outputs) == {"requestId", "result"}
    assert outputs["result"]["prompt"] == prompt
    assert outputs["result"]["images"][0]["content_type"] == "image/png"


def is_cancelled_image(outputs: dict[str, Any], _prompt: str) -> None:
    assert set(outputs) == {"requestId", "cancelStatus"}, "the result of a step that never ran is absent"
    assert outputs["cancelStatus"] == "CANCELLATION_REQUESTED"


def is_prediction(outputs: dict[str, Any], _prompt: str) -> None:
    assert set(outputs) == {"predictionId", "finalStatus", "output"}
    assert outputs["finalStatus"] == "succeeded"
    assert outputs["output"][0].endswith(".png")


def is_cancelled_prediction(outputs: dict[str, Any], _prompt: str) -> None:
    assert outputs["finalStatus"] in ("starting", "processing")
    assert outputs["canceledStatus"] == "canceled"
    assert outputs["output"] is None, "the last poll had no output yet"


def is_script_result(outputs: dict[str, Any], prompt: str) -> None:
    assert set(outputs) == {"jobId", "result"}
    assert uuid.UUID(outputs["jobId"])
    assert prompt in str(outputs["result"])


def is_cancelled_script(outputs: dict[str, Any], _prompt: str) -> None:
    assert set(outputs) == {"jobId", "cancelConfirmation"}
    assert outputs["jobId"] in outputs["cancelConfirmation"]


STORIES = {
    "fal: still queued, running, then done": Story(
        "queue-inference", fal(3), is_image,
        fal_asked(("GET", "/status"), ("GET", "/status"), ("GET", "/status"), ("GET", "")), "Key fal-key", "succeeded",
    ),
    "fal: not done at the first look": Story(
        "submit-and-cancel", fal(2), is_cancelled_image,
        fal_asked(("GET", "/status"), ("PUT", "/cancel")), "Key fal-key", "cancelled",
    ),
    "fal: done at the first look": Story(
        "submit-and-cancel", fal(1), is_image, fal_asked(("GET", "/status"), ("GET", "")), "Key fal-key", "succeeded",
    ),
    "replicate: done at the third look": Story(
        "predict-with-timeout-cancel", replicate(3), is_prediction, replicate_asked(3), "Bearer r8-token", "succeeded",
    ),
    "windmill: still queued": Story(
        "run-script-with-cancel-guard", windmill(2), is_cancelled_script,
        windmill_asked(("GET", "get"), ("POST", "queue/cancel")), "Bearer wm-token", "cancelled",
    ),
    "windmill: already completed": Story(
        "run-script-with-cancel-guard", windmill(1), is_script_result,
        windmill_asked(("GET", "get"), ("GET", "completed/get")), "Bearer wm-token", "succeeded",
    ),
}  # fmt: skip

LIMIT_USED_UP = Story(
    "predict-with-timeout-cancel", replicate(50), is_cancelled_prediction, replicate_asked(11, cancel=True),
    "Bearer r8-token", "cancelled",
)  # fmt: skip


async def play(client: Client, served: ServedProviders, name: str, story: Story) -> None:
    prompt = f"{name} {uuid.uuid4()}"
    result = await client.call_tool(story.tool, story.inputs(prompt))
    envelope = result.structured_content
    assert envelope is not None
    assert not result.is_error, envelope
    assert envelope["status"] == "completed"
    story.outputs(envelope["outputs"], prompt)
    (job,) = [job for job in served.record.jobs if prompt in str(job.input)]
    requests = [r for r in served.record.requests if job.id in r.path or prompt in str(r.body)]
    assert [(r.method, r.path) for r in requests] == story.asked(job.id, prompt)
    assert {r.headers["authorization"] for r in requests} == {story.authorization}
    assert served.record.submits(job) == 1
    assert job.view().state.value == story.state


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_every_branch(transport: str, era: str, published_providers: ServedProviders, tmp_path: Path) -> None:
    async with (
        connected(transport, era, published_providers, tmp_path / "runs.sqlite3") as client,
        anyio.create_task_group() as tasks,
    ):
        for name, story in STORIES.items():
            tasks.start_soon(play, client, published_providers, name, story)


async def test_limit_used_up_falls_through_to_the_cancel(published_providers: ServedProviders, tmp_path: Path) -> None:
    async with connected("http", "auto", published_providers, tmp_path / "runs.sqlite3") as client:
        await play(client, published_providers, "limit used up", LIMIT_USED_UP)


async def test_windmill_is_told_the_reason(published_providers: ServedProviders, tmp_path: Path) -> None:
    async with connected("stdio", "auto", published_providers, tmp_path / "runs.sqlite3") as client:
        await play(client, published_providers, "reason", STORIES["windmill: still queued"])
    (job,) = published_providers.record.jobs_of("windmill")
    assert job.cancel_reason == "too slow"


async def test_the_tools_are_the_workflows_with_their_own_schemas(
    published_providers: ServedProviders, tmp_path: Path
) -> None:
    async with connected("stdio", "auto", published_providers, tmp_path / "runs.sqlite3") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {
        "queue-inference", "submit-and-cancel", "predict-with-timeout-cancel", "run-script-with-cancel-guard",
        *RUN_TOOLS,
    }  # fmt: skip
    schema = tools["queue-inference"].input_schema
    assert schema["required"] == ["modelOwner", "modelName", "input"]
    assert schema["properties"]["input"]["type"] == "object"
    assert "flux/schnell" in schema["properties"]["modelName"]["description"]
