"""References: `$ref` -> the object that it leads to, within a document and into other files.

OpenAPI 3.2, "Relative References in API Description URIs". A reference is followed when it is asked for and never
before; one that leads nowhere, or in a circle, gives an empty object, as a missing schema far away must not keep an
operation from being called. Nothing is read here: `elsewhere` hands in the data of other files.

Another file's references are rewritten, once, so that each says where it leads from the root document. Thus an object
may be passed on without the name of the file that it came from.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import Json

Elsewhere: TypeAlias = Callable[[str], Json | None]
"""The data of another file, named as `file_references` names it; None where there is none."""

_MOST_REFERENCES: Final = 32
_FILE: Final = re.compile(r"""\$ref["']?\s*:\s*(?:"([^"#\n]+)|'([^'#\n]+)|([^\s"'#][^\s#]*))""")


class References:
    """The references of one document. names: what the document itself is called (its URL, `$self`)."""

    def __init__(self, data: Json, elsewhere: Elsewhere | None = None, *names: str) -> None:
        self._data = data
        self._elsewhere = elsewhere
        self._names = {name.partition("#")[0] for name in names if name}
        self._files: dict[str, Json] = {}
        self._anchors: dict[str, Json] | None = None

    def resolve(self, node: Json) -> dict[str, Json]:
        """An object with its reference followed; empty where it leads nowhere or in a circle.

        What stands beside the reference wins over what it leads to, as OpenAPI 3.1 has it for summary, description
        and schemas; authors of 3.0 mean the same.
        """
        beside: dict[str, Json] = {}
        for _ in range(_MOST_REFERENCES):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return {**node, **beside} if beside else node
            if len(node) > 1:
                beside = {**{name: value for name, value in node.items() if name != "$ref"}, **beside}
            node = self._target(reference)
        return {}

    def _target(self, reference: str) -> Json:
        file, _, fragment = reference.partition("#")
        data = self._file(file)
        if fragment and not fragment.startswith("/"):
            return self._anchor(unquote(fragment)) if data is self._data else None
        try:
            return JsonPointer(unquote(fragment)).resolve(data) if data is not None else None
        except (JsonPointerException, TypeError):
            return None

    def _file(self, name: str) -> Json | None:
        if not name or any(urljoin(own, name) == own for own in self._names):
            return self._data
        name = joined("", name)
        if name not in self._files:
            found = self._elsewhere(name) if self._elsewhere else None
            self._files[name] = _rewritten(found, name, _MOST_DEPTH)
        return self._files[name]

    def _anchor(self, name: str) -> Json:
        """A schema of this document by its `$anchor` (JSON Schema, 8.2.2)."""
        if self._anchors is None:
            self._anchors = dict(_anchors(self._data))
        return self._anchors.get(name)


def file_references(text: str, file: str = "") -> frozenset[str]:
    """The files that a description's text refers to, by a search that does not parse it.

    file: the name of the text itself where a reference led to it, empty for the root document. The names are those
    that `Elsewhere` is asked for: relative to the root document, or URLs. A name may be found that no reference needs;
    none is missed that stands on one line with its `$ref`.
    """
    if "$ref" not in text:
        return frozenset()
    found = ("".join(groups).replace("\\/", "/").strip().rstrip(",}] ") for groups in set(_FILE.findall(text)))
    return frozenset(joined(file, name) for name in found if name) - {file}


def joined(base: str, name: str) -> str:
    """The name of a file that the file `base` refers to: both URLs, or relative to the root document's folder."""
    if urlsplit(name).scheme:
        return name
    if urlsplit(base).scheme:
        return urljoin(base, name)
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), name))


_MOST_DEPTH: Final = 200


def _rewritten(node: Json, file: str, depth: int) -> Json:
    """A copy in which every reference says where it leads from the root document."""
    if depth == 0:
        return None
    if isinstance(node, list):
        return [_rewritten(item, file, depth - 1) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {name: _rewritten(value, file, depth - 1) for name, value in node.items()}
    if isinstance(reference := node.get("$ref"), str):
        name, hash_, fragment = reference.partition("#")
        copy["$ref"] = f"{joined(file, name) if name else file}{hash_}{fragment}"
    return copy


def _anchors(node: Json) -> Iterator[tuple[str, Json]]:
    pending = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(here.get(keyword), str):
                    yield here[keyword], here
        if isinstance(here, dict | list):
            pending += here.values() if isinstance(here, dict) else here
