"""Who drives a run: a process, by a name that stands for a lock file, which the kernel frees when the process dies.

A process that stands still (stopped, its event loop blocked, its machine paused) keeps its lock. So each shows every
few seconds that it goes on, by a time on its lock file, and one that has shown nothing for a minute of somebody else's
own clock is gone for them, as if it were dead. It may come back: what it may write then is the store's business, which
knows runs by their owner.

Where the kernel has no locks (`filelock` then takes a file that exists for a lock) a process that dies may leave its
lock held; the time on it is then all that tells its death, a minute later. On a network file system neither is safe.

It knows nothing of runs.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from arazzo_mcp.engine.complaint import Complaint

log = logging.getLogger(__name__)

HUNG_SECONDS: Final = 60.0
"""A process that has shown no life for so long has lost its runs."""

_BEATS: Final = 12
"""How often in that time a process shows that it lives."""

_LOOK_SECONDS: Final = 0.5
"""How often others are looked at, at least."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What another process has last shown, since when, and when that was looked at, by the clock of this one."""

    beat: int
    since: float
    looked: float


class Owner:
    """This process. locks: the folder of the lock files of all that share a store."""

    def __init__(self, locks: Path, hung_seconds: float = HUNG_SECONDS) -> None:
        self.name = secrets.token_hex(8)
        self.beat_seconds, self.look_seconds = hung_seconds / _BEATS, min(_LOOK_SECONDS, hung_seconds / 8)
        self._locks, self._hung_seconds = locks, hung_seconds
        self._beaten = time.monotonic()
        self._seen: dict[str, _Seen] = {}
        self._lock = FileLock(self._file(self.name))
        self._without_lock = Complaint(f"the lock file {self._file(self.name)} cannot be made again", OSError, Timeout)

    def _file(self, name: str) -> Path:
        return self._locks / f"{name}.lock"

    def acquire(self) -> None:
        """From now on this process lives, for all that look."""
        self._locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.acquire(blocking=False)

    def release(self) -> None:
        """This process is about to end."""
        self._lock.release()
        with suppress(OSError):  # another process has seen that it is free, and taken it away
            os.unlink(self._lock.lock_file)

    def keep(self) -> None:
        """Make the lock file again where somebody has removed it: without it this process counts as dead."""
        if self._file(self.name).exists():
            return
        with self._without_lock.logged():
            self._locks.mkdir(parents=True, exist_ok=True, mode=0o700)
            again = FileLock(self._file(self.name))
            again.acquire(blocking=False)
            lost, self._lock = self._lock, again
            lost.release()

    def beat(self) -> None:
        """Show that this process lives."""
        now = time.time_ns()
        self._beaten = time.monotonic()
        try:
            # the time of the last access: some versions of filelock change the other one when they look at a lock
            os.utime(self._file(self.name), ns=(now, now - 1_000_000_000))
        except OSError as error:
            log.error("the lock file %s cannot be touched: %s", self._file(self.name), error)

    def stood_still(self) -> bool:
        """Whether this process has shown no life for so long that others may have begun to doubt it."""
        return time.monotonic() - self._beaten > self._hung_seconds / 2

    def is_gone(self, name: str) -> bool:
        """Whether the process of a name is dead, or has stood still for too long."""
        return self.is_dead(name) or self._is_hung(name)

    def _is_hung(self, name: str) -> bool:
        """Whether it shows no life. What counts is time in which this process has watched it without a gap: where all
        stood still together, none of them is hung."""
        now = time.monotonic()
        try:
            beat = self._file(name).stat().st_atime_ns
        except OSError:
            return False
        seen = self._seen.get(name)
        watched = seen is not None and seen.beat == beat and now - seen.looked < self._hung_seconds / 2
        since = seen.since if seen is not None and watched else now
        self._seen[name] = _Seen(beat, since, now)
        return now - since >= self._hung_seconds

    def is_dead(self, name: str) -> bool:
        """Whether the process of a name holds its lock no more."""
        lock = FileLock(self._file(name))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        with suppress(OSError):  # another process has seen it too
            os.unlink(lock.lock_file)
        lock.release()
        return True
