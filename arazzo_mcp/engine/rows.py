"""A run as a row of the store, and back."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from arazzo_mcp.arazzo.command import COMMAND_JSON, Outcome
from arazzo_mcp.arazzo.state import STATE_JSON
from arazzo_mcp.engine.run import Run

_OUTCOME: TypeAdapter[Outcome | None] = TypeAdapter(Outcome | None)

COLUMNS: Final = (
    "id, workflow, program, document, principal, status, state, command, created, updated, owner, due, cancel, outcome,"
    " key, arguments, delivered"
)


def saved(run: Run) -> tuple[Any, ...]:
    """What changes with every step: status, state, command, updated, due, outcome.

    Raises:
        ValueError: it cannot be written as JSON.
    """
    outcome = None if run.outcome is None else _OUTCOME.dump_json(run.outcome).decode()
    state, command = STATE_JSON.dump_json(run.state).decode(), COMMAND_JSON.dump_json(run.command).decode()
    return str(run.status), state, command, run.updated, run.due, outcome


def row_of(run: Run) -> tuple[Any, ...]:
    """The values of COLUMNS. ValueError where it cannot be written as JSON."""
    status, state, command, updated, due, outcome = saved(run)
    return (
        run.id, run.workflow, run.program, run.document, run.principal, status, state, command, run.created, updated,
        run.owner, due, int(run.cancel), outcome, run.key, run.arguments, int(run.delivered),
    )  # fmt: skip


def run_of(row: tuple[Any, ...]) -> Run:
    """The run of a row of COLUMNS. ValueError where it cannot be read."""
    (
        run_id, workflow, program, document, principal, _status, state, command, created, updated, owner, due, cancel,
        outcome, key, arguments, delivered,
    ) = row  # fmt: skip
    return Run(
        run_id, workflow, program, document, principal, STATE_JSON.validate_json(state),
        COMMAND_JSON.validate_json(command), created, updated, owner, due, bool(cancel),
        None if outcome is None else _OUTCOME.validate_json(outcome), key, arguments, bool(delivered),
    )  # fmt: skip
