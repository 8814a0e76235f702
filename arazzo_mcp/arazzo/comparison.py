"""The only comparison in the package: exact, or loose as simple conditions compare.

Arazzo 1.1.0, "Condition Evaluation". A boolean is no text and no number: the specification's conversions name texts of
numbers alone, so `'true' == true` is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from arazzo_mcp.arazzo.scope import ABSENT, Json, Value

_NUMERIC = re.compile(r"\s*-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,4})?\s*")


def truthy(value: Value) -> bool:
    """A condition that is a value alone: fails on false, null and nothing at all."""
    return value is not ABSENT and value is not None and value is not False


def compare(left: Value, operator: str, right: Value, *, loose: bool) -> bool:
    """One comparison.

    "String comparisons MUST be case-insensitive. Numeric strings SHOULD be coerced to numbers when compared
    with numeric operators. `null` only equals itself." (Condition Evaluation). A value that is absent counts as null.
    """
    left, right = _plain(left), _plain(right)
    if operator == "==":
        return _equal(left, right, loose=loose)
    if operator == "!=":
        return not _equal(left, right, loose=loose)
    if operator == "contains":
        return _contains(left, right, loose=loose)
    return _ordered(left, operator, right, loose=loose)


def _plain(value: Value) -> Json:
    return None if value is ABSENT else value


def _equal(left: Json, right: Json, *, loose: bool) -> bool:
    if loose and isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if loose and _is_number(left) is not _is_number(right):
        left, right = _coerced(left), _coerced(right)
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _contains(left: Json, right: Json, *, loose: bool) -> bool:
    """A list one of whose items equals, an object with such a member, a text with such a part."""
    if isinstance(left, str):
        return isinstance(right, str) and (right.casefold() in left.casefold() if loose else right in left)
    return isinstance(left, list | dict) and any(_equal(item, right, loose=loose) for item in left)


def _ordered(left: Json, operator: str, right: Json, *, loose: bool) -> bool:
    if loose:
        left, right = _coerced(left), _coerced(right)
    if isinstance(left, str) and isinstance(right, str):
        if loose:
            left, right = left.casefold(), right.casefold()
        return _ORDER[operator]((left > right) - (left < right))
    if _is_number(left) and _is_number(right):
        return _ORDER[operator]((left > right) - (left < right))
    return False


_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _coerced(value: Json) -> Json:
    return number(value) if isinstance(value, str) and _NUMERIC.fullmatch(value) else value


def number(text: str) -> int | float:
    """The number that a text is, whole where it is written so."""
    return float(text) if re.search(r"[.eE]", text) else int(text)
