"""What becomes of a folder of published documents.

    python -m tests.corpus PATH... [--json] [--run]

One line for each document and a summary. With --run every served workflow is run through the scripted provider, and
those that did not complete are listed with the reason. Exit status 1 where a document ends in a traceback, or gives
neither tools nor an error that says why not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.corpus.report import Report, Row, survey


def lines(report: Report) -> Iterator[str]:
    """The report for people."""
    for row in report.rows:
        yield row.line()
        yield from (f"    {ran.workflow}: {ran.why}" for ran in row.ran if ran.why)
        yield from (f"    {line}" for line in row.trace.splitlines())
    yield ""
    for family, (workflows, served, completed) in report.families().items():
        ran = f", completed {completed}" if any(row.ran for row in report.rows) else ""
        yield f"{family}: workflows {workflows}, served {served}{ran}"
    for code, count in report.codes().most_common():
        yield f"{count:6} {code}"
    total = sum(len(row.workflows) for row in report.rows)
    served = sum(len(row.served) for row in report.rows)
    said = [
        f"{row.file.name} {ran.workflow}: {f.what}"
        for row in report.rows
        for ran in row.ran
        for f in ran.faults
        if f.said
    ]
    if said:
        yield f"{len(said)} faults of requests that the documents themselves say:"
        yield from (f"    {fault}" for fault in said)
    yield (
        f"documents {len(report.rows)}, workflows {total}, served {served}, "
        f"without a word {len(report.broken)}, seconds {report.seconds:.1f}"
    )


def as_json(report: Report) -> dict[str, object]:
    """The report for programs."""
    return {
        "documents": [_row(row) for row in report.rows],
        "families": {
            family: dict(zip(("workflows", "served", "completed"), counts, strict=True))
            for family, counts in report.families().items()
        },
        "findings": dict(report.codes()),
        "seconds": round(report.seconds, 3),
    }


def _row(row: Row) -> dict[str, object]:
    return {
        "file": str(row.file),
        "family": row.family,
        "workflows": list(row.workflows),
        "served": list(row.served),
        "findings": dict(row.codes),
        "errors": [finding.as_dict() for finding in row.findings if finding.severity == "error"],
        "ran": [{"workflow": r.workflow, "why": r.why, "calls": len(r.played.turns)} for r in row.ran],
        "traceback": row.trace,
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description="What becomes of published documents.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--run", action="store_true", help="run every served workflow through the scripted provider")
    given = parser.parse_args()
    report = survey(given.paths, run=given.run)
    text = json.dumps(as_json(report), indent=2) if given.json else "\n".join(lines(report))
    sys.stdout.write(f"{text}\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
