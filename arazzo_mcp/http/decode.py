"""A response's bytes -> a value that a run can keep: JSON, a text, a list of events or lines, or a data URI.

What comes out can always be written as JSON again: half characters are replaced, NaN is null, and a structure that is
nested more than 100 deep stays a text. XML stays a text: expressions that point into it read it themselves.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from email.message import Message
from functools import lru_cache
from typing import Final

from arazzo_mcp.arazzo.scope import ABSENT, MOST_DEPTH, Json, Value, within

EVENTS: Final = "text/event-stream"
DONE: Final = "[DONE]"
"""The data of the last event of many streams that no event follows and nobody closes."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LINES: Final = re.compile(r"application/(x-)?(ndjson|jsonl|jsonlines|json-lines|stream\+json|json-seq|.*\+json-seq)$")
_XML_HEAD: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding=["']([\w.-]+)["']""")
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decode(content_type: str, content: bytes) -> Value:
    """A response body as a value: JSON as structure, events and lines as a list, text as a string, anything else as a
    data URI; ABSENT where there is nothing.

    A body that says JSON and is none stays a text; an object or array sent as plain text is read as what it is.
    """
    essence, charset = _content_type(content_type)
    read = _READERS.get(essence) or (_lines if _LINES.match(essence) else None)
    if not content:
        return [] if read else ABSENT
    text = _text(content, essence, charset)
    if text is None:
        return f"data:{essence or 'application/octet-stream'};base64,{base64.b64encode(content).decode()}"
    if read is not None:
        return read(text)
    if essence in ("", "application/json") or essence.endswith("+json") or text.lstrip()[:1] in ("{", "["):
        return _json_or_text(text)
    return _whole(text)


@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[str, str]:
    """The media type in lower case, empty where there is none that can be read, and the charset."""
    header = Message()
    header["content-type"] = value
    essence = header.get_content_type() if re.match(r"\s*[\w.+*-]+/[\w.+*-]+\s*(;|$)", value) else ""
    return essence, header.get_content_charset("") or ""


def _text(content: bytes, essence: str, charset: str) -> str | None:
    """The text, None where the bytes are none. A mark at the beginning tells more than the header, which is often
    wrong; a text of which nobody says how it is encoded and that is no UTF-8 is Windows' Latin-1 (WHATWG Encoding)."""
    marked = next((name for mark, name in _BOMS if content.startswith(mark)), "")
    declared = _XML_HEAD.match(content)
    names = [marked, charset, declared[1].decode() if declared else "", "utf-8"]
    if essence.startswith("text/") and b"\0" not in content:
        names.append("cp1252")
    for name in filter(None, names):
        try:
            return content.decode(name)
        except (ValueError, LookupError):
            continue
    return None


def _json_or_text(text: str) -> Value:
    try:
        value = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return _whole(text)
    if "\\ud" in text.lower():
        value = json.loads(_SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    return value if within(value, MOST_DEPTH) else _whole(text)


def _whole(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


# --- sequences (OpenAPI 3.2, "Sequential Media Types")


def _lines(text: str) -> list[Json]:
    """NDJSON, JSON Lines and JSON text sequences (RFC 7464): a list with what each line or record holds."""
    records = text.split("\x1e") if "\x1e" in text else text.splitlines()
    return [_json_or_text(record.strip()) for record in records if record.strip()]


def _events(text: str) -> list[Json]:
    """Server-sent events (HTML, 9.2.6): a list of {event, id, data}, data as structure where it is JSON, up to the
    event that says `[DONE]`."""
    events: list[Json] = []
    for event in _parsed(text):
        if event["data"] == DONE:
            break
        events.append({**event, "data": _json_or_text(event["data"])})
    return events


def _parsed(text: str) -> Iterator[dict[str, Json]]:
    fields: dict[str, str] = {}
    last_id: str | None = None
    for line in [*re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), ""]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if "data" in fields:
                yield {"event": fields.get("event") or "message", "id": last_id, "data": fields["data"]}
            fields = {}
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "data" and "data" in fields:
            fields["data"] += "\n" + value
        elif name in ("data", "event"):
            fields[name] = value


_READERS: Final[dict[str, Callable[[str], Value]]] = {EVENTS: _events}


def whole_events(content: bytes) -> bytes:
    """Of a stream that was cut: the events that are complete."""
    ends = [match.end() for match in re.finditer(rb"\r\n\r\n|\n\n|\r\r", content)]
    return content[: ends[-1]] if ends else b""


def is_done(content: bytes) -> bool:
    """Whether a stream of events has said that nothing follows."""
    return bool(re.search(rb"(^|[\r\n])data: ?\[DONE\][\r\n]", content))
