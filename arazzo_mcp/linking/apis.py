"""Opening the sources of a description: which of them are OpenAPI descriptions, and why the other ones are not.

What a document is, it says itself: `type` of a source that says otherwise is tolerated. Knows texts, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urljoin

from arazzo_mcp.arazzo.model import Description, Source
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.reading.documents import Text, parse_data
from arazzo_mcp.reading.parts import part_key

ANY: Final = "*"
"""The `workflow` of a finding that touches every workflow which needs the source, and no other one."""


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
    """What the settings say of servers: the base URL of a source, values of `source.variable`, and the header by source
    that makes its requests repeatable."""

    urls: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    idempotency: Mapping[str, str] = field(default_factory=dict)

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
            apis[name] = _api(source, text, texts, servers, _location(description, source))
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


def _api(source: Source, text: Text, texts: Mapping[str, Text], servers: Servers, location: str | None) -> OpenApi:
    name = source.name
    given = tuple(sorted(servers.of(name).items()))
    if any(key.startswith(part_key(name, "")) for key in texts):
        parts = _Parts(name, texts)
        url = servers.urls.get(name)
        return OpenApi(name, parse_data(text), url, variables=dict(given), location=location, elsewhere=parts)
    return _shared(name, text, servers.urls.get(name), given, location)


@lru_cache(maxsize=128)
def _shared(
    name: str, text: Text, url: str | None, variables: tuple[tuple[str, str], ...], location: str | None
) -> OpenApi:
    """One description for all the documents that call it: a folder of workflows has often a single API."""
    return OpenApi(name, parse_data(text), url, variables=dict(variables), location=location)


def _location(description: Description, source: Source) -> str | None:
    """Where a source is on the web, as far as its document says so: relative servers are relative to it."""
    url = urljoin(description.self_uri or "", source.url)
    return url if url.startswith(("http://", "https://")) else None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The other files that a source is made of: called with the name that a reference gives them."""

    source: str
    texts: Mapping[str, Text]

    def __call__(self, name: str) -> Json | None:
        text = self.texts.get(part_key(self.source, name))
        try:
            return None if text is None else parse_data(text)
        except DocumentError:
            return None


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
    yield from map(str, mapping(data.get("operations")))
    for channel in mapping(data.get("channels")).values():
        for action in ("publish", "subscribe"):
            yield str(mapping(mapping(channel).get(action)).get("operationId", ""))


# --- servers


def server_findings(source: Source, api: OpenApi, key: str, servers: Servers) -> Iterator[Finding]:
    """What is known of the server of a source before the first request. key: of an operation that is called."""
    if api.operation(key).base_url is None and not api.placeholder_variables(key):
        message = f"source {source.name!r} has no absolute server URL."
        yield Finding("warning", "no-server", source.where, message, f"Give one with --server {source.name}=URL.")
    elif source.name not in servers.urls:
        for name, value in api.placeholder_variables(key).items():
            message = (
                f"source {source.name!r}: the server variable {name!r} is {value!r}, which only stands for a value."
            )
            hint = f"Give one with --server-variable {source.name}.{name}=VALUE."
            yield Finding("warning", "placeholder-server", source.where, message, hint)
