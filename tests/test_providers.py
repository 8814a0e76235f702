"""The fakes are faithful: the vendors' own clients work against them, over HTTP on loopback.

Time is a number that a test sets, or jobs are paced by looks; nothing here waits for a real job.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fal_client
import httpx
import pytest
import wmill
from anyio.from_thread import start_blocking_portal
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.prediction import Prediction

from arazzo_mcp.demo.jobs import Record
from arazzo_mcp.demo.providers import Providers, ServedProviders, serve_providers


@dataclass
class Clock:
    """Seconds that pass when they are told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Bench:
    served: ServedProviders
    clock: Clock

    @property
    def record(self) -> Record:
        return self.served.record

    def seen(self, provider: str) -> list[str]:
        """What reached a provider: method, last part of the path, answered status."""
        requests = self.record.requests_of(provider)
        return [f"{each.method} {each.path.rsplit('/', 1)[1]} {each.status}" for each in requests]


@pytest.fixture(scope="module")
def _running() -> Iterator[Bench]:
    clock = Clock()
    providers = Providers(queue_seconds=10, run_seconds=20, clock=clock, sleep=clock.sleep)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_providers(providers)) as served,
    ):
        yield Bench(served, clock)


@pytest.fixture
def bench(_running: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _running.record.reset()
    return _running


@pytest.fixture
def fal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[fal_client.SyncClient]:
    # The client has its host as a constant that begins with https: no environment variable can move it here.
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{bench.served.fal_url}/")
    client = fal_client.SyncClient(key="fal-key")
    yield client
    client._client.close()


@pytest.fixture
def replicate_client(bench: Bench) -> Iterator[Client]:
    client = Client("r8-token", base_url=f"{bench.served.base_url}/replicate")
    client.poll_interval = 0
    yield client
    client._client.close()


@pytest.fixture
def windmill(bench: Bench) -> Iterator[wmill.Windmill]:
    client = wmill.Windmill(base_url=f"{bench.served.base_url}/windmill", token="wm-token", workspace="demo")  # type: ignore[no-untyped-call]
    yield client
    client.client.close()


@pytest.fixture
def http(bench: Bench) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=bench.served.base_url, trust_env=False) as client:
        yield client


class TestFal:
    def test_a_request_waits_works_and_completes(self, fal: fal_client.SyncClient, bench: Bench) -> None:
        handle = fal.submit("fal-ai/flux/schnell", {"prompt": "a cat", "seed": 7})
        assert handle.status_url == f"{bench.served.fal_url}/fal-ai/flux/requests/{handle.request_id}/status"

        assert handle.status() == fal_client.Queued(position=0)
        bench.clock.now += 20
        working = handle.status(with_logs=True)
        assert isinstance(working, fal_client.InProgress)
        assert [line["message"] for line in working.logs or []] == [
            "Loading the model",
            "Step 1/4",
            "Step 2/4",
        ]
        bench.clock.now += 10
        done = handle.status()
        assert done == fal_client.Completed(logs=None, metrics={"inference_time": 20.0})

        output = handle.get()
        assert (output["prompt"], output["seed"], output["timings"]) == ("a cat", 7, {"inference": 20.0})
        assert bench.seen("fal") == [
            "POST schnell 200",
            "GET status 202",
            "GET status 202",
            "GET status 200",
            "GET status 200",
            f"GET {handle.request_id} 200",
        ]

    def test_looks_move_a_request_on(self, fal: fal_client.SyncClient) -> None:
        handle = fal.submit("fal-ai/flux", {"prompt": "a cat", "_demo": {"polls": 4}})
        events = [type(event).__name__ for event in handle.iter_events(with_logs=True, interval=0)]
        assert events == ["Queued", "InProgress", "InProgress", "Completed"]

    def test_subscribe_gives_a_picture_that_can_be_fetched(self, fal: fal_client.SyncClient) -> None:
        output = fal.subscribe(
            "fal-ai/flux/dev", {"prompt": "a cat", "num_images": 2, "_demo": {"polls": 2}}, interval=0
        )
        assert len(output["images"]) == len(output["has_nsfw_concepts"]) == 2
        image = output["images"][1]
        answer = httpx.get(image["url"], trust_env=False)
        assert answer.headers["content-type"] == image["content_type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(answer.content[16:20]) == image["width"]
        assert "_demo" not in output

    def test_requests_of_one_app_queue_behind_each_other(self, fal: fal_client.SyncClient) -> None:
        first, second, other = (
            fal.submit(model, {"prompt": "a cat"}) for model in ("fal-ai/a", "fal-ai/a/b", "fal-ai/c")
        )
        assert [handle.status() for handle in (first, second, other)] == [
            fal_client.Queued(position=position) for position in (0, 1, 0)
        ]

    @pytest.mark.parametrize("seconds", [5, 15], ids=["queued", "working"])
    def test_a_cancelled_request_completes_with_an_error(
        self, fal: fal_client.SyncClient, bench: Bench, seconds: float
    ) -> None:
        handle = fal.submit("fal-ai/flux/dev", {"prompt": "a cat"})
        bench.clock.now += seconds
        fal.cancel("fal-ai/flux/dev", handle.request_id)

        status = handle.status()
        assert isinstance(status, fal_client.Completed)
        assert status.error_type == "client_cancelled"
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            handle.get(interval=0)
        assert (caught.value.status_code, caught.value.error_type) == (499, "client_cancelled")
        assert bench.seen("fal")[1] == "PUT cancel 202"

    def test_too_late_to_cancel(self, fal: fal_client.SyncClient, bench: Bench) -> None:
        handle = fal.submit("fal-ai/flux", {"prompt": "a cat"})
        bench.clock.now += 30
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            handle.cancel()
        assert caught.value.response.json() == {"status": "ALREADY_COMPLETED"}
        assert caught.value.status_code == 400
        assert handle.get(interval=0)["prompt"] == "a cat"

    def test_nothing_there_to_cancel(self, fal: fal_client.SyncClient) -> None:
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            fal.cancel("fal-ai/flux", "no-such-request")
        assert caught.value.response.json() == {"status": "NOT_FOUND"}

    def test_a_failed_request_completes_and_its_result_says_why(self, fal: fal_client.SyncClient) -> None:
        handle = fal.submit("fal-ai/flux", {"prompt": "a cat", "_demo": {"outcome": "failure", "polls": 1}})
        status = handle.status()
        assert isinstance(status, fal_client.Completed)
        assert status.error
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            handle.get(interval=0)
        assert caught.value.status_code == 422
        assert caught.value.response.json()["detail"][0]["type"] == "no_media_generated"

    def test_the_result_of_unfinished_work(self, fal: fal_client.SyncClient) -> None:
        handle = fal.submit("fal-ai/flux", {"prompt": "a cat"})
        answer = fal._client.get(handle.response_url)
        assert (answer.status_code, answer.json()) == (400, {"detail": "Request is still in progress"})

    @pytest.mark.parametrize(
        ("arguments", "where", "kind"),
        [
            ({}, ["body", "prompt"], "missing"),
            ({"prompt": 7}, ["body", "prompt"], "string_type"),
            (["a cat"], ["body"], "model_attributes_type"),
            ({"prompt": "a cat", "_demo": {"polls": 0}}, ["body", "_demo"], "value_error"),
            ({"prompt": "a cat", "_demo": {"poll": 1}}, ["body", "_demo"], "value_error"),
            ({"prompt": "a cat", "_demo": {"run_seconds": -1}}, ["body", "_demo"], "value_error"),
        ],
    )
    def test_input_that_is_not_taken(
        self, fal: fal_client.SyncClient, bench: Bench, arguments: Any, where: list[str], kind: str
    ) -> None:
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            fal.submit("fal-ai/flux", arguments)
        problem = caught.value.response.json()["detail"][0]
        assert (caught.value.status_code, problem["loc"], problem["type"]) == (422, where, kind)
        assert bench.record.jobs == []

    @pytest.mark.parametrize("authorization", [None, "Bearer fal-key", "Key"])
    def test_no_key_no_answer(self, http: httpx.Client, bench: Bench, authorization: str | None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = http.post("/fal/fal-ai/flux", json={"prompt": "a cat"}, headers=headers)
        assert answer.status_code == 401
        assert "Authentication is required" in answer.json()["detail"]
        assert bench.record.jobs == []

    def test_the_full_model_path_addresses_a_request_too(self, fal: fal_client.SyncClient, http: httpx.Client) -> None:
        handle = fal.submit("fal-ai/flux/schnell", {"prompt": "a cat"})
        key = {"Authorization": "Key k"}
        for model, expected in [("fal-ai/flux", 202), ("fal-ai/flux/schnell", 202), ("fal-ai/other", 404)]:
            path = f"/fal/{model}/requests/{handle.request_id}/status"
            assert http.get(path, headers=key).status_code == expected

    def test_the_asynchronous_client(self, fal: fal_client.SyncClient) -> None:
        async def events() -> list[str]:
            client = fal_client.AsyncClient(key="fal-key")
            async with await client._client:
                handle = await client.submit("fal-ai/flux", {"prompt": "a cat", "_demo": {"polls": 3}})
                return [type(event).__name__ async for event in handle.iter_events(interval=0)]

        assert asyncio.run(events()) == ["Queued", "InProgress", "Completed"]

    def test_a_namespaced_app(self, fal: fal_client.SyncClient) -> None:
        handle = fal.submit("workflows/me/mine/step", {"prompt": "a cat"})
        assert handle.status_url.endswith(f"/workflows/me/mine/requests/{handle.request_id}/status")
        assert fal.status("workflows/me/mine/step", handle.request_id) == fal_client.Queued(position=0)


class TestReplicate:
    def test_a_prediction_starts_processes_and_succeeds(self, replicate_client: Client, bench: Bench) -> None:
        prediction = replicate_client.predictions.create(version="acme/dog:abc", input={"text": "woof"})
        assert (prediction.status, prediction.logs, prediction.output) == ("starting", "", None)
        assert (prediction.model, prediction.version) == ("acme/dog", "acme/dog:abc")

        bench.clock.now += 15
        prediction.reload()
        assert (prediction.status, prediction.output) == ("processing", None)
        assert prediction.progress == Prediction.Progress(0.2, 2, 10)
        early = prediction.logs or ""

        bench.clock.now += 15
        prediction.reload()
        assert (prediction.status, prediction.error) == ("succeeded", None)
        assert (prediction.logs or "").startswith(early)
        assert len(prediction.logs or "") > len(early)
        assert prediction.metrics == {"predict_time": 20.0, "total_time": 30.0}
        assert prediction.output == [f"{bench.served.replicate_url}/delivery/{prediction.id}/out-0.png"]
        assert bench.seen("replicate")[0] == "POST predictions 201"

    def test_waiting_for_a_prediction(self, replicate_client: Client, bench: Bench) -> None:
        prediction = replicate_client.models.predictions.create("acme/dog", {"_demo": {"polls": 3}})
        prediction.wait()
        assert (prediction.status, prediction.input) == ("succeeded", {})
        assert bench.record.jobs[0].looks == 3

    def test_run_is_held_until_the_output_is_there(self, replicate_client: Client, bench: Bench) -> None:
        output: Any = replicate_client.run("acme/dog", {"text": "woof", "num_outputs": 2})
        assert len(output) == 2
        assert httpx.get(output[0], trust_env=False).headers["content-type"] == "image/png"
        assert bench.seen("replicate")[0] == "POST predictions 201"
        assert bench.record.requests[0].headers["prefer"] == "wait"

    def test_run_of_a_version(self, replicate_client: Client) -> None:
        output: Any = replicate_client.run("acme/dog:abc", {"text": "woof"})
        assert len(output) == 1

    def test_a_hold_that_runs_out(self, replicate_client: Client, bench: Bench) -> None:
        prediction = replicate_client.predictions.create(version="abc", input={}, wait=15)
        assert (prediction.status, prediction.output) == ("starting", None)
        assert bench.seen("replicate") == ["POST predictions 202"]
        prediction.reload()
        assert prediction.status == "processing"

    def test_cancel(self, replicate_client: Client, bench: Bench) -> None:
        prediction = replicate_client.predictions.create(version="abc", input={})
        bench.clock.now += 15
        prediction.cancel()
        assert (prediction.status, prediction.output) == ("canceled", None)
        assert prediction.metrics == {"predict_time": 5.0, "total_time": 15.0}
        bench.clock.now += 100
        prediction.reload()
        assert prediction.status == "canceled"
        assert bench.seen("replicate")[1] == "POST cancel 200"

    def test_too_late_to_cancel(self, replicate_client: Client, bench: Bench) -> None:
        prediction = replicate_client.predictions.create(version="abc", input={})
        bench.clock.now += 30
        prediction.cancel()
        assert prediction.status == "succeeded"

    def test_a_failed_prediction(self, replicate_client: Client) -> None:
        with pytest.raises(ModelError, match="did not generate") as caught:
            replicate_client.run("acme/dog", {"_demo": {"outcome": "failure"}})
        assert caught.value.prediction.status == "failed"

    def test_a_model_that_does_not_stream(self, replicate_client: Client) -> None:
        prediction = replicate_client.predictions.create(version="abc", input={}, stream=True)
        with pytest.raises(ReplicateError, match="does not support streaming"):
            next(prediction.stream())

    def test_the_list_has_the_newest_first(self, replicate_client: Client) -> None:
        made = [replicate_client.predictions.create(version="abc", input={}).id for _ in range(2)]
        assert [prediction.id for prediction in replicate_client.predictions.list()] == made[::-1]

    @pytest.mark.parametrize(
        ("authorization", "detail"),
        [
            (None, "You did not pass an authentication token"),
            ("Key r8-token", "You did not pass a valid authentication token"),
        ],
    )
    def test_no_token_no_answer(self, http: httpx.Client, authorization: str | None, detail: str) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = http.get("/replicate/v1/predictions", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"title": "Unauthenticated", "detail": detail, "status": 401}

    def test_problems(self, replicate_client: Client) -> None:
        with pytest.raises(ReplicateError) as missing:
            replicate_client.predictions.get("no-such-prediction")
        assert missing.value.status == 404
        with pytest.raises(ReplicateError) as invalid:
            replicate_client.predictions.create(version="abc", input=None)
        assert (invalid.value.status, invalid.value.title) == (422, "Input validation failed")


class TestWindmill:
    def test_a_job_waits_works_and_completes(self, windmill: wmill.Windmill, bench: Bench) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello", {"name": "Ann"})
        statuses = []
        for seconds in (5, 10, 15):
            bench.clock.now += seconds
            statuses.append((windmill.get_job_status(job_id), windmill.get_job(job_id)["type"]))
        assert statuses == [
            ("WAITING", "QueuedJob"),
            ("RUNNING", "QueuedJob"),
            ("COMPLETED", "CompletedJob"),
        ]
        job = windmill.get_job(job_id)
        assert (job["success"], job["canceled"], job["duration_ms"]) == (True, False, 20_000)
        assert job["script_path"] == "u/demo/hello"
        assert windmill.get_result(job_id) == {"path": "u/demo/hello", "args": {"name": "Ann"}}
        assert bench.seen("windmill")[0] == "POST hello 201"

    def test_the_id_is_bare_text(self, http: httpx.Client) -> None:
        token = {"Authorization": "Bearer t"}
        answer = http.post("/windmill/api/w/demo/jobs/run/p/u/demo/hello", json={}, headers=token)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (201, "text/plain")
        assert http.get(f"/windmill/api/w/demo/jobs_u/get/{answer.text}", headers=token).status_code == 200
        assert http.get(f"/windmill/api/w/other/jobs_u/get/{answer.text}", headers=token).status_code == 404

    def test_run_and_wait(self, windmill: wmill.Windmill) -> None:
        args = {"name": "Ann", "_demo": {"polls": 1}}
        assert windmill.run_script_by_path("u/demo/hello", args)["args"] == {"name": "Ann"}

    def test_a_flow(self, windmill: wmill.Windmill) -> None:
        job = windmill.get_job(windmill.run_flow_async("f/demo/flow", {}))
        assert (job["job_kind"], job["script_path"]) == ("flow", "f/demo/flow")

    def test_a_failed_job(self, windmill: wmill.Windmill) -> None:
        with pytest.raises(Exception, match=r"was not successful.*the script failed"):
            windmill.run_script_by_path("u/demo/hello", {"_demo": {"outcome": "failure", "polls": 1}})

    @pytest.mark.parametrize("seconds", [5, 15], ids=["queued", "running"])
    def test_a_cancelled_job_is_completed(self, windmill: wmill.Windmill, bench: Bench, seconds: float) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello")
        bench.clock.now += seconds
        assert windmill.cancel_job(job_id, "not needed") == job_id

        job = windmill.get_job(job_id)
        assert (job["type"], job["success"], job["canceled"]) == ("CompletedJob", False, True)
        assert (job["canceled_reason"], job["result"]["error"]["name"]) == ("not needed", "Canceled")
        assert "started_at" in job
        with pytest.raises(Exception, match="Job canceled: not needed by demo"):
            windmill.wait_job(job_id, cleanup=False)
        assert bench.record.as_json("windmill")["jobs"][0]["cancel_reason"] == "not needed"

    def test_too_late_to_cancel(self, windmill: wmill.Windmill, bench: Bench) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello")
        bench.clock.now += 30
        assert windmill.cancel_job(job_id) == f"queued job id {job_id} is already completed"
        assert windmill.get_job(job_id)["canceled"] is False

    def test_nothing_there(self, windmill: wmill.Windmill) -> None:
        with pytest.raises(Exception, match="404, Not found: Job not found"):
            windmill.get_job("no-such-job")
        with pytest.raises(Exception, match="404, Not found: queued job id no-such-job does not exist"):
            windmill.cancel_job("no-such-job")

    def test_the_result_of_unfinished_work(self, windmill: wmill.Windmill) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello")
        with pytest.raises(Exception, match="404, Not found: CompletedJob"):
            windmill.get_result(job_id)
        maybe = windmill.get(f"/w/demo/jobs_u/completed/get_result_maybe/{job_id}?get_started=true").json()
        assert maybe == {"started": False, "success": None, "completed": False, "result": None}

    def test_updates_carry_only_new_logs(self, windmill: wmill.Windmill, bench: Bench) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello")
        bench.clock.now += 20
        first = windmill.get(f"/w/demo/jobs_u/getupdate/{job_id}").json()
        assert (first["running"], first["completed"]) == (True, False)
        bench.clock.now += 10
        path = f"/w/demo/jobs_u/getupdate/{job_id}?log_offset={first['log_offset']}"
        assert windmill.get(path).json()["new_logs"] == "part 3 of 4\npart 4 of 4\n"

    def test_a_job_for_later(self, windmill: wmill.Windmill, bench: Bench) -> None:
        job_id = windmill.run_script_by_path_async("u/demo/hello", scheduled_in_secs=60)
        bench.clock.now += 65
        assert windmill.get_job_status(job_id) == "WAITING"
        bench.clock.now += 10
        assert windmill.get_job_status(job_id) == "RUNNING"

    def test_an_id_is_taken_once(self, windmill: wmill.Windmill, bench: Bench) -> None:
        path = "/w/demo/jobs/run/p/u/demo/hello?job_id=9a2f1c8e-9b1c-4d6f-9e21-7f3d4e5b1234"
        assert windmill.post(path, json={}).text == "9a2f1c8e-9b1c-4d6f-9e21-7f3d4e5b1234"
        assert windmill.post(path, json={}, raise_for_status=False).status_code == 400
        assert len(bench.record.jobs) == 1

    def test_no_token_no_answer(self, http: httpx.Client) -> None:
        assert http.get("/windmill/api/w/demo/users/whoami").status_code == 401

    def test_who_and_what(self, windmill: wmill.Windmill) -> None:
        assert windmill.whoami()["email"] == "demo@example.com"
        assert windmill.version.startswith("CE v")


class TestRecord:
    def test_it_keeps_what_was_really_sent(self, http: httpx.Client) -> None:
        sent = {"prompt": "a cat", "_demo": {"polls": 2}}
        for _ in range(2):
            http.post("/fal/fal-ai/flux?fal_webhook=x", json=sent, headers={"Authorization": "Key k1"})
        record = http.get("/_record").json()
        first = record["requests"][0]
        assert (first["provider"], first["method"], first["path"]) == ("fal", "POST", "/fal/fal-ai/flux")
        assert (first["query"], first["body"], first["status"]) == ({"fal_webhook": "x"}, sent, 200)
        assert first["headers"]["authorization"] == "Key k1"
        assert [(job["state"], job["submits"], job["looks"]) for job in record["jobs"]] == [("queued", 2, 0)] * 2

    def test_one_provider_alone_and_forgetting(self, http: httpx.Client) -> None:
        http.post("/windmill/api/w/demo/jobs/run/p/x", json={}, headers={"Authorization": "Bearer t"})
        assert len(http.get("/_record/windmill").json()["jobs"]) == 1
        assert http.get("/_record/fal").json() == {"requests": [], "jobs": []}
        assert http.get("/_record/acme").status_code == 404
        assert http.post("/_reset").status_code == 204
        assert http.get("/_record").json() == {"requests": [], "jobs": []}


def test_the_codes_that_published_descriptions_expect() -> None:
    clock = Clock()
    providers = Providers(published_status_codes=True, clock=clock, sleep=clock.sleep)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_providers(providers)) as served,
        httpx.Client(base_url=served.base_url, trust_env=False) as http,
    ):
        key, token = {"Authorization": "Key k"}, {"Authorization": "Bearer t", "Prefer": "wait=1"}
        submitted = http.post("/fal/fal-ai/flux/dev", json={"prompt": "a cat"}, headers=key)
        request = f"/fal/fal-ai/flux/dev/requests/{submitted.json()['request_id']}"
        status = http.get(f"{request}/status?logs=1", headers=key)
        assert (status.status_code, status.json()["status"]) == (200, "IN_QUEUE")
        assert http.put(f"{request}/cancel", headers=key).status_code == 200
        body = {"version": "abc", "input": {"_demo": {"run_seconds": 60}}}
        assert http.post("/replicate/v1/predictions", json=body, headers=token).status_code == 201


def test_one_key_for_all_when_asked() -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_providers(Providers(key="right"))) as served,
        httpx.Client(base_url=served.base_url, trust_env=False) as http,
    ):
        for path, scheme in [
            ("/fal/fal-ai/flux/requests/1", "Key"),
            ("/replicate/v1/predictions/1", "Bearer"),
            ("/windmill/api/w/demo/jobs_u/get/1", "Bearer"),
        ]:
            answers = [http.get(path, headers={"Authorization": f"{scheme} {key}"}) for key in ("wrong", "right")]
            assert [answer.status_code for answer in answers] == [401, 404]


def test_as_a_process_of_its_own() -> None:
    command = [
        sys.executable,
        "-m",
        "arazzo_mcp.demo.providers",
        "--queue-seconds",
        "0",
        "--run-seconds",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            answer = httpx.post(
                f"{url}/replicate/v1/predictions",
                json={"version": "abc", "input": {}},
                headers={"Authorization": "Bearer t"},
                trust_env=False,
            )
            assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
        finally:
            process.terminate()
        assert process.wait(timeout=10) == 0
