"""The MCP server: workflow tools, and the tools that look after their runs.

A run lives in the engine; a call only waits for it, a bounded time, and hands it back as `working` when that is over. A
client that goes away leaves the run as it is.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import mcp.types as t
from mcp.server import NotificationOptions, Server
from mcp.server.caching import CacheHint
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import REPEATABLE
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.once import Once
from arazzo_mcp.engine.seams import Engine
from arazzo_mcp.errors import ArazzoMcpError, InvalidInputs, StoreError, UnknownRun
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.server.calls import Calls, OnDisconnect, has_hung_up
from arazzo_mcp.server.catalog import Catalog, Entry, Offer, describe
from arazzo_mcp.server.control import Asked
from arazzo_mcp.server.envelope import ENVELOPE_SHAPE
from arazzo_mcp.server.follow import Context, follow
from arazzo_mcp.server.results import ended_runs, refusal, result
from arazzo_mcp.server.run_tools import MOST_WAIT_SECONDS, RUN_TOOLS, RunTools

log = logging.getLogger(__name__)

PAGE: Final = 200


INSTRUCTIONS: Final = (
    "Each workflow of an API is a tool. A call starts a durable run and waits for it a while. When the result says "
    "`working`, the run goes on by itself: call run_status with its run_id and wait_seconds to wait for a change "
    "instead of calling the workflow again. The same call again gives the same run (`deduplicated`) until its result "
    "has been seen; force_new starts, and pays for, a second one. run_wait waits for several runs at once. run_cancel "
    "stops a run and its remote job."
)


class ArazzoServer(Server[Any]):
    """The SDK's server, which says in every era that its list of tools can change."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *args: Any, **kwargs: Any
    ) -> InitializationOptions:
        """As the SDK's, with the change notifications declared."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, *args, **kwargs)


def build_server(
    engine: Engine, catalog: Catalog, wait_seconds: float, on_disconnect: OnDisconnect = "detach"
) -> ArazzoServer:
    """The one server object for every transport. wait_seconds: how long a workflow tool waits for its run where the
    call does not say; on_disconnect: what becomes of a run when the stream of its call is closed."""
    face = _Face(engine, catalog, wait_seconds, on_disconnect)
    server = ArazzoServer(
        "arazzo-mcp",
        version=__version__,
        title="Arazzo workflows",
        instructions=INSTRUCTIONS,
        on_list_tools=face.list_tools,
        on_call_tool=face.call_tool,
        get_tool_input_schema=face.input_schema,
        cache_hints={"tools/list": CacheHint(ttl_ms=60_000, scope="private")},
    )
    server.add_notification_handler("notifications/cancelled", t.CancelledNotificationParams, face.calls.cancelled)
    return server


def all_tools(catalog: Catalog) -> list[t.Tool]:
    """Every tool that an agent sees: the workflows, then the tools for runs."""
    return [*map(tool_of, catalog.entries.values()), *RUN_TOOLS.values()]


def tool_of(entry: Entry) -> t.Tool:
    """A workflow as a Tool of the SDK."""
    return t.Tool(
        name=entry.name,
        title=entry.offer.workflow.summary or None,
        description=describe(entry.offer),
        input_schema=entry.tool_schema,
        output_schema=ENVELOPE_SHAPE,
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

    def __init__(self, engine: Engine, catalog: Catalog, wait_seconds: float, on_disconnect: OnDisconnect) -> None:
        self.engine, self.catalog, self.wait_seconds = engine, catalog, wait_seconds
        self.tools = all_tools(catalog)
        self._schemas = {tool.name: tool.input_schema for tool in self.tools}
        self.run_tools = RunTools(engine, catalog)
        self.calls = Calls(engine, on_disconnect)

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The SDK asks for it at every call over HTTP; without this it would list all tools each time."""
        return self._schemas.get(name)

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
            if params.name in RUN_TOOLS:
                answer = await self.run_tools.call(context, params.name, arguments)
                return answer if params.name == "run_list" else await self._delivered(context, answer)
            entry = self.catalog.entries.get(params.name)
            if entry is None:
                hint = did_you_mean(params.name, (*self.catalog.entries, *RUN_TOOLS))
                raise MCPError(t.INVALID_PARAMS, f"Unknown tool: {params.name}. {hint}".rstrip())
            return await self._delivered(context, await self._workflow(context, entry, arguments))
        except InvalidInputs as wrong:
            before = "" if params.name in RUN_TOOLS else "Nothing was started. "
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

    async def _workflow(self, context: Context, entry: Entry, arguments: dict[str, Json]) -> t.CallToolResult:
        asked, rest = entry.controls.taken(arguments)
        inputs, offer, names = entry.inputs(rest), entry.offer, entry.controls.names
        once = Once(asked.idempotency_key, asked.force_new, offer.realm)
        async with self.calls.under_way(context) as call:
            started = await self.engine.start(
                offer.program_digest, offer.document, offer.workflow.id, inputs, "", once=once
            )
            await self.calls.has_run(call, started.id)
            run, waited = await follow(self.engine, context, started, self._patience(asked), until_change=False)
        another = f"another {names['idempotency_key']}" if asked.idempotency_key else names["force_new"]
        return result(run, waited, another=another if started.deduplicated else "")

    def _patience(self, asked: Asked) -> float:
        """How long a call waits: as the server does, or as it asks, but no longer than hosts do."""
        wanted = self.wait_seconds if asked.wait_seconds is None else asked.wait_seconds
        return min(wanted, max(self.wait_seconds, MOST_WAIT_SECONDS))

    async def _delivered(self, context: Context, answer: t.CallToolResult) -> t.CallToolResult:
        """An answer on its way; the results that are in it count as seen, unless nobody is there to see them."""
        for run_id in ended_runs(answer):
            if not await has_hung_up(context):
                await self.engine.deliver(run_id)
        return answer
