"""The commands that go on with what is under way: attach to a job, and wait for several runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arazzo_mcp.options import (
    AsJson,
    Config,
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
