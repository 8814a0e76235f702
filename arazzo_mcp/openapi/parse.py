"""An OpenAPI description's plain data -> operations, on demand.

Versions end here: 2.0 is made into 3.x by `swagger2.py`, and of 3.x every field is read that any version has, so that
one to come is read as the newest that is known. Only what a workflow needs is looked at: the index of operations when
the description is opened, one operation when a step names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.openapi import swagger2
from arazzo_mcp.openapi.model import Operation, Parameter, Resolve
from arazzo_mcp.openapi.parameter import media_type, parameter
from arazzo_mcp.openapi.reference import Elsewhere, References
from arazzo_mcp.openapi.security import requirements
from arazzo_mcp.openapi.server import Server, server, variables

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the index: where an operation stands."""

    method: str
    path: str
    operation_id: str | None

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A family of versions: how its root object and its operations are made into those of the newest."""

    description: Callable[[Mapping[str, Json]], Mapping[str, Json]]
    operation: Callable[[Mapping[str, Json], Mapping[str, Json], Mapping[str, Json], Resolve], Mapping[str, Json]]


OPENAPI_2: Final = Dialect(swagger2.description, swagger2.operation)
OPENAPI_3: Final = Dialect(lambda root: root, lambda _root, _item, node, _resolve: node)
_DIALECTS: Final = {"2": OPENAPI_2, "3": OPENAPI_3}


class OpenApi:
    """One source's description: its index of operations, and each operation when it is asked for.

    base_url: overrides the servers of the description where the settings give one. variables: values of server
    variables that win over their defaults. location: the absolute URL that the description was retrieved from, where
    it is on the web; servers may be relative to it. elsewhere: the data of other files that it refers to.
    """

    def __init__(
        self,
        source: str,
        data: Json,
        base_url: str | None = None,
        *,
        variables: Mapping[str, str] | None = None,
        location: str | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.source = source
        self.data: dict[str, Json] = mapping(data)
        self.base_url = base_url
        self._variables, self._location = dict(variables or {}), location
        self._dialect = _DIALECTS.get(self.version[:1], OPENAPI_3)
        self._root = self._dialect.description(self.data)
        self._references = References(self.data, elsewhere, location or "", str(self.data.get("$self") or ""))
        self.entries = tuple(self._index())
        self.by_id: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.operation_id:
                self.by_id.setdefault(entry.operation_id, []).append(entry)
        self.by_key = {entry.key: entry for entry in self.entries}
        self._operations: dict[str, Operation] = {}

    @property
    def version(self) -> str:
        """The `openapi` field, or the `swagger` field of 2.0; empty where there is neither."""
        return str(self.data.get("openapi") or self.data.get("swagger") or "")

    def resolve(self, node: Json) -> dict[str, Json]:
        """An object with its `$ref` followed; empty where it leads nowhere or in a circle."""
        return self._references.resolve(node)

    def _index(self) -> Iterator[Entry]:
        for path, item in mapping(self.data.get("paths")).items():
            for method, node in _operations(self.resolve(item)):
                name = node.get("operationId")
                yield Entry(method, str(path), str(name) if name is not None else None)

    def at_pointer(self, pointer: str) -> Entry | None:
        """The operation at a JSON pointer such as `/paths/~1things/get`, which may be percent-encoded."""
        for text in (pointer, unquote(pointer)):
            parts = [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")]
            if len(parts) == 5 and parts[3] == "additionalOperations":
                del parts[3]
            if len(parts) == 4 and parts[1] == "paths":
                keys = (f"{method} {parts[2]}" for method in (parts[3], parts[3].upper()))
                if found := next((self.by_key[key] for key in keys if key in self.by_key), None):
                    return found
        return None

    def placeholder_variables(self, key: str) -> Mapping[str, str]:
        """The variables of an operation's server whose values nobody has chosen: placeholders, by name."""
        return self.operation(key).placeholders

    def server_variables(self) -> dict[str, tuple[str, ...]]:
        """Every variable in the URL of a server, with the values that it may have; none where it may have any."""
        found = variables(self._root.get("servers"))
        for written in mapping(self.data.get("paths")).values():
            item = self.resolve(written)
            for node in (item, *(operation for _, operation in _operations(item))):
                found = {**variables(node.get("servers")), **found}
        return found

    def operation(self, key: str) -> Operation:
        """The operation with this key; KeyError where there is none."""
        if key not in self._operations:
            self._operations[key] = self._operation(key)
        return self._operations[key]

    def _operation(self, key: str) -> Operation:
        entry = self.by_key[key]
        item = self.resolve(mapping(self.data.get("paths")).get(entry.path))
        written = dict(_operations(item))[entry.method]
        node = self._dialect.operation(self._root, item, written, self.resolve)
        body = self.resolve(node.get("requestBody"))
        security = node.get("security", self._root.get("security")) or []
        schemes = mapping(mapping(self._root.get("components")).get("securitySchemes"))
        place = self._server(node, item)
        return Operation(
            self.source,
            entry.method,
            entry.path,
            entry.operation_id,
            place.url,
            tuple(self._parameters(item, node)),
            tuple(media_type(str(name), m, self.resolve) for name, m in mapping(body.get("content")).items()),
            bool(body.get("required")),
            tuple(requirements(security, schemes, self.resolve)),
            anonymous=isinstance(security, list) and {} in security,
            statuses=tuple(map(str, mapping(node.get("responses")))),
            accepts=tuple(self._accepts(mapping(node.get("responses")))),
            placeholders=place.placeholders,
            resolve=self.resolve,
        )

    def _server(self, node: Mapping[str, Json], item: Mapping[str, Json]) -> Server:
        """The nearest servers count: those of the operation, the path item, the description."""
        if self.base_url:
            return Server(self.base_url)
        servers = node.get("servers") or item.get("servers") or self._root.get("servers")
        return server(servers, self._variables, self._location)

    def _parameters(self, item: Mapping[str, Json], node: Mapping[str, Json]) -> Iterator[Parameter]:
        """Those of the path item, overridden by those of the operation with the same name and location."""
        found: dict[tuple[str, str], dict[str, Json]] = {}
        for value in (*(item.get("parameters") or ()), *(node.get("parameters") or ())):
            resolved = self.resolve(value)
            if resolved.get("name") and resolved.get("in"):
                found[str(resolved["name"]), str(resolved["in"])] = resolved
        return (parameter(one, self.resolve) for one in found.values() if one["in"] not in ("body", "formData"))

    def _accepts(self, responses: Mapping[str, Json]) -> Iterator[str]:
        """The media types of successful responses."""
        for status, response in responses.items():
            if str(status).startswith("2") or status == "default":
                yield from map(str, mapping(self.resolve(response).get("content")))


def _operations(item: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """The methods of a path item as they are sent, with their operations. "The map key is the HTTP method with the
    same capitalization that is to be sent" (OpenAPI 3.2, additionalOperations)."""
    for method in METHODS:
        if isinstance(node := item.get(method), dict):
            yield method.upper(), node
    for name, node in mapping(item.get("additionalOperations")).items():
        if isinstance(node, dict) and str(name).lower() not in METHODS:
            yield str(name), node
