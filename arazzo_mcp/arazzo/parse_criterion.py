"""Criterion Objects: each kind compiled when the document is read, so that a mistake is found before any request."""

from __future__ import annotations

import re
from collections.abc import Callable

from arazzo_mcp.arazzo.condition import ConditionSyntaxError, operands, parse_condition
from arazzo_mcp.arazzo.context import Context
from arazzo_mcp.arazzo.expression import Expression, parse_expression
from arazzo_mcp.arazzo.fields import check_fields
from arazzo_mcp.arazzo.model import Criterion, JsonPathCriterion, RegexCriterion, SimpleCriterion
from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.selector import SelectorSyntaxError, compile_jsonpath
from arazzo_mcp.arazzo.template import Literal, Text
from arazzo_mcp.findings import did_you_mean

_OPERAND = re.compile(r"\{(?P<braced>\$[^{}]+)\}|(?P<plain>\$(?:[^\s=!<>&|()\[\]{}]|\[[^\]]*\])+)")


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
    if isinstance(kind, dict):
        kind = f"{kind.get('type')} {kind.get('version')}"
    kind = str(kind)
    read = _CRITERIA.get(kind.removesuffix(" rfc9535"))
    if read is None:
        hint = did_you_mean(kind, _CRITERIA)
        context.reader.error(path, "criterion-type", f"criteria of type {kind!r} are not served.", hint)
    return read(context, text, node, path) if read and text else None


def _simple(context: Context, text: str, _node: dict[str, Json], path: Path) -> Criterion | None:
    try:
        condition = parse_condition(text, _read_expression)
    except ConditionSyntaxError as error:
        context.reader.error(path, "condition-syntax", f"{error}.")
        return None
    if '"' in re.sub(r"'(?:[^']|'')*'", "", text):
        context.reader.tolerate(path, "double-quotes", repr(text))
    for expression in operands(condition):
        context.check(expression, path, in_condition=True)
    return SimpleCriterion(text, condition, context.reader.where((*path, "condition")))


def _regex(context: Context, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
    applied = _applied_to(context, node, path)
    return RegexCriterion(text, applied, context.condition_text(text, path)) if applied else None


def _jsonpath(context: Context, text: str, node: dict[str, Json], path: Path) -> Criterion | None:
    applied = _applied_to(context, node, path)
    query = context.condition_text(text, path)
    # 0 stands for an expression's value: a number outside quotes, a text within
    parts = query.parts if isinstance(query, Text) else (text,)
    try:
        if compile_jsonpath("".join(part if isinstance(part, str) else "0" for part in parts)).reading == "boolean":
            context.reader.tolerate(path, "jsonpath-boolean", repr(text))
    except SelectorSyntaxError as error:
        if isinstance(query, Literal):
            context.reader.error(path, "condition-syntax", f"{text!r}: {error}.")
    return JsonPathCriterion(text, applied, query) if applied else None


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


_CRITERIA: dict[str, Callable[[Context, str, dict[str, Json], Path], Criterion | None]] = {
    "simple": _simple,
    "regex": _regex,
    "jsonpath": _jsonpath,
}
