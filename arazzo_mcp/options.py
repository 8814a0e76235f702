"""What the commands share: options that many of them have, what they say of bad ones, and how findings are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio
import typer
from rich.console import Console

from arazzo_mcp.authors.finding_text import finding_line
from arazzo_mcp.errors import ArazzoMcpError, DocumentError, InvalidInputs, UnknownRun, UnknownWorkflow
from arazzo_mcp.findings import Finding
from arazzo_mcp.settings import Settings, load_settings

if TYPE_CHECKING:  # what reads documents takes time to import, and `--help` does without it
    from arazzo_mcp.library import Library
    from arazzo_mcp.server.catalog import Entry

err = Console(stderr=True, highlight=False, soft_wrap=True)

Paths = Annotated[list[Path], typer.Argument(help="Arazzo documents, or folders with some.", show_default=False)]
OnePath = Annotated[Path, typer.Argument(help="An Arazzo document, or a folder with some.")]
WorkflowName = Annotated[str, typer.Argument(help="The workflow's id, or its tool's name.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, as `runs list` shows it.")]
Source = Annotated[
    list[str] | None, typer.Option(metavar="NAME=PATH", help="The file of a source, in place of its url.")
]
Server = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=URL", help="The base URL of a source, in place of its servers."),
]
ServerVariable = Annotated[
    list[str] | None,
    typer.Option(metavar="SOURCE.NAME=VALUE", help="The value of a variable in the server URL of a source."),
]
Store = Annotated[Path | None, typer.Option(help="The run store.", show_default="in the user's data folder")]
Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.", show_default="arazzo-mcp.toml")]
Strict = Annotated[bool, typer.Option("--strict", help="Every tolerance is an error.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]

_FORMS: Final = {
    "sources": "NAME=PATH",
    "servers": "NAME=URL",
    "server_variables": "SOURCE.NAME=VALUE",
    "inputs": "K=V",
}


def settings_of(config: Path | None, **flags: Any) -> Settings:
    """The settings in force, with what the command line says.

    Raises:
        UsageError: a value does not fit; typer.BadParameter: an option is not of its form.
    """
    for name in ("sources", "servers", "server_variables"):
        if name in flags:
            flags[name] = pairs(flags[name], name) or None
    return load_settings(config, flags)


def pairs(values: Iterable[str] | None, what: str) -> dict[str, str]:
    """Options of the form `NAME=VALUE`."""
    found = {}
    for value in values or ():
        name, equals, text = value.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{value!r}: write {_FORMS[what]}")
        found[name] = text
    return found


def json_inputs(text: str | None, option: str = "--inputs") -> dict[str, Any]:
    """The object that `--inputs JSON|@FILE`, or another option of that form, gives."""
    if text is None:
        return {}
    try:
        data = json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise typer.BadParameter(f"{option}: {text[1:]} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise typer.BadParameter(f"{option} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidInputs([f"{option} must be a JSON object"])
    return data


def chosen(library: Library, name: str) -> Entry:
    """The workflow that a command names.

    Raises:
        UnknownWorkflow: there is none of that name.
        DocumentError: there is, and it is not served; with the findings that say why.
    """
    from arazzo_mcp.app import catalog

    try:
        return catalog(library).named(name)
    except UnknownWorkflow:
        why = [finding for finding in library.errors() if finding.workflow == name]
        if not why:
            raise
        raise DocumentError(f"workflow {name!r} is not served: see above", why) from None


def must_be_there(store: Path, run_id: str) -> None:
    """Looking for a run makes no store.

    Raises:
        UnknownRun: there is no store.
    """
    if not store.exists():
        raise UnknownRun(f"there is no run {run_id!r}, as there is no run store {store}")


def run_async(main_task: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run the asynchronous part of a command; an error of ours inside a group of tasks is that error."""
    try:
        return anyio.run(main_task)
    except BaseExceptionGroup as group:
        ours, others = group.split(ArazzoMcpError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from None


def _first(group: BaseExceptionGroup[ArazzoMcpError]) -> ArazzoMcpError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def print_findings(findings: Iterable[Finding]) -> None:
    """Findings on stderr, one line each."""
    for finding in findings:
        err.print(finding_line(finding))
