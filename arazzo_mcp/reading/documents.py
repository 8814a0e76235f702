"""Files -> plain data: YAML 1.2 and JSON, with the line and column of every value where they are wanted.

YAML is read by the rules of version 1.2 (core schema): `on`, `no` and dates are strings. What was parsed is kept as
JSON in the user's cache folder, named by the digest of the text: that is read ten times faster. How a text is read, and
its bounds: `compose.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import platformdirs

from arazzo_mcp.arazzo.parse import Document
from arazzo_mcp.arazzo.scope import Json, within
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding, Where
from arazzo_mcp.reading.compose import MOST_DEPTH, Composed, Places, Repeated, TextError, compose

MOST_BYTES: Final = 50 * 1024 * 1024
"""Of a source's file; the largest that are published have 40 MB."""

MOST_DOCUMENT: Final = 10 * 1024 * 1024
"""Characters of an Arazzo document; the largest that are published have 300,000."""

_MOST_VALUES: Final = 100_000
_MOST_SOURCE_VALUES: Final = 5_000_000
_CACHE_FORM: Final = 3
_CACHED_FROM: Final = 10_000
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
    """An Arazzo document with the place of every value; from the cache where it has been read before.

    Raises:
        DocumentError: the text is no YAML and no JSON, is out of bounds, or has a key twice; the findings have file,
            line and column.
    """
    if len(text.text) > MOST_DOCUMENT:
        raise _refused(text, f"the document is larger than {MOST_DOCUMENT // 1024 // 1024} MB.", "unreadable")
    found = _from_cache(text, "places")
    if not isinstance(found, list):
        composed = _composed(text, _MOST_VALUES)
        if composed.repeated:
            raise DocumentError(f"{text.file}: keys stand twice", [_repeated(text, one) for one in composed.repeated])
        found = [composed.data, composed.place]
        _into_cache(text, "places", found)
    data, place = found
    return Document(text.file, data, Places(place))


def _composed(text: Text, most: int) -> Composed:
    try:
        return compose(text.text, most)
    except TextError as error:
        message = f"this is no valid YAML or JSON: {error}."
        raise _refused(text, message, "syntax", error.line, error.column) from None


def _refused(text: Text, message: str, code: str, line: int = 0, column: int = 0) -> DocumentError:
    return DocumentError(message, [Finding("error", code, Where(text.file, line, column), message)])


def _repeated(text: Text, one: Repeated) -> Finding:
    where = Where(text.file, one.line, one.column, ".".join(map(str, one.path)))
    message = f"the key {str(one.path[-1])[:80]!r} stands twice in one object."
    return Finding("error", "duplicate-key", where, message, "Keep one of them.")


@lru_cache(maxsize=16)
def parse_data(text: Text) -> Json:
    """A source's plain data alone, not to be changed; from the cache where it has been read before. Of a key that
    stands twice the last one counts: what is wrong far away must keep no operation from being called.

    Raises:
        DocumentError: the text is no YAML and no JSON, or is out of bounds.
    """
    if text.text.lstrip()[:1] == "{" and (data := _json(text.text)) is not None:
        return data
    if len(text.text) < _CACHED_FROM:
        return _composed(text, _MOST_SOURCE_VALUES).data
    found = _from_cache(text, "data")
    if found is None:
        found = _composed(text, _MOST_SOURCE_VALUES).data
        _into_cache(text, "data", found)
    return found


def _json(text: str) -> Json:
    """None where it is no JSON, or is nested so deeply that the other parser has to say where."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if within(data, MOST_DEPTH) else None


# --- the cache


def _cache_file(text: Text, kind: str) -> Path:
    return Path(platformdirs.user_cache_dir("arazzo-mcp")) / f"{text.digest}.{kind}{_CACHE_FORM}.json"


def _from_cache(text: Text, kind: str) -> Json:
    """The cache is a convenience: where it cannot be read the document is parsed as if there were none."""
    try:
        return json.loads(_cache_file(text, kind).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _into_cache(text: Text, kind: str, data: Json) -> None:
    """Where it cannot be written, the next process parses again."""
    with contextlib.suppress(OSError, TypeError, ValueError, RecursionError):
        _write(_cache_file(text, kind), json.dumps(data, separators=(",", ":")))


def _write(file: Path, content: str) -> None:
    """All or nothing: a process that reads at the same time sees the old state or the new."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as temporary:
        temporary.write(content)
    Path(name).replace(file)
