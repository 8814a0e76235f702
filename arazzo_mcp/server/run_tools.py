"""The tools that look after runs: their schemas, and what they do. The same for every workflow."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mcp.types as t
from jsonschema import Draft202012Validator

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Engine, Run
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.server.arguments import coerced, problems
from arazzo_mcp.server.envelope import ENVELOPE_SCHEMA, envelope
from arazzo_mcp.server.follow import Context, follow, time_left
from arazzo_mcp.server.results import result

MOST_WAIT_SECONDS: Final = 50.0
"""Hosts give up on a call after 60 seconds."""

CANCEL_WAIT_SECONDS: Final = 20.0
MOST_LISTED: Final = 100

_RUN_ID: Final[dict[str, Json]] = {"type": "string", "description": "The run_id of an earlier result."}


def _schema(properties: dict[str, Json], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_WAIT: Final[dict[str, Json]] = {
    "type": "number",
    "minimum": 0,
    "default": 0,
    "description": "Wait up to so many seconds (at most 50) for the run to end or to make progress.",
}
_LIST_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"runs": {"type": "array", "items": ENVELOPE_SCHEMA}},
    "required": ["runs"],
}
RUN_TOOLS: Final = {
    tool.name: tool
    for tool in (
        t.Tool(
            name="run_status",
            title="Status of a run",
            description="Where a run is, what the provider says of its job, and its outputs once it has completed. "
            "Set wait_seconds to wait here for a change instead of asking again and again.",
            input_schema=_schema({"run_id": _RUN_ID, "wait_seconds": _WAIT}, ["run_id"]),
            output_schema=ENVELOPE_SCHEMA,
            annotations=t.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
        t.Tool(
            name="run_cancel",
            title="Cancel a run",
            description="Stop a run, and cancel its remote job where the API can. `remote` in the result says what the "
            "provider answered; when it was too late the run goes on and its result is kept.",
            input_schema=_schema({"run_id": _RUN_ID}, ["run_id"]),
            output_schema=ENVELOPE_SCHEMA,
            annotations=t.ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
            ),
        ),
        t.Tool(
            name="run_list",
            title="List runs",
            description="The newest runs, newest first: use it to find a run_id again.",
            input_schema=_schema({"limit": {"type": "integer", "minimum": 1, "default": 20}}, []),
            output_schema=_LIST_SCHEMA,
            annotations=t.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
    )
}
_VALIDATORS: Final = {name: Draft202012Validator(tool.input_schema) for name, tool in RUN_TOOLS.items()}


class RunTools:
    """The handlers. What is asked for is of one principal."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._handlers: dict[str, Callable[[Context, dict[str, Json]], Awaitable[t.CallToolResult]]] = {
            "run_status": self._status,
            "run_cancel": self._cancel,
            "run_list": self._list,
        }

    async def call(self, context: Context, name: str, arguments: dict[str, Json]) -> t.CallToolResult:
        """A call of one of RUN_TOOLS.

        Raises:
            InvalidInputs: the arguments do not fit.
            UnknownRun: there is no such run.
        """
        given = coerced(arguments, RUN_TOOLS[name].input_schema)
        if wrong := problems(given, _VALIDATORS[name]):
            raise InvalidInputs(wrong)
        return await self._handlers[name](context, given)

    async def _status(self, context: Context, given: dict[str, Json]) -> t.CallToolResult:
        run = await self.engine.get(given["run_id"], "")
        seconds = min(given.get("wait_seconds", 0), MOST_WAIT_SECONDS)
        run, waited = await follow(self.engine, context, run, seconds, until_change=True)
        return result(run, waited)

    async def _cancel(self, _context: Context, given: dict[str, Json]) -> t.CallToolResult:
        before = await self.engine.get(given["run_id"], "")
        started = time.monotonic()
        run = await self.engine.cancel(given["run_id"], "")
        while not run.ended and run.state.remote == before.state.remote and time_left(started, CANCEL_WAIT_SECONDS) > 0:
            seen = run.fingerprint()
            run = await self.engine.wait(run.id, "", min(0.5, time_left(started, CANCEL_WAIT_SECONDS)), seen)
        return result(run, time.monotonic() - started)

    async def _list(self, _context: Context, given: dict[str, Json]) -> t.CallToolResult:
        runs = await self.engine.newest("", min(given.get("limit", 20), MOST_LISTED))
        return _listing([_brief(run) for run in runs])


_BRIEF: Final[tuple[str, ...]] = ("run_id", "workflow", "status", "step", "remote", "elapsed_seconds", "waited_seconds")


def _brief(run: Run) -> dict[str, Json]:
    full = envelope(run, 0)
    brief: dict[str, Json] = {name: full[name] for name in _BRIEF if name in full}
    return {**brief, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.created))}


def _listing(runs: list[dict[str, Json]]) -> t.CallToolResult:
    content = {"runs": runs}
    return t.CallToolResult(content=[t.TextContent(type="text", text=json.dumps(content))], structured_content=content)
