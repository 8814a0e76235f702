"""The calls of workflow tools that are under way, and what it means for a run that its call is given up.

Only who says so cancels the run: `notifications/cancelled`, unless its reason is that the client would not wait any
longer or lost the connection. Hosts time out after a minute and send the same notification then; a paid job must not
die of it. The SDK ends the handler first and hands the notification on afterwards: here the two meet again.

Over Streamable HTTP of 2026-07-28 there is no such notification: a client cancels by closing the stream of the call,
and a connection that breaks looks the same. There a setting decides.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio
import mcp.types as t

from arazzo_mcp.engine.seams import Engine
from arazzo_mcp.errors import ArazzoMcpError
from arazzo_mcp.server.follow import Context

log = logging.getLogger(__name__)

OnDisconnect = Literal["detach", "cancel"]

_GAVE_UP: Final = re.compile(
    r"time[ds]?[ _-]?out|timeout|deadline|-32001|disconnect|(connection|transport|session) (was )?(closed|lost|reset)",
    re.IGNORECASE,
)
"""Reasons of clients that have not been told to cancel: those of the SDKs in TypeScript, Python, Go, Java, Kotlin."""

_MOST_LEFT: Final = 256
"""How many calls that ended without an answer are kept for a notification that may follow."""

_Address = tuple[int, str, str]


@dataclass(eq=False, slots=True)
class Call:
    """One call. connection: kept alive, as its id is part of the call's address; left: nobody waits here any more."""

    connection: Any
    run_id: str | None = None
    stopped: bool = False
    left: bool = False


class Calls:
    """The calls under way in this process. on_disconnect: what becomes of the run of a call whose stream is closed."""

    def __init__(self, engine: Engine, on_disconnect: OnDisconnect) -> None:
        self._engine, self._on_disconnect = engine, on_disconnect
        self._calls: dict[_Address, Call] = {}
        self._left: deque[tuple[_Address, Call]] = deque()

    @asynccontextmanager
    async def under_way(self, context: Context) -> AsyncIterator[Call]:
        """A call, while its handler is at work. The handler says which run it is with `has_run`."""
        address, call = _address(context, context.request_id), Call(context.lifespan_context)
        self._calls[address] = call
        try:
            yield call
        except anyio.get_cancelled_exc_class():
            self._leave(address, call)
            with anyio.CancelScope(shield=True):
                await self._hung_up(context, call)
            raise
        except BaseException:
            self._forget(address, call)
            raise
        self._forget(address, call)

    async def has_run(self, call: Call, run_id: str) -> None:
        """The run of a call is known now; a cancel that came before is carried out."""
        call.run_id = run_id
        if call.stopped:
            await self._stop(call)

    async def cancelled(self, context: Context, params: t.CancelledNotificationParams) -> None:
        """notifications/cancelled, after the SDK has ended the handler."""
        call = self._calls.get(_address(context, params.request_id))
        if call is None or _GAVE_UP.search(params.reason or ""):
            return
        call.stopped = True
        await self._stop(call)

    async def _hung_up(self, context: Context, call: Call) -> None:
        if self._on_disconnect == "cancel" and _is_its_stream(context) and await has_hung_up(context):
            call.stopped = True
            await self._stop(call)

    async def _stop(self, call: Call) -> None:
        """Cancel the run of a call, unless another call waits for it too."""
        if call.run_id is None or any(self._is_waited_for(call, other) for other in self._calls.values()):
            return
        with anyio.CancelScope(shield=True):  # the connection may end with the notification
            try:
                await self._engine.cancel(call.run_id, "")
            except ArazzoMcpError as error:
                log.error("run %s cannot be cancelled with its call: %s", call.run_id, error)

    @staticmethod
    def _is_waited_for(call: Call, other: Call) -> bool:
        return other is not call and not other.left and other.run_id == call.run_id

    def _leave(self, address: _Address, call: Call) -> None:
        call.left = True
        self._left.append((address, call))
        if len(self._left) > _MOST_LEFT:
            self._forget(*self._left.popleft())

    def _forget(self, address: _Address, call: Call) -> None:
        if self._calls.get(address) is call:
            del self._calls[address]


def _address(context: Context, request_id: t.RequestId | None) -> _Address:
    """Ids of requests are a connection's own; over Streamable HTTP of 2025 connections are told apart by a header."""
    session = "" if context.request is None else context.request.headers.get("mcp-session-id", "")
    return id(context.lifespan_context), session, str(request_id)


def _is_sse(context: Context) -> bool:
    """Over SSE a request comes with a POST of its own, which is answered at once."""
    return context.request is not None and "session_id" in context.request.query_params


def _is_its_stream(context: Context) -> bool:
    """Streamable HTTP of 2026-07-28: a call has a stream of its own and ends with it."""
    return context.request is not None and not _is_sse(context) and "mcp-session-id" not in context.request.headers


async def has_hung_up(context: Context) -> bool:
    """Whether the connection on which the answer would go is gone. Of stdio and SSE nothing is said: there the handler
    ends with it."""
    if context.request is None or _is_sse(context):
        return False
    return bool(await context.request.is_disconnected())
