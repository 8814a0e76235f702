"""Regular expressions with a bound on their time: the only place where a pattern meets a text.

`(a+)+$` on forty letters takes longer than the universe lasts, so every search has a deadline. Constant patterns are
compiled when a document is read, which is when a mistake in them is found.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import regex

REGEX_SECONDS: Final = 0.25
"""A pattern that takes longer than this on its text counts as not matching."""

MOST_CHARACTERS: Final = 10_000
"""A longer pattern is none that a person has written."""


_MOST_REPEATS: Final = 1_000_000


class PatternError(ValueError):
    """A text is no regular expression."""


class PatternTimeout(ValueError):
    """A pattern took longer than it may."""

    def __init__(self, seconds: float = REGEX_SECONDS) -> None:
        super().__init__(f"the pattern took longer than {seconds} s")


@lru_cache(maxsize=1024)
def compiled(pattern: str, flags: int = 0) -> regex.Pattern[str]:
    """A pattern, compiled once.

    Raises:
        PatternError: it is none; says where.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise PatternError(f"not a regular expression: longer than {MOST_CHARACTERS} characters")
    if _repeats(pattern) > _MOST_REPEATS:
        raise PatternError(f"not a regular expression: repeats within repeats more than {_MOST_REPEATS} times")
    try:
        return regex.compile(pattern, flags)
    except (regex.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
        raise PatternError(f"not a regular expression: {error}") from None


_PART = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{(\d{1,9})(?:,\d*)?\}|.", re.DOTALL)


def _repeats(pattern: str) -> int:
    """How often the most repeated part of a pattern must stand there: the library writes `(a{999}){999}` out."""
    around, most, last = [1], 1, 1
    for part in _PART.finditer(pattern):
        if part[0] == "(":
            around.append(1)
            last = 1
        elif part[0] == ")" and len(around) > 1:
            last = around.pop()
        else:
            last = last * max(int(part[1]), 1) if part[1] else 1
        around[-1] = max(around[-1], last)
        most = max(most, last)
    return most


def found(pattern: str, text: str, *, whole: bool = False, seconds: float = REGEX_SECONDS) -> bool:
    """Whether a pattern is found in a text, anywhere, or as a `whole`.

    Raises:
        PatternError: the pattern is none.
        PatternTimeout: it took too long.
    """
    look = compiled(pattern).fullmatch if whole else compiled(pattern).search
    try:
        return look(text, timeout=seconds, concurrent=True) is not None
    except TimeoutError:
        raise PatternTimeout(seconds) from None


class Pattern:
    """A compiled pattern with the methods of `re.Pattern` that a library may need, each of them timed."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = compiled(pattern, flags)
        self.groups = self._pattern.groups
        self.groupindex = self._pattern.groupindex

    def search(self, text: str, pos: int = 0) -> Any:
        return self._timed(self._pattern.search, text, pos)

    def sub(self, replacement: str, text: str) -> Any:
        return self._timed(self._pattern.sub, replacement, text)

    def split(self, text: str) -> Any:
        return self._timed(self._pattern.split, text)

    @staticmethod
    def _timed(call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments, timeout=REGEX_SECONDS)
        except TimeoutError:
            raise PatternTimeout from None
