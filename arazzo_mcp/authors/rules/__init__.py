"""The rules behind the codes of findings: what `check --explain` tells, and what SARIF says of each.

A new code needs one entry in one of the tables beside this file: `of_documents.py` (files, sources, operations),
`of_workflows.py` (workflows, steps, actions, criteria, expressions), `of_linking.py` (steps against their operations,
and the ways through a workflow), or `of_tolerances.py` for a code that stands in `arazzo/quirks.TOLERANCES`. Knows
nothing of any document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import indent
from typing import Final

from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.authors.rules.of_documents import OF_DOCUMENTS
from arazzo_mcp.authors.rules.of_linking import OF_LINKING
from arazzo_mcp.authors.rules.of_tolerances import OF_TOLERANCES
from arazzo_mcp.authors.rules.of_workflows import OF_WORKFLOWS
from arazzo_mcp.authors.rules.rule import Rule
from arazzo_mcp.errors import UsageError
from arazzo_mcp.findings import Finding, did_you_mean

RULES: Final[dict[str, Rule]] = dict(sorted({**OF_DOCUMENTS, **OF_WORKFLOWS, **OF_LINKING, **OF_TOLERANCES}.items()))


def placed(finding: Finding) -> Finding:
    """A finding at the field that it is about, where that is known more exactly than the object around it."""
    rule = RULES.get(finding.code)
    return replace(finding, where=finding.where.at(*rule.fields)) if rule and rule.fields else finding


def rule_named(code: str) -> Rule:
    """The rule of a code.

    Raises:
        UsageError: there is none; says which may have been meant.
    """
    if code not in RULES:
        hint = did_you_mean(code, RULES) or "`arazzo-mcp check --explain all` lists them."
        raise UsageError(f"no finding has the code {code!r}. {hint}")
    return RULES[code]


def explained(code: str) -> str:
    """A rule in full, for people.

    Raises:
        UsageError: no finding has this code.
    """
    rule = rule_named(code)
    parts = [f"{code}: {rule.title}", f"Rule. {rule.says} ({rule.section})", f"What is done. {rule.does}"]
    if code in TOLERANCES:
        parts.append("A tolerance: it is reported as a warning, and as an error under --strict.")
    parts.append(f"How to mend it. {rule.mend}")
    parts += [f"{label}:\n{indent(text, '    ')}" for label, text in _examples(rule)]
    return "\n\n".join(parts)


def _examples(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.wrong:
        yield "Wrong", rule.wrong
    if rule.right:
        yield "Right", rule.right


def as_data(code: str) -> dict[str, str | bool]:
    """A rule as plain JSON data."""
    rule = rule_named(code)
    return {
        "code": code,
        "title": rule.title,
        "rule": rule.says,
        "section": rule.section,
        "done": rule.does,
        "mend": rule.mend,
        "wrong": rule.wrong,
        "right": rule.right,
        "tolerance": code in TOLERANCES,
    }


def listed() -> Iterator[str]:
    """Every code with its title, one line each."""
    width = max(map(len, RULES))
    yield from (f"{code.ljust(width)}  {rule.title}" for code, rule in RULES.items())
