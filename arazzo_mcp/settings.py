"""One frozen Settings: defaults, then a configuration file, then the environment, then the command line.

The file is TOML (`--config PATH`, or `arazzo-mcp.toml` in the working folder); environment variables are
`ARAZZO_MCP_<NAME>`, mappings as JSON.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from arazzo_mcp.errors import UsageError
from arazzo_mcp.findings import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_FILE: Final = Path("arazzo-mcp.toml")
_PREFIX: Final = "ARAZZO_MCP_"

_NO_KEY: Final = frozenset(
    {"accept", "authorization", "connection", "content-length", "content-type", "cookie", "host"}
)
"""Headers with a meaning of their own: a key in their place would break every request."""


def default_store() -> Path:
    """The run store in the user's data folder."""
    return Path(platformdirs.user_data_dir("arazzo-mcp")) / "runs.sqlite3"


class Settings(BaseSettings):
    """Everything that can be set. Durations are seconds, sizes bytes.

    sources: source name -> file, in place of its url; servers: source name -> base URL, in place of its servers;
    server_variables: `source.variable` -> value of a variable in the server URL of a source; idempotency: source name
    -> the header that makes its submits repeatable, or `off`; cancel: source name -> `off`, or the operation that
    cancels its jobs (operationId or `METHOD /path`), workflowId -> `off`; credentials: `source.scheme` or `scheme` ->
    name of the environment variable that holds its value; file_roots: the folders whose files may be sent where an API
    wants a file; on_disconnect: what becomes of a run when the stream of its call is closed, where that is also how a
    client cancels (Streamable HTTP of 2026-07-28); keep_days: ended runs are dropped after so many days, 0 keeps them
    for ever; runs: at once in this process; run_requests, run_seconds, run_response_bytes: what one run may take;
    source_concurrency, source_rate: requests at once, and in a second, to each source; concurrency, rates: the same of
    a source, by its name.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    @field_validator("servers")
    @classmethod
    def _are_urls(cls, servers: dict[str, str]) -> dict[str, str]:
        for name, url in servers.items():
            if not re.match(r"https?://[^/]", url):
                raise ValueError(f"{name}: {url!r} is no http or https URL")
        return servers

    @field_validator("idempotency")
    @classmethod
    def _are_headers(cls, idempotency: dict[str, str]) -> dict[str, str]:
        for name, header in idempotency.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header) or header.lower() in _NO_KEY:
                raise ValueError(f"{name}: {header!r} is no header that could carry a key")
        return idempotency

    sources: dict[str, Path] = Field(default_factory=dict)
    servers: dict[str, str] = Field(default_factory=dict)
    server_variables: dict[str, str] = Field(default_factory=dict)
    idempotency: dict[str, str] = Field(default_factory=dict)
    cancel: dict[str, str] = Field(default_factory=dict)
    credentials: dict[str, str] = Field(default_factory=dict)
    file_roots: list[Path] = Field(default_factory=list)
    store: Path = Field(default_factory=default_store)
    keep_days: float = Field(default=7.0, ge=0)
    strict: bool = False
    wait_seconds: float = Field(default=45.0, ge=0, le=3600)
    on_disconnect: Literal["detach", "cancel"] = "detach"
    pace_first: float = Field(default=1.0, gt=0)
    pace_factor: float = Field(default=1.5, ge=1)
    pace_most: float = Field(default=15.0, gt=0)
    connect_seconds: float = Field(default=10.0, gt=0)
    read_seconds: float = Field(default=90.0, gt=0)
    request_seconds: float = Field(default=300.0, gt=0)
    response_bytes: int = Field(default=16 * 1024 * 1024, gt=0)
    events_seconds: float = Field(default=60.0, gt=0)
    events_bytes: int = Field(default=1024 * 1024, gt=0)
    file_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    connections: int = Field(default=512, gt=0)
    runs: int = Field(default=10_000, gt=0)
    run_requests: int = Field(default=10_000, gt=0)
    run_seconds: float = Field(default=7 * 86_400.0, gt=0)
    run_response_bytes: int = Field(default=1024**3, gt=0)
    source_concurrency: int = Field(default=128, gt=0)
    source_rate: float | None = Field(default=None, gt=0)
    concurrency: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)


def load_settings(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. `flags` that are None were not given.

    Raises:
        UsageError: a value does not fit, or the file cannot be read; the message names it.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    _no_slip_of_the_pen(os.environ)
    try:
        from_environment = Settings().model_dump(exclude_unset=True)
        return Settings(**{**_file(config), **from_environment, **given})
    except SettingsError as error:
        name = "".join(re.findall(r'field "(\w+)"', str(error)))
        raise UsageError(f"settings: {_PREFIX}{name.upper()} is no JSON, as lists and tables must be there") from None
    except ValidationError as error:
        raise UsageError(f"settings: {'; '.join(map(_problem, error.errors()))}") from None


def _problem(error: ErrorDetails) -> str:
    """One problem, in words of who writes settings."""
    name, *inner = map(str, error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name!r}. {did_you_mean(name, Settings.model_fields)}".rstrip()
    if name == "credentials" and isinstance(error["input"], dict):
        scheme = next(iter(error["input"]), "scheme")
        return f'{name}.{inner[0]}: write the source and its scheme in quotes: "{inner[0]}.{scheme}" = "VARIABLE"'
    where, said = ".".join((name, *inner)), error["msg"].removeprefix("Value error, ")
    if error["type"] == "path_type":
        said = "Input should be a path"
    if not said.startswith("Input "):
        return f"{where}: {said}"
    return f"{where} = {error['input']!r}: {said.removeprefix('Input ')}"


def _no_slip_of_the_pen(names: Iterable[str]) -> None:
    """A variable that is nearly one of ours would be lost without a word. Others may be of somebody else."""
    known = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in names:
        if name.startswith(_PREFIX) and name not in known and (near := get_close_matches(name, known, 1, 0.92)):
            raise UsageError(f"settings: there is no variable {name}. Did you mean {near[0]}?")


def _file(config: Path | None) -> dict[str, Any]:
    path = config or DEFAULT_FILE
    if config is None and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"settings: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"settings: {path} is no TOML: {error}") from None
