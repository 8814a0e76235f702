"""Parameter Objects -> Parameter. OpenAPI 3.2, "Parameter Object"; what 2.0 writes is made into this before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.openapi.model import MediaType, Parameter, Resolve

_SLASHED: Final = re.compile(r"[`'\"]([\w.-]+(?:/[\w.-]+)+)[`'\"]")
_DEFAULT_STYLES: Final = {"query": "form", "cookie": "form", "querystring": "form"}
_EXPLODED: Final = ("form", "cookie")


def parameter(node: Mapping[str, Json], resolve: Resolve) -> Parameter:
    """A Parameter Object, which has a `name` and an `in`."""
    location = str(node["in"])
    style = str(node.get("style") or _DEFAULT_STYLES.get(location, "simple"))
    content = next((media_type(str(n), m, resolve) for n, m in mapping(node.get("content")).items()), None)
    schema = content.schema if content else resolve(node.get("schema"))
    return Parameter(
        str(node["name"]),
        location,
        bool(node.get("required")) or location == "path",
        style,
        bool(node.get("explode", style in _EXPLODED)),
        bool(node.get("allowReserved")),
        location == "path" and raw_slash(node, schema),
        content,
        default=schema.get("default"),
        schema=schema,
        description=str(node.get("description") or ""),
        allow_empty=bool(node.get("allowEmptyValue")),
    )


def media_type(name: str, node: Json, resolve: Resolve) -> MediaType:
    """A Media Type Object, which may be a reference (OpenAPI 3.2)."""
    node = resolve(node)
    schema, prefixes = mapping(node.get("schema")), node.get("prefixEncoding")
    items = node.get("itemSchema")
    return MediaType(
        name,
        {key: resolve(encoding) for key, encoding in mapping(node.get("encoding")).items()},
        resolve(schema) if schema or not isinstance(items, dict) else {"type": "array", "items": items},
        str(schema.get("$ref", "")).rpartition("/")[2],
        tuple(mapping(one) for one in prefixes) if isinstance(prefixes, list) else (),
        mapping(node.get("itemEncoding")),
    )


def undeclared(name: str, location: str) -> Parameter:
    """A parameter that the operation does not declare: serialised as OpenAPI does when nothing is said."""
    style = _DEFAULT_STYLES.get(location, "simple")
    return Parameter(name, location, style=style, explode=style in _EXPLODED)


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
