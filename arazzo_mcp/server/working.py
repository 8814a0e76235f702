"""What a working run shows is short, whatever a provider says: it is read again and again.

Where it is too long, what tells the least goes first. It must not know how an envelope is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from arazzo_mcp.arazzo.job import ORDER
from arazzo_mcp.arazzo.percent import spelling
from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.engine.run import Run

MOST_WORKING_BYTES: Final = 900
"""300 tokens: JSON has about three bytes to a token, and so have the scripts that need several bytes a letter."""

_MOST_OUTPUTS: Final = 8
_MOST_TEXT: Final = 200
_MOST_NUMBER: Final = 10**15

Envelope = dict[str, Json]
_TOLD_BY_UPSTREAM: Final = frozenset(spelling(name) for name in (*ORDER, "state", "progress", "eta", "position"))


def so_far(run: Run) -> Envelope:
    """The scalars that the present step has put out, but for what `upstream` tells: an output keeps the value of an
    earlier answer where the last one has none, such as a place in a queue that the job has left."""
    if not run.state.frames:
        return {}
    produced = run.state.frame.outputs.get(run.state.frame.step, {})
    said = [str(value) for value in run.state.upstream.values()]
    scalars = {
        name: v
        for name, v in produced.items()
        if _is_scalar(v) and str(v) not in said and spelling(name[:40]) not in _TOLD_BY_UPSTREAM
    }
    return {name[:_MOST_TEXT]: _short(value, _MOST_TEXT) for name, value in list(scalars.items())[:_MOST_OUTPUTS]}


def _is_scalar(value: Json) -> bool:
    return isinstance(value, str) or (isinstance(value, int | float) and abs(value) < _MOST_NUMBER)


def within(envelope: Envelope, most: int) -> Envelope:
    """An envelope of no more than so many bytes of JSON, made shorter in a fixed order."""
    for shorten in _SHORTER:
        if size(envelope) <= most:
            break
        envelope = shorten(envelope)
    return envelope


def size(envelope: Envelope) -> int:
    """Bytes of an envelope as text."""
    return len(json.dumps(envelope, ensure_ascii=False).encode(errors="replace"))


def _last_log_line(envelope: Envelope) -> Envelope:
    upstream = mapping(envelope.get("upstream"))
    return {**envelope, "upstream": {**upstream, "logs": upstream["logs"][-1:]}} if upstream.get("logs") else envelope


def _without(*names: str) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {name: value for name, value in envelope.items() if name not in names}


def _upstream_without(*names: str) -> Callable[[Envelope], Envelope]:
    def shorten(envelope: Envelope) -> Envelope:
        kept = _without(*names)(mapping(envelope.get("upstream")))
        return {**envelope, "upstream": kept} if kept else _without("upstream")(envelope)

    return shorten


def _upstream_texts(most: int) -> Callable[[Envelope], Envelope]:
    def shorten(envelope: Envelope) -> Envelope:
        upstream = mapping(envelope.get("upstream"))
        return {**envelope, "upstream": {name: _short(value, most) for name, value in upstream.items()}}

    return shorten


def _names(most: int) -> Callable[[Envelope], Envelope]:
    """The end of a path of steps says where the run is, the beginning of a workflow's name which one it is."""

    def shorten(envelope: Envelope) -> Envelope:
        step = envelope["step"]
        cut = step if len(step) <= most else f"...{step[-most:]}"
        return {**envelope, "workflow": _short(envelope["workflow"], most), "step": cut}

    return shorten


def _short(value: Json, most: int) -> Json:
    if isinstance(value, list):
        return [_short(one, most) for one in value]
    return f"{value[:most]}..." if isinstance(value, str) and len(value) > most else value


_SHORTER: Final[tuple[Callable[[Envelope], Envelope], ...]] = (
    _last_log_line,
    _without("outputs_so_far"),
    _upstream_without("metrics"),
    _upstream_texts(120),
    _upstream_texts(40),
    _upstream_without("logs"),
    _upstream_without("message", "detail"),
    _names(60),
    _upstream_texts(12),
    _names(20),
    _without("upstream"),
)
