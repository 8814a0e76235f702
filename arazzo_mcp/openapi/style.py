"""Parameter values as text: the styles of OpenAPI, as a table.

OpenAPI 3.2, "Style Values", "Style Examples" and Appendix C. What these functions return is percent-encoded already.
Null is RFC 6570's "undefined": a parameter, a member or an item that is null is left out. Combinations of style, type
and place that the specification leaves undefined are refused, but for an array as a deepObject, which published
descriptions have and servers read as `name[]=item`.

A path value never lets a `..` segment, `?`, `#` or a control character through, raw slash or not, and is never empty:
`;color` and `.` of the specification's table would name another resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar
from urllib.parse import unquote

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.encode import UnfitValue, encoded, quoted, scalar
from arazzo_mcp.openapi.model import Parameter

Show: TypeAlias = Callable[[Json], str]
Choice = TypeVar("Choice")

_IN_PATH: Final = ":@!$&'()*+,;="
_IN_QUERY: Final = ":/?@!$'()*,;="
"""What reserved expansion (RFC 6570, 3.2.3) leaves raw: RFC 3986's reserved characters but those that a query cannot
hold (`#`, `[`, `]`) and those that mean something between its pairs (`&`, `+`)."""


# --- path


def path_text(parameter: Parameter, value: Json) -> str:
    """A value within the path: style simple (also label and matrix), one segment, or several with raw slashes."""
    if value is None or value in ("", [], {}):
        raise UnfitValue(f"path parameter {parameter.name!r} is empty")
    write = _choice(_PATH_STYLES, parameter)
    shown = write(parameter, value, lambda item: _segment(parameter, item))
    _refuse_traversal(parameter.name, value, shown)
    return shown


def _refuse_traversal(name: str, value: Json, shown: str) -> None:
    texts = [scalar(item) for item in (value if isinstance(value, list) else [value])]
    places = [segment for text in (*texts, unquote(shown)) for segment in text.replace("\\", "/").split("/")]
    if any(segment in (".", "..") for segment in places):
        raise UnfitValue(f"path parameter {name!r} must not contain '.' or '..' segments: {str(value)[:80]!r}")
    if any(ord(character) < 32 or ord(character) == 127 for text in texts for character in text):
        raise UnfitValue(f"path parameter {name!r} must not contain control characters: {str(value)[:80]!r}")
    if "" in shown.split("/"):
        raise UnfitValue(f"path parameter {name!r} must not contain empty segments: {str(value)[:80]!r}")


def _segment(parameter: Parameter, value: Json) -> str:
    slash = "/" if parameter.raw_slash else ""
    return encoded(scalar(value), f"{_IN_PATH}{slash}", True) if parameter.allow_reserved else quoted(value, slash)


def _simple(parameter: Parameter, value: Json, show: Show) -> str:
    return ",".join(_flat(value, parameter.explode, show))


def _label(parameter: Parameter, value: Json, show: Show) -> str:
    return "." + ("." if parameter.explode else ",").join(_flat(value, parameter.explode, show))


def _matrix(parameter: Parameter, value: Json, show: Show) -> str:
    if isinstance(value, dict) and parameter.explode:
        return "".join(f";{quoted(key)}={show(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list) and parameter.explode:
        return "".join(f";{parameter.name}={show(item)}" for item in value if item is not None)
    return f";{parameter.name}=" + ",".join(_flat(value, False, show))


def _delimited(delimiter: str) -> Callable[[Parameter, Json, Show], str]:
    return lambda _parameter, value, show: delimiter.join(_flat(value, False, show))


_PATH_STYLES: Final = {
    "simple": _simple,
    "label": _label,
    "matrix": _matrix,
    "ssv": _delimited("%20"),
    "tsv": _delimited("%09"),
    "pipes": _delimited("%7C"),
}


# --- query

Pairs: TypeAlias = list[tuple[str, str]]


def query_pairs(parameter: Parameter, value: Json) -> Pairs:
    """A value within the query: (encoded name, encoded value) pairs, none where there is no value to send."""
    if value is None:
        return [(quoted(parameter.name), "")] if parameter.allow_empty else []
    return _choice(_QUERY_STYLES, parameter)(parameter, value)


def _form(parameter: Parameter, value: Json) -> Pairs:
    if isinstance(value, dict | list) and not parameter.explode:
        return _joined(parameter, value, ",")
    show = _shower(parameter)
    if isinstance(value, dict):
        return [(quoted(key), show(item)) for key, item in value.items() if item is not None]
    items = value if isinstance(value, list) else [value]
    return [(quoted(parameter.name), show(item)) for item in items if item is not None]


def _joined(parameter: Parameter, value: Json, delimiter: str) -> Pairs:
    """One pair; an empty list or object is undefined (RFC 6570, 2.3) and gives none."""
    parts = _flat(value, False, _shower(parameter, delimiter))
    return [(quoted(parameter.name), delimiter.join(parts))] if parts else []


def _between(delimiter: str) -> Callable[[Parameter, Json], Pairs]:
    """spaceDelimited and pipeDelimited: arrays and objects without explode."""

    def write(parameter: Parameter, value: Json) -> Pairs:
        if not isinstance(value, dict | list):
            raise _undefined(parameter, f"for arrays and objects only, and the value is {str(value)[:80]!r}")
        if parameter.explode:
            raise _undefined(parameter, "with explode: false only")
        return _joined(parameter, value, delimiter)

    return write


def _deep_object(parameter: Parameter, value: Json) -> Pairs:
    if not isinstance(value, dict | list):
        raise _undefined(parameter, f"for objects only, and the value is {str(value)[:80]!r}")
    return list(bracketed(parameter.name, value, _shower(parameter)))


def bracketed(name: str, value: Json, show: Show) -> Iterable[tuple[str, str]]:
    """`name[key]=value`, and deeper levels in the same way, as the servers that use it understand them: `name[]=item`,
    with an index where the items have members of their own."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from bracketed(f"{name}[{key}]", item, show)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from bracketed(f"{name}[{at}]" if isinstance(item, dict | list) else f"{name}[]", item, show)
    elif value is not None:
        yield quoted(name), show(value)


def _list_of(delimiter: str) -> Callable[[Parameter, Json], Pairs]:
    return lambda parameter, value: _joined(parameter, value, delimiter)


_QUERY_STYLES: Final[dict[str, Callable[[Parameter, Json], Pairs]]] = {
    "form": _form,
    "spaceDelimited": _between("%20"),
    "pipeDelimited": _between("%7C"),
    "deepObject": _deep_object,
    "ssv": _list_of("%20"),
    "tsv": _list_of("%09"),
    "pipes": _list_of("%7C"),
}


def query_string(value: Json) -> str:
    """`in: querystring` of a text: sent as it is, but for characters that no query can hold."""
    return encoded(str(value).removeprefix("?"), f"{_IN_QUERY}&+", True)


# --- headers and cookies


def header_text(parameter: Parameter, value: Json) -> str:
    """A value within a header: not percent-encoded ("URI percent-encoding MUST NOT be applied"); a line break is
    refused."""
    text = _choice(_HEADER_STYLES, parameter).join(_flat(value, parameter.explode, scalar))
    if any(character in text for character in "\r\n\0"):
        raise UnfitValue(f"header {parameter.name!r} must not contain line breaks")
    if not text.isascii():
        raise UnfitValue(f"header {parameter.name!r} can only hold ASCII characters: {text[:80]!r}")
    return text


_HEADER_STYLES: Final = {"simple": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}


def cookie_text(parameter: Parameter, value: Json) -> str:
    """A value within the Cookie header: styles form, and cookie (OpenAPI 3.2) which escapes nothing; empty where there
    is nothing to send."""
    return "; ".join(f"{name}={text}" for name, text in _choice(_COOKIE_STYLES, parameter)(parameter, value))


def _cookie(parameter: Parameter, value: Json) -> Pairs:
    """ "Data values that require any sort of escaping MUST be provided in escaped form": they are refused otherwise."""
    if not isinstance(value, dict | list):
        pairs = [(parameter.name, scalar(value))]
    elif not parameter.explode:
        pairs = [(parameter.name, ",".join(_flat(value, False, scalar)))]
    elif isinstance(value, dict):
        pairs = [(str(key), scalar(item)) for key, item in value.items() if item is not None]
    else:
        pairs = [(parameter.name, scalar(item)) for item in value if item is not None]
    if any(not text.isascii() or re.search(r"[;\x00-\x1f\x7f]", text) for pair in pairs for text in pair):
        raise UnfitValue(f"cookie {parameter.name!r} holds characters that it must hold escaped: {str(value)[:80]!r}")
    return pairs


_COOKIE_STYLES: Final[dict[str, Callable[[Parameter, Json], Pairs]]] = {
    "form": lambda parameter, value: [] if value is None else _form(parameter, value),
    "cookie": lambda parameter, value: [] if value is None else _cookie(parameter, value),
}


# --- what they share


def _choice(table: Mapping[str, Choice], parameter: Parameter) -> Choice:
    if parameter.style not in table:
        raise UnfitValue(
            f"{parameter.location} parameter {parameter.name!r}: style {parameter.style!r} is not defined there"
        )
    return table[parameter.style]


def _undefined(parameter: Parameter, why: str) -> UnfitValue:
    return UnfitValue(f"{parameter.location} parameter {parameter.name!r}: style {parameter.style} is defined {why}")


def _shower(parameter: Parameter, delimiter: str = "") -> Show:
    """How one item of a query is written. An item never holds the delimiter raw that stands between items."""
    if not parameter.allow_reserved:
        return quoted
    safe = _IN_QUERY.replace(delimiter, "") if delimiter else _IN_QUERY
    return lambda item: encoded(scalar(item), safe, True)


def _flat(value: Json, explode: bool, show: Show) -> list[str]:
    if isinstance(value, list):
        return [show(item) for item in value if item is not None]
    if isinstance(value, dict):
        members = [(show(key), show(item)) for key, item in value.items() if item is not None]
        return [f"{key}={item}" for key, item in members] if explode else [part for pair in members for part in pair]
    return [show(value)]
