"""Bodies of parts: `multipart/form-data` and its relatives, with files.

OpenAPI 3.2, "Encoding `multipart` Media Types"; RFC 7578 and RFC 2046. An object has a part for every member, named by
it, and a list in it one for every item; a list alone makes parts without names, as `multipart/mixed` and
`multipart/related` have them. The boundary is derived from the content, so that the same call gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

from arazzo_mcp.arazzo.scope import Json, as_text
from arazzo_mcp.openapi.binary import OCTETS, Blob, Reader, blob, data_uri
from arazzo_mcp.openapi.encode import UnfitValue, scalar
from arazzo_mcp.openapi.form import STYLED, styled
from arazzo_mcp.openapi.model import MediaType, Resolve
from arazzo_mcp.openapi.schema import Parts, applying, item_schema, keyword, properties, types

_BOUNDARY: Final = re.compile(r';\s*boundary="?([^";]+)', re.IGNORECASE)
_TEXTUAL: Final = re.compile(r"text/|application/(json|xml|x-www-form-urlencoded)|.*\+(json|xml)$", re.IGNORECASE)
_SUFFIXES: Final = {
    "application/json": ".json", "application/pdf": ".pdf", "application/zip": ".zip", "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/wav": ".wav", "audio/webm": ".webm", "image/gif": ".gif",
    "image/jpeg": ".jpg", "image/png": ".png", "image/svg+xml": ".svg", "image/webp": ".webp", "text/csv": ".csv",
    "text/html": ".html", "text/plain": ".txt", "video/mp4": ".mp4", "video/webm": ".webm",
}  # fmt: skip
"""What a file is called that came without a name: servers look at the suffix."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. name: of the field, empty in a list of parts; content_type: empty for plain text, the default."""

    name: str
    content: bytes
    content_type: str = ""
    filename: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def multipart(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> tuple[bytes, str]:
    """The content and its media type with the boundary.

    Raises:
        UnfitValue: a file must not be read, or a header of a part holds a line break.
    """
    parts = list(
        _listed(value, media, resolve, read) if isinstance(value, list) else _named(value, media, resolve, read)
    )
    blocks = [_head(part, media.essence == "multipart/form-data") + part.content for part in parts]
    given = _BOUNDARY.search(media.name)
    boundary = given[1] if given else _boundary(blocks)
    lines = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), block) for block in blocks)
    name = media.name if given else f"{media.name.rstrip('; ')}; boundary={boundary}"
    return lines + f"--{boundary}--\r\n".encode(), name


def _boundary(blocks: list[bytes]) -> str:
    digest = sha256(b"\r\n".join(blocks)).hexdigest()
    while any(digest.encode() in block for block in blocks):
        digest = sha256(digest.encode()).hexdigest()
    return digest[:40]


def _named(value: Json, media: MediaType, resolve: Resolve, read: Reader) -> Iterator[Part]:
    known = properties(tuple(applying(media.schema, resolve)))
    for name, item in (value if isinstance(value, dict) else {}).items():
        encoding, schema = media.encoding.get(name, {}), tuple(applying(known.get(name), resolve))
        if any(key in encoding for key in STYLED):
            pairs = styled(name, item, encoding)
            yield from (Part(unquote(key), unquote(text).encode()) for key, text in pairs)
            continue
        for at, one in enumerate(item if isinstance(item, list) else [item]):
            if one is not None:
                inner = tuple(applying(item_schema(schema, at), resolve)) if isinstance(item, list) else schema
                yield _part(name, one, inner, encoding, read, name in known, resolve)


def _listed(value: list[Json], media: MediaType, resolve: Resolve, read: Reader) -> Iterator[Part]:
    schema = tuple(applying(media.schema, resolve))
    for at, item in enumerate(value):
        encoding = media.prefix_encoding[at] if at < len(media.prefix_encoding) else media.item_encoding
        yield _part("", item, tuple(applying(item_schema(schema, at), resolve)), encoding, read, True, resolve)


def _part(
    name: str, value: Json, schema: Parts, encoding: Mapping[str, Json], read: Reader, declared: bool, resolve: Resolve
) -> Part:
    wanted = [one.strip() for one in str(encoding.get("contentType") or "").split(",") if one.strip()]
    headers = tuple(_headers(encoding, resolve))
    if isinstance(value, dict | list):
        return Part(name, as_text(value).encode(), _chosen(wanted, "application/json"), headers=headers)
    if found := _file(value, schema, wanted, read, declared):
        kind = _chosen(wanted, found.media_type or OCTETS)
        return Part(name, found.content, kind, found.filename or f"{name or 'file'}{_SUFFIXES.get(kind, '')}", headers)
    return Part(name, scalar(value).encode(errors="replace"), _chosen(wanted, ""), headers=headers)


def _file(value: Json, schema: Parts, wanted: list[str], read: Reader, declared: bool) -> Blob | None:
    """The file that a member holds, None where it is a field of text. A member whose schema has no type is a file by
    the specification; by the habits of authors it is one only if its value says so."""
    if not isinstance(value, str):
        return None
    if _says_binary(schema) or any(not _TEXTUAL.match(kind) for kind in wanted):
        return blob(value, {**(schema[0] if schema else {}), **_encodings(schema)}, read)
    if value[:5].lower() in ("data:", "file:"):
        return data_uri(value) or read(value)
    if declared and not (schema and "string" in types(schema) and keyword(schema, "type")):
        found = blob(value, {}, read)
        return found if found.content != value.encode(errors="replace") else None
    return None


def _says_binary(schema: Parts) -> bool:
    media = str(keyword(schema, "contentMediaType") or "")
    return (
        keyword(schema, "format") in ("binary", "byte")
        or keyword(schema, "contentEncoding") is not None
        or bool(media and not _TEXTUAL.match(media))
    )


def _encodings(schema: Parts) -> dict[str, Json]:
    return {name: found for name in ("contentEncoding", "format") if (found := keyword(schema, name)) is not None}


def _chosen(wanted: list[str], actual: str) -> str:
    """The part's media type: its own where the encoding allows it, else the first that the encoding names."""
    if any(_matches(actual, one) for one in wanted):
        return actual
    concrete = [one for one in wanted if "*" not in one]
    return concrete[0] if concrete else actual


def _matches(actual: str, wanted: str) -> bool:
    one, other = actual.partition(";")[0].lower(), wanted.partition(";")[0].strip().lower()
    return one == other or (other.endswith("/*") and one.startswith(other[:-1]))


def _headers(encoding: Mapping[str, Json], resolve: Resolve) -> Iterator[tuple[str, str]]:
    """Headers whose value the description gives; "`Content-Type` is described separately and SHALL be ignored"."""
    headers = encoding.get("headers")
    for name, node in (headers if isinstance(headers, dict) else {}).items():
        schema = resolve(resolve(node).get("schema"))
        allowed = schema.get("enum")
        only = allowed[0] if isinstance(allowed, list) and len(allowed) == 1 else None
        value = schema.get("const", schema.get("default", only))
        if value is not None and str(name).lower() != "content-type":
            yield str(name), scalar(value)


def _head(part: Part, is_form: bool) -> bytes:
    lines = [] if not part.name and not is_form else [_disposition(part)]
    lines += [f"Content-Type: {part.content_type}"] if part.content_type else []
    given = {line.partition(":")[0].lower() for line in lines}
    lines += [f"{name}: {text}" for name, text in part.headers if name.lower() not in given or not part.name]
    if any(character in line for line in lines for character in "\r\n\0"):
        raise UnfitValue(f"part {part.name!r}: its headers must not contain line breaks")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode(errors="replace")


def _disposition(part: Part) -> str:
    """RFC 7578, 4.2; quotes and line breaks as browsers write them (HTML, "multipart form data")."""
    name = f'Content-Disposition: form-data; name="{_escaped(part.name)}"'
    return f'{name}; filename="{_escaped(part.filename)}"' if part.filename else name


def _escaped(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
