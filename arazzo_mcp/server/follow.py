"""Waiting for a run within a call, with signs of life for hosts that want them."""

from __future__ import annotations

import time
from typing import Any, Final

from mcp.server import ServerRequestContext

from arazzo_mcp.engine.run import Engine, Run

HEARTBEAT_SECONDS: Final = 5.0

Context = ServerRequestContext[Any, Any]


async def follow(
    engine: Engine, context: Context, run: Run, seconds: float, *, until_change: bool
) -> tuple[Run, float]:
    """Wait for a run with progress at every change and every few seconds; the run, and the seconds waited.

    until_change: come back as soon as it has made progress, not only when it has ended.
    """
    started = time.monotonic()
    first = seen = run.fingerprint()
    while not run.ended and (left := time_left(started, seconds)) > 0 and not (until_change and seen != first):
        run = await engine.wait(run.id, run.principal, min(HEARTBEAT_SECONDS, left), seen)
        seen = run.fingerprint()
        elapsed = time.monotonic() - started
        await context.session.report_progress(round(elapsed, 3), None, run.line())
    return run, time.monotonic() - started


def time_left(started: float, seconds: float) -> float:
    """What is left of so many seconds since a moment of the monotonic clock."""
    return seconds - (time.monotonic() - started)
