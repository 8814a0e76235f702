"""The tools that look after runs: their schemas, and what they do. The same for every workflow."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mcp.types as t
from jsonschema import Draft202012Validator

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run, RunStatus
from arazzo_mcp.engine.seams import Engine
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.server.arguments import coerced, problems
from arazzo_mcp.server.attach import attach
from arazzo_mcp.server.catalog import Catalog
from arazzo_mcp.server.envelope import ENVELOPE_SCHEMA, ENVELOPE_SHAPE, envelope
from arazzo_mcp.server.follow import Context, follow, time_left
from arazzo_mcp.server.results import result
from arazzo_mcp.server.several import SEVERAL_SCHEMA, several, wait_for_several

MOST_WAIT_SECONDS: Final = 50.0
"""Hosts give up on a call after 60 seconds."""

CANCEL_WAIT_SECONDS: Final = 20.0
MOST_LISTED: Final = 100
MOST_AWAITED: Final = 50

_RUN_ID: Final[dict[str, Json]] = {"type": "string", "description": "The run_id of an earlier result."}


def _schema(properties: dict[str, Json], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_WAIT: Final[dict[str, Json]] = {
    "type": "number",
    "minimum": 0,
    "default": 0,
    "description": "Wait up to so many seconds (at most 50) for the run to end or to make progress.",
}
_WAIT_LONG: Final[dict[str, Json]] = {
    "type": "number",
    "minimum": 0,
    "default": 45,
    "description": "Wait up to so many seconds (at most 50) for the end.",
}
_OUTPUTS: Final[dict[str, Json]] = {
    "type": "object",
    "additionalProperties": {"type": "object"},
    "description": 'The outputs of each step to skip, as in {"submit": {"request_id": "..."}}.',
}
_BRIEF: Final = ("run_id", "workflow", "status", "step", "remote", "elapsed_seconds")
_LIST_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **{name: ENVELOPE_SCHEMA["properties"][name] for name in _BRIEF},
                    "created": {"type": "string", "description": "When it was started, in UTC."},
                },
                "required": ["run_id", "workflow", "status", "created"],
            },
        }
    },
    "required": ["runs"],
}
_ATTACH_SCHEMA: Final[dict[str, Any]] = {
    **ENVELOPE_SHAPE,
    "properties": {
        **ENVELOPE_SHAPE["properties"],
        "continues": {"type": "string", "description": "The run that this one goes on with."},
    },
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
            name="run_wait",
            title="Wait for several runs",
            description="Wait here until any or all of several runs have ended, in one call: their outputs, and which "
            "still work.",
            input_schema=_schema(
                {
                    "run_ids": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_AWAITED},
                    "until": {"enum": ["all", "any"], "default": "all"},
                    "wait_seconds": _WAIT_LONG,
                },
                ["run_ids"],
            ),
            output_schema=SEVERAL_SCHEMA,
            annotations=t.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
        t.Tool(
            name="run_attach",
            title="Attach to a job",
            description="Go on with a job that exists at the provider without submitting it again. Give workflow (a "
            "tool's name) for a job that was submitted elsewhere, or run_id for a run that is in doubt, failed or was "
            "cancelled. The new run skips the steps whose outputs are given.",
            input_schema=_schema(
                {
                    "workflow": {"type": "string", "description": "The tool whose steps are to be performed."},
                    "run_id": {"type": "string", "description": "The run to go on with; its inputs are known."},
                    "outputs": _OUTPUTS,
                    "inputs": {"type": "object", "description": "With workflow: inputs that the other steps need."},
                    "wait_seconds": _WAIT_LONG,
                },
                [],
            ),
            output_schema=_ATTACH_SCHEMA,
            annotations=t.ToolAnnotations(
                read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
            ),
        ),
        t.Tool(
            name="run_cancel",
            title="Cancel a run",
            description="Stop a run, and cancel its remote job where the API can. `remote` in the result says what the "
            "provider answered; when it was too late the run goes on and its result is kept.",
            input_schema=_schema({"run_id": _RUN_ID}, ["run_id"]),
            output_schema=ENVELOPE_SHAPE,
            annotations=t.ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
            ),
        ),
        t.Tool(
            name="run_list",
            title="List runs",
            description="The newest runs, newest first: use it to find a run_id again.",
            input_schema=_schema(
                {
                    "limit": {"type": "integer", "minimum": 1, "default": 20},
                    "status": {"enum": [status.value for status in RunStatus]},
                    "workflow": {"type": "string", "description": "Only runs of this tool."},
                },
                [],
            ),
            output_schema=_LIST_SCHEMA,
            annotations=t.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        ),
    )
}
_VALIDATORS: Final = {name: Draft202012Validator(tool.input_schema) for name, tool in RUN_TOOLS.items()}


class RunTools:
    """The handlers. What is asked for is of one principal."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self.engine, self.catalog = engine, catalog
        self._handlers: dict[str, Callable[[Context, dict[str, Json]], Awaitable[t.CallToolResult]]] = {
            "run_status": self._status,
            "run_wait": self._wait,
            "run_attach": self._attach,
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

    async def _wait(self, context: Context, given: dict[str, Json]) -> t.CallToolResult:
        run_ids, seconds = given["run_ids"], min(given.get("wait_seconds", 45), MOST_WAIT_SECONDS)
        runs, waited = await wait_for_several(self.engine, context, run_ids, seconds, given.get("until", "all"))
        return _told(several(runs, run_ids, waited))

    async def _attach(self, context: Context, given: dict[str, Json]) -> t.CallToolResult:
        run = await attach(self.engine, self.catalog, given)
        seconds = min(given.get("wait_seconds", 45), MOST_WAIT_SECONDS)
        run, waited = await follow(self.engine, context, run, seconds, until_change=False)
        return result(run, waited, {"continues": given["run_id"]} if "run_id" in given else {})

    async def _list(self, _context: Context, given: dict[str, Json]) -> t.CallToolResult:
        workflow = self._workflow_id(given["workflow"]) if "workflow" in given else None
        limit = min(given.get("limit", 20), MOST_LISTED)
        runs = await self.engine.newest("", limit, given.get("status"), workflow)
        return _told({"runs": [_brief(run) for run in runs]})

    def _workflow_id(self, name: str) -> str:
        """The workflowId behind the name of a tool; a name that is not served may be one of earlier runs."""
        entry = self.catalog.entries.get(name)
        return entry.offer.workflow.id if entry else name


def _brief(run: Run) -> dict[str, Json]:
    full = envelope(run, 0)
    brief: dict[str, Json] = {name: full[name] for name in _BRIEF if name in full}
    return {**brief, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.created))}


def _told(content: dict[str, Json]) -> t.CallToolResult:
    text = json.dumps(content, ensure_ascii=False)
    return t.CallToolResult(content=[t.TextContent(type="text", text=text)], structured_content=content)
