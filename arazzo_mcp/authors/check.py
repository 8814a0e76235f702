"""What `check` tells of a library: its findings in the order of the files, what is served, and what is not and why.

Text for people, JSON, and the workflow commands by which GitHub annotates a pull request; SARIF stands in `sarif.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rich.text import Text

from arazzo_mcp.app import catalog
from arazzo_mcp.arazzo.reader import keys
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.authors.facts import Facts, facts
from arazzo_mcp.authors.finding_text import finding_line, local, shorter
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.findings import Finding
from arazzo_mcp.library import Library, Linked
from arazzo_mcp.reading.documents import parse_data


@dataclass(frozen=True, slots=True)
class Served:
    """A workflow that is served, under the name of its tool; inputs: which are required, by name."""

    tool: str
    inputs: Mapping[str, bool]
    facts: Facts

    def as_dict(self) -> dict[str, Json]:
        """As plain JSON data."""
        known = self.facts.as_dict()
        place = {"file": known.pop("file"), "workflow": known.pop("workflow"), "served": True}
        return {**place, "tool": self.tool, "inputs": [*self._inputs()], **known}

    def _inputs(self) -> Iterator[Json]:
        yield from ({"name": name, "required": required} for name, required in self.inputs.items())


@dataclass(frozen=True, slots=True)
class Refused:
    """What is not served: a workflow, or a whole document where `workflow` is None. codes: of its errors, counted."""

    file: str
    workflow: str | None
    codes: Mapping[str, int]
    why: str

    def as_dict(self) -> dict[str, Json]:
        """As plain JSON data."""
        counted = {"errors": sum(self.codes.values()), "codes": dict(self.codes)}
        return {"file": self.file, "workflow": self.workflow, "served": False, **counted, "why": self.why}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `check` tells, in the order of the files."""

    findings: tuple[Finding, ...]
    served: tuple[Served, ...]
    refused: tuple[Refused, ...]

    @property
    def exit_code(self) -> int:
        """0, or 1 where there are errors."""
        return int(any(finding.severity == "error" for finding in self.findings))

    @property
    def severities(self) -> tuple[str, ...]:
        """Errors and warnings always, others where there are some."""
        return tuple(dict.fromkeys(("error", "warning", *(finding.severity for finding in self.findings))))

    def counts(self, severity: str) -> Counter[str]:
        """How many findings there are of each code."""
        return Counter(finding.code for finding in self.findings if finding.severity == severity)

    def as_dict(self) -> dict[str, Json]:
        """What `check --format json` prints."""
        summary = {
            "served": len(self.served),
            "not_served": len(self.refused),
            **{f"{severity}s": dict(self.counts(severity)) for severity in self.severities},
        }
        workflows = [*(one.as_dict() for one in self.served), *(one.as_dict() for one in self.refused)]
        return {"findings": [f.as_dict() for f in self.findings], "workflows": workflows, "summary": summary}


def report(library: Library, credentials: Credentials) -> Report:
    """What is to be told of a library."""
    ordered = sorted(library.findings, key=lambda f: (f.where.file, f.where.line, f.where.column))
    return Report(tuple(ordered), tuple(_served(library, credentials)), tuple(_refused(library)))


def _served(library: Library, credentials: Credentials) -> Iterator[Served]:
    flows = list(library.workflows())
    entries = catalog(library).entries.values() if flows else ()
    for (linked, flow), entry in zip(flows, entries, strict=True):
        required = entry.schema.get("required", ())
        inputs = {name: name in required for name in entry.schema["properties"]}
        yield Served(entry.name, inputs, facts(linked, flow, credentials))


# --- what is not served, and why


def _refused(library: Library) -> Iterator[Refused]:
    read = {linked.file for linked in library.descriptions}
    read |= {finding.where.file for linked in library.descriptions for finding in linked.findings}
    errors = sorted((f for f in library.errors() if f.where.file not in read), key=lambda f: f.where.file)
    for linked in library.descriptions:
        yield from _of_description(linked)
    for file, found in groupby(errors, key=lambda f: f.where.file):
        yield _because(file, None, list(found))


def _of_description(linked: Linked) -> Iterator[Refused]:
    errors = [finding for finding in linked.findings if finding.severity == "error"]
    if not errors:
        return
    whole = [finding for finding in errors if finding.workflow is None]
    named = dict.fromkeys([*_names(linked), *(f.workflow for f in errors if f.workflow)])
    for name in named:
        own = [finding for finding in errors if finding.workflow == name]
        if own or name not in linked.program.description.workflows:
            yield _because(linked.file, name, own or whole)
    if whole and not named:
        yield _because(linked.file, None, whole)


def _names(linked: Linked) -> Iterator[str]:
    """The workflowIds of a document as it is written."""
    data = parse_data(linked.snapshot.document)
    flows = data.get("workflows") if isinstance(data, dict) else None
    for flow in flows if isinstance(flows, list) else ():
        if "workflowId" in keys(flow):
            yield str(flow["workflowId"])


def _because(file: str, workflow: str | None, errors: list[Finding]) -> Refused:
    codes = Counter(finding.code for finding in errors)
    if not errors:
        return Refused(file, workflow, codes, "a workflow that it calls is not served")
    all_of = " of the whole document" if workflow and errors[0].workflow is None else ""
    count = _counted(len(errors), "error")
    return Refused(file, workflow, codes, f"{count}{all_of}, see above: {', '.join(codes)}")


# --- text


def report_lines(report: Report, *, verbose: bool) -> Iterator[Text]:
    """What `check` prints."""
    yield from map(finding_line, report.findings)
    if report.findings:
        yield Text()
    for served in report.served:
        yield Text(f"{shorter(served.facts.file)}: workflow {served.facts.workflow} is served. {served.facts.cancel}")
        if verbose:
            yield from map(Text, _facts_lines(served))
    for refused in report.refused:
        what = f": workflow {refused.workflow}" if refused.workflow else ""
        yield Text.assemble(f"{shorter(refused.file)}{what} is ", ("NOT served", "bold red"), f" ({refused.why}).")
    yield from map(Text, _summary(report))


def _facts_lines(served: Served) -> Iterator[str]:
    known = served.facts
    needs = [
        f"{n.variable} ({'set' if n.is_set else 'NOT set'}) for {n.source}.{n.scheme.name}" for n in known.credentials
    ]
    rows: dict[str, Iterable[str]] = {
        "tool": [served.tool],
        "inputs": [", ".join(f"{name}{'*' if required else ''}" for name, required in served.inputs.items())],
        "steps": [str(known.steps)],
        "hosts": known.hosts,
        "credentials": needs,
        "submits": known.submits,
        "paced": known.paced,
    }
    for name, values in rows.items():
        yield from (f"    {name.ljust(12)}{value}" for value in values if value)


def _summary(report: Report) -> Iterator[str]:
    counts = {severity: report.counts(severity) for severity in report.severities}
    refused = [f"{len(report.refused)} not served"] if report.refused else []
    totals = [_counted(found.total(), severity) for severity, found in counts.items()]
    yield ", ".join([f"{_counted(len(report.served), 'workflow')} served", *refused, *totals])
    for severity, found in counts.items():
        if found:
            yield f"{severity}s: " + ", ".join(f"{code} {count}" for code, count in found.most_common())
    if report.findings:
        yield "`arazzo-mcp check --explain CODE` says what a code means and how to mend it."


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


# --- GitHub

_COMMANDS: Final[dict[str, str]] = {"error": "error", "warning": "warning"}


def github_lines(report: Report) -> Iterator[str]:
    """Workflow commands: GitHub shows each finding at its line of a pull request."""
    for finding in map(local, report.findings):
        where = finding.where
        place = {"file": where.file, **({"line": where.line, "col": where.column} if where.line else {})}
        properties = {**place, "title": f"arazzo-mcp {finding.code}"}
        shown = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        command, said = _COMMANDS.get(finding.severity, "notice"), f"{finding.message} {finding.hint}".strip()
        yield f"::{command} {shown}::{_escaped(said)}"
    yield from _summary(report)


def _escaped(text: str) -> str:
    """A text as data of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
