"""Documents that are made to harm: each is refused, or served safely, with a finding that says what is wrong.

Each is read by `arazzo-mcp check --json` in a process of its own, which must neither crash nor hang nor take more than
200 MB more than a small document takes. Real times are a fraction of the bound here:

    python -m tests.test_hostile
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.hostile import CASES, ENDLESS_INPUTS, FLOW, HEAD, Case, flow

MOST_MEGABYTES = 200
MOST_SECONDS = 10
"""Of the processor, not of the wall's clock: so that a busy machine fails no test."""

MOST_WAIT = 110


@dataclass(frozen=True)
class Checked:
    """What a check came to: its exit status, JSON, errors, seconds and megabytes at most."""

    status: int
    report: dict[str, Any]
    errors: str
    seconds: float
    megabytes: float


MEASURED = """
import pathlib, re, resource, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
from arazzo_mcp.cli import main
sys.argv = ["arazzo-mcp", *sys.argv[2:]]
started = time.process_time()
try:
    main()
finally:
    status = pathlib.Path("/proc/self/status")  # ru_maxrss begins with what the parent had
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():
        peak = re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]
    print("\\npeak", peak, time.process_time() - started, file=sys.stderr)
"""


def commanded(*arguments: str | Path, cache: Path) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, which ends by a signal when it has used up its seconds."""
    return subprocess.run(
        [sys.executable, "-c", MEASURED, str(MOST_SECONDS), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        timeout=MOST_WAIT,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


def checked(file: Path) -> Checked:
    """`arazzo-mcp check --json` of a document."""
    done = commanded("check", "--json", file, cache=file.parent / "cache")
    errors = done.stderr.decode(errors="replace")
    assert done.returncode in (0, 1, 2), f"status {done.returncode}\n{errors[-2000:]}"
    peak, seconds = map(float, errors.rpartition("\npeak ")[2].split()[:2])
    megabytes = peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return Checked(done.returncode, json.loads(done.stdout or b"{}"), errors, seconds, megabytes)


def written(case: Case, folder: Path) -> Path:
    """The documents of a case, in a folder."""
    text, file = case.text(), folder / "hostile.arazzo.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "api.yaml").write_text(case.api, encoding="utf-8")
    return file


@cache
def baseline() -> float:
    """Megabytes that a small document takes."""
    with tempfile.TemporaryDirectory() as folder:
        return checked(written(Case(lambda: HEAD + FLOW), Path(folder))).megabytes


@pytest.mark.parametrize("name", CASES)
def test_hostile_documents_are_refused_or_served_safely(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    done = checked(written(case, tmp_path))
    assert "Traceback" not in done.errors, done.errors[-2000:]
    assert done.megabytes - baseline() < MOST_MEGABYTES
    findings = done.report.get("findings", [])
    served = any(flow["served"] for flow in done.report.get("workflows", []))
    found = {finding["code"] for finding in findings}
    assert not case.codes or found & set(case.codes), findings[:3]
    assert served or any(f["severity"] == "error" for f in findings), "neither served nor a word why not"
    assert served or not case.served, findings[:3]
    assert all(len(finding["message"]) < 4000 for finding in findings)


def test_findings_of_syntax_have_a_place(tmp_path: Path) -> None:
    lines = {"NUL": 5, "duplicate keys": 5, "python object": 5, "an alias within itself": 5, "half a character": 5}
    for name, line in lines.items():
        found = checked(written(CASES[name], tmp_path)).report["findings"]
        assert [(f["line"], f["file"].rpartition("/")[2]) for f in found] == [(line, "hostile.arazzo.yaml")], name


def test_a_pattern_that_never_ends_keeps_no_call_waiting(tmp_path: Path) -> None:
    file = written(Case(lambda: flow(inputs=ENDLESS_INPUTS)), tmp_path)
    given = json.dumps({"a": "a" * 40 + "!"})
    store = tmp_path / "runs.sqlite3"
    done = commanded("run", file, "w", "--inputs", given, "--store", store, cache=tmp_path / "cache")
    assert done.returncode == 2
    assert b"pattern" in done.stderr


def main() -> None:
    """Seconds of the processor and megabytes of each case, beside a small document."""
    with tempfile.TemporaryDirectory() as folder:
        small = checked(written(Case(lambda: HEAD + FLOW), Path(folder)))
    sys.stdout.write(f"a small document: {small.seconds:.2f} s, {small.megabytes:.0f} MB\n")
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            file = written(case, Path(folder))
            try:
                done = checked(file)
            except (AssertionError, subprocess.TimeoutExpired):
                sys.stdout.write(f"{name}: more than {MOST_SECONDS} s\n")
                continue
        codes = sorted({finding["code"] for finding in done.report.get("findings", [])})
        served = sum(flow["served"] for flow in done.report.get("workflows", []))
        sys.stdout.write(
            f"{name}: {done.seconds - small.seconds:+.2f} s, {done.megabytes - small.megabytes:+.0f} MB, "
            f"served {served}, {' '.join(codes)}{' TRACEBACK' if 'Traceback' in done.errors else ''}\n"
        )


if __name__ == "__main__":
    main()
