"""What has become of the runs of a world: the store, the journal of its lives and the provider's record, compared."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.mortal import KEYED
from tests.crash.work import MARK

HEARD_SECONDS: Final = 3.0
"""A cancel is heard by whoever drives the run, or takes it over, within so many seconds."""

ENDS: Final = ("completed", "failed", "cancelled", "in_doubt")
_UNANSWERED: Final = frozenset({"reset before", "silent", "reset after", "half a body", "too slow body"})


@dataclass(frozen=True)
class Line:
    """One line of the journal."""

    at: float
    pid: int
    word: str
    run: str
    detail: str


@dataclass
class Verdict:
    """Counts, and every violation in words.

    cancels: how many were requested and recorded; take_overs: runs that one life took from another; unsent: of those in
    doubt, the ones whose request never reached the provider; misjudged: failed because their jobs had been cancelled by
    a cancel of theirs whose answer was lost, and which was answered "already completed" when it was sent again;
    again: requests with a key that were not taken, as mostly one with that key was before;
    repeated: failed because a PUT of the workflow itself, repeated after a kill, was answered otherwise than at first.
    """

    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    remotes: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    submits: int = 0
    cancels: int = 0
    take_overs: int = 0
    unsent: int = 0
    lost: int = 0
    doubles: int = 0
    again: int = 0
    unexplained: int = 0
    misjudged: int = 0
    repeated: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Both together."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)

    def lines(self) -> Iterator[str]:
        """A report for people."""
        yield f"kills {self.kills.total()}: " + ", ".join(f"{n} {name}" for name, n in sorted(self.kills.items()))
        ends = ", ".join(f"{self.ended[name]} {name}" for name in ENDS)
        yield f"runs {self.runs}: {ends}; taken over {self.take_overs} times"
        yield (
            f"submits {self.submits}, double {self.doubles}, sent again with their key {self.again}; "
            f"lost runs {self.lost}"
        )
        yield f"in doubt without a reason {self.unexplained}; in doubt, and nothing had arrived {self.unsent}"
        yield f"failed by a cancel of their own {self.misjudged}, by a PUT that was repeated {self.repeated}"
        remotes = ", ".join(f"{n} {name}" for name, n in sorted(self.remotes.items()))
        yield f"cancels {self.cancels}: {remotes or 'none'}"
        yield from (f"VIOLATION {violation}" for violation in self.violations)


def judge(folder: Path, record: dict[str, Any], kills: Counter[str], *, faults: bool) -> Verdict:
    """The verdict on one world, when nobody lives in it any more. faults: the provider has failed now and then."""
    rows, journal = _rows(folder / "runs.sqlite3"), read_journal(folder / "journal")
    verdict = Verdict(kills=kills, runs=len(rows))
    marks = {mark: row for row in rows for mark in MARK.findall(row["state"])[:1]}
    _count(verdict, rows, journal)
    _lost(verdict, rows, marks, journal, record)
    _doubles(verdict, set(_announced(journal)), record)
    by_run = _by_run(journal)
    for mark, row in marks.items():
        _look_at(verdict, row, by_run[row["id"]], mark, record, faults=faults)
    _faults_of_ours(verdict, folder / "log")
    return verdict


def read_journal(path: Path) -> list[Line]:
    """The journal of a world; the last line of a life may be missing, but never be half."""
    lines = (line.split("\t") for line in path.read_text().splitlines()) if path.exists() else ()
    return [Line(float(at), int(pid), word, run, detail) for at, pid, word, run, detail in lines]


def _rows(path: Path) -> list[sqlite3.Row]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return connection.execute("SELECT * FROM runs").fetchall()
    finally:
        connection.close()


def _by_run(journal: Iterable[Line]) -> dict[str, list[Line]]:
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in journal:
        lines[line.run].append(line)
    return lines


def _announced(journal: Iterable[Line]) -> Iterator[str]:
    return (line.detail for line in journal if line.word == "start>")


def _count(verdict: Verdict, rows: list[sqlite3.Row], journal: list[Line]) -> None:
    verdict.ended = Counter(row["status"] for row in rows)
    verdict.cancels = sum(line.word == "cancelled" for line in journal)
    verdict.take_overs = sum(int(line.detail) for line in journal if line.word == "take<")
    remotes = (json.loads(row["state"]).get("remote") for row in rows)
    verdict.remotes = Counter(remote for remote in remotes if remote)


def _lost(
    verdict: Verdict,
    rows: list[sqlite3.Row],
    marks: dict[str, sqlite3.Row],
    journal: list[Line],
    record: dict[str, Any],
) -> None:
    """A run that was handed out is in the store, and so is every run that has asked for anything; and all end."""
    ids = {row["id"] for row in rows}
    gone = [line.run for line in journal if line.word == "started" and line.run not in ids]
    unknown = [mark for mark in _announced(journal) if mark in record["arrived"] and mark not in marks]
    endless = [row["id"] for row in rows if row["status"] not in ENDS]
    verdict.lost += len(gone) + len(unknown) + len(endless)
    verdict.violations += [f"run {one} is not in the store" for one in gone]
    verdict.violations += [f"{mark} has submitted and is not in the store" for mark in unknown]
    verdict.violations += [f"run {one} has not ended" for one in endless]


def _doubles(verdict: Verdict, marks: set[str], record: dict[str, Any]) -> None:
    for mark in marks & set(record["taken"]):
        for path, times in record["taken"][mark].items():
            verdict.submits += 1
            if times > 1:
                verdict.doubles += 1
                verdict.violations.append(f"{mark} was submitted {times} times to {path}")


def _look_at(
    verdict: Verdict, row: sqlite3.Row, lines: list[Line], mark: str, record: dict[str, Any], *, faults: bool
) -> None:
    """One run."""
    met = set(record["faults"].get(mark, ()))
    status = row["status"]
    if status == "in_doubt":
        verdict.unsent += mark not in record["arrived"]
        if not _was_between(lines) and not met & _UNANSWERED:
            verdict.unexplained += 1
            verdict.violations.append(f"run {row['id']} ({mark}) is in doubt without a reason: {_told(lines)}")
    if status == "failed" and "cancelled" in record["jobs"].get(mark, ()) and _was_told_too_late(row):
        verdict.misjudged += 1
    elif status == "failed" and _puts_twice(lines):
        verdict.repeated += 1
    elif status == "failed" and not faults:
        verdict.violations.append(f"run {row['id']} failed: {row['outcome'][:300]}")
    if any(line.detail.endswith(KEYED) for line in lines):
        arrived, taken = record["arrived"].get(mark, {}), record["taken"].get(mark, {})
        verdict.again += sum(arrived.values()) - sum(taken.values())
    if json.loads(row["state"])["remote"] == "nothing_started" and mark in record["jobs"]:
        verdict.violations.append(f"run {row['id']} ({mark}) has started something all the same: {_told(lines)}")
    if status == "cancelled" and json.loads(row["state"])["remote"] in ("cancelled", "cancel_requested"):
        alive = {state for state in record["jobs"].get(mark, ()) if state in ("queued", "running", "busy")}
        if alive:
            verdict.violations.append(f"run {row['id']} ({mark}) was cancelled and its job lives on: {_told(lines)}")
    verdict.violations += _sent_too_late(row, lines)


def _puts_twice(lines: list[Line]) -> bool:
    asked = Counter(line.detail for line in lines if line.word == "call>" and line.detail.startswith("PUT"))
    return max(asked.values(), default=0) > 1


def _was_told_too_late(row: sqlite3.Row) -> bool:
    return bool(json.loads(row["state"])["remote"] == "already_completed")


def _was_between(lines: list[Line]) -> bool:
    """Whether its process died after it had begun to record what it was about to send, and before it had recorded what
    came of it: the only place for a doubt."""
    between = False
    for line in lines:
        if line.word == "save>" and line.detail == "in_doubt":
            return between
        if line.word == "save>" and line.detail == "unsafe":
            between = True
        elif line.word == "save<":
            between = line.detail == "unsafe"
    return between


def _sent_too_late(row: sqlite3.Row, lines: list[Line]) -> Iterator[str]:
    """Nothing is submitted for a run whose end is recorded, nor long after its cancel was, nor after the answer that it
    came too late; nor by two processes. Only a submit that may have been taken already is sent again after a cancel,
    which needs to know its job."""
    ended = heard = late = None
    again = _sent_again(lines)
    for line in lines:
        if line.word == "save<" and line.detail in ENDS:
            ended = line
        if line.word == "cancelled":
            heard = heard or line
        if line.word == "late":
            late = line
        if line.word != "call>" or not line.detail.startswith("POST") or "/cancel" in line.detail:
            continue
        if ended is not None and ended.at < line.at:
            yield f"run {row['id']} submits after its end: {_told(lines)}"
        if late is not None and line not in again:
            yield f"run {row['id']} submits though its cancel had been answered: {_told(lines)}"
        elif heard is not None and line not in again and line.at > heard.at + HEARD_SECONDS:
            yield f"run {row['id']} submits {line.at - heard.at:.1f} s after its cancel: {_told(lines)}"


def _sent_again(lines: list[Line]) -> list[Line]:
    """The submits with a key that were sent while one with the same key may have been taken: it had been recorded or
    sent, and no answer to it had been recorded."""
    again: list[Line] = []
    recorded: Line | None = None
    unsure, answered = False, False
    for line in lines:
        if line.word == "call>" and line.detail.endswith(KEYED):
            again += [line] if unsure else []
            unsure = True
        elif line.word == "call<" and KEYED in line.detail:
            answered = line.detail.endswith((" 200", " 201"))
        elif line.word == "save>" and recorded is not None and recorded.pid != line.pid:
            unsure, answered = unsure or recorded.detail == "call", False
        elif line.word == "save<":
            unsure, answered, recorded = unsure and not answered, False, line
    return again


def _told(lines: list[Line]) -> str:
    start = lines[0].at if lines else 0.0
    return "; ".join(f"{line.at - start:.3f} {line.pid} {line.word} {line.detail}" for line in lines[-14:])


def _faults_of_ours(verdict: Verdict, log: Path) -> None:
    """A traceback in a life's log is a defect, whatever has become of the runs."""
    text = log.read_text() if log.exists() else ""
    if "Traceback" in text:
        verdict.violations.append(f"a life has written a traceback: {text[text.index('Traceback') :][:3000]}")
