"""The fixed fields of every object, Arazzo 1.0 and 1.1: what else stands there is a mistake, or an extension (`x-`).

A misspelled field is worse than a missing one: `succesCriteria` leaves a step without criteria, and a run that should
have waited completes.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from arazzo_mcp.arazzo.reader import Path, Reader
from arazzo_mcp.arazzo.scope import Json

FIELDS: Final[dict[str, frozenset[str]]] = {
    "a description": frozenset({"arazzo", "$self", "info", "sourceDescriptions", "workflows", "components", "$schema"}),
    "a source description": frozenset({"name", "url", "type"}),
    "a workflow": frozenset(
        {
            "workflowId", "summary", "description", "inputs", "dependsOn", "steps", "successActions", "failureActions",
            "outputs", "parameters",
        }
    ),
    "a step": frozenset(
        {
            "description", "stepId", "operationId", "operationPath", "channelPath", "workflowId", "parameters",
            "requestBody", "successCriteria", "onSuccess", "onFailure", "outputs", "timeout", "correlationId", "action",
            "dependsOn",
        }
    ),
    "a parameter": frozenset({"name", "in", "value", "reference"}),
    "'requestBody'": frozenset({"contentType", "payload", "replacements"}),
    "a replacement": frozenset({"target", "targetSelectorType", "value"}),
    "a criterion": frozenset({"context", "condition", "type"}),
    "an action": frozenset(
        {
            "name", "type", "workflowId", "stepId", "parameters", "retryAfter", "retryLimit", "criteria", "reference",
            "value", "condition",
        }
    ),
}  # fmt: skip


def check_fields(reader: Reader, node: Mapping[str, Json], path: Path, kind: str) -> None:
    """Report what is no field of an object: an error where it is nearly one that is missing."""
    known = FIELDS[kind]
    for name in node:
        if name in known or str(name).startswith("x-"):
            continue
        message = f"{name!r} is not a field of {kind.strip(chr(39))}."
        meant = [field for field in get_close_matches(str(name), known, n=1, cutoff=0.8) if field not in node]
        if meant:
            reader.error((*path, name), "unknown-field", message, f"Did you mean {meant[0]!r}?")
        else:
            reader.warn((*path, name), "unknown-field", message)
