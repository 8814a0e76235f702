"""What one object of an answer says of a job: a table of the names that providers use, and how each is read.

    status, queue_position, percent, eta_seconds, message, detail, error, metrics, logs

Names are ours, the status is the provider's own word. Only what a name and a value make certain is told. It must not
know which object of an answer speaks of the job.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

from arazzo_mcp.arazzo.logs import last_lines, lines_of, percent_of_lines
from arazzo_mcp.arazzo.percent import MOST_FIELDS, PERCENT_NAMES, known, percent_of, spelling
from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.arazzo.spoken import MOST_CHARACTERS, cut, message_of, plain

ENDED: Final = re.compile(
    r"succe(ed|eded|ss)|completed(job)?|finished|done|fail(ed|ure)|error|cancell?ed|aborted", re.IGNORECASE
)
"""A provider's words for a job that is over."""

_WAITS: Final = re.compile(r"(in_?)?queued?|waiting|pending|queuedjob", re.IGNORECASE)
_KIND_OF_JOB: Final = re.compile(r"(queued|running|completed)job", re.IGNORECASE)
_MOST_OF_A_WORD: Final = 80
_MOST_METRICS: Final = 6
_MOST_SECONDS: Final = 30 * 86_400
"""More than that is no time that is left but a moment."""

_MOST_COUNT: Final = 10**9


def facts_of(body: Mapping[str, Json]) -> dict[str, Json]:
    """What one object of an answer says of a job, by our names; empty where it says nothing."""
    fields = known(body)
    if not fields:
        return {}
    status = _status(fields)
    if _TELLING.isdisjoint(fields):
        return {} if status is None else {"status": status}
    found = {"status": status} | {ours: _first(fields, names, read) for ours, names, read in _FIELDS}
    if found["queue_position"] is None:
        found["queue_position"] = _position(fields, status)
    lines = next((lines for name in _LOGS if (lines := lines_of(fields.get(name)))), [])
    percent = percent_of(fields)
    if percent is None and not ENDED.fullmatch(str(status)):
        percent = percent_of_lines(lines)
    found |= {"percent": percent, "metrics": _metrics(body, fields) or None, "logs": last_lines(lines) or None}
    return {name: found[name] for name in ORDER if found.get(name) is not None}


ORDER: Final = (
    "status", "queue_position", "percent", "eta_seconds", "message", "detail", "error", "metrics", "logs",
)  # fmt: skip


def _status(fields: Mapping[str, Json]) -> Json:
    """The provider's word, or else what its flags say."""
    word = _first(fields, _STATUS, _word)
    if word is None and _KIND_OF_JOB.fullmatch(str(fields.get("type"))):
        word = fields["type"]
    return word or next((says for flag, value, says in _FLAGS if fields.get(flag) is value), None)


_STATUS: Final = (
    "status", "state", "jobstatus", "jobstate", "taskstatus", "taskstate", "runstatus", "runstate", "processingstatus",
    "lifecyclestate", "generationstatus", "workflowstatus", "trainingjobstatus", "transcriptionjobstatus", "phase",
)  # fmt: skip
_FLAGS: Final[tuple[tuple[str, bool, str], ...]] = (
    ("completed", True, "completed"),
    ("finished", True, "finished"),
    ("done", True, "done"),
    ("running", True, "running"),
    ("running", False, "not running"),
    ("done", False, "not done"),
)
NOT_YET: Final = ("not running", "not done")
_LOGS: Final = ("logs", "log", "newlogs", "loglines", "logoutput", "logtail")


def _first(fields: Mapping[str, Json], names: tuple[str, ...], read: Callable[[Json], Json]) -> Json:
    for name in names:
        if name in fields and (found := read(fields[name])) is not None:
            return found
    return None


def _word(value: Json) -> Json:
    """A word for a status, or a number that is no HTTP status. A flag tells how the request went."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 100 or 600 <= value < _MOST_COUNT else None
    return (plain(value).strip()[:_MOST_OF_A_WORD] or None) if isinstance(value, str) else None


def _count(value: Json) -> Json:
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        return int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value < _MOST_COUNT else None


def _position(fields: Mapping[str, Json], status: Json) -> Json:
    """A bare `position` is one in a queue only where the job waits or the queue itself says it."""
    queue = mapping(fields.get("queue")).get("position")
    return _count(queue if queue is not None or not _WAITS.fullmatch(str(status)) else fields.get("position"))


def _seconds(value: Json) -> Json:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST_SECONDS:
        return None
    return round(value, 1)


def _sentence(value: Json) -> Json:
    """A text that says something: a number in quotation marks does not."""
    says = isinstance(value, str) and any(character.isalpha() for character in value[:MOST_CHARACTERS])
    return cut(value) if says else None


def _trouble(value: Json) -> Json:
    """What went wrong, in words; null, false, 0 and what is empty are no trouble."""
    return message_of(value) if value and not isinstance(value, bool | int | float) else None


_FIELDS: Final[tuple[tuple[str, tuple[str, ...], Callable[[Json], Json]], ...]] = (
    (
        "queue_position",
        (
            "queueposition", "positioninqueue", "queuepos", "placeinqueue", "queueplace", "queuerank", "jobsahead",
            "tasksahead", "precedingtasks", "queuingnum", "lastqueueremaining",
        ),
        _count,
    ),
    (
        "eta_seconds",
        (
            "etaseconds", "eta", "etarelative", "secondsremaining", "remainingseconds", "estimatedsecondsremaining",
            "estimatedtimeremaining", "estimatedremainingseconds", "runninglefttime",
        ),
        _seconds,
    ),
    (
        "message",
        (
            "message", "statusmessage", "statusmsg", "taskstatusmsg", "statemessage", "statusdetail",
            "statusdescription", "progressmessage", "textinfo", "currentstep", "currentstage", "progress",
        ),
        _sentence,
    ),
    ("detail", ("detail",), _trouble),
    (
        "error",
        (
            "error", "errors", "errormessage", "errormsg", "failurereason", "failreason", "failedreason", "failure",
            "lasterror",
        ),
        _trouble,
    ),
)  # fmt: skip


def _metrics(body: Mapping[str, Json], fields: Mapping[str, Json]) -> dict[str, Json]:
    """A few scalars that the provider has measured, under its own names."""
    inner = {name: value for place in ("metrics", "timings") for name, value in mapping(fields.get(place)).items()}
    named = {name: body[name] for name in islice(body, MOST_FIELDS) if spelling(name[:40]) in _MEASURED}
    scalars = [(name, _measure(value)) for name, value in {**inner, **named}.items()]
    return dict([(plain(name)[:40], value) for name, value in scalars if value is not None][:_MOST_METRICS])


_MEASURED: Final = ("inferencetime", "predicttime", "executiontime", "delaytime", "durationms", "totaltime", "mempeak")


_TELLING: Final = PERCENT_NAMES.union(
    *(names for _, names, _ in _FIELDS), _LOGS, _MEASURED, ("position", "queue", "metrics", "timings")
)
"""Every name that tells more than a status."""


def _measure(value: Json) -> Json:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value, 3) if -1e15 < value < 1e15 else None
    return plain(value)[:60] if isinstance(value, str) else None
