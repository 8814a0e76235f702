"""Criterion Objects: each kind compiled when the document is read, so that a mistake is found before any request."""

from __future__ import annotations

import re

from arazzo_mcp.arazzo.condition import Condition, ConditionSyntaxError, operands, parse_condition
from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.expression import Expression, parse_expression
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.kind import DEFAULTS, LANGUAGES, Kind, kind_of, unknown
from arazzo_mcp.arazzo.model import Criterion, QueryCriterion, RegexCriterion, SimpleCriterion
from arazzo_mcp.arazzo.pattern import PatternError, compiled
from arazzo_mcp.arazzo.query import SelectorSyntaxError
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.selector import compile_jsonpath
from arazzo_mcp.arazzo.template import Literal, Text
from arazzo_mcp.findings import did_you_mean

_OPERAND = re.compile(
    r"""\{(?P<braced>\$[^{}]+)\}|(?P<plain>\$(?:[^\s=!<>&|()\[\]{},]|\[(?:'[^']*'|"[^"]*"|[^\]'"]*)\])+)"""
)
_TYPES = ("simple", "regex", "jsonpath", "xpath")


def criteria(context: Context, node: dict[str, Json], key: str, path: Path) -> tuple[Criterion, ...]:
    """The criteria in a field of a step or an action."""
    nodes = context.reader.items(node, key, path)
    found = (_criterion(context, n, (*path, key, at)) for at, n in enumerate(nodes))
    return tuple(criterion for criterion in found if criterion is not None)


def _criterion(context: Context, value: Json, path: Path) -> Criterion | None:
    node = context.reader.mapping(value, path, "a criterion")
    check_fields(context.reader, node, path, "a criterion")
    text = context.reader.text(node, "condition", path, required=True)
    kind = node.get("type") or "simple"
    if not text:
        return None
    if kind == "simple":
        return _simple(context, text, path)
    return _regex(context, text, node, path) if kind == "regex" else _query(context, text, node, path)


def _simple(context: Context, text: str, path: Path) -> Criterion | None:
    condition = _condition(context, text, path)
    if condition is None:
        return None
    if '"' in re.sub(r"'(?:[^']|'')*'", "", text):
        context.reader.tolerate(path, "double-quotes", repr(text))
    for expression in operands(condition):
        context.check(expression, path, in_condition=True)
        if expression.text.endswith(".length"):
            context.reader.tolerate(path, "length-in-condition", expression.text)
    return SimpleCriterion(text, condition, context.reader.where((*path, "condition")))


def _condition(context: Context, text: str, path: Path) -> Condition[Expression] | None:
    """To the letter, else with the operators of other languages."""
    try:
        return parse_condition(text, _read_expression)
    except ConditionSyntaxError as error:
        used: set[str] = set()
        try:
            condition = parse_condition(text, _read_expression, used)
        except ConditionSyntaxError:
            context.reader.error(path, "condition-syntax", f"{error}.")
            return None
        for code in sorted(used):
            context.reader.tolerate(path, code, repr(text))
        return condition


def _regex(context: Context, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
    applied = _applied_to(context, node, path)
    pattern = context.condition_text(text, path)
    if isinstance(pattern, Literal):
        try:
            compiled(text)
        except PatternError as error:
            context.reader.error(path, "condition-syntax", f"{text!r}: {error}.")
    return RegexCriterion(text, applied, pattern) if applied else None


def _query(context: Context, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
    kind = kind_of(node.get("type"))
    message, hint = unknown(kind, "criteria") or ("", "")
    if kind.type not in _TYPES or kind.type not in DEFAULTS:
        message, hint = f"criteria of type {kind.type!r} are not served.", did_you_mean(kind.type, _TYPES)
    if message:
        context.reader.error(path, "criterion-type", message, hint)
        return None
    if isinstance(node.get("type"), dict) and "version" not in node["type"]:
        context.reader.tolerate((*path, "type"), "missing-version", f"the type {kind.type!r}")
    applied = _applied_to(context, node, path)
    query = context.condition_text(text, path)
    _check(context, text, query, kind, path)
    return QueryCriterion(text, applied, query, kind) if applied else None


def _check(context: Context, text: str, query: Literal | Text, kind: Kind, path: Path) -> None:
    # 0 stands for an expression's value: a number outside quotes, a text within
    parts = query.parts if isinstance(query, Text) else (text,)
    tried = "".join(part if isinstance(part, str) else "0" for part in parts)
    try:
        if kind.type != "jsonpath":
            LANGUAGES[kind].check(tried)
        elif compile_jsonpath(tried, kind.version).reading == "boolean":
            context.reader.tolerate(path, "jsonpath-boolean", repr(text))
    except SelectorSyntaxError as error:
        if isinstance(query, Literal):
            said = "not an XPath expression: " if kind.type == "xpath" else ""
            context.reader.error(path, "condition-syntax", f"{text!r}: {said}{error}.")


def _applied_to(context: Context, node: dict[str, Json], path: Path) -> Expression | None:
    text = context.reader.text(node, "context", path, required=True)
    expression = parse_expression(text)
    if text and expression is None:
        context.reader.error((*path, "context"), "expression-syntax", f"{text!r} is no runtime expression.")
    elif expression is not None:
        context.check(expression, path, in_condition=True)
    return expression


def _read_expression(text: str, start: int) -> tuple[Expression, int] | None:
    """The runtime expression that begins at an offset of a simple condition; braces around it are allowed."""
    match = _OPERAND.match(text, start)
    if match is None:
        return None
    expression = parse_expression(match["braced"] or match["plain"])
    return (expression, match.end()) if expression else None
