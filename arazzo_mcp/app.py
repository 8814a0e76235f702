"""The composition root: Settings -> Library, ApiClient, store, engine, and the MCP server over them.

The only file that knows every class.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from arazzo_mcp.arazzo.command import OFF, CallOperation, Pace, Program
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.authors.rules import placed
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.engine.limits import RunLimits
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.errors import DocumentError, UsageError
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.http.client import ApiClient, HttpLimits
from arazzo_mcp.http.gate import SourceGates
from arazzo_mcp.library import Library, Linked, Options, open_library, relink
from arazzo_mcp.openapi.cancel import named_operation, setting_name
from arazzo_mcp.reading.compose import without_collector
from arazzo_mcp.reading.read import Snapshot
from arazzo_mcp.server.catalog import Catalog, Offer
from arazzo_mcp.settings import Settings

if TYPE_CHECKING:  # the SDK takes a second to import, and most commands do without it
    from arazzo_mcp.server.tools import ArazzoServer


class Shelf:
    """Every program that is at hand, by digest: those that are served and those that recovered runs are pinned to."""

    def __init__(self, library: Library, pace: Pace) -> None:
        self._linked = {linked.digest: linked for linked in library.descriptions}
        self._pace = pace

    def program(self, digest: str) -> Program | None:
        """A program that is at hand."""
        linked = self._linked.get(digest)
        return linked.program if linked else None

    def snapshot(self, digest: str) -> str:
        """The documents of a program, as one text."""
        return self._linked[digest].snapshot.to_json()

    def restore(self, digest: str, snapshot: str) -> Program:
        """A program made from its pinned documents."""
        self._linked[digest] = relink(Snapshot.from_json(snapshot), self._pace)
        return self._linked[digest].program

    def linked(self, digest: str) -> Linked:
        """The description behind a program."""
        return self._linked[digest]


def options(settings: Settings) -> Options:
    """The settings that say how documents are read."""
    pace = Pace(settings.pace_first, settings.pace_factor, settings.pace_most)
    return Options(
        sources=settings.sources,
        servers=settings.servers,
        strict=settings.strict,
        pace=pace,
        server_variables=settings.server_variables,
        idempotency=settings.idempotency,
        cancel=settings.cancel,
    )


def load(paths: Iterable[Path], settings: Settings) -> Library:
    """Every description under the given files and folders.

    Raises:
        UsageError: the settings name a source, a workflow or an operation that no document has; what they say of it
            would be lost.
    """
    with without_collector():
        library = open_library(paths, options(settings))
    library = replace(library, findings=tuple(map(placed, library.findings)))
    given = (
        *(("--source", name) for name in settings.sources),
        *(("--server", name) for name in settings.servers),
        *(("concurrency", name) for name in settings.concurrency),
        *(("rates", name) for name in settings.rates),
        *(("--server-variable", name.rpartition(".")[0]) for name in settings.server_variables),
        *(("idempotency", name) for name in settings.idempotency),
    )
    for what, name in given:
        if library.source_names and name not in library.source_names:
            known = ", ".join(sorted(library.source_names))
            said = (
                f"{what} {name}: no document has a source of that name."
                if name
                else f"{what}: write SOURCE.NAME=VALUE."
            )
            raise UsageError(
                " ".join(filter(None, (said, did_you_mean(name, library.source_names), f"Sources: {known}")))
            )
    _check_variables(library, settings.server_variables)
    for name, operation in settings.cancel.items() if library.source_names else ():
        _check_cancel(library, name, operation)
    return library


def _check_variables(library: Library, given: Mapping[str, str]) -> None:
    """A server variable that no source has, or a value that it may not have, would be lost without a word."""
    for key, value in given.items():
        source, _, name = key.rpartition(".")
        apis = (linked.sources[source] for linked in library.descriptions if source in linked.sources)
        declared = [api.server_variables() for api in apis]
        values = [one[name] for one in declared if name in one]
        what = f"--server-variable {key}: "
        if declared and not values:
            known = sorted({known for one in declared for known in one})
            hint = did_you_mean(name, known) or "Look at its servers."
            raise UsageError(
                f"{what}source {source!r} has no such server variable. {hint} Known: {', '.join(known) or 'none'}"
            )
        if values and not any(not allowed or value in allowed for allowed in values):
            raise UsageError(f"{what}{value!r} is not one of {', '.join(values[0])}.")


def _check_cancel(library: Library, name: str, operation: str) -> None:
    """Whether a setting on cancelling can mean something in any document."""
    known = library.source_names | library.workflow_names
    if name not in known:
        said = f"cancel {name}: no document has a source or a workflow of that name."
        raise UsageError(
            " ".join(filter(None, (said, did_you_mean(name, known), f"Known: {', '.join(sorted(known))}")))
        )
    if operation == OFF:
        return
    if name not in library.source_names:
        raise UsageError(f"cancel {name}: of a workflow it can only be 'off'; write x-on-cancel in its document.")
    apis = [a for linked in library.descriptions for key, a in linked.sources.items() if setting_name(key) == name]
    if apis and all(named_operation(api, operation) is None for api in apis):
        ids = [word for api in apis for entry in api.entries for word in (entry.operation_id, entry.key) if word]
        said = f"cancel {name}: the source has no operation {operation!r}."
        hint = did_you_mean(operation, ids)
        raise UsageError(" ".join(filter(None, (said, hint, "Write off, an operationId, or METHOD /path."))))


def settle() -> None:
    """Take what has been loaded for good. For a process that only serves: the collector looks at hundreds of thousands
    of objects again and again otherwise, 70 ms each time, while polls and cancels wait."""
    gc.collect()
    gc.freeze()


def catalog(library: Library) -> Catalog:
    """The workflows of a library as tools.

    Raises:
        DocumentError: there is none.
    """
    offers = [
        Offer(linked.digest, linked.file, flow, linked.program, linked.inputs[flow.id], _realm(linked))
        for linked, flow in library.workflows()
    ]
    if not offers:
        raise DocumentError("none of the given documents has a workflow that can be served", library.findings)
    return Catalog(offers)


def _realm(linked: Linked) -> str:
    """Where requests go otherwise than the documents say: a run at a staging server is none of the real one."""
    settings = (linked.snapshot.servers, linked.snapshot.server_variables)
    return json.dumps([sorted(one.items()) for one in settings]) if any(settings) else ""


@asynccontextmanager
async def open_engine(
    library: Library, settings: Settings, *, take_over: bool, environ: Mapping[str, str] | None = None
) -> AsyncIterator[LocalEngine]:
    """The connections, the store and the engine, open; closed in the opposite order.

    take_over: go on with the runs of the library's documents whose process has died.

    Raises:
        StoreError: the run store cannot be opened.
    """
    shelf = Shelf(library, options(settings).pace)
    limits = HttpLimits(
        settings.connect_seconds,
        settings.read_seconds,
        settings.request_seconds,
        settings.connections,
        settings.response_bytes,
        settings.events_seconds,
        settings.events_bytes,
        settings.file_bytes,
    )
    credentials = Credentials(os.environ if environ is None else environ, settings.credentials)
    documents = [linked.file for linked in library.descriptions] if take_over else None
    gates = SourceGates(
        settings.source_concurrency,
        settings.source_rate,
        of_source_at_once=settings.concurrency,
        of_source_rate=settings.rates,
    )
    async with ApiClient(credentials, limits, settings.file_roots) as client, SqliteStore(settings.store) as store:

        async def perform(digest: str, call: CallOperation) -> Exchange:
            exchange = await client.perform(call, shelf.linked(digest).operation(call.target))
            if exchange.status in (429, 503) and exchange.retry_after is not None:
                gates.close_for(call.target.source, exchange.retry_after)
            return exchange

        locks = settings.store.with_name(f"{settings.store.name}.owners")
        async with LocalEngine(
            store,
            shelf,
            perform,
            locks=locks,
            documents=documents,
            keep_days=settings.keep_days,
            gates=gates,
            limits=_run_limits(settings),
        ) as engine:
            yield engine


def _run_limits(settings: Settings) -> RunLimits:
    return RunLimits(settings.runs, settings.run_requests, settings.run_seconds, settings.run_response_bytes)


@asynccontextmanager
async def open_server(library: Library, settings: Settings) -> AsyncIterator[ArazzoServer]:
    """The MCP server over an open engine.

    Raises:
        DocumentError: no workflow can be served.
        StoreError: the run store cannot be opened.
    """
    from arazzo_mcp.server.tools import build_server

    tools = catalog(library)
    async with open_engine(library, settings, take_over=True) as engine:
        yield build_server(engine, tools, settings.wait_seconds, settings.on_disconnect)
