"""Payload Replacement Objects: values set into a payload at the places that targets name.

Arazzo 1.1.0, "Payload Replacement Object". A target "MUST be resolved against the request body": one that names no
place is an error before any request. A JSON pointer may name a member that is not there yet, and `-` the place after
the last item; a query names what it selects, all of it. A text in JSON is set into as its structure; a text in XML
stays a text, with its prefixes as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

from jsonpointer import JsonPointerException, set_pointer

from arazzo_mcp.arazzo import jsonpath, xpath
from arazzo_mcp.arazzo.kind import LANGUAGES
from arazzo_mcp.arazzo.model import Replacement
from arazzo_mcp.arazzo.query import SelectorError, SelectorSyntaxError
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, as_text
from arazzo_mcp.arazzo.template import Unresolved, fill, fill_query
from arazzo_mcp.arazzo.xml import local, parse_xml

_DECLARATION = re.compile(r"\s*(<\?xml[^>]*\?>\s*)?")


def replaced(payload: Json, replacements: Iterable[Replacement], scope: Scope) -> Json:
    """A payload with all its replacements, in their order. A replacement without a value changes nothing.

    Raises:
        Unresolved: a target names no place in the payload.
    """
    for replacement in replacements:
        value = fill(replacement.value, scope)
        if value is not ABSENT:
            payload = _replaced(payload, replacement, value, scope)
    return payload


def _replaced(payload: Json, replacement: Replacement, value: Json, scope: Scope) -> Json:
    kind = replacement.kind
    target = fill_query(replacement.target, scope, LANGUAGES[kind].literal)
    try:
        return _SET[kind.type](_structure(payload) if kind.type != "xpath" else payload, target, kind.version, value)
    except (JsonPointerException, SelectorSyntaxError, SelectorError, TypeError) as error:
        raise Unresolved(f"payload replacement target {target!r}", f"is not in the payload: {error}") from None


def _structure(payload: Json) -> Json:
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload)
    except ValueError:
        return payload


def _at_pointer(payload: Json, target: str, _version: str, value: Json) -> Json:
    if isinstance(payload, str) and target:
        raise SelectorError("the payload is a text, and a JSON pointer names a place in JSON")
    return set_pointer(payload, target, value, inplace=False)


def _at_query(payload: Json, target: str, version: str, value: Json) -> Json:
    """Inner places first, so that a place within another that is replaced is not missed."""
    places = [place for place, _ in jsonpath.compile_query(target.strip(), version).nodes(payload)]
    if not places:
        raise SelectorError("nothing is selected")
    changed = deepcopy(payload)
    for place in reversed(places):
        if not place:
            return value
        inner = changed
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value
    return changed


# --- XML


def _at_xpath(payload: Json, target: str, version: str, value: Json) -> Json:
    nodes = xpath.nodes(payload, target, version)
    if not nodes:
        raise SelectorError("nothing is selected")
    twins = dict(zip(parse_xml(payload).root.iter(), _as_written(payload).iter(), strict=True))
    for node in nodes:
        _set(node, twins, as_text(value))
    found = _DECLARATION.match(payload)
    root = next(iter(twins.values()))
    return (found[1] or "" if found else "") + tostring(root, encoding="unicode")


def _as_written(text: str) -> Element:
    """The same tree with names as they are written (`p:name`, `xmlns:p`): what is not changed keeps its prefixes. The
    text has been parsed safely before."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(text.lstrip("\ufeff \t\r\n").encode(), True)
    return builder.close()


def _set(node: Any, twins: dict[Element, Element], text: str) -> None:
    """An element's content becomes the text; an attribute's value; a text itself."""
    owner = node if node.__class__.__name__.endswith("ElementNode") else node.parent
    element = twins[owner.value]
    name = getattr(node, "name", None)
    if owner is not node and name:
        names = (n for n in element.attrib if n == local(name) or n.endswith(f":{local(name)}"))
        element.attrib[next(names)] = text
        return
    tail, attributes = element.tail, dict(element.attrib)
    element.clear()
    element.text, element.tail = text, tail
    element.attrib.update(attributes)


_SET: Final[dict[str, Callable[[Json, str, str, Json], Json]]] = {
    "jsonpointer": _at_pointer,
    "jsonpath": _at_query,
    "xpath": _at_xpath,
}
