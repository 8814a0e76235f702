"""A fake of fal's queue: submit, status, result, cancel, and the pictures that its model makes.

Faithful to fal's Python client 1.0.3 and fal's documentation: status answers 202 until the request is
COMPLETED; `logs` is always a member, and null unless asked for; there is no failed state, a failed or
cancelled request is COMPLETED with `error` and `error_type`, and its result answers the error. After the
submit fal addresses a request by owner and app only; the full model path is taken as well, because
published descriptions of the API use it.

It must not know the other providers.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arazzo_mcp.demo.jobs import BadPlan, Job, Record, State, View
from arazzo_mcp.demo.wire import Recorded, Refusal, admits, base_url, give_refusal, json_object, picture

_NAMESPACES = ("workflows", "comfy")
"""Model ids under these begin with one segment more than owner and app."""

_WIDTH, _HEIGHT = 1024, 768

_WORDS = {State.QUEUED: "IN_QUEUE", State.RUNNING: "IN_PROGRESS"}

_FAILED = ("The model did not generate any media.", "no_media_generated")
_CANCELLED = ("Request was cancelled by the client.", "client_cancelled")


@dataclass(frozen=True)
class _Codes:
    unfinished: int
    cancelled: int


_REAL_CODES = _Codes(unfinished=202, cancelled=202)
_PUBLISHED_CODES = _Codes(unfinished=200, cancelled=200)


def fal_app(record: Record | None = None, *, key: str | None = None, published_status_codes: bool = False) -> Starlette:
    """fal's queue as an application.

    `key` is the only API key that it takes; None takes any. `published_status_codes` answers 200 where fal
    answers 202, for descriptions that expect that.
    """
    kept = Record() if record is None else record
    queue = _Queue(kept, key, _PUBLISHED_CODES if published_status_codes else _REAL_CODES)
    return Starlette(
        routes=[
            Route("/files/{request_id}/{number:int}.png", queue.image),
            Route("/{model:path}/requests/{request_id}/status", queue.status),
            Route("/{model:path}/requests/{request_id}/cancel", queue.cancel, methods=["PUT"]),
            Route("/{model:path}/requests/{request_id}", queue.result),
            Route("/{model:path}", queue.submit, methods=["POST"]),
        ],
        middleware=[Middleware(Recorded, record=kept, provider="fal")],
        exception_handlers={Refusal: give_refusal},
    )


class _Queue:
    def __init__(self, record: Record, key: str | None, codes: _Codes) -> None:
        self._record, self._key, self._codes = record, key, codes

    async def submit(self, request: Request) -> Response:
        model = request.path_params["model"]
        app = _app_of(model)
        self._admit(request, app or model)
        if app is None:
            raise _refuse(404, f"Application '{model}' not found")
        body = _checked(await json_object(request))
        try:
            job = self._record.submit("fal", str(uuid.uuid4()), model, body, about={"app": app})
        except BadPlan as problem:
            raise _invalid(["body", "_demo"], str(problem), "value_error", body) from problem
        head = {"status": _WORDS[State.QUEUED], "queue_position": self._position(job)}
        tail: dict[str, Any] = {"logs": None, "metrics": {}, "gateway_request_id": job.id}
        return JSONResponse({**head, **_addresses(request, job), **tail}, headers=_named(job))

    async def status(self, request: Request) -> Response:
        job = self._find(request)
        view = job.look()
        body: dict[str, Any] = {"status": _WORDS.get(view.state, "COMPLETED"), **_addresses(request, job)}
        body["logs"] = self._logs(view) if request.query_params.get("logs") in ("1", "true") else None
        if view.state is State.QUEUED:
            body["queue_position"] = self._position(job)
        if not view.done:
            return JSONResponse(body, self._codes.unfinished, headers=_named(job))
        body["metrics"] = {"inference_time": view.run_seconds}
        if view.state is not State.SUCCEEDED:
            body["error"], body["error_type"] = _FAILED if view.state is State.FAILED else _CANCELLED
        return JSONResponse(body, headers=_named(job))

    async def result(self, request: Request) -> Response:
        job = self._find(request)
        match job.state:
            case State.SUCCEEDED:
                return JSONResponse(_output(request, job), headers=_named(job))
            case State.FAILED:
                message, kind = _FAILED
                raise _invalid(["body"], message, kind, job.input)
            case State.CANCELLED:
                message, kind = _CANCELLED
                headers = {**_named(job), "x-fal-error-type": kind}
                return JSONResponse({"detail": message, "error_type": kind}, 499, headers=headers)
            case _:
                raise _refuse(400, "Request is still in progress")

    async def cancel(self, request: Request) -> Response:
        self._admit(request, request.path_params["model"])
        job = self._known(request)
        if job is None:
            return JSONResponse({"status": "NOT_FOUND"}, 404)
        if not job.cancel():
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, self._codes.cancelled)

    async def image(self, request: Request) -> Response:
        job = self._record.find("fal", request.path_params["request_id"])
        if job is None or job.state is not State.SUCCEEDED:
            raise _refuse(404, "Not Found")
        return Response(picture(_WIDTH, _HEIGHT), media_type="image/png")

    def _admit(self, request: Request, app: str) -> None:
        if not admits(request, "Key", self._key):
            raise _refuse(401, f'Cannot access application "{app}". Authentication is required.')

    def _known(self, request: Request) -> Job | None:
        job = self._record.find("fal", request.path_params["request_id"])
        addressed = request.path_params["model"]
        return job if job is not None and addressed in (job.about["app"], job.target) else None

    def _find(self, request: Request) -> Job:
        self._admit(request, request.path_params["model"])
        job = self._known(request)
        if job is None:
            raise _refuse(404, "Request not found")
        return job

    def _position(self, job: Job) -> int:
        """How many requests of the same app wait before this one."""
        earlier = self._record.jobs[: self._record.jobs.index(job)]
        ours = [other for other in earlier if other.about.get("app") == job.about["app"]]
        return sum(1 for other in ours if other.state is State.QUEUED)

    def _logs(self, view: View) -> list[dict[str, Any]]:
        if view.started_at is None:
            return []
        done = int(view.progress * 4)
        lines = ["Loading the model", *(f"Step {step}/4" for step in range(1, done + 1))]
        at = self._record.timestamp(view.started_at)
        return [{"timestamp": at, "level": "INFO", "source": "USER", "message": line} for line in lines]


def _app_of(model: str) -> str | None:
    """The part of a model's id that addresses its requests: owner and app. None when the id is too short."""
    parts = model.split("/")
    length = 3 if parts[0] in _NAMESPACES else 2
    return "/".join(parts[:length]) if len(parts) >= length and all(parts) else None


def _addresses(request: Request, job: Job) -> dict[str, str]:
    url = f"{base_url(request)}/{job.about['app']}/requests/{job.id}"
    urls = {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
    return {"request_id": job.id, **urls}


def _named(job: Job) -> dict[str, str]:
    return {"x-fal-request-id": job.id}


def _output(request: Request, job: Job) -> dict[str, Any]:
    count = job.input.get("num_images", 1)
    numbers = range(count if isinstance(count, int) else 1)
    url = f"{base_url(request)}/files/{job.id}"
    size = {"width": _WIDTH, "height": _HEIGHT, "content_type": "image/png"}
    return {
        "images": [{"url": f"{url}/{number}.png", **size} for number in numbers],
        "timings": {"inference": job.view().run_seconds},
        "seed": job.input.get("seed", zlib.crc32(job.id.encode())),
        "has_nsfw_concepts": [False for _ in numbers],
        "prompt": job.input["prompt"],
    }


def _checked(body: dict[str, Any] | None) -> dict[str, Any]:
    if body is None:
        raise _invalid(["body"], "Input should be a valid dictionary", "model_attributes_type", None)
    if "prompt" not in body:
        raise _invalid(["body", "prompt"], "Field required", "missing", body)
    if not isinstance(body["prompt"], str):
        raise _invalid(["body", "prompt"], "Input should be a valid string", "string_type", body["prompt"])
    return body


def _invalid(where: list[str], message: str, kind: str, given: Mapping[str, Any] | None) -> Refusal:
    return _refuse(422, [{"loc": where, "msg": message, "type": kind, "input": given}])


def _refuse(status: int, detail: str | list[dict[str, Any]]) -> Refusal:
    return Refusal(JSONResponse({"detail": detail}, status))
