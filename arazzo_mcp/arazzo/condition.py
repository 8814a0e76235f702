"""The grammar of conditions.

Arazzo 1.1.0, "Criterion Object": literals, operators and operands with grouping. One grammar serves two
dialects: `simple` conditions, whose operands are runtime expressions and whose comparison of strings ignores
case, and the boolean reading of a jsonpath condition, whose operands are paths and whose comparison is exact.
What other languages write for an operator is read when it is asked for, after the letter has failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from arazzo_mcp.arazzo.comparison import compare, number, truthy
from arazzo_mcp.arazzo.scope import Json, Value

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

_VALUE = (
    r"|(?P<string>'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,4})?)(?![\w.])"
    r"|(?P<word>true|false|null)\b)"
)
_TOKEN = re.compile(r"\s*(?:(?P<operator>&&|\|\||==|!=|<=|>=|<|>|!|\(|\))" + _VALUE, re.IGNORECASE)
_LOOSE_TOKEN = re.compile(
    r"\s*(?:(?P<operator>&&|\|\||={1,3}|!==?|<>|<=|>=|<|>|!|\(|\)|(?:and|or|not|contains|in)(?![\w.-]))" + _VALUE,
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*\[([^\[\]]*)\]")
_SPELLINGS: Final[dict[str, tuple[str, str]]] = {
    "and": ("&&", "word-operators"),
    "or": ("||", "word-operators"),
    "not": ("!", "word-operators"),
    "=": ("==", "single-equals"),
    "===": ("==", "javascript-equals"),
    "!==": ("!=", "javascript-equals"),
    "<>": ("!=", "javascript-equals"),
    "contains": ("contains", "contains"),
    "in": ("in", "contains"),
}
"""What other languages write for an operator, and the code of the tolerance."""
_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">", "contains", "in")
_MOST_NESTED: Final = 64
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}

ReadOperand = Callable[[str, int], tuple[Operand, int] | None]
"""Reads the operand that begins at an offset: (operand, end), or None where none begins."""


def parse_condition(text: str, read_operand: ReadOperand[Operand], used: set[str] | None = None) -> Condition[Operand]:
    """A condition as a tree. With `used`, the operators of other languages are read too, and their codes put into it.

    Raises:
        ConditionSyntaxError: with the place at which the text stops making sense.
    """
    return _Parser(text, read_operand, used).parse()


class _Parser(Generic[Operand]):
    """Recursive descent: or > and > not > comparison > operand."""

    def __init__(self, text: str, read_operand: ReadOperand[Operand], used: set[str] | None) -> None:
        self.text, self.at, self.read_operand, self.depth, self.used = text, 0, read_operand, 0, used
        self.token = _TOKEN if used is None else _LOOSE_TOKEN

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
        operator = self._take(*_COMPARISONS)
        if operator is None:
            return Truth(left)
        right = self._operand()
        return Comparison(right, "contains", left) if operator == "in" else Comparison(left, operator, right)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise self._error(f"nested more than {_MOST_NESTED} deep")
        yield
        self.depth -= 1

    def _operand(self) -> Constant | Operand:
        token = self.token.match(self.text, self.at)
        if token and not token["operator"]:
            self.at = token.end()
            return self._embedded(token) or Constant(_constant(token))
        if self.used is not None and (several := _LIST.match(self.text, self.at)):
            self.at = several.end()
            return Constant(self._items(several[1]))
        start = self.at + len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        found = self.read_operand(self.text, start)
        if found is None:
            raise self._error("expected a value")
        operand, self.at = found
        return operand

    def _embedded(self, token: re.Match[str]) -> Operand | None:
        """`'{$inputs.x}'`: a string that is one expression in braces is its value."""
        inner = token["string"][1:-1] if token["string"] else ""
        found = self.read_operand(inner, 0) if inner.startswith("{$") else None
        return found[0] if found and found[1] == len(inner) else None

    def _items(self, text: str) -> list[Json]:
        """`[200, 'x']`, which stands after `in` alone."""
        tokens = [_TOKEN.fullmatch(part.strip()) for part in text.split(",")]
        if any(token is None or token["operator"] for token in tokens):
            raise self._error("expected values")
        return [_constant(token) for token in tokens if token]

    def _take(self, *operators: str) -> str | None:
        token = self.token.match(self.text, self.at)
        if token is None or not token["operator"]:
            return None
        operator, code = _SPELLINGS.get(token["operator"].lower(), (token["operator"], ""))
        if operator not in operators:
            return None
        self.at = token.end()
        if self.used is not None and code:
            self.used.add(code)
        return operator

    def _error(self, what: str) -> ConditionSyntaxError:
        rest = self.text[self.at :].strip()
        return ConditionSyntaxError(f"{what} {f'at {rest[:40]!r}' if rest else 'at the end'} in {self.text!r}")


def _constant(token: re.Match[str]) -> Json:
    if token["string"]:
        quote, inner = token["string"][0], token["string"][1:-1]
        return inner.replace("''", "'") if quote == "'" else re.sub(r"\\(.)", r"\1", inner)
    if token["number"]:
        return number(token["number"])
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
