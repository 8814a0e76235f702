"""Request bodies: a value and a media type -> bytes.

One writer for each family of media types, in a table. Which media type it is: "If omitted then refer to Content-Type
specified at the targeted operation" (Arazzo, Request Body Object). A text that is written in the media type already is
sent as it is.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from arazzo_mcp.arazzo.command import Body
from arazzo_mcp.arazzo.scope import ABSENT, Json, Value, as_text
from arazzo_mcp.openapi.binary import OCTETS, Reader, blob, data_uri
from arazzo_mcp.openapi.coerce import coerce
from arazzo_mcp.openapi.encode import UnfitValue
from arazzo_mcp.openapi.form import form
from arazzo_mcp.openapi.model import MediaType, Operation, Resolve
from arazzo_mcp.openapi.multipart import multipart
from arazzo_mcp.openapi.xml import xml

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_SEQUENCES: Final = re.compile(r"application/(x-)?(ndjson|jsonl|jsonlines|json-lines|stream\+json)$")


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent: bytes, their media type, and the value that they were written from."""

    content: bytes | None = None
    media_type: str | None = None
    value: Value = ABSENT


def content(body: Body | None, header: str | None, operation: Operation, read: Reader) -> Content:
    """The body of a call. header: the Content-Type that the step gives as a parameter.

    Raises:
        UnfitValue: the value cannot be written in that media type.
    """
    if body is None:
        return Content()
    said = header if header and "/" in header else None  # a header may be filled with anything
    media = _media_type(body.content_type or said, operation.media_types, body.value)
    write = next(write for fits, write in _WRITERS if fits(media.essence))
    return write(body.value, media, operation.resolve, read)


# --- which media type


def _media_type(wanted: str | None, declared: Sequence[MediaType], value: Json) -> MediaType:
    if wanted and "*" not in wanted:
        name = wanted.partition(";")[0].strip().lower()
        known = [m for m in declared if m.name == wanted or m.essence == name] or [
            m for m in declared if _covers(m, name)
        ]
        return replace(known[0], name=wanted) if known else MediaType(wanted)
    concrete = [media for media in declared if "*" not in media.name]
    if first := next((media for media in concrete if media.essence == JSON), None) or next(iter(concrete), None):
        return first
    ranges = [media for media in declared if "*" in media.name] or [MediaType(wanted or "*/*")]
    return replace(ranges[0], name=_concrete(ranges[0].essence, value))


def _covers(media: MediaType, name: str) -> bool:
    """Whether a range such as `image/*` covers a media type."""
    pattern = re.escape(media.essence).replace(r"\*", "[^/]*")
    return "*" in media.name and re.fullmatch(pattern, name) is not None


def _concrete(pattern: str, value: Json) -> str:
    """What is sent for a range: JSON where it may be, else what the value says that it is."""
    if re.fullmatch(pattern.replace("+", r"\+").replace("*", "[^/]*"), JSON) or pattern.endswith("json"):
        return JSON
    said = data_uri(value) if isinstance(value, str) else None
    return (said.media_type if said else "") or ("text/plain" if pattern.startswith("text/") else OCTETS)


# --- writers

Writer: TypeAlias = Callable[[Json, MediaType, Resolve, Reader], Content]


def _json(value: Json, media: MediaType, resolve: Resolve, _read: Reader) -> Content:
    if is_json(value):
        return Content(value.encode(errors="replace"), media.name, value)
    value = coerce(value, media.schema, resolve)
    return Content(json_bytes(value), media.name, value)


def json_bytes(value: Json) -> bytes:
    """A text that is JSON already (a template in the document) is sent as it is; any other value is written as JSON."""
    if is_json(value):
        return str(value).encode(errors="replace")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
    except ValueError as error:
        raise UnfitValue(f"the body cannot be written as JSON: {error}") from None


def is_json(value: Json) -> bool:
    """Whether a value is a text that holds a JSON object or array."""
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and _parsed(value) is not ABSENT


def _parsed(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ABSENT


def _fields(value: Json, media: MediaType, resolve: Resolve) -> Json:
    """A value for fields: a JSON text is the structure that it is, and texts stay texts."""
    parsed = _parsed(value) if is_json(value) else value
    return coerce(parsed, media.schema, resolve, scalars=False)


def _form(value: Json, media: MediaType, resolve: Resolve, _read: Reader) -> Content:
    fields = _fields(value, media, resolve)
    return Content(form(fields, media, resolve).encode(), media.name, fields)


def _multipart(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> Content:
    fields = _fields(value, media, resolve)
    if not isinstance(fields, dict | list):
        return _text(value, media, resolve, read)
    written, name = multipart(fields, media, resolve, read)
    return Content(written, name, fields)


def _xml(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> Content:
    fields = _fields(value, media, resolve)
    if not isinstance(fields, dict | list):
        return _text(value, media, resolve, read)
    return Content(xml(fields, media, resolve).encode(), media.name, fields)


def _lines(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> Content:
    """Sequential media types: one JSON text a line; with a mark before each in a JSON text sequence (RFC 7464)."""
    if not isinstance(value, list):
        return _text(value, media, resolve, read)
    items = coerce(value, media.schema, resolve)
    mark = b"\x1e" if media.essence.endswith("json-seq") else b""
    return Content(b"".join(mark + json_bytes(item) + b"\n" for item in items), media.name, items)


def _csv(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> Content:
    """Rows of lists, or of objects whose members are the columns (RFC 4180)."""
    rows: list[Json] = value if isinstance(value, list) else []
    if not rows or not (all(isinstance(row, list) for row in rows) or all(isinstance(row, dict) for row in rows)):
        return _text(value, media, resolve, read)
    columns = list(dict.fromkeys(name for row in rows for name in row)) if isinstance(rows[0], dict) else []
    lines = [columns, *([row.get(name) for name in columns] for row in rows)] if columns else rows
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["" if cell is None else as_text(cell) for cell in line] for line in lines])
    return Content(file.getvalue().encode(errors="replace"), media.name, value)


def _text(value: Json, media: MediaType, _resolve: Resolve, _read: Reader) -> Content:
    named = re.search(r"charset=[\"']?([\w.:-]+)", media.name, re.IGNORECASE)
    text = "" if value is None else as_text(value)
    try:
        return Content(text.encode(named[1] if named else "utf-8"), media.name, value)
    except (UnicodeEncodeError, LookupError):
        raise UnfitValue(f"the body cannot be written as {media.name}") from None


def _bytes(value: Json, media: MediaType, _resolve: Resolve, read: Reader) -> Content:
    if isinstance(value, dict | list):
        raise UnfitValue(f"a structured body cannot be sent as {media.name}")
    return Content(b"" if value is None else blob(value, media.schema, read).content, media.name, value)


_WRITERS: Final[tuple[tuple[Callable[[str], bool], Writer], ...]] = (
    (lambda name: bool(_SEQUENCES.match(name)) or name.endswith("json-seq"), _lines),
    (lambda name: name == JSON or name.endswith(("+json", "/json")), _json),
    (lambda name: name == FORM, _form),
    (lambda name: name.startswith("multipart/"), _multipart),
    (lambda name: name.endswith(("/xml", "+xml")) and not name.startswith("image/"), _xml),
    (lambda name: name == "text/csv", _csv),
    (lambda name: name.startswith("text/"), _text),
    (lambda _name: True, _bytes),
)
