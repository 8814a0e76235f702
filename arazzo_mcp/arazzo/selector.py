"""JSONPath as a criterion's condition, in the readings that real documents need.

"A condition passes when the JSONPath expression returns a non-empty nodelist" (Arazzo 1.1.0, JSONPath
Conditions). Beyond that text, decided when a condition is compiled and reported as a finding:

- 98 % of published jsonpath conditions are no query but a boolean expression (`$.status == "DONE"`). The
  specification's letter makes them false for ever, which sends a finished job to the cancel step; a
  text that is no query is therefore read as the boolean expression that it is.
- `$[?...]` visits the *members* of an object, yet the specification's own example applies it to an object as
  a whole. Where a filter at the root selects nothing in an object, it is applied to the object itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from arazzo_mcp.arazzo.comparison import truthy
from arazzo_mcp.arazzo.condition import (
    Condition,
    ConditionSyntaxError,
    holds,
    operands,
    parse_condition,
)
from arazzo_mcp.arazzo.expression import point
from arazzo_mcp.arazzo.jsonpath import RFC, Query, compile_query
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT, Json, Value

Reading = Literal["query", "boolean"]


@dataclass(frozen=True, slots=True)
class PathOperand:
    """A path in a boolean condition: one node's value, or how many it has (`.length`)."""

    text: str
    query: Query
    length: bool


@dataclass(frozen=True, slots=True)
class PathTest:
    """A compiled jsonpath condition: which reading was taken, and the test itself.

    judge: whether a value passes; raises SelectorError where it cannot be queried. explain: the values that were seen.
    """

    reading: Reading
    judge: Callable[[Json], bool]
    explain: Callable[[Json], dict[str, Value]]

    def passes(self, value: Json) -> bool:
        """Whether a value passes; one that cannot be queried does not."""
        try:
            return self.judge(value)
        except SelectorError:
            return False


@lru_cache(maxsize=4096)
def compile_jsonpath(text: str, version: str = RFC) -> PathTest:
    """A jsonpath condition, ready to be applied to many values.

    Raises:
        SelectorSyntaxError: it can be read neither as a query nor as a boolean expression.
    """
    text = text.strip()
    try:
        query = compile_query(text, version)
    except SelectorSyntaxError as error:
        return _boolean(text, version, error)
    return PathTest("query", lambda value: _selects(query, text, value), lambda _value: {})


def pick(value: Json, text: str, version: str = RFC) -> Value:
    """What a Selector Object's JSONPath picks: the value of a query for one place, the list of values of any other.

    Raises:
        SelectorSyntaxError: the text is no query.
        SelectorError: the value cannot be queried.
    """
    query = compile_query(text.strip(), version)
    found = [value for _, value in query.nodes(value)]
    return found if not query.singular else found[0] if found else ABSENT


def _selects(query: Query, text: str, value: Json) -> bool:
    if query.nodes(value):
        return True
    return text.startswith("$[?") and isinstance(value, dict) and bool(query.nodes([value]))


def _boolean(text: str, version: str, error: Exception) -> PathTest:
    try:
        condition = parse_condition(text, partial(_read_path, version))
    except ConditionSyntaxError as no_condition:
        raise SelectorSyntaxError(
            f"not a JSONPath query ({error}), nor a boolean expression ({no_condition})"
        ) from None
    return PathTest(
        "boolean",
        lambda value: holds(condition, lambda operand: _look(operand, value), loose=False),
        lambda value: _explain(condition, value),
    )


def _explain(condition: Condition[PathOperand], value: Json) -> dict[str, Value]:
    return {operand.text: _look(operand, value) for operand in operands(condition)}


def _look(operand: PathOperand, value: Json) -> Value:
    found = [value for _, value in operand.query.nodes(value)]
    node: Value = found[0] if found else ABSENT
    if operand.length:
        return len(node) if isinstance(node, list | dict | str) else 0
    return node if len(found) < 2 else any(truthy(one) for one in found)


def _read_path(version: str, text: str, start: int) -> tuple[PathOperand, int] | None:
    """`PATH = $ (.name | [n] | [?filter])* [.length]`; a missing `.length` counts as 0, so that
    "nothing found" branches work."""
    if text.startswith("#/", start):
        return _read_pointer(text, start)
    if not text.startswith("$", start):
        return None
    end = _path_end(text, start + 1)
    path = text[start:end]
    length = path.endswith(".length")
    try:
        query = compile_query(path.removesuffix(".length") if length else path, version)
    except SelectorSyntaxError:
        return None
    return PathOperand(path, query, length), end


def _read_pointer(text: str, start: int) -> tuple[PathOperand, int]:
    """`#/a/b`, as one author writes it for `$.a.b`."""
    written = re.split(r"[\s=!<>&|()]", text[start:], maxsplit=1)[0]
    pointer = written.removesuffix(".length")[1:]

    def run(value: Json) -> list[tuple[tuple[int | str, ...], Json]]:
        found = point(value, pointer)
        return [] if found is ABSENT else [((), found)]

    return PathOperand(written, Query(pointer, True, run, False), written.endswith(".length")), start + len(written)


def _path_end(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == "[":
            at = _bracket_end(text, at)
        elif text[at].isalnum() or text[at] in "._*-" or ord(text[at]) > 127:
            at += 1
        else:
            break
    return at


def _bracket_end(text: str, at: int) -> int:
    depth, quote = 0, ""
    while at < len(text):
        character = text[at]
        if quote:
            at += character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character == "[") - (character == "]")
        at += 1
        if depth == 0 and not quote:
            return at
    return at
