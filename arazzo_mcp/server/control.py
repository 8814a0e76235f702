"""The arguments of every workflow tool that are for the run and not for the workflow: how long to wait for it, and
which run is meant. A workflow that has an input of such a name keeps it, and the control is offered under another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.server.arguments import coerced, problems

_CONTROLS: Final[dict[str, dict[str, Json]]] = {
    "wait_seconds": {
        "type": "number",
        "minimum": 0,
        "description": "How long to wait for the result; 0 returns a handle at once.",
    },
    "idempotency_key": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "description": "The same key and arguments give the same run.",
    },
    "force_new": {"type": "boolean", "description": "Start another run of the same arguments."},
}
_PREFIXES: Final = ("", "run_", "arazzo_", "arazzo_run_")

_SCHEMA: Final[dict[str, Any]] = {"type": "object", "properties": _CONTROLS}
_VALIDATOR: Final = Draft202012Validator(_SCHEMA)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks of its run. wait_seconds: None where it says nothing."""

    wait_seconds: float | None = None
    idempotency_key: str | None = None
    force_new: bool = False


@dataclass(frozen=True, slots=True)
class Controls:
    """The control arguments of one tool. names: under which name each is offered."""

    names: Mapping[str, str]

    def schemas(self) -> dict[str, dict[str, Json]]:
        """The properties of the tool's schema."""
        return {offered: _shown(own, offered) for own, offered in self.names.items()}

    def taken(self, arguments: Mapping[str, Json]) -> tuple[Asked, dict[str, Json]]:
        """What a call asks of its run, and the arguments that are left for the workflow.

        Raises:
            InvalidInputs: a control does not fit.
        """
        given = {own: arguments[offered] for own, offered in self.names.items() if offered in arguments}
        asked = coerced({own: value for own, value in given.items() if value is not None}, _SCHEMA)
        if wrong := problems(asked, _VALIDATOR, aliases=self.names):
            raise InvalidInputs(wrong)
        offered = set(self.names.values())
        return Asked(**asked), {name: value for name, value in arguments.items() if name not in offered}


def controls_for(inputs: Iterable[str]) -> Controls:
    """The controls of a tool whose inputs have these names, their aliases among them."""
    taken = set(inputs)
    return Controls({own: _free(own, taken) for own in _CONTROLS})


def _free(own: str, taken: set[str]) -> str:
    names = [f"{prefix}{own}" for prefix in _PREFIXES]
    names += [f"arazzo_run_{own}_{number}" for number in range(2, len(taken) + 3)]
    return next(name for name in names if name not in taken)


def _shown(own: str, offered: str) -> dict[str, Json]:
    schema = _CONTROLS[own]
    if own == offered:
        return schema
    return {**schema, "description": f"{schema['description']} Of the run: {own!r} is the workflow's."}
