"""Runs in one SQLite file: a row for each run, and the text of the documents that runs are pinned to.

Keep the file on a local disk: SQLite's locks are not safe on network file systems.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from arazzo_mcp.engine.database import Database
from arazzo_mcp.engine.once import same
from arazzo_mcp.engine.prune import TRANSACTIONS, tombstone
from arazzo_mcp.engine.rows import COLUMNS, row_of, run_of, saved
from arazzo_mcp.engine.run import Run, Tombstone
from arazzo_mcp.errors import RunLost, StoreError

log = logging.getLogger(__name__)

MIGRATIONS: Final = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, workflow TEXT NOT NULL, program TEXT NOT NULL, document TEXT NOT NULL,
        principal TEXT NOT NULL, status TEXT NOT NULL, state TEXT NOT NULL, command TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, owner TEXT NOT NULL, due REAL, cancel INTEGER NOT NULL,
        outcome TEXT
    ) STRICT;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE status = 'working';
    CREATE INDEX runs_by_principal ON runs (principal, created DESC);
    CREATE TABLE programs (digest TEXT PRIMARY KEY, snapshot BLOB NOT NULL) STRICT;
    """,
    """
    ALTER TABLE runs ADD COLUMN key TEXT;
    ALTER TABLE runs ADD COLUMN arguments TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX runs_by_arguments ON runs (principal, arguments) WHERE arguments <> '';
    CREATE INDEX runs_by_key ON runs (principal, key) WHERE key IS NOT NULL;
    CREATE INDEX runs_by_end ON runs (updated) WHERE status <> 'working';
    CREATE TABLE tombstones (
        id TEXT PRIMARY KEY, principal TEXT NOT NULL, workflow TEXT NOT NULL, status TEXT NOT NULL,
        ended REAL NOT NULL, pruned REAL NOT NULL
    ) STRICT;
    """,
    """
    CREATE INDEX runs_to_cancel ON runs (owner, status) WHERE cancel = 1;
    """,
)


_SAVE: Final = (
    "UPDATE runs SET status = ?, outcome = ?, cancel = CASE WHEN ? THEN 0 ELSE cancel END,"
    " state = ?, command = ?, updated = ?, due = ? WHERE id = ? AND owner = ? AND outcome IS NULL"
)
_SAVE_AT_WORK: Final = (
    "UPDATE runs SET state = ?, command = ?, updated = ?, due = ? WHERE id = ? AND owner = ? AND outcome IS NULL"
)
"""Touches no column that an index depends on, which halves what a poll costs here."""

_SMALL: Final = 32 * 1024
"""Characters of a state that is written on the spot; to write a larger one takes too long."""


class SqliteStore:
    """The store of `arazzo_mcp.engine.seams.Store` on SQLite. An async context manager.

    busy_seconds: how long another process's lock on the file is waited for. Every method raises StoreError when the
    file cannot be read or written, and ValueError, before anything is done, for a run that cannot be written as JSON.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        self.path = path
        self._database = Database(path, MIGRATIONS, busy_seconds)

    async def __aenter__(self) -> SqliteStore:
        await self._database.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._database.__aexit__(kind, error, trace)

    async def create(self, run: Run, snapshot: str, *, undelivered_since: float | None = None) -> Run:
        """Record a new run and pin its documents, or give the one that is the same; an id that is known already changes
        nothing."""

        row = row_of(run)

        def do(connection: sqlite3.Connection) -> tuple[Any, ...] | None:
            earlier = same(connection, run, undelivered_since)
            if earlier is not None:
                return earlier
            known = connection.execute("SELECT 1 FROM programs WHERE digest = ?", (run.program,)).fetchone()
            if known is None:
                packed = zlib.compress(snapshot.encode())
                connection.execute("INSERT OR IGNORE INTO programs VALUES (?, ?)", (run.program, packed))
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT OR IGNORE INTO runs ({COLUMNS}) VALUES ({marks})", row)
            return None

        earlier = await self._database.ask(do, durable=True)
        return run if earlier is None else self._earlier(earlier)

    async def same(self, run: Run, *, undelivered_since: float | None = None) -> Run | None:
        """The run that `create` would give in place of this one."""
        earlier = await self._database.ask(partial(same, run=run, undelivered_since=undelivered_since))
        return None if earlier is None else self._earlier(earlier)

    def _earlier(self, row: tuple[Any, ...]) -> Run:
        try:
            return replace(run_of(row), deduplicated=True)
        except ValueError as error:
            raise StoreError(f"run {row[0]} cannot be read from {self.path}: {str(error)[:200]}") from error

    async def deliver(self, run_id: str) -> None:
        """Record that somebody has got the result of a run that has ended."""

        def do(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE runs SET delivered = 1 WHERE id = ? AND delivered = 0 AND status <> 'working'", (run_id,)
            )

        await self._database.ask(do)

    async def save(self, run: Run, *, durable: bool, cancel_answered: bool = False) -> None:
        """Record where a run is, unless another process owns it now (RunLost)."""
        status, state, command, updated, due, outcome = saved(run)
        values: tuple[Any, ...] = (state, command, updated, due, run.id, run.owner)
        statement = _SAVE_AT_WORK
        if run.ended or cancel_answered:
            values = (status, outcome, cancel_answered, *values)
            statement = _SAVE

        def do(connection: sqlite3.Connection) -> None:
            if connection.execute(statement, values).rowcount != 1:
                raise RunLost(f"run {run.id} is driven by another process now")

        small = len(state) + len(command) < _SMALL
        await self._database.ask(do, durable=durable, single=True, quick=small and not durable, shielded=True)

    async def get(self, run_id: str) -> Run | None:
        """The run with this id."""
        rows = await self._select("WHERE id = ?", (run_id,))
        return rows[0] if rows else None

    async def some(self, run_ids: Collection[str]) -> list[Run]:
        """The runs with these ids, as far as there are any."""
        return await self._select(f"WHERE id IN ({', '.join('?' * len(run_ids))})", tuple(run_ids))

    async def newest(
        self, principal: str, limit: int, status: str | None = None, workflow: str | None = None
    ) -> list[Run]:
        """The newest runs of a principal, newest first; those of one status, of one workflow, where these are said."""
        wanted = {"principal": principal, "status": status, "workflow": workflow}
        said = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in said)
        return await self._select(f"WHERE {where} ORDER BY created DESC LIMIT ?", (*said.values(), limit))

    async def snapshot(self, digest: str) -> str | None:
        """The pinned documents of a program."""

        def do(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT snapshot FROM programs WHERE digest = ?", (digest,)).fetchone()
            return zlib.decompress(row[0]).decode() if row else None

        return await self._database.ask(do)

    async def request_cancel(self, run_id: str) -> None:
        """Record that a run is to be cancelled. It survives the death of any process; a loss of power that forgets it
        forgets no answer: nobody has been told yet what came of it."""

        def do(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE runs SET cancel = 1 WHERE id = ? AND status = 'working'", (run_id,))

        await self._database.ask(do, quick=True)

    async def reopen(self, run: Run) -> bool:
        """Let a run that has failed be driven again, by its new owner; False where somebody else was faster."""
        status, state, command, updated, due, _ = saved(run)

        def do(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE runs SET status = ?, state = ?, command = ?, updated = ?, due = ?, outcome = NULL, owner = ?,"
                " cancel = 1, delivered = 0 WHERE id = ? AND status = 'failed'",
                (status, state, command, updated, due, run.owner, run.id),
            )
            return changed.rowcount == 1

        return await self._database.ask(do, durable=True)

    async def cancels(self, owner: str) -> list[str]:
        """The working runs of an owner that somebody wants to stop."""

        def do(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute(
                "SELECT id FROM runs WHERE owner = ? AND cancel = 1 AND status = 'working'", (owner,)
            )
            return [row[0] for row in found]

        return await self._database.ask(do)

    async def owners(self) -> list[str]:
        """Everybody who owns a working run."""

        def do(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute("SELECT DISTINCT owner FROM runs WHERE status = 'working'")
            return [row[0] for row in found]

        return await self._database.ask(do)

    async def take(
        self, dead: str, owner: str, documents: Iterable[str] | None, run_id: str | None, but: Collection[str] = ()
    ) -> list[Run]:
        """Make an owner's working runs another's."""
        wanted = None if documents is None else set(documents)

        def do(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            found = connection.execute(f"SELECT {COLUMNS} FROM runs WHERE owner = ? AND status = 'working'", (dead,))
            rows = [
                row for row in found.fetchall()
                if (run_id is None or row[0] == run_id) and (wanted is None or row[3] in wanted) and row[0] not in but
            ]  # fmt: skip
            connection.executemany(
                "UPDATE runs SET owner = ? WHERE id = ? AND owner = ?", [(owner, row[0], dead) for row in rows]
            )
            return rows

        return [replace(run, owner=owner) for run in self._runs(await self._database.ask(do, durable=True))]

    async def lost(self, owner: str, run_ids: Collection[str]) -> list[str]:
        """Which of these runs somebody else owns."""
        asked = (json.dumps(list(run_ids)), owner)

        def do(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute(
                "SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?)) AND owner <> ?", asked
            )
            return [row[0] for row in found]

        return await self._database.ask(do)

    async def discard(self, run_id: str, owner: str) -> None:
        """Forget a run of an owner that has not begun."""

        def do(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM runs WHERE id = ? AND owner = ? AND status = 'working'", (run_id, owner))

        await self._database.ask(do, durable=True)

    async def prune(self, what: str, before: float, most: int) -> int:
        """Drop some of what `arazzo_mcp.engine.prune.TRANSACTIONS` names, and say how much."""
        return await self._database.ask(lambda connection: TRANSACTIONS[what](connection, before, most), durable=True)

    async def tombstone(self, run_id: str) -> Tombstone | None:
        """What is left of a run that was pruned."""
        return await self._database.ask(partial(tombstone, run_id=run_id))

    async def version(self) -> int:
        """SQLite's data_version: changes whenever another process has written, and at some writes of this one."""
        return self._database.version()

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Run]:
        """The runs that can be read; one that cannot is left out, and the log says so."""

        def do(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(f"SELECT {COLUMNS} FROM runs {where}", values).fetchall()

        return self._runs(await self._database.ask(do))

    def _runs(self, rows: list[tuple[Any, ...]]) -> list[Run]:
        runs = []
        for row in rows:
            try:
                runs.append(run_of(row))
            except ValueError as error:
                log.error("run %s cannot be read from %s: %s", row[0], self.path, str(error)[:200])
        return runs
