"""Opening the sources of a description: which of them are OpenAPI descriptions, and why the other ones are not.

What a document is, it says itself: `type` of a source that says otherwise is tolerated. Knows texts, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from arazzo_mcp.arazzo.model import Description, Source
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.documents import Text, parse_data
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding
from arazzo_mcp.openapi.parse import OpenApi

ANY: Final = "*"
"""The `workflow` of a finding that touches every workflow which needs the source, and no other one."""

_PLACEHOLDER: Final = re.compile(
    r"your|example|placeholder|change.?me|<.+>|\{.+\}|^my[-_]|^(x+|account|tenant|subdomain|domain|company|org|workspace)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Apis:
    """The sources of a description by name.

    open: those whose operations can be called; unread: why another one is not known; asyncapi: the operations of
    those that describe channels; of_workflows: those of type arazzo; url: where the document says that each one is.
    """

    open: Mapping[str, OpenApi]
    unread: Mapping[str, str]
    asyncapi: Mapping[str, frozenset[str]] = field(default_factory=dict)
    of_workflows: frozenset[str] = frozenset()
    url: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Servers:
    """What the settings say of servers: the base URL of a source, and values of `source.variable`."""

    urls: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def of(self, source: str) -> dict[str, str]:
        """The values of the server variables of one source."""
        own = f"{source}."
        return {name.removeprefix(own): value for name, value in self.variables.items() if name.startswith(own)}


def open_apis(description: Description, texts: Mapping[str, Text], servers: Servers) -> tuple[Apis, list[Finding]]:
    """Every source of a description that is at hand. Sources of type arazzo have no operations."""
    apis: dict[str, OpenApi] = {}
    unread: dict[str, str] = {}
    channels: dict[str, frozenset[str]] = {}
    findings: list[Finding] = []
    for name, source in description.sources.items():
        text = texts.get(name)
        if text is None:
            _note_absent(source, unread, channels)
            continue
        try:
            data = parse_data(text)
        except DocumentError as error:
            findings += [replace(found, workflow=ANY) for found in _unparseable(source, text, error.findings)]
            unread[name] = findings[-1].message.removesuffix(".")
            continue
        kind = _kind(data)
        if kind == "openapi":
            apis[name] = OpenApi(name, _with_variables(data, servers.of(name)), servers.urls.get(name))
            findings += _as_typed(source)
        elif kind == "asyncapi":
            channels[name] = frozenset(_channel_operations(data))
            findings += [] if source.type == "asyncapi" else [_wrong(source, text, "it is an AsyncAPI description")]
        else:
            unread[name] = _what(data, text)
            findings.append(_wrong(source, text, unread[name]))
    sources = description.sources
    arazzo = frozenset(sources) - apis.keys() - unread.keys() - channels.keys()
    return Apis(apis, unread, channels, arazzo, {name: source.url for name, source in sources.items()}), findings


def _note_absent(source: Source, unread: dict[str, str], channels: dict[str, frozenset[str]]) -> None:
    """A source without a text: why, who looked for it has said."""
    if source.type == "asyncapi":
        channels[source.name] = frozenset()
    elif source.type != "arazzo":
        unread[source.name] = ""


def _kind(data: Json) -> str | None:
    """What a document says that it is, as far as it is served."""
    if not isinstance(data, dict):
        return None
    if re.match(r"3\.", str(data.get("openapi", ""))) or re.match(r"2(\.|$)", str(data.get("swagger", ""))):
        return "openapi"
    return next((kind for kind in ("arazzo", "asyncapi") if kind in data), None)


def _what(data: Json, text: Text) -> str:
    """What a document is that holds no operations, for people."""
    if isinstance(data, dict) and "arazzo" in data:
        return "it is an Arazzo description: write type: arazzo"
    if not text.text.strip() or data is None:
        return "the file is empty"
    if _is_markup(text):
        return "it is a page of markup, not the description itself"
    for key in ("openapi", "swagger"):
        if isinstance(data, dict) and key in data:
            return f"its version is {data[key]!r}, which is not served"
    return "it has no 'openapi' field"


def _is_markup(text: Text) -> bool:
    return text.text.lstrip()[:1] == "<"


def _unparseable(source: Source, text: Text, findings: Iterable[Finding]) -> Iterator[Finding]:
    if _is_markup(text):
        yield _wrong(source, text, _what("", text))
        return
    yield from findings


def _wrong(source: Source, text: Text, why: str) -> Finding:
    message = f"source {source.name!r} ({text.file}) is no OpenAPI description: {why}."
    return Finding("error", "not-openapi", source.where, message, "", ANY)


def _as_typed(source: Source) -> Iterator[Finding]:
    if source.type != "openapi":
        yield tolerated("source-type", source.where, f"source {source.name!r} says {source.type!r}")


def _channel_operations(data: Mapping[str, Json]) -> Iterator[str]:
    """AsyncAPI 3 names operations by their keys, AsyncAPI 2 by the operationId of what a channel publishes."""
    yield from map(str, _mapping(data.get("operations")))
    for channel in _mapping(data.get("channels")).values():
        for action in ("publish", "subscribe"):
            yield str(_mapping(_mapping(channel).get(action)).get("operationId", ""))


# --- servers


def _with_variables(data: dict[str, Json], given: Mapping[str, str]) -> dict[str, Json]:
    """A description whose server variables have the values that the settings give them."""
    servers = data.get("servers")
    if not given or not isinstance(servers, list):
        return data
    return {**data, "servers": [_server(server, given) if isinstance(server, dict) else server for server in servers]}


def _server(server: dict[str, Json], given: Mapping[str, str]) -> dict[str, Json]:
    known = _mapping(server.get("variables"))
    named = known.keys() | set(re.findall(r"\{([^{}]+)\}", str(server.get("url", ""))))
    variables = {name: {**_mapping(known.get(name)), "default": given[name]} for name in named & given.keys()}
    return {**server, "variables": {**known, **variables}}


def server_findings(source: Source, api: OpenApi, base_url: str | None, servers: Servers) -> Iterator[Finding]:
    """What is known of the server of a source before the first request. base_url: of an operation that is called."""
    if source.name in servers.urls:
        return
    placeholders = list(_placeholders(api.data))
    for name, value in placeholders:
        message = f"source {source.name!r}: the server variable {name!r} is {value!r}, which only stands for a value."
        hint = f"Give one with --server-variable {source.name}.{name}=VALUE."
        yield Finding("warning", "placeholder-server", source.where, message, hint)
    if base_url is None and not placeholders:
        message = f"source {source.name!r} has no absolute server URL."
        yield Finding("warning", "no-server", source.where, message, f"Give one with --server {source.name}=URL.")


def _placeholders(data: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """The variables of the first server whose defaults nobody would want, or that have none."""
    servers = data.get("servers")
    server = _mapping(servers[0]) if isinstance(servers, list) and servers else {}
    variables = _mapping(server.get("variables"))
    for name in dict.fromkeys(re.findall(r"\{([^{}]+)\}", str(server.get("url", "")))):
        value = str(_mapping(variables.get(name)).get("default", f"{{{name}}}"))
        if not value or value == name or _PLACEHOLDER.search(value):
            yield name, value


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
