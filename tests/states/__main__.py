"""`python -m tests.states`: the states of the present version."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from arazzo_mcp import __version__
from arazzo_mcp.arazzo.command import (
    COMMAND_JSON,
    CallOperation,
    CancelRequested,
    Command,
    Done,
    Event,
    Exchanged,
    Pace,
    Program,
    Started,
    Wait,
    Woke,
)
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Failure
from arazzo_mcp.arazzo.state import STATE_JSON, State
from arazzo_mcp.engine.store import MIGRATIONS
from arazzo_mcp.library import relink
from arazzo_mcp.reading.documents import Text
from arazzo_mcp.reading.read import Snapshot
from tests.states import HERE
from tests.states.stories import STORIES, Reply, Story

PACE: Final = Pace(0.01, 1.0, 0.01)


def snapshot() -> Snapshot:
    """The documents as a run pins them; their paths are of no machine."""
    document, source = (
        Text(f"/flows/{name}", (HERE / name).read_text()) for name in ("flow.arazzo.yaml", "flow.openapi.yaml")
    )
    return Snapshot(document, {"api": source}, {})


def exchange(reply: Reply) -> Exchange:
    """An answer, as a story tells it."""
    assert isinstance(reply, dict)
    failure = Failure(reply["failure"], "it broke") if "failure" in reply else None
    status = None if failure else reply.get("status", 200)
    return Exchange(status=status, body=reply.get("body", ABSENT), failure=failure, seconds=reply.get("seconds", 0.0))


def place(program: Program, story: Story) -> tuple[State, Command]:
    """Where a story's replies lead."""
    state, command = advance(program, State(), Started(story.workflow, dict(story.inputs)))
    if story.fresh:
        return state, Wait(state.step, 0.0)
    for reply in story.replies:
        while isinstance(command, Wait) and reply != "cancel":
            state, command = advance(program, state, Woke())
        if isinstance(command, Done):
            state = replace(state, failed=command.outcome.error)  # as a cancel reopens it
        event: Event = CancelRequested() if reply == "cancel" else Exchanged(exchange(reply))
        state, command = advance(program, state, event)
    return state, command


def saved(name: str, story: Story, program: Program, digest: str) -> dict[str, Any]:
    """The row of a run, as the store keeps it, and what must come of it."""
    state, command = place(program, story)
    outcome = command.outcome if isinstance(command, Done) else None
    row = {
        "id": f"run_{name}", "workflow": story.workflow, "program": digest, "document": "/flows/flow.arazzo.yaml",
        "principal": "", "status": outcome.status if outcome else "working",
        "state": STATE_JSON.dump_python(state, mode="json"), "command": COMMAND_JSON.dump_python(command, mode="json"),
        "created": 1000.0, "updated": 1001.0, "owner": "dead", "due": 1001.0 if isinstance(command, Wait) else None,
        "cancel": int(story.requested or (state.cancel and isinstance(command, CallOperation | Wait))),
        "outcome": _plain(outcome),
    }  # fmt: skip
    expected = {
        "cancels": story.cancels, "replies": story.then, "asked": story.asked, "status": story.status,
        "outputs": story.outputs, "remote": story.remote,
    }  # fmt: skip
    return {"about": story.about, "row": row, "then": expected}


def _plain(outcome: Any) -> Any:
    if outcome is None:
        return None
    return {"status": outcome.status, "outputs": outcome.outputs, "error": outcome.error}


def files() -> Iterator[tuple[str, str]]:
    """Every file of the present version: its name and its text."""
    pinned = snapshot()
    linked = relink(pinned, PACE)
    odd = [finding for finding in linked.findings if finding.severity != "info"]
    assert not odd, odd
    yield "documents.json", _text(json.loads(pinned.to_json()))
    yield "store.sql", f"{''.join(MIGRATIONS)}PRAGMA user_version = {len(MIGRATIONS)};\n"
    for name, story in STORIES.items():
        yield f"{name}.json", _text(saved(name, story, linked.program, pinned.digest))


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them."""
    folder = HERE / __version__
    folder.mkdir(exist_ok=True)
    written = 0
    for name, text in files():
        (folder / name).write_text(text, encoding="utf-8")
        written += 1
    sys.stdout.write(f"{written} files in {folder}\n")


if __name__ == "__main__":
    main()
