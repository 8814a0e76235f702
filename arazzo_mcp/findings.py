"""A problem in a document, as data.

A finding never stops anything by itself: all findings of a document are collected. An `error` keeps the workflow that
it names (or, when it names none, the whole document) from being served; a `warning` says which tolerance was used,
or what may not be meant; an `info` is worth knowing of a document that breaks no rule. Nothing here knows of files or
formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final, Literal

MOST_MESSAGE: Final = 1200
"""Characters of a message."""

_MOST_WORD: Final = 200
"""Longer words are nobody's slip of the pen, and comparing them takes long."""

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a document: the file, the line and column (1-based, 0 when unknown) and the path in it.

    fields: the line and column of each field of the object that stands there.
    """

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    fields: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place} {self.path}".rstrip()

    def at(self, *names: str) -> Where:
        """The place of the first of these fields that is there; this place where none is."""
        name = next((name for name in names if name in self.fields), None)
        if name is None:
            return self
        line, column = self.fields[name]
        return Where(self.file, line, column, f"{self.path}.{name}".lstrip("."))


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: how grave, a stable code, where, what, and what to do about it.

    `workflow` names the workflow that it touches; None means the whole document.
    """

    severity: Severity
    code: str
    where: Where
    message: str
    hint: str = ""
    workflow: str | None = None

    def __post_init__(self) -> None:
        """A message quotes what a document says, which may be a megabyte."""
        if len(self.message) > MOST_MESSAGE:
            shortened = f"{self.message[: MOST_MESSAGE - 200]} ... {self.message[-200:]}"
            object.__setattr__(self, "message", shortened)

    def __str__(self) -> str:
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.where}: {self.severity} [{self.code}] {self.message}{hint}"

    def as_dict(self) -> dict[str, object]:
        """The finding as plain JSON data, for `--json`."""
        return {
            "severity": self.severity,
            "code": self.code,
            "file": self.where.file,
            "line": self.where.line,
            "column": self.where.column,
            "path": self.where.path,
            "message": self.message,
            "hint": self.hint,
            "workflow": self.workflow,
        }


def strictly(findings: Iterable[Finding]) -> list[Finding]:
    """Every tolerance as an error: what `--strict` means."""
    return [finding if finding.severity == "info" else replace(finding, severity="error") for finding in findings]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the known word that is nearest to a mistaken one, or nothing."""
    if len(word) > _MOST_WORD:
        return ""
    by_lower = {one.lower(): one for one in known if len(one) <= _MOST_WORD}
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"Did you mean {by_lower[near[0]]!r}?" if near else ""
