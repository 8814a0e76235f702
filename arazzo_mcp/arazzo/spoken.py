"""A provider's own words, made fit to be shown: without a terminal's escapes, and short."""

from __future__ import annotations

import re
from typing import Final

from arazzo_mcp.arazzo.scope import Json, as_text

MOST_CHARACTERS: Final = 500

_MESSAGES: Final = ("detail", "message", "error", "title", "error_description", "reason")
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def message_of(body: Json) -> str:
    """The provider's own words in an answer, shortened; empty where there are none."""
    if isinstance(body, dict):
        found = next((body[name] for name in _MESSAGES if body.get(name)), body)
        return message_of(found) if isinstance(found, dict) and found is not body else cut(as_text(found))
    return "" if body is None else cut(as_text(body))


def plain(text: str) -> str:
    """A text without a terminal's escapes and without control characters, but for line ends and tabs."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def cut(text: str) -> str:
    """A text, shortened where it is long."""
    text = plain(text[: 4 * MOST_CHARACTERS])
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
