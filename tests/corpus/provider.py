"""The scripted provider: what an operation could answer, from its own response schemas, best first.

An answer has the status that the success criteria ask for, a body from the response's schema, a value at every place
that an output names, and, for each action that might be taken, what makes its criteria true. Which of these answers
lets a run come to its end is found by playing it (`play.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.sax.saxutils import escape

from arazzo_mcp.arazzo.criterion import judge
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import End, Goto, Retry, SimpleCriterion, Step, StepId, Workflow
from arazzo_mcp.arazzo.scope import ABSENT, Exchange, Scope
from arazzo_mcp.arazzo.template import expressions_of
from arazzo_mcp.http.client import decode
from tests.corpus import place as places
from tests.corpus.description import Answer, Api, chosen_media
from tests.corpus.feed import Feed
from tests.corpus.place import MISSING, Place
from tests.corpus.sample import flat, sample
from tests.corpus.solve import Reply, variants

_LAPS: Final = 1
"""How often a poll is told "not yet"."""


@dataclass(frozen=True)
class Wire:
    """A reply as it goes over the wire."""

    status: int
    headers: dict[str, str]
    content: bytes

    def exchange(self, asked: Exchange) -> Exchange:
        """The exchange that a client makes of it, decoded as the package decodes it."""
        return replace(
            asked,
            status=self.status,
            headers=self.headers,
            body=decode(self.headers.get("content-type", ""), self.content),
        )


@dataclass(frozen=True)
class Call:
    """One call of a run: whose step it is, what its outputs feed, and how often the step was called before."""

    api: Api
    operation: str
    workflow: Workflow
    step: Step
    feeds: Sequence[Feed]
    laps: int


def answers(call: Call, scope: Scope) -> Iterator[Wire]:
    """What the provider could answer to a call, best first, without doubles."""
    seen: set[bytes] = set()
    for reply, answer in _replies(call, scope):
        wire = _wire(call, reply, answer)
        key = repr((wire.status, sorted(wire.headers.items()))).encode() + wire.content
        if key not in seen:
            seen.add(key)
            yield wire


def _replies(call: Call, scope: Scope) -> Iterator[tuple[Reply, Answer]]:
    for status in _statuses(call):
        answer = _answer(call, status)
        base = _with_outputs(call, _base(call, status, answer))
        good = variants([base], call.step.success_criteria, True, scope)
        for reply in _branches(call, good, scope):
            yield reply, answer
        if call.laps < _LAPS and any(isinstance(a, Retry) and a.criteria for a in call.step.on_failure):
            failing = variants(good, call.step.success_criteria, False, scope)
            yield from ((reply, answer) for reply in failing if reply.status < 400)


# --- status and body


def _statuses(call: Call) -> list[int]:
    """The statuses that the success criteria name, then those that are declared, then 200."""
    named = [s for s in (_status_of(o) for o in _conditions(call.step)) if s is not None]
    declared = [int(a.status) for a in call.api.answers(call.operation) if a.status.isdigit()]
    good = [status for status in declared if 200 <= status < 300]
    others = [status for status in declared if not 200 <= status < 300]
    return list(dict.fromkeys([*named, *good, 200, *others]))


def _conditions(step: Step) -> Iterator[Any]:
    yield from (c.condition for c in step.success_criteria if isinstance(c, SimpleCriterion))


def _status_of(condition: Any) -> int | None:
    """N of the first `$statusCode == N` in a condition."""
    for part in (condition, *getattr(condition, "conditions", ())):
        left, right = getattr(part, "left", None), str(getattr(getattr(part, "right", None), "value", ""))
        if isinstance(left, Expression) and left.root == "statusCode" and right.isdigit():
            return int(right) if part.operator in ("==", ">=", "<=") else None
    return None


def _answer(call: Call, status: int) -> Answer:
    """What is declared for a status; for one that is not, what is declared for success."""
    declared = {answer.status: answer for answer in call.api.answers(call.operation)}
    wanted = (str(status), f"{status // 100}XX", *sorted(s for s in declared if s.startswith("2")), "DEFAULT")
    return next((declared[name] for name in wanted if name in declared), Answer(str(status), {}, {}, {}))


def _base(call: Call, status: int, answer: Answer) -> Reply:
    media = chosen_media(answer.content)
    headers = {
        name: str(sample(call.api, header.get("schema", header), name=name)) for name, header in answer.headers.items()
    }
    if media is None or _without_body(call, status):
        return Reply(status, headers, ABSENT)
    schema = answer.content[media]
    body = answer.examples.get(media)
    made = sample(call.api, schema, whole=True)
    if not isinstance(body, dict | list) or type(body) is not type(made):
        body = made
    return Reply(status, headers, _laid_over(made, body))


def _without_body(call: Call, status: int) -> bool:
    """RFC 9110, section 6.4.1: answers that have no content, whatever a description declares."""
    return call.operation.startswith("HEAD ") or status in (204, 304)


def _laid_over(made: Any, shown: Any) -> Any:
    """An example, with the members that the schema has besides."""
    if isinstance(made, dict) and isinstance(shown, dict):
        return {**made, **{name: _laid_over(made.get(name), value) for name, value in shown.items()}}
    if isinstance(made, list) and isinstance(shown, list) and made:
        return [_laid_over(made[0], item) for item in shown] or made
    return made if shown in (None, "", [], {}) else shown


# --- outputs


def _with_outputs(call: Call, reply: Reply) -> Reply:
    """With a value at every place that an output, or a use of one, names."""
    for name, template in call.step.outputs.items():
        for expression in expressions_of(template):
            schema, api = _wanted(call, name)
            value = sample(api, schema, name=name) if schema else f"{name}-1"
            reply = _with_value(call, reply, expression, value)
            for rest in _uses_within(call, name):
                reply = _with_value(call, reply, expression, f"{name}-1", rest)
    return reply


def _with_value(call: Call, reply: Reply, expression: Expression, value: Any, rest: Place = ()) -> Reply:
    if expression.root != "response":
        return reply
    if expression.names[0] == "header":
        header = expression.names[1]
        return reply if reply.headers.get(header) else replace(reply, headers={**reply.headers, header: str(value)})
    dotted = expression.names[1] if len(expression.names) > 1 else ""
    own = (*places.of_dotted(dotted), *places.of_pointer(expression.pointer))
    place = (*own, *places.through_lists(places.get(reply.body, own), rest))
    if _without_body(call, reply.status) or (not place and reply.body is not ABSENT):
        return reply
    if places.get(reply.body, place) in (MISSING, None, "", []):
        return replace(reply, body=places.put(reply.body, place, value, lambda element, _text: element))
    return reply


def _wanted(call: Call, output: str) -> tuple[Any, Api]:
    """The schema of what an output feeds as a whole."""
    for feed in call.feeds:
        e = feed.expression
        if e.root == "steps" and e.names == (call.step.id, output) and feed.schema and feed.whole and not e.pointer:
            return feed.schema, feed.api
    return None, call.api


def _uses_within(call: Call, output: str) -> Iterator[Place]:
    """Places within an output that other steps use: `$steps.s.outputs.list[0].id`."""
    for feed in call.feeds:
        expression = feed.expression
        if expression.root != "steps" or expression.names[0] != call.step.id:
            continue
        rest = expression.names[1].removeprefix(output)
        if expression.names[1].startswith(output) and (rest[:1] in (".", "[") or (not rest and expression.pointer)):
            yield (*places.of_dotted(rest), *places.of_pointer(expression.pointer))


# --- branches


def _branches(call: Call, good: list[Reply], scope: Scope) -> Iterator[Reply]:
    """Replies that take each way on: "not yet" at first where there is such a way, then those that lead forward."""
    back = [a for a in call.step.on_success if _leads_back(call, a)]
    forward = [a for a in call.step.on_success if a not in back]
    if call.laps < _LAPS:
        yield from (r for action in back if action.criteria for r in _taking(call, action.criteria, good, scope))
    yield from (reply for reply in good if not any(judge(a.criteria, _seen(scope, reply)).ok for a in back))
    for action in (*forward, *back):
        if action in forward:
            yield from _taking(call, action.criteria, good, scope)
        else:
            yield from variants(good, action.criteria, False, scope)
    yield from good


def _taking(call: Call, criteria: Sequence[Any], good: list[Reply], scope: Scope) -> list[Reply]:
    made = variants(good, criteria, True, scope)
    return [reply for reply in made if judge((*call.step.success_criteria, *criteria), _seen(scope, reply)).ok]


def _leads_back(call: Call, action: End | Goto | Retry) -> bool:
    if isinstance(action, Retry):
        return True
    if isinstance(action, Goto) and isinstance(action.target, StepId):
        return call.workflow.position(action.target.name) <= call.workflow.position(call.step.id)
    return False


def _seen(scope: Scope, reply: Reply) -> Scope:
    return replace(scope, exchange=replace(scope.exchange, status=reply.status, headers=reply.headers, body=reply.body))


# --- onto the wire


def _wire(call: Call, reply: Reply, answer: Answer) -> Wire:
    headers = {name: value for name, value in reply.headers.items() if name not in _FRAMING}
    if reply.body is ABSENT:
        return Wire(reply.status, headers, b"")
    media = chosen_media(answer.content) or "application/json"
    media = "application/json" if "*" in media else media
    content = _content(call.api, media, answer, reply.body).encode()
    return Wire(reply.status, {**headers, "content-type": media, "content-length": str(len(content))}, content)


_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection"})
"""Headers that say how the answer is sent: they are true, whatever a description shows."""


def _content(api: Api, media: str, answer: Answer, body: Any) -> str:
    if "xml" in media and not isinstance(body, str):
        return _xml(_root_name(api, answer.content.get(media)), body)
    return body if "json" not in media and isinstance(body, str) else json.dumps(body, default=str)


def _root_name(api: Api, schema: Any) -> str:
    node = flat(api, schema)
    reference = str((schema or {}).get("$ref", "")).rpartition("/")[2] if isinstance(schema, dict) else ""
    return str((node.get("xml") or {}).get("name") or reference or "root")


def _xml(name: str, value: Any) -> str:
    """A structure as XML: members are elements, a list repeats its element."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in name) or "item"
    if isinstance(value, list):
        return "".join(_xml(name, item) for item in value)
    inner = "".join(_xml(str(k), v) for k, v in value.items()) if isinstance(value, dict) else _xml_text(value)
    return f"<{name}>{inner}</{name}>"


def _xml_text(value: Any) -> str:
    return "" if value is None else escape(value if isinstance(value, str) else json.dumps(value))


__all__ = ["Call", "Wire", "answers"]
