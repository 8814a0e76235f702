"""A glimpse of what a provider says of its job: a few well-known fields of a response, kept short.

Only for people and agents to read; nothing is decided by it.
"""

from __future__ import annotations

import re
from typing import Final

from arazzo_mcp.arazzo.scope import Exchange, Json, as_text

_FIELDS: Final = ("status", "state", "type", "queue_position", "progress", "running", "error", "detail")
_STATES: Final = ("status", "state", "type")
_ENDED: Final = re.compile(
    r"succe(eded|ss)|completed(job)?|finished|done|fail(ed|ure)|error|cancell?ed|aborted", re.IGNORECASE
)
_MESSAGES: Final = ("detail", "message", "error", "title", "error_description", "reason")
_MOST_CHARACTERS: Final = 500
_LOG_LINES: Final = 3


def glimpse(exchange: Exchange) -> dict[str, Json]:
    """Status, queue position, progress and the last log lines, where the response has them."""
    if not isinstance(exchange.body, dict):
        return {}
    seen = {name: clip(value) for name in _FIELDS if (value := exchange.body.get(name)) is not None}
    lines = _last_lines(exchange.body.get("logs"))
    return {**seen, "logs": lines} if lines else seen


def told(before: dict[str, Json], exchange: Exchange) -> dict[str, Json]:
    """What is known of the job after one answer more: the last state that was told, and what was said to a cancel, stay
    where the answer says nothing of them."""
    seen = glimpse(exchange)
    if not seen:
        return before
    stays = ("cancel",) if any(name in seen for name in _STATES) else ("cancel", *_STATES)
    return {**{name: before[name] for name in stays if name in before}, **seen}


def has_ended(upstream: dict[str, Json]) -> bool:
    """Whether the provider has said that the job is over."""
    return any(_ENDED.fullmatch(str(upstream[name])) for name in _STATES if name in upstream)


def message_of(body: Json) -> str:
    """The provider's own words in an answer, shortened; empty where there are none."""
    if isinstance(body, dict):
        found = next((body[name] for name in _MESSAGES if body.get(name)), body)
        return message_of(found) if isinstance(found, dict) and found is not body else _cut(as_text(found))
    return "" if body is None else _cut(as_text(body))


def clip(value: Json) -> Json:
    """A value short enough to show: texts cut, structures as shortened text."""
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list | dict) and len(text := as_text(value)) > _MOST_CHARACTERS:
        return _cut(text)
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _last_lines(logs: Json) -> list[str]:
    lines = logs.splitlines() if isinstance(logs, str) else logs if isinstance(logs, list) else []
    texts = [line.get("message", "") if isinstance(line, dict) else line for line in lines[-_LOG_LINES:]]
    return [str(clip(text))[:200] for text in texts if text]
