"""A run, or a refusal, as the result of a tool call: structured content, and the same as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import mcp.types as t

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.server.envelope import envelope

_NOTHING: Final[Mapping[str, Json]] = {}


def result(run: Run, waited: float, beside: Mapping[str, Json] = _NOTHING, *, another: str = "") -> t.CallToolResult:
    """A run as the result of a tool call; an error where it failed, is in doubt, or was stopped without its job.

    beside: what only this call has to say of it; another: for the run of an earlier call, the argument
    that starts another.
    """
    content = {**envelope(run, waited), **beside}
    if another:
        about = f"This is the run of an earlier call with the same arguments; {another} starts another."
        content |= {"deduplicated": True, "next": f"{about} {content.get('next', '')}".rstrip()}
    return t.CallToolResult(
        content=[t.TextContent(type="text", text=json.dumps(content, ensure_ascii=False))],
        structured_content=content,
        is_error=run.status in (RunStatus.FAILED, RunStatus.IN_DOUBT) or _job_lives_on(run),
    )


def _job_lives_on(run: Run) -> bool:
    return run.status is RunStatus.CANCELLED and run.state.remote in ("failed", "unsupported")


def ended_runs(answer: t.CallToolResult) -> list[str]:
    """The runs whose end a result tells: that of its envelope, or of those in its list."""
    content = answer.structured_content or {}
    told = [one for one in content.get("runs", [content]) if isinstance(one, dict) and "run_id" in one]
    return [one["run_id"] for one in told if one.get("status") != RunStatus.WORKING.value]


def refusal(message: str) -> t.CallToolResult:
    """A call that started nothing, and why."""
    return t.CallToolResult(content=[t.TextContent(type="text", text=message)], is_error=True)
