"""The provider of the crash harness, a process of its own: it counts the submits of each run, and fails when told to.

    python -m tests.crash.provider [--faults 0.1]

    /real, /published   the fake providers, with the status codes of the real ones and with the published ones
    /three              three kinds of jobs, for a workflow with three submits
    /once               the same, each done once for a key
    /_record            what has arrived, as JSON by mark

It speaks HTTP/1.1 over a bare socket, because it must be able to do what no web framework lets it: break a connection,
say nothing, or stop in the middle of a body. Every answer carries `Retry-After`, so that polls follow closely.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import socket
import struct
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.types import ASGIApp, Message

from arazzo_mcp.demo.providers import Providers
from tests.crash.work import MARK

SILENT_SECONDS: Final = 6.0
LATENCY: Final = 0.012
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def submits(self) -> str | None:
        """The mark of the run that pays for this request, where it is one."""
        found = MARK.search(self.body.decode(errors="replace"))
        return found[0] if found and self.method == "POST" and not self.path.endswith("cancel") else None


@dataclass(frozen=True)
class Answer:
    """One response. again: to a submit that was taken before, and is not taken a second time."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    retry_after: str = "0"
    again: bool = False

    def head(self) -> bytes:
        """The status line and the headers."""
        return (
            b"HTTP/1.1 %d Answer\r\ncontent-type: %s\r\ncontent-length: %d\r\nretry-after: %s\r\n\r\n"
            % (self.status, self.content_type, len(self.body), self.retry_after.encode())
        )  # fmt: skip


@dataclass
class Book:
    """What has arrived, by mark: submits that came and that were taken, faults, and jobs with how they end."""

    arrived: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    taken: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    moments: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


class Three:
    """Jobs of three kinds; one is done at the look whose number it was submitted with."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.numbers = itertools.count(1)

    def answer(self, asked: Asked) -> Answer:
        """Submit, look, cancel."""
        place = asked.path.split("/")
        if asked.method == "POST" and place[-1] == "jobs":
            order = json.loads(asked.body)
            job = {"id": f"{place[-2]}-{next(self.numbers)}", "left": order["looks"], "state": "busy", **order}
            self.jobs[job["id"]] = job
            return _json(201, {"id": job["id"], "state": "busy"})
        job = self.jobs[place[-2] if place[-1] == "cancel" else place[-1]]
        if place[-1] == "cancel":
            job["state"] = "cancelled" if job["state"] == "busy" else job["state"]
            return _json(200, {"state": "cancelled" if job["state"] == "cancelled" else "completed"})
        job["left"] -= 1
        if job["left"] <= 0 and job["state"] == "busy":
            job["state"] = "done"
        return _json(200, {"state": job["state"], "result": f"{job['id']} of {job.get('of', 'nothing')}"})


class Once(Three):
    """The same jobs, each made once for a key; now and then the first request of a key is said to be still at work."""

    def __init__(self, some: random.Random) -> None:
        super().__init__()
        self.some = some
        self.made: dict[str, tuple[bytes, Answer]] = {}

    def answer(self, asked: Asked) -> Answer:
        """Submit, look, cancel."""
        if asked.method != "POST" or not asked.path.endswith("/jobs"):
            return super().answer(asked)
        key = dict(asked.headers).get(b"idempotency-key", b"").decode()
        if not re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key):
            return _json(400, {"detail": "there is no key"})
        if key not in self.made:
            self.made[key] = (asked.body, super().answer(asked))
            return self.made[key][1]
        body, answer = self.made[key]
        if body != asked.body:
            return _json(422, {"detail": "the key was used for another job"})
        return replace(answer, again=True) if self.some.random() < 0.8 else _json(409, {"detail": "still at work"})


def _json(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode())


class Provider:
    """All of it. faults: the share of requests that meets one."""

    def __init__(self, faults: float, seed: int) -> None:
        self.three, self.book, self.faults, self.some = Three(), Book(), faults, random.Random(seed)
        self.once = Once(self.some)
        self.real, self.published = Providers(), Providers(published_status_codes=True)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side has enough of it."""
        try:
            while (asked := await _read(reader)) is not None:
                await self._serve(asked, writer)
        except (OSError, asyncio.IncompleteReadError, _Broken):
            writer.close()

    async def _serve(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        mark = asked.submits
        if mark is not None:
            self.book.arrived[mark][asked.path] += 1
            self.book.moments[mark].append(time.time())
        await asyncio.sleep(self.some.uniform(0, LATENCY))
        fault = self._fault(asked, mark)
        if fault in _BEFORE:
            await _BEFORE[fault](writer)
            return
        answer = await self._answer(asked)
        if mark is not None and answer.status < 400 and not answer.again:
            self.book.taken[mark][asked.path] += 1
        await _AFTER[fault](writer, answer)

    def _fault(self, asked: Asked, mark: str | None) -> str:
        if asked.path.startswith("/_") or self.some.random() >= self.faults:
            return "none"
        fault = self.some.choice([*_BEFORE, *(name for name in _AFTER if name != "none")])
        if mark is not None:
            self.book.faults[mark].append(fault)
        else:
            self.book.faults["polls"].append(fault)
        return fault

    async def _answer(self, asked: Asked) -> Answer:
        first, _, rest = asked.path[1:].partition("/")
        if first == "_record":
            return _json(200, self._record())
        if first == "three":
            return self._paced(self.three.answer(asked))
        if first == "once":
            return self._paced(self.once.answer(asked))
        app = {"real": self.real.app, "published": self.published.app}[first]
        return self._paced(await _ask(app, asked, f"/{rest}"))

    def _paced(self, answer: Answer) -> Answer:
        return replace(answer, retry_after=self.some.choice("0000001"))

    def _record(self) -> dict[str, Any]:
        jobs: dict[str, list[str]] = defaultdict(list)
        for job in (*self.real.record.jobs, *self.published.record.jobs):
            jobs[job.input["prompt"]].append(job.state)
        for made in (*self.three.jobs.values(), *self.once.jobs.values()):
            jobs[made["mark"]].append(made["state"])
        return {
            "arrived": self.book.arrived, "taken": self.book.taken, "faults": self.book.faults,
            "moments": self.book.moments, "jobs": jobs,
        }  # fmt: skip


# --- a little HTTP


class _Broken(Exception):
    """The connection was broken on purpose."""


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head.split(b" ", 2)
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    path, _, query = target.decode().partition("?")
    return Asked(method.decode(), path, query, headers, body)


async def _ask(app: ASGIApp, asked: Asked, path: str) -> Answer:
    """An ASGI application's answer."""
    said: list[Message] = []
    unread: list[Message] = [{"type": "http.request", "body": asked.body, "more_body": False}]

    async def receive() -> Message:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": asked.method, "path": path, "raw_path": path.encode(),
        "query_string": asked.query.encode(), "root_path": "", "scheme": "http", "headers": asked.headers,
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in said)
    return Answer(said[0]["status"], body, dict(said[0]["headers"]).get(b"content-type", b"text/plain"))


# --- how it fails


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise _Broken


async def _reset_before(writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(SILENT_SECONDS)
    raise _Broken


async def _busy(writer: asyncio.StreamWriter) -> None:
    answer = Answer(503, b'{"detail": "not now"}', retry_after="1")
    writer.write(answer.head() + answer.body)


async def _broken_inside(writer: asyncio.StreamWriter) -> None:
    answer = Answer(500, b'{"detail": "it broke"}')
    writer.write(answer.head() + answer.body)


async def _whole(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(answer.head() + answer.body)


async def _reset_after(writer: asyncio.StreamWriter, answer: Answer) -> None:
    _reset(writer)


async def _half_a_body(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(answer.head() + answer.body[: len(answer.body) // 2])
    await writer.drain()
    raise _Broken


async def _slow_body(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(answer.head())
    for at in range(0, len(answer.body), max(1, len(answer.body) // 4)):
        await asyncio.sleep(0.1)
        writer.write(answer.body[at : at + max(1, len(answer.body) // 4)])


async def _too_slow_body(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(answer.head() + answer.body[:1])
    await asyncio.sleep(SILENT_SECONDS)
    raise _Broken


_BEFORE: Final[dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]]] = {
    "reset before": _reset_before, "silent": _silent, "503": _busy, "500": _broken_inside,
}  # fmt: skip
_AFTER: Final[dict[str, Callable[[asyncio.StreamWriter, Answer], Awaitable[None]]]] = {
    "none": _whole, "reset after": _reset_after, "half a body": _half_a_body, "slow body": _slow_body,
    "too slow body": _too_slow_body,
}  # fmt: skip


async def _main(faults: float, seed: int) -> None:
    server = await asyncio.start_server(Provider(faults, seed).connected, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve until killed; the port is the first line on stdout."""
    parser = argparse.ArgumentParser(description="The provider of the crash harness.")
    parser.add_argument("--faults", type=float, default=0.0, help="the share of requests that meets a fault (0)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(given.faults, given.seed))


if __name__ == "__main__":
    main()
