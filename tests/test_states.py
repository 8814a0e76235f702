"""States that versions of this package have saved are loaded, and the runs finish what they began."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import anyio
import pytest

from arazzo_mcp import __version__
from arazzo_mcp.app import Shelf
from arazzo_mcp.arazzo.command import CallOperation, Pace
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.store import SqliteStore
from arazzo_mcp.library import Library
from tests.states import HERE
from tests.states.__main__ import exchange, files
from tests.states.stories import STORIES

pytestmark = pytest.mark.anyio

VERSIONS = sorted(folder.name for folder in HERE.iterdir() if (folder / "store.sql").is_file())
SAVED = [
    pytest.param(version, path, id=f"{version}-{path.stem}")
    for version in VERSIONS
    for path in sorted((HERE / version).glob("*.json"))
    if path.stem != "documents"
]
COLUMNS = ("state", "command", "outcome")


def load(path: Path) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(path.read_text())
    return saved


def restore(version: str, row: dict[str, Any], path: Path) -> None:
    """The store as that version left it, with one run."""
    connection = sqlite3.connect(path)
    connection.executescript((HERE / version / "store.sql").read_text())
    documents = json.dumps(json.loads((HERE / version / "documents.json").read_text()), ensure_ascii=False)
    connection.execute("INSERT INTO programs VALUES (?, ?)", (row["program"], zlib.compress(documents.encode())))
    values = [json.dumps(v) if name in COLUMNS and v is not None else v for name, v in row.items()]
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({marks})", values)
    connection.commit()
    connection.close()


class Provider:
    """Gives the answers of a story in order, and remembers what it was asked."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies, self.asked = list(replies), list[str]()

    async def __call__(self, _digest: str, call: CallOperation) -> Exchange:
        given = [f"{argument.name}={argument.value}" for argument in call.arguments]
        self.asked.append(" ".join([call.target.operation, *given]))
        assert self.replies, f"no reply is left for {self.asked}"
        return exchange(self.replies.pop(0))


@pytest.mark.parametrize(("version", "path"), SAVED)
async def test_a_saved_state_is_loaded_and_finished(version: str, path: Path, tmp_path: Path) -> None:
    saved = load(path)
    row, then = saved["row"], saved["then"]
    restore(version, row, tmp_path / "runs.sqlite3")
    provider = Provider(then["replies"])
    shelf = Shelf(Library((), ()), Pace(0.01, 1.0, 0.01))
    async with SqliteStore(tmp_path / "runs.sqlite3") as store:
        engine = LocalEngine(store, shelf, provider, locks=tmp_path / "locks", documents=[row["document"]])
        async with engine:
            if then["cancels"]:
                await engine.cancel(row["id"])
            with anyio.fail_after(15):
                ended = await engine.wait(row["id"], "", 20)
        assert await store.get(row["id"]) == ended
    assert provider.asked == then["asked"], saved["about"]
    assert provider.replies == []
    assert (ended.status, ended.state.remote) == (then["status"], then["remote"]), saved["about"]
    assert ended.outcome is not None
    assert then["outputs"] in (None, ended.outcome.outputs)


def test_the_states_of_this_version_are_what_it_saves() -> None:
    """When this fails the shape of what is saved has changed: the old files of a released version must stay and pass,
    and `python -m tests.states` writes new ones."""
    for name, text in files():
        assert (HERE / __version__ / name).read_text() == text, name
    kept = {path.stem for path in (HERE / __version__).glob("*.json")} - {"documents"}
    assert kept == set(STORIES)
