"""Expression Type Objects: the kinds of query that there are, and one function each for what is done with them.

Arazzo 1.1.0, "Expression Type Object": "If this object is not defined, the default version for the selector type MUST
be used." A version is a value of the table; another one is another row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from arazzo_mcp.arazzo import jsonpath, xpath
from arazzo_mcp.arazzo.expression import point
from arazzo_mcp.arazzo.query import SelectorSyntaxError
from arazzo_mcp.arazzo.scope import Json, Value
from arazzo_mcp.arazzo.selector import pick
from arazzo_mcp.findings import did_you_mean


@dataclass(frozen=True, slots=True)
class Kind:
    """A query language and its version; neither need be known."""

    type: str
    version: str


@dataclass(frozen=True, slots=True)
class Language:
    """What can be done with the texts of a kind.

    check: raises SelectorSyntaxError where a text is none of them. pick: what a text selects in a value, ABSENT where
    nothing; raises SelectorSyntaxError and SelectorError. literal: a string as the language writes it.
    """

    check: Callable[[str], object]
    pick: Callable[[Json, str], Value]
    literal: Callable[[str], str]


def _check_pointer(text: str) -> None:
    if not re.fullmatch(r"(?:/(?:[^/~]|~[01])*)*", text):
        raise SelectorSyntaxError("every part of one begins with '/'")


def _check_jsonpath(text: str, version: str) -> None:
    """Blanks around a query are none of it: the texts of YAML end with line breaks."""
    jsonpath.compile_query(text.strip(), version)


def _xpath_literal(text: str) -> str:
    """XPath 1.0 has no way to write both quotes; later versions double them."""
    quote = "'" if '"' in text and "'" not in text else '"'
    return quote + text.replace(quote, quote * 2) + quote


POINTER: Final = Kind("jsonpointer", "rfc6901")
JSONPATH: Final = Kind("jsonpath", jsonpath.RFC)
XPATH: Final = Kind("xpath", xpath.VERSIONS[0])

LANGUAGES: Final[dict[Kind, Language]] = {
    POINTER: Language(_check_pointer, point, str),
    **{
        Kind("jsonpath", version): Language(
            partial(_check_jsonpath, version=version), partial(pick, version=version), json.dumps
        )
        for version in (jsonpath.RFC, jsonpath.GOESSNER)
    },
    **{
        Kind("xpath", version): Language(
            partial(xpath.check, version=version), partial(xpath.pick, version=version), _xpath_literal
        )
        for version in xpath.VERSIONS
    },
}

DEFAULTS: Final = {kind.type: kind.version for kind in (JSONPATH, XPATH, POINTER)}
"""The version that a type alone stands for."""

_NAMES: Final = {"jsonpath": "JSONPath", "xpath": "XPath", "jsonpointer": "JSON pointer"}


def kind_of(value: Json) -> Kind:
    """The kind that a `type` or `targetSelectorType` names: a string, or an Expression Type Object."""
    if not isinstance(value, dict):
        return Kind(str(value), DEFAULTS.get(str(value), ""))
    name = str(value.get("type"))
    return Kind(name, str(value.get("version", DEFAULTS.get(name, ""))))


def unknown(kind: Kind, what: str) -> tuple[str, str] | None:
    """What is wrong with a kind, and a hint; None where it is known."""
    if kind in LANGUAGES:
        return None
    if kind.type not in DEFAULTS:
        return f"{what} of type {kind.type!r} are not served.", did_you_mean(kind.type, DEFAULTS)
    versions = [known.version for known in LANGUAGES if known.type == kind.type]
    hint = did_you_mean(kind.version, versions) or f"One of {', '.join(versions)}."
    return f"there is no version {kind.version!r} of {kind.type}.", hint


def mistake(text: str | None, kind: Kind, what: str) -> tuple[str, str, str] | None:
    """The code of a finding, what is wrong with a kind or with a constant text of it, and a hint; None where all is
    well. A text that is not known before it is used is None."""
    if problem := unknown(kind, what):
        return "selector-type", *problem
    if text is None:
        return None
    try:
        LANGUAGES[kind].check(text)
    except SelectorSyntaxError as error:
        return "selector-syntax", f"{text!r} is no {_NAMES[kind.type]}: {error}.", ""
    return None
