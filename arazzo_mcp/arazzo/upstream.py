"""A glimpse of what a provider says of its job: well-known fields of an answer under names of ours, kept short.

People and agents read it; of decisions only one hangs on it: whether the provider has said that the job is over. It
knows which object of an answer speaks of the job; what the fields mean stands in `job.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from arazzo_mcp.arazzo.command import REPEATABLE
from arazzo_mcp.arazzo.job import ENDED, NOT_YET, ORDER, facts_of
from arazzo_mcp.arazzo.percent import known
from arazzo_mcp.arazzo.scope import Exchange, Json, mapping

_STATES: Final = ("status", "state", "type")
"""Where the provider's word stands in what is kept: the last two in states that earlier versions saved."""

_WHILE_THE_SAME: Final = ("percent", "metrics", "logs")
_OF_ITS_OWN: Final = ("status", "message")
"""What an outer object says of the request where an inner one speaks of the job."""

_OF_THE_REQUEST: Final = re.compile(r"success|ok|error|fail|[1-5]\d\d", re.IGNORECASE)
"""Words that stand as often for the request as for the job."""

_JOBS: Final = (
    "data", "job", "task", "run", "prediction", "generation", "generationsbypk", "operation", "workflowexecutioninfo",
)  # fmt: skip
_PERHAPS_JOBS: Final = ("metadata", "status", "state", "response", "result", "output")
"""Objects that also hold what users have put there: read only where nothing else is said."""


def glimpse(exchange: Exchange) -> dict[str, Json]:
    """What an answer says of the job, empty where it says nothing."""
    if not isinstance(exchange.body, dict):
        return {}
    outer = facts_of(exchange.body)
    inner = next(_inner(exchange.body, outer.get("status")), {})
    if "status" in inner:
        outer = {name: value for name, value in outer.items() if name not in _OF_ITS_OWN}
    seen = {**inner, **outer}
    if (exchange.status or 0) >= 400 and _OF_THE_REQUEST.fullmatch(str(seen.get("status"))):
        del seen["status"]
    return {name: seen[name] for name in ORDER if name in seen}


def _inner(body: Mapping[str, Json], status: Json) -> Iterator[dict[str, Json]]:
    """The objects that speak of the job where the outer one has no word of its own for it."""
    says_nothing = status is None or status in NOT_YET
    if not says_nothing and not _OF_THE_REQUEST.fullmatch(str(status)):
        return
    fields = known(body)
    for name in (*_JOBS, *_PERHAPS_JOBS) if says_nothing else _JOBS:
        value = fields.get(name)
        facts = facts_of(mapping(value[0] if isinstance(value, list) and len(value) == 1 else value))
        if facts.keys() & {"status", "queue_position", "percent"}:
            yield facts


def told(before: dict[str, Json], exchange: Exchange) -> dict[str, Json]:
    """What is known of the job after one answer more. What was said to a cancel stays; the status stays where the
    answer says none, and log, percent and metrics as long as the status is the same. A new job begins anew."""
    seen = glimpse(exchange)
    if exchange.method and exchange.method not in REPEATABLE and exchange.status is not None and exchange.status < 400:
        before = {name: before[name] for name in ("cancel",) if name in before}
    if not seen:
        return before
    if "status" not in seen:
        stays = ("cancel", *_STATES, *_WHILE_THE_SAME)
    else:
        stays = ("cancel", *(_WHILE_THE_SAME if seen["status"] == word_of(before) else ()))
    return {**{name: before[name] for name in stays if name in before}, **seen}


def word_of(upstream: Mapping[str, Json]) -> Json:
    """The provider's own word for the job's status, None where it has said none."""
    return next((upstream[name] for name in _STATES if name in upstream), None)


def has_ended(upstream: dict[str, Json]) -> bool:
    """Whether the provider has said that the job is over."""
    return any(ENDED.fullmatch(str(upstream[name])) for name in _STATES if name in upstream)
