"""XPath 1.0 to 3.1: conditions, what a selector picks, and places in an XML text.

The context is an XML text; parsed JSON is none, and says so. Names have the namespaces of the document: every prefix
that it declares can be used in a query. An unprefixed name is in no namespace in XPath 1.0, as its letter says, and in
the document's default namespace in 2.0 and later, where a query's static context may say so.

What is picked: an attribute or a text is its value, an element of text alone that text, an element with elements or
attributes the structure that a JSON pointer would see, several nodes a list of these, an atomic value itself.

A query reads its context and nothing else: functions that reach files, the network, the environment or the clock do
not exist here, and work, sizes and regular expressions are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from math import isfinite
from types import FunctionType
from typing import Any, Final

import regex

from arazzo_mcp.arazzo.pattern import Pattern, PatternError, PatternTimeout
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError, bounded
from arazzo_mcp.arazzo.scope import ABSENT, Json, Value
from arazzo_mcp.arazzo.xml import XmlError, content, parse_xml

VERSIONS: Final = ("xpath-31", "xpath-30", "xpath-20", "xpath-10")

_FORBIDDEN: Final = frozenset(
    {
        "doc", "doc-available", "collection", "uri-collection", "unparsed-text", "unparsed-text-lines",
        "unparsed-text-available", "environment-variable", "available-environment-variables", "json-doc", "transform",
        "load-xquery-module", "parse-xml", "parse-xml-fragment", "current-dateTime", "current-date", "current-time",
        "implicit-timezone", "random-number-generator", "static-base-uri", "trace", "analyze-string",
    }
)  # fmt: skip
_MATCHING: Final = ("matches", "replace", "tokenize")
_PREFIX = re.compile(r"([A-Za-z_][\w.\-]*):(?=[A-Za-z_*])")
_LOOPS = re.compile(
    r"(?<![\w@/:$-])(?:for|some|every|let|to)(?![\w-])|!(?!=)|descendant|following|preceding|ancestor|=>"
)
_MOST_CHARACTERS: Final = 10_000
_MOST_WORK_OF_READING: Final = 300_000  # constant parts are evaluated while a query is read
_MOST_ITEMS: Final = 100_000
_STANDARD: Final = frozenset({"xml", "xs", "fn", "math", "map", "array", "err"})

Namespaces = tuple[tuple[str, str], ...]


def check(text: str, version: str) -> None:
    """Whether a text is a query of a version. What its prefixes stand for is known only where it is applied.

    Raises:
        SelectorSyntaxError: it is none.
    """
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    prefixes = {prefix for prefix in _PREFIX.findall(unquoted) if prefix not in _STANDARD}
    _compiled(text, version, tuple((prefix, f"urn:{prefix}") for prefix in sorted(prefixes)))


def passes(value: Json, text: str, version: str) -> bool:
    """The Effective Boolean Value of a query, by the rules of its version.

    Raises:
        SelectorSyntaxError, SelectorError: see `check` and `pick`.
    """
    return bool(_evaluated(value, text, version, lambda token, items: token.boolean_value(items)))


def pick(value: Json, text: str, version: str) -> Value:
    """What a query selects, as JSON; ABSENT where it selects nothing.

    Raises:
        SelectorSyntaxError: the text is no query.
        SelectorError: the value is no XML, or the query cannot be evaluated on it.
    """
    picked = [_plain(item) for item in _evaluated(value, text, version, lambda _token, items: items)]
    return picked if len(picked) > 1 else picked[0] if picked else ABSENT


def nodes(value: Json, text: str, version: str) -> list[Any]:
    """The nodes that a query selects, as elementpath's nodes of `parse_xml(value)`. Raises as `pick` does."""
    return [item for item in _evaluated(value, text, version, lambda _token, items: items) if hasattr(item, "parent")]


def _evaluated(value: Json, text: str, version: str, read: Callable[[Any, list[Any]], Any]) -> Any:
    from elementpath import ElementPathError, XPathContext

    namespaces, document = _document(value)
    token = _compiled(text, version, namespaces)
    try:
        with bounded(needed=_costly(text)):
            return read(token, list(token.select(XPathContext(document))))
    except (ElementPathError, PatternTimeout, RecursionError, ArithmeticError, MemoryError) as error:
        raise SelectorError(str(error)) from None
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise error if isinstance(error, SelectorError) else SelectorError(str(error)) from None


@lru_cache(maxsize=1024)
def _costly(text: str) -> bool:
    """Whether nodes may be visited again and again: loops, descents within descents, and predicates that look beyond
    what stands below them."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    return bool(
        _LOOPS.search(plain) or plain.count("//") > 1 or re.search(r"\.\.|[\[(,=<>]\s*/", plain.partition("[")[2])
    )


def _document(value: Json) -> tuple[Namespaces, Any]:
    if not isinstance(value, str):
        raise SelectorError("XPath is applied to a text in XML, and this is JSON")
    try:
        return _parsed(value)
    except XmlError as error:
        raise SelectorError(f"the text is no XML: {error}") from None


@lru_cache(maxsize=2)
def _parsed(text: str) -> tuple[Namespaces, Any]:
    """The namespaces and the tree of nodes, with the document above the root: `/a` is the root element a."""
    from xml.etree.ElementTree import ElementTree

    from elementpath import get_node_tree

    tree = parse_xml(text)
    return tuple(tree.namespaces.items()), get_node_tree(ElementTree(tree.root))


def _plain(item: Any) -> Json:
    from elementpath import ElementNode

    if isinstance(item, ElementNode):
        return content(item.value)  # type: ignore[arg-type]
    if hasattr(item, "parent"):
        return str(item.string_value)
    return _atomic(item)


def _atomic(item: Any) -> Json:
    if isinstance(item, float | Decimal) and isfinite(item):
        return int(item) if item == int(item) else float(item)
    return item if isinstance(item, bool | int | str) else str(item)


# --- compiling


@lru_cache(maxsize=1024)
def _compiled(text: str, version: str, namespaces: Namespaces) -> Any:
    from elementpath import ElementPathError

    if len(text) > _MOST_CHARACTERS:
        raise SelectorSyntaxError(f"longer than {_MOST_CHARACTERS} characters")
    declared = dict(namespaces)
    default = declared.pop("", "")
    settings = {} if version == "xpath-10" else {"default_namespace": default}
    parser_class = _parser_class(version)
    try:
        with bounded(_MOST_WORK_OF_READING):
            return parser_class(namespaces=declared, **settings).parse(text)
    except (ElementPathError, RecursionError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise SelectorSyntaxError(str(error)) from None


@cache
def _parser_class(version: str) -> Any:
    """elementpath's parser of a version, without what reaches outside, and with bounded regular expressions."""
    from elementpath import XPath1Parser, XPath2Parser
    from elementpath.xpath30 import XPath30Parser
    from elementpath.xpath31 import XPath31Parser

    base: Any = dict(zip(VERSIONS, (XPath31Parser, XPath30Parser, XPath2Parser, XPath1Parser), strict=True))[version]
    symbols = {name: token for name, token in base.symbol_table.items() if name not in _FORBIDDEN}
    bound = {name: ("re", _Patterns) for name in _MATCHING} | {"to": ("range", _range)}
    symbols |= {name: _bound(symbols[name], *by) for name, by in bound.items() if name in symbols}
    safe = type(base)(base.__name__, (base,), {"symbol_table": symbols})
    safe.build()
    return safe


def _bound(token: Any, name: str, bounded_one: Any) -> Any:
    """The token of a function, its code bound to something with a bound instead of what it calls by that name."""
    evaluate = token.evaluate
    code, names = evaluate.__code__, {**evaluate.__globals__, name: bounded_one}
    copied = FunctionType(code, names, evaluate.__name__, evaluate.__defaults__, evaluate.__closure__)
    return type(token)(token.__name__, (token,), {"evaluate": copied})


def _range(first: int, end: int) -> range:
    if end - first > _MOST_ITEMS:
        raise SelectorError(f"a range has more than {_MOST_ITEMS} items")
    return range(first, end)


class _Patterns:
    """The part of the module `re` that elementpath's functions use."""

    error = PatternError
    S, M, I, X = regex.S, regex.M, regex.I, regex.X  # noqa: E741 - the names that `re` has
    escape = staticmethod(regex.escape)

    @staticmethod
    def compile(pattern: str, flags: int = 0) -> Pattern:
        return Pattern(pattern, int(flags))

    @staticmethod
    def search(pattern: str, text: str, flags: int = 0) -> Any:
        return Pattern(pattern, int(flags)).search(text)

    @staticmethod
    def sub(pattern: str, replacement: str, text: str) -> Any:
        return Pattern(pattern).sub(replacement, text)

    @staticmethod
    def split(pattern: str, text: str) -> Any:
        return Pattern(pattern).split(text)
