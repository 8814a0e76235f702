"""What a durable poll costs, as a ratio to a bare loop of the same requests over the same client.

    python -m tests.bench.engine [--polls 200] [--runs 50]

The bare loop and the engine take turns, so that both see the same machine; the best of each is compared.
Run by hand: no test depends on time.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import anyio

from arazzo_mcp.app import catalog, load, open_engine
from arazzo_mcp.arazzo.command import Argument, Body, CallOperation, Target
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.http import ApiClient
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.server.catalog import Offer
from arazzo_mcp.settings import Settings

API = """
openapi: 3.1.0
info: {title: jobs, version: '1'}
servers: [{url: 'URL'}]
paths:
  /jobs/{looks}:
    parameters: [{name: looks, in: path, required: true, schema: {type: string}}]
    post: {operationId: submit}
  /job/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: look}
"""
FLOW = """
arazzo: 1.0.1
info: {title: jobs, version: '1'}
sourceDescriptions: [{name: api, url: jobs.openapi.yaml, type: openapi}]
workflows:
- workflowId: job
  inputs: {type: object, properties: {looks: {type: string}}}
  steps:
  - stepId: submit
    operationId: submit
    parameters: [{name: looks, in: path, value: $inputs.looks}]
    successCriteria: [{condition: $statusCode == 201}]
    outputs: {id: $response.body#/id}
  - stepId: poll
    operationId: look
    parameters: [{name: id, in: path, value: $steps.submit.outputs.id}]
    successCriteria: [{condition: $statusCode == 200}]
    onSuccess:
    - {name: again, type: goto, stepId: poll, criteria: [{condition: $response.body#/state == 'busy'}]}
    outputs: {state: $response.body#/state}
  outputs: {state: $steps.poll.outputs.state}
"""


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """The provider of these benchmarks; its URL."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.provider"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def bare(client: ApiClient, submit: Operation, look: Operation, polls: int) -> None:
    """The same requests, with nothing around them."""
    made = await client.perform(
        CallOperation("s", Target("api", submit.key, "POST"), (Argument("looks", "path", str(polls)),), Body(None, {})),
        submit,
    )
    call = CallOperation("p", Target("api", look.key, "GET"), (Argument("id", "path", made.body["id"]),), None)
    while (await client.perform(call, look)).body["state"] != "done":
        pass


async def at_once(one: Callable[[], Awaitable[None]], runs: int) -> float:
    """Seconds for so many at once."""
    started = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(runs):
            tasks.start_soon(one)
    return time.perf_counter() - started


@contextlib.asynccontextmanager
async def engine_over(url: str, folder: Path) -> AsyncIterator[tuple[LocalEngine, Offer, tuple[Operation, Operation]]]:
    """An engine without a pace over a store on disk, the workflow, and its two operations."""
    (folder / "jobs.openapi.yaml").write_text(API.replace("URL", url))
    (folder / "jobs.arazzo.yaml").write_text(FLOW)
    settings = Settings(store=folder / "runs.sqlite3", pace_first=1e-9, pace_most=1e-9)
    library = load([folder / "jobs.arazzo.yaml"], settings)
    offer = catalog(library).named("job").offer
    (linked,) = library.descriptions
    operations = linked.sources["api"].operation("POST /jobs/{looks}"), linked.sources["api"].operation("GET /job/{id}")
    async with open_engine(library, settings, take_over=False) as engine:
        yield engine, offer, operations


async def measure(polls: int, runs: int, rounds: int = 5) -> None:
    """Print requests per second of both, and their ratio, for one run and for many."""
    with provider() as url, tempfile.TemporaryDirectory() as folder:
        async with engine_over(url, Path(folder)) as (engine, offer, operations), ApiClient(Credentials({})) as client:

            async def durable() -> None:
                inputs = {"looks": str(polls)}
                run = await engine.start(offer.program_digest, offer.document, "job", inputs)
                ended = await engine.wait(run.id, "", 600)
                assert ended.status == "completed", ended.outcome

            async def plain() -> None:
                await bare(client, *operations, polls)

            for many in (1, runs):
                seconds = [(await at_once(plain, many), await at_once(durable, many)) for _ in range(rounds)]
                of_bare, of_engine = (min(column) for column in zip(*seconds, strict=True))
                requests = many * (polls + 1)
                sys.stdout.write(
                    f"{many:4} runs x {polls} polls: bare {requests / of_bare:6.0f}/s, "
                    f"durable {requests / of_engine:6.0f}/s, ratio {of_bare / of_engine:.2f}\n"
                )


def main() -> None:
    """The command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--polls", type=int, default=200)
    parser.add_argument("--runs", type=int, default=50)
    given = parser.parse_args()
    anyio.run(measure, given.polls, given.runs)


if __name__ == "__main__":
    main()
