"""Every place that a run can be in, as stories: how it gets there, and what must happen when it goes on.

`replies` lead there (`cancel` requests the cancel); `then` are the answers that it gets afterwards, `asked` what it
asks for, in order. What is expected is written here by hand: nothing of it is taken from what the package does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

Reply = dict[str, Any] | str

MADE: Final[Reply] = {"status": 201, "body": {"id": "7"}}
OTHER: Final[Reply] = {"status": 201, "body": {"id": "8"}}
BUSY: Final[Reply] = {"body": {"state": "busy"}}
DONE: Final[Reply] = {"body": {"state": "done"}}
RESULT: Final[Reply] = {"body": {"url": "u"}}
TOKEN: Final[Reply] = {"body": {"token": "t"}}
CANCELLED: Final[Reply] = {"body": {"status": "cancelled"}}
TOO_LATE: Final[Reply] = {"status": 400, "body": {"status": "ALREADY_COMPLETED"}}
LOST: Final[Reply] = {"failure": "broken"}

SUBMIT: Final = "POST /jobs"
LOOK: Final = "GET /jobs/{id} id=7"
FETCH: Final = "GET /jobs/{id}/result id=7"
ENTER: Final = "PUT /session"
CANCEL: Final = "POST /jobs/{id}/cancel id=7"
OUTPUTS: Final = {"state": "done", "result": {"url": "u"}}


@dataclass(frozen=True)
class Story:
    """One place. fresh: recorded, and nothing asked for yet; requested: a cancel is recorded and not heard yet;
    cancels: somebody cancels it when it has been loaded."""

    about: str
    workflow: str = "job"
    replies: tuple[Reply, ...] = ()
    then: tuple[Reply, ...] = ()
    asked: tuple[str, ...] = ()
    status: str = "completed"
    outputs: dict[str, Any] | None = None
    remote: str | None = None
    fresh: bool = False
    requested: bool = False
    cancels: bool = False
    inputs: dict[str, Any] = field(default_factory=lambda: {"prompt": "a lighthouse"})


STORIES: Final[dict[str, Story]] = {
    "first-wait": Story(
        "recorded by a start, nothing sent yet",
        fresh=True, then=(MADE, DONE, RESULT), asked=(SUBMIT, LOOK, FETCH), outputs=OUTPUTS,
    ),
    "before-a-submit": Story("a submit was recorded; whether it was sent nobody knows", status="in_doubt"),
    "before-a-poll": Story(
        "a request that may be repeated was recorded",
        replies=(MADE,), then=(DONE, RESULT), asked=(LOOK, FETCH), outputs=OUTPUTS,
    ),
    "polling-laps": Story(
        "the third lap of a goto back to a step",
        replies=(MADE, BUSY, BUSY, BUSY), then=(BUSY, DONE, RESULT), asked=(LOOK, LOOK, FETCH), outputs=OUTPUTS,
    ),
    "polling-retries": Story(
        "three of four retries of a failure action are taken: one is left",
        replies=(MADE, {"status": 418}, {"status": 418}, {"status": 418}),
        then=({"status": 418}, {"status": 418}), asked=(LOOK, LOOK), status="failed",
    ),
    "polling-without-an-answer": Story(
        "a poll got no answer and is to be sent again",
        replies=(MADE, BUSY, LOST), then=(DONE, RESULT), asked=(LOOK, FETCH), outputs=OUTPUTS,
    ),
    "depends-on": Story(
        "within the workflow that this one depends on",
        workflow="outer", then=(TOKEN, MADE, DONE, RESULT, TOKEN),
        asked=(ENTER, SUBMIT, LOOK, FETCH, f"{ENTER} Authorization=Bearer t"), outputs={"result": {"url": "u"}},
    ),
    "sub-workflow": Story(
        "within a workflow that a step calls, with a timeout",
        workflow="outer", replies=(TOKEN, MADE, BUSY), then=(DONE, RESULT, TOKEN),
        asked=(LOOK, FETCH, f"{ENTER} Authorization=Bearer t"), outputs={"result": {"url": "u"}},
    ),
    "sub-workflow-before-a-submit": Story(
        "a submit of a workflow that a step calls was recorded",
        workflow="outer", replies=(TOKEN,), status="in_doubt",
    ),
    "timeout-nearly-over": Story(
        "half of a step's timeout is spent, and the next poll takes too long",
        workflow="outer", replies=(TOKEN, MADE, {**BUSY, "seconds": 30}), then=({**DONE, "seconds": 40},),
        asked=(LOOK,), status="failed",
    ),
    "retry-with-a-workflow": Story(
        "within the workflow that a retry runs first",
        workflow="renewing", replies=({"status": 401},), then=(TOKEN, DONE), asked=(ENTER, LOOK),
        outputs={"state": "done"},
    ),
    "retry-with-a-step": Story(
        "at the step that a retry runs first",
        workflow="renewing", replies=({"status": 404},), then=(RESULT, DONE), asked=(FETCH, LOOK),
        outputs={"state": "done"},
    ),
    "left-by-goto": Story(
        "in a workflow that took the place of another, which had submitted; at its own submit",
        workflow="moving", replies=(MADE, DONE, OTHER, BUSY), then=(DONE, RESULT),
        asked=(LOOK.replace("7", "8"), FETCH.replace("7", "8")), outputs=OUTPUTS,
    ),
    "left-by-goto-cancelled": Story(
        "the same, and a cancel: the job of the present workflow is cancelled",
        workflow="moving", replies=(MADE, DONE, OTHER, BUSY), requested=True, then=(CANCELLED,),
        asked=(CANCEL.replace("7", "8"),), status="cancelled", remote="cancelled",
    ),
    "step-depends-on": Story(
        "some of the steps that another one depends on have completed",
        workflow="ordered", replies=(TOKEN,), then=(TOKEN, TOKEN), asked=(ENTER, ENTER),
    ),
    "cancel-requested": Story(
        "a cancel was recorded and nobody had heard it",
        replies=(MADE, BUSY), requested=True, then=(CANCELLED,), asked=(CANCEL,), status="cancelled",
        outputs={"state": "busy"}, remote="cancelled",
    ),
    "cancel-before-anything": Story(
        "a cancel was recorded before anything was sent",
        fresh=True, requested=True, status="cancelled", remote="nothing_started",
    ),
    "cancelling": Story(
        "the cancel's own request was recorded: it is sent again",
        replies=(MADE, BUSY, "cancel"), then=(CANCELLED,), asked=(CANCEL,), status="cancelled", remote="cancelled",
    ),
    "cancelling-again": Story(
        "a cancel that was not taken waits to be sent again",
        replies=(MADE, BUSY, "cancel", {"status": 503}), then=(CANCELLED,), asked=(CANCEL,), status="cancelled",
        remote="cancelled",
    ),
    "cancelling-the-second-job": Story(
        "the cancel of one job came too late, that of another was recorded",
        workflow="twice", replies=(MADE, DONE, OTHER, BUSY, "cancel", TOO_LATE), then=(CANCELLED,), asked=(CANCEL,),
        status="cancelled", remote="cancelled",
    ),
    "too-late": Story(
        "the cancel came too late: the run goes on to its result",
        replies=(MADE, BUSY, "cancel", TOO_LATE), then=(DONE, RESULT), asked=(LOOK, FETCH), outputs=OUTPUTS,
        remote="already_completed",
    ),
    "failed": Story(
        "failed after its submit", replies=(MADE, {"status": 500}), status="failed", outputs={},
    ),
    "failed-and-cancelled": Story(
        "failed after its submit, and cancelled by a later version",
        replies=(MADE, {"status": 500}), cancels=True, then=(CANCELLED,), asked=(CANCEL,), status="cancelled",
        remote="cancelled",
    ),
    "reopened": Story(
        "failed, reopened by a cancel, whose request was recorded; it is not taken, and the run stays failed",
        replies=(MADE, {"status": 500}, "cancel"), then=({"status": 404},), asked=(CANCEL,), status="failed",
        remote="failed",
    ),
    "completed": Story("completed long ago", replies=(MADE, DONE, RESULT), outputs=OUTPUTS),
    "cancelled": Story(
        "cancelled long ago", replies=(MADE, BUSY, "cancel", CANCELLED), status="cancelled", remote="cancelled",
    ),
}  # fmt: skip
