"""The MCP server: workflow tools, and the tools that look after their runs.

A run lives in the engine; a call only waits for it, a bounded time, and hands it back as `working` when that is over. A
client that goes away leaves the run as it is.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mcp.types as t
from jsonschema import Draft202012Validator
from mcp.server import NotificationOptions, Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import REPEATABLE
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Engine, Run
from arazzo_mcp.errors import ArazzoMcpError, InvalidInputs, StoreError, UnknownRun
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.server.arguments import coerced, problems
from arazzo_mcp.server.catalog import Catalog, Entry, Offer, describe
from arazzo_mcp.server.envelope import ENVELOPE_SCHEMA, envelope
from arazzo_mcp.server.results import refusal, result

log = logging.getLogger(__name__)

PAGE: Final = 200
HEARTBEAT_SECONDS: Final = 5.0
MOST_WAIT_SECONDS: Final = 50.0
"""Hosts give up on a call after 60 seconds."""

CANCEL_WAIT_SECONDS: Final = 20.0
MOST_LISTED: Final = 100

INSTRUCTIONS: Final = (
    "Each workflow of an API is a tool. A call starts a durable run and waits for it a while. When the result says "
    "`working`, the run goes on by itself: call run_status with its run_id and wait_seconds to wait for a change "
    "instead of calling the workflow again, which would start (and pay for) a second one. run_cancel stops a run and "
    "its remote job."
)

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

Context = ServerRequestContext[Any, Any]


class ArazzoServer(Server[Any]):
    """The SDK's server, which says in every era that its list of tools can change."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *args: Any, **kwargs: Any
    ) -> InitializationOptions:
        """As the SDK's, with the change notifications declared."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, *args, **kwargs)


def build_server(engine: Engine, catalog: Catalog, wait_seconds: float) -> ArazzoServer:
    """The one server object for every transport. wait_seconds: how long a workflow tool waits for its run."""
    face = _Face(engine, catalog, wait_seconds)
    return ArazzoServer(
        "arazzo-mcp",
        version=__version__,
        title="Arazzo workflows",
        instructions=INSTRUCTIONS,
        on_list_tools=face.list_tools,
        on_call_tool=face.call_tool,
        get_tool_input_schema=face.input_schema,
        cache_hints={"tools/list": CacheHint(ttl_ms=60_000, scope="private")},
    )


def all_tools(catalog: Catalog) -> list[t.Tool]:
    """Every tool that an agent sees: the workflows, then the tools for runs."""
    return [*map(tool_of, catalog.entries.values()), *RUN_TOOLS.values()]


def tool_of(entry: Entry) -> t.Tool:
    """A workflow as a Tool of the SDK."""
    return t.Tool(
        name=entry.name,
        title=entry.offer.workflow.summary or None,
        description=describe(entry.offer),
        input_schema=entry.schema,
        output_schema=ENVELOPE_SCHEMA,
        annotations=_annotations(entry.offer),
    )


def _annotations(offer: Offer) -> t.ToolAnnotations:
    """Hints derived from the HTTP methods of the workflow's steps."""
    targets = offer.program.targets.items()
    methods = {target.method for (workflow, _), target in targets if workflow == offer.workflow.id}
    return t.ToolAnnotations(
        read_only_hint=bool(methods) and methods <= {"GET", "HEAD", "OPTIONS", "QUERY"},
        destructive_hint="DELETE" in methods,
        idempotent_hint=bool(methods) and methods <= REPEATABLE,
        open_world_hint=True,
    )


class _Face:
    """The handlers of the server."""

    def __init__(self, engine: Engine, catalog: Catalog, wait_seconds: float) -> None:
        self.engine, self.catalog, self.wait_seconds = engine, catalog, wait_seconds
        self.tools = all_tools(catalog)
        self.run_tools: dict[str, Callable[[Context, dict[str, Json]], Awaitable[t.CallToolResult]]] = {
            "run_status": self._status,
            "run_cancel": self._cancel,
            "run_list": self._list,
        }

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The SDK asks for it at every call over HTTP; without this it would list all tools each time."""
        if entry := self.catalog.entries.get(name):
            return entry.schema
        tool = RUN_TOOLS.get(name)
        return tool.input_schema if tool else None

    async def list_tools(self, _context: Context, params: t.PaginatedRequestParams | None) -> t.ListToolsResult:
        """tools/list, a page at a time."""
        cursor = params.cursor if params and params.cursor else "0"
        if not cursor.isdigit():
            raise MCPError(t.INVALID_PARAMS, f"Invalid cursor: {cursor[:40]!r}")
        start, end = int(cursor), int(cursor) + PAGE
        return t.ListToolsResult(tools=self.tools[start:end], next_cursor=str(end) if end < len(self.tools) else None)

    async def call_tool(self, context: Context, params: t.CallToolRequestParams) -> t.CallToolResult:
        """tools/call. What can go wrong becomes a result that says so; nothing else leaves."""
        arguments = dict(params.arguments or {})
        try:
            if params.name in self.run_tools:
                return await self._run_tool(context, params.name, arguments)
            entry = self.catalog.entries.get(params.name)
            if entry is None:
                hint = did_you_mean(params.name, (*self.catalog.entries, *RUN_TOOLS))
                raise MCPError(t.INVALID_PARAMS, f"Unknown tool: {params.name}. {hint}".rstrip())
            return await self._workflow(context, entry, arguments)
        except InvalidInputs as wrong:
            before = "" if params.name in self.run_tools else "Nothing was started. "
            return refusal(f"{before}Invalid arguments for {params.name}: {wrong}")
        except UnknownRun as unknown:
            return refusal(f"{unknown}. Call run_list to see the runs that there are.")
        except StoreError as error:
            return refusal(f"{error}. No request was sent that is not recorded.")
        except ArazzoMcpError as error:
            return refusal(str(error))
        except MCPError:
            raise
        except Exception:
            log.exception("tools/call %s", params.name)
            return refusal("arazzo-mcp failed; its log says why.")

    async def _run_tool(self, context: Context, name: str, arguments: dict[str, Json]) -> t.CallToolResult:
        given = coerced(arguments, RUN_TOOLS[name].input_schema)
        if wrong := problems(given, _VALIDATORS[name]):
            raise InvalidInputs(wrong)
        return await self.run_tools[name](context, given)

    async def _workflow(self, context: Context, entry: Entry, arguments: dict[str, Json]) -> t.CallToolResult:
        inputs = entry.inputs(arguments)
        offer = entry.offer
        run = await self.engine.start(offer.program_digest, offer.document, offer.workflow.id, inputs, "")
        run, waited = await self._follow(context, run, self.wait_seconds, until_change=False)
        return result(run, waited)

    async def _status(self, context: Context, given: dict[str, Json]) -> t.CallToolResult:
        run = await self.engine.get(given["run_id"], "")
        seconds = min(given.get("wait_seconds", 0), MOST_WAIT_SECONDS)
        run, waited = await self._follow(context, run, seconds, until_change=True)
        return result(run, waited)

    async def _cancel(self, _context: Context, given: dict[str, Json]) -> t.CallToolResult:
        before = await self.engine.get(given["run_id"], "")
        started = time.monotonic()
        run = await self.engine.cancel(given["run_id"], "")
        while not run.ended and run.state.remote == before.state.remote and _left(started, CANCEL_WAIT_SECONDS) > 0:
            seen = run.fingerprint()
            run = await self.engine.wait(run.id, "", min(0.5, _left(started, CANCEL_WAIT_SECONDS)), seen)
        return result(run, time.monotonic() - started)

    async def _list(self, _context: Context, given: dict[str, Json]) -> t.CallToolResult:
        runs = await self.engine.newest("", min(given.get("limit", 20), MOST_LISTED))
        return _listing([_brief(run) for run in runs])

    async def _follow(self, context: Context, run: Run, seconds: float, *, until_change: bool) -> tuple[Run, float]:
        """Wait for a run with a sign of life at every change and every few seconds, for hosts that want one."""
        started = time.monotonic()
        first = seen = run.fingerprint()
        while not run.ended and (left := _left(started, seconds)) > 0 and not (until_change and seen != first):
            run = await self.engine.wait(run.id, "", min(HEARTBEAT_SECONDS, left), seen)
            seen = run.fingerprint()
            elapsed = time.monotonic() - started
            await context.session.report_progress(round(elapsed, 3), None, run.line())
        return run, time.monotonic() - started


def _left(started: float, seconds: float) -> float:
    return seconds - (time.monotonic() - started)


_BRIEF: Final[tuple[str, ...]] = ("run_id", "workflow", "status", "step", "remote", "elapsed_seconds", "waited_seconds")


def _brief(run: Run) -> dict[str, Json]:
    full = envelope(run, 0)
    brief: dict[str, Json] = {name: full[name] for name in _BRIEF if name in full}
    return {**brief, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.created))}


def _listing(runs: list[dict[str, Json]]) -> t.CallToolResult:
    content = {"runs": runs}
    return t.CallToolResult(content=[t.TextContent(type="text", text=json.dumps(content))], structured_content=content)
