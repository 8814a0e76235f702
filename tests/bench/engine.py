"""What durability costs, as ratios to a bare loop of the same requests over the same client on the same machine.

    python -m tests.bench.engine [a b c d e] [--rounds 3]

    a   one run of 200 polls without a delay, and 50 such runs at once: requests per second
    b   500 runs that poll 10 times at 1 s: how late the polls are, and CPU
    c   10,000 sleeping runs: memory
    d   500 runs in flight: seconds until all of them are polled again after kill -9
    e   from the request to cancel a run to the request at the provider

Each part is a process of its own. The bare loop and the engine take turns, so that both see the same machine, and the
best round counts. Run by hand: no test depends on time.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio

from arazzo_mcp.app import catalog, load, open_engine, settle
from arazzo_mcp.arazzo.command import Argument, Body, CallOperation, Target
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.http.client import ApiClient
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
  /job/{id}/cancel:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    post: {operationId: cancel}
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


def moments(url: str) -> dict[str, list[float]]:
    """What has arrived at the provider since it was asked last, and when."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/moments", timeout=30) as answer:
        told: dict[str, list[float]] = json.load(answer)
    return told


async def bare(client: ApiClient, submit: Operation, look: Operation, polls: int, delay: float = 0.0) -> None:
    """The same requests, with nothing around them."""
    made = await client.perform(
        CallOperation("s", Target("api", submit.key, "POST"), (Argument("looks", "path", str(polls)),), Body(None, {})),
        submit,
    )
    call = CallOperation("p", Target("api", look.key, "GET"), (Argument("id", "path", made.body["id"]),), None)
    while (await client.perform(call, look)).body["state"] != "done":
        if delay:
            await anyio.sleep(delay)


async def at_once(one: Callable[[], Awaitable[Any]], runs: int, spread: float = 0.0) -> float:
    """Seconds for so many at once, begun within `spread` seconds."""

    async def later(number: int) -> None:
        await anyio.sleep(spread * number / runs)
        await one()

    started = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number in range(runs):
            tasks.start_soon(later, number)
    return time.perf_counter() - started


@dataclass(frozen=True)
class Bench:
    """An open engine, the workflow and its operations, and the provider's URL."""

    engine: LocalEngine
    offer: Offer
    operations: tuple[Operation, Operation]
    url: str

    async def start(self, polls: int) -> str:
        """A run that polls so often; its id."""
        offer, inputs = self.offer, {"looks": str(polls)}
        return (await self.engine.start(offer.program_digest, offer.document, "job", inputs)).id

    async def durable(self, polls: int) -> None:
        """A run to its end."""
        ended = await self.engine.wait(await self.start(polls), "", 600)
        assert ended.status == "completed", ended.outcome


@contextlib.asynccontextmanager
async def engine_over(url: str, folder: Path, pace: float = 1e-9, *, take_over: bool = False) -> AsyncIterator[Bench]:
    """An engine over a store on disk. pace: seconds between polls."""
    (folder / "jobs.openapi.yaml").write_text(API.replace("URL", url))
    (folder / "jobs.arazzo.yaml").write_text(FLOW)
    settings = Settings(store=folder / "runs.sqlite3", pace_first=pace, pace_factor=1.0, pace_most=pace)
    library = load([folder / "jobs.arazzo.yaml"], settings)
    offer = catalog(library).named("job").offer
    (linked,) = library.descriptions
    operations = linked.sources["api"].operation("POST /jobs/{looks}"), linked.sources["api"].operation("GET /job/{id}")
    async with open_engine(library, settings, take_over=take_over) as engine:
        settle()  # as `serve` does
        yield Bench(engine, offer, operations, url)


@contextlib.asynccontextmanager
async def bench(pace: float = 1e-9) -> AsyncIterator[tuple[Bench, ApiClient]]:
    """An engine over a new provider and a new store, and a bare client."""
    with provider() as url, tempfile.TemporaryDirectory() as folder:
        async with engine_over(url, Path(folder), pace) as opened, ApiClient(Credentials({})) as client:
            yield opened, client


# --- the parts: each gives its lines


async def throughput(polls: int = 200, runs: int = 50, turns: int = 3) -> dict[str, float]:
    """How many of the bare loop's requests per second are left."""
    figures = {}
    async with bench() as (on, client):
        for many in (1, runs):
            plain, durable = partial(bare, client, *on.operations, polls), partial(on.durable, polls)
            seconds = [(await at_once(plain, many), await at_once(durable, many)) for _ in range(turns)]
            of_bare, of_engine = (min(column) for column in zip(*seconds, strict=True))
            requests = many * (polls + 1)
            figures[f"{many} at once: bare requests/s"] = requests / of_bare
            figures[f"{many} at once: durable requests/s"] = requests / of_engine
            figures[f"{many} at once: ratio (goal 0.6)"] = of_bare / of_engine
    return figures


async def lateness(polls: int = 10, runs: int = 500) -> dict[str, float]:
    """How late polls are that are due each second, and the CPU of both."""
    figures = {}
    async with bench(1.0) as (on, client):
        for name, one in (
            ("bare", partial(bare, client, *on.operations, polls, 1.0)),
            ("durable", partial(on.durable, polls)),
        ):
            cpu = time.process_time()
            await at_once(one, runs, spread=1.0)
            figures[f"{name}: CPU s"] = time.process_time() - cpu
            late = sorted(
                (after - before - 1.0) * 1000
                for looks in moments(on.url).values()
                for before, after in itertools.pairwise(looks)
            )
            figures[f"{name}: polls late p50 ms"] = statistics.median(late)
            figures[f"{name}: polls late p99 ms (goal 100)"] = late[int(len(late) * 0.99)]
    figures["CPU ratio (goal 2)"] = figures["durable: CPU s"] / figures["bare: CPU s"]
    return figures


async def memory(runs: int = 10_000) -> dict[str, float]:
    """What sleeping runs weigh, everything that is loaded included."""
    async with bench(3600.0) as (on, _):
        await on.durable(1)
        before, begun = _resident(), time.perf_counter()
        for _ in range(runs // 500):
            await at_once(partial(on.start, 1000), 500)
        while any(len(live.run.state.frame.laps) == 0 for live in on.engine._live.values()):
            await anyio.sleep(0.2)
        after = _resident()
        return {
            "resident MB before": before,
            f"resident MB with {runs} runs (goal 300)": after,
            "KB a run": (after - before) * 1024 / runs,
            "seconds until all slept": time.perf_counter() - begun,
        }


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


async def recovery(runs: int = 500) -> dict[str, float]:
    """From the start of a process to the last poll of the runs of one that was killed."""
    with provider() as url, tempfile.TemporaryDirectory() as folder:
        victim = _child("victim", url, folder, str(runs))
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"all poll\n"
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
        moments(url)
        started = time.time()
        heir = _child("heir", url, folder)
        assert heir.stdout is not None
        opened = float(heir.stdout.readline())
        seen: dict[str, float] = {}
        with anyio.fail_after(60):
            while len(seen) < runs:
                await anyio.sleep(0.05)
                for job, at in moments(url).items():
                    seen.setdefault(job, at[0])
        heir.kill()
        heir.wait()
        heir.stdout.close()
    last = max(seen.values())
    return {
        "s from the opening of the store (goal 3)": last - opened,
        "s from the start of the process": last - started,
    }


def _child(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.bench.engine", *arguments], stdout=subprocess.PIPE)


async def victim(url: str, folder: str, runs: str) -> None:
    """The process that is killed: it says so when all its runs are in flight."""
    async with engine_over(url, Path(folder), 1.0) as on:
        await at_once(partial(on.start, 100_000), int(runs))
        while any(len(live.run.state.frame.laps) == 0 for live in on.engine._live.values()):
            await anyio.sleep(0.05)
        sys.stdout.write("all poll\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


async def heir(url: str, folder: str) -> None:
    """The process that takes the runs over: it says when it begins."""
    sys.stdout.write(f"{time.time()}\n")
    sys.stdout.flush()
    async with engine_over(url, Path(folder), 1.0, take_over=True):
        await anyio.sleep_forever()


async def cancelling(runs: int = 200, others: int = 300) -> dict[str, float]:
    """Runs that sleep are cancelled while others poll each second."""
    async with bench(1.0) as (on, _):
        await at_once(partial(on.start, 100_000), runs + others, spread=1.0)
        await anyio.sleep(2.0)
        asked: dict[str, float] = {}
        for run in (await on.engine.newest("", runs))[:runs]:
            job = (await on.engine.get(run.id)).state.frame.outputs["submit"]["id"]
            asked[f"cancel {job}"] = time.time()
            await on.engine.cancel(run.id)
            await anyio.sleep(0.01)
        await anyio.sleep(1.0)
        told = moments(on.url)
        took = sorted((told[job][0] - at) * 1000 for job, at in asked.items())
    return {"ms p50": statistics.median(took), "ms p99 (goal 100)": took[int(len(took) * 0.99)]}


PARTS: Final[dict[str, Callable[[], Awaitable[dict[str, float]]]]] = {
    "a": throughput, "b": lateness, "c": memory, "d": recovery, "e": cancelling,
}  # fmt: skip
_HIGHER_IS_BETTER: Final = ("requests/s", "ratio (goal 0.6)")


def _best(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Each figure of its best round."""
    return {name: (max if name.endswith(_HIGHER_IS_BETTER) else min)(one[name] for one in rounds) for name in rounds[0]}


def _table(parts: list[str], rounds: int) -> None:
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, best of {rounds}\n")
    for part in parts:
        told = [
            json.loads(subprocess.run([sys.executable, "-m", "tests.bench.engine", f"only-{part}"],
                                      stdout=subprocess.PIPE, check=True).stdout)
            for _ in range(rounds)
        ]  # fmt: skip
        sys.stdout.write(f"({part}) {PARTS[part].__doc__}\n")
        sys.stdout.writelines(f"    {value:10.2f}  {name}\n" for name, value in _best(told).items())
        sys.stdout.flush()


def main() -> None:
    """The command line of the benchmark."""
    if sys.argv[1:] and sys.argv[1].startswith("only-"):
        sys.stdout.write(json.dumps(anyio.run(PARTS[sys.argv[1].removeprefix("only-")])))
    elif sys.argv[1:2] == ["victim"]:
        anyio.run(victim, *sys.argv[2:])
    elif sys.argv[1:2] == ["heir"]:
        anyio.run(heir, *sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description="What durability costs.")
        parser.add_argument("parts", nargs="*", default=[], metavar="PART", help="a, b, c, d or e (all)")
        parser.add_argument("--rounds", type=int, default=3)
        given = parser.parse_args()
        _table(given.parts or list(PARTS), given.rounds)


if __name__ == "__main__":
    main()
