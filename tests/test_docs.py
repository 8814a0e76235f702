"""What README.md claims is so: its commands exist, its files parse, and what it says of settings holds."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest
from typer.main import get_command

from arazzo_mcp.cli import app
from arazzo_mcp.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> set[str]:
    group = get_command(app)
    names: set[str] = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        names |= {f"{name} {one}" for one in inner} if inner else {name}
    return names


def test_every_command_is_documented() -> None:
    assert {name for name in commands() if f"`arazzo-mcp {name}" not in README} == set()


def test_every_documented_command_exists() -> None:
    table = re.findall(r"^\| `arazzo-mcp ((?:runs )?\w+)", README, re.MULTILINE)
    assert set(table) == commands()


def test_every_documented_option_exists() -> None:
    options = set(re.findall(r"`(--[a-z-]+)", README))
    top = list(get_command(app).commands.values())  # type: ignore[attr-defined]
    inner = [one for command in top for one in getattr(command, "commands", {}).values()]
    help_texts = "".join(str([parameter.opts for parameter in command.params]) for command in (*top, *inner))
    assert {option for option in options if option not in help_texts} == set()


def test_every_documented_variable_is_a_setting() -> None:
    names = {name.lower() for name in re.findall(r"ARAZZO_MCP_([A-Z_]+)`", README)}
    assert names <= set(Settings.model_fields)


@pytest.mark.parametrize("block", blocks("json"))
def test_json_blocks_parse(block: str) -> None:
    assert json.loads(block)


def test_the_two_commands_are_the_ones_of_ci_and_the_demo() -> None:
    demo, tests = blocks("sh")
    assert demo.strip() == "pip install . && arazzo-mcp demo"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert tests.strip().removeprefix("pip install ") in ci


def test_extras_and_scripts_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "test" in project["optional-dependencies"]
    assert project["scripts"]["arazzo-mcp"] == "arazzo_mcp.cli:main"


def test_nothing_names_a_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    text = [ROOT / name for name in tracked if not name.startswith("tests/test_docs")]
    assert [str(file) for file in text if re.search(r"/(work|root|home/\w+)/", file.read_text(errors="replace"))] == []
