"""Workflows as an agent sees them: names, descriptions, schemas. What becomes a Tool of the SDK of it is in `tools.py`;
the command line needs no SDK."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from jsonschema.protocols import Validator

from arazzo_mcp.arazzo.command import Program
from arazzo_mcp.arazzo.model import Workflow
from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.errors import InvalidInputs, UnknownWorkflow
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.openapi.cancel import cancel_line
from arazzo_mcp.schemas.tool import ToolInputs
from arazzo_mcp.server.arguments import InputsValidator, coerced, problems
from arazzo_mcp.server.control import Controls, controls_for
from arazzo_mcp.server.schema import aliases_of, tool_schema

MOST_NAME: Final = 45
"""Hosts put their server's name before a tool's and drop what becomes longer than 60 characters."""

MOST_DESCRIPTION: Final = 1900
"""Hosts cut descriptions at 2 KB."""

_TOGETHER: Final = ("anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "minProperties")
"""Words of a schema that say which inputs go together."""

RUN_TOOL_NAMES: Final = ("run_status", "run_wait", "run_cancel", "run_list", "run_attach")
"""Names that no workflow's tool may bear."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A workflow that can be served: its program by digest, the file that it stands in, and what its tool takes.

    realm: what tells it from the same workflow in the hands of another server: where its requests go.
    """

    program_digest: str
    document: str
    workflow: Workflow
    program: Program
    takes: ToolInputs
    realm: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A workflow under the name of its tool, with the schema of its inputs as it is shown, and their validator.

    aliases: the names under which inputs are shown whose own names hosts refuse; controls: the arguments that the tool
    takes besides.
    """

    name: str
    offer: Offer
    schema: dict[str, Json]
    validator: Validator
    aliases: Mapping[str, str]
    controls: Controls

    @property
    def tool_schema(self) -> dict[str, Json]:
        """The schema of the tool: the inputs, then the controls."""
        return {**self.schema, "properties": {**mapping(self.schema["properties"]), **self.controls.schemas()}}

    def inputs(self, arguments: Mapping[str, Json], required: Sequence[str] | None = None) -> dict[str, Json]:
        """Arguments as inputs of the workflow. An input that has an alias is known by its own name too.

        required: the inputs that must be there, where these are not those of the schema; what that says of which
        inputs go together does not count then.

        Raises:
            InvalidInputs: they do not fit; says which field and what was expected.
        """
        takes = self.offer.takes
        own = {alias: name for name, alias in self.aliases.items()}
        inputs = coerced({own.get(name, name): value for name, value in arguments.items()}, takes.schema)
        validator = self.validator
        if required is not None:
            validator = _validator({n: v for n, v in takes.schema.items() if n not in _TOGETHER}, required)
        if wrong := problems(inputs, validator, takes.inputs, self.aliases, self.controls.names.values()):
            raise InvalidInputs(wrong)
        return inputs


class Catalog:
    """All workflows by the names of their tools, in the order of the documents."""

    def __init__(self, offers: Iterable[Offer]) -> None:
        offers = list(offers)
        names = tool_names([(offer.document, offer.workflow.id) for offer in offers])
        self.entries = {name: _entry(name, offer) for name, offer in zip(names, offers, strict=True)}

    def named(self, name: str) -> Entry:
        """The workflow whose tool has this name or, where it is unique, with this workflowId.

        Raises:
            UnknownWorkflow: there is none; says which there are.
        """
        if name in self.entries:
            return self.entries[name]
        same = [entry for entry in self.entries.values() if entry.offer.workflow.id == name]
        if len(same) == 1:
            return same[0]
        known = ", ".join(list(self.entries)[:20])
        hint = did_you_mean(name, self.entries)
        raise UnknownWorkflow(f"there is no workflow {name!r}. {hint} Known: {known}".replace("  ", " "))


def tool_names(workflows: list[tuple[str, str]]) -> list[str]:
    """A name for each (document, workflowId): at most 45 characters of `[A-Za-z0-9_-]`, unique, and the same whatever
    else is served unless two workflows would share it."""
    plain = [
        _fitted(re.sub(r"[^A-Za-z0-9_-]+", "_", workflow).strip("_") or "workflow", workflow)
        for _, workflow in workflows
    ]
    taken = Counter((*plain, *RUN_TOOL_NAMES))
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


def _entry(name: str, offer: Offer) -> Entry:
    takes = offer.takes
    aliases = aliases_of(takes.properties)
    controls = controls_for((*takes.properties, *aliases.values()))
    validator = _validator(takes.schema, takes.required)
    return Entry(name, offer, tool_schema(takes.schema, aliases), validator, aliases, controls)


def _validator(schema: Mapping[str, Json], required: Sequence[str]) -> Validator:
    return InputsValidator({"additionalProperties": False, **schema, "required": list(required)})


def describe(offer: Offer) -> str:
    """Summary and description of the workflow, and what a cancel does."""
    workflow = offer.workflow
    parts = dict.fromkeys(part.strip() for part in (workflow.summary, workflow.description) if part.strip())
    text = "\n\n".join(parts) or f"Runs the workflow {workflow.id}."
    ending = "\n\nLong runs go on after this call: see run_status. The same call meanwhile gives the same run. "
    ending += cancel_line(offer.program, workflow)
    room = MOST_DESCRIPTION - len(ending)
    return (text if len(text) <= room else f"{text[: room - 3]}...") + ending
