"""The language as data: every file of `language/` is a list of small stories, each told to `advance` alone.

A case reads as follows.

    name, section   what it shows, and the section of the specification that it comes from
    document        `workflows`, or `steps`/`inputs`/`outputs`/... of one workflow `main`, and fields of the document
                    (`components`, `$self`, `arazzo`, ...); a step may be its id alone, and calls the operation
                    of its own name where it says nothing else
    others          sources of type arazzo by name, each a document like the one above
    inputs          what the caller gives
    given           outputs of steps that were performed elsewhere, by step
    resumed         what is given to the run once it has ended, with the `replies` from then on: `given`, `replies`
    replies         the answers in order: a status code, or `status` (200), `body`, `headers`, `retry_after`, `failure`
                    (its kind), `seconds` that it took. The word `cancel` requests the cancel instead of letting the
                    next command happen
    get             the steps whose requests are GETs, which may be repeated; all others are POSTs
    keys            the header of each step whose POST takes a key; the run's own keys are shown as key-1, key-2, ...
    cancels         plans to cancel the run of `main`: `operation`, and the `step` that lends it its parameters; the
                    `x-on-cancel` of a workflow comes before them by itself
    asked           every command in order: `step name=value ... within seconds`, `wait seconds`,
                    `cancel name=value ...`; a text that could be read as JSON stands in double quotes
    outcome         completed (when nothing is said), failed, cancelled, in_doubt, or refused: it is not served
    outputs, error  the outputs as a whole, and a part of the error
    remote          what became of the job at the provider
    findings        the codes of all findings, each once, in order; none when nothing is said
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from yamlcore import CCoreLoader

from arazzo_mcp.arazzo.command import (
    COMMAND_JSON,
    CallOperation,
    CancelPlan,
    CancelRequested,
    Command,
    Done,
    Event,
    Exchanged,
    Program,
    Resumed,
    Started,
    Target,
    Wait,
    Woke,
)
from arazzo_mcp.arazzo.graft import joined
from arazzo_mcp.arazzo.interpreter import advance
from arazzo_mcp.arazzo.model import Description, Workflow, WorkflowId
from arazzo_mcp.arazzo.parse import Document, parse
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Failure
from arazzo_mcp.arazzo.state import STATE_JSON, State
from arazzo_mcp.arazzo.submit import key_of
from arazzo_mcp.findings import Finding

FILES = sorted((Path(__file__).parent / "language").glob("*.yaml"))
CALLS = ("operationId", "operationPath", "workflowId", "channelPath")
OF_DOCUMENT = ("components", "$self", "sourceDescriptions", "workflows", "arazzo", "info", "x-document")
KNOWN = {
    "name", "section", "document", "others", "inputs", "given", "resumed", "replies", "get", "cancels", "asked",
    "outcome", "outputs", "error", "remote", "findings", "keys",
}  # fmt: skip
MOST_COMMANDS = 200

Case = dict[str, Any]


def _cases() -> Iterator[Any]:
    for file in FILES:
        for case in yaml.load(file.read_text(), CCoreLoader):
            yield pytest.param(case, id=f"{file.stem}: {case['name']}")


# --- the document of a case


def _document(short: dict[str, Any]) -> Document:
    own = {key: value for key, value in short.items() if key in OF_DOCUMENT}
    main = {key: value for key, value in short.items() if key not in OF_DOCUMENT}
    workflows = own.pop("workflows", []) + ([{"workflowId": "main", **main}] if main else [])
    data = {
        "arazzo": "1.1.0",
        "info": {"title": "case", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.yaml", "type": "openapi"}],
        **own,
        "workflows": [{**workflow, "steps": [_step(step) for step in workflow["steps"]]} for workflow in workflows],
    }
    return Document("case.yaml", data)


def _step(step: str | dict[str, Any]) -> dict[str, Any]:
    node = {"stepId": step} if isinstance(step, str) else step
    return node if any(key in node for key in CALLS) else {**node, "operationId": node["stepId"]}


def _program(description: Description, case: Case) -> Program:
    get, keys = case.get("get", []), case.get("keys", {})
    targets = {
        (workflow.id, step.id): _target(step.id, "GET" if step.id in get else "POST", keys.get(step.id))
        for workflow in description.workflows.values()
        for step in workflow.steps
        if not isinstance(step.call, WorkflowId)
    }
    plans = tuple(_plan(description, plan) for plan in case.get("cancels", []))
    found = {"main": plans}
    flows = description.workflows
    return Program(description, targets, {name: (*_own(flows[name]), *found.get(name, ())) for name in flows})


def _own(workflow: Workflow) -> Iterator[CancelPlan]:
    step = workflow.on_cancel
    if step is not None:
        needs = frozenset(parameter.name for parameter in step.parameters if parameter.location == "path")
        yield CancelPlan(_target(step.id, "POST", None), step.id, step.parameters, step.body, needs, step)


def _target(step: str, method: str, header: str | None) -> Target:
    return Target("api", f"{method} /{step}", method, header)


def _plan(description: Description, plan: dict[str, str]) -> CancelPlan:
    step = description.workflows["main"].step(plan["step"])
    needs = frozenset(parameter.name for parameter in step.parameters)
    return CancelPlan(Target("api", plan["operation"], "POST"), step.id, step.parameters, None, needs)


# --- driving it


class Story:
    """What is told to `advance`, in order, and what it asks for."""

    def __init__(self, program: Program, replies: list[Any]) -> None:
        self.program, self.replies = program, list(replies)
        self.asked: list[str] = []
        self.keys: list[str] = []

    def run(self, inputs: dict[str, Any], given: dict[str, Any]) -> tuple[State, Done]:
        return self._to_its_end(State(key="the run's id"), Started("main", inputs, given))

    def resume(self, state: State, given: dict[str, Any], replies: list[Any]) -> tuple[State, Done]:
        self.replies = list(replies)
        return self._to_its_end(state, Resumed(given))

    def _to_its_end(self, state: State, event: Event) -> tuple[State, Done]:
        state, command = self._advance(state, event)
        while not isinstance(command, Done):
            assert len(self.asked) < MOST_COMMANDS, f"no end: {self.asked[-6:]}"
            self.asked.append(self._with_names(_shown(state, command), state))
            state, command = self._advance(state, self._event(command))
        assert not self.replies, f"never asked for: {self.replies}; asked: {self.asked}"
        return state, command

    def _with_names(self, asked: str, state: State) -> str:
        """The run's own keys by the order in which they first come."""
        key = key_of(state)
        if key not in asked:
            return asked
        self.keys += [] if key in self.keys else [key]
        return asked.replace(key, f"key-{self.keys.index(key) + 1}")

    def _advance(self, state: State, event: Event) -> tuple[State, Command]:
        """Saved and loaded between any two commands, and asked twice: neither changes anything."""
        before = STATE_JSON.dump_json(state)
        state, command = advance(self.program, STATE_JSON.validate_json(before), event)
        assert (state, command) == advance(self.program, STATE_JSON.validate_json(before), event)
        loaded = STATE_JSON.validate_json(STATE_JSON.dump_json(state))
        assert loaded == state
        again: Command = COMMAND_JSON.validate_json(COMMAND_JSON.dump_json(command))
        assert again == command
        return loaded, again

    def _event(self, command: Command) -> Event:
        if self.replies[:1] == ["cancel"]:
            self.replies.pop(0)
            return CancelRequested()
        if isinstance(command, Wait):
            return Woke()
        assert isinstance(command, CallOperation)
        assert self.replies, f"no reply is left for {self.asked[-1]!r}; asked: {self.asked}"
        return Exchanged(_exchange(command, self.replies.pop(0)))


def _exchange(command: CallOperation, reply: int | dict[str, Any]) -> Exchange:
    told: dict[str, Any] = {"status": reply} if isinstance(reply, int) else reply
    failure = Failure(told["failure"], f"the request met {told['failure']}") if "failure" in told else None
    placed: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for argument in command.arguments:
        placed.get(argument.location, {})[argument.name] = argument.value
    return Exchange(
        command.target.method,
        f"https://api.test{command.target.operation.partition(' ')[2]}",
        {name.lower(): value for name, value in placed["header"].items()},
        placed["query"],
        placed["path"],
        command.body.value if command.body else ABSENT,
        None if failure else told.get("status", 200),
        {name.lower(): value for name, value in told.get("headers", {}).items()},
        told.get("body", ABSENT),
        told.get("retry_after"),
        failure,
        told.get("seconds", 0.0),
    )


def _shown(state: State, command: Command) -> str:
    if isinstance(command, Wait):
        return f"wait {command.seconds:g}"
    assert isinstance(command, CallOperation)
    words = ["cancel" if state.cancel else command.step]
    for argument in command.arguments:
        place = f"{argument.location}." if argument.location in ("header", "cookie") else ""
        words.append(f"{place}{argument.name}={_value(argument.value)}")
    if command.body is not None:
        words.append(f"body={_value(command.body.value)}")
        words += [f"as {command.body.content_type}"] if command.body.content_type else []
    words += [] if command.timeout is None else [f"within {command.timeout:g}"]
    return " ".join(words)


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value if isinstance(value, str) and not _is_json(value) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# --- the tests


@pytest.mark.parametrize("case", list(_cases()))
def test_language(case: Case) -> None:
    assert set(case) <= KNOWN, f"unknown: {set(case) - KNOWN}"
    description, findings = _parsed(case["document"])
    others = {name: _parsed(document) for name, document in case.get("others", {}).items()}
    findings += [finding for _, found in others.values() for finding in found]
    description, missing = joined(description, {name: other for name, (other, _) in others.items()})
    findings += missing
    assert _codes(findings) == case.get("findings", []), "\n".join(map(str, findings))
    outcome = case.get("outcome", "completed")
    assert ("main" not in description.workflows) is (outcome == "refused")
    if outcome == "refused":
        return
    story = Story(_program(description, case), case.get("replies", []))
    state, done = story.run(case.get("inputs", {}), case.get("given", {}))
    if "resumed" in case:
        state, done = story.resume(state, **case["resumed"])
    assert story.asked == case.get("asked", []), done
    assert done.outcome.status == outcome, done
    assert "outputs" not in case or done.outcome.outputs == case["outputs"]
    assert state.remote == case.get("remote")
    assert (done.outcome.error is None) is (outcome not in ("failed", "in_doubt"))
    for name, value in case.get("error", {}).items():
        assert done.outcome.error is not None
        assert done.outcome.error.get(name) == value, done.outcome.error


def _parsed(document: dict[str, Any]) -> tuple[Description, list[Finding]]:
    description, findings = parse(_document(document))
    assert description is not None
    return description, findings


def _codes(findings: list[Finding]) -> list[str]:
    return sorted({finding.code for finding in findings})


def test_every_case_has_a_name_of_its_own_and_says_its_section() -> None:
    cases = [(file.stem, case) for file in FILES for case in yaml.load(file.read_text(), CCoreLoader)]
    names = [(stem, case["name"]) for stem, case in cases]
    assert len(names) == len(set(names))
    known = ("1.1.0", "1.0.1", "beyond the specification")
    assert all(any(place in case["section"] for place in known) for _, case in cases)
