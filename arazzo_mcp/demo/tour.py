"""`arazzo-mcp demo`: the main job, shown as an agent sees it. No account, no key, less than 30 seconds.

Real parts throughout: the fake provider answers on loopback, the server is a process of its own, and what is printed is
what an MCP client over stdio got.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import mcp.types as t
from mcp import Client, StdioServerParameters
from rich.console import Console

from arazzo_mcp.demo.providers import Providers, ServedProviders, serve_providers

WAIT_SECONDS: Final = 9
_MODEL: Final = {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux"}


def workflows_folder() -> Path:
    """The descriptions that ship with the package; beside it in a checkout."""
    shipped = Path(str(files("arazzo_mcp"))) / "workflows"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "workflows"


async def tour(out: Console | None = None) -> None:
    """Run the demo, printing to `out` (default: stdout)."""
    show = _Narrator(out or Console(highlight=False, soft_wrap=True))
    with tempfile.TemporaryDirectory(prefix="arazzo-mcp-demo-") as folder:
        async with serve_providers(Providers(queue_seconds=1.5, run_seconds=3)) as provider:
            show.title(f"A fake fal API listens on {provider.fal_url}, the server reads workflows/fal.arazzo.yaml")
            async with Client(_server(provider, Path(folder)), mode="auto") as client:
                await _tools(show, client)
                await _to_its_result(show, client)
                await _cancelled(show, client, provider)
    show.title("Done. Nothing of this left your machine. Next: README.md shows how to add it to your agent.")


def _server(provider: ServedProviders, folder: Path) -> StdioServerParameters:
    document = workflows_folder() / "fal.arazzo.yaml"
    arguments = ["serve", str(document), "--server", f"fal={provider.fal_url}", "--wait-seconds", str(WAIT_SECONDS)]
    arguments += ["--log-level", "error"]
    environment = {**os.environ, "FAL_KEY": "demo-key", "ARAZZO_MCP_STORE": str(folder / "runs.sqlite3")}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "arazzo_mcp", *arguments], env=environment, cwd=folder
    )


async def _tools(show: _Narrator, client: Client) -> None:
    show.title("1. The agent lists its tools: each workflow is one, and five look after runs")
    for tool in (await client.list_tools()).tools:
        parameters = ", ".join(tool.input_schema.get("properties", {}))
        show.line(f"   {tool.name}({parameters}) - {tool.title}")


async def _to_its_result(show: _Narrator, client: Client) -> None:
    show.title("2. It runs a model: submit, poll, fetch, in one call")
    await show.call(client, "fal-queue-inference", {**_MODEL, "input": {"prompt": "a lighthouse at dawn"}})


async def _cancelled(show: _Narrator, client: Client, provider: ServedProviders) -> None:
    show.title(f"3. A job of ten minutes: the call hands the run back after {WAIT_SECONDS} s, the run goes on")
    long_job = {"prompt": "a film of the sea", "_demo": {"queue_seconds": 1, "run_seconds": 600}}
    handed_back = await show.call(client, "fal-queue-inference", {**_MODEL, "input": long_job})
    run_id = (handed_back.structured_content or {})["run_id"]
    show.title("4. The agent cancels it: the cancel reaches the provider")
    await show.call(client, "run_cancel", {"run_id": run_id})
    show.title("5. The provider's own record of that job")
    job = provider.record.as_json("fal")["jobs"][-1]
    kept = ("id", "target", "state", "submits", "looks", "cancel_reason")
    show.data({name: job[name] for name in kept if name in job})


class _Narrator:
    """Prints calls and answers as they happen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def title(self, text: str) -> None:
        elapsed = time.monotonic() - self._started
        self._console.print(f"\n[{elapsed:4.1f} s] {text}", style="bold", markup=False)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False)

    def data(self, value: Mapping[str, Any]) -> None:
        for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines():
            self._console.print(f"   {line}", markup=False)

    async def call(self, client: Client, name: str, arguments: dict[str, Any]) -> t.CallToolResult:
        self._console.print(f" → {name} {json.dumps(arguments, ensure_ascii=False)}", style="cyan", markup=False)
        result = await client.call_tool(name, arguments, progress_callback=self._progress)
        self._console.print(f" ← {'error' if result.is_error else 'result'}", style="green", markup=False)
        self.data(result.structured_content or {})
        return result

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002
        self._console.print(f"   … {message}", style="dim", markup=False)
