"""A document's plain data -> Description and findings. Arazzo 1.0 and 1.1.

All problems are collected, each with its place; a workflow with an error is left out of the description and the others
stay. What a tolerance lets through is a warning whose code stands in `quirks.TOLERANCES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from arazzo_mcp.arazzo.context import context_of
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.graft import missing, undercut
from arazzo_mcp.arazzo.inputs import Schemas
from arazzo_mcp.arazzo.model import Description, Source, Workflow
from arazzo_mcp.arazzo.parse_step import workflow as read_workflow
from arazzo_mcp.arazzo.quirks import is_odd
from arazzo_mcp.arazzo.reader import Document, Path, Reader, keys
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.findings import Finding

SERVED_VERSIONS: Final = re.compile(r"1\.[01](\.\d+)?(-.*)?")


def parse(document: Document) -> tuple[Description | None, list[Finding]]:
    """The description of a document, with the workflows that can be served, and everything that was found.

    None where the document is no Arazzo description at all (a finding says why).
    """
    reader = Reader(document)
    data = document.data
    if not isinstance(data, dict) or "arazzo" not in data:
        reader.error((), "not-arazzo", "this is not an Arazzo description: it has no 'arazzo' field.")
        return None, reader.findings
    version = str(data["arazzo"])
    if not SERVED_VERSIONS.fullmatch(version):
        reader.warn(("arazzo",), "unknown-version", f"version {version} is read as 1.1.0.")
    check_fields(reader, data, (), "a description")
    info = reader.mapping(data.get("info"), ("info",), "'info'")
    _check_head(reader, data, info)
    read = _workflows(reader, data)
    workflows = _without_endless(reader, {name: flow for name, flow in read.items() if not reader.spoiled(name)})
    description = Description(
        version,
        str(info.get("title", "")),
        reader.text(data, "$self", ()) or None,
        _sources(reader, data),
        workflows,
        reader.where(()),
        awaited=frozenset(_awaited(workflows)),
        refused={name: flow for name, flow in read.items() if name not in workflows},
    )
    # what stands at the workflow is read once for each of its steps
    return description, list(dict.fromkeys(reader.findings))


def _check_head(reader: Reader, data: Mapping[str, Json], info: Mapping[str, Json]) -> None:
    """What a description MUST have, and no workflow needs."""
    for name in ("title", "version"):
        if not info.get(name):
            reader.warn(("info",), "incomplete-info", f"'info' has no {name!r}.")
    if not data.get("sourceDescriptions"):
        reader.warn((), "no-sources", "the description has no 'sourceDescriptions'.")
    if "#" in str(data.get("$self", "")):
        reader.warn(("$self",), "self-fragment", "'$self' must not contain a fragment.")
    for kind, components in reader.mapping(data.get("components"), ("components",), "'components'").items():
        for name in filter(is_odd, keys(components)):
            reader.tolerate(("components", kind, name), "odd-name", f"component {name!r}")


def _sources(reader: Reader, data: dict[str, Json]) -> dict[str, Source]:
    """By name, which "MUST be unique": of two the first one is used."""
    sources: dict[str, Source] = {}
    for path, source in _every_source(reader, data):
        if source.name in sources:
            reader.tolerate((*path, "name"), "duplicate-source", f"source {source.name!r} is there twice")
        sources.setdefault(source.name, source)
    return sources


def _every_source(reader: Reader, data: dict[str, Json]) -> Iterator[tuple[Path, Source]]:
    for at, node in enumerate(reader.items(data, "sourceDescriptions", ())):
        path: Path = ("sourceDescriptions", at)
        source = reader.mapping(node, path, "a source description")
        check_fields(reader, source, path, "a source description")
        name = reader.text(source, "name", path, required=True)
        url = reader.text(source, "url", path, required=True)
        if name and url:
            yield path, Source(name, url, reader.text(source, "type", path) or "openapi", reader.where(path))


def _workflows(reader: Reader, data: dict[str, Json]) -> dict[str, Workflow]:
    """Every workflow, as far as it can be read; the findings say which ones have an error."""
    items = reader.items(data, "workflows", ())
    nodes: list[tuple[int, dict[str, Json]]] = []
    for at, value in enumerate(items):
        reader.workflow = f"workflows[{at}]"  # an error that names no workflow spoils the whole document
        node = reader.mapping(value, ("workflows", at), "a workflow")
        nodes += [(at, node)] if isinstance(value, dict) else []
    reader.workflow = None
    if not items:
        reader.error((), "no-workflows", "the description has no workflows.")
    outputs = {str(node.get("workflowId")): keys(node.get("outputs")) for _, node in nodes}
    schemas = Schemas(data)
    workflows: dict[str, Workflow] = {}
    for at, node in nodes:
        path: Path = ("workflows", at)
        reader.workflow = f"workflows[{at}]"
        name = reader.text(node, "workflowId", path, required=True)
        if name in workflows:
            reader.error(path, "duplicate-workflow", f"workflowId {name!r} is used twice; the first one is served.")
        elif name:
            reader.workflow = name
            workflows[name] = read_workflow(context_of(reader, data, node, path, outputs, schemas), name)
        reader.workflow = None
    return workflows


def _without_endless(reader: Reader, workflows: dict[str, Workflow]) -> dict[str, Workflow]:
    """Workflows whose steps lead into themselves would call one another for ever."""
    workflows = _without_dangling(reader, workflows)
    inside = {name: set(flow.nested()) & workflows.keys() for name, flow in workflows.items()}
    endless = _in_circles(_in_circles(inside.keys(), inside), _turned(inside))
    for name in [name for name in inside if name in endless]:
        message = f"the steps of workflow {name!r} call it again, without an end."
        reader.findings.append(Finding("error", "endless-workflows", workflows[name].where, message, "", name))
        del workflows[name]
    return _without_dangling(reader, workflows)


def _in_circles(names: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """What is left of some names when those that lead to none of the others are taken away again and again."""
    left = set(names)
    leads = {name: len(edges[name] & left) for name in left}
    back = _turned({name: edges[name] & left for name in left})
    ends = [name for name, count in leads.items() if not count]
    for name in ends:  # grows while it is gone through
        left.discard(name)
        for before in back[name]:
            leads[before] -= 1
            if not leads[before]:
                ends.append(before)
    return left


def _turned(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    turned: dict[str, set[str]] = {name: set() for name in edges}
    for name, targets in edges.items():
        for target in targets:
            turned[target].add(name)
    return turned


def _without_dangling(reader: Reader, workflows: dict[str, Workflow]) -> dict[str, Workflow]:
    """Workflows that call one which is not served are not served either; those of other descriptions are looked for
    when these have been read."""
    lost = list(undercut(workflows, foreign=False))
    reader.findings += [missing(workflow, called, workflows) for workflow, called in lost]
    gone = {workflow.id for workflow, _ in lost}
    return {name: flow for name, flow in workflows.items() if name not in gone}


def _awaited(workflows: Mapping[str, Workflow]) -> Iterator[tuple[str, str]]:
    """The steps that other steps depend on."""
    for workflow in workflows.values():
        for step in workflow.steps:
            yield from ((awaited.workflow or workflow.id, awaited.step) for awaited in step.depends_on)


__all__ = ["Document", "parse"]
