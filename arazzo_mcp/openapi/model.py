"""What the binding knows of an API: operations, parameters, security schemes, and a plain request.

Frozen data without a version: what differs between versions of OpenAPI ends in `parse.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from arazzo_mcp.arazzo.scope import Json

Location = Literal["path", "query", "header", "cookie"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameter Object. `raw_slash`: a `/` in the value stays as it is (see `parse.raw_slash`).

    schema: its Schema Object with the reference at its root followed; description: of the parameter.
    """

    name: str
    location: str
    required: bool = False
    style: str = "form"
    explode: bool = True
    allow_reserved: bool = False
    raw_slash: bool = False
    json: bool = False
    default: Json = None
    schema: Mapping[str, Json] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class MediaType:
    """One media type of a request body, with the way in which form fields are encoded.

    schema: its Schema Object with the reference at its root followed; references inside stay as they are.
    """

    name: str
    encoding: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    schema: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """Security Scheme Object, as far as requests need it.

    kind: `apiKey`, `http`, or the type as written; location and header: where an apiKey goes; scheme: of `http`,
    lower case; variable: the environment variable that the description names; prefix: what stands before the value.
    """

    name: str
    kind: str
    location: str = "header"
    key: str = "Authorization"
    scheme: str = ""
    variable: str | None = None
    prefix: str = ""


Requirement = tuple[SecurityScheme, ...]
"""Schemes that are needed together."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a source. `security` holds the alternatives, best first; empty where none is needed.

    statuses: the keys of its responses as written: `200`, `2XX`, `default`.
    """

    source: str
    method: str
    path: str
    operation_id: str | None
    base_url: str | None
    parameters: tuple[Parameter, ...]
    media_types: tuple[MediaType, ...]
    body_required: bool
    security: tuple[Requirement, ...]
    anonymous: bool = False
    statuses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What names the operation within its source: `GET /things/{id}`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request before any HTTP client and without credentials: an absolute URL, headers, content in bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    path_arguments: Mapping[str, Json]
    query_arguments: Mapping[str, Json]
    body: Json
