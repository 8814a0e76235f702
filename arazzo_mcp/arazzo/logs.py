"""A job's log as an answer gives it: its last lines for people, and the progress that it prints.

Logs come as one text, as texts, or as objects with a message. A terminal's bars and colours are no lines to read: a bar
is told as percent. Only the end of a log is looked at, however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Final

from arazzo_mcp.arazzo.percent import Number, in_percent, of_one_or_hundred, ratio
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.spoken import plain

_MOST_CHARACTERS: Final = 20_000
_MOST_LINES: Final = 200
_MOST_OF_AN_ENTRY: Final = 2_000
_MOST_OF_A_LINE: Final = 400
_SHOWN_LINES: Final = 3
_SHOWN_OF_A_LINE: Final = 200

_MESSAGES: Final = ("message", "msg", "text", "line", "log", "content")

_BAR: Final = re.compile(r"\d%\|[^|]*\||\d(?:/\d+|\w{2,8})? \[\d\d:\d\d[,<:]|[█-▏━]{4}")
"""A bar of tqdm or rich, with a total or without one."""

_OTHER_WORK: Final = re.compile(r"\W*(down|up)?load(ing|ed)?\b|\W*(fetch|pull|extract|epoch)", re.IGNORECASE)
"""The progress of a preparation, or of one round of many, is not the job's."""


def lines_of(logs: Json) -> list[str]:
    """The last lines of a log, oldest first; what a carriage return would overwrite is a line of its own."""
    if isinstance(logs, list):
        logs = "\n".join(_message(entry)[-_MOST_OF_AN_ENTRY:] for entry in logs[-_MOST_LINES:])
    return _lines(logs[-_MOST_CHARACTERS:])[-_MOST_LINES:] if isinstance(logs, str) else []


def last_lines(lines: list[str]) -> list[str]:
    """The last few lines that tell something, shortened."""
    told = islice((line for line in reversed(lines) if not _BAR.search(line)), _SHOWN_LINES)
    return [line[:_SHOWN_OF_A_LINE] for line in told][::-1]


def percent_of_lines(lines: list[str]) -> Number | None:
    """How much is done by the last line that says so."""
    said = (_percent_of_line(line) for line in reversed(lines))
    return next((percent for percent in said if percent is not None), None)


def _message(entry: Json) -> str:
    if isinstance(entry, dict):
        entry = next((entry[name] for name in _MESSAGES if isinstance(entry.get(name), str)), "")
    return entry if isinstance(entry, str) else ""


def _lines(text: str) -> list[str]:
    parts = re.split(r"[\r\n]+", plain(text))
    return [line[:_MOST_OF_A_LINE] for part in parts if (line := part.strip())]


def _percent_of_line(line: str) -> Number | None:
    if not _HINT.search(line) or _OTHER_WORK.match(line):
        return None
    for pattern, read in _SAYINGS:
        if (said := list(pattern.finditer(line))) and (percent := read(said[-1])) is not None:
            return percent
    return None


_HINT: Final = re.compile(r"\d\s*(?:%|/|of)|progress", re.IGNORECASE)
_NUMBER: Final = r"(\d{1,9}(?:\.\d{1,9})?)"
_SAYINGS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Number | None]], ...]] = (
    (re.compile(rf"(?<![\w.]){_NUMBER}%\|[^|]*\|"), lambda said: in_percent(said[1])),
    (re.compile(r"(?<![\w./])(\d{1,9})/(\d{1,9}) \[\d\d:\d\d"), lambda said: ratio(said[1], said[2])),
    (
        re.compile(
            r"\b(?:step|part|frame|iteration|progress)s?\s*[:=#]?\s*\[?(\d{1,9})\s*(?:/|of)\s*(\d{1,9})\b",
            re.IGNORECASE,
        ),
        lambda said: ratio(said[1], said[2]),
    ),
    (
        re.compile(rf"\bprogress\s*[:=]?\s*{_NUMBER}\s*(%?)(?![\d.]|\s*(?:/|of\b))", re.IGNORECASE),
        lambda said: of_one_or_hundred(f"{said[1]}{said[2]}"),
    ),
    (
        re.compile(rf"(?<![\w.]){_NUMBER}\s?%\s*(?:done|completed?|finished)\b", re.IGNORECASE),
        lambda said: in_percent(said[1]),
    ),
    (re.compile(rf"^{_NUMBER}\s?%$"), lambda said: in_percent(said[1])),
)
"""What prints progress, the surest first: a bar, counted steps, the word itself."""
