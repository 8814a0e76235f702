"""Regular expressions: what is found, and that no pattern holds the server."""

from __future__ import annotations

import pytest

from arazzo_mcp.arazzo.pattern import MOST_CHARACTERS, PatternError, PatternTimeout, compiled, found

FOUND = [
    (r"^2\d{2}$", "204", True),
    (r"^2\d{2}$", "2040", False),
    ("done", "all done", True),
    ("done", "DONE", False),
    ("(?i)done", "DONE", True),
    ("(?<year>[0-9]{4})", "in 2024", True),
    (r"\p{Lu}", "É", True),
    ("a.c", "a\nc", False),
    ("", "", True),
]


@pytest.mark.parametrize(("pattern", "text", "is_found"), FOUND, ids=[row[0] or "nothing" for row in FOUND])
def test_a_pattern_is_found_anywhere(pattern: str, text: str, is_found: bool) -> None:
    assert found(pattern, text) is is_found


@pytest.mark.parametrize(("text", "is_found"), [("abc", True), ("xabc", False), ("abcx", False)])
def test_a_pattern_is_found_as_a_whole(text: str, is_found: bool) -> None:
    assert found("a.c", text, whole=True) is is_found


@pytest.mark.parametrize(
    "pattern",
    ["(", "a**", "[a", "(?<n", r"\p{Nope}", "a{2,1}", "x" * (MOST_CHARACTERS + 1), "(?:(?:a{999}){999}){999}"],
)
def test_no_pattern(pattern: str) -> None:
    with pytest.raises(PatternError, match="not a regular expression"):
        compiled(pattern)


def _bounded(pattern: str, text: str) -> bool:
    """Found, not found, or stopped: whichever it is, it ends."""
    try:
        return found(pattern, text) in (True, False)
    except PatternTimeout:
        return True


ENDLESS = [
    ("(a+)+$", "a" * 50_000 + "b"),
    ("(x+x+)+y", "x" * 5_000),
    ("(a|a)*$", "a" * 100 + "b"),
    ("(?:a?){20000}a{20000}", "a" * 20_000),
    ("(.*)*(.*)*(.*)*=", "a" * 5_000),
]


@pytest.mark.parametrize(("pattern", "text"), ENDLESS, ids=[row[0] for row in ENDLESS])
@pytest.mark.timeout(20)
def test_a_pattern_without_end_is_stopped_or_done(pattern: str, text: str) -> None:
    assert _bounded(pattern, text)


def test_the_bound_is_in_force() -> None:
    with pytest.raises(PatternTimeout):
        found("(x+x+)+y", "x" * 5_000)


@pytest.mark.parametrize("pattern", ["(.{1,30000}){1,30000}", "((a{0,2000}){0,2000}){0,2000}", "(a{99}){99}"])
def test_huge_counts_take_no_memory(pattern: str) -> None:
    assert _bounded(pattern, "a" * 1000)


@pytest.mark.parametrize(
    "pattern", [r"[{]9999999}{1,2}", r"\{9999999}", "a{255}b{255}c{255}d{255}", "([0-9a-f]{2}:){5}"]
)
def test_counts_side_by_side_are_no_repeats_within_repeats(pattern: str) -> None:
    assert compiled(pattern)
