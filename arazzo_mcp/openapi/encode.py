"""Values as text, percent-encoded: what every style is made of (RFC 3986, RFC 6570)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from arazzo_mcp.arazzo.scope import Json, as_text

_TRIPLET: Final = re.compile(r"(%[0-9A-Fa-f]{2})")


class UnfitValue(ValueError):
    """A value cannot stand where the parameter puts it; the message says why."""


def scalar(value: Json) -> str:
    """One value as text: booleans and null as JSON writes them, whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else as_text(value)


def quoted(value: Json, safe: str = "") -> str:
    """One value, percent-encoded but for its unreserved characters and those in `safe`."""
    return encoded(scalar(value), safe, False)


def encoded(text: str, safe: str, triplets: bool) -> str:
    """Percent-encoded; with `triplets`, what is percent-encoded already stays so (RFC 6570, 3.2.3)."""
    try:
        parts = _TRIPLET.split(text) if triplets else [text]
        return "".join(part if at % 2 else quote(part, safe=safe) for at, part in enumerate(parts))
    except UnicodeEncodeError:
        raise UnfitValue(f"{text[:80]!r} is no valid text") from None
