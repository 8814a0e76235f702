"""Linking: which operation each step of a description calls, and what can be known of that before the first request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from arazzo_mcp.arazzo.command import Target
from arazzo_mcp.arazzo.model import Description, OperationId, OperationPath, Step, Workflow
from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.documents import Text, parse_data
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding, Severity, did_you_mean
from arazzo_mcp.openapi.parse import Entry, OpenApi


class Linker:
    """Finds the operation of each step of a description.

    texts, servers: the text of each source, and the base URL that is given for it. What is found on the way stands in
    `findings` afterwards, the sources that could be read in `apis`.
    """

    def __init__(
        self,
        description: Description,
        texts: Mapping[str, Text],
        servers: Mapping[str, str],
        findings: Iterable[Finding],
    ) -> None:
        self.description, self.texts, self.servers = description, texts, servers
        self.findings = list(findings)
        self.apis: dict[str, OpenApi] = {}

    def targets(self) -> dict[tuple[str, str], Target]:
        """The operation of every step that calls one, by workflow and step."""
        unread = self._unreadable_sources()
        found: dict[tuple[str, str], Target] = {}
        for workflow in self.description.workflows.values():
            for step in workflow.steps:
                entry = self._entry(workflow, step, unread)
                if entry is not None:
                    source, line = entry
                    found[workflow.id, step.id] = Target(source, line.key, line.method)
                    self._check(workflow, step, source, line)
        # a source that no workflow needs keeps nothing from being served
        self.findings = [
            replace(f, workflow=None, severity="warning") if f.workflow == "*" else f for f in self.findings
        ]
        return found

    def _unreadable_sources(self) -> set[str]:
        """Opens every source that can be read; those that are no OpenAPI description are reported once."""
        unread: set[str] = set()
        for name, source in self.description.sources.items():
            text = self.texts.get(name)
            if text is None:
                unread.add(name)
                continue
            try:
                data = parse_data(text)
            except DocumentError as error:
                self.findings += [replace(found, workflow="*") for found in error.findings]
                unread.add(name)
                continue
            api = OpenApi(name, data, self.servers.get(name))
            if not api.version.startswith("3."):
                message = f"source {name!r} ({text.file}) is no OpenAPI 3 description."
                self.findings.append(Finding("error", "not-openapi", source.where, message, "", "*"))
                unread.add(name)
                continue
            self.apis[name] = api
        return unread

    def _entry(self, workflow: Workflow, step: Step, unread: set[str]) -> tuple[str, Entry] | None:
        match step.call:
            case OperationId(name, source):
                return self._by_id(workflow, step, name, source, unread)
            case OperationPath(source, pointer):
                return self._by_path(workflow, step, source, pointer, unread)
            case _:
                return None

    def _by_id(
        self, workflow: Workflow, step: Step, name: str, source: str | None, unread: set[str]
    ) -> tuple[str, Entry] | None:
        if source is not None and not self._known(workflow, step, source, unread):
            return None
        names = [source] if source is not None else list(self.apis)
        found = [(api, entry) for api in names for entry in self.apis[api].by_id.get(name, ())]
        if len(found) == 1:
            if source is None and len(self.description.sources) > 1:
                rule = TOLERANCES["bare-operation-id"]
                self._report(
                    "warning",
                    workflow,
                    step,
                    "bare-operation-id",
                    f"operationId {name!r}: {rule.rule}; {rule.done}.",
                )
            return found[0]
        if found:
            which = ", ".join(f"{api}: {entry.key}" for api, entry in found)
            self._report(
                "error",
                workflow,
                step,
                "ambiguous-operation",
                f"operationId {name!r} is not unique: {which}.",
            )
        elif unread and source is None:
            missing = ", ".join(sorted(unread))
            self._report(
                "error",
                workflow,
                step,
                "source-not-found",
                f"operationId {name!r}: source {missing} could not be read.",
            )
        else:
            where = f"source {source!r}" if source else "the sources"
            known = [known for api in names for known in self.apis[api].by_id]
            self._report(
                "error",
                workflow,
                step,
                "unknown-operation",
                f"there is no operation {name!r} in {where}.",
                did_you_mean(name, known),
            )
        return None

    def _by_path(
        self, workflow: Workflow, step: Step, source: str, pointer: str, unread: set[str]
    ) -> tuple[str, Entry] | None:
        if not self._known(workflow, step, source, unread):
            return None
        entry = self.apis[source].at_pointer(pointer)
        if entry is None:
            pointers = [
                f"/paths/{e.path.replace('~', '~0').replace('/', '~1')}/{e.method.lower()}"
                for e in self.apis[source].entries
            ]
            self._report(
                "error",
                workflow,
                step,
                "unknown-operation",
                f"there is no operation at {pointer!r} in source {source!r}.",
                did_you_mean(pointer, pointers),
            )
            return None
        return source, entry

    def _known(self, workflow: Workflow, step: Step, source: str, unread: set[str]) -> bool:
        if source in self.apis:
            return True
        if source in unread:
            self._report("error", workflow, step, "source-not-found", f"source {source!r} could not be read.")
        else:
            hint = did_you_mean(source, self.description.sources)
            self._report("error", workflow, step, "unknown-source", f"there is no source {source!r}.", hint)
        return False

    def _check(self, workflow: Workflow, step: Step, source: str, entry: Entry) -> None:
        """What can be known before the first request: a path parameter or an absolute server that is missing."""
        operation = self.apis[source].operation(entry.key)
        given = {p.name for p in step.parameters if p.location in ("path", None)}
        needed = {p.name for p in operation.parameters if p.location == "path"}
        for name in sorted(needed - given):
            self._report(
                "error",
                workflow,
                step,
                "missing-path-parameter",
                f"{entry.key} needs the path parameter {name!r}, which the step does not give.",
                did_you_mean(name, given - needed),
            )
        if operation.base_url is None:
            where, hint = self.description.sources[source].where, f"Give one with --server {source}=URL."
            self._add(Finding("warning", "no-server", where, f"source {source!r} has no absolute server URL.", hint))

    def _report(
        self, severity: Severity, workflow: Workflow, step: Step, code: str, message: str, hint: str = ""
    ) -> None:
        where = replace(step.where, path=f"{workflow.id}.{step.id}")
        self._add(Finding(severity, code, where, message, hint, workflow.id))

    def _add(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)
