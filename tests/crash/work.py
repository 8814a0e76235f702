"""What lives work on: the documents, and for each workflow the inputs of a run that carries a mark.

The mark stands in what the run submits, so that the provider can count the submits of each run.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.conftest import CORPUS, SEEDS, WORKFLOWS

HERE: Final = Path(__file__).parent
MARK: Final = re.compile(r"mark-[0-9a-f]+-\d+")
ENVIRONMENT: Final = {"FAL_KEY": "k", "REPLICATE_API_TOKEN": "k", "WM_TOKEN": "k"}

_FAL: Final = CORPUS / "api-evangelist__fal-ai/openapi/fal-model-apis-openapi.yml"
_REPLICATE: Final = CORPUS / "api-evangelist__replicate/openapi/replicate-openapi.yml"
_WINDMILL: Final = CORPUS / "api-evangelist__windmill/openapi/windmill-api-openapi.yml"

Inputs = Callable[[dict[str, Any]], dict[str, Any]]

SHIPPED: Final[dict[str, Inputs]] = {
    "fal-queue-inference": lambda job: {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": job},
    "fal-submit-and-cancel": lambda job: {"model": "fal-ai/flux/schnell", "app": "fal-ai/flux", "input": job},
    "replicate-predict": lambda job: {"version": "owner/model", "input": job},
    "windmill-run-script": lambda job: {"workspace": "acme", "path": "f/images/draw", "args": job},
}
PUBLISHED: Final[dict[str, Inputs]] = {
    "queue-inference": lambda job: {"modelOwner": "fal-ai", "modelName": "flux/schnell", "input": job},
    "submit-and-cancel": lambda job: {"modelOwner": "fal-ai", "modelName": "flux/schnell", "input": job},
    "predict-with-timeout-cancel": lambda job: {"apiToken": "k", "version": "v1", "input": job},
    "run-script-with-cancel-guard": lambda job: {
        "token": "k", "workspace": "acme", "path": "f/images/draw", "args": job, "cancelReason": "too slow",
    },
}  # fmt: skip
OWN: Final[dict[str, Inputs]] = {
    "three-submits": lambda job: {"mark": job["prompt"], "looks": job["_demo"]["polls"]},
    "paid-once": lambda job: {"mark": job["prompt"], "looks": job["_demo"]["polls"]},
}


@dataclass(frozen=True)
class Work:
    """The documents that lives serve, where their sources are, and the workflows that they run."""

    paths: tuple[str, ...]
    sources: dict[str, str]
    servers: dict[str, str]
    workflows: dict[str, Inputs]

    def runs(self, some: random.Random, marks: list[str], only: str = "") -> list[dict[str, Any]]:
        """A run for each mark, of a workflow (or the only one) and with a number of polls that chance chooses."""
        names = [only] if only else list(self.workflows)
        return [self._run(some.choice(names), mark, some.randint(1, 3)) for mark in marks]

    def _run(self, workflow: str, mark: str, polls: int) -> dict[str, Any]:
        job = {"prompt": mark, "_demo": {"polls": polls}}
        return {"workflow": workflow, "inputs": self.workflows[workflow](job), "mark": mark}


def work(provider: str) -> Work:
    """All that there is to run against a provider (its URL): the published workflows only where they are at hand."""
    servers = {
        "fal": f"{provider}/real/fal",
        "replicate": f"{provider}/real/replicate/v1",
        "windmill": f"{provider}/real/windmill/api",
        "three": f"{provider}/three",
        "once": f"{provider}/once",
    }
    own = (str(WORKFLOWS), str(HERE / "documents"))
    if not SEEDS.is_dir() or not CORPUS.is_dir():
        return Work(own, {}, servers, {**SHIPPED, **OWN})
    published = {
        "falModelApis": f"{provider}/published/fal",
        "replicateApi": f"{provider}/published/replicate/v1",
        "windmillApi": f"{provider}/published/windmill/api",
    }
    sources = {"falModelApis": str(_FAL), "replicateApi": str(_REPLICATE), "windmillApi": str(_WINDMILL)}
    return Work((*own, str(SEEDS)), sources, {**servers, **published}, {**SHIPPED, **PUBLISHED, **OWN})
