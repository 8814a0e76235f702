"""The nursery: a process that has loaded everything and forks a life for each line that it is given.

    python -m tests.crash.nursery 'SETTINGS AS JSON' PATH...

    <- {"id": 7, ...}     the members of a Life, and a number
    -> born 7 4711        its process
    -> died 4711 -9       how it ended: the signal, negative, or the exit status

It has one thread and no event loop, so that forking is safe; a life opens its own.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import anyio

from arazzo_mcp.app import load
from arazzo_mcp.library import Library
from arazzo_mcp.settings import Settings
from tests.crash.life import Life, live


def main() -> None:
    """Load, then fork a life for each line until there is no more."""
    settings = Settings(**json.loads(sys.argv[1]))
    library = load([Path(path) for path in sys.argv[2:]], settings)
    for linked in library.descriptions:
        for target in linked.program.targets.values():
            linked.operation(target)
    _say(f"ready {len(library.descriptions)}")
    wake = _wakes()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while _once(selector, wake, library, settings):
            continue


def _wakes() -> int:
    """A descriptor that can be read when a child has died."""
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    os.set_blocking(writes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writes)
    return reads


_LINES = bytearray()


def _once(selector: selectors.BaseSelector, wake: int, library: Library, settings: Settings) -> bool:
    for key, _ in selector.select():
        if key.fd == wake:
            os.read(wake, 4096)
            _bury()
            continue
        data = os.read(0, 65536)
        if not data:
            return False
        _LINES.extend(data)
        while b"\n" in _LINES:
            line, _, rest = bytes(_LINES).partition(b"\n")
            _LINES[:] = rest
            _bear(json.loads(line), library, settings)
    return True


def _bury() -> None:
    """Tell of every child that has died."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(f"died {pid} {os.waitstatus_to_exitcode(status)}")


def _bear(order: dict[str, object], library: Library, settings: Settings) -> None:
    number = order.pop("id")
    child = os.fork()
    if child == 0:
        _be(Life(**order), library, settings)  # type: ignore[arg-type]
    _say(f"born {number} {child}")


def _be(life: Life, library: Library, settings: Settings) -> NoReturn:
    """The child: it never returns."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(Path(life.folder) / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(0)
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"{os.getpid()} %(message)s")
        anyio.run(live, life, library, settings)
        status = 0
    except BaseException:  # noqa: BLE001  (the child must not come back into the nursery's loop)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
