"""The commands for those who write documents: check, tools, graph, and a run that sends nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand

from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.options import (
    AsJson,
    Config,
    OnePath,
    Paths,
    Server,
    ServerVariable,
    Source,
    Strict,
    WorkflowName,
    chosen,
    print_findings,
    settings_of,
)

if TYPE_CHECKING:
    from arazzo_mcp.authors.check import Report
    from arazzo_mcp.library import Library
    from arazzo_mcp.server.catalog import Entry
    from arazzo_mcp.settings import Settings


class Format(StrEnum):
    """How `check` tells what it has found."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class Drawing(StrEnum):
    """How `graph` draws."""

    MERMAID = "mermaid"


class CheckCommand(TyperCommand):
    """`--explain` alone means all of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, with the word that is left out put in."""
        for at, word in enumerate(args):
            if word == "--explain" and (at + 1 == len(args) or args[at + 1].startswith("-")):
                args = [*args[: at + 1], "all", *args[at + 1 :]]
        return super().parse_args(ctx, args)


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Arazzo documents, or folders with some.", show_default=False)
    ] = None,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    config: Config = None,
    strict: Strict = False,
    form: Annotated[Format | None, typer.Option("--format", help="How findings are told.", show_default="text")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say what each workflow calls, needs and does.")
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Say what a finding's code means, and how to mend it; alone, list them all."),
    ] = None,
) -> None:
    """Say everything that is wrong with documents, and what will be served."""
    if as_json and form not in (None, Format.JSON):
        raise typer.BadParameter(f"--json and --format {form} cannot go together")
    form = Format.JSON if as_json else form or Format.TEXT
    if explain is not None:
        return _explain(explain, form)
    if not paths:
        raise typer.BadParameter("name a document or a folder", param_hint="PATHS")
    from arazzo_mcp.app import load
    from arazzo_mcp.authors.check import report
    from arazzo_mcp.credentials import Credentials

    settings = settings_of(
        config, sources=source, servers=server, server_variables=server_variable, strict=strict or None
    )
    found = report(load(paths, settings), Credentials(os.environ, settings.credentials))
    _tell(found, form, verbose=verbose)
    raise typer.Exit(found.exit_code)


def _tell(found: Report, form: Format, *, verbose: bool) -> None:
    from arazzo_mcp.authors.check import github_lines, report_lines
    from arazzo_mcp.authors.finding_text import local
    from arazzo_mcp.authors.sarif import sarif

    match form:
        case Format.JSON:
            _echo_json(found.as_dict())
        case Format.SARIF:
            _echo_json(sarif(map(local, found.findings), found.exit_code))
        case Format.GITHUB:
            _echo(github_lines(found))
        case Format.TEXT:
            out = Console(highlight=False, soft_wrap=True)
            for line in report_lines(found, verbose=verbose):
                out.print(line)


def _explain(code: str, form: Format) -> None:
    from arazzo_mcp.authors.rules import RULES, as_data, explained, listed

    if form not in (Format.TEXT, Format.JSON):
        raise typer.BadParameter(f"--explain tells as text or json, not as {form}")
    if form is Format.JSON:
        _echo_json([as_data(one) for one in RULES] if code == "all" else as_data(code))
    elif code == "all":
        _echo(listed())
    else:
        typer.echo(explained(code))


def tools(
    paths: Paths,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    config: Config = None,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Show what an agent will see; with --json the result of tools/list."""
    from arazzo_mcp.app import catalog, load
    from arazzo_mcp.command_line import tool_lines
    from arazzo_mcp.server.tools import all_tools

    library = load(
        paths,
        settings_of(config, sources=source, servers=server, server_variables=server_variable, strict=strict or None),
    )
    shown = all_tools(catalog(library))
    print_findings(library.errors())
    if as_json:
        _echo_json({"tools": [t.model_dump(by_alias=True, exclude_none=True, mode="json") for t in shown]})
    else:
        _echo(line for tool in shown for line in tool_lines(tool))


def graph(
    path: OnePath,
    workflow: WorkflowName,
    form: Annotated[Drawing, typer.Option("--format", help="How it is drawn.")] = Drawing.MERMAID,
    source: Source = None,
    server: Server = None,
    server_variable: ServerVariable = None,
    config: Config = None,
    strict: Strict = False,
) -> None:
    """Draw one workflow as a Mermaid flowchart."""
    from arazzo_mcp.app import load
    from arazzo_mcp.authors.graph import mermaid

    library = load(
        [path],
        settings_of(config, sources=source, servers=server, server_variables=server_variable, strict=strict or None),
    )
    offer = chosen(library, workflow).offer
    typer.echo({Drawing.MERMAID: mermaid}[form](offer.program, offer.workflow), nl=False)


def dry_run(
    library: Library, entry: Entry, given: dict[str, Any], settings: Settings, *, as_json: bool, curl: bool
) -> int:
    """Print what a run of a workflow would send; the exit status: 1 where something is known to go wrong."""
    from arazzo_mcp.authors import dry_run_text
    from arazzo_mcp.authors.dry_run import DryRun
    from arazzo_mcp.credentials import Credentials
    from arazzo_mcp.http.files import FileRoots

    if as_json and curl:
        raise typer.BadParameter("--json and --curl cannot go together")
    linked = next(one for one in library.descriptions if one.digest == entry.offer.program_digest)
    inputs, problems = _inputs(entry, given)
    credentials = Credentials(os.environ, settings.credentials)
    read = FileRoots(settings.file_roots, settings.file_bytes)
    required = entry.schema.get("required", ())
    run = DryRun(linked, entry.offer.workflow, credentials, problems, required, read).go(inputs)
    if as_json:
        _echo_json(dry_run_text.as_json(run))
    else:
        _echo(dry_run_text.as_curl(run) if curl else dry_run_text.as_lines(run))
    return int(run.failed)


def _inputs(entry: Entry, given: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The inputs as a run would have them; where they do not fit, as they were given, and what is wrong with them."""
    try:
        return entry.inputs(given), ()
    except InvalidInputs as error:
        return given, error.problems


def _echo(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))


def _echo_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
