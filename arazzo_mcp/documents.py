"""Files -> plain data: YAML 1.2 and JSON, with the line and column of every value where they are wanted.

YAML is read by the rules of version 1.2 (core schema): `on`, `no` and dates are strings. A large description costs more
than a second to parse as YAML; its data is kept as JSON in the user's cache folder, named by the digest of the text.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import platformdirs
import yaml
from yamlcore import CCoreLoader

from arazzo_mcp.arazzo.parse import Document
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding, Where

MOST_BYTES: Final = 50 * 1024 * 1024
_CACHED_FROM: Final = 100_000
_SNIFFED: Final = 4096
_IS_ARAZZO: Final = re.compile(r"""^\s*["']?arazzo["']?\s*:|^\s*\{[\s\S]{0,200}?"arazzo"\s*:""", re.MULTILINE)
SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text, with the name that findings show."""

    file: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_text(path: Path) -> Text:
    """A file's text.

    Raises:
        DocumentError: it cannot be read, is too large, or is no UTF-8; the finding says which.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _unreadable(str(path), f"the file is larger than {MOST_BYTES // 1024 // 1024} MB.")
        return Text(str(path), path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _unreadable(str(path), f"the file is not UTF-8: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise _unreadable(str(path), f"the file cannot be read: {error.strerror}.") from None


def _unreadable(file: str, message: str) -> DocumentError:
    return DocumentError(message, [Finding("error", "unreadable", Where(file), message)])


def is_arazzo(path: Path) -> bool:
    """Whether a file looks like an Arazzo description, by its first lines."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return bool(_IS_ARAZZO.search(file.read(_SNIFFED)))
    except OSError:
        return False


def parse_with_lines(text: Text) -> Document:
    """A document with the place of every value.

    Raises:
        DocumentError: the text is no YAML and no JSON; the finding has file, line and column.
    """
    loader = CCoreLoader(text.text)
    try:
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _syntax(text, error) from None
    finally:
        loader.dispose()
    return Document(text.file, data, dict(_lines(node)) if node is not None else {})


def _lines(node: yaml.Node) -> Iterator[tuple[tuple[str | int, ...], tuple[int, int]]]:
    """Without recursion, and an aliased node only once, so that no document can make this endless."""
    seen: set[int] = set()
    pending: list[tuple[tuple[str | int, ...], yaml.Node, yaml.Mark]] = [((), node, node.start_mark)]
    while pending:
        path, here, mark = pending.pop()
        yield path, (mark.line + 1, mark.column + 1)
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, yaml.MappingNode):
            pending += [((*path, str(key.value)), value, _begin(key, value)) for key, value in here.value]
        elif isinstance(here, yaml.SequenceNode):
            pending += [((*path, at), item, item.start_mark) for at, item in enumerate(here.value)]


def _begin(key: yaml.Node, value: yaml.Node) -> yaml.Mark:
    """Where a field is looked for: at its value, or at its key where the value begins on another line."""
    return value.start_mark if value.start_mark.line == key.start_mark.line else key.start_mark


def _syntax(text: Text, error: Exception) -> DocumentError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = Where(text.file, mark.line + 1, mark.column + 1) if mark else Where(text.file)
    problem = getattr(error, "problem", None) or (
        "the document is nested too deeply" if isinstance(error, RecursionError) else str(error)
    )
    if "cannot start any token" in problem and mark and "\t" in text.text.splitlines()[mark.line][: mark.column + 1]:
        problem = "a tab in the indentation: use spaces"
    context = getattr(error, "context", None)
    message = f"this is no valid YAML or JSON: {problem}{f' ({context})' if context else ''}."
    return DocumentError(message, [Finding("error", "syntax", where, message)])


@lru_cache(maxsize=16)
def parse_data(text: Text) -> Json:
    """A document's plain data alone, not to be changed; from the cache where it has been read before.

    Raises:
        DocumentError: the text is no YAML and no JSON.
    """
    if text.text.lstrip()[:1] == "{":
        try:
            return json.loads(text.text)
        except (ValueError, RecursionError):
            return _load(text)
    if len(text.text) < _CACHED_FROM:
        return _load(text)
    return _cached(text)


def _load(text: Text) -> Json:
    try:
        return yaml.load(text.text, CCoreLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _syntax(text, error) from None


def _cached(text: Text) -> Json:
    """The cache is a convenience: where it cannot be read or written the document is parsed as if there were none."""
    folder = Path(platformdirs.user_cache_dir("arazzo-mcp"))
    file = folder / f"{text.digest}.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        data = _load(text)
    try:
        _write(file, json.dumps(data, ensure_ascii=False))
    except (OSError, TypeError, ValueError):
        return data
    return data


def _write(file: Path, content: str) -> None:
    """All or nothing: a process that reads at the same time sees the old state or the new."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as temporary:
        temporary.write(content)
    Path(name).replace(file)
