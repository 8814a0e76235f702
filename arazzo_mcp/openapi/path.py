"""Path templates: `/things/{id}` and what real documents write besides.

OpenAPI 3.2, "Path Templating", knows variables in a path and nothing else. Published descriptions also write
`/{Bucket}/{Key+}?uploads&partNumber={n}#part`, as one path can have one operation a method only: what stands right of
`?` is part of the query, `#` and the rest only tell operations apart, and the value of `{Key+}` may hold slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_PIECES: Final = re.compile(r"\{[^{}]*\}|[?#]|[^{}?#]+|[{}]")
VARIABLE: Final = re.compile(r"\{([^{}]*?)[+*]?\}")
_SLASHED: Final = re.compile(r"\{([^{}]*)[+*]\}")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """path: the part that is a path, its variables without `+` and `*`; slashed: those whose values hold slashes;
    query: the fixed pairs of the query, None as a value where there is no `=`."""

    path: str
    slashed: frozenset[str]
    query: tuple[tuple[str, str | None], ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in the path."""
        return tuple(VARIABLE.findall(self.path))


@lru_cache(maxsize=4096)
def path_template(template: str) -> PathTemplate:
    """A path of the Paths Object, taken apart."""
    path, query = _parts(template)
    return PathTemplate(
        VARIABLE.sub(lambda match: f"{{{match[1]}}}", path),
        frozenset(_SLASHED.findall(path)),
        tuple(_pairs(query)),
    )


def _parts(template: str) -> tuple[str, str]:
    """The path and the query; an expression of RFC 6570 such as `{?page,size}` names parameters and is no text."""
    parts = ["", ""]
    at = 0
    for piece in _PIECES.findall(template):
        if piece == "#":
            break
        if piece == "?" and at == 0:
            at = 1
        elif not re.match(r"\{[?&#]", piece):
            parts[at] += piece
    return parts[0], parts[1]


def _pairs(query: str) -> Iterator[tuple[str, str | None]]:
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if name:
            yield name, value if equals else None
