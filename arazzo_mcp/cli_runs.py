"""The commands that look after the runs of the store: list, show, cancel, attach, wait, prune."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arazzo_mcp.errors import UnknownRun, UsageError
from arazzo_mcp.options import (
    AsJson,
    Config,
    RunId,
    Server,
    ServerVariable,
    Source,
    Store,
    Strict,
    chosen,
    err,
    json_inputs,
    must_be_there,
    pairs,
    run_async,
    settings_of,
)

if TYPE_CHECKING:  # what reads documents takes time to import, and `--help` does without it
    from arazzo_mcp.engine.local import LocalEngine
    from arazzo_mcp.engine.run import Run
    from arazzo_mcp.library import Library


runs = typer.Typer(help="Look after the runs of the store.", no_args_is_help=True)


class Status(StrEnum):
    """What has become of a run: `engine.run.RunStatus`, which takes half a second to import."""

    WORKING = "working"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"


@runs.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    status: Annotated[Status | None, typer.Option(help="Only those of this status.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only those of this workflowId.")] = None,
    store: Store = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The newest runs."""
    from arazzo_mcp.command_line import run_lines
    from arazzo_mcp.engine.store import SqliteStore
    from arazzo_mcp.server.envelope import envelope

    settings = settings_of(config, store=store)

    async def go() -> None:
        found = []
        if _is_there(settings.store):
            async with SqliteStore(settings.store) as opened:
                found = await opened.newest("", limit, status, workflow)
        if as_json:
            typer.echo(json.dumps([envelope(one, 0) for one in found], ensure_ascii=False))
            return
        typer.echo("\n".join(run_lines(found)))

    run_async(go)


@runs.command("show")
def show(run_id: RunId, store: Store = None, config: Config = None, as_json: AsJson = False) -> None:
    """Everything about one run, with its outputs in full."""
    from arazzo_mcp.command_line import run_details
    from arazzo_mcp.engine.prune import why_unknown
    from arazzo_mcp.engine.store import SqliteStore

    settings = settings_of(config, store=store)

    async def go() -> None:
        must_be_there(settings.store, run_id)
        async with SqliteStore(settings.store) as opened:
            found = await opened.get(run_id)
            left = await opened.tombstone(run_id)
        if found is None:
            why = why_unknown(run_id, "", left, settings.keep_days)
            raise UnknownRun(f"{why} ({settings.store}). See `arazzo-mcp runs list`.")
        typer.echo(json.dumps(run_details(found), indent=None if as_json else 2, ensure_ascii=False))

    run_async(go)


@runs.command("cancel")
def cancel(run_id: RunId, store: Store = None, config: Config = None, as_json: AsJson = False) -> None:
    """Stop a run, whichever process drives it, and cancel its remote job."""
    from arazzo_mcp.app import open_engine
    from arazzo_mcp.command_line import cancelled, shown
    from arazzo_mcp.library import Library

    settings = settings_of(config, store=store)

    async def go() -> int:
        must_be_there(settings.store, run_id)
        async with open_engine(Library((), ()), settings, take_over=False) as engine:
            ended = await cancelled(engine, run_id)
        typer.echo(shown(ended, as_json=as_json))
        return 0 if ended.status == "cancelled" and ended.state.remote not in ("failed", "unsupported") else 1

    raise typer.Exit(run_async(go))


@runs.command("attach")
def attach(
    what: Annotated[
        list[str], typer.Argument(metavar="RUN | PATH WORKFLOW", help="An ended run, or a workflow for a job.")
    ],
    outputs: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help='Outputs of steps to skip: {"submit": {"id": "..."}}.')
    ] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", metavar="K=V", help="One input; V may be JSON.")
    ] = None,
    inputs: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="All inputs as one JSON object.")] = None,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    store: Store = None,
    config: Config = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a job that exists at the provider: of a run that is in doubt, failed or was cancelled (RUN), or one
    that was submitted elsewhere (PATH WORKFLOW). The steps whose outputs are given are skipped."""
    from arazzo_mcp.app import load, open_engine
    from arazzo_mcp.command_line import follow, shown
    from arazzo_mcp.library import Library

    if len(what) > 2:
        raise typer.BadParameter("give one RUN, or PATH and WORKFLOW")
    settings = settings_of(
        config, sources=source, servers=server, server_variables=server_variable, store=store, strict=strict or None
    )
    given, steps = {**json_inputs(inputs), **pairs(input_, "inputs")}, json_inputs(outputs, "--outputs")
    of_run = len(what) == 1
    if of_run and (given or source or server or server_variable):
        raise typer.BadParameter("with RUN inputs and sources are those of the run: leave them out")
    library = Library((), ()) if of_run else load([Path(what[0])], settings)

    async def go() -> int:
        if of_run:
            must_be_there(settings.store, what[0])
        async with open_engine(library, settings, take_over=False) as engine:
            ended = await follow(engine, await _attached(engine, library, what, steps, given), err)
        typer.echo(shown(ended, as_json=as_json))
        return 0 if ended.status == "completed" else 1

    raise typer.Exit(run_async(go))


async def _attached(
    engine: LocalEngine, library: Library, what: list[str], steps: dict[str, Any], given: dict[str, Any]
) -> Run:
    from arazzo_mcp.server.attach import attach_to_job

    if len(what) == 1:
        return await engine.resume(what[0], "", steps)
    return await attach_to_job(engine, chosen(library, what[1]), steps, given)


@runs.command("wait")
def wait(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="The ids of runs, as `runs list` shows them.")],
    any_: Annotated[bool, typer.Option("--any", help="Until one of them has ended, not all.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="At most so many seconds.", show_default="no limit")] = math.inf,
    store: Store = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Wait until runs have ended, whichever process drives them. Exit status 0 where all of them (with --any, all that
    have ended) completed, else 1."""
    from arazzo_mcp.app import open_engine
    from arazzo_mcp.command_line import follow_several, run_lines
    from arazzo_mcp.library import Library
    from arazzo_mcp.server.envelope import envelope

    settings = settings_of(config, store=store)

    async def go() -> int:
        must_be_there(settings.store, run_ids[0])
        async with open_engine(Library((), ()), settings, take_over=False) as engine:
            runs = await follow_several(engine, run_ids, err, any_of_them=any_, seconds=seconds)
        if as_json:
            typer.echo(json.dumps([envelope(one, 0) for one in runs], ensure_ascii=False))
        else:
            typer.echo("\n".join(run_lines(runs)))
        completed = [run.status == "completed" for run in runs if run.ended or not any_]
        return 0 if completed and all(completed) else 1

    raise typer.Exit(run_async(go))


@runs.command("prune")
def prune_(
    older_than: Annotated[
        str | None, typer.Option(metavar="7d|12h", help="How long ago they ended.", show_default="keep_days")
    ] = None,
    store: Store = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Drop runs that ended long ago, as every server does by itself. A run that works is never dropped."""
    from arazzo_mcp.command_line import pruned_line, seconds_of
    from arazzo_mcp.engine.prune import Pruned, prune
    from arazzo_mcp.engine.store import SqliteStore

    settings = settings_of(config, store=store)
    if older_than is None and not settings.keep_days:
        raise UsageError("runs are kept for ever (keep_days = 0). Say which to drop: --older-than 7d")
    age = seconds_of(f"{settings.keep_days}d" if older_than is None else older_than)

    async def go() -> None:
        done = Pruned()
        if _is_there(settings.store):
            async with SqliteStore(settings.store) as opened:
                done = await prune(opened, age)
        typer.echo(json.dumps(asdict(done)) if as_json else pruned_line(done))

    run_async(go)


def _is_there(store: Path) -> bool:
    """Whether there is a store; looking makes none."""
    if not store.exists():
        err.print(f"there is no run store {store} yet", markup=False)
        return False
    return True
