"""Who drives a run: a process, by a name that stands for a lock file, which the kernel frees when the process dies.

It knows nothing of runs.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


class Owner:
    """This process. locks: the folder of the lock files of all that share a store."""

    def __init__(self, locks: Path) -> None:
        self.name = secrets.token_hex(8)
        self._locks = locks
        self._lock = FileLock(self._file(self.name))

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
        try:
            self._locks.mkdir(parents=True, exist_ok=True, mode=0o700)
            again = FileLock(self._file(self.name))
            again.acquire(blocking=False)
        except (OSError, Timeout) as error:
            log.error("the lock file %s cannot be made again: %s", self._file(self.name), error)
            return
        self._lock.release()
        self._lock = again

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
