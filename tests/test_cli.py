"""The command line as its users run it: a process of its own, its exit status, and what it prints where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from arazzo_mcp import __version__
from arazzo_mcp.demo.providers import ServedProviders
from tests.conftest import ROOT, SEEDS, WORKFLOWS, command

FAL = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux"}


def ran(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **env},
        check=False,
    )


async def ran_beside(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """As `ran`, while servers of this process go on answering."""
    return await anyio.run_process(
        command(*arguments), check=False, cwd=ROOT, env={**os.environ, "FAL_KEY": "k", **env}
    )


def fal(served: ServedProviders, store: Path) -> list[str | Path]:
    return ["--server", f"fal={served.fal_url}", "--store", store]


def test_version_and_help() -> None:
    assert ran("--version").stdout.strip() == __version__
    helped = ran("--help").stdout
    assert all(word in helped for word in ("serve", "run", "check", "tools", "runs", "demo"))


def test_check_is_clean_on_what_ships() -> None:
    done = ran("check", WORKFLOWS, "--strict")
    assert done.returncode == 0
    assert "4 workflows served, 0 errors, 0 warnings" in done.stdout
    assert "run_cancel also cancels the remote job (PUT /{app}/requests/{request_id}/cancel)" in done.stdout


def test_check_says_file_and_line_and_exits_with_1(tmp_path: Path) -> None:
    head = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions: [{name: a, url: a.yaml}]\n"
    (tmp_path / "a.yaml").write_text("openapi: 3.1.0\n")
    (tmp_path / "a.arazzo.yaml").write_text(f"{head}workflows:\n- workflowId: a\n  steps:\n  - stepId: b\n")
    (tmp_path / "b.arazzo.yaml").write_text("arazzo: 1.0.1\nworkflows: [\n")
    done = ran("check", tmp_path)
    assert done.returncode == 1
    assert "a.arazzo.yaml:7:5 workflows.0.steps.0: error [step-call]" in done.stdout
    assert "b.arazzo.yaml:3:1: error [syntax]" in done.stdout
    assert "b.arazzo.yaml is NOT served (1 error, see above: syntax)." in done.stdout
    assert "\x1b" not in done.stdout, "colours are for terminals"
    assert "Traceback" not in done.stderr


def test_check_says_what_is_not_served(tmp_path: Path) -> None:
    misspelled = (WORKFLOWS / "fal.arazzo.yaml").read_text().replace("successCriteria:", "succesCriteria:", 1)
    (tmp_path / "fal.arazzo.yaml").write_text(misspelled)
    (tmp_path / "fal.openapi.yaml").write_bytes((WORKFLOWS / "fal.openapi.yaml").read_bytes())
    done = ran("check", tmp_path)
    assert done.returncode == 1
    assert "'succesCriteria' is not a field of a step. Did you mean 'successCriteria'?" in done.stdout
    assert "workflow fal-queue-inference is NOT served (1 error, see above: unknown-field)." in done.stdout
    assert "workflow fal-submit-and-cancel is served" in done.stdout
    assert "1 workflow served, 1 not served, 1 error, 0 warnings" in done.stdout
    assert "errors: unknown-field 1" in done.stdout


def test_check_names_files_from_the_working_folder() -> None:
    assert "\nworkflows/fal.arazzo.yaml: workflow" in f"\n{ran('check', WORKFLOWS).stdout}"


def test_check_says_what_each_workflow_calls_and_needs() -> None:
    said = ran("check", WORKFLOWS, "--verbose", FAL_KEY="do-not-tell").stdout
    assert "inputs      workspace*, path*, args*, cancel_reason" in said
    assert "hosts       https://queue.fal.run" in said
    assert "credentials FAL_KEY (set) for fal.FalKey" in said
    assert "credentials WM_TOKEN (NOT set) for windmill.WindmillToken" in said
    assert "submits     submit: POST /{model}" in said
    assert "do-not-tell" not in said


def test_check_as_sarif_and_for_github(tmp_path: Path) -> None:
    head = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions: [{name: a, url: a.yaml}]\n"
    (tmp_path / "a.yaml").write_text("openapi: 3.1.0\n")
    (tmp_path / "a.arazzo.yaml").write_text(f"{head}workflows:\n- workflowId: a\n  steps:\n  - stepId: b\n")
    done = ran("check", tmp_path, "--format", "sarif")
    (run,) = json.loads(done.stdout)["runs"]
    assert done.returncode == run["invocations"][0]["exitCode"] == 1
    assert [result["ruleId"] for result in run["results"]] == ["step-call"]
    annotated = ran("check", tmp_path, "--format", "github")
    assert annotated.returncode == 1
    assert "a.arazzo.yaml,line=7,col=5,title=arazzo-mcp step-call::the step calls nothing." in annotated.stdout


def test_check_explains_a_code() -> None:
    done = ran("check", "--explain", "double-quotes")
    assert done.returncode == 0
    assert "A string in a simple condition stands in single quotes" in done.stdout
    assert "condition: $response.body#/status == 'DONE'" in done.stdout
    assert json.loads(ran("check", "--explain", "double-quotes", "--json").stdout)["tolerance"] is True


@pytest.mark.parametrize("arguments", [["--explain"], ["--explain", "all"]])
def test_check_lists_all_codes(arguments: list[str]) -> None:
    lines = ran("check", *arguments).stdout.splitlines()
    assert any(line.startswith("unknown-field ") for line in lines)
    assert len(lines) > 40


def test_graph_draws_a_workflow() -> None:
    done = ran("graph", WORKFLOWS, "fal-submit-and-cancel")
    assert done.returncode == 0
    assert done.stdout.startswith("flowchart TD\n")
    assert 's0["submit<br/>POST /{model}"]' in done.stdout


def dry(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    given = json.dumps({**FAL, "input": {"prompt": "it's"}})
    return ran("run", WORKFLOWS, "fal-queue-inference", "--dry-run", "--inputs", given, *arguments, **env)


def test_a_dry_run_shows_each_request_and_no_credential() -> None:
    done = dry(FAL_KEY="do-not-tell")
    assert done.returncode == 0
    assert "POST https://queue.fal.run/fal-ai/flux/schnell\n" in done.stdout
    status = "https://queue.fal.run/fal-ai/flux/requests/{$steps.submit.outputs.request_id}/status?logs=true"
    assert f"GET {status}\n" in done.stdout
    assert "authorization: Key ****(FAL_KEY, set)" in done.stdout
    assert (
        "on failure     retry after 2 s, at most 900 times when $statusCode == 200 || $statusCode == 202" in done.stdout
    )
    assert "do-not-tell" not in done.stdout + done.stderr


def test_a_dry_run_as_commands_to_paste() -> None:
    done = dry("--curl", FAL_KEY="do-not-tell")
    commands = [block for block in done.stdout.split("\n\n") if block.strip()]
    script = commands[0].replace("curl", "printf '%s\\n'", 1)
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env={"FAL_KEY": "k"}, check=True)
    assert "authorization: Key k" in words.stdout.splitlines()
    assert words.stdout.splitlines()[-1] == '{"prompt":"it\'s"}'
    assert "do-not-tell" not in done.stdout


def test_a_dry_run_as_json_and_what_it_says_of_missing_inputs() -> None:
    done = ran("run", WORKFLOWS, "fal-queue-inference", "--dry-run", "--json", "--input", "app=fal-ai/flux")
    data = json.loads(done.stdout)
    assert done.returncode == 1
    assert any(problem.startswith("model is required") for problem in data["problems"])
    assert data["steps"][0]["request"]["url"] == "https://queue.fal.run/{$inputs.model}"
    assert data["steps"][0]["request"]["credentials"] == [{"scheme": "FalKey", "variable": "FAL_KEY", "set": False}]


def test_check_as_json(tmp_path: Path) -> None:
    head = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions: [{name: a, url: a.yaml}]\n"
    (tmp_path / "a.yaml").write_text("openapi: 3.1.0\n")
    (tmp_path / "a.arazzo.yaml").write_text(f"{head}workflows:\n- workflowId: a\n  steps:\n  - stepId: b\n")
    done = ran("check", tmp_path, WORKFLOWS, "--json")
    data: dict[str, Any] = json.loads(done.stdout)
    (finding,) = (f for f in data["findings"] if f["code"] == "step-call")
    assert (finding["severity"], finding["line"], finding["workflow"]) == ("error", 7, "a")
    assert [flow["served"] for flow in data["workflows"]] == [True] * 4 + [False]


@pytest.mark.skipif(not SEEDS.is_dir(), reason="no published documents")
def test_strict_makes_every_tolerance_an_error() -> None:
    document = SEEDS / "replicate-predict-with-timeout-cancel-workflow.yml"
    lenient, strict = ran("check", document, "--json"), ran("check", document, "--json", "--strict")
    codes = {f["code"] for f in json.loads(lenient.stdout)["findings"]}
    assert {"success-retry", "jsonpath-boolean", "bare-expression"} <= codes
    assert {f["severity"] for f in json.loads(strict.stdout)["findings"]} == {"error"}
    assert strict.returncode == 1


def test_tools_as_an_agent_sees_them() -> None:
    done = ran("tools", WORKFLOWS, "--json")
    tools = {tool["name"]: tool for tool in json.loads(done.stdout)["tools"]}
    assert len(tools) == 9
    assert tools["fal-queue-inference"]["inputSchema"]["type"] == "object"
    assert "* model (string)" in ran("tools", WORKFLOWS).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", WORKFLOWS, "fal-queue-inferenc"], "Did you mean 'fal-queue-inference'"),
        (["run", WORKFLOWS, "fal-queue-inference"], "model is required"),
        (["run", WORKFLOWS, "fal-queue-inference", "--input", "model"], "write K=V"),
        (["run", WORKFLOWS, "fal-queue-inference", "--inputs", "{"], "--inputs is no JSON"),
        (["run", WORKFLOWS, "fal-queue-inference", "--inputs", "[1]"], "must be a JSON object"),
        (["run", WORKFLOWS, "fal-queue-inference", "--inputs", "@gone.json"], "gone.json cannot be read"),
        (["run", "gone.yaml", "x"], "there is no such file or folder"),
        (["serve", "gone"], "there is no such file or folder"),
        (["tools", "tests/bench"], "there is no Arazzo document"),
        (["serve", WORKFLOWS, "--server", "fal"], "write NAME=URL"),
        (["serve", WORKFLOWS, "--server", "fall=http://127.0.0.1:1"], "Did you mean 'fal'?"),
        (["check", WORKFLOWS, "--source", "fall=x.yaml"], "Did you mean 'fal'?"),
        (["serve", WORKFLOWS, "--server", "fal=127.0.0.1:1"], "is no http or https URL"),
        (["serve", WORKFLOWS, "--transport", "http", "--port", "99999"], "65535"),
        (["serve", WORKFLOWS, "--transport", "carrier-pigeon"], "carrier-pigeon"),
        (["check", WORKFLOWS, "--config", "gone.toml"], "gone.toml cannot be read"),
        (["check", WORKFLOWS, "--format", "xml"], "'xml' is not one of"),
        (["check", WORKFLOWS, "--json", "--format", "sarif"], "cannot go together"),
        (["check"], "name a document or a folder"),
        (["check", "--explain", "unknown-feild"], "Did you mean 'unknown-field'?"),
        (["check", "--explain", "zzz"], "`arazzo-mcp check --explain all` lists them"),
        (["check", "--explain", "syntax", "--format", "sarif"], "not as sarif"),
        (["graph", WORKFLOWS, "fal-queue"], "Did you mean 'fal-queue-inference'?"),
        (["graph", WORKFLOWS, "replicate-predict", "--format", "dot"], "'dot' is not"),
        (["run", WORKFLOWS, "replicate-predict", "--curl"], "--curl goes with --dry-run"),
        (["run", WORKFLOWS, "replicate-predict", "--dry-run", "--curl", "--json"], "cannot go together"),
        (["runs", "show", "run_x"], "there is no run 'run_x'"),
        (["runs", "cancel", "run_x"], "there is no run 'run_x'"),
    ],
)
def test_bad_usage_says_what_and_exits_with_2(arguments: list[str | Path], says: str) -> None:
    done = ran(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_settings_from_the_environment_are_checked() -> None:
    done = ran("check", WORKFLOWS, ARAZZO_MCP_WAIT_SECONDS="long")
    assert done.returncode == 2
    assert "wait_seconds" in done.stderr


def test_settings_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("colour = 1\n")
    assert "colour" in ran("check", WORKFLOWS, "--config", file).stderr
    file.write_text("strict = true\n")
    assert ran("check", WORKFLOWS, "--config", file).returncode == 0


@pytest.mark.anyio
async def test_run_prints_the_result_alone(providers: ServedProviders, tmp_path: Path) -> None:
    done = await ran_beside(
        "run", WORKFLOWS, "fal-queue-inference", *fal(providers, tmp_path / "s"),
        "--inputs", json.dumps(FAL), "--input", 'input={"prompt": "p", "_demo": {"polls": 1}}', "--json",
    )  # fmt: skip
    envelope = json.loads(done.stdout)
    assert done.returncode == 0
    assert envelope["status"] == "completed"
    assert envelope["outputs"]["result"]["prompt"] == "p"


@pytest.mark.anyio
async def test_a_failed_run_exits_with_1(providers: ServedProviders, tmp_path: Path) -> None:
    broken = {**FAL, "input": {"prompt": "p", "_demo": {"polls": 1, "outcome": "failure"}}}
    done = await ran_beside(
        "run", WORKFLOWS, "fal-queue-inference", *fal(providers, tmp_path / "s"), "--inputs", json.dumps(broken)
    )
    assert done.returncode == 1
    assert b"fal-queue-inference: failed" in done.stdout
    assert b"step 'fetch'" in done.stdout


@pytest.mark.anyio
async def test_a_missing_credential_is_named(providers: ServedProviders, tmp_path: Path) -> None:
    given = json.dumps({**FAL, "input": {"prompt": "p"}})
    done = await ran_beside(
        "run", WORKFLOWS, "fal-queue-inference", *fal(providers, tmp_path / "s"), "--inputs", given, FAL_KEY=""
    )
    assert done.returncode == 1
    assert b"set FAL_KEY" in done.stdout


@pytest.mark.anyio
async def test_runs_are_listed_shown_and_cancelled(providers: ServedProviders, tmp_path: Path) -> None:
    store = tmp_path / "s"
    slow = json.dumps({**FAL, "input": {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": 600}}})
    async with await anyio.open_process(
        command("run", WORKFLOWS, "fal-queue-inference", *fal(providers, store), "--inputs", slow),
        env={**os.environ, "FAL_KEY": "k"},
    ) as process:
        with anyio.fail_after(20):
            while not providers.record.jobs or providers.record.jobs[0].looks < 1:
                await anyio.sleep(0.05)
        listed = await ran_beside("runs", "list", "--store", store, "--json")
        (run,) = json.loads(listed.stdout)
        shown = json.loads((await ran_beside("runs", "show", run["run_id"], "--store", store)).stdout)
        cancelled = await ran_beside("runs", "cancel", run["run_id"], "--store", store, "--json")
        with anyio.fail_after(20):
            await process.wait()
    assert run["status"] == shown["status"] == "working"
    assert run["run_id"] in (await ran_beside("runs", "list", "--store", store)).stdout.decode()
    assert json.loads(cancelled.stdout)["status"] == "cancelled"
    assert process.returncode == 1
    assert [job.view().state.value for job in providers.record.jobs] == ["cancelled"]


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_interrupting_a_run_cancels_it_at_the_provider(providers: ServedProviders, tmp_path: Path) -> None:
    slow = json.dumps({**FAL, "input": {"prompt": "p", "_demo": {"queue_seconds": 0, "run_seconds": 600}}})
    async with await anyio.open_process(
        command("run", WORKFLOWS, "fal-queue-inference", *fal(providers, tmp_path / "s"), "--inputs", slow),
        env={**os.environ, "FAL_KEY": "k"},
    ) as process:
        with anyio.fail_after(20):
            while not providers.record.jobs or providers.record.jobs[0].looks < 1:
                await anyio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        printed = b"".join([chunk async for chunk in process.stdout])
        with anyio.fail_after(20):
            await process.wait()
    assert b"at the provider: cancel_requested" in printed
    assert process.returncode == 1
    assert [job.view().state.value for job in providers.record.jobs] == ["cancelled"]


@pytest.mark.anyio
async def test_serve_keeps_stdout_for_the_protocol(providers: ServedProviders, tmp_path: Path) -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    done = await anyio.run_process(
        command("serve", WORKFLOWS, *fal(providers, tmp_path / "s"), "--log-level", "debug"),
        input=f"{json.dumps(hello)}\n".encode(), check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in done.stdout.splitlines())


def test_demo_shows_the_main_job_and_ends_by_itself() -> None:
    done = ran("demo")
    assert done.returncode == 0, done.stderr
    assert '"status": "completed"' in done.stdout
    assert '"remote": "cancel_requested"' in done.stdout
    assert '"state": "cancelled"' in done.stdout
    assert '"submits": 1' in done.stdout
    assert done.stderr == ""


def test_a_workflow_that_is_not_served_is_named_with_the_reason(tmp_path: Path) -> None:
    misspelled = (WORKFLOWS / "fal.arazzo.yaml").read_text().replace("successCriteria:", "succesCriteria:", 1)
    (tmp_path / "fal.arazzo.yaml").write_text(misspelled)
    (tmp_path / "fal.openapi.yaml").write_bytes((WORKFLOWS / "fal.openapi.yaml").read_bytes())
    done = ran("graph", tmp_path, "fal-queue-inference")
    assert done.returncode == 2
    assert "error [unknown-field] 'succesCriteria' is not a field" in done.stderr
    assert "workflow 'fal-queue-inference' is not served" in done.stderr
