"""One life: a process with an engine over a shared store, from its opening to its end, mostly a violent one.

The engine is put together by `arazzo_mcp.app`, as the server does it; only the classes of its store and its client are
others. The MCP face is left out: nothing durable is decided there, and it would cost a second a life.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from arazzo_mcp import app
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.owner import HUNG_SECONDS
from arazzo_mcp.errors import ArazzoMcpError
from arazzo_mcp.library import Library
from arazzo_mcp.settings import Settings
from tests.crash.mortal import Fate, mortal_client, mortal_store
from tests.crash.work import ENVIRONMENT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Life:
    """What a life is to do.

    start: runs to start; at: the number of the boundary that it dies at, 0 for none; cancels: how many runs it cancels,
    at moments of its own choice; stays: seconds that it stays after every run has ended; start_seconds: within which
    its runs are started; hung_seconds: so long another life may stand still before its runs are taken over.
    """

    folder: str
    start: list[dict[str, Any]] = field(default_factory=list)
    at: int = 0
    cancels: int = 0
    stays: float = 0.0
    start_seconds: float = 0.0
    seed: int = 0
    request_seconds: float = 30.0
    hung_seconds: float = HUNG_SECONDS


async def live(life: Life, library: Library, settings: Settings) -> None:
    """Go on with what is there, start what there is to start, and end when all runs have ended."""
    folder, some = Path(life.folder), random.Random(life.seed)
    fate = Fate(folder / "journal", life.at)
    app.SqliteStore = mortal_store(fate)  # type: ignore[misc]
    app.ApiClient = mortal_client(fate)  # type: ignore[misc]
    app.LocalEngine = partial(LocalEngine, hung_seconds=life.hung_seconds)  # type: ignore[assignment, misc]
    own = settings.model_copy(update={"store": folder / "runs.sqlite3", "request_seconds": life.request_seconds})
    async with app.open_engine(library, own, take_over=True, environ=ENVIRONMENT) as engine:
        fate.note("opens", detail=engine.owner)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_start, life, library, engine, fate, some)
            for _ in range(life.cancels):
                tasks.start_soon(_cancel, engine, fate, some)
        await _until_all_have_ended(engine)
        await anyio.sleep(life.stays)
        await _until_all_have_ended(engine)


async def _start(life: Life, library: Library, engine: LocalEngine, fate: Fate, some: random.Random) -> None:
    tools = app.catalog(library)
    for run in life.start:
        offer, mark = tools.named(run["workflow"]).offer, run["mark"]
        fate.note("start>", "-", mark)
        started = await engine.start(offer.program_digest, offer.document, offer.workflow.id, run["inputs"])
        fate.note("started", started.id, mark)
        await anyio.sleep(some.uniform(0, life.start_seconds / len(life.start)))


async def _cancel(engine: LocalEngine, fate: Fate, some: random.Random) -> None:
    """Cancel any run that works, whoever drives it."""
    await anyio.sleep(some.uniform(0, 0.4))
    working = [run for run in await engine.newest("", 1000) if not run.ended]
    if working:
        run = some.choice(working)
        fate.note("cancel>", run.id)
        try:
            await engine.cancel(run.id)
        except ArazzoMcpError as error:
            log.error("cancel: %s", error)
        else:
            fate.note("cancelled", run.id)


async def _until_all_have_ended(engine: LocalEngine) -> None:
    while any(not run.ended for run in await engine.newest("", 1000)):
        await anyio.sleep(0.05)
