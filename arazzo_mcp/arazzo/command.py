"""What a run executes (Program), asks for (Command) and is told (Event): plain data.

A Command is saved before it is performed, so its shape is a promise: every later version must load what an earlier one
has saved. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import TypeAdapter

from arazzo_mcp.arazzo.model import Description, Parameter, RequestBody, Step
from arazzo_mcp.arazzo.scope import Exchange, Json

Ending = Literal["completed", "failed", "cancelled", "in_doubt"]
Precision = Literal["exact", "least", "about"]


REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY"})
"""Methods whose requests may be sent again (RFC 9110, section 9.2.2: idempotent methods)."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods whose requests change nothing (section 9.2.1), so that their answers need not be known."""

OFF: Final = "off"
"""The setting of a source or a workflow whose jobs are not to be cancelled at the provider."""


@dataclass(frozen=True, slots=True)
class Target:
    """The operation that a step calls: its source, its key (`GET /path`) and its method.

    idempotency: the header that makes a call repeatable whose method is not.
    """

    source: str
    operation: str
    method: str
    idempotency: str | None = None


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """How a workflow's remote job is cancelled: an operation, with the parameters of one of the workflow's steps.

    needs: the parameters that name the job; own: the step that the author has written for it (`x-on-cancel`).
    """

    target: Target
    step: str
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    needs: frozenset[str]
    own: Step | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How a jump back without a delay of its own is paced: seconds before the first, growth, most seconds."""

    first: float = 1.0
    factor: float = 1.5
    most: float = 15.0

    def delay(self, lap: int) -> float:
        """Seconds to wait before jump number `lap`, counted from 0."""
        return float(min(self.first * self.factor ** min(lap, 64), self.most))


@dataclass(frozen=True, slots=True)
class Program:
    """A description linked to its sources: every step knows its operation. Ready to run.

    cancel_settings: what the settings say of cancelling, by source or workflow: `off`, or an operation.
    """

    description: Description
    targets: Mapping[tuple[str, str], Target]
    cancels: Mapping[str, tuple[CancelPlan, ...]] = field(default_factory=dict)
    pace: Pace = Pace()
    cancel_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter's value for one call."""

    name: str
    location: str
    value: Json


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: the media type where the step names one, and the value (a text stays a text)."""

    content_type: str | None
    value: Json


@dataclass(frozen=True, slots=True)
class CallOperation:
    """Perform one API call. timeout: the most seconds that it may take, where the step says so; idempotent: it carries
    a key, so that it may be repeated whatever its method."""

    step: str
    target: Target
    arguments: tuple[Argument, ...]
    body: Body | None
    timeout: float | None = None
    kind: Literal["call"] = "call"
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds, then go on with the present step.

    precision: `exact` where a document says how long, `least` where a provider does (Retry-After), `about` where it is
    our own choice: who keeps the wait may vary it, so that not all runs come back at one moment.
    """

    step: str
    seconds: float
    precision: Precision = "exact"
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the outputs that there are, and the problem where it did not complete."""

    status: Ending
    outputs: dict[str, Json] = field(default_factory=dict)
    error: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do."""

    outcome: Outcome
    kind: Literal["done"] = "done"


Command = CallOperation | Wait | Done


@dataclass(frozen=True, slots=True)
class Started:
    """Run this workflow with these inputs.

    given: outputs of steps that were performed elsewhere, by step id: these steps are passed by.
    """

    workflow: str
    inputs: dict[str, Json]
    given: dict[str, dict[str, Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Go on where an ended run stands. given: as in Started, of the workflow that it stands in."""

    given: dict[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The call was performed."""

    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Woke:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody wants the run, and what it started at the provider, to stop."""


Event = Started | Resumed | Exchanged | Woke | CancelRequested

COMMAND_JSON: TypeAdapter[Command] = TypeAdapter(Command)
