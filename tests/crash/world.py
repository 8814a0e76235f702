"""Worlds: stores in which lives are born, killed and followed by others until every run has ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from arazzo_mcp.engine.owner import HUNG_SECONDS
from tests.conftest import ROOT
from tests.crash.life import Life
from tests.crash.verdict import Verdict, judge, read_journal
from tests.crash.work import Work, work

_LIFE_SECONDS: Final = 90.0
_HUNG_SECONDS: Final = 2.0
"""How long lives wait for one that is stopped, in worlds where they are."""


@dataclass(frozen=True)
class Plan:
    """How a world goes: `processes` live at once; each starts `runs` runs and cancels `cancels` others.

    stops: lives are not killed but stopped (SIGSTOP), for shorter or longer than others wait for them, and go on.
    boundaries: the numbers of the boundaries that lives die at, one after the other; where there are none they are
    killed at random, by themselves at any boundary or from outside at any time. only: the one workflow that is run.
    """

    kills: int
    processes: int = 1
    runs: int = 3
    cancels: int = 0
    boundaries: tuple[int, ...] = ()
    faults: bool = False
    only: str = ""
    stops: bool = False


@dataclass
class Nursery:
    """The nursery's process, and who of its children is waited for."""

    process: asyncio.subprocess.Process
    born: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    dead: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    numbers: int = 0

    async def listen(self) -> None:
        """Hear of births and deaths."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            word, *numbers = line.decode().split()
            if word == "born":
                pid = int(numbers[1])
                self.dead[pid] = asyncio.get_running_loop().create_future()
                self.born.pop(int(numbers[0])).set_result(pid)
            elif word == "died":
                self.dead[int(numbers[0])].set_result(int(numbers[1]))

    async def bear(self, life: Life) -> int:
        """A new process with this life."""
        assert self.process.stdin is not None
        self.numbers += 1
        born = self.born[self.numbers] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(f"{json.dumps({'id': self.numbers, **asdict(life)})}\n".encode())
        return await born

    async def died(self, pid: int) -> int:
        """How a process ended: its exit status, or the signal, negative."""
        async with asyncio.timeout(_LIFE_SECONDS):
            return await self.dead[pid]

    def kill(self, pid: int) -> bool:
        """kill -9; False where it has died before."""
        return self.send(pid, signal.SIGKILL)

    def send(self, pid: int, sent: signal.Signals) -> bool:
        """A signal; False where it has died before."""
        if self.dead[pid].done():
            return False
        try:
            os.kill(pid, sent)
        except ProcessLookupError:  # its death has not been heard of yet
            return False
        return True


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A process of this package, and its first line; it is killed at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        limit=2**20,
    )  # fmt: skip
    assert started.stdout is not None
    try:
        yield started, (await started.stdout.readline()).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


@dataclass
class Stage:
    """Where worlds are played: the provider, the nursery, and a folder for the stores."""

    nursery: Nursery
    work: Work
    provider: str
    folder: Path
    worlds: int = 0

    def record(self) -> dict[str, Any]:
        """The provider's record."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.provider}/_record", timeout=30) as answer:
            record: dict[str, Any] = json.load(answer)
        return record

    def new_folder(self) -> Path:
        """The folder of a new world."""
        self.worlds += 1
        folder = self.folder / f"world-{self.worlds}"
        folder.mkdir()
        return folder


@contextlib.asynccontextmanager
async def stage(*, faults: float = 0.0, seed: int = 1) -> AsyncIterator[Stage]:
    """Everything that worlds need. faults: the share of the provider's answers that fail."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _, port = await stack.enter_async_context(
            process("tests.crash.provider", "--faults", str(faults), "--seed", str(seed))
        )
        provider = f"http://127.0.0.1:{port}"
        does = work(provider)
        settings = {
            "sources": does.sources, "servers": does.servers, "pace_first": 0.02, "pace_most": 0.2,
            "read_seconds": 2.0 if faults else 30.0, "store": str(folder / "unused.sqlite3"),
        }  # fmt: skip
        nursery, ready = await stack.enter_async_context(
            process("tests.crash.nursery", json.dumps(settings), *does.paths)
        )
        assert ready.startswith("ready"), "the nursery could not load the documents"
        listening = asyncio.create_task(Nursery.listen(kept := Nursery(nursery)))
        try:
            yield Stage(kept, does, provider, folder)
        finally:
            listening.cancel()


# --- a world


class World:
    """One store, and all the lives in it."""

    def __init__(self, stage: Stage, plan: Plan, seed: int) -> None:
        self.stage, self.plan, self.some = stage, plan, random.Random(seed)
        self.folder, self.name = stage.new_folder(), f"{self.some.getrandbits(40):x}"
        self.kills: Counter[str] = Counter()
        self.marks, self.boundaries = 0, list(plan.boundaries)

    async def play(self) -> Verdict:
        """Kill as often as it is planned, then let everything end."""
        await asyncio.gather(*(self._slot() for _ in range(self.plan.processes)))
        await self._to_the_end()
        self.kills.update(line.detail for line in read_journal(self.folder / "journal") if line.word == "dies")
        return judge(self.folder, self.stage.record(), self.kills, faults=self.plan.faults)

    async def _slot(self) -> None:
        """One after the other lives and dies."""
        barren = 0
        while self._killed() < self.plan.kills and barren < 20:
            before = self._killed()
            await self._life()
            barren = 0 if self._killed() > before else barren + 1

    def _killed(self) -> int:
        return self.kills.total() + self._own

    _own = 0

    async def _life(self) -> None:
        if self.plan.stops:
            await self._stopped_life()
            return
        at = self._boundary()
        pid = await self.stage.nursery.bear(self._new_life(at))
        if at == 0:
            await asyncio.sleep(self.some.uniform(0.0, 0.6))
            if self.stage.nursery.kill(pid):
                self.kills["at any time"] += 1
            await self.stage.nursery.died(pid)
            return
        status = await self.stage.nursery.died(pid)
        self._own += status == -signal.SIGKILL

    async def _stopped_life(self) -> None:
        """Stopped and continued up to three times; at last it is killed, or lives to its end."""
        pid = await self.stage.nursery.bear(self._new_life(0))
        for _ in range(3):
            await asyncio.sleep(self.some.uniform(0.0, 0.6))
            if self._killed() >= self.plan.kills or not self.stage.nursery.send(pid, signal.SIGSTOP):
                break
            self.kills["stopped"] += 1
            try:
                await asyncio.sleep(self.some.uniform(0.2, 3.0) * _HUNG_SECONDS)
            finally:
                self.stage.nursery.send(pid, signal.SIGCONT)
        if self.some.random() < 0.3:
            self.stage.nursery.kill(pid)
        await self.stage.nursery.died(pid)

    def _boundary(self) -> int:
        if self.boundaries:
            return self.boundaries.pop(0)
        return 0 if self.some.random() < 0.5 else self.some.randint(1, 60)

    def _new_life(self, at: int) -> Life:
        marks = [f"mark-{self.name}-{self.marks + n}" for n in range(self.plan.runs)]
        self.marks += len(marks)
        return Life(
            str(self.folder),
            self.stage.work.runs(self.some, marks, self.plan.only),
            at,
            self.plan.cancels,
            # of what is stopped some runs are always under way
            start_seconds=1.5 if self.plan.stops else 0.4 if at == 0 else 0.0,
            seed=self.some.getrandbits(32),
            request_seconds=3.0 if self.plan.faults else 30.0,
            hung_seconds=_HUNG_SECONDS if self.plan.stops else HUNG_SECONDS,
        )

    async def _to_the_end(self) -> None:
        """The last lives start nothing; they end when every run has."""
        patience = 3.0 if self.plan.faults else 30.0
        hung = _HUNG_SECONDS if self.plan.stops else HUNG_SECONDS
        last = [Life(str(self.folder), request_seconds=patience, hung_seconds=hung) for _ in range(self.plan.processes)]
        pids = [await self.stage.nursery.bear(life) for life in last]
        for pid in pids:
            with contextlib.suppress(TimeoutError):
                assert await self.stage.nursery.died(pid) == 0, (self.folder / "log").read_text()[-3000:]


async def play(stage: Stage, plans: list[Plan], seed: int, *, at_once: int = 4) -> Verdict:
    """Play worlds, a few at once, and add up their verdicts."""
    together, room = Verdict(), asyncio.Semaphore(at_once)

    async def one(number: int, plan: Plan) -> None:
        async with room:
            together.add(await World(stage, plan, seed * 1000 + number).play())

    await asyncio.gather(*(one(number, plan) for number, plan in enumerate(plans)))
    return together
