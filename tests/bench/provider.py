"""A provider that costs next to nothing, in a process of its own: `POST /jobs` makes a job, `GET /job/ID` looks at it.

A job is done at the look whose number stands in its path (`/jobs/200`), so that nothing depends on time. What arrived
when is told by `GET /moments`, as seconds of the clock that all processes share, and then forgotten.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from typing import Any

_LOOKS: dict[str, int] = {}
_NUMBERS = itertools.count(1)
_MOMENTS: dict[str, list[float]] = {}


def answer(method: str, path: str) -> tuple[int, Any]:
    """The status and the body for a request."""
    if path == "/moments":
        told = dict(_MOMENTS)
        _MOMENTS.clear()
        return 200, told
    if path.endswith("/cancel"):
        _MOMENTS.setdefault(f"cancel {path.split('/')[2]}", []).append(time.time())
        return 200, {"state": "cancelled"}
    if method == "POST":
        looks = path.rpartition("/")[2]
        return 201, {"id": f"{looks}-{next(_NUMBERS)}"}
    job = path.rpartition("/")[2]
    _LOOKS[job] = _LOOKS.get(job, 0) + 1
    _MOMENTS.setdefault(job, []).append(time.time())
    return 200, {"state": "done" if _LOOKS[job] >= int(job.partition("-")[0]) else "busy"}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1 as far as the benchmark needs it."""
    while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
        method, path, _ = head.split(b" ", 2)
        if length := re.search(rb"content-length: (\d+)", head, re.IGNORECASE):
            await reader.readexactly(int(length[1]))
        status, body = answer(method.decode(), path.decode())
        content = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\n" % status)
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(content), content))


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until the other side closes it."""
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Listen on a free port of loopback and print it."""
    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
