"""Judging criteria. Never raises: a criterion that cannot be evaluated is false, and its verdict says why.

Arazzo 1.1.0, "Criterion Object": "all conditions MUST evaluate to pass"; "if a condition cannot be evaluated
... the condition MUST evaluate to fail".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import regex

from arazzo_mcp.arazzo.condition import holds, operands
from arazzo_mcp.arazzo.expression import evaluate
from arazzo_mcp.arazzo.model import Criterion, JsonPathCriterion, RegexCriterion, SimpleCriterion
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, Value, as_text
from arazzo_mcp.arazzo.selector import SelectorSyntaxError, compile_jsonpath
from arazzo_mcp.arazzo.template import Literal, Text, Unresolved, fill

REGEX_SECONDS = 0.25
"""A pattern that takes longer than this on its context counts as not matching."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether criteria hold; where not, the first criterion that failed, the values it saw, and why."""

    ok: bool
    criterion: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)
    why: str = ""


PASSED = Verdict(True)

_Test = Callable[[str, str, Json, dict[str, Json]], Verdict]


def judge(criteria: Iterable[Criterion], scope: Scope) -> Verdict:
    """The verdict on all criteria together; passes when there are none."""
    for criterion in criteria:
        verdict = _judge_one(criterion, scope)
        if not verdict.ok:
            return verdict
    return PASSED


def _judge_one(criterion: Criterion, scope: Scope) -> Verdict:
    match criterion:
        case SimpleCriterion():
            return _simple(criterion, scope)
        case RegexCriterion():
            return _on_context(criterion, scope, _regex)
        case JsonPathCriterion():
            return _on_context(criterion, scope, _jsonpath)


def _simple(criterion: SimpleCriterion, scope: Scope) -> Verdict:
    if holds(criterion.condition, lambda operand: evaluate(operand, scope), loose=True):
        return PASSED
    seen = {operand.text: _shown(evaluate(operand, scope)) for operand in operands(criterion.condition)}
    return Verdict(False, criterion.text, seen)


def _on_context(criterion: RegexCriterion | JsonPathCriterion, scope: Scope, test: _Test) -> Verdict:
    """ "If the `context` evaluates to `null` or `undefined`, the condition MUST evaluate to fail." """
    context = evaluate(criterion.context, scope)
    seen = {criterion.context.text: _shown(context)}
    if context is ABSENT or context is None:
        return Verdict(False, criterion.text, seen, f"{criterion.context.text} has no value")
    text = criterion.pattern if isinstance(criterion, RegexCriterion) else criterion.query
    try:
        return test(criterion.text, _condition_text(text, scope), context, seen)
    except Unresolved as missing:
        return Verdict(False, criterion.text, seen, str(missing))


def _condition_text(text: Literal | Text, scope: Scope) -> str:
    """The condition with its expressions rendered as text. One without braces and outside quotes stands for a value:
    a string becomes a JSON string."""
    if isinstance(text, Literal):
        return str(text.value)
    written = ""
    for part in text.parts:
        if isinstance(part, str):
            written += part
        else:
            shown = str(fill(Text((part,)), scope))
            is_value = part.bare and not _quoted(written) and isinstance(evaluate(part, scope), str)
            written += json.dumps(shown) if is_value else shown
    return written


def _quoted(text: str) -> bool:
    """Whether what follows a text stands within quotes."""
    return bool(re.search(r"""['"]""", re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", "", text)))


def _regex(name: str, pattern: str, context: Json, seen: dict[str, Json]) -> Verdict:
    try:
        found = _compiled(pattern).search(as_text(context), timeout=REGEX_SECONDS)
    except (regex.error, RecursionError, OverflowError) as error:
        return Verdict(False, name, seen, f"not a regular expression: {error}")
    except TimeoutError:
        return Verdict(False, name, seen, f"the pattern took longer than {REGEX_SECONDS} s")
    return PASSED if found else Verdict(False, name, seen)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def _jsonpath(name: str, query: str, context: Json, seen: dict[str, Json]) -> Verdict:
    try:
        test = compile_jsonpath(query)
    except SelectorSyntaxError as error:
        return Verdict(False, name, seen, str(error))
    if test.passes(context):
        return PASSED
    values = {text: _shown(value) for text, value in test.explain(context).items()}
    return Verdict(False, name, values or seen)


def _shown(value: Value) -> Json:
    """A value short enough to be read in an error message."""
    if value is ABSENT:
        return None
    text = as_text(value)
    return value if len(text) <= 200 else f"{text[:200]}..."
