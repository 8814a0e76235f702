"""`.length` at the end of an expression in a simple condition: how many there are, where nothing has that name."""

from __future__ import annotations

from functools import lru_cache

from arazzo_mcp.arazzo.expression import Expression, evaluate, parse_expression
from arazzo_mcp.arazzo.scope import ABSENT, Scope, Value


def length_of(expression: Expression, scope: Scope) -> Value:
    """Elements, members or characters of what stands before `.length`; of nothing 0, of anything else ABSENT."""
    measured = _before(expression.text)
    value = evaluate(measured, scope) if measured else ABSENT
    if value is ABSENT or value is None:
        return 0
    return len(value) if isinstance(value, list | dict | str) else ABSENT


@lru_cache(maxsize=1024)
def _before(text: str) -> Expression | None:
    return parse_expression(text.removesuffix(".length"))
