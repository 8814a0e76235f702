"""Findings as SARIF 2.1.0 (OASIS), the format in which code hosts and editors take what a linter has found.

Knows the rules and nothing of documents. Paths of files are relative to the folder that is checked from, and stay
absolute outside of it. A finding's fingerprint holds no line, so that it stays the same while lines move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.authors.rules import RULES, explained
from arazzo_mcp.findings import Finding

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final[dict[str, str]] = {"error": "error", "warning": "warning"}
_FINGERPRINT: Final = "arazzoMcp/v1"


def sarif(findings: Iterable[Finding], exit_code: int) -> dict[str, Json]:
    """One run of the check as a SARIF log."""
    findings = list(findings)
    codes = sorted({finding.code for finding in findings})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {**_driver(), "rules": [_rule(code) for code in codes]}},
                "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
                "columnKind": "unicodeCodePoints",
                "results": list(_results(findings, codes)),
            }
        ],
    }


def _driver() -> dict[str, Json]:
    return {"name": "arazzo-mcp", "version": __version__, "semanticVersion": __version__}


def _rule(code: str) -> dict[str, Json]:
    """reportingDescriptor (3.49). A finding without a rule still has its code."""
    rule = RULES.get(code)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": f"{rule.says} {rule.does} {rule.mend}"},
        "help": {"text": explained(code)},
        "properties": {"section": rule.section},
    }


def _results(findings: Iterable[Finding], codes: list[str]) -> Iterator[dict[str, Json]]:
    seen: Counter[str] = Counter()
    for finding in findings:
        mark = _mark(finding)
        seen[mark] += 1
        result = {
            "ruleId": finding.code,
            "ruleIndex": codes.index(finding.code),
            "level": _LEVELS.get(finding.severity, "note"),
            "message": {"text": f"{finding.message} {finding.hint}".strip()},
            "locations": [_location(finding)],
            "partialFingerprints": {_FINGERPRINT: f"{mark}:{seen[mark]}"},
        }
        yield {**result, "properties": {"workflow": finding.workflow}} if finding.workflow else result


def _mark(finding: Finding) -> str:
    """What makes a finding the same one in another version of the file."""
    said = "\0".join((finding.code, PurePath(finding.where.file).name, finding.where.path, finding.message))
    return sha256(said.encode(errors="replace")).hexdigest()[:32]


def _location(finding: Finding) -> dict[str, Json]:
    where = finding.where
    physical: dict[str, Json] = {"artifactLocation": _artifact(where.file)}
    if where.line:
        physical["region"] = {"startLine": where.line, "startColumn": max(where.column, 1)}
    location: dict[str, Json] = {"physicalLocation": physical}
    return {**location, "logicalLocations": [{"fullyQualifiedName": where.path}]} if where.path else location


def _artifact(file: str) -> dict[str, Json]:
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
