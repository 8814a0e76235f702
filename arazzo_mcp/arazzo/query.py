"""What every query language shares: its two errors, and a bound on the work of one query.

The libraries that evaluate queries have no limit of their own: `$..*..*..*` on a large body, or `for $i in 1 to
1000000000 return $i`, would hold the whole server. There is no clock in the core, so work is counted in calls of
functions; the same query on the same value is therefore always stopped at the same place. Counting makes a query four
times as slow, so that one whose work is in proportion to the value is not counted. Knows no query language.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

MOST_WORK: Final = 2_000_000
"""Calls of functions that one query may take: about a second."""


class SelectorSyntaxError(ValueError):
    """A text is no query of its language, whatever it is applied to."""


class SelectorError(ValueError):
    """A query cannot be evaluated on this value; the message says why."""


@contextmanager
def bounded(most: int = MOST_WORK, *, needed: bool = True) -> Iterator[None]:
    """Work within that ends after `most` calls, where a bound is needed at all.

    Raises:
        SelectorError: the work went on.
    """
    if not needed:
        yield
        return
    left = most

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SelectorError(f"the query takes more than {most} steps on this value")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
