"""A fake of Windmill's jobs: run a script or a flow by its path, look at the job, read its result, cancel
it.

Faithful to Windmill's Python client 1.850 and Windmill's public server code: a run answers 201 with the
bare id as text; a job is a QueuedJob, running or not, until it is a CompletedJob; cancelling answers the id
as text, or a sentence when the job is already completed, both with 200. A real worker needs a moment to
notice the cancel of a running job; here it notices at once.

It must not know the other providers.
"""

from __future__ import annotations

import uuid
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from arazzo_mcp.demo.jobs import BadPlan, Job, Record, State, View
from arazzo_mcp.demo.wire import Recorded, Refusal, admits, give_refusal, json_object

_USER, _EMAIL = "demo", "demo@example.com"
_KINDS = {"p": "script", "f": "flow"}
_FAILURE = {"error": {"name": "RuntimeError", "message": "the script failed", "stack": "main.py, line 1"}}


def windmill_app(record: Record | None = None, *, key: str | None = None) -> Starlette:
    """Windmill's API, below its `/api`, as an application.

    `key` is the only token that it takes; None takes any.
    """
    kept = Record() if record is None else record
    api = _Api(kept, key)
    jobs = "/w/{workspace}/jobs_u"
    return Starlette(
        routes=[
            Route("/version", api.version),
            Route("/users/whoami", api.whoami),
            Route("/w/{workspace}/users/whoami", api.whoami),
            Route("/w/{workspace}/jobs/run/p/{path:path}", api.run_script, methods=["POST"]),
            Route("/w/{workspace}/jobs/run/f/{path:path}", api.run_flow, methods=["POST"]),
            Route(jobs + "/get/{id}", api.get),
            Route(jobs + "/getupdate/{id}", api.update),
            Route(jobs + "/completed/get/{id}", api.completed),
            Route(jobs + "/completed/get_result/{id}", api.result),
            Route(jobs + "/completed/get_result_maybe/{id}", api.result_maybe),
            Route(jobs + "/queue/cancel/{id}", api.cancel, methods=["POST"]),
        ],
        middleware=[Middleware(Recorded, record=kept, provider="windmill")],
        exception_handlers={Refusal: give_refusal},
    )


class _Api:
    def __init__(self, record: Record, key: str | None) -> None:
        self._record, self._key = record, key

    async def version(self, _: Request) -> Response:
        return PlainTextResponse("CE v1.850.0")

    async def whoami(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse({"email": _EMAIL, "username": _USER, "super_admin": False, "is_admin": False})

    async def run_script(self, request: Request) -> Response:
        return await self._run(request, "p")

    async def run_flow(self, request: Request) -> Response:
        return await self._run(request, "f")

    async def get(self, request: Request) -> Response:
        job = self._find(request)
        view = job.look()
        return JSONResponse(self._completed(job, view) if view.done else self._queued(job, view))

    async def update(self, request: Request) -> Response:
        job = self._find(request)
        view = job.look()
        logs = _logs(job, view)
        offset = _whole_number(request, "log_offset")
        running = view.state is State.RUNNING
        body = {"running": running, "completed": view.done, "new_logs": logs[offset:]}
        return JSONResponse({**body, "log_offset": len(logs)})

    async def completed(self, request: Request) -> Response:
        job = self._find_completed(request)
        return JSONResponse(self._completed(job, job.view()))

    async def result(self, request: Request) -> Response:
        job = self._find_completed(request)
        return JSONResponse(_result(job, job.state))

    async def result_maybe(self, request: Request) -> Response:
        job = self._find(request)
        view = job.look()
        asked = request.query_params.get("get_started") == "true"
        body = {
            "started": view.started_at is not None if asked or view.done else None,
            "success": view.state is State.SUCCEEDED if view.done else None,
            "completed": view.done,
            "result": _result(job, view.state) if view.done else None,
        }
        return JSONResponse(body)

    async def cancel(self, request: Request) -> Response:
        self._admit(request)
        body = await self._object(request)
        job = self._known(request)
        if job is None:
            raise _refuse(404, f"Not found: queued job id {request.path_params['id']} does not exist")
        if not job.cancel(body.get("reason")):
            return PlainTextResponse(f"queued job id {job.id} is already completed")
        return PlainTextResponse(job.id)

    async def _run(self, request: Request, kind: str) -> Response:
        self._admit(request)
        args = await self._object(request)
        workspace, path = request.path_params["workspace"], request.path_params["path"]
        job_id = request.query_params.get("job_id", str(uuid.uuid4()))
        if self._record.find("windmill", job_id) is not None:
            raise _refuse(400, f"Bad request: a job with id {job_id} already exists")
        about = {"workspace": workspace, "path": path, "kind": kind}
        delay = float(_whole_number(request, "scheduled_in_secs"))
        target = f"{workspace}/{kind}/{path}"
        try:
            job = self._record.submit("windmill", job_id, target, args, about=about, delay=delay)
        except BadPlan as problem:
            raise _refuse(400, f"Bad request: {problem}") from problem
        return PlainTextResponse(job.id, 201)

    async def _object(self, request: Request) -> dict[str, Any]:
        body = await json_object(request)
        if body is None:
            raise _refuse(400, "Bad request: the body is not a JSON object")
        return body

    def _admit(self, request: Request) -> None:
        if not admits(request, "Bearer", self._key):
            raise _refuse(401, "Unauthorized")

    def _known(self, request: Request) -> Job | None:
        job = self._record.find("windmill", request.path_params["id"])
        return job if job is not None and job.about["workspace"] == request.path_params["workspace"] else None

    def _find(self, request: Request) -> Job:
        self._admit(request)
        job = self._known(request)
        if job is None:
            raise _refuse(404, f"Not found: Job not found at name {request.path_params['id']}")
        return job

    def _find_completed(self, request: Request) -> Job:
        job = self._find(request)
        if not job.view().done:
            raise _refuse(404, f"Not found: CompletedJob not found at name {job.id}")
        return job

    def _queued(self, job: Job, view: View) -> dict[str, Any]:
        scheduled = job.created_at if job.plan.polls is not None else job.starts_at - job.plan.queue_seconds
        times = {"scheduled_for": self._record.timestamp(scheduled)}
        return {
            "type": "QueuedJob",
            **self._common(job, view),
            **times,
            "running": view.state is State.RUNNING,
        }

    def _completed(self, job: Job, view: View) -> dict[str, Any]:
        began = view.finished_at if view.started_at is None else view.started_at
        return {
            "type": "CompletedJob",
            **self._common(job, view),
            "started_at": self._record.timestamp(began),
            "completed_at": self._record.timestamp(view.finished_at),
            "duration_ms": round(view.run_seconds * 1000),
            "success": view.state is State.SUCCEEDED,
            "result": _result(job, view.state),
            "deleted": False,
            "is_skipped": False,
        }

    def _common(self, job: Job, view: View) -> dict[str, Any]:
        """The members of both kinds of job; what has no value yet is left out, as Windmill does."""
        cancel = {"canceled_by": _USER, "canceled_reason": job.cancel_reason} if job.cancelled else {}
        members = {
            "workspace_id": job.about["workspace"],
            "id": job.id,
            "created_by": _USER,
            "created_at": self._record.timestamp(job.created_at),
            "started_at": self._record.timestamp(view.started_at),
            "script_path": job.about["path"],
            "args": job.input,
            "logs": _logs(job, view),
            "canceled": job.cancelled,
            **cancel,
            "job_kind": _KINDS[job.about["kind"]],
            "permissioned_as": f"u/{_USER}",
            "is_flow_step": False,
            "language": "python3",
            "email": _EMAIL,
            "visible_to_owner": True,
            "tag": "python3",
        }
        return {name: value for name, value in members.items() if value is not None}


def _logs(job: Job, view: View) -> str:
    if view.started_at is None:
        return ""
    parts = range(1, int(view.progress * 4) + 1)
    lines = [f"job={job.id} tag=python3 worker=demo", *(f"part {part} of 4" for part in parts)]
    return "\n".join(lines) + "\n"


def _result(job: Job, state: State) -> Any:
    if state is State.SUCCEEDED:
        return {"path": job.about["path"], "args": job.input}
    if state is State.FAILED:
        return _FAILURE
    reason = job.cancel_reason or "no reason given"
    message = f"Job canceled: {reason} by {_USER}"
    return {"error": {"name": "Canceled", "message": message, "reason": reason, "canceler": _USER}}


def _whole_number(request: Request, name: str) -> int:
    given = request.query_params.get(name, "0")
    if not given.isdecimal():
        raise _refuse(400, f"Bad request: {name} is not a whole number: {given}")
    return int(given)


def _refuse(status: int, text: str) -> Refusal:
    return Refusal(PlainTextResponse(text, status))
