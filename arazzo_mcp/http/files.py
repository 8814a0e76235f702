"""Files that request bodies may be filled from: those in the folders that the person who set this up has allowed.

The texts that name them come from an agent or an API. So a path is followed through every symbolic link before it is
judged, what is outside is refused whether it exists or not, and only plain files of a bounded size are read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from arazzo_mcp.openapi.binary import Blob
from arazzo_mcp.openapi.encode import UnfitValue

MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_CHARACTERS: Final = 1024


class FileRoots:
    """The allowed folders. A call gives the file that a text names, or None where it names none.

    most: bytes of a file. Without folders only a `file:` URI is an error: any other text is just a text.
    """

    def __init__(self, roots: Iterable[Path] = (), most: int = MOST_BYTES) -> None:
        self.roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self._most = most

    def __call__(self, text: str) -> Blob | None:
        """Raises UnfitValue for a file outside, one that cannot be read, and one that is too large."""
        is_uri = text[:5].lower() == "file:"
        path = _path_of(text) if is_uri else text
        if not is_uri and (not self.roots or not _may_be_path(text)):
            return None
        found = self._found(path, must=is_uri)
        return None if found is None else Blob(self._read(found), filename=found.name)

    def _found(self, path: str, must: bool) -> Path | None:
        """The real path of a file within a folder; None for a text that is no path after all."""
        candidates = [Path(os.path.realpath(root / path)) for root in self.roots]
        inside = [c for c in candidates if any(c.is_relative_to(root) for root in self.roots)]
        found = next((candidate for candidate in inside if candidate.is_file()), None)
        if found is None and (must or os.path.isabs(path) or (candidates and not inside)):
            allowed = ", ".join(map(str, self.roots)) or "none is allowed"
            raise UnfitValue(f"{path[:200]!r} is no file in the folders that may be read ({allowed})")
        return found

    def _read(self, path: Path) -> bytes:
        try:
            # what was judged is what is opened: its last part must not have become a link meanwhile
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UnfitValue(f"{str(path)!r} is no plain file")
                content = file.read(self._most + 1)
        except OSError as error:
            raise UnfitValue(f"{str(path)!r} cannot be read: {error.strerror}") from None
        if len(content) > self._most:
            raise UnfitValue(f"{str(path)!r} is larger than {self._most} bytes")
        return content


def _path_of(uri: str) -> str:
    return unquote(urlsplit(uri).path)


def _may_be_path(text: str) -> bool:
    """One line of a sensible length with a name at its end."""
    return 0 < len(text) <= _MOST_CHARACTERS and text.isprintable() and text.strip() == text and text not in (".", "..")
