"""How much of a job is done, in percent, from the fields of an answer.

Only what the name or the value makes certain is told: a `progress` of 1 may be one percent or all, and is left out. It
knows names and numbers; it must not know where in an answer they stood, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from arazzo_mcp.arazzo.scope import Json

Number = int | float

_MOST_NAME: Final = 40
MOST_FIELDS: Final = 200
_MOST_COUNT: Final = 10**15
_NUMBER: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,20})?)\s*(%?)\s*")


def known(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Fields by the one spelling of their names: `queue_position`, `queuePosition` and `QueuePosition` are
    `queueposition`. The first one wins; what is null is not there, and what has very many fields is no status."""
    found: dict[str, Json] = {}
    for name, value in islice(fields.items(), MOST_FIELDS):
        if value is not None and len(name) <= _MOST_NAME:
            found.setdefault(spelling(name), value)
    return found


@lru_cache(maxsize=4096)
def spelling(name: str) -> str:
    """The one spelling of a field's name."""
    return re.sub(r"[_\-\s]", "", name).lower()


def in_percent(value: Json) -> Number | None:
    """62, 62.5, "62" or "62%" as they are."""
    number, _ = _number(value)
    return _tidy(number) if number is not None and 0 <= number <= 100 else None


def of_one(value: Json) -> Number | None:
    """0.62 as 62."""
    number, is_percent = _number(value)
    if is_percent or number is None:
        return in_percent(value)
    return _tidy(number * 100) if 0 <= number <= 1 else None


def of_one_or_hundred(value: Json) -> Number | None:
    """0.62 and 62 as 62; a bare 1 is neither for certain."""
    number, is_percent = _number(value)
    if is_percent or number is None or number == 0 or number > 1:
        return in_percent(value)
    return of_one(value) if number < 1 else None


def ratio(done: Json, total: Json) -> Number | None:
    """Two counts as percent."""
    (part, _), (whole, _) = _number(done), _number(total)
    if part is None or whole is None or not 0 <= part <= whole or not 0 < whole < _MOST_COUNT:
        return None
    return _tidy(100 * part / whole)


def _number(value: Json) -> tuple[Number | None, bool]:
    """A number, and whether a percent sign follows it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value, False
    match = _NUMBER.fullmatch(value) if isinstance(value, str) and len(value) <= _MOST_NAME else None
    return (float(match[1]), bool(match[2])) if match else (None, False)


def _tidy(number: Number) -> Number:
    rounded = round(float(number), 1)
    return int(rounded) if rounded.is_integer() else rounded


_FIELDS: Final[tuple[tuple[Callable[[Json], Number | None], tuple[str, ...]], ...]] = (
    (
        in_percent,
        (
            "percent", "percentage", "pct",
            "percentcomplete", "percentagecomplete", "percentcompleted", "percentagecompleted", "percentdone",
            "completionpercentage", "completionpercent", "completedpercent", "completepercentage", "pctcomplete",
            "progresspercent", "progresspercentage", "progresspct",
        ),
    ),
    (of_one, ("fraction", "fractioncomplete", "fractioncompleted", "fractiondone", "progressfraction")),
    (of_one_or_hundred, ("progress", "jobprogress", "taskprogress", "processingprogress", "completionprogress")),
)  # fmt: skip

_COUNTS: Final = (
    ("completedsteps", "totalsteps"),
    ("stepscompleted", "totalsteps"),
    ("currentstep", "totalsteps"),
    ("step", "totalsteps"),
    ("samplingstep", "samplingsteps"),
    ("completeditems", "totalitems"),
    ("processeditems", "totalitems"),
    ("itemsprocessed", "totalitems"),
)
_COUNTS_OF_PROGRESS: Final = (
    *_COUNTS,
    ("completed", "total"),
    ("current", "total"),
    ("done", "total"),
    ("processed", "total"),
    ("finished", "total"),
    ("succeeded", "total"),
    ("step", "steps"),
    ("value", "max"),
)
"""Beside a total that belongs to nothing else: elsewhere these may count pages or items of a list."""

_OBJECTS: Final = (
    "progress",
    "jobprogress",
    "taskprogress",
    "progressinfo",
    "progressdetails",
    "requestcounts",
    "taskmetrics",
)


PERCENT_NAMES: Final = frozenset(_OBJECTS).union(*(names for _, names in _FIELDS), *_COUNTS)
"""Every name that tells how much is done."""


def percent_of(fields: Mapping[str, Json]) -> Number | None:
    """How much is done, as far as the fields (of `known`) say so: 0 to 100."""
    found = _of_fields(fields, _COUNTS)
    if found is not None:
        return found
    inner = (known(value) for name in _OBJECTS if isinstance(value := fields.get(name), dict))
    return next((p for one in inner if (p := _of_fields(one, _COUNTS_OF_PROGRESS)) is not None), None)


def _of_fields(fields: Mapping[str, Json], counts: tuple[tuple[str, str], ...]) -> Number | None:
    for read, names in _FIELDS:
        for name in names:
            if name in fields and (found := read(fields[name])) is not None:
                return found
    pairs = (ratio(fields[done], fields[total]) for done, total in counts if total in fields and done in fields)
    return next((found for found in pairs if found is not None), None)
