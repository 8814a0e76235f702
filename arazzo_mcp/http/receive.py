"""Taking in what a server answers: decompressed, bounded, and not for ever.

A response is taken in whole or refused; a stream of events is listened to for a while, as it need never end.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Final

import anyio
import httpx

from arazzo_mcp.http.decode import EVENTS, is_done, whole_events

_LONGEST_DONE: Final = 16


class Refused(Exception):
    """A response is not taken in: too large, or encoded in a way that was not asked for."""


async def receive(
    stream: AsyncIterable[bytes], headers: Mapping[str, str], most: int, most_events: int, seconds: float
) -> bytes:
    """The body, decompressed. headers: the response's, names in lower case; most, most_events: bytes of a body and of a
    stream of events; seconds: how long a stream of events is listened to.

    Raises:
        Refused: it is larger, or encoded in a way that was not asked for.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in _CODINGS:
        raise Refused(f"the response has the content encoding {coding[:40]!r}, which was not asked for")
    if headers.get("content-type", "").partition(";")[0].strip().lower() == EVENTS:
        return await _events(_chunks(stream, coding, most_events), most_events, seconds)
    return await _content(_chunks(stream, coding, most), most)


async def _content(chunks: AsyncIterator[bytes], most: int) -> bytes:
    """The decoded body. The limit holds while it is decompressed, not only afterwards."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > most:
            raise Refused(f"the response is larger than {most} bytes (limit response_bytes)")
    return bytes(content)


async def _events(chunks: AsyncIterator[bytes], most: int, seconds: float) -> bytes:
    """Server-sent events, as many as come: until the stream ends, says that it is done, is as large as may be or has
    been listened to long enough. Then those that are complete are the response, since they have been received."""
    content = bytearray()
    try:
        with anyio.move_on_after(seconds):
            async for chunk in chunks:
                tail = max(0, len(content) - _LONGEST_DONE)
                content += chunk
                if is_done(bytes(content[tail:])):
                    return bytes(content)
                if len(content) > most:
                    return whole_events(bytes(content[:most]))
            return bytes(content)
    except httpx.TimeoutException:
        if not content:
            raise
    return whole_events(bytes(content))


async def _chunks(stream: AsyncIterable[bytes], coding: str, most: int) -> AsyncIterator[bytes]:
    """The decoded body as it comes; of one chunk never much more than `most` bytes."""
    decoder = None if coding == "identity" else Inflate()
    async for chunk in stream:
        yield chunk if decoder is None else decoder.decode(chunk, most + 1)


_CODINGS: Final = ("identity", "gzip", "x-gzip", "deflate")


class Inflate:
    """gzip and deflate, the latter also without the header that it should have (RFC 9110, 8.4.1.2: "some
    non-conformant implementations send the 'deflate' compressed data without the zlib wrapper")."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=47)
        self._begun = False

    def decode(self, chunk: bytes, most: int) -> bytes:
        """At most so many bytes of what a chunk holds."""
        try:
            decoded = self._decoder.decompress(chunk, most)
        except zlib.error:
            if self._begun:
                raise
            self._decoder = zlib.decompressobj(wbits=-15)
            decoded = self._decoder.decompress(chunk, most)
        self._begun = True
        return decoded
