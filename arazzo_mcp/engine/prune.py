"""What is dropped from the store, and when: ended runs, then what nobody refers to any more.

A run that works is never touched, whatever the clock says. Everything goes in small transactions with pauses between
them, so that no write of a living run waits long; any number of processes may do this to one store at once. What stays
of a run is its tombstone, so that who asks for it hears when it went.

A program is dropped by one statement, and a start records its program and its run in one transaction: neither of the
two sees half of the other, so that a program needs no age to be dropped.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from dataclasses import dataclass
from typing import Final

import anyio

from arazzo_mcp.engine.complaint import Complaint
from arazzo_mcp.engine.run import Tombstone
from arazzo_mcp.engine.seams import Store
from arazzo_mcp.errors import StoreError

log = logging.getLogger(__name__)

PRUNE_SECONDS: Final = 3600.0
"""How often ended runs are looked for that are old enough to be dropped."""

DAY_SECONDS: Final = 86_400.0
TOMBSTONE_SECONDS: Final = 90 * DAY_SECONDS

_AT_FIRST_SECONDS: Final = 2.0
_RUNS_AT_ONCE: Final = 100
_TOMBSTONES_AT_ONCE: Final = 1000
_PAGES_AT_ONCE: Final = 100
_SHARE: Final = 0.3
"""How much of the time the file is locked by this, at most: others write meanwhile."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one pass has dropped: how many runs, programs and tombstones, and how many bytes of the file."""

    runs: int = 0
    programs: int = 0
    tombstones: int = 0
    bytes: int = 0


async def prune(store: Store, older_than: float) -> Pruned:
    """Drop every run that ended more than so many seconds ago, and what is left over then.

    Raises:
        StoreError: the store cannot be written; what was dropped before is dropped.
    """
    now = time.time()
    runs = await _all(store, "runs", now - older_than, _RUNS_AT_ONCE)
    tombstones = await _all(store, "tombstones", now - TOMBSTONE_SECONDS, _TOMBSTONES_AT_ONCE)
    if not runs and not tombstones:
        return Pruned()
    programs = await store.prune("programs", now, 0)
    return Pruned(runs, programs, tombstones, await _all(store, "space", now, _PAGES_AT_ONCE))


async def keep_pruning(store: Store, keep_days: float) -> None:
    """Drop old runs soon after the start and then every hour or so, each process at times of its own; 0 keeps all."""
    cannot = Complaint("old runs cannot be dropped", StoreError)
    await anyio.sleep(random.uniform(0, _AT_FIRST_SECONDS))
    while keep_days:
        with cannot.logged():
            pruned = await prune(store, keep_days * DAY_SECONDS)
            if pruned.runs:
                log.info("%d runs that ended more than %g days ago were dropped", pruned.runs, keep_days)
        await anyio.sleep(random.uniform(0.5, 1.5) * PRUNE_SECONDS)


async def _all(store: Store, what: str, before: float, most: int) -> int:
    together, started = 0, time.monotonic()
    while dropped := await store.prune(what, before, most):
        together += dropped
        await anyio.sleep((time.monotonic() - started) * (1 / _SHARE - 1))
        started = time.monotonic()
    return together


def why_unknown(run_id: str, principal: str, left: Tombstone | None, keep_days: float) -> str:
    """Why a run cannot be had: it was dropped, or there never was one of this principal. keep_days: as is set now."""
    if left is None or left.principal != principal:
        return f"there is no run {run_id!r}"
    ended, pruned = (time.strftime("%Y-%m-%d", time.gmtime(moment)) for moment in (left.ended, left.pruned))
    by_itself = 0 < keep_days * DAY_SECONDS <= left.pruned - left.ended
    kept = f"; runs are kept {keep_days:g} days (keep_days)" if by_itself else ""
    return f"run {run_id} of {left.workflow} ({left.status}, ended {ended}) was pruned on {pruned}{kept}"


# --- transactions


def _runs(connection: sqlite3.Connection, before: float, most: int) -> int:
    dropped = connection.execute(
        "DELETE FROM runs WHERE status <> 'working' AND id IN"
        " (SELECT id FROM runs WHERE status <> 'working' AND updated < ? ORDER BY updated LIMIT ?)"
        " RETURNING id, principal, workflow, status, updated",
        (before, most),
    ).fetchall()
    now = time.time()
    connection.executemany(
        "INSERT OR REPLACE INTO tombstones (id, principal, workflow, status, ended, pruned) VALUES (?, ?, ?, ?, ?, ?)",
        [(*row, now) for row in dropped],
    )
    return len(dropped)


def _tombstones(connection: sqlite3.Connection, before: float, most: int) -> int:
    gone = connection.execute(
        "DELETE FROM tombstones WHERE id IN (SELECT id FROM tombstones WHERE pruned < ? LIMIT ?)", (before, most)
    )
    return gone.rowcount


def _programs(connection: sqlite3.Connection, _before: float, _most: int) -> int:
    return connection.execute("DELETE FROM programs WHERE digest NOT IN (SELECT program FROM runs)").rowcount


def _space(connection: sqlite3.Connection, _before: float, most: int) -> int:
    """Bytes given back to the file system. A store that was made without this keeps its free pages for runs to come."""
    pages = _number(connection, "page_count")
    for _ in range(min(most, _number(connection, "freelist_count"))):
        connection.execute("PRAGMA incremental_vacuum(1)")  # sqlite3 does one step of it, which is one page
    return (pages - _number(connection, "page_count")) * _number(connection, "page_size")


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


TRANSACTIONS: Final = {"runs": _runs, "tombstones": _tombstones, "programs": _programs, "space": _space}


def tombstone(connection: sqlite3.Connection, run_id: str) -> Tombstone | None:
    """What is left of a run."""
    found = connection.execute(
        "SELECT id, principal, workflow, status, ended, pruned FROM tombstones WHERE id = ?", (run_id,)
    ).fetchone()
    return Tombstone(*found) if found else None
