"""What a provider says of its job, by tables of answers as real providers give them, and how little of it is shown."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from arazzo_mcp.arazzo.command import CallOperation, Outcome, Target, Wait
from arazzo_mcp.arazzo.scope import Exchange
from arazzo_mcp.arazzo.state import Frame, State
from arazzo_mcp.arazzo.upstream import glimpse, has_ended, told
from arazzo_mcp.command_line import follow, run_details, run_lines
from arazzo_mcp.engine.run import Run
from arazzo_mcp.server.envelope import envelope
from arazzo_mcp.server.working import MOST_WORKING_BYTES

BAR = " 62%|██████▏   | 31/50 [00:10<00:06,  3.1it/s]"


def said(body: Any, status: int = 200) -> dict[str, Any]:
    return glimpse(Exchange(method="GET", status=status, body=body))


ANSWERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "fal in the queue": (
        {"status": "IN_QUEUE", "request_id": "a", "queue_position": 3, "logs": None, "metrics": {}},
        {"status": "IN_QUEUE", "queue_position": 3},
    ),
    "fal at work": (
        {
            "status": "IN_PROGRESS",
            "logs": [{"message": "Loading", "level": "INFO", "timestamp": "t"}, {"message": "Step 31/50"}],
        },
        {"status": "IN_PROGRESS", "percent": 62, "logs": ["Loading", "Step 31/50"]},
    ),
    "fal has ended": (
        {"status": "COMPLETED", "metrics": {"inference_time": 1.23456}, "error": "no media", "error_type": "x"},
        {"status": "COMPLETED", "error": "no media", "metrics": {"inference_time": 1.235}},
    ),
    "Replicate at work": (
        {"id": "a", "status": "processing", "error": None, "logs": f"Using seed: 7\n{BAR}", "metrics": {}},
        {"status": "processing", "percent": 62, "logs": ["Using seed: 7"]},
    ),
    "Windmill, a job": (
        {"type": "CompletedJob", "success": True, "result": {"status": "x"}},
        {"status": "CompletedJob"},
    ),
    "Windmill, waiting": ({"running": False, "completed": False, "new_logs": ""}, {"status": "not running"}),
    "Windmill, at work": (
        {"running": True, "completed": False, "new_logs": "part 1 of 4\n", "progress": 30, "mem_peak": 9},
        {"status": "running", "percent": 30, "metrics": {"mem_peak": 9}, "logs": ["part 1 of 4"]},
    ),
    "Windmill, over": ({"running": True, "completed": True}, {"status": "completed"}),
    "RunPod": (
        {"id": "a", "status": "IN_PROGRESS", "delayTime": 2624},
        {"status": "IN_PROGRESS", "metrics": {"delayTime": 2624}},
    ),
    "Luma": ({"state": "failed", "failure_reason": "no"}, {"status": "failed", "error": "no"}),
    "Runway": ({"status": "RUNNING", "progress": 0.25}, {"status": "RUNNING", "percent": 25}),
    "Flux": ({"id": "a", "status": "Pending", "progress": None}, {"status": "Pending"}),
    "OpenAI video": (
        {"object": "video", "status": "in_progress", "progress": 33},
        {"status": "in_progress", "percent": 33},
    ),
    "OpenAI batch": (
        {"status": "in_progress", "request_counts": {"total": 8, "completed": 2}, "metadata": {"progress": 90}},
        {"status": "in_progress", "percent": 25},
    ),
    "Anthropic batch": ({"processing_status": "in_progress"}, {"status": "in_progress"}),
    "Meshy": (
        {"status": "PENDING", "progress": 0, "preceding_tasks": 3, "task_error": None},
        {"status": "PENDING", "queue_position": 3, "percent": 0},
    ),
    "Tripo": (
        {"code": 0, "data": {"status": "running", "progress": 40, "running_left_time": 12}},
        {"status": "running", "percent": 40, "eta_seconds": 12},
    ),
    "Kling": (
        {"code": 0, "message": "SUCCEED", "data": {"task_status": "failed", "task_status_msg": "risk control"}},
        {"status": "failed", "message": "risk control"},
    ),
    "HeyGen": ({"code": 100, "message": "Success", "data": {"status": "processing"}}, {"status": "processing"}),
    "Apify": (
        {"data": {"status": "RUNNING", "statusMessage": "Crawled 5 pages"}},
        {"status": "RUNNING", "message": "Crawled 5 pages"},
    ),
    "Runware": ({"data": [{"status": "processing", "progress": "12%"}]}, {"status": "processing", "percent": 12}),
    "DashScope": ({"output": {"task_status": "RUNNING"}, "request_id": "a"}, {"status": "RUNNING"}),
    "Airbyte": ({"job": {"id": 1, "status": "running"}, "attempts": []}, {"status": "running"}),
    "a long-running operation at Google": (
        {"name": "operations/1", "metadata": {"state": "RUNNING", "progressPercent": 42}, "done": False},
        {"status": "RUNNING", "percent": 42},
    ),
    "one that has ended": ({"name": "operations/1", "metadata": {"state": "ACTIVE"}, "done": True}, {"status": "done"}),
    "Azure": ({"status": "Running", "percentComplete": 12.54}, {"status": "Running", "percent": 12.5}),
    "Databricks": (
        {"state": {"life_cycle_state": "PENDING", "state_message": "Waiting for cluster"}},
        {"status": "PENDING", "message": "Waiting for cluster"},
    ),
    "Kubernetes": ({"kind": "Pod", "status": {"phase": "Running"}}, {"status": "Running"}),
    "SageMaker": ({"TrainingJobStatus": "InProgress"}, {"status": "InProgress"}),
    "Stable Diffusion web": (
        {"progress": 0.5, "eta_relative": 3.24, "state": {"job": "a", "sampling_step": 10, "sampling_steps": 20}},
        {"percent": 50, "eta_seconds": 3.2},
    ),
    "an object for progress": (
        {"status": "running", "progress": {"percentage": 50.0, "current_step": "x"}},
        {"status": "running", "percent": 50},
    ),
    "counts for progress": (
        {"status": "x", "progress": {"completed": 1, "total": 3}},
        {"status": "x", "percent": 33.3},
    ),
    "words for progress": (
        {"status": "x", "progress": "Rendering frames"},
        {"status": "x", "message": "Rendering frames"},
    ),
    "a queue": ({"state": "queued", "queue": {"position": "4"}}, {"status": "queued", "queue_position": 4}),
    "a place while it waits": ({"state": "queued", "position": 4}, {"status": "queued", "queue_position": 4}),
    "a success of the request": (
        {"status": "success", "data": {"status": "running", "queuePosition": 2}},
        {"status": "running", "queue_position": 2},
    ),
    "an error in an object": (
        {"status": "failed", "error": {"code": 7, "message": "out of memory"}},
        {"status": "failed", "error": "out of memory"},
    ),
}


@pytest.mark.parametrize(("body", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answers_of_providers(body: Any, expected: dict[str, Any]) -> None:
    assert said(body) == expected


NOT_SAID: dict[str, tuple[Any, dict[str, Any]]] = {
    "a place on a map": ({"status": "running", "position": {"x": 1}}, {"status": "running"}),
    "a place that is no place in a queue": ({"status": "running", "position": 7}, {"status": "running"}),
    "a queue's number": ({"status": "queued", "queue": 7}, {"status": "queued"}),
    "one percent or all": ({"status": "running", "progress": 1}, {"status": "running"}),
    "more than all": ({"status": "running", "progress": 140}, {"status": "running"}),
    "less than nothing": ({"status": "running", "percent": -1}, {"status": "running"}),
    "a number without end": ({"status": "running", "percent": 10**400}, {"status": "running"}),
    "no number": ({"status": "running", "progress": float("nan"), "eta": float("inf")}, {"status": "running"}),
    "a flag": ({"status": "running", "progress": True, "queue_position": True}, {"status": "running"}),
    "a position below nothing": ({"status": "queued", "queue_position": -1}, {"status": "queued"}),
    "a moment, no time left": ({"status": "running", "eta": 1_700_000_000}, {"status": "running"}),
    "pages of a list": ({"current": 1, "total": 4}, {}),
    "more done than there is": ({"status": "a", "progress": {"completed": 5, "total": 4}}, {"status": "a"}),
    "an HTTP status": ({"status": 200, "id": "a"}, {}),
    "the state of a country": ({"type": "image", "id": 4}, {}),
    "no error": ({"status": "ok?", "error": False, "errors": [], "failure": 0}, {"status": "ok?"}),
    "a list": ([{"status": "running"}], {}),
    "many jobs": ({"data": [{"status": "running"}, {"status": "failed"}]}, {}),
    "a result of the user's": ({"status": "succeeded", "output": {"progress": 3}}, {"status": "succeeded"}),
    "nothing": ({}, {}),
}


@pytest.mark.parametrize(("body", "expected"), NOT_SAID.values(), ids=NOT_SAID)
def test_nothing_is_read_into_what_is_not_said(body: Any, expected: dict[str, Any]) -> None:
    assert said(body) == expected


LOGS: dict[str, tuple[Any, Any, Any]] = {
    "tqdm": (BAR, 62, None),
    "tqdm overwrites itself": (f"start\r  1%|   | 1/50 [00:00<00:30]\r{BAR}\rsaving", 62, ["start", "saving"]),
    "tqdm without room": (" 31/50 [00:10<00:06,  3.1it/s]", 62, None),
    "tqdm without a total": ("31it [00:10, 3.1it/s]", None, None),
    "the last line wins": (["Step 1/50", "Step 31/50"], 62, ["Step 1/50", "Step 31/50"]),
    "the last on a line wins": ("Step 1/50 Step 31/50", 62, ["Step 1/50 Step 31/50"]),
    "a fraction": ("progress: 0.62", 62, ["progress: 0.62"]),
    "percent": ("Progress 62%", 62, ["Progress 62%"]),
    "counted progress": ("progress: 31/50", 62, ["progress: 31/50"]),
    "progress in words": ("progress 3 of 10", 30, ["progress 3 of 10"]),
    "no certain progress": ("progress: 1", None, ["progress: 1"]),
    "done": ("62.5% done", 62.5, ["62.5% done"]),
    "another percentage": ("GPU at 90%, 3% of faces found", None, ["GPU at 90%, 3% of faces found"]),
    "a table": ("| CPU 90% | 3 |", None, ["| CPU 90% | 3 |"]),
    "a preparation": ("Loading weights: 100%|███| 7/7 [00:01<00:00]", None, None),
    "one round of many": ("Epoch 1/3:  62%|███ | 31/50 [00:01<00:00]", None, None),
    "colours": ("\x1b[32mStep\x1b[0m 31/50\x1b]0;title\x07", 62, ["Step 31/50"]),
    "steps beyond the end": ("Step 51/50", None, ["Step 51/50"]),
    "three lines at most": ("a\nb\n\nc\nd", None, ["b", "c", "d"]),
    "objects": ([{"msg": "a"}, {"text": "b"}, {"level": "INFO"}, 7, None], None, ["a", "b"]),
    "no log": (7, None, None),
}


@pytest.mark.parametrize(("logs", "percent", "lines"), LOGS.values(), ids=LOGS)
def test_logs(logs: Any, percent: Any, lines: Any) -> None:
    seen = said({"status": "running", "logs": logs})
    assert (seen.get("percent"), seen.get("logs")) == (percent, lines)


def test_a_field_comes_before_the_log_and_an_end_before_both() -> None:
    assert said({"status": "running", "progress": 10, "logs": BAR})["percent"] == 10
    assert "percent" not in said({"status": "succeeded", "logs": BAR})


def test_the_end_of_a_long_log_is_found_soon() -> None:
    logs = "x" * 5_000_000 + "\n" + "\r".join([BAR] * 50_000) + "\nlast"
    assert said({"status": "running", "logs": logs}) == {"status": "running", "percent": 62, "logs": ["last"]}
    assert said({"logs": ["y" * 100_000] * 10_000})["logs"] == ["y" * 200] * 3


WORDS: dict[str, tuple[dict[str, Any], bool]] = {
    "over": ({"status": "COMPLETED"}, True),
    "over, of an earlier version": ({"state": "succeeded"}, True),
    "a Windmill job of an earlier version": ({"type": "CompletedJob"}, True),
    "at work": ({"status": "IN_PROGRESS"}, False),
    "a flag": ({"status": "not done"}, False),
    "nothing": ({"percent": 100}, False),
}


@pytest.mark.parametrize(("upstream", "over"), WORDS.values(), ids=WORDS)
def test_words_for_the_end(upstream: dict[str, Any], over: bool) -> None:
    assert has_ended(upstream) is over


@pytest.mark.parametrize("word", ["error", "success", "fail", 500])
def test_a_refused_request_says_nothing_of_the_job(word: Any) -> None:
    after = told({"status": "running"}, Exchange(method="GET", status=500, body={"status": word, "message": "no"}))
    assert after == {"status": "running", "message": "no"}


TOLD: dict[str, tuple[dict[str, Any], str, Any, dict[str, Any]]] = {
    "an answer without a word keeps the last": (
        {"status": "COMPLETED", "percent": 100, "queue_position": 1, "cancel": "no"}, "GET", {"detail": "x"},
        {"status": "COMPLETED", "percent": 100, "cancel": "no", "detail": "x"},
    ),
    "an answer that says nothing": ({"status": "a", "eta_seconds": 1}, "GET", {}, {"status": "a", "eta_seconds": 1}),
    "the log stays with its status": (
        {"status": "running", "percent": 3, "logs": ["a"]}, "GET", {"status": "running", "logs": []},
        {"status": "running", "percent": 3, "logs": ["a"]},
    ),
    "and goes with it": ({"status": "running", "percent": 3, "logs": ["a"]}, "GET", {"status": "ok"}, {"status": "ok"}),
    "an earlier version's word gives way": ({"state": "busy", "type": "x"}, "GET", {"state": "ok"}, {"status": "ok"}),
    "an earlier version's word stays": ({"state": "busy"}, "GET", {"detail": "x"}, {"state": "busy", "detail": "x"}),
    "a new job begins anew": ({"status": "COMPLETED", "cancel": "no"}, "POST", {"id": 7}, {"cancel": "no"}),
}  # fmt: skip


@pytest.mark.parametrize(("before", "method", "body", "after"), TOLD.values(), ids=TOLD)
def test_what_stays_true(before: dict[str, Any], method: str, body: Any, after: dict[str, Any]) -> None:
    assert told(before, Exchange(method=method, status=200, body=body)) == after


# --- a run


CALL = CallOperation("poll", Target("api", "GET /", "GET"), (), None)


def working(upstream: dict[str, Any], outputs: Any = None, step: str = "poll", workflow: str = "flow") -> Run:
    frame = Frame(workflow, step, {}, {step: outputs or {}})
    state = State((frame,), calls=9, submits=1, upstream=upstream, asked=step, attempts=8)
    return Run(f"run_{'x' * 24}", workflow, "d", "f", "", state, Wait(step, 5), 1e9, 1e9, "me", due=1e9)


def test_attempts_are_those_of_the_present_step() -> None:
    run = working({})
    assert run.attempt == 8
    assert replace(run, command=CALL).attempt == 9
    assert replace(run, state=replace(run.state, asked="other")).attempt == 0
    again = run.state.answered(Exchange())
    assert (again.attempts, again.calls) == (9, 10)
    assert replace(again, asked="other").answered(Exchange()).attempts == 1


def test_what_the_provider_says_in_one_line() -> None:
    assert working({"status": "IN_QUEUE", "queue_position": 0}).says() == "IN_QUEUE, position 0"
    assert working({"status": "a", "percent": 62, "logs": ["x", "step\n31/50"]}).says() == "a, 62 %, step 31/50"
    assert working({"state": "busy", "message": "soon"}).line().startswith("poll: busy, soon (working, ")
    assert working({}).line().startswith("poll (working, ")
    assert len(working({"status": "a" * 500, "logs": ["b" * 500]}, step="s" * 500).line()) < 300


def test_the_command_line_shows_the_same_words_and_all_that_is_known() -> None:
    lines = ["a" * 300, "b" * 300, "[/red] c"]
    run = working(said({"status": "running", "percent": 62, "logs": lines, "error": "e" * 400}))
    head, row = run_lines([run])
    assert head.endswith("the provider says")
    assert row.endswith("running, 62 %, [/red] c")
    assert run_details(run)["upstream"] == run.state.upstream
    assert envelope(run, 0)["upstream"]["logs"] == ["[/red] c"]


@pytest.mark.anyio
async def test_a_providers_brackets_are_no_markup() -> None:
    class Ended:
        async def wait(self, *_: Any) -> Run:
            return replace(run, outcome=Outcome("completed", {}))

    run = working({"status": "[/red]", "logs": ["[bold]loud"]})
    err = Console(file=io.StringIO(), force_terminal=True, width=200)
    ended = await follow(Ended(), run, err)  # type: ignore[arg-type]
    assert ended.ended
    assert "[/red], [bold]loud" in err.file.getvalue()  # type: ignore[attr-defined]


def test_news_begin_with_the_fingerprint() -> None:
    run = working({"status": "a", "percent": 1, "logs": ["x"]})
    assert run.news()[: len(run.fingerprint())] == run.fingerprint()
    for change in ({"percent": 2}, {"queue_position": 1}, {"logs": ["x", "y"]}):
        later = replace(run, state=replace(run.state, upstream={**run.state.upstream, **change}))
        assert later.fingerprint() == run.fingerprint()
        assert later.news() != run.news()
    over = replace(run, state=replace(run.state, upstream={"status": "b"}))
    assert over.fingerprint() != run.fingerprint()


def test_the_envelope_of_a_working_run() -> None:
    shown = envelope(working({"status": "busy"}, {"word": "busy", "id": "7", "many": [1], "queue_position": 3}), 0)
    assert shown["attempt"] == 8
    assert shown["upstream"] == {"status": "busy"}
    assert shown["outputs_so_far"] == {"id": "7"}, "nothing twice, and no place that the job has left"
    assert shown["next_poll_seconds"] == 0


HOSTILE: dict[str, dict[str, Any]] = {
    "long logs": {"status": "running", "logs": ["\\\"\n" * 5000] * 500},
    "long errors": {"status": "running", "error": {"message": "e" * 9000}, "detail": "d" * 9000, "message": "m" * 900},
    "a huge status": {"status": "s" * 100_000, "logs": "l" * 10_000},
    "many metrics": {"status": "running", "metrics": {f"m{n}" * 50: "v" * 999 for n in range(500)}},
    "another script": {"status": "运" * 500, "message": "行" * 900, "logs": ["中" * 900] * 9},
    "all at once": {
        "status": "😀" * 900, "queue_position": 10**8, "percent": 99.9, "eta": 1e6, "message": "\u0000\"" * 900,
        "detail": ["\\" * 999], "error": "\ud800" * 900 + "x" * 900, "logs": "\x1b[31m" * 900 + "\\" * 9000,
        "metrics": {"a\"" * 400: 1e14, "b": "\\" * 900},
    },
}  # fmt: skip


@pytest.mark.parametrize("length", [4, 400], ids=["short names", "long names"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_provider_makes_the_status_of_a_working_run_long(body: dict[str, Any], length: int) -> None:
    outputs = {f"o{n}" * length: "o" * 900 for n in range(50)} | {"n": 10**5000}
    run = replace(working(said(body), outputs, "s" * length, "w" * length), cancel=True)
    shown = envelope(run, 0)
    assert len(json.dumps(shown, ensure_ascii=False).encode()) <= MOST_WORKING_BYTES
    assert shown["run_id"] == run.id
    assert {"status", "step", "workflow", "next", "elapsed_seconds"} <= shown.keys()


def test_the_least_telling_goes_first() -> None:
    upstream = said(
        {"status": "running", "percent": 62, "error": "e" * 60, "logs": [f"{n} " + "l" * 150 for n in range(3)]}
    )
    shown = envelope(working(upstream, {"id": "7"}), 0)
    assert [line[0] for line in shown["upstream"]["logs"]] == ["2"]
    assert {"status", "percent", "error"} <= shown["upstream"].keys()
    assert envelope(working(upstream), 0, most=None)["upstream"] == upstream
