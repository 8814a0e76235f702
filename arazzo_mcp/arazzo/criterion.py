"""Judging criteria. Never raises: a criterion that cannot be evaluated is false, and its verdict says why.

Arazzo 1.1.0, "Criterion Object": "all conditions MUST evaluate to pass"; "if a condition cannot be evaluated
... the condition MUST evaluate to fail".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from arazzo_mcp.arazzo import xpath
from arazzo_mcp.arazzo.condition import holds, operands
from arazzo_mcp.arazzo.expression import Expression, evaluate
from arazzo_mcp.arazzo.kind import LANGUAGES
from arazzo_mcp.arazzo.length import length_of
from arazzo_mcp.arazzo.model import Criterion, QueryCriterion, RegexCriterion, SimpleCriterion
from arazzo_mcp.arazzo.pattern import PatternError, PatternTimeout, found
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, Value, as_text
from arazzo_mcp.arazzo.selector import compile_jsonpath
from arazzo_mcp.arazzo.template import Unresolved, fill_query


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether criteria hold; where not, the first criterion that failed, the values it saw, and why."""

    ok: bool
    criterion: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)
    why: str = ""


PASSED = Verdict(True)


def judge(criteria: Iterable[Criterion], scope: Scope) -> Verdict:
    """The verdict on all criteria together; passes when there are none."""
    for criterion in criteria:
        verdict = _judge_one(criterion, scope)
        if not verdict.ok:
            return verdict
    return PASSED


def looked_at(criterion: Criterion) -> Iterator[Expression]:
    """What a criterion looks at."""
    if isinstance(criterion, SimpleCriterion):
        yield from operands(criterion.condition)
    else:
        yield criterion.context


def _judge_one(criterion: Criterion, scope: Scope) -> Verdict:
    match criterion:
        case SimpleCriterion():
            return _simple(criterion, scope)
        case RegexCriterion() | QueryCriterion():
            return _on_context(criterion, scope)


def _simple(criterion: SimpleCriterion, scope: Scope) -> Verdict:
    if holds(criterion.condition, lambda operand: _look(operand, scope), loose=True):
        return PASSED
    seen = {operand.text: _shown(_look(operand, scope)) for operand in operands(criterion.condition)}
    return Verdict(False, criterion.text, seen)


def _look(operand: Expression, scope: Scope) -> Value:
    value = evaluate(operand, scope)
    return length_of(operand, scope) if value is ABSENT and operand.text.endswith(".length") else value


def _on_context(criterion: RegexCriterion | QueryCriterion, scope: Scope) -> Verdict:
    """ "If the `context` evaluates to `null` or `undefined`, the condition MUST evaluate to fail." """
    context = evaluate(criterion.context, scope)
    seen = {criterion.context.text: _shown(context)}
    if context is ABSENT or context is None:
        return Verdict(False, criterion.text, seen, f"{criterion.context.text} has no value")
    try:
        if isinstance(criterion, RegexCriterion):
            passed = found(fill_query(criterion.pattern, scope), as_text(context))
            return PASSED if passed else Verdict(False, criterion.text, seen)
        query = fill_query(criterion.query, scope, LANGUAGES[criterion.kind].literal)
        return _PASSES[criterion.kind.type](criterion, query, context, seen)
    except (Unresolved, PatternError, PatternTimeout, SelectorSyntaxError, SelectorError) as error:
        return Verdict(False, criterion.text, seen, str(error))


def _jsonpath(criterion: QueryCriterion, query: str, context: Json, seen: dict[str, Json]) -> Verdict:
    test = compile_jsonpath(query, criterion.kind.version)
    if test.judge(context):
        return PASSED
    values = {text: _shown(value) for text, value in test.explain(context).items()}
    return Verdict(False, criterion.text, values or seen)


def _xpath(criterion: QueryCriterion, query: str, context: Json, seen: dict[str, Json]) -> Verdict:
    return PASSED if xpath.passes(context, query, criterion.kind.version) else Verdict(False, criterion.text, seen)


_PASSES: dict[str, Callable[[QueryCriterion, str, Json, dict[str, Json]], Verdict]] = {
    "jsonpath": _jsonpath,
    "xpath": _xpath,
}


def _shown(value: Value) -> Json:
    """A value short enough to be read in an error message."""
    if value is ABSENT:
        return None
    text = as_text(value)
    return value if len(text) <= 200 else f"{text[:200]}..."
