"""Parameter values as text: the styles of OpenAPI 3, as a table.

OpenAPI 3.1, "Style Values" and "Style Examples". What these functions return is percent-encoded already. A path value
never lets a `..` segment, `?`, `#` or a control character through, raw slash or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote

from arazzo_mcp.arazzo.scope import Json, as_text
from arazzo_mcp.openapi.model import Parameter

_RESERVED: Final = ":/?#[]@!$&'()*+,;="


class UnfitValue(ValueError):
    """A value cannot stand where the parameter puts it; the message says why."""


def _quote(text: str, safe: str = "") -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise UnfitValue(f"{text[:80]!r} is no valid text") from None


def path_text(parameter: Parameter, value: Json) -> str:
    """A value within the path: style simple (also label and matrix), one segment, or several with raw slashes."""
    if value is None or value in ("", [], {}):
        raise UnfitValue(f"path parameter {parameter.name!r} is empty")
    shown = _PATH_STYLES.get(parameter.style, _simple)(parameter, value)
    _refuse_traversal(parameter.name, value, shown)
    return shown


def _refuse_traversal(name: str, value: Json, shown: str) -> None:
    texts = [scalar(item) for item in (value if isinstance(value, list) else [value])]
    if any(segment in (".", "..") for text in texts for segment in text.replace("\\", "/").split("/")):
        raise UnfitValue(f"path parameter {name!r} must not contain '.' or '..' segments: {str(value)[:80]!r}")
    if any(ord(character) < 32 or ord(character) == 127 for text in texts for character in text):
        raise UnfitValue(f"path parameter {name!r} must not contain control characters: {str(value)[:80]!r}")
    if not {"", ".", ".."}.isdisjoint(shown.split("/")):
        raise UnfitValue(f"path parameter {name!r} must not contain empty segments: {str(value)[:80]!r}")


def _segment(parameter: Parameter, value: Json) -> str:
    return _quote(scalar(value), safe="/" if parameter.raw_slash else "")


def _simple(parameter: Parameter, value: Json) -> str:
    return ",".join(_flat(value, parameter.explode, lambda item: _segment(parameter, item)))


def _label(parameter: Parameter, value: Json) -> str:
    separator = "." if parameter.explode else ","
    return "." + separator.join(_flat(value, parameter.explode, lambda item: _segment(parameter, item)))


def _matrix(parameter: Parameter, value: Json) -> str:
    def show(item: Json) -> str:
        return _segment(parameter, item)

    if isinstance(value, dict) and parameter.explode:
        return "".join(f";{_quote(key, safe='')}={show(item)}" for key, item in value.items())
    if isinstance(value, list) and parameter.explode:
        return "".join(f";{parameter.name}={show(item)}" for item in value)
    return f";{parameter.name}=" + ",".join(_flat(value, False, show))


_PATH_STYLES: dict[str, Callable[[Parameter, Json], str]] = {
    "simple": _simple,
    "label": _label,
    "matrix": _matrix,
}


def query_pairs(parameter: Parameter, value: Json) -> list[tuple[str, str]]:
    """A value within the query: (encoded name, encoded value) pairs of styles form, spaceDelimited, pipeDelimited and
    deepObject."""
    name = _quote(parameter.name, safe="")
    safe = _RESERVED.replace("&", "").replace("#", "").replace("+", "") if parameter.allow_reserved else ""

    def show(item: Json) -> str:
        return _quote(scalar(item), safe=safe)

    if parameter.json:
        return [(name, _quote(as_text(value), safe=safe))]
    if isinstance(value, dict) and parameter.style == "deepObject":
        return list(_deep(parameter.name, value, show))
    if isinstance(value, dict) and parameter.explode:
        return [(_quote(key, safe=""), show(item)) for key, item in value.items()]
    if isinstance(value, list) and parameter.explode:
        return [(name, show(item)) for item in value]
    return [(name, _DELIMITERS.get(parameter.style, ",").join(_flat(value, False, show)))]


_DELIMITERS: Final = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}


def _deep(name: str, value: Json, show: Callable[[Json], str]) -> Iterable[tuple[str, str]]:
    """`deepObject`: name[key]=value; deeper levels in the same way, as the servers that use it understand them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _deep(f"{name}[{key}]", item, show)
    elif isinstance(value, list):
        for item in value:
            yield from _deep(f"{name}[]", item, show)
    else:
        yield _quote(name, safe="[]"), show(value)


def header_text(parameter: Parameter, value: Json) -> str:
    """A value within a header: style simple, not percent-encoded; a line break is refused."""
    text = as_text(value) if parameter.json else ",".join(_flat(value, parameter.explode, scalar))
    if any(character in text for character in "\r\n\0"):
        raise UnfitValue(f"header {parameter.name!r} must not contain line breaks")
    if not text.isascii():
        raise UnfitValue(f"header {parameter.name!r} can only hold ASCII characters: {text[:80]!r}")
    return text


def cookie_text(parameter: Parameter, value: Json) -> str:
    """A value within the Cookie header: style form."""
    return "; ".join(f"{name}={text}" for name, text in query_pairs(parameter, value))


def _flat(value: Json, explode: bool, show: Callable[[Json], str]) -> list[str]:
    if isinstance(value, list):
        return [show(item) for item in value]
    if isinstance(value, dict):
        if explode:
            return [f"{show(key)}={show(item)}" for key, item in value.items()]
        return [part for key, item in value.items() for part in (show(key), show(item))]
    return [show(value)]


def scalar(value: Json) -> str:
    """One value as text: booleans and null as JSON writes them, whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else as_text(value)
