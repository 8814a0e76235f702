"""Responses: bytes and what the server says of them -> values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arazzo_mcp.arazzo.scope import ABSENT
from arazzo_mcp.http.decode import decode, is_done, whole_events
from arazzo_mcp.http.files import FileRoots
from arazzo_mcp.openapi.encode import UnfitValue

XML = '<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9</a>'

BODIES: list[tuple[str, bytes, Any]] = [
    # content type, content, value
    ("application/json", b'{"a": 1}', {"a": 1}),
    ("application/hal+json; charset=utf-8", b"[1]", [1]),
    ("application/json", b"\xef\xbb\xbf[1]", [1]),
    ("application/json", '{"a": "\u00e9"}'.encode("utf-16"), {"a": "\u00e9"}),
    ("application/json; charset=latin-1", '{"a": "\u00e9"}'.encode("latin-1"), {"a": "\u00e9"}),
    ("application/json; charset=nonsense", b"[1]", [1]),
    ("application/json; charset=ascii", '["\u00e9"]'.encode(), ["\u00e9"]),
    ("", b'{"a": 1}', {"a": 1}),
    ("", b"true", True),
    ("nonsense", b"[1]", [1]),
    ("", b"plain", "plain"),
    ("", b"\x89PNG\xff", "data:application/octet-stream;base64,iVBOR/8="),
    ("text/html", b'{"a": 1}', {"a": 1}),
    ("text/plain", b"12", "12"),
    ("text/plain", b"caf\xe9 \x80", "caf\u00e9 \u20ac"),
    ("text/plain", b"\xff\x00\x01", "data:text/plain;base64,/wAB"),
    ("text/csv", b"a,b\n1,2\n", "a,b\n1,2\n"),
    ("application/xml", b"<a><b>1</b></a>", "<a><b>1</b></a>"),
    ("application/xml", XML.encode("latin-1"), XML),
    ("image/png", b"\x89PNG\xff", "data:image/png;base64,iVBOR/8="),
    ("application/json", b"", ABSENT),
    ("application/json", b"<html>", "<html>"),
    # OpenAPI 3.2, "Sequential Media Types": "as if the values were in an array in the same order"
    ("application/x-ndjson", b'{"a": 1}\n\n[2]\r\n"x"\n', [{"a": 1}, [2], "x"]),
    ("application/jsonl; charset=utf-8", b'{"a": 1}', [{"a": 1}]),
    ("application/jsonl", b'{"a": \nnot json\n', ['{"a":', "not json"]),
    ("application/json-seq", b'\x1e{"a":\n1}\n\x1e2\n', [{"a": 1}, 2]),
    ("application/geo+json-seq", b"\x1e1\n", [1]),
    ("application/jsonl", b"", []),
]


@pytest.mark.parametrize(("content_type", "content", "value"), BODIES, ids=lambda v: str(v)[:40])
def test_a_body(content_type: str, content: bytes, value: Any) -> None:
    decoded = decode(content_type, content)
    assert decoded == value
    assert type(decoded) is type(value)


def _event(data: Any, event: str = "message", id_: str | None = None) -> dict[str, Any]:
    return {"event": event, "id": id_, "data": data}


EVENTS: list[tuple[str, list[Any]]] = [
    # HTML, 9.2.6, with its examples
    ("data: YHOO\ndata: +2\ndata: 10\n\n", [_event("YHOO\n+2\n10")]),
    (": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
     [_event("first event", id_="1"), _event("second event", id_=""), _event(" third event", id_="")]),
    ("data\n\ndata\ndata\n\n", [_event(""), _event("\n")]),
    ("data:test\n\ndata: test\n\n", [_event("test"), _event("test")]),
    ("event: add\r\ndata: 738\r\n\r\nevent: remove\rdata: {}\r\r", [_event(738, "add"), _event({}, "remove")]),
    ("event: nothing\n\nretry: 10\nunknown: x\ndata: [1]\n\n", [_event([1])]),
    ("\ufeffdata: 1\n\n", [_event(1)]),
    ("id: 7\n\ndata: x\n\n", [_event("x", id_="7")]),
    ("id: a\0b\ndata: x\n\n", [_event("x")]),
    # what APIs send
    ('data: {"delta": "a"}\n\ndata: {"delta": "b"}\n\ndata: [DONE]\n\ndata: late\n\n',
     [_event({"delta": "a"}), _event({"delta": "b"})]),
    ('event: error\ndata: {"message": "no"}', [_event({"message": "no"}, "error")]),
    ("", []),
    (": ping\n\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "events"), EVENTS, ids=lambda v: repr(v)[:40])
def test_server_sent_events(text: str, events: list[Any]) -> None:
    assert decode("text/event-stream; charset=utf-8", text.encode()) == events


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"data: 1\n\ndata: 2", b"data: 1\n\n"),
        (b"data: 1\r\n\r\ndata: 2\r\n", b"data: 1\r\n\r\n"),
        (b"data: 1", b""),
        (b"", b""),
    ],
)
def test_of_a_stream_that_was_cut_whole_events_remain(content: bytes, whole: bytes) -> None:
    assert whole_events(content) == whole


@pytest.mark.parametrize(
    ("content", "done"),
    [
        (b"data: [DONE]\n", True),
        (b"data: 1\n\ndata:[DONE]\r\n", True),
        (b"data: [DONE]", False),
        (b'data: "data: [DONE]"\n', False),
    ],
)
def test_the_end_of_a_stream(content: bytes, done: bool) -> None:
    assert is_done(content) is done


# --- files that may be sent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that may be read, beside one that must not be."""
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    (allowed / "deep").mkdir(parents=True)
    other.mkdir()
    (allowed / "deep" / "a b.txt").write_bytes(b"hello")
    (other / "secret.txt").write_bytes(b"secret")
    (allowed / "inner.txt").symlink_to(allowed / "deep" / "a b.txt")
    (allowed / "leak.txt").symlink_to(other / "secret.txt")
    (allowed / "leak").symlink_to(other)
    return allowed


@pytest.mark.parametrize("path", ["deep/a b.txt", "./deep/../deep/a b.txt", "inner.txt", "{root}/deep/a b.txt",
                                  "file://{root}/deep/a%20b.txt"])  # fmt: skip
def test_a_file_in_an_allowed_folder(root: Path, path: str) -> None:
    found = FileRoots([root])(path.format(root=root))
    assert found is not None
    assert (found.content, found.filename) == (b"hello", "a b.txt")


@pytest.mark.parametrize("path", ["../other/secret.txt", "{root}/../other/secret.txt", "leak.txt", "leak/secret.txt",
                                  "/etc/passwd", "/no/such/file", "file:///etc/passwd", "file:deep/none.txt",
                                  "{root}/none.txt"])  # fmt: skip
def test_a_file_elsewhere_is_refused_whether_it_exists_or_not(root: Path, path: str) -> None:
    with pytest.raises(UnfitValue, match="is no file in the folders that may be read"):
        FileRoots([root])(path.format(root=root))


@pytest.mark.parametrize("text", ["plain text", "none.txt", "deep", "two\nlines", "", ".", "x" * 5000, "a\0b"])
def test_a_text_that_names_no_file_is_a_text(root: Path, text: str) -> None:
    assert FileRoots([root])(text) is None


def test_no_folder_is_allowed_by_default(root: Path) -> None:
    assert FileRoots()(str(root / "inner.txt")) is None
    with pytest.raises(UnfitValue, match="none is allowed"):
        FileRoots()(f"file://{root}/inner.txt")


def test_a_file_that_is_too_large_is_refused(root: Path) -> None:
    with pytest.raises(UnfitValue, match="is larger than 4 bytes"):
        FileRoots([root], most=4)("inner.txt")
    assert FileRoots([root], most=5)("inner.txt") is not None
