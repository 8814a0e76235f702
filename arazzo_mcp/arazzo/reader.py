"""Reading plain data with its place in the file: what every part of the parser shares.

Knows nothing of Arazzo but that values have a path; turns what is amiss into findings and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.findings import Finding, Where

Path = tuple[str | int, ...]
"""Where a value stands in a document: the keys and indices that lead to it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's plain data, and the line and column (1-based) of every value in it by path."""

    file: str
    data: Json
    lines: Mapping[Path, tuple[int, int]] = field(default_factory=dict)


class _Fields(Mapping[str, tuple[int, int]]):
    """The place of each field of the object at a path, looked up when it is asked for: hardly any ever is."""

    def __init__(self, lines: Mapping[Path, tuple[int, int]], path: Path) -> None:
        self._lines, self._path = lines, path

    def __getitem__(self, name: str) -> tuple[int, int]:
        return self._lines[(*self._path, name)]

    def __iter__(self) -> Iterator[str]:
        depth = len(self._path)
        inside = (path for path in self._lines if len(path) == depth + 1 and path[:depth] == self._path)
        return (str(path[-1]) for path in inside)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass
class Reader:
    """Collects findings while a document is read; `workflow` is the one that is being read."""

    document: Document
    findings: list[Finding] = field(default_factory=list)
    workflow: str | None = None
    _spoiled: set[str | None] = field(default_factory=set)

    def where(self, path: Path) -> Where:
        """The place of a path, or of the nearest thing around it whose place is known."""
        lines = self.document.lines
        ends = range(len(path), -1, -1)
        line, column = next((place for end in ends if (place := lines.get(path[:end]))), (0, 0))
        return Where(self.document.file, line, column, ".".join(map(str, path)), _Fields(lines, path))

    def error(self, path: Path, code: str, message: str, hint: str = "") -> None:
        """Something that keeps the present workflow, or the whole document, from being served."""
        self._spoiled.add(self.workflow)
        self.findings.append(Finding("error", code, self.where(path), message, hint, self.workflow))

    def warn(self, path: Path, code: str, message: str, hint: str = "") -> None:
        """Something that is served all the same."""
        self.findings.append(Finding("warning", code, self.where(path), message, hint, self.workflow))

    def tolerate(self, path: Path, code: str, what: str) -> None:
        """A deviation that is understood all the same; the code stands in `quirks.TOLERANCES`."""
        self.findings.append(tolerated(code, self.where(path), what, self.workflow))

    def spoiled(self, workflow: str) -> bool:
        """Whether a workflow has an error."""
        return workflow in self._spoiled

    def mapping(self, value: Json, path: Path, what: str) -> dict[str, Json]:
        """An object; anything else is reported and read as an empty one."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.error(path, "wrong-type", f"{what} must be an object, not {_kind(value)}.")
        return {}

    def items(self, node: Mapping[str, Json], key: str, path: Path) -> list[Json]:
        """A field that is a list."""
        value = node.get(key)
        if isinstance(value, list):
            return value
        if isinstance(value, dict):
            self.tolerate((*path, key), "object-for-list", f"{key!r} is one object")
            return [value]
        if value is not None:
            self.error((*path, key), "wrong-type", f"{key!r} must be a list, not {_kind(value)}.")
        return []

    def text(self, node: Mapping[str, Json], key: str, path: Path, *, required: bool = False) -> str:
        """A field that is a string; empty where it is absent."""
        value = node.get(key)
        if isinstance(value, str) and (value or not required):
            return value
        if value is not None and value != "":
            self.error((*path, key), "wrong-type", f"{key!r} must be a string, not {_kind(value)}.")
        elif required:
            self.error(path, "missing-field", f"{key!r} is missing.")
        return ""

    def names(self, node: Mapping[str, Json], key: str, path: Path) -> list[str]:
        """A field that is a list of strings; one string alone is read as a list of one."""
        value = node.get(key)
        if isinstance(value, str):
            self.tolerate((*path, key), "object-for-list", f"{key!r} is one string")
            return [value]
        items = self.items(node, key, path)
        for at, item in enumerate(items):
            if not isinstance(item, str):
                self.error((*path, key, at), "wrong-type", f"{key!r} must hold strings, not {_kind(item)}.")
        return [item for item in items if isinstance(item, str)]

    def number(self, node: Mapping[str, Json], key: str, path: Path, *, whole: bool = False) -> float | None:
        """A field that is a number from 0. whole: without a fraction."""
        value = node.get(key)
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            value = float(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or (is_number and 0 <= value < 1e9 and not (whole and value % 1)):
            return value
        hint = "Write it without a fraction." if is_number and value % 1 > 0 else ""
        self.error((*path, key), "wrong-type", f"{key!r} must be a number from 0, not {value!r}.", hint)
        return None


def _kind(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def keys(value: Json) -> frozenset[str]:
    """The names of an object's members, none where it is no object."""
    return frozenset(map(str, value)) if isinstance(value, dict) else frozenset()
