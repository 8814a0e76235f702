"""XML texts: parsed safely, and as the structure that a JSON pointer can enter.

A body in XML stays the text that it is (`$response.body`); a pointer or a path into it is applied to its structure:
elements by their local names, repeated ones as a list, attributes as `@name`, an element of text alone as that text,
text beside attributes or elements as `#text`. A pointer begins below the root element, and may begin with the root's
own name too. Entities are refused, depth and size are bounded. Knows nothing of Arazzo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder

from arazzo_mcp.arazzo.scope import ABSENT, MOST_DEPTH, Json, Value

MOST_CHARACTERS: Final = 20_000_000
"""Longer texts are not read as XML."""

_BLANKS: Final = "\ufeff \t\r\n"


class XmlError(ValueError):
    """A text is no XML that is read; the message says why."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed text: the root, and the namespaces declared in it by prefix ("" is the root's default namespace)."""

    root: Element
    namespaces: dict[str, str]


def looks_like_xml(text: str) -> bool:
    """Whether a text begins as XML does."""
    return text.lstrip(_BLANKS).startswith("<")


@lru_cache(maxsize=2)
def parse_xml(text: str) -> Tree:
    """A text as a tree, which nobody may change: it is kept for the next query.

    Raises:
        XmlError: it is not well-formed, declares entities, is nested too deeply or too long.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    if len(text) > MOST_CHARACTERS:
        raise XmlError(f"longer than {MOST_CHARACTERS} characters")
    builder = _Builder()
    try:
        parser = DefusedXMLParser(target=builder)
        parser.feed(text.lstrip(_BLANKS))
        return Tree(parser.close(), builder.namespaces)
    except DefusedXmlException:
        raise XmlError("XML with entities or external references is refused") from None
    except (ParseError, ValueError) as error:
        raise XmlError(str(error)) from None


class _Builder(TreeBuilder):
    """Collects the namespaces, and keeps count of the depth."""

    def __init__(self) -> None:
        super().__init__()
        self.namespaces: dict[str, str] = {}
        self._depth = 0

    def start_ns(self, prefix: str, uri: str) -> None:
        if prefix or not self._depth:
            self.namespaces.setdefault(prefix, uri)

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise XmlError(f"nested more than {MOST_DEPTH} deep")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def structure(text: str) -> dict[str, Json]:
    """A text as plain data: the root's name, and what it holds.

    Raises:
        XmlError: it is no XML that is read.
    """
    return _structure(text)


@lru_cache(maxsize=2)
def _structure(text: str) -> dict[str, Json]:
    root = parse_xml(text).root
    return {local(root.tag): content(root)}


def content(element: Element) -> Json:
    """What an element holds: its text where that is all, else a mapping."""
    children: dict[str, list[Json]] = {}
    for child in element:
        children.setdefault(local(child.tag), []).append(content(child))
    found: dict[str, Json] = {f"@{local(name)}": value for name, value in element.attrib.items()}
    found |= {name: values if len(values) > 1 else values[0] for name, values in children.items()}
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    if not found:
        return text
    return {**found, "#text": text.strip()} if text.strip() else found


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def value_at(text: str, names: Sequence[str]) -> Value:
    """What stands in an XML text below its root, at these names; ABSENT where nothing does, or where it is no XML.

    One element is a list of one to an index 0: a list of results holds one item at times.
    """
    try:
        [(root, inner)] = structure(text).items()
    except XmlError:
        return ABSENT
    found = _into(inner, names)
    return _into({root: inner}, names) if found is ABSENT and names[:1] == [root] else found


def _into(value: Value, names: Sequence[str]) -> Value:
    for name in names:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
            value = value[int(name)]
        elif isinstance(value, list) or name != "0":
            return ABSENT
    return value
