"""The command line: arguments in, text or JSON out. Results go to stdout, everything else to stderr.

Exit status: 0 done, 1 the run failed (or its dry run is known to) or the check found errors, 2 bad usage or document.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import Annotated

import anyio
import typer

from arazzo_mcp import __version__, cli_authors, cli_runs
from arazzo_mcp.errors import ArazzoMcpError, DocumentError
from arazzo_mcp.options import (
    AsJson,
    Config,
    OnePath,
    Paths,
    Server,
    ServerVariable,
    Source,
    Store,
    Strict,
    WorkflowName,
    chosen,
    err,
    json_inputs,
    pairs,
    print_findings,
    run_async,
    settings_of,
)

app = typer.Typer(
    name="arazzo-mcp",
    help="Serve the workflows of Arazzo descriptions as MCP tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_runs.runs, name="runs")


class Transport(StrEnum):
    """How clients connect."""

    STDIO = "stdio"
    HTTP = "http"
    SSE = "sse"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def main() -> None:
    """The `arazzo-mcp` command."""
    try:
        app()
    except DocumentError as error:
        print_findings(error.findings)
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
    except ArazzoMcpError as error:
        err.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def serve(
    paths: Paths,
    transport: Annotated[Transport, typer.Option(help="How clients connect.")] = Transport.STDIO,
    host: Annotated[str, typer.Option(help="Address to listen on (http, sse).")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on (http, sse); 0 takes a free one.")
    ] = 8765,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    store: Store = None,
    config: Config = None,
    strict: Strict = False,
    wait_seconds: Annotated[
        float | None, typer.Option(help="Seconds that a tool call waits for its run.", show_default="45")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What is logged to stderr.")] = LogLevel.INFO,
) -> None:
    """Serve every workflow as an MCP tool. The same application answers at /mcp and /sse."""
    from arazzo_mcp.app import catalog, load, open_server, settle
    from arazzo_mcp.server.transports import LOOPBACK, serve_http, serve_stdio

    _log_to_stderr(log_level)
    settings = settings_of(
        config,
        sources=source,
        servers=server,
        server_variables=server_variable,
        store=store,
        strict=strict or None,
        wait_seconds=wait_seconds,
    )
    library = load(paths, settings)
    offered = len(catalog(library).entries)
    print_findings(library.errors())
    logging.getLogger(__name__).info(
        "serving %d workflows of %d documents; runs are in %s", offered, len(library.descriptions), settings.store
    )

    async def go() -> None:
        async with open_server(library, settings) as face:
            settle()
            if transport is Transport.STDIO:
                await serve_stdio(face)
                return
            if host not in LOOPBACK:
                err.print(
                    f"warning: {host} can be reached from elsewhere, and anybody may call the tools", style="yellow"
                )
            async with anyio.create_task_group() as tasks:
                bound = await tasks.start(serve_http, face, host, port)
                where = "sse" if transport is Transport.SSE else "mcp"
                err.print(f"arazzo-mcp listens on http://{host}:{bound}/{where}", markup=False)

    run_async(go)


@app.command()
def run(
    path: OnePath,
    workflow: WorkflowName,
    input_: Annotated[
        list[str] | None, typer.Option("--input", metavar="K=V", help="One input; V may be JSON.")
    ] = None,
    inputs: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="All inputs as one JSON object.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Go on with the run of this key, if there is one.")
    ] = None,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    store: Store = None,
    config: Config = None,
    strict: Strict = False,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; show each request.")] = False,
    curl: Annotated[bool, typer.Option("--curl", help="With --dry-run: requests as curl commands.")] = False,
) -> None:
    """Run one workflow to its end. Ctrl-C cancels the run and its remote job."""
    from arazzo_mcp.app import load, open_engine
    from arazzo_mcp.command_line import follow, shown
    from arazzo_mcp.engine.once import Once

    if curl and not dry_run:
        raise typer.BadParameter("--curl goes with --dry-run")
    settings = settings_of(
        config, sources=source, servers=server, server_variables=server_variable, store=store, strict=strict or None
    )
    library = load([path], settings)
    tool = chosen(library, workflow)
    # the arguments of a tool call can be given as they are: what they say of waiting is of no use here
    asked, given = tool.controls.taken({**json_inputs(inputs), **pairs(input_, "inputs")})
    once = Once(idempotency_key or asked.idempotency_key, True, tool.offer.realm)
    if dry_run:
        raise typer.Exit(cli_authors.dry_run(library, tool, given, settings, as_json=as_json, curl=curl))
    arguments = tool.inputs(given)

    async def go() -> int:
        async with open_engine(library, settings, take_over=False) as engine:
            offer = tool.offer
            started = await engine.start(offer.program_digest, offer.document, offer.workflow.id, arguments, once=once)
            if started.deduplicated:
                err.print(f"this is {started.id}, which was started with that key before", markup=False)
            ended = await follow(engine, started, err)
            await engine.deliver(ended.id)
        typer.echo(shown(ended, as_json=as_json))
        return 0 if ended.status == "completed" else 1

    raise typer.Exit(run_async(go))


app.command(cls=cli_authors.CheckCommand)(cli_authors.check)
app.command()(cli_authors.graph)
app.command()(cli_authors.tools)


@app.command()
def demo() -> None:
    """Show the main job against fake providers on this machine: no account and no key, less than 30 seconds."""
    from arazzo_mcp.demo.tour import tour

    run_async(tour)


def _log_to_stderr(level: LogLevel) -> None:
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("httpx", "mcp", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
