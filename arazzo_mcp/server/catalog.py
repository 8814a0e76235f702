"""Workflows as tools: names, descriptions, schemas. What an agent sees of a workflow is decided here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import mcp.types as t
from jsonschema import Draft202012Validator

from arazzo_mcp.arazzo.command import REPEATABLE, Program
from arazzo_mcp.arazzo.model import Workflow
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.errors import InvalidInputs, UnknownWorkflow
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.server.envelope import ENVELOPE_SCHEMA
from arazzo_mcp.server.schema import coerced, problems, tool_schema

MOST_NAME: Final = 45
"""Hosts put their server's name before a tool's and drop what becomes longer than 60 characters."""

MOST_DESCRIPTION: Final = 1900
"""Hosts cut descriptions at 2 KB."""

RUN_TOOLS: Final = ("run_status", "run_cancel", "run_list")


@dataclass(frozen=True, slots=True)
class Offer:
    """A workflow that can be served: its program by digest, and the file that it stands in."""

    program_digest: str
    document: str
    workflow: Workflow
    program: Program


@dataclass(frozen=True, slots=True)
class WorkflowTool:
    """A workflow with its tool and the validator of its arguments."""

    tool: t.Tool
    offer: Offer
    validator: Draft202012Validator

    def inputs(self, arguments: Mapping[str, Json]) -> dict[str, Json]:
        """Arguments as inputs of the workflow.

        Raises:
            InvalidInputs: they do not fit; says which field and what was expected.
        """
        inputs = coerced(arguments, self.tool.input_schema)
        if wrong := problems(inputs, self.validator):
            raise InvalidInputs(wrong)
        return inputs


class Catalog:
    """The tools of all workflows, by name, in the order of the documents."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        offers = list(offers)
        names = tool_names([(offer.document, offer.workflow.id) for offer in offers])
        self.tools = {name: _tool(name, offer) for name, offer in zip(names, offers, strict=True)}

    def named(self, name: str) -> WorkflowTool:
        """The tool with this name or, where it is unique, with this workflowId.

        Raises:
            UnknownWorkflow: there is none; says which there are.
        """
        if name in self.tools:
            return self.tools[name]
        same = [tool for tool in self.tools.values() if tool.offer.workflow.id == name]
        if len(same) == 1:
            return same[0]
        known = ", ".join(list(self.tools)[:20])
        hint = did_you_mean(name, self.tools)
        raise UnknownWorkflow(f"there is no workflow {name!r}. {hint} Known: {known}".replace("  ", " "))


def tool_names(workflows: list[tuple[str, str]]) -> list[str]:
    """A name for each (document, workflowId): at most 45 characters of `[A-Za-z0-9_-]`, unique, and the same whatever
    else is served unless two workflows would share it."""
    plain = [
        _fitted(re.sub(r"[^A-Za-z0-9_-]+", "_", workflow).strip("_") or "workflow", workflow)
        for _, workflow in workflows
    ]
    taken = Counter((*plain, *RUN_TOOLS))
    return [
        name if taken[name] == 1 else _with_mark(name, f"{Path(document).name}#{workflow}", at, workflows)
        for at, (name, (document, workflow)) in enumerate(zip(plain, workflows, strict=True))
    ]


def _fitted(name: str, workflow: str) -> str:
    return name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 7]}_{_mark(workflow)}"


def _with_mark(name: str, identity: str, at: int, workflows: list[tuple[str, str]]) -> str:
    """Two files of one name in two folders are told apart by their whole path."""
    document, workflow = workflows[at]
    twins = [d for d, w in workflows if w == workflow and Path(d).name == Path(document).name]
    return f"{name[: MOST_NAME - 7]}_{_mark(identity if len(twins) == 1 else f'{document}#{workflow}')}"


def _mark(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:6]


def _tool(name: str, offer: Offer) -> WorkflowTool:
    workflow = offer.workflow
    schema = tool_schema(workflow.inputs)
    tool = t.Tool(
        name=name,
        title=workflow.summary or None,
        description=describe(offer),
        input_schema=schema,
        output_schema=ENVELOPE_SCHEMA,
        annotations=_annotations(offer),
    )
    combined = {
        key: workflow.inputs[key] for key in ("anyOf", "oneOf", "not", "if", "then", "else") if key in workflow.inputs
    }
    return WorkflowTool(tool, offer, Draft202012Validator({**schema, **combined}))


def describe(offer: Offer) -> str:
    """Summary and description of the workflow, and what a cancel does."""
    workflow = offer.workflow
    parts = dict.fromkeys(part.strip() for part in (workflow.summary, workflow.description) if part.strip())
    text = "\n\n".join(parts) or f"Runs the workflow {workflow.id}."
    ending = f"\n\nLong runs go on after this call: see run_status. {cancel_line(offer.program, workflow)}"
    room = MOST_DESCRIPTION - len(ending)
    return (text if len(text) <= room else f"{text[: room - 3]}...") + ending


def cancel_line(program: Program, workflow: Workflow) -> str:
    """What `run_cancel` does for a workflow, in one sentence."""
    plans = program.cancels.get(workflow.id, ())
    if not plans:
        return "run_cancel stops the run here; no cancel operation was found in the API."
    return f"run_cancel also cancels the remote job ({plans[0].target.operation})."


def _annotations(offer: Offer) -> t.ToolAnnotations:
    """Hints derived from the HTTP methods of the workflow's steps."""
    methods = {
        target.method for (workflow, _), target in offer.program.targets.items() if workflow == offer.workflow.id
    }
    return t.ToolAnnotations(
        read_only_hint=bool(methods) and methods <= {"GET", "HEAD", "OPTIONS"},
        destructive_hint="DELETE" in methods,
        idempotent_hint=bool(methods) and methods <= REPEATABLE,
        open_world_hint=True,
    )
