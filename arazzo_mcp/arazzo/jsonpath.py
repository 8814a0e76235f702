"""JSONPath queries in both versions: compiled once, then applied to values, within bounds.

`rfc9535` is RFC 9535; `draft-goessner-dispatch-jsonpath-00` is the draft that came before it, in which filters compare
loosely typed values and `[(@.length-1)]` names the last item. Knows nothing of Arazzo.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jsonpath_rfc9535
from iregexp_check import check as is_iregexp
from jsonpath_rfc9535.exceptions import JSONPathError
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction

from arazzo_mcp.arazzo import pattern
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError, bounded
from arazzo_mcp.arazzo.scope import Json

RFC: Final = "rfc9535"
GOESSNER: Final = "draft-goessner-dispatch-jsonpath-00"

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_SEARCH_SECONDS: Final = 0.05
"""What one of the many searches of a filter may take; the first that takes longer ends the query."""

Location = tuple[int | str, ...]
"""Where a node stands: names and indices from the root on."""

Node = tuple[Location, Json]


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query. `singular` where it names one place at most; `nodes` are all that it selects in a value;
    `costly` where its work can exceed the value's size by far."""

    text: str
    singular: bool
    run: Callable[[Json], list[Node]]
    costly: bool

    def nodes(self, value: Json) -> list[Node]:
        """Every node that is selected, in order.

        Raises:
            SelectorError: the value is nested too deeply, or the work does not end.
        """
        try:
            with bounded(needed=self.costly):
                return self.run(value)
        except (JSONPathError, RecursionError, pattern.PatternTimeout) as error:
            raise SelectorError(str(error)) from None


@lru_cache(maxsize=4096)
def compile_query(text: str, version: str = RFC) -> Query:
    """A query of a version.

    Raises:
        SelectorSyntaxError: the text is none.
    """
    if not text.startswith("$"):
        raise SelectorSyntaxError("it does not begin with '$'")
    return _VERSIONS[version](text)


def _costly(text: str) -> bool:
    """Whether nodes may be visited again and again: descents within descents, unions, and filters that look beyond the
    members of what they are applied to."""
    plain, question, inner = _QUOTED.sub("", text).partition("?")
    return bool(plain.count("..") > 1 or "," in plain or (question and re.search(r"\.\.|[*?$:,]", inner)))


# --- RFC 9535


class _Timed(FilterFunction):
    """`match` and `search` (RFC 9535, 2.4.6 and 2.4.7) with a bound on their time."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as the library declares it
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, text: object, iregexp: object) -> bool:
        if not isinstance(text, str) or not isinstance(iregexp, str) or not is_iregexp(iregexp):
            return False
        try:
            return pattern.found(_mapped(iregexp), text, whole=self._whole, seconds=_SEARCH_SECONDS)
        except pattern.PatternError:
            return False


def _mapped(iregexp: str) -> str:
    """An I-Regexp as a pattern: a dot matches all but line ends (RFC 9485, 5.4)."""
    return re.sub(
        r"\\.|\[(?:\\.|[^\]\\])*\]|\.", lambda part: r"[^\r\n]" if part[0] == "." else part[0], iregexp, flags=re.DOTALL
    )


class _Environment(jsonpath_rfc9535.JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions |= {"match": _Timed(whole=True), "search": _Timed(whole=False)}


_ENVIRONMENT: Final = _Environment()


def _rfc(text: str) -> Query:
    try:
        query = _ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError, re.error) as error:
        raise SelectorSyntaxError(str(error)) from None
    return Query(
        text,
        query.singular_query(),
        lambda value: [(n.location, n.value) for n in query.finditer(value)],
        _costly(text),
    )


# --- the draft before it

_LAST = re.compile(r"\[\(\s*@\.length\s*-\s*(\d{1,6})\s*\)\]")
_OF_THE_LIBRARY = re.compile(r"`|=~")
_MOST_CHARACTERS: Final = 2_000


def _goessner(text: str) -> Query:
    """The library's own operators are no part of the draft; its regular expressions have no bound."""
    from jsonpath_ng import exceptions
    from jsonpath_ng.ext.parser import parse

    if len(text) > _MOST_CHARACTERS or _OF_THE_LIBRARY.search(_QUOTED.sub("", text)):
        raise SelectorSyntaxError("it is no JSONPath of the draft: regular expressions and `...` are not in it")
    try:
        query = parse(_LAST.sub(r"[-\1]", text))
    except (exceptions.JSONPathError, RecursionError, ValueError, TypeError, AttributeError) as error:
        raise SelectorSyntaxError(str(error)) from None
    singular = not re.search(r"\*|\.\.|[?,:]", _QUOTED.sub("", text))
    return Query(text, singular, lambda value: _goessner_nodes(query, value), _costly(text))


def _goessner_nodes(query: Any, value: Json) -> list[Node]:
    try:
        return [(_location(datum), datum.value) for datum in query.find(value)]
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise SelectorError(str(error)) from None


def _location(datum: Any) -> Location:
    names: list[int | str] = []
    while datum.context is not None:
        path = datum.path
        names.append(path.fields[0] if hasattr(path, "fields") else path.indices[0])
        datum = datum.context
    return tuple(reversed(names))


_VERSIONS: Final[dict[str, Callable[[str], Query]]] = {RFC: _rfc, GOESSNER: _goessner}
