"""A run as agents see it: one fixed envelope for every tool."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from arazzo_mcp.arazzo.command import REPEATABLE
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run, RunStatus, attach_call
from arazzo_mcp.server.working import MOST_WORKING_BYTES, so_far, within

MOST_BYTES: Final = 400_000
"""Clients lose messages of more than 1 MiB, and a result stands in its message twice."""

_POLL_SECONDS: Final = 5

ENVELOPE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "run_id": {"type": "string", "description": "Handle for run_status and run_cancel."},
        "workflow": {"type": "string"},
        "status": {"enum": [status.value for status in RunStatus]},
        "deduplicated": {"type": "boolean", "description": "The run of an earlier call: no other was started."},
        "step": {"type": "string", "description": "Where the run is, or where it ended."},
        "outputs": {"type": "object", "description": "The workflow's outputs, as far as there are any."},
        "error": {"type": "object", "description": "What went wrong, where, with which values."},
        "attempt": {"type": "integer", "description": "How often in a row the step's request was made."},
        "upstream": {
            "type": "object",
            "description": "What the provider last said of its job: status, queue_position, percent, last log lines.",
        },
        "outputs_so_far": {"type": "object", "description": "What the step has put out while the run is working."},
        "remote": {"type": "string", "description": "What a cancel achieved at the provider."},
        "elapsed_seconds": {"type": "number", "description": "How long the run has taken so far."},
        "waited_seconds": {"type": "number", "description": "How long this call waited."},
        "next_poll_seconds": {"type": "number", "description": "When arazzo-mcp itself makes the next request."},
        "poll_after_seconds": {"type": "number", "description": "When it is worth asking for the status again."},
        "next": {"type": "string", "description": "What to do next."},
    },
    "required": ["run_id", "workflow", "status", "step", "waited_seconds"],
}
ENVELOPE_SHAPE: Final[dict[str, Any]] = {
    **ENVELOPE_SCHEMA,
    "properties": {
        name: {word: value for word, value in schema.items() if word != "description"}
        for name, schema in ENVELOPE_SCHEMA["properties"].items()
    },
}
"""The same without words: every workflow has it, some hosts show it to the model, and run_status has the words."""


def envelope(run: Run, waited: float, most: int | None = MOST_WORKING_BYTES) -> dict[str, Json]:
    """The envelope of a run. waited: seconds that this call has waited; most: how many bytes that of a working run may
    have, None for all that is known."""
    outcome, working = run.outcome, not run.ended
    shown: dict[str, Json] = {
        "run_id": run.id,
        "workflow": run.workflow,
        "status": run.status.value,
        "step": run.state.step,
        "outputs": _bounded(outcome.outputs, run.id) if outcome and outcome.outputs else None,
        "error": outcome.error if outcome else None,
        "attempt": run.attempt if working and run.attempt else None,
        "upstream": run.state.upstream or None,
        "outputs_so_far": (so_far(run) or None) if working else None,
        "remote": "pending" if run.cancel and not run.ended else run.state.remote,
        "elapsed_seconds": round(run.elapsed, 1),
        "waited_seconds": round(waited, 1),
        "next_poll_seconds": None if run.due is None or run.ended else max(0, round(run.due - time.time(), 1)),
        "poll_after_seconds": None if run.ended else max(_POLL_SECONDS, round((run.due or 0) - time.time())),
        "next": _next(run),
    }
    told = {name: value for name, value in shown.items() if value is not None}
    return within(told, most) if working and most is not None else told


def _next(run: Run) -> str | None:
    """What an agent does best now: above all, when calling the workflow again would pay twice."""
    if not run.ended:
        return _next_of_working(run)
    if run.may_live_on and run.state.remote is not None:
        return _CANCELLED.get(run.state.remote)
    if run.may_live_on:
        return (
            "The job of this run may still run and be billed at the provider, and calling the workflow again starts "
            f"another one. run_cancel with run_id {run.id!r} cancels it; run_attach with this run_id goes on waiting "
            "for it and submits nothing."
        )
    if run.status is RunStatus.FAILED and run.state.submits:
        return "The job has ended at the provider; calling the workflow again starts another one."
    if run.status is RunStatus.FAILED and _failed_at_submit(run):
        return (
            "The provider failed while it took the request, and may have started a job all the same: look for it "
            "there before you call again."
        )
    if run.status is RunStatus.FAILED:
        return "Nothing was started at the provider: correct the cause, then call again."
    if run.status is RunStatus.IN_DOUBT:
        return _next_in_doubt(run)
    return _CANCELLED.get(run.state.remote or "") if run.status is RunStatus.CANCELLED else None


def _failed_at_submit(run: Run) -> bool:
    """Whether the last answer was a 5xx to a request that starts something: it says nothing of what became of it."""
    error = (run.outcome and run.outcome.error) or {}
    method = str(error.get("request", "")).partition(" ")[0]
    return int(error.get("http_status") or 0) >= 500 and method not in (*REPEATABLE, "")


def _next_in_doubt(run: Run) -> str:
    attach = ((run.outcome and run.outcome.error) or {}).get("attach")
    how = f" If it does: {attach_call(attach)} goes on with it." if attach else ""
    return f"Do not call the workflow again before you know at the provider whether the job exists.{how}"


def _next_of_working(run: Run) -> str:
    wait = f"Call run_status with run_id {run.id!r} and wait_seconds 45 to wait for a change"
    if run.cancel:
        return f"A cancel was asked for and waits for the request that is under way. {wait}."
    if run.state.remote == "already_completed":
        return f"The job could not be cancelled any more; the run goes on to its result and to nothing else. {wait}."
    return f"The run goes on by itself. {wait}, run_cancel to stop it."


_LIVES_ON: Final = "the run is stopped here, but its job may still run and be billed at the provider."
_CANCELLED: Final = {
    "failed": f"The provider did not take the cancel (see upstream): {_LIVES_ON}",
    "unsupported": f"No way to cancel the job is known, or it is turned off in the settings: {_LIVES_ON}",
    "cancel_requested": "The provider was asked to stop the job and has accepted that.",
    "nothing_started": "Nothing was started at the provider.",
    "already_completed": (
        "The job had completed before the cancel came: its outputs so far are here. Nothing further was submitted."
    ),
}


def _bounded(outputs: dict[str, Json], run_id: str) -> dict[str, Json]:
    """Outputs that a message cannot carry are named with their size instead."""
    sizes = {name: size_of(value) for name, value in outputs.items()}
    if sum(sizes.values()) <= MOST_BYTES:
        return outputs
    room = MOST_BYTES // len(outputs)
    return {
        name: value
        if sizes[name] <= room
        else f"{sizes[name]} bytes, too large for a message: see `arazzo-mcp runs show {run_id}`"
        for name, value in outputs.items()
    }


def size_of(value: Json) -> int:
    """Bytes in a message, where the text of the result is JSON within JSON."""
    return len(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False).encode())
