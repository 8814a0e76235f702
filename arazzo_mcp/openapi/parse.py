"""An OpenAPI description's plain data -> operations, on demand.

Differences between OpenAPI 3.0 and 3.1 end here. Only what a workflow needs is looked at: the index of operations when
the description is opened, one operation when a step names it. References are followed lazily and only within the
document; one that leads nowhere leaves its object empty, as a missing schema far away must not keep an operation from
being called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from jsonpointer import JsonPointer, JsonPointerException

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.model import MediaType, Operation, Parameter, Requirement, SecurityScheme

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_MOST_REFERENCES: Final = 32
_ENVIRONMENT: Final = re.compile(r"\$\{?([A-Z][A-Z0-9_]{2,})\}?")
_PREFIX: Final = re.compile(r"Authorization:\s*([A-Za-z][A-Za-z-]*)\s+[$<{]", re.IGNORECASE)
_SLASHED: Final = re.compile(r"[`'\"]([\w.-]+(?:/[\w.-]+)+)[`'\"]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the index: where an operation stands."""

    method: str
    path: str
    operation_id: str | None

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


class OpenApi:
    """One source's description: its index of operations, and each operation when it is asked for.

    base_url: overrides the servers of the description where the settings give one.
    """

    def __init__(self, source: str, data: Json, base_url: str | None = None) -> None:
        self.source = source
        self.data: dict[str, Json] = data if isinstance(data, dict) else {}
        self.base_url = base_url
        self.entries = tuple(self._index())
        self.by_id: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.operation_id:
                self.by_id.setdefault(entry.operation_id, []).append(entry)
        self.by_key = {entry.key: entry for entry in self.entries}
        self._operations: dict[str, Operation] = {}

    @property
    def version(self) -> str:
        """The `openapi` field, empty where there is none."""
        return str(self.data.get("openapi", ""))

    def _index(self) -> Iterator[Entry]:
        for path, item in _mapping(self.data.get("paths")).items():
            resolved = self.resolve(item)
            for method in METHODS:
                if isinstance(operation := resolved.get(method), dict):
                    name = operation.get("operationId")
                    yield Entry(method.upper(), str(path), str(name) if name is not None else None)

    def at_pointer(self, pointer: str) -> Entry | None:
        """The operation at a JSON pointer such as `/paths/~1things/get`, which may be percent-encoded."""
        for text in (pointer, unquote(pointer)):
            parts = text.split("/")
            if len(parts) == 4 and parts[1] == "paths":
                path = parts[2].replace("~1", "/").replace("~0", "~")
                if found := self.by_key.get(f"{parts[3].upper()} {path}"):
                    return found
        return None

    def operation(self, key: str) -> Operation:
        """The operation with this key; KeyError where there is none."""
        if key not in self._operations:
            self._operations[key] = self._operation(key)
        return self._operations[key]

    def _operation(self, key: str) -> Operation:
        entry = self.by_key[key]
        item = self.resolve(_mapping(self.data.get("paths")).get(entry.path))
        node = _mapping(item.get(entry.method.lower()))
        body = self.resolve(node.get("requestBody"))
        requirements = node.get("security", self.data.get("security")) or []
        return Operation(
            self.source,
            entry.method,
            entry.path,
            entry.operation_id,
            self.base_url or self._server(node, item),
            tuple(self._parameters(item, node)),
            tuple(
                MediaType(str(name), _mapping(_mapping(m).get("encoding")), self.resolve(_mapping(m).get("schema")))
                for name, m in _mapping(body.get("content")).items()
            ),
            bool(body.get("required")),
            tuple(self._requirements(requirements)),
            anonymous=isinstance(requirements, list) and {} in requirements,
            statuses=tuple(map(str, _mapping(node.get("responses")))),
        )

    def _server(self, node: Mapping[str, Json], item: Mapping[str, Json]) -> str | None:
        """The nearest server with its variables' defaults filled in; None where there is no absolute URL."""
        servers = node.get("servers") or item.get("servers") or self.data.get("servers") or []
        server = _mapping(servers[0]) if isinstance(servers, list) and servers else {}
        url = str(server.get("url", ""))
        for name, variable in _mapping(server.get("variables")).items():
            url = url.replace(f"{{{name}}}", str(_mapping(variable).get("default", "")))
        return url if re.match(r"https?://", url) else None

    def _parameters(self, item: Mapping[str, Json], node: Mapping[str, Json]) -> Iterator[Parameter]:
        """Those of the path item, overridden by those of the operation with the same name and location."""
        found: dict[tuple[str, str], dict[str, Json]] = {}
        for value in (*(item.get("parameters") or ()), *(node.get("parameters") or ())):
            parameter = self.resolve(value)
            if parameter.get("name") and parameter.get("in"):
                found[str(parameter["name"]), str(parameter["in"])] = parameter
        return (self._parameter(parameter) for parameter in found.values())

    def _parameter(self, node: dict[str, Json]) -> Parameter:
        location = str(node["in"])
        style = str(node.get("style") or ("form" if location in ("query", "cookie") else "simple"))
        schema = self.resolve(node.get("schema"))
        return Parameter(
            str(node["name"]),
            location,
            bool(node.get("required")) or location == "path",
            style,
            bool(node.get("explode", style == "form")),
            bool(node.get("allowReserved")),
            location == "path" and raw_slash(node, schema),
            json=any("json" in str(name) for name in _mapping(node.get("content"))),
            default=schema.get("default"),
            schema=schema,
            description=str(node.get("description") or ""),
        )

    def _requirements(self, requirements: Json) -> Iterator[Requirement]:
        schemes = _mapping(_mapping(self.data.get("components")).get("securitySchemes"))
        for requirement in requirements if isinstance(requirements, list) else []:
            names = [str(name) for name in _mapping(requirement)]
            if names:
                yield tuple(self._scheme(name, self.resolve(schemes.get(name))) for name in names)

    def _scheme(self, name: str, node: dict[str, Json]) -> SecurityScheme:
        """Where a description writes `Authorization: Key $FAL_KEY`, it tells both the prefix and the variable."""
        kind, text = str(node.get("type", "")), str(node.get("description", ""))
        variable, prefix = _ENVIRONMENT.search(text), _PREFIX.search(text)
        key = str(node.get("name") or "Authorization")
        is_header = kind == "apiKey" and node.get("in", "header") == "header" and key.lower() == "authorization"
        return SecurityScheme(
            name,
            kind,
            str(node.get("in") or "header"),
            key,
            str(node.get("scheme", "")).lower(),
            str(node["x-arazzo-mcp-env"]) if "x-arazzo-mcp-env" in node else variable and variable[1],
            str(node.get("x-arazzo-mcp-prefix", f"{prefix[1]} " if prefix and is_header else "")),
        )

    def resolve(self, node: Json) -> dict[str, Json]:
        """An object with its local `$ref` followed; empty where it leads nowhere, outside, or in a circle."""
        for _ in range(_MOST_REFERENCES):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            if not reference.startswith("#/"):
                return {}
            try:
                node = JsonPointer(unquote(reference[1:])).resolve(self.data)
            except (JsonPointerException, TypeError):
                return {}
        return {}


def raw_slash(node: Mapping[str, Json], schema: Mapping[str, Json]) -> bool:
    """Whether a `/` in a path parameter's value stays raw. The first rule that applies decides:

    1. `x-arazzo-mcp-allow-slash: true|false` on the parameter, or `allowReserved` (OpenAPI 3.2);
    2. its description says that the value is URL-encoded: encoded;
    3. an example, a default or its description shows a value with a slash (`flux/schnell`): raw;
    4. it is named `path`, or its name ends in `_path` or `Path`: raw, since that is what the value is;
    5. otherwise encoded, as OpenAPI says.
    """
    explicit = node.get("x-arazzo-mcp-allow-slash", node.get("allowReserved"))
    if explicit is not None:
        return bool(explicit)
    description = f"{node.get('description', '')} {schema.get('description', '')}"
    if re.search(r"url.?encoded|percent.?encoded|%2F", description, re.IGNORECASE):
        return False
    shown = [
        node.get("example"),
        schema.get("example"),
        schema.get("default"),
        *(schema["examples"] if isinstance(schema.get("examples"), list) else ()),
    ]
    if any(isinstance(value, str) and re.fullmatch(r"[\w.-]+(/[\w.-]+)+", value) for value in shown):
        return True
    return bool(_SLASHED.search(description)) or bool(re.search(r"(^|_)path$|[a-z]Path$", str(node.get("name"))))


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
