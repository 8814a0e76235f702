"""A fake of Replicate's predictions: create, get, list, cancel, and the files that its model makes.

Faithful to Replicate's Python client 1.0.7 and Replicate's published description of the API: a create
answers 201, with `Prefer: wait` only when the prediction is done (held for up to 60 seconds), and 202 with
the status `starting` when the hold ran out; cancelling answers 200 with the prediction, also when it is too
late; errors are problem documents.

It must not know the other providers.
"""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arazzo_mcp.demo.jobs import BadPlan, Job, Record, Sleep, State, View
from arazzo_mcp.demo.wire import Recorded, Refusal, admits, base_url, give_refusal, json_object, picture

_WORDS = {
    State.QUEUED: "starting",
    State.RUNNING: "processing",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "canceled",
}

_LONGEST_HOLD = 60.0
_TICK = 0.05
_STEPS = 10
_DEFAULT_MODEL = "demo/text-to-image"
_MODEL_ERROR = "The model did not generate any media."


def replicate_app(
    record: Record | None = None,
    *,
    key: str | None = None,
    published_status_codes: bool = False,
    sleep: Sleep = anyio.sleep,
) -> Starlette:
    """Replicate's API, below its `/v1`, as an application.

    `key` is the only API token that it takes; None takes any. `published_status_codes` answers 201 to every
    create, for descriptions that expect that. `sleep` (seconds) is how a held create waits: it belongs to
    the record's clock.
    """
    kept = Record() if record is None else record
    api = _Api(kept, key, 201 if published_status_codes else 202, sleep)
    return Starlette(
        routes=[
            Route("/predictions", api.create, methods=["POST"]),
            Route("/predictions", api.list),
            Route("/predictions/{id}", api.get),
            Route("/predictions/{id}/cancel", api.cancel, methods=["POST"]),
            Route("/models/{owner}/{name}/predictions", api.create_for_model, methods=["POST"]),
            Route("/models/{owner}/{name}/versions/{version}", api.version),
            Route("/delivery/{id}/out-{number:int}.png", api.file),
        ],
        middleware=[Middleware(Recorded, record=kept, provider="replicate")],
        exception_handlers={Refusal: give_refusal},
    )


class _Api:
    def __init__(self, record: Record, key: str | None, unfinished: int, sleep: Sleep) -> None:
        self._record, self._key, self._unfinished, self._sleep = record, key, unfinished, sleep

    async def create(self, request: Request) -> Response:
        body = await self._body(request)
        version = body.get("version")
        if not isinstance(version, str):
            raise _invalid("version", "version is required")
        model, _, _ = version.partition(":")
        return await self._created(request, body, model if "/" in model else _DEFAULT_MODEL, version)

    async def create_for_model(self, request: Request) -> Response:
        body = await self._body(request)
        model = f"{request.path_params['owner']}/{request.path_params['name']}"
        return await self._created(request, body, model, "hidden")

    async def list(self, request: Request) -> Response:
        self._admit(request)
        newest_first = reversed(self._record.jobs_of("replicate"))
        results = [self._prediction(request, job, job.view()) for job in newest_first]
        return JSONResponse({"previous": None, "next": None, "results": results})

    async def get(self, request: Request) -> Response:
        job = self._find(request)
        return JSONResponse(self._prediction(request, job, job.look()))

    async def cancel(self, request: Request) -> Response:
        job = self._find(request)
        job.cancel()
        return JSONResponse(self._prediction(request, job, job.view()))

    async def version(self, request: Request) -> Response:
        self._admit(request)
        output = {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}
        body = {
            "id": request.path_params["version"],
            "created_at": "2024-01-01T00:00:00.000000Z",
            "cog_version": "0.9.0",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": {"Output": output}}},
        }
        return JSONResponse(body)

    async def file(self, request: Request) -> Response:
        job = self._record.find("replicate", request.path_params["id"])
        if job is None or job.state is not State.SUCCEEDED:
            raise _not_found()
        return Response(picture(1024, 1024), media_type="image/png")

    async def _created(self, request: Request, body: dict[str, Any], model: str, version: str) -> Response:
        wanted = body.get("input")
        if not isinstance(wanted, dict):
            raise _invalid("input", "input is required")
        about = {"model": model, "version": version}
        try:
            job = self._record.submit("replicate", _new_id(), model, wanted, about=about)
        except BadPlan as problem:
            raise _invalid("input", str(problem)) from problem
        hold = _hold_of(request)
        if hold is None:
            return JSONResponse(self._prediction(request, job, job.view()), 201)
        await self._hold(job, hold)
        view = job.view()
        prediction = self._prediction(request, job, view)
        if view.done:
            return JSONResponse(prediction, 201)
        # A prediction that outlasts the hold is reported as starting, whatever it is doing.
        return JSONResponse({**prediction, "status": _WORDS[State.QUEUED]}, self._unfinished)

    async def _hold(self, job: Job, seconds: float) -> None:
        until = self._record.clock() + seconds
        while not job.view().done and self._record.clock() < until:
            if job.plan.polls is not None:
                job.look()
            else:
                await self._sleep(min(_TICK, until - self._record.clock()))

    async def _body(self, request: Request) -> dict[str, Any]:
        self._admit(request)
        body = await json_object(request)
        if body is None:
            raise _problem(400, "Bad request", "The request body is not a JSON object.")
        return body

    def _admit(self, request: Request) -> None:
        if "authorization" not in request.headers:
            raise _problem(401, "Unauthenticated", "You did not pass an authentication token")
        if not admits(request, "Bearer", self._key):
            raise _problem(401, "Unauthenticated", "You did not pass a valid authentication token")

    def _find(self, request: Request) -> Job:
        self._admit(request)
        job = self._record.find("replicate", request.path_params["id"])
        if job is None:
            raise _not_found()
        return job

    def _prediction(self, request: Request, job: Job, view: View) -> dict[str, Any]:
        url = f"{base_url(request)}/predictions/{job.id}"
        ended = view.finished_at
        total = 0.0 if ended is None else round(ended - job.created_at, 6)
        return {
            "id": job.id,
            "model": job.about["model"],
            "version": job.about["version"],
            "input": job.input,
            "logs": _logs(view),
            "output": _output(request, job) if view.state is State.SUCCEEDED else None,
            "data_removed": False,
            "error": _MODEL_ERROR if view.state is State.FAILED else None,
            "source": "api",
            "status": _WORDS[view.state],
            "created_at": self._record.timestamp(job.created_at),
            "started_at": self._record.timestamp(view.started_at),
            "completed_at": self._record.timestamp(ended),
            "urls": {"get": url, "cancel": f"{url}/cancel"},
            "metrics": {"predict_time": view.run_seconds, "total_time": total} if view.done else {},
        }


def _new_id() -> str:
    return base64.b32encode(uuid.uuid4().bytes).decode().rstrip("=").lower()


def _hold_of(request: Request) -> float | None:
    """How many seconds to hold the answer: `Prefer: wait` is 60, `wait=n` is n of 1 to 60.

    None is not at all.
    """
    found = re.search(r"\bwait(?:=(\d+))?\b", request.headers.get("prefer", ""))
    if found is None:
        return None
    return min(_LONGEST_HOLD, max(1.0, float(found.group(1) or _LONGEST_HOLD)))


def _logs(view: View) -> str:
    """A progress bar as tqdm prints it, one line a step, growing while the job runs."""
    if view.started_at is None:
        return ""
    lines = [_bar(step) for step in range(int(view.progress * _STEPS) + 1)]
    return "\n".join(["Generating", *lines]) + "\n"


def _bar(step: int) -> str:
    filled = "█" * step + " " * (_STEPS - step)
    times = f"00:{step:02d}<00:{_STEPS - step:02d}"
    return f"{step * 100 // _STEPS:3d}%|{filled}| {step}/{_STEPS} [{times},  1.00it/s]"


def _output(request: Request, job: Job) -> list[str]:
    count = job.input.get("num_outputs", 1)
    numbers = range(count if isinstance(count, int) else 1)
    return [f"{base_url(request)}/delivery/{job.id}/out-{number}.png" for number in numbers]


def _invalid(where: str, message: str) -> Refusal:
    fields = [{"type": "required", "field": where, "description": message}]
    return _problem(422, "Input validation failed", f"- {message}\n", invalid_fields=fields)


def _not_found() -> Refusal:
    return _problem(404, "Not found", "The requested resource could not be found.")


def _problem(status: int, title: str, detail: str, **more: Any) -> Refusal:
    return Refusal(JSONResponse({"title": title, "detail": detail, "status": status, **more}, status))
