"""The files that an OpenAPI description is made of, where it refers to others by `$ref`.

They are read with the description, so that a run is pinned to all of them. Only files below the folders that were given
are read, and nothing is fetched: a reference that leads elsewhere leads nowhere, and a finding says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from arazzo_mcp.arazzo.model import Source
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding
from arazzo_mcp.openapi.reference import file_references
from arazzo_mcp.reading.documents import Text, read_text

MOST_PARTS: Final = 500
"""Files that one description may be made of."""


def part_key(source: str, name: str) -> str:
    """What a file that a source refers to is called among the texts."""
    return f"{source}#{name}"


def read_parts(source: Source, file: Path, text: Text, roots: Sequence[Path]) -> tuple[dict[str, Text], list[Finding]]:
    """The other files of a source by their keys, and a finding for each reference that leads nowhere.

    file: of the source itself; roots: the folders below which files are read, besides the source's own.
    """
    allowed = [root.resolve() for root in (*roots, file.parent)]
    found: dict[str, Text] = {}
    findings: list[Finding] = []
    pending = sorted(file_references(text.text))
    seen = set(pending)
    while pending and len(found) < MOST_PARTS:
        name = pending.pop(0)
        part = _part(name, file, allowed)
        if isinstance(part, Text):
            found[part_key(source.name, name)] = part
            more = sorted(file_references(part.text, name) - seen)
            seen.update(more)
            pending += more
        else:
            message = f"source {source.name!r} refers to {name!r}, {part}; what stands there is taken as empty."
            findings.append(Finding("warning", "dangling-reference", source.where, message))
    return found, findings


def _part(name: str, file: Path, allowed: Sequence[Path]) -> Text | str:
    """A file, or why there is none."""
    if urlsplit(name).scheme:
        return "and URLs are not fetched"
    place = (file.parent / unquote(name)).resolve()
    if not any(place.is_relative_to(root) for root in allowed):
        return "which is outside of the folders that were given"
    if not place.is_file():
        return "where there is no file"
    try:
        return read_text(place)
    except DocumentError as error:
        return f"which cannot be read: {error}"


def own_parts(source: str, texts: dict[str, Text]) -> Iterator[tuple[str, Text]]:
    """The other files of one source among many texts."""
    yield from ((key, text) for key, text in texts.items() if key.startswith(part_key(source, "")))
