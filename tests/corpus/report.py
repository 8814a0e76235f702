"""What becomes of published documents: for each what is served, what is not and why, and for all a summary."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arazzo_mcp.app import catalog
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding
from arazzo_mcp.library import Library, Linked, Options, open_library
from arazzo_mcp.reading.documents import is_arazzo, parse_data, parse_with_lines, read_text
from arazzo_mcp.server.catalog import Entry
from tests.corpus.description import Api, mapping
from tests.corpus.feed import feeds
from tests.corpus.inputs import arguments
from tests.corpus.play import Played, Search
from tests.corpus.requests import Fault, faults

PROVIDER = "https://provider.invalid"
"""The base URL of sources that have none."""


@dataclass(frozen=True)
class Ran:
    """One served workflow, as it ran through the scripted provider."""

    workflow: str
    tool: str
    arguments: dict[str, Any]
    played: Played
    faults: tuple[Fault, ...] = ()
    bases: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> list[str]:
        """What is wrong with its requests and cannot be laid to the document."""
        return [fault.what for fault in self.faults if not fault.said]

    @property
    def why(self) -> str:
        """Why it does not count as completed, empty where it does."""
        if self.played.why:
            return self.played.why
        if self.played.missing:
            return f"outputs missing: {', '.join(self.played.missing)}"
        return f"requests: {'; '.join(self.ours)}" if self.ours else ""


@dataclass(frozen=True)
class Row:
    """One document: its workflows, those of them that are served, and the findings."""

    file: Path
    family: str
    workflows: tuple[str, ...]
    served: tuple[str, ...]
    findings: tuple[Finding, ...]
    ran: tuple[Ran, ...] = ()
    trace: str = ""

    @property
    def codes(self) -> Counter[str]:
        """How often each finding was made."""
        return Counter(f"{finding.severity}:{finding.code}" for finding in self.findings)

    @property
    def silent(self) -> bool:
        """Whether it gives neither a tool nor an error that says why not."""
        return not self.served and not any(finding.severity == "error" for finding in self.findings)

    def line(self) -> str:
        """The document in one line."""
        codes = " ".join(f"{code}={n}" for code, n in sorted(self.codes.items()))
        refused = len(self.workflows) - len(self.served)
        ran = f" completed {sum(not r.why for r in self.ran)}/{len(self.ran)}" if self.ran else ""
        return f"{self.file}: workflows {len(self.workflows)} served {len(self.served)} refused {refused}{ran} {codes}"


@dataclass
class Report:
    """Every document of a folder."""

    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def broken(self) -> list[Row]:
        """Documents that end in a traceback, or in nothing without a word."""
        return [row for row in self.rows if row.trace or row.silent]

    def families(self) -> dict[str, tuple[int, int, int]]:
        """For each family its workflows, those that are served, and those that ran to completion."""
        found: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            workflows, served, completed = found.get(row.family, (0, 0, 0))
            done = sum(not ran.why for ran in row.ran)
            found[row.family] = (workflows + len(row.workflows), served + len(row.served), completed + done)
        return found

    def codes(self) -> Counter[str]:
        """How often each finding was made."""
        return sum((row.codes for row in self.rows), Counter())


def documents(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Every Arazzo document of some folders or files, with its family: the first part of its path."""
    for path in paths:
        found = [path] if path.is_file() else sorted(f for s in ("*.yaml", "*.yml", "*.json") for f in path.rglob(s))
        for file in found:
            if is_arazzo(file):
                yield file, (file.relative_to(path).parts[0] if path.is_dir() else file.parent.name)


def survey(paths: Iterable[Path], *, run: bool = False) -> Report:
    """The report on every document of some folders or files."""
    report, started = Report(), time.perf_counter()
    for file, family in documents(paths):
        report.rows.append(row_of(file, family, run=run))
    report.seconds = time.perf_counter() - started
    return report


def row_of(file: Path, family: str, *, run: bool = False) -> Row:
    """One document. An exception is what this looks for, so that it is caught here and shown."""
    try:
        library = open_library([file], Options())
        served = tuple(workflow.id for _, workflow in library.workflows())
        ran = tuple(runs(library)) if run else ()
        return Row(file, family, _written(file), served, library.findings, ran)
    except Exception:  # noqa: BLE001  (whatever it is, it is reported)
        return Row(file, family, (), (), (), (), traceback.format_exc())


def _written(file: Path) -> tuple[str, ...]:
    """The ids of the workflows that stand in a document, served or not; one that cannot be read has none."""
    try:
        data = mapping(parse_with_lines(read_text(file)).data)
    except DocumentError:
        return ()
    flows = data.get("workflows")
    return tuple(str(mapping(flow).get("workflowId")) for flow in (flows if isinstance(flows, list) else ()))


def runs(library: Library) -> Iterator[Ran]:
    """Every served workflow of one document, run through the scripted provider."""
    if not any(library.workflows()):
        return
    for entry in catalog(_with_servers(library)).entries.values():
        for linked in _with_servers(library).descriptions:
            if entry.offer.workflow.id in linked.program.description.workflows:
                yield ran(linked, entry)


def _with_servers(library: Library) -> Library:
    """Sources without an absolute server get one, as a person would give it."""
    for linked in library.descriptions:
        for api in linked.sources.values():
            if any(api.operation(t.operation).base_url is None for t in _targets(linked, api.source)):
                api.base_url = PROVIDER
                api._operations.clear()
    return library


def _targets(linked: Linked, source: str) -> list[Any]:
    return [target for target in linked.program.targets.values() if target.source == source]


def ran(linked: Linked, entry: Entry) -> Ran:
    """One workflow, run through the scripted provider, and its requests judged."""
    apis = {name: Api(mapping(parse_data(text))) for name, text in linked.snapshot.sources.items()}
    workflow = entry.offer.workflow
    given = arguments(entry, feeds(linked, apis, workflow))
    played = Search(linked, apis).run(workflow.id, entry.inputs(given))
    found = tuple(_faults(linked, apis, workflow.id, played))
    return Ran(workflow.id, entry.name, given, played, found, _bases(linked, played))


def _bases(linked: Linked, played: Played) -> dict[str, str]:
    """The base URL of each source that was called."""
    called = {turn.call.target.source: turn.call.target for turn in played.turns}
    return {name: linked.operation(target).base_url or "" for name, target in called.items()}


def _faults(linked: Linked, apis: dict[str, Api], workflow_id: str, played: Played) -> Iterator[Fault]:
    seen: set[str] = set()
    for turn in played.turns:
        if turn.call.step in seen:
            continue
        seen.add(turn.call.step)
        workflow, step = step_at(linked, workflow_id, turn.call.step)
        yield from faults(apis[turn.call.target.source], turn.call.target.operation, workflow, step, turn.request)


def step_at(linked: Linked, workflow_id: str, path: str) -> tuple[Any, Any]:
    """The workflow and step of a path of step ids; where a workflow gave its place to another, by its last name."""
    workflow = linked.program.description.workflows[workflow_id]
    for name in path.split("/"):
        known = [w for w in (workflow, *linked.program.description.workflows.values()) if _has(w, name)]
        workflow, step = known[0], known[0].step(name)
        called = getattr(step.call, "name", "")
        workflow = linked.program.description.workflows.get(called, workflow) if "/" in path else workflow
    return known[0], step


def _has(workflow: Any, name: str) -> bool:
    return any(step.id == name for step in workflow.steps)
