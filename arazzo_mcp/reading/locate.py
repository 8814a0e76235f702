"""Finds the file of a source, where its url says so or, by rule, elsewhere; a finding says which rule was used.

Arazzo 1.1.0, "Relative References in Arazzo Description URIs" and "Identity-Based Referencing": a url is resolved
against the document's `$self`, and names the document whose `$self` it is. Nothing is fetched. What is no identity of a
known document is looked for, in this order: `--source NAME=PATH`, the url as written beside the document, the same
place relative to `$self`, and, with a finding, the document's folder by name alone, its ancestors, and a sibling
folder `_original/`.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from arazzo_mcp.arazzo.model import Source
from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.findings import Finding
from arazzo_mcp.reading.documents import SUFFIXES

SKIPPED_FOLDERS: Final = {"node_modules", ".git", ".venv", "__pycache__"}
_SELF: Final = re.compile(
    r"""^\s*["']?\$self["']?\s*:\s*["']?([^\s"',}]+)|^\s*\{[^{}\[\]]*"\$self"\s*:\s*"([^"]+)""", re.MULTILINE
)
_SNIFFED: Final = 4096


def files_under(folder: Path) -> list[Path]:
    """The YAML and JSON files of a folder, in the order of their names."""
    found = (file for suffix in SUFFIXES for file in folder.rglob(f"*{suffix}"))
    return sorted(file for file in found if not SKIPPED_FOLDERS & set(file.relative_to(folder).parts))


class Identities:
    """The documents below some folders by their `$self`, read when the first is asked for."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._folders = {path if path.is_dir() else path.parent for path in paths}

    def find(self, uri: str) -> Path | None:
        """The document whose `$self` is this URI."""
        return self._known.get(urldefrag(uri).url)

    @cached_property
    def _known(self) -> Mapping[str, Path]:
        files = (file for folder in sorted(self._folders) for file in files_under(folder))
        return {uri: file for file in files if (uri := _self_of(file))}


def _self_of(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            match = _SELF.search(opened.read(_SNIFFED))
    except OSError:
        return None
    return (match[1] or match[2]) if match else None


def _is_file(path: Path) -> bool:
    """A document may write anything as a url, also what no file can be called."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


class Locator:
    """Finds the files of the sources of one document. overrides: source name -> file, of the settings."""

    def __init__(
        self, document: Path, self_uri: str | None, overrides: Mapping[str, Path], identities: Identities
    ) -> None:
        self._document, self._self_uri = document, self_uri or ""
        self._overrides, self._identities = overrides, identities

    def find(self, source: Source) -> tuple[Path | None, Finding | None]:
        """The file of a source, and what there is to say about where it was found or why it was not."""
        found = self._overrides.get(source.name) or self._named(source.url) or self._as_written(source.url)
        if found is not None:
            return found, None
        parts = urlsplit(source.url)
        remote = parts.scheme in ("http", "https")
        for candidate in self._elsewhere(Path(unquote(parts.path)).name if remote else unquote(parts.path)):
            if _is_file(candidate):
                tolerance = TOLERANCES["source-elsewhere"]
                message = f"source {source.name!r}: {tolerance.rule}; {source.url!r} was found at {candidate}."
                return candidate, Finding("warning", "source-elsewhere", source.where, message)
        hint = f"Give its place with --source {shlex.quote(source.name)}=PATH."
        what = "URLs are not fetched" if remote else "there is no file there"
        message = f"source {source.name!r} is at {source.url!r}: {what}."
        return None, Finding("error", "source-not-found", source.where, message, hint, "*")

    def _named(self, url: str) -> Path | None:
        """By identity. Only an absolute URI is one."""
        uri = urljoin(self._self_uri, url)
        return self._identities.find(uri) if urlsplit(uri).scheme in ("http", "https", "urn") else None

    def _as_written(self, url: str) -> Path | None:
        """Beside the document, or where a relative `$self` puts it; an absolute URL beside `$self` is there too."""
        parts, own = urlsplit(url), urlsplit(self._self_uri)
        if not (parts.scheme or own.scheme or own.netloc) and own.path:
            at = self._document.parent / posixpath.dirname(unquote(own.path))
            moved = at / unquote(parts.path)
            if parts.path and (found := Path(posixpath.normpath(moved))).is_file():
                return found
        relative = unquote(parts.path)
        if parts.scheme in ("http", "https"):
            base = urlsplit(self._self_uri)
            if (base.scheme, base.netloc) != (parts.scheme, parts.netloc):
                return None
            relative = posixpath.relpath(relative, posixpath.dirname(unquote(base.path)))
        candidate = self._document.parent / relative
        return candidate if relative and _is_file(candidate) else None

    def _elsewhere(self, relative: str) -> Iterator[Path]:
        """The document's folder by name alone, its ancestors, and a folder `_original/` beside where it should be."""
        folder, name = self._document.absolute().parent, Path(relative).name
        yield folder / name
        for ancestor in (folder, *folder.parents):
            yield ancestor / relative.lstrip("./")
        beside = Path(os.path.normpath(folder / relative)).parent
        yield beside / "_original" / name
        yield folder / "_original" / name
