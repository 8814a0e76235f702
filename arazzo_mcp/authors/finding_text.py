"""A finding as a line of text: the place in a form that editors open on a click, how grave, the code, what, and what to
do. Coloured where it is printed on a terminal."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.text import Text

from arazzo_mcp.findings import Finding

_STYLES: Final[dict[str, str]] = {"error": "bold red", "warning": "yellow"}


def shorter(file: str) -> str:
    """A path as people write it: relative to the working folder where it is inside."""
    here = Path.cwd()
    return os.path.relpath(file, here) if Path(file).is_relative_to(here) else file


def local(finding: Finding) -> Finding:
    """A finding whose file is named from the working folder."""
    return replace(finding, where=replace(finding.where, file=shorter(finding.where.file)))


def finding_line(finding: Finding) -> Text:
    """A finding as one line."""
    here = local(finding)
    said = " ".join(f"{here.message} ".splitlines())
    style = _STYLES.get(here.severity, "blue")
    return Text.assemble(
        (str(here.where), "bold"), ": ", (here.severity, style), (f" [{here.code}]", "dim"), " ",
        said.strip(), (f" {here.hint}" if here.hint else "", "cyan"),
    )  # fmt: skip
