"""The grammar of conditions, and the only comparison in the package.

Arazzo 1.1.0, "Criterion Object": literals, operators and operands with grouping. One grammar serves two
dialects: `simple` conditions, whose operands are runtime expressions and whose comparison of strings ignores
case, and the boolean reading of a jsonpath condition, whose operands are paths and whose comparison is exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from arazzo_mcp.arazzo.scope import ABSENT, Json, Value

Operand = TypeVar("Operand")


class ConditionSyntaxError(ValueError):
    """A condition cannot be parsed; the message shows where."""


@dataclass(frozen=True, slots=True)
class Constant:
    value: Json


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Operand]):
    left: Constant | Operand
    operator: str
    right: Constant | Operand


@dataclass(frozen=True, slots=True)
class Truth(Generic[Operand]):
    operand: Constant | Operand


@dataclass(frozen=True, slots=True)
class Not(Generic[Operand]):
    condition: Condition[Operand]


@dataclass(frozen=True, slots=True)
class All(Generic[Operand]):
    conditions: tuple[Condition[Operand], ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Generic[Operand]):
    conditions: tuple[Condition[Operand], ...]


Condition = Comparison[Operand] | Truth[Operand] | Not[Operand] | All[Operand] | AnyOf[Operand]

_TOKEN = re.compile(
    r"\s*(?:(?P<operator>&&|\|\||==|!=|<=|>=|<|>|!|\(|\))"
    r"|(?P<string>'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,4})?)(?![\w.])"
    r"|(?P<word>true|false|null)\b)",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"\s*-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,4})?\s*")
_MOST_NESTED: Final = 64
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}

ReadOperand = Callable[[str, int], tuple[Operand, int] | None]
"""Reads the operand that begins at an offset: (operand, end), or None where none begins."""


def parse_condition(text: str, read_operand: ReadOperand[Operand]) -> Condition[Operand]:
    """A condition as a tree.

    Raises:
        ConditionSyntaxError: with the place at which the text stops making sense.
    """
    return _Parser(text, read_operand).parse()


class _Parser(Generic[Operand]):
    """Recursive descent: or > and > not > comparison > operand."""

    def __init__(self, text: str, read_operand: ReadOperand[Operand]) -> None:
        self.text, self.at, self.read_operand, self.depth = text, 0, read_operand, 0

    def parse(self) -> Condition[Operand]:
        condition = self._either()
        if self.text[self.at :].strip():
            raise self._error("expected an operator")
        return condition

    def _either(self) -> Condition[Operand]:
        terms = [self._both()]
        while self._take("||"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _both(self) -> Condition[Operand]:
        terms = [self._term()]
        while self._take("&&"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _term(self) -> Condition[Operand]:
        if self._take("!"):
            with self._nested():
                return Not(self._term())
        if self._take("("):
            with self._nested():
                inner = self._either()
            if not self._take(")"):
                raise self._error("expected ')'")
            return inner
        left = self._operand()
        operator = self._take("==", "!=", "<=", ">=", "<", ">")
        return Comparison(left, operator, self._operand()) if operator else Truth(left)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise self._error(f"nested more than {_MOST_NESTED} deep")
        yield
        self.depth -= 1

    def _operand(self) -> Constant | Operand:
        token = _TOKEN.match(self.text, self.at)
        if token and not token["operator"]:
            self.at = token.end()
            return Constant(_constant(token))
        start = self.at + len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        found = self.read_operand(self.text, start)
        if found is None:
            raise self._error("expected a value")
        operand, self.at = found
        return operand

    def _take(self, *operators: str) -> str | None:
        token = _TOKEN.match(self.text, self.at)
        if token and token["operator"] in operators:
            self.at = token.end()
            return token["operator"]
        return None

    def _error(self, what: str) -> ConditionSyntaxError:
        rest = self.text[self.at :].strip()
        return ConditionSyntaxError(f"{what} {f'at {rest[:40]!r}' if rest else 'at the end'} in {self.text!r}")


def _constant(token: re.Match[str]) -> Json:
    if token["string"]:
        quote, inner = token["string"][0], token["string"][1:-1]
        return inner.replace("''", "'") if quote == "'" else re.sub(r"\\(.)", r"\1", inner)
    if token["number"]:
        return _number(token["number"])
    return _WORDS[token["word"].lower()]


def holds(condition: Condition[Operand], look: Callable[[Operand], Value], *, loose: bool) -> bool:
    """Whether a condition is true. `look` gives an operand's value; `loose` is the comparison of simple conditions."""
    match condition:
        case AnyOf(conditions):
            return any(holds(one, look, loose=loose) for one in conditions)
        case All(conditions):
            return all(holds(one, look, loose=loose) for one in conditions)
        case Not(inner):
            return not holds(inner, look, loose=loose)
        case Truth(operand):
            return truthy(_value(operand, look))
        case Comparison(left, operator, right):
            return compare(_value(left, look), operator, _value(right, look), loose=loose)
    raise TypeError(condition)


def operands(condition: Condition[Operand]) -> Iterator[Operand]:
    """Every operand of a condition that is not a constant, in order."""
    match condition:
        case AnyOf(conditions) | All(conditions):
            for one in conditions:
                yield from operands(one)
        case Not(inner):
            yield from operands(inner)
        case Truth(operand):
            if not isinstance(operand, Constant):
                yield operand
        case Comparison(left, _, right):
            yield from (side for side in (left, right) if not isinstance(side, Constant))


def _value(operand: Constant | Operand, look: Callable[[Operand], Value]) -> Value:
    return operand.value if isinstance(operand, Constant) else look(operand)


def truthy(value: Value) -> bool:
    """A condition that is a value alone: fails on false, null and nothing at all."""
    return value is not ABSENT and value is not None and value is not False


def compare(left: Value, operator: str, right: Value, *, loose: bool) -> bool:
    """One comparison.

    "String comparisons MUST be case-insensitive. Numeric strings SHOULD be coerced to numbers when compared
    with numeric operators. `null` only equals itself." (Condition Evaluation). A value that is absent counts as null.
    """
    left, right = _plain(left), _plain(right)
    if operator == "==":
        return _equal(left, right, loose=loose)
    if operator == "!=":
        return not _equal(left, right, loose=loose)
    return _ordered(left, operator, right, loose=loose)


def _plain(value: Value) -> Json:
    return None if value is ABSENT else value


def _equal(left: Json, right: Json, *, loose: bool) -> bool:
    if loose and isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if loose and _is_number(left) is not _is_number(right):
        left, right = _coerced(left), _coerced(right)
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _ordered(left: Json, operator: str, right: Json, *, loose: bool) -> bool:
    if loose:
        left, right = _coerced(left), _coerced(right)
    if isinstance(left, str) and isinstance(right, str):
        if loose:
            left, right = left.casefold(), right.casefold()
        return _ORDER[operator]((left > right) - (left < right))
    if _is_number(left) and _is_number(right):
        return _ORDER[operator]((left > right) - (left < right))
    return False


_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _coerced(value: Json) -> Json:
    return _number(value) if isinstance(value, str) and _NUMERIC.fullmatch(value) else value


def _number(text: str) -> int | float:
    return float(text) if re.search(r"[.eE]", text) else int(text)
