"""Many runs at once: waiting for any or all of them within one call, and how they are told together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.seams import Engine
from arazzo_mcp.errors import UnknownRun
from arazzo_mcp.server.envelope import MOST_BYTES, envelope, size_of
from arazzo_mcp.server.follow import HEARTBEAT_SECONDS, Context, time_left

Until = Literal["any", "all"]

SEVERAL_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "runs": {
            "type": "array",
            "description": "In the order asked for: the ended ones with their outputs, the others in a line.",
            "items": {
                "type": "object",
                "properties": {
                    "run_id": {"type": "string"},
                    "workflow": {"type": "string"},
                    "status": {"enum": [status.value for status in RunStatus]},
                },
                "required": ["run_id", "workflow", "status"],
            },
        },
        "done": {"type": "array", "items": {"type": "string"}, "description": "The ids of those that have ended."},
        "working": {"type": "array", "items": {"type": "string"}},
        "unknown": {"type": "array", "items": {"type": "string"}, "description": "Ids of no run."},
        "waited_seconds": {"type": "number"},
        "next": {"type": "string"},
    },
    "required": ["runs", "done", "working", "waited_seconds"],
}


async def wait_for_several(
    engine: Engine, context: Context, run_ids: Sequence[str], seconds: float, until: Until
) -> tuple[list[Run], float]:
    """The runs when any or all of them have ended, or after so many seconds, and the seconds waited; with progress at
    every end and every few seconds. Ids of no run are left out.

    Raises:
        UnknownRun: none of them is the id of a run.
    """
    started = time.monotonic()
    runs = {run.id: run for run in await engine.wait_any(run_ids, "", 0)}
    if not runs:
        await engine.get(run_ids[0], "")  # says whether it was pruned
        raise UnknownRun(f"there is no run {', '.join(map(repr, run_ids))}")
    while not _is_over(runs.values(), until) and (left := time_left(started, seconds)) > 0:
        working = [run.id for run in runs.values() if not run.ended]
        runs |= {run.id: run for run in await engine.wait_any(working, "", min(HEARTBEAT_SECONDS, left))}
        ended = sum(run.ended for run in runs.values())
        elapsed = round(time.monotonic() - started, 3)
        await context.session.report_progress(elapsed, None, f"{ended} of {len(runs)} ended")
    return list(runs.values()), time.monotonic() - started


def _is_over(runs: Iterable[Run], until: Until) -> bool:
    ended = [run.ended for run in runs]
    return any(ended) if until == "any" else all(ended)


def several(runs: Sequence[Run], run_ids: Sequence[str], waited: float) -> dict[str, Json]:
    """Runs as one result. run_ids: what was asked for."""
    known = {run.id for run in runs}
    done = [run.id for run in runs if run.ended]
    working = [run.id for run in runs if not run.ended]
    told: dict[str, Json] = {
        "runs": [_ended(run, MOST_BYTES // len(done)) if run.ended else _working(run) for run in runs],
        "done": done,
        "working": working,
        "unknown": [run_id for run_id in dict.fromkeys(run_ids) if run_id not in known] or None,
        "waited_seconds": round(waited, 1),
        "next": "Call run_wait with the run_ids of `working` to go on waiting for them." if working else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _working(run: Run) -> dict[str, Json]:
    return {"run_id": run.id, "workflow": run.workflow, "status": run.status.value, "now": run.line()}


def _ended(run: Run, room: int) -> dict[str, Json]:
    """An envelope without what only concerns one call; outputs that take more than their share are named alone."""
    told = {name: value for name, value in envelope(run, 0).items() if name not in ("waited_seconds", "upstream")}
    outputs = told.get("outputs", {})
    if size_of(outputs) > room:
        told["outputs"] = dict.fromkeys(outputs, "too large to be told with others: see run_status")
    return told
