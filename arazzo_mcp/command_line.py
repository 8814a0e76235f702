"""What the command line prints: runs and tools as lines of text or as JSON."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import anyio
from rich.console import Console
from rich.text import Text

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.local import LocalEngine
from arazzo_mcp.engine.prune import Pruned
from arazzo_mcp.engine.run import Run
from arazzo_mcp.errors import UsageError
from arazzo_mcp.server.envelope import envelope

if TYPE_CHECKING:  # the SDK takes a second to import, and most commands do without it
    import mcp.types as t

CANCEL_SECONDS = 30.0


async def follow(engine: LocalEngine, run: Run, err: Console) -> Run:
    """Wait for a run with a progress line on a terminal; the first Ctrl-C cancels it, the second leaves it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_interrupt, engine, run.id, err)
        with err.status(Text(run.line())) as status:  # a provider's brackets are no markup
            while not run.ended:
                run = await engine.wait(run.id, "", 1.0, run.news())
                status.update(Text(run.line()))
        tasks.cancel_scope.cancel()
    return run


async def _cancel_on_interrupt(engine: LocalEngine, run_id: str, err: Console) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            err.print(f"cancelling {run_id}; once more to leave it as it is", markup=False)
            await engine.cancel(run_id)
            break
    # out of the receiver, the next signal ends the process as usual


async def follow_several(
    engine: LocalEngine, run_ids: Sequence[str], err: Console, *, any_of_them: bool, seconds: float
) -> list[Run]:
    """Wait until all runs, or any of them, have ended, or for so many seconds, with a progress line on a terminal.

    Raises:
        UnknownRun: there is none with one of these ids.
    """
    runs = {run.id: run for run in await engine.wait_any(run_ids, "", 0)}
    if unknown := [run_id for run_id in run_ids if run_id not in runs]:
        await engine.get(unknown[0], "")  # says whether it was pruned
    with anyio.move_on_after(seconds), err.status("") as status:
        while not (any if any_of_them else all)(run.ended for run in runs.values()):
            status.update(f"{sum(run.ended for run in runs.values())} of {len(runs)} ended")
            working = [run.id for run in runs.values() if not run.ended]
            runs |= {run.id: run for run in await engine.wait_any(working, "", math.inf)}
    return list(runs.values())


async def cancelled(engine: LocalEngine, run_id: str) -> Run:
    """A run after it was asked to stop, as far as that got in half a minute."""
    run = await engine.cancel(run_id)
    return await engine.wait(run.id, "", CANCEL_SECONDS)


def shown(run: Run, *, as_json: bool) -> str:
    """A run's end: the envelope, or for people the outputs, or what went wrong."""
    if as_json:
        return json.dumps(envelope(run, run.updated - run.created), ensure_ascii=False)
    lines = [f"{run.workflow}: {run.status} ({run.id})"]
    outcome = run.outcome
    if run.state.remote:
        words = run.state.upstream.get("cancel")
        lines.append(f"cancel at the provider: {run.state.remote}{f' ({words})' if words else ''}")
    if outcome and outcome.error:
        lines.append(str(outcome.error.get("message", "")))
    if run.may_live_on:
        lines.append(
            "its job may still run and be billed at the provider: "
            f"`arazzo-mcp runs cancel {run.id}`, or go on with it: `arazzo-mcp runs attach {run.id}`"
        )
    if outcome and outcome.outputs:
        lines.append(json.dumps(outcome.outputs, indent=2, ensure_ascii=False))
    return "\n".join(lines)


def tool_lines(tool: t.Tool) -> Iterator[str]:
    """A tool for people: its name, what it does, and its parameters."""
    yield f"{tool.name}{f' - {tool.title}' if tool.title else ''}"
    yield from (f"    {line}" for line in (tool.description or "").splitlines() if line.strip())
    required = tool.input_schema.get("required", ())
    for name, schema in tool.input_schema.get("properties", {}).items():
        kind = schema.get("type", "any") if isinstance(schema, dict) else "any"
        mark = "*" if name in required else " "
        about = str(schema.get("description", "")) if isinstance(schema, dict) else ""
        yield f"  {mark} {name} ({kind}) {' '.join(about.split())}".rstrip()
    yield ""


def run_lines(runs: Iterable[Run]) -> Iterator[str]:
    """Runs as lines of aligned columns; ids in full, to be copied."""
    rows = [("run", "workflow", "status", "step", "started", "the provider says")]
    for run in runs:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created))
        rows.append((run.id, run.workflow, str(run.status), run.state.step, started, run.says()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def run_details(run: Run) -> dict[str, Json]:
    """A run in full: the envelope with complete outputs, inputs left out, and where it stands."""
    full = envelope(run, 0, most=None)
    if run.outcome and run.outcome.outputs:
        full["outputs"] = run.outcome.outputs
    moments = {name: _moment(getattr(run, name)) for name in ("created", "updated", "due") if getattr(run, name)}
    return {**full, **moments, "document": run.document, "requests": run.state.calls}


def pruned_line(done: Pruned) -> str:
    """What was dropped, for people."""
    return (
        f"dropped {done.runs} runs, {done.programs} documents that no run needs any more, "
        f"{done.tombstones} old tombstones; the file is {done.bytes / 1e6:.1f} MB smaller"
    )


def seconds_of(text: str) -> float:
    """A duration as people write it: a number of days, or with a unit (`7d`, `12h`, `30m`, `90s`).

    Raises:
        UsageError: it is none.
    """
    units = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, units["d"])
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{text!r} is no duration: write 7d, 12h, 30m or 90s")
    return seconds


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
