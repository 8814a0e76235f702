"""Finds and reads descriptions, has their steps linked to operations, and pins what a run was started with.

Where a source's url leads nowhere as written, it is looked for by rule, and a finding says where it was found:
`--source NAME=PATH` first, then the document's folder, its ancestors, and a sibling folder `_original/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from arazzo_mcp.arazzo.command import Pace, Program, Target
from arazzo_mcp.arazzo.model import Description, Source, Workflow
from arazzo_mcp.arazzo.parse import parse
from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.documents import SUFFIXES, Text, is_arazzo, parse_with_lines, read_text
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding, Where, strictly
from arazzo_mcp.link import Linker
from arazzo_mcp.openapi.cancel import cancel_plans
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.schemas.tool import ToolInputs, ToolSchemas, as_written

_SKIPPED_FOLDERS: Final = {"node_modules", ".git", ".venv", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Options:
    """How documents are read: sources elsewhere and base URLs by source name, strictness, and the pace of polling."""

    sources: Mapping[str, Path] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The text of everything that a description was linked from, so that a run never changes under its feet."""

    document: Text
    sources: Mapping[str, Text]
    servers: Mapping[str, str]

    @property
    def digest(self) -> str:
        """What names it: SHA-256 of its JSON form."""
        return sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """One JSON text with everything in it."""
        return json.dumps(
            {
                "document": [self.document.file, self.document.text],
                "sources": {name: [text.file, text.text] for name, text in sorted(self.sources.items())},
                "servers": dict(sorted(self.servers.items())),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """The inverse of `to_json`."""
        data = json.loads(text)
        sources = {name: Text(*pair) for name, pair in data["sources"].items()}
        return cls(Text(*data["document"]), sources, data["servers"])


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
    """Every description that was found, everything that was found in them, and the names of all their sources."""

    descriptions: tuple[Linked, ...]
    findings: tuple[Finding, ...]
    source_names: frozenset[str] = frozenset()

    def workflows(self) -> Iterator[tuple[Linked, Workflow]]:
        """Every workflow that can be served, in the order of the documents."""
        for linked in self.descriptions:
            for workflow in linked.program.description.workflows.values():
                yield linked, workflow

    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep something from being served."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def open_library(paths: Iterable[Path], options: Options) -> Library:
    """Read every description under the given files and folders. Never raises for what is in them: see `findings`."""
    descriptions: list[Linked] = []
    findings: list[Finding] = []
    for path in paths:
        for file, problem in _documents(path):
            if problem is not None:
                findings.append(problem)
                continue
            linked, found = _open(file, options)
            findings += found
            if linked is not None:
                descriptions.append(linked)
    names = frozenset(name for linked in descriptions for name in linked.program.description.sources)
    return Library(tuple(descriptions), tuple(findings), names)


def _documents(path: Path) -> Iterator[tuple[Path, Finding | None]]:
    """The Arazzo documents of a PATH: the file itself, or those in a folder, in the order of their names."""
    if path.is_file():
        yield path, None
    elif path.is_dir():
        files = [file for file in _files(path) if is_arazzo(file)]
        yield from ((file, None) for file in files)
        if not files:
            yield (
                path,
                Finding("error", "no-documents", Where(str(path)), "there is no Arazzo document in this folder."),
            )
    else:
        yield path, Finding("error", "unreadable", Where(str(path)), "there is no such file or folder.")


def _files(folder: Path) -> list[Path]:
    found = (file for suffix in SUFFIXES for file in folder.rglob(f"*{suffix}"))
    return sorted(file for file in found if not _SKIPPED_FOLDERS & set(file.relative_to(folder).parts))


def _open(file: Path, options: Options) -> tuple[Linked | None, list[Finding]]:
    try:
        document = read_text(file.absolute())
        description, findings = parse(parse_with_lines(document))
    except DocumentError as error:
        return None, list(error.findings)
    if description is None:
        return None, findings
    sources: dict[str, Text] = {}
    for source in description.sources.values():
        text, found = _read_source(source, file, options)
        findings += found
        if text is not None:
            sources[source.name] = text
    servers = {name: url for name, url in options.servers.items() if name in description.sources}
    linked = _link(Snapshot(document, sources, servers), description, findings, options)
    return linked, list(linked.findings)


def relink(snapshot: Snapshot, pace: Pace) -> Linked:
    """A pinned snapshot made into what it was when it was pinned.

    Raises:
        DocumentError: it cannot be read any more.
    """
    description, findings = parse(parse_with_lines(snapshot.document))
    if description is None:
        raise DocumentError("the pinned document is no Arazzo description", findings)
    return _link(snapshot, description, findings, Options(servers=snapshot.servers, pace=pace))


# --- sources


def _read_source(source: Source, document: Path, options: Options) -> tuple[Text | None, list[Finding]]:
    if source.type != "openapi":
        return None, []
    file, finding = _find_source(source, document, options)
    if file is None:
        return None, [finding] if finding else []
    try:
        return read_text(file), [finding] if finding else []
    except DocumentError as error:
        return None, [
            replace(found, where=source.where, message=f"{file}: {found.message}") for found in error.findings
        ]


def _find_source(source: Source, document: Path, options: Options) -> tuple[Path | None, Finding | None]:
    if source.name in options.sources:
        return options.sources[source.name], None
    parts = urlsplit(source.url)
    if parts.scheme in ("http", "https"):
        relative = Path(unquote(parts.path)).name
    else:
        relative = unquote(parts.path)
        as_written = document.parent / relative
        if as_written.is_file():
            return as_written, None
    for candidate in _elsewhere(relative, document.absolute().parent):
        if candidate.is_file():
            tolerance = TOLERANCES["source-elsewhere"]
            message = f"source {source.name!r}: {tolerance.rule}; {source.url!r} was found at {candidate}."
            return candidate, Finding("warning", "source-elsewhere", source.where, message)
    hint = f"Give its place with --source {source.name}=PATH."
    remote = parts.scheme in ("http", "https")
    what = "URLs are not fetched" if remote else "there is no file there"
    message = f"source {source.name!r} is at {source.url!r}: {what}."
    return None, Finding("error", "source-not-found", source.where, message, hint, "*")


def _elsewhere(relative: str, folder: Path) -> Iterator[Path]:
    """The document's folder by name alone, its ancestors, and a folder `_original/` beside where it should be."""
    name = Path(relative).name
    yield folder / name
    for ancestor in (folder, *folder.parents):
        yield ancestor / relative.lstrip("./")
    beside = (folder / relative).resolve().parent
    yield beside / "_original" / name
    yield folder / "_original" / name


# --- linking


def _link(snapshot: Snapshot, description: Description, findings: Sequence[Finding], options: Options) -> Linked:
    linker = Linker(description, snapshot.sources, snapshot.servers, findings)
    targets = linker.targets()
    found = strictly(linker.findings) if options.strict else linker.findings
    spoiled = {finding.workflow for finding in found if finding.severity == "error"}
    served = {} if None in spoiled else {n: w for n, w in description.workflows.items() if n not in spoiled}
    served = _closed(served)
    targets = {key: target for key, target in targets.items() if key[0] in served}
    cancels = {name: cancel_plans(workflow, targets, linker.apis) for name, workflow in served.items()}
    program = Program(replace(description, workflows=served), targets, cancels, options.pace)
    schemas = ToolSchemas(served, targets, linker.apis)
    inputs = {name: as_written(flow) if options.strict else schemas.of(name) for name, flow in served.items()}
    found += [finding for one in inputs.values() for finding in one.findings]
    return Linked(snapshot, snapshot.digest, program, linker.apis, tuple(found), inputs)


def _closed(workflows: dict[str, Workflow]) -> dict[str, Workflow]:
    """Only workflows whose sub-workflows are served too."""
    kept = {n: w for n, w in workflows.items() if all(called in workflows for called in w.calls())}
    return kept if len(kept) == len(workflows) else _closed(kept)
