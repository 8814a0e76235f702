"""What makes two runs the same, so that the second is not started: who retries a call must not pay twice.

The same is: the same workflow of the same file, whose requests go to the same servers, with the same inputs. The text
of the file does not count: a document that was edited, and a second server that has read it before, are no reason for
a second job; who wants one says so with `force_new`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.rows import COLUMNS
from arazzo_mcp.engine.run import Run
from arazzo_mcp.errors import DuplicateKey

UNDELIVERED_SECONDS: Final = 120.0
"""How long after its end a run whose result nobody has got is still handed to who asks for the same."""


@dataclass(frozen=True, slots=True)
class Once:
    """A start that gives the run that is there already, if there is one.

    key: chosen by the caller; the run with this key is the one that is meant, however old. force_new: without a key,
    a run of the same arguments is none that is meant. realm: what the arguments do not say of the workflow: where its
    requests go.
    """

    key: str | None = None
    force_new: bool = False
    realm: str = ""


def arguments_digest(document: str, workflow: str, inputs: Mapping[str, Json], realm: str) -> str:
    """What two runs of the same workflow with the same inputs have in common: a SHA-256.

    inputs: with their defaults; the order of members does not count.
    """
    text = json.dumps([document, workflow, inputs, realm], sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


# --- inside a transaction


def same(connection: sqlite3.Connection, run: Run, undelivered_since: float | None) -> tuple[Any, ...] | None:
    """The row of the run that is the same: see `arazzo_mcp.engine.seams.Store.create`."""
    return _of_key(connection, run) if run.key is not None else _alike(connection, run, undelivered_since)


def _of_key(connection: sqlite3.Connection, run: Run) -> tuple[Any, ...] | None:
    """The run that has this key."""
    found: tuple[Any, ...] | None = connection.execute(
        f"SELECT {COLUMNS} FROM runs WHERE principal = ? AND key = ? ORDER BY created DESC LIMIT 1",
        (run.principal, run.key),
    ).fetchone()
    if found is not None and found[-2] != run.arguments:
        raise DuplicateKey(str(run.key), found[0], found[1])
    return found


def _alike(connection: sqlite3.Connection, run: Run, undelivered_since: float | None) -> tuple[Any, ...] | None:
    """The newest run of the same arguments whose result is still to be had, or whose job may exist unknown to all: the
    same call once more must not pay for it twice."""
    if undelivered_since is None or not run.arguments:
        return None
    found: tuple[Any, ...] | None = connection.execute(
        f"SELECT {COLUMNS} FROM runs WHERE principal = ? AND arguments = ? AND arguments <> ''"
        " AND (status IN ('working', 'in_doubt') OR (delivered = 0 AND status <> 'cancelled' AND updated > ?))"
        " ORDER BY created DESC LIMIT 1",
        (run.principal, run.arguments, undelivered_since),
    ).fetchone()
    return found
