"""Every exception that this package raises.

    ArazzoMcpError
    ├── UsageError            a setting, an option or an argument is wrong; nothing was started
    │   ├── DocumentError     no workflow can be served from what was given; carries the findings
    │   ├── UnknownWorkflow   no workflow has this name; says which there are
    │   └── InvalidInputs     the arguments do not fit the workflow's inputs; says which field and why
    ├── BindError             a call cannot be made into a request: a parameter is missing or unfit
    ├── TooManyRuns           as many runs are under way as there may be; nothing was started
    ├── UnknownRun            no run has this id, or none any more: the message says when it was pruned
    ├── DuplicateKey          an idempotency key belongs to a run with other arguments; names that run
    ├── RunLost               another process drives this run now: this one must stop at once
    └── StoreError            the run store cannot be read or written; nothing was sent that is not recorded

Problems *in a document* are findings (data, all of them at once), not exceptions; a criterion that is false
is neither: it is a verdict with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from arazzo_mcp.findings import Finding


class ArazzoMcpError(Exception):
    """The root of all errors of this package."""


class UsageError(ArazzoMcpError):
    """A setting, an option or an argument is wrong. The message says which one and what to do."""


class DocumentError(UsageError):
    """No workflow can be served from the given documents. `findings` says why, all at once."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class UnknownWorkflow(UsageError):
    """No workflow has this name."""


class InvalidInputs(UsageError):
    """The arguments do not fit the workflow's inputs. `problems` has one line for each violation."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class BindError(ArazzoMcpError):
    """A call cannot be made into a request."""


class TooManyRuns(ArazzoMcpError):
    """As many runs are under way in this process as there may be. Nothing was started."""


class UnknownRun(ArazzoMcpError):
    """No run has this id, or the one that had it was pruned."""


class DuplicateKey(ArazzoMcpError):
    """An idempotency key belongs to a run that was started with other arguments."""

    def __init__(self, key: str, run_id: str, workflow: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} belongs to run {run_id!r} of {workflow}, which was started with other "
            "arguments. Nothing was started: use another key, or ask run_status for that run"
        )
        self.run_id = run_id


class RunLost(ArazzoMcpError):
    """Another process drives this run now."""


class StoreError(ArazzoMcpError):
    """The run store cannot be read or written."""
