"""When a request is made again although the workflow says nothing of it, and after how long. Pure.

One lost poll must not lose a job that is paid for, and a provider that says "not now" is to be asked later.
"""

from __future__ import annotations

from typing import Final

from arazzo_mcp.arazzo.command import Precision
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.arazzo.state import State

TAKEN: Final = "(no answer)"
"""The name under which a state counts these repetitions of a step; no action of a document has it."""

NOT_NOW: Final = (429, 502, 503, 504)
MOST_RETRY_AFTER: Final = 3600.0
"""A provider's Retry-After, in seconds, is believed up to this."""

LEAST_SECONDS: Final = 0.1
"""A `Retry-After: 0` is no invitation to ask a thousand times a second."""

_GROWING: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_STEADY: Final = 60.0
_STEADY_TIMES: Final = 60
"""An hour more, once something was submitted: a provider that is down for so long must not cost a job that goes on."""


def is_lost(exchange: Exchange) -> bool:
    """Whether a request got no answer, and might get one if it is made again. One that could not be made, or whose
    answer is not taken in, will not."""
    return exchange.failure is not None and exchange.failure.kind not in ("bind", "refused")


def is_not_now(exchange: Exchange, *, repeatable: bool) -> bool:
    """Whether the provider wants to be asked again later.

    Of a request that must not be repeated: only where it was certainly not taken. That is said by 429, "the user has
    sent too many requests" (RFC 6585, section 4), which refuses it, and by 503 with Retry-After, with which a server
    asks for the very request again (RFC 9110, section 15.6.4). A 503 without it, 502 and 504 come from proxies too,
    after the request has gone on to who may have taken it.
    """
    if repeatable:
        return exchange.status in NOT_NOW
    return exchange.status == 429 or (exchange.status == 503 and exchange.retry_after is not None)


def patience(state: State, step: str, exchange: Exchange) -> float | None:
    """The seconds to wait before a step is performed again: ever more, and no less than Retry-After says. None when
    that has been done often enough: six times, a minute in all, or for an hour after a submit."""
    taken = state.retries_of(step).get(TAKEN, 0)
    if taken >= len(_GROWING) + (_STEADY_TIMES if state.submits else 0):
        return None
    seconds = _GROWING[taken] if taken < len(_GROWING) else _STEADY
    return max(seconds, believed(exchange) or 0.0)


def believed(exchange: Exchange) -> float | None:
    """The Retry-After of an answer, as far as it is believed."""
    if exchange.retry_after is None:
        return None
    return max(LEAST_SECONDS, min(exchange.retry_after, MOST_RETRY_AFTER))


def precision(exchange: Exchange) -> Precision:
    """That of a wait which we choose, unless the provider has."""
    return "about" if exchange.retry_after is None else "least"
