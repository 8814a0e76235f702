"""Every description that is at hand: found, read with its sources, and linked to the operations that its steps call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from arazzo_mcp.arazzo.command import Pace, Program, Target
from arazzo_mcp.arazzo.graft import joined, prefix
from arazzo_mcp.arazzo.model import Description, Workflow
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding, Where, strictly
from arazzo_mcp.linking.apis import Servers
from arazzo_mcp.linking.link import link
from arazzo_mcp.openapi.cancel import cancel_findings, cancel_plans
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.reading.documents import is_arazzo
from arazzo_mcp.reading.locate import Identities, files_under
from arazzo_mcp.reading.read import Reading, Snapshot, read
from arazzo_mcp.schemas.tool import ToolInputs, ToolSchemas, as_written


@dataclass(frozen=True, slots=True)
class Options:
    """How documents are read: sources elsewhere and base URLs by source name, strictness, the pace of polling, the
    values of `source.variable` in the URLs of servers, the idempotency header of each source that has one, and what is
    said of cancelling by source or workflow."""

    sources: Mapping[str, Path] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    pace: Pace = field(default_factory=Pace)
    server_variables: Mapping[str, str] = field(default_factory=dict)
    idempotency: Mapping[str, str] = field(default_factory=dict)
    cancel: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Linked:
    """A description with its sources: the program that the engine runs, the operations that it calls, and what the
    tool of each workflow takes."""

    snapshot: Snapshot
    digest: str
    program: Program
    sources: Mapping[str, OpenApi]
    findings: tuple[Finding, ...]
    inputs: Mapping[str, ToolInputs]

    @property
    def file(self) -> str:
        """The Arazzo document's path."""
        return self.snapshot.document.file

    def operation(self, target: Target) -> Operation:
        """The operation that a call names."""
        return self.sources[target.source].operation(target.operation)


@dataclass(frozen=True, slots=True)
class Library:
    """Every description that was found, everything that was found in them, and the names of all their sources and
    workflows."""

    descriptions: tuple[Linked, ...]
    findings: tuple[Finding, ...]
    source_names: frozenset[str] = frozenset()
    workflow_names: frozenset[str] = frozenset()

    def workflows(self) -> Iterator[tuple[Linked, Workflow]]:
        """Every workflow that can be served, in the order of the documents; each in its own document only."""
        for linked in self.descriptions:
            for workflow in linked.program.description.workflows.values():
                if not workflow.home:
                    yield linked, workflow

    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep something from being served."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def open_library(paths: Iterable[Path], options: Options) -> Library:
    """Read every description under the given files and folders. Never raises for what is in them: see `findings`."""
    paths = list(paths)
    identities = Identities(paths)
    # a document alone stands for the folder that its own folder is in: sources lie beside it as `../openapi`
    roots = [path if path.is_dir() else path.absolute().parent.parent for path in paths]
    descriptions: list[Linked] = []
    findings: list[Finding] = []
    names: set[str] = set()
    flows: set[str] = set()
    for file, problem in (found for path in paths for found in _documents(path)):
        if problem is not None:
            findings.append(problem)
            continue
        try:
            reading = read(file, options.sources, identities, roots)
        except DocumentError as error:
            findings += error.findings
            continue
        names |= reading.source_names()
        flows |= reading.workflow_names()
        descriptions.append(_linked(reading, options))
        findings += descriptions[-1].findings
    # a document that others use is read with each of them
    return Library(tuple(descriptions), tuple(dict.fromkeys(findings)), frozenset(names), frozenset(flows))


def _documents(path: Path) -> Iterator[tuple[Path, Finding | None]]:
    """The Arazzo documents of a PATH: the file itself, or those in a folder, in the order of their names."""
    if path.is_file():
        yield path, None
    elif path.is_dir():
        files = [file for file in files_under(path) if is_arazzo(file)]
        yield from ((file, None) for file in files)
        if not files:
            yield (
                path,
                Finding("error", "no-documents", Where(str(path)), "there is no Arazzo document in this folder."),
            )
    else:
        yield path, Finding("error", "unreadable", Where(str(path)), "there is no such file or folder.")


def relink(snapshot: Snapshot, pace: Pace) -> Linked:
    """A pinned snapshot made into what it was when it was pinned.

    Raises:
        DocumentError: it cannot be read any more.
    """
    options = Options(
        servers=snapshot.servers,
        server_variables=snapshot.server_variables,
        pace=pace,
        idempotency=snapshot.idempotency,
        cancel=snapshot.cancel,
    )
    return _linked(snapshot.reading(), options)


# --- linking


@dataclass(frozen=True, slots=True)
class _Linkage:
    """A description linked to its sources: the operation of each of its steps, and the sources by their paths."""

    description: Description
    targets: dict[tuple[str, str], Target]
    apis: dict[str, OpenApi]
    findings: list[Finding]


def _linked(reading: Reading, options: Options) -> Linked:
    linkage = _link(reading, options)
    description, apis = linkage.description, linkage.apis
    targets = {key: target for key, target in linkage.targets.items() if key[0] in description.workflows}
    snapshot = _snapshot(reading, options)
    flows, settings = description.workflows, snapshot.cancel
    cancels = {name: cancel_plans(flow, targets, apis, settings) for name, flow in flows.items()}
    program = Program(description, targets, cancels, options.pace, settings)
    schemas = ToolSchemas(description.workflows, targets, apis)
    own = {name: flow for name, flow in description.workflows.items() if not flow.home}
    inputs = {name: as_written(flow) if options.strict else schemas.of(name) for name, flow in own.items()}
    of_cancels = (found for flow in own.values() for found in cancel_findings(flow, targets, apis, settings))
    findings = [*linkage.findings, *(finding for one in inputs.values() for finding in one.findings), *of_cancels]
    return Linked(snapshot, snapshot.digest, program, apis, tuple(findings), inputs)


def _snapshot(reading: Reading, options: Options) -> Snapshot:
    """What was read, with the settings that are about its sources."""
    names = reading.source_names()
    servers = {name: url for name, url in options.servers.items() if name in names}
    variables = {n: value for n, value in options.server_variables.items() if n.rpartition(".")[0] in names}
    idempotency = {name: header for name, header in options.idempotency.items() if name in names}
    cancel = {name: value for name, value in options.cancel.items() if name in names | reading.workflow_names()}
    return Snapshot(reading.text, dict(reading.texts()), servers, variables, idempotency, cancel)


def _link(reading: Reading, options: Options) -> _Linkage:
    servers = Servers(options.servers, options.server_variables, options.idempotency)
    links = link(reading.description, reading.sources, servers, reading.findings)
    found = strictly(links.findings) if options.strict else list(links.findings)
    spoiled = {finding.workflow for finding in found if finding.severity == "error"}
    flows = {} if None in spoiled else {n: w for n, w in links.description.workflows.items() if n not in spoiled}
    others = {name: _link(other, options) for name, other in reading.others.items()}
    main = replace(links.description, workflows=flows)
    description, missing = joined(main, {name: other.description for name, other in others.items()})
    apis, targets = dict(links.apis), dict(links.targets)
    for name, other in others.items():
        apis |= {f"{name}/{path}": api for path, api in other.apis.items()}
        targets |= dict(_moved(name, other.targets))
    elsewhere = [finding for other in others.values() for finding in other.findings]
    return _Linkage(description, targets, apis, [*found, *missing, *elsewhere])


def _moved(name: str, targets: Mapping[tuple[str, str], Target]) -> Iterator[tuple[tuple[str, str], Target]]:
    """The targets of a source of type arazzo, as they are named in the description that uses it."""
    for (workflow, step), target in targets.items():
        yield (prefix(name) + workflow, step), replace(target, source=f"{name}/{target.source}")
