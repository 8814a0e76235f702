"""What is said of settings that cannot be meant: nothing that somebody has written is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from arazzo_mcp.errors import UsageError
from arazzo_mcp.settings import load_settings

WRONG = {
    "a misspelt name": ("keepdays = 3", "there is no setting 'keepdays'. Did you mean 'keep_days'?"),
    "a misspelt table": ("[rate]\nfal = 1", "there is no setting 'rate'. Did you mean 'rates'?"),
    "too small": ("keep_days = -1", "keep_days = -1: should be greater than or equal to 0"),
    "a word that is none": ('on_disconnect = "x"', "on_disconnect = 'x': should be 'detach' or 'cancel'"),
    "a rate of nothing": ("[rates]\nfal = 0", "rates.fal = 0: should be greater than 0"),
    "no path": ("[sources]\nfal = 3", "sources.fal = 3: should be a path"),
    "no header": ('[idempotency]\nfal = "a b"', "idempotency: fal: 'a b' is no header that could carry a key"),
    "a dotted key": ('[credentials]\nfal.FalKey = "X"', 'in quotes: "fal.FalKey" = "VARIABLE"'),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_a_file_that_cannot_be_meant(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as wrong:
        load_settings(file)
    assert says in str(wrong.value)
    assert "Input" not in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ARAZZO_MCP_KEEPDAYS", "3", "Did you mean ARAZZO_MCP_KEEP_DAYS?"),
        ("ARAZZO_MCP_ON_DISCONECT", "cancel", "Did you mean ARAZZO_MCP_ON_DISCONNECT?"),
        ("ARAZZO_MCP_RATES", "fal=1", "ARAZZO_MCP_RATES is no JSON"),
    ],
)
def test_a_variable_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says.replace("?", "\\?")):
        load_settings()


@pytest.mark.parametrize("name", ["ARAZZO_MCP_SHARED", "ARAZZO_MCP_API_KEY", "ARAZZO_PETSTORE_KEY"])
def test_a_variable_of_somebody_else(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert load_settings().keep_days == 7
