"""Bodies of XML out of values, as the `xml` hints of a schema say.

OpenAPI 3.2, "XML Object" with its examples; `attribute` and `wrapped` of earlier versions mean the node types
`attribute` and `element`. A member without a schema is an element, or an attribute where its name begins with `@`; the
member `#text` is the text of its element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.encode import UnfitValue, scalar
from arazzo_mcp.openapi.model import MediaType, Resolve
from arazzo_mcp.openapi.schema import Parts, applying, item_schema, keyword, properties, types

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NIL: Final = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
_NAME: Final = re.compile(r"[^\W\d][\w.\-]*(:[^\W\d][\w.\-]*)?")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Node:
    """What a schema says of the node that a value becomes. name: of the hint, empty where there is none."""

    kind: str
    name: str
    prefix: str
    namespace: str

    def named(self, inferred: str) -> str:
        """The qualified name, where the hint has none with the name that is inferred."""
        name = self.name or inferred
        full = f"{self.prefix}:{name}" if self.prefix else name
        if not _NAME.fullmatch(full):
            raise UnfitValue(f"{full[:80]!r} is no name of XML")
        return full

    @property
    def declaration(self) -> str:
        """Its namespace, as an attribute."""
        if not self.namespace:
            return ""
        return f" xmlns{f':{self.prefix}' if self.prefix else ''}={quoteattr(self.namespace)}"


def xml(value: Json, media: MediaType, resolve: Resolve) -> str:
    """A document: its root is named by the schema's hint, by the schema's own name, or by the value's only member.

    Raises:
        UnfitValue: nothing names the root, or a name or a text cannot stand in XML.
    """
    schema = tuple(applying(media.schema, resolve))
    hint = _node(schema)
    inferred = hint.name or media.schema_name
    only = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    if only and (not inferred or (only == inferred and only not in properties(schema))):
        value, inferred = value[only], inferred or only
    if not inferred:
        raise UnfitValue("the body's schema does not name a root element: give it `xml: {name: ...}`")
    root = Node("element", hint.name, hint.prefix, hint.namespace)
    return _HEAD + _element(root, inferred, value, schema, resolve)


def _node(schema: Parts) -> Node:
    found = keyword(schema, "xml")
    hint: Mapping[str, Json] = found if isinstance(found, dict) else {}
    default = "none" if "array" in types(schema) and len(types(schema)) < 3 else "element"
    if hint.get("attribute"):
        default = "attribute"
    elif hint.get("wrapped"):
        default = "element"
    texts = (str(hint.get(name) or "") for name in ("name", "prefix", "namespace"))
    return Node(str(hint.get("nodeType") or default), *texts)


def _nodes(name: str, value: Json, schema: Parts, resolve: Resolve) -> str:
    """The nodes that a member becomes: one, or one for each item of a list."""
    node = _node(schema)
    if isinstance(value, list) and not (node.kind == "element" and "array" in types(schema) and keyword(schema, "xml")):
        return _items(node.name if "array" not in types(schema) else "", name, value, schema, resolve)
    if node.kind in ("text", "cdata"):
        return _text(scalar(value)) if node.kind == "text" else _cdata(scalar(value))
    if node.kind == "none":
        return _content(name, value, schema, resolve)
    return _element(node, name, value, schema, resolve)


def _items(hinted: str, name: str, value: list[Json], schema: Parts, resolve: Resolve) -> str:
    inner = [tuple(applying(item_schema(schema, at), resolve)) for at in range(len(value))]
    return "".join(_nodes(hinted or name, item, parts, resolve) for item, parts in zip(value, inner, strict=True))


def _element(node: Node, inferred: str, value: Json, schema: Parts, resolve: Resolve) -> str:
    name = node.named(inferred)
    if value is None:
        return f"<{name}{node.declaration}{_NIL}/>"
    attributes = "".join(_attributes(value, schema, resolve))
    content = _content(node.name or inferred, value, schema, resolve)
    start = f"<{name}{node.declaration}{attributes}"
    return f"{start}>{content}</{name}>" if content else f"{start}/>"


def _content(name: str, value: Json, schema: Parts, resolve: Resolve) -> str:
    if isinstance(value, list):
        return _items("", name, value, schema, resolve)
    if not isinstance(value, dict):
        return _text(scalar(value))
    members = ((key, value[key], tuple(applying(inner, resolve))) for key, inner in _ordered(value, schema))
    return "".join(
        _text(scalar(item)) if key == "#text" else _nodes(key, item, inner, resolve)
        for key, item, inner in members
        if not _is_attribute(key, inner)
    )


def _attributes(value: Json, schema: Parts, resolve: Resolve) -> Iterator[str]:
    """ "For attributes, omit the attribute" where the value is null."""
    for key, inner in _ordered(value, schema) if isinstance(value, dict) else ():
        parts = tuple(applying(inner, resolve))
        if value[key] is not None and _is_attribute(key, parts):
            node = _node(parts)
            text = _checked(scalar(value[key]))
            yield f"{node.declaration} {node.named(key.removeprefix('@'))}={quoteattr(text)}"


def _is_attribute(key: str, schema: Parts) -> bool:
    return key.startswith("@") or _node(schema).kind == "attribute"


def _ordered(value: Mapping[str, Json], schema: Parts) -> Iterator[tuple[str, Json]]:
    """Members in the order of the schema, as many servers want a sequence; those that it does not know come last."""
    known = properties(schema)
    yield from ((str(key), inner) for key, inner in known.items() if key in value)
    yield from ((str(key), {}) for key in value if key not in known)


def _text(text: str) -> str:
    return escape(_checked(text))


def _cdata(text: str) -> str:
    return "<![CDATA[" + _checked(text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _checked(text: str) -> str:
    if found := _FORBIDDEN.search(text):
        raise UnfitValue(f"the character {found[0]!r} cannot stand in XML")
    return text
