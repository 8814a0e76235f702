"""The paths of operations, and the JSON pointers by which documents name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.openapi.parse import Entry, OpenApi


def pointer_of(entry: Entry) -> str:
    """The JSON pointer of an operation: `/paths/~1things/get`."""
    return f"/paths/{entry.path.replace('~', '~0').replace('/', '~1')}/{entry.method.lower()}"


def spelled(api: OpenApi, pointer: str) -> Iterator[Entry]:
    """The operations that a pointer can mean whose slashes are not escaped, whose method is upper case or missing, or
    that begins below `paths`. A path as written goes before one whose last part may be a method."""
    text = unquote(pointer).replace("~1", "/").replace("~0", "~")
    path = text.strip("/").removeprefix("paths/").strip("/")
    if whole := [entry for entry in api.entries if path and entry.path.strip("/") == path]:
        yield from whole
        return
    path, _, method = path.rpartition("/")
    yield from (e for e in api.entries if e.path.strip("/") == path.strip("/") and e.method == method.upper())


def referred(api: OpenApi, pointer: str) -> Iterator[Entry]:
    """The operations that a pointer reaches through the place to which the `$ref` of a path item leads."""
    try:
        node = JsonPointer(unquote(pointer)).resolve(api.data)
    except (JsonPointerException, TypeError):
        return
    paths = api.data.get("paths")
    items = paths if isinstance(paths, dict) else {}
    for entry in api.entries:
        item = api.resolve(items.get(entry.path))
        others = item.get("additionalOperations")
        known = (item.get(entry.method.lower()), others.get(entry.method) if isinstance(others, dict) else None)
        if node and any(node is one for one in known):
            yield entry


def variables(path: str) -> set[str]:
    """The variables of a path template, without what follows a `?` and without the mark of `{key+}`."""
    return {unmarked(name) for name in re.findall(r"\{([^{}]+)\}", path.partition("?")[0])}


def unmarked(name: str) -> str:
    """The name of a variable without the mark that says that its value may hold slashes: `key+`."""
    return name.rstrip("+*")
