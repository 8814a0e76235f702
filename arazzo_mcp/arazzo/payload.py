"""Payloads that are texts with expressions inside: each value is written as the text's language needs it.

"The resulting string" of an expression is a value, never markup: a prompt with a quote, a `<` or an `&` in it must not
break the document around it. The content type says which language it is, and where it is silent, how the text begins.

- JSON: within quotes a value is escaped. A structure that stands alone within quotes takes their place, for its JSON
  within quotes would be no JSON (`"products": "{$inputs.products}"`).
- XML: a value is escaped as content or as an attribute; a text that is itself well-formed elements goes in as it is.
- form: a value is percent-encoded.
- any other text: a value as it is.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus

from arazzo_mcp.arazzo.expression import evaluate
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, as_text
from arazzo_mcp.arazzo.template import Template, Text, Unresolved, fill
from arazzo_mcp.arazzo.xml import XmlError, parse_xml

FORM: Final = "application/x-www-form-urlencoded"
_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*"')


def write_payload(payload: Template, content_type: str | None, scope: Scope) -> Json:
    """The value of a payload; a text where the payload is one.

    Raises:
        Unresolved: an expression inside a text has no value or is null.
    """
    if not isinstance(payload, Text) or len(payload.parts) == 1:
        return fill(payload, scope)
    written, write = "", _WRITE[language_of(content_type, str(payload.parts[0]))]
    for part, following in zip(payload.parts, (*payload.parts[1:], ""), strict=True):
        if isinstance(part, str):
            written += part
            continue
        value = evaluate(part, scope)
        if value is ABSENT or value is None:
            raise Unresolved(part.text, "has no value" if value is ABSENT else "is null")
        written = write(written, value, following if isinstance(following, str) else "")
    return _unmarked(written)


def language_of(content_type: str | None, text: str) -> str:
    """`json`, `xml`, `form` or `text`."""
    media = (content_type or "").partition(";")[0].strip().lower()
    if media.endswith(("/json", "+json")):
        return "json"
    if media.endswith(("/xml", "+xml")):
        return "xml"
    if media == FORM:
        return "form"
    start = text.lstrip()[:1]
    return {"{": "json", "[": "json", "<": "xml"}.get(start, "text") if not media or "*" in media else "text"


_TAKEN: Final = "\ue000"
"""Marks a quote that a structure has taken the place of, until the text is whole."""


def _unmarked(text: str) -> str:
    return text.replace(f'{_TAKEN}"', "")


def _into_json(written: str, value: Json, following: str) -> str:
    within = len(_QUOTE.findall(written.replace(f'{_TAKEN}"', ""))) % 2
    if not within:
        return written + as_text(value)
    if isinstance(value, dict | list) and written.endswith('"') and following.startswith('"'):
        return written[:-1] + as_text(value) + _TAKEN
    return written + json.dumps(as_text(value), ensure_ascii=False)[1:-1]


def _into_xml(written: str, value: Json, _following: str) -> str:
    text = as_text(value)
    if written.rfind("<![CDATA[") > written.rfind("]]>"):
        return written + text.replace("]]>", "]]]]><![CDATA[>")
    if written.rfind("<") > written.rfind(">"):
        return written + html.escape(text)
    return written + (text if _is_elements(text) else html.escape(text, quote=False))


def _is_elements(text: str) -> bool:
    if not text.lstrip().startswith("<"):
        return False
    try:
        root = parse_xml(f"<_>{text}</_>").root
    except XmlError:
        return False
    return len(root) > 0


def _into_form(written: str, value: Json, _following: str) -> str:
    return written + quote_plus(as_text(value))


def _into_text(written: str, value: Json, _following: str) -> str:
    return written + as_text(value)


_WRITE: Final[dict[str, Callable[[str, Json, str], str]]] = {
    "json": _into_json,
    "xml": _into_xml,
    "form": _into_form,
    "text": _into_text,
}
