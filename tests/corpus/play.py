"""Running a workflow against the scripted provider without a network: a search through what it could answer.

`advance` and `bind` are the real ones. A state is a value, so each answer is tried on the state that it came to; the
first way that ends completed with every declared output is the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from arazzo_mcp.arazzo.command import CallOperation, Command, Done, Exchanged, Started, Wait, Woke
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.model import Step, Workflow
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Failure, Scope
from arazzo_mcp.arazzo.state import State
from arazzo_mcp.arazzo.template import Unresolved, fill
from arazzo_mcp.errors import BindError
from arazzo_mcp.library import Linked
from arazzo_mcp.openapi.bind import bind
from arazzo_mcp.openapi.model import Request
from tests.corpus.description import Api
from tests.corpus.feed import Feed, feeds
from tests.corpus.provider import Call, Wire, answers

_MOST_TRIES: Final = 1500
"""Answers tried for one workflow before its search is given up."""
_MOST_CALLS: Final = 60


@dataclass(frozen=True)
class Turn:
    """One call of a run: the step, its request, what was answered, and the declared outputs that it did not give."""

    call: CallOperation
    request: Request
    wire: Wire
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Played:
    """How a workflow ran: its calls, and why it did not complete (empty where it did)."""

    turns: tuple[Turn, ...]
    why: str
    waited: float = 0.0

    @property
    def missing(self) -> list[str]:
        """Declared outputs of the steps taken that are not there at the end: what a later visit gives counts."""
        last = {turn.call.step: turn.missing for turn in self.turns}
        return [f"{step}.{name}" for step, names in last.items() for name in names]

    @property
    def ok(self) -> bool:
        """Completed, with every declared output."""
        return not self.why and not self.missing


@dataclass
class Search:
    """One workflow being tried: how many answers are left to try, and the best run so far."""

    linked: Linked
    apis: dict[str, Api]
    left: int = _MOST_TRIES
    best: Played | None = None
    _feeds: dict[str, list[Feed]] = field(default_factory=dict)

    def run(self, workflow: str, inputs: dict[str, Any]) -> Played:
        """The first complete run, or the best of those that were tried."""
        state, command = advance(self.linked.program, State(), Started(workflow, inputs))
        for played in self._ways(state, command, (), 0.0):
            if played.ok:
                return played
            if self.best is None or _rank(played) < _rank(self.best):
                self.best = played
        return self.best or Played((), "no answer of the provider leads on")

    def _ways(self, state: State, command: Command, turns: tuple[Turn, ...], waited: float) -> Iterator[Played]:
        while isinstance(command, Wait):
            waited += command.seconds
            state, command = advance(self.linked.program, state, Woke())
        if isinstance(command, Done):
            outcome = command.outcome
            why = "" if outcome.status == "completed" else str((outcome.error or {}).get("message", outcome.status))
            yield Played(turns, why, waited)
            return
        assert isinstance(command, CallOperation)
        if len(turns) >= _MOST_CALLS:
            yield Played(turns, f"more than {_MOST_CALLS} calls", waited)
            return
        yield from self._after(state, command, turns, waited)

    def _after(self, state: State, command: CallOperation, turns: tuple[Turn, ...], waited: float) -> Iterator[Played]:
        operation = self.linked.operation(command.target)
        try:
            request = bind(command, operation)
        except BindError as error:
            refused = Exchange(method=operation.method, failure=Failure("bind", str(error)))
            yield from self._ways(*advance(self.linked.program, state, Exchanged(refused)), turns, waited)
            return
        workflow, step = self._present(state)
        laps = Counter(turn.call.step for turn in turns)[command.step]
        call = Call(
            self.apis[command.target.source], command.target.operation, workflow, step, self._uses(workflow), laps
        )
        asked = _asked(request)
        for wire in answers(call, self._scope(state, asked)):
            if self.left <= 0:
                return
            self.left -= 1
            exchange = wire.exchange(asked)
            turn = Turn(command, request, wire, _missing(step, self._scope(state, exchange)))
            yield from self._ways(*advance(self.linked.program, state, Exchanged(exchange)), (*turns, turn), waited)

    def _present(self, state: State) -> tuple[Workflow, Step]:
        workflow = self.linked.program.description.workflows[state.frame.workflow]
        return workflow, workflow.step(state.frame.step)

    def _uses(self, workflow: Workflow) -> list[Feed]:
        if workflow.id not in self._feeds:
            self._feeds[workflow.id] = list(feeds(self.linked, self.apis, workflow))
        return self._feeds[workflow.id]

    def _scope(self, state: State, exchange: Exchange) -> Scope:
        return Scope(inputs=state.frame.inputs, steps=state.frame.outputs, workflows=state.ended, exchange=exchange)


def _rank(played: Played) -> tuple[bool, int, int]:
    """The better the smaller: complete before failed, few outputs missing, far rather than near."""
    return bool(played.why), len(played.missing), -len(played.turns)


def _asked(request: Request) -> Exchange:
    return Exchange(
        method=request.method,
        url=request.url,
        request_headers=request.headers,
        request_query=request.query_arguments,
        request_path=request.path_arguments,
        request_body=request.body,
    )


def _missing(step: Step, scope: Scope) -> tuple[str, ...]:
    return tuple(name for name, template in step.outputs.items() if _value(template, scope) in (ABSENT, None))


def _value(template: Any, scope: Scope) -> Any:
    try:
        return fill(template, scope)
    except Unresolved:
        return ABSENT
