"""A dry run as text for people, as `curl` commands to paste, and as JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Final

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.wording import template_text
from arazzo_mcp.authors.dry_run import DryRun, Planned, PlannedStep
from arazzo_mcp.authors.unknowns import StandIn, Unknowns

_IN_DOUBLE_QUOTES: Final = re.compile(r'[\\"$`]')


def _plain(stand_in: StandIn) -> str:
    return stand_in.text


def _in_json(stand_in: StandIn) -> str:
    return json.dumps(stand_in.text, ensure_ascii=False)[1:-1]


def _in_shell(stand_in: StandIn) -> str:
    if not stand_in.variable:
        return _IN_DOUBLE_QUOTES.sub(r"\\\g<0>", stand_in.text)
    plain = f"${stand_in.variable}"
    return f"$(printf %s \"{plain}\" | base64 | tr -d '\\n')" if stand_in.encoded else plain


def as_lines(run: DryRun) -> Iterator[str]:
    """For people: every step with its request, and what decides how it goes on."""
    yield f"{run.workflow.id}: nothing is sent. What stands in braces is known only when a run gets there."
    yield from (f"error: {problem}" for problem in run.problems)
    for at, step in enumerate(run.steps, 1):
        yield ""
        yield f"{at}. {step.name}{f': calls workflow {step.calls}' if step.calls else ''}"
        yield from (f"   {line}".rstrip() for line in _step_lines(run.unknowns, step))
    yield from _ending(run)


def _ending(run: DryRun) -> Iterator[str]:
    if run.cut:
        yield ""
        yield f"... and more: only the first {len(run.steps)} steps are shown."
    if run.workflow.outputs:
        yield ""
        yield "outputs of the workflow:"
        yield from (f"   {name} = {template_text(value)}" for name, value in run.workflow.outputs.items())


def _step_lines(unknowns: Unknowns, step: PlannedStep) -> Iterator[str]:
    if step.problem:
        yield f"error: {unknowns.shown(step.problem, _plain)}"
    if step.request is not None:
        yield from _request_lines(unknowns, step.request)
    yield from (f"succeeds when  {text}" for text in step.success or _default_success(step))
    yield from (f"output         {name} = {text}" for name, text in step.outputs.items())
    yield from (f"on success     {text}" for text in step.on_success)
    yield from (f"on failure     {text}" for text in step.on_failure)


def _default_success(step: PlannedStep) -> tuple[str, ...]:
    return ("the workflow completes",) if step.calls else ("the status is 2xx",)


def _request_lines(unknowns: Unknowns, request: Planned) -> Iterator[str]:
    yield f"{request.method} {unknowns.shown(request.url, _plain)}"
    yield from (f"{name}: {unknowns.shown(value, _plain)}" for name, value in request.headers.items())
    if request.body is not None:
        yield ""
        yield from _body(unknowns, request).splitlines()
    yield ""


def _body(unknowns: Unknowns, request: Planned) -> str:
    """The body as it is sent; JSON is set out in lines."""
    text = request.body or ""
    if not request.is_json:
        return unknowns.shown(text, _plain)
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return unknowns.shown(text, _plain)
    return unknowns.shown(text, _in_json)


def as_curl(run: DryRun) -> Iterator[str]:
    """One command for each request. A credential is the variable that holds it, for the shell to fill in."""
    yield from (f"# error: {problem}" for problem in run.problems)
    for at, step in enumerate(run.steps, 1):
        yield _comment(f"{at}. {step.name}{f' calls workflow {step.calls}' if step.calls else ''}")
        if step.problem:
            yield _comment(f"error: {run.unknowns.shown(step.problem, _plain)}")
        if step.request is not None:
            yield _command(run.unknowns, step.request)
        yield ""


def _comment(text: str) -> str:
    return f"# {' '.join(text.split())}"


def _command(unknowns: Unknowns, request: Planned) -> str:
    words = [f"curl --globoff -X {request.method} {_word(unknowns, request.url, _plain)}"]
    for name, value in request.headers.items():
        words.append(f"-H {_word(unknowns, f'{name}: {value}', _plain)}")
    if request.body is not None:
        words.append(f"--data-raw {_word(unknowns, request.body, _in_json if request.is_json else _plain)}")
    return " \\\n  ".join(words)


def _word(unknowns: Unknowns, text: str, show: Callable[[StandIn], str]) -> str:
    """One word of a shell command: in double quotes only where the shell has a variable to fill in."""
    if not unknowns.has_secret(text):
        return shlex.quote(unknowns.shown(text, show))
    escaped = _IN_DOUBLE_QUOTES.sub(r"\\\g<0>", text)
    return f'"{unknowns.shown(escaped, _in_shell)}"'


def as_json(run: DryRun) -> dict[str, Json]:
    """For programs."""
    return {
        "workflow": run.workflow.id,
        "file": run.linked.file,
        "problems": list(run.problems),
        "steps": [_step_json(run.unknowns, step) for step in run.steps],
        "outputs": {name: template_text(value) for name, value in run.workflow.outputs.items()},
        "cut": run.cut,
    }


def _step_json(unknowns: Unknowns, step: PlannedStep) -> dict[str, Json]:
    return {
        "step": step.name,
        "workflow": step.workflow,
        "calls": step.calls,
        "request": None if step.request is None else _request_json(unknowns, step.request),
        "problem": unknowns.shown(step.problem, _plain) or None,
        "success": list(step.success),
        "outputs": dict(step.outputs),
        "on_success": list(step.on_success),
        "on_failure": list(step.on_failure),
    }


def _request_json(unknowns: Unknowns, request: Planned) -> dict[str, Json]:
    needs = [{"scheme": n.scheme.name, "variable": n.variable, "set": n.is_set} for n in request.needs]
    show = _in_json if request.is_json else _plain
    return {
        "method": request.method,
        "url": unknowns.shown(request.url, _plain),
        "headers": {name: unknowns.shown(value, _plain) for name, value in request.headers.items()},
        "body": None if request.body is None else unknowns.shown(request.body, show),
        "credentials": needs,
    }
