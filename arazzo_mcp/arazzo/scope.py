"""What an expression can see: one exchange with an API and everything that a run has gathered so far.

Plain frozen data. Nothing here knows how an exchange came about or how an expression is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""What `json.loads` returns: None, bool, int, float, str, list or dict of these."""


class Absent(Enum):
    """The value of an expression where nothing stands. Not the same as null."""

    ABSENT = "absent"

    def __bool__(self) -> bool:
        return False


ABSENT = Absent.ABSENT
Value: TypeAlias = Any
"""Json, or ABSENT."""


def mapping(value: Json) -> dict[str, Json]:
    """An object; an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def as_text(value: Json) -> str:
    """A value inside a text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


MOST_DEPTH: Final = 100
"""How deep a value may be nested that comes from outside: deeper ones cannot be read back from where they are kept."""


def within(value: Json, depth: int) -> bool:
    """Whether a value is nested no deeper than `depth`."""
    level = [value]
    for _ in range(depth):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inner(one)]
        if not level:
            return True
    return False


def _inner(value: Json) -> list[Json]:
    return list(value.values()) if isinstance(value, dict) else list(value)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request got no response.

    kind: `bind` (never left: the call cannot be made into a request), `connect` (never left: no
    connection), `timeout` or `broken` (may have been received by the provider), `refused` (it was, but its answer
    is not taken in: larger than is allowed, or encoded in a way that was not asked for).
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, or the failure that stands in its place.

    Header names are lower case. `body` is the decoded response body, ABSENT when it was empty;
    `retry_after` is the Retry-After header in seconds, `seconds` how long the exchange took, `size` the bytes of the
    body as they were received.
    """

    method: str = ""
    url: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_query: Mapping[str, Json] = field(default_factory=dict)
    request_path: Mapping[str, Json] = field(default_factory=dict)
    request_body: Value = ABSENT
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Value = ABSENT
    retry_after: float | None = None
    failure: Failure | None = None
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """Inputs and outputs of a workflow that has ended in this run, and its completed steps that others await.

    unfinished: it failed, is still under way, or went over to another workflow that has not ended yet, so that what
    depends on it cannot begin.
    """

    inputs: dict[str, Json]
    outputs: dict[str, Json]
    completed: tuple[str, ...] = ()
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that a runtime expression can refer to at one moment of a run."""

    inputs: Mapping[str, Json] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    workflows: Mapping[str, Ended] = field(default_factory=dict)
    outputs: Mapping[str, Json] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    self_uri: str | None = None
    exchange: Exchange = field(default_factory=Exchange)
