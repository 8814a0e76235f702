"""Waiting for a run within a call, with signs of life for hosts that want them."""

from __future__ import annotations

import math
import time
from typing import Any, Final

from mcp.server import ServerRequestContext

from arazzo_mcp.engine.run import Run
from arazzo_mcp.engine.seams import Engine

HEARTBEAT_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 0.001
_SETTLE_SECONDS: Final = 1.0
"""How long a change is held back while a request is under way: what follows at once, such as the end after a last
fetch, is no reason for a second call."""

Context = ServerRequestContext[Any, Any]


async def follow(
    engine: Engine, context: Context, run: Run, seconds: float, *, until_change: bool
) -> tuple[Run, float]:
    """Wait for a run with progress at all its news and every few seconds; the run, and the seconds waited.

    until_change: come back as soon as its fingerprint is another and it rests, not only when it has ended. The progress
    that is reported is the seconds waited, for it must rise and a provider's percent may fall; that stands in the
    message.
    """
    started = time.monotonic()
    first, reported, until, settled = run.fingerprint(), 0.0, started + seconds, math.inf
    while not run.ended and (left := min(until, settled) - time.monotonic()) > 0:
        if until_change and run.fingerprint() != first:
            if run.due is not None:
                break
            settled = min(settled, time.monotonic() + _SETTLE_SECONDS)
        run = await engine.wait(run.id, run.principal, min(HEARTBEAT_SECONDS, left), run.news())
        reported = max(round(time.monotonic() - started, 3), round(reported + _TICK_SECONDS, 3))
        await context.session.report_progress(reported, None, run.line())
    return run, time.monotonic() - started


def time_left(started: float, seconds: float) -> float:
    """What is left of so many seconds since a moment of the monotonic clock."""
    return seconds - (time.monotonic() - started)
