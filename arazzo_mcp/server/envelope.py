"""A run as agents see it: one fixed envelope for every tool."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run, RunStatus

MOST_BYTES: Final = 400_000
"""Clients lose messages of more than 1 MiB, and a result stands in its message twice."""

_POLL_SECONDS: Final = 5

ENVELOPE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "run_id": {"type": "string", "description": "Handle for run_status and run_cancel."},
        "workflow": {"type": "string"},
        "status": {"enum": [status.value for status in RunStatus]},
        "step": {"type": "string", "description": "Where the run is, or where it ended."},
        "outputs": {"type": "object", "description": "The workflow's outputs, as far as there are any."},
        "error": {"type": "object", "description": "What went wrong, where, with which values."},
        "upstream": {"type": "object", "description": "What the provider last said of its job."},
        "remote": {"type": "string", "description": "What a cancel achieved at the provider."},
        "waited_seconds": {"type": "number", "description": "How long this call waited."},
        "poll_after_seconds": {"type": "number"},
        "next": {"type": "string", "description": "What to do next."},
    },
    "required": ["run_id", "workflow", "status", "step", "waited_seconds"],
}


def envelope(run: Run, waited: float, *, cancelling: bool = False) -> dict[str, Json]:
    """The envelope of a run. `waited`: seconds that this call has waited."""
    outcome = run.outcome
    shown: dict[str, Json] = {
        "run_id": run.id,
        "workflow": run.workflow,
        "status": run.status.value,
        "step": run.state.step,
        "outputs": _bounded(outcome.outputs, run.id) if outcome and outcome.outputs else None,
        "error": outcome.error if outcome else None,
        "upstream": run.state.upstream or None,
        "remote": run.state.remote,
        "waited_seconds": round(waited, 1),
    }
    if not run.ended:
        shown["poll_after_seconds"] = _poll_after(run)
        shown["next"] = _next(run, cancelling=cancelling)
    return {name: value for name, value in shown.items() if value is not None}


def _poll_after(run: Run) -> int:
    return max(_POLL_SECONDS, round((run.due or 0) - time.time()))


def _next(run: Run, *, cancelling: bool) -> str:
    if run.state.remote == "already_completed":
        said = "The job could not be cancelled any more; the run goes on to its result."
    elif cancelling:
        said = "The cancel is under way."
    else:
        said = "The run goes on."
    ask = f"Call run_status with run_id {run.id!r} and wait_seconds 45 to wait for a change"
    return f"{said} {ask}, run_cancel to stop it."


def _bounded(outputs: dict[str, Json], run_id: str) -> dict[str, Json]:
    """Outputs that a message cannot carry are named with their size instead."""
    sizes = {name: _size(value) for name, value in outputs.items()}
    if sum(sizes.values()) <= MOST_BYTES:
        return outputs
    room = MOST_BYTES // len(outputs)
    return {
        name: value
        if sizes[name] <= room
        else f"{sizes[name]} bytes, too large for a message: see `arazzo-mcp runs show {run_id}`"
        for name, value in outputs.items()
    }


def _size(value: Json) -> int:
    """Bytes in a message, where the text of the result is JSON within JSON."""
    return len(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False).encode())
