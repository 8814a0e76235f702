"""What the binding knows of an API: operations, parameters, security schemes, and a plain request.

Frozen data without a version: what differs between versions of OpenAPI ends in `parse.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from arazzo_mcp.arazzo.scope import ABSENT, Json, Value

Resolve: TypeAlias = Callable[[Json], dict[str, Json]]
"""An object with the reference at its root followed; empty where it leads nowhere."""


def no_references(node: Json) -> dict[str, Json]:
    """The Resolve of an object that has no document around it."""
    return node if isinstance(node, dict) else {}


@dataclass(frozen=True, slots=True)
class MediaType:
    """Media Type Object: of a request body, or of a parameter that is described by `content`.

    encoding: by property name; prefix_encoding, item_encoding: by position (OpenAPI 3.2).
    schema: its Schema Object with the reference at its root followed; references inside stay as they are.
    schema_name: what the reference at its root names, empty where there is none.
    """

    name: str
    encoding: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    schema: Mapping[str, Json] = field(default_factory=dict)
    schema_name: str = ""
    prefix_encoding: tuple[Mapping[str, Json], ...] = ()
    item_encoding: Mapping[str, Json] = field(default_factory=dict)

    @property
    def essence(self) -> str:
        """Its type and subtype in lower case, without parameters."""
        return self.name.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameter Object. `raw_slash`: a `/` in the value stays as it is (see `parameter.raw_slash`).

    location: `path`, `query`, `querystring`, `header` or `cookie`; content: where it is described by a media type
    instead of a style; schema: its Schema Object with the reference at its root followed; description: of the
    parameter.
    """

    name: str
    location: str
    required: bool = False
    style: str = "form"
    explode: bool = True
    allow_reserved: bool = False
    raw_slash: bool = False
    content: MediaType | None = None
    default: Json = None
    schema: Mapping[str, Json] = field(default_factory=dict)
    description: str = ""
    allow_empty: bool = False

    @property
    def fallback(self) -> Value:
        """What is sent where it is required and not given: the only value that its schema allows, else the schema's
        default; ABSENT where there is neither."""
        if "const" in self.schema:
            return self.schema["const"]
        allowed = self.schema.get("enum")
        if isinstance(allowed, list) and len(allowed) == 1:
            return allowed[0]
        return self.schema.get("default", ABSENT)


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """Security Scheme Object, as far as requests need it.

    kind: `apiKey`, `http`, `oauth2`, `openIdConnect`, or the type as written; location and header: where an apiKey
    goes; scheme: of `http`, lower case; variable: the environment variable that the description names; prefix: what
    stands before the value.
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

    statuses: the keys of its responses as written: `200`, `2XX`, `default`; accepts: the media types that its
    successful responses are declared to have; placeholders: the variables of its server URL whose values nobody has
    chosen, with those values; resolve: follows the references inside its schemas.
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
    accepts: tuple[str, ...] = ()
    placeholders: Mapping[str, str] = field(default_factory=dict)
    resolve: Resolve = field(default=no_references, compare=False, repr=False)

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
