"""Bytes out of values: a data URI, base64, a file, or the text itself.

A run's values are JSON, so a file is given as a text that says what it holds. Nothing is read here: `Reader` hands in
the content of a file, where the person who set this up has allowed its folder.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from arazzo_mcp.arazzo.scope import Json, as_text
from arazzo_mcp.openapi.encode import UnfitValue

OCTETS: Final = "application/octet-stream"
_DATA_URI: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_NAME: Final = re.compile(r";(?:file)?name=([^;,]+)", re.IGNORECASE)
_LEAST_BASE64: Final = 16
_MAGIC: Final = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|%PDF|PK\x03\x04|\x1f\x8b\x08|RIFF|OggS|ID3|II\*\x00|MM\x00\*|7z\xbc\xaf|fLaC|....ftyp",
    re.DOTALL,
)
"""How files of known kinds begin: PNG, JPEG, GIF, PDF, ZIP, gzip, WAV and WebP, Ogg, MP3, TIFF, 7z, FLAC, MP4."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes, with the media type and the file name where they are known."""

    content: bytes
    media_type: str = ""
    filename: str = ""


Reader: TypeAlias = Callable[[str], Blob | None]
"""The file that a text names, None where it names none. Raises UnfitValue for a file that must not be read."""


def no_files(_text: str) -> None:
    """The Reader where no folder is allowed."""


def blob(value: Json, schema: Mapping[str, Json], read: Reader) -> Blob:
    """The bytes that a value stands for. The first that applies decides: a data URI; base64, where the schema says so
    (`contentEncoding`, `format: byte`) or where it can be nothing else; a file that may be read; the text as UTF-8.

    Raises:
        UnfitValue: a data URI that is broken, or a file that must not be read.
    """
    if not isinstance(value, str):
        return Blob(as_text(value).encode(), "application/json" if isinstance(value, dict | list) else "text/plain")
    if (found := data_uri(value)) is not None:
        return found
    decoded = _base64(value)
    if decoded is not None and (_says_base64(schema) or _is_clear(value, decoded)):
        return Blob(decoded)
    return read(value) or Blob(_utf8(value))


def data_uri(text: str) -> Blob | None:
    """What a `data:` URI holds (RFC 2397), None where the text is none."""
    match = _DATA_URI.match(text)
    if match is None:
        return None
    name = _NAME.search(match[2] or "")
    content = text[match.end() :]
    decoded = _base64(unquote_to_bytes(content).decode("latin-1")) if match[3] else unquote_to_bytes(content)
    if decoded is None:
        raise UnfitValue(f"the data URI {text[:40]!r} is no valid base64")
    return Blob(decoded, match[1] or "text/plain", unquote_to_bytes(name[1]).decode(errors="replace") if name else "")


def _says_base64(schema: Mapping[str, Json]) -> bool:
    encoding = str(schema.get("contentEncoding") or "").lower()
    return encoding in ("base64", "base64url") or (not encoding and schema.get("format") == "byte")


def _base64(text: str) -> bytes | None:
    """base64 or base64url, with or without its padding and line breaks."""
    packed = re.sub(r"\s+", "", text).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_clear(text: str, decoded: bytes) -> bool:
    """Whether a text must be base64: whole, and what it decodes to is a text or begins as files of known kinds do.
    Words, digests and tokens decode to neither."""
    if len(text) < _LEAST_BASE64 or len("".join(text.split())) % 4:
        return False
    if _MAGIC.match(decoded):
        return True
    try:
        return all(character.isprintable() or character in "\t\r\n" for character in decoded.decode())
    except UnicodeDecodeError:
        return False


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnfitValue(f"{text[:80]!r} is no valid text") from None
