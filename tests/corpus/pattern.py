"""A short text that a regular expression matches, for the patterns that schemas and criteria hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_CLASSES = {code.CATEGORY_DIGIT: "1", code.CATEGORY_WORD: "a", code.CATEGORY_SPACE: " "}
_LIKELY = "a1A-_ ./:0@"


def text_for(pattern: str) -> str | None:
    """A text that the pattern matches; None where it uses what is not known here."""
    try:
        made = "".join(map(_piece, parser.parse(pattern)))
        return made if re.search(pattern, made) else None
    except (re.error, KeyError, OverflowError, RecursionError):
        return None


def _piece(token: tuple[Any, Any]) -> str:
    kind, given = token
    if kind is code.LITERAL:
        return chr(given)
    if kind is code.NOT_LITERAL:
        return next(one for one in _LIKELY if ord(one) != given)
    if kind is code.ANY:
        return "a"
    if kind is code.IN:
        return _one_of(given)
    if kind is code.BRANCH:
        return _all(given[1][0])
    if kind is code.SUBPATTERN:
        return _all(given[3])
    if kind in (code.MAX_REPEAT, code.MIN_REPEAT):
        low, high, inner = given
        return _all(inner) * int(max(low, min(1, high)))
    if kind in (code.AT, code.ASSERT, code.ASSERT_NOT):
        return ""
    raise KeyError(kind)


def _all(tokens: Iterable[tuple[Any, Any]]) -> str:
    return "".join(map(_piece, tokens))


def _one_of(members: list[tuple[Any, Any]]) -> str:
    kind, given = members[0]
    if kind is code.NEGATE:
        return next(one for one in _LIKELY if not any(_holds(member, one) for member in members[1:]))
    if kind is code.RANGE:
        return chr(given[0])
    return chr(given) if kind is code.LITERAL else _CLASSES[given]


def _holds(member: tuple[Any, Any], character: str) -> bool:
    kind, given = member
    if kind is code.LITERAL:
        return bool(ord(character) == given)
    if kind is code.RANGE:
        return bool(given[0] <= ord(character) <= given[1])
    if kind is not code.CATEGORY:
        return False
    if given is code.CATEGORY_DIGIT:
        return character.isdigit()
    return character.isspace() if given is code.CATEGORY_SPACE else character.isalnum() or character == "_"
