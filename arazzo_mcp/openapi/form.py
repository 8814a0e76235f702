"""Bodies of fields: `application/x-www-form-urlencoded`.

OpenAPI 3.2, "Encoding the x-www-form-urlencoded Media Type" and "Encoding Object". Where a field has no encoding, an
array repeats its key, and an object is JSON, as the specification says; servers that think in brackets (`a[b]`, `a[]`)
show it in the names of other fields or in the schema, and then get everything in brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote_plus

from arazzo_mcp.arazzo.scope import Json, as_text
from arazzo_mcp.openapi.encode import UnfitValue, scalar
from arazzo_mcp.openapi.model import MediaType, Parameter, Resolve
from arazzo_mcp.openapi.schema import applying, properties
from arazzo_mcp.openapi.style import Pairs, bracketed, query_pairs

STYLED: Final = ("style", "explode", "allowReserved")
"""The fields of an Encoding Object of which "the presence of at least one" makes a field a query parameter."""


def form(value: Json, media: MediaType, resolve: Resolve) -> str:
    """Form fields (WHATWG URL, 5.2). A text is a form already; members that are null are left out."""
    if not isinstance(value, dict):
        return as_text(value)
    write = _bracketed if has_brackets(value, media, resolve) else _plain
    pairs = [pair for name, item in value.items() if item is not None for pair in _field(name, item, media, write)]
    return "&".join(f"{name}={text}" for name, text in pairs)


def _field(name: str, item: Json, media: MediaType, write: Callable[[str, Json], Iterable[tuple[str, str]]]) -> Pairs:
    encoding = media.encoding.get(name, {})
    if any(key in encoding for key in STYLED):
        return styled(name, item, encoding)
    if "json" in str(encoding.get("contentType", "")):
        items = item if isinstance(item, list) else [item]
        return [(_plus(name), _plus(as_text(one))) for one in items]
    return list((_plain if encoding else write)(name, item))


def styled(name: str, item: Json, encoding: Mapping[str, Json]) -> Pairs:
    """A field that is written as a query parameter is."""
    style = str(encoding.get("style") or "form")
    explode = bool(encoding.get("explode", style == "form"))
    reserved = bool(encoding.get("allowReserved"))
    return query_pairs(Parameter(name, "form", style=style, explode=explode, allow_reserved=reserved), item)


def has_brackets(value: Mapping[str, Json], media: MediaType, resolve: Resolve) -> bool:
    """Whether a server writes structure into names: the fields that are sent do, or those of the schema."""
    names = (*value, *media.encoding, *properties(tuple(applying(media.schema, resolve))))
    styles = (encoding.get("style") for encoding in media.encoding.values())
    return any("[" in str(name) for name in names) or "deepObject" in styles


def _plain(name: str, item: Json) -> Iterable[tuple[str, str]]:
    for one in item if isinstance(item, list) else [item]:
        if one is not None:
            yield _plus(name), _plus(scalar(one))


def _bracketed(name: str, item: Json) -> Iterable[tuple[str, str]]:
    """A name that has brackets already is the server's own, and repeats as it is."""
    if "[" in name and isinstance(item, list) and not any(isinstance(one, dict | list) for one in item):
        return _plain(name, item)
    return bracketed(name, item, lambda one: _plus(scalar(one)))


def _plus(text: str) -> str:
    try:
        return quote_plus(text)
    except UnicodeEncodeError:
        raise UnfitValue(f"{text[:80]!r} is no valid text") from None
