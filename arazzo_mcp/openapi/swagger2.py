"""OpenAPI 2.0 (Swagger) -> the objects of 3.x, one at a time and only those that are asked for.

Nothing but this module knows that version. A 2.0 operation is rewritten as a 3.x operation: `in: body` and `in:
formData` become a request body with the media types of `consumes`, `collectionFormat` a style, and `host`, `basePath`
and `schemes` servers. References inside schemas stay as they are: they lead to the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from arazzo_mcp.arazzo.scope import Json, mapping
from arazzo_mcp.openapi.model import Resolve

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_NOT_SCHEMA: Final = ("name", "in", "required", "collectionFormat", "allowEmptyValue")
_STYLES: Final[dict[str, dict[str, Json]]] = {
    "csv": {"explode": False},
    "multi": {"explode": True},
    "ssv": {"style": "ssv", "explode": False},
    "tsv": {"style": "tsv", "explode": False},
    "pipes": {"style": "pipes", "explode": False},
}
"""`collectionFormat`: its last three are styles of their own, since 2.0 allows them in paths and headers as well."""


def description(root: Mapping[str, Json]) -> dict[str, Json]:
    """The root object: its servers and security schemes as 3.x has them, its paths as they are."""
    schemes = {"securitySchemes": mapping(root.get("securityDefinitions"))}
    return {**root, "servers": _servers(root, root.get("schemes")), "components": schemes}


def operation(
    root: Mapping[str, Json], item: Mapping[str, Json], node: Mapping[str, Json], resolve: Resolve
) -> dict[str, Json]:
    """An operation with all of its parameters, those of its path item included."""
    shared, own = ([resolve(one) for one in _list(where.get("parameters"))] for where in (item, node))
    by_place = {(one.get("name"), one.get("in")): one for one in (*shared, *own)}
    made: dict[str, Json] = {**node, "parameters": [_parameter(one) for one in by_place.values() if _is_plain(one)]}
    if body := _body(list(by_place.values()), _list(node.get("consumes", root.get("consumes")))):
        made["requestBody"] = body
    if node.get("schemes"):
        made["servers"] = _servers(root, node["schemes"])
    types = [str(name) for name in _list(node.get("produces", root.get("produces")))]
    made["responses"] = {
        status: {**resolve(response), "content": {name: {} for name in types}}
        for status, response in mapping(node.get("responses")).items()
    }
    return made


def _servers(root: Mapping[str, Json], schemes: Json) -> list[dict[str, Json]]:
    """ "If the host is not included, the host serving the documentation is to be used"; the same for the scheme."""
    host, path = str(root.get("host") or ""), "/" + str(root.get("basePath") or "").strip("/")
    if not host:
        return [{"url": path}]
    ordered = sorted((str(s) for s in _list(schemes) if str(s) in ("http", "https")), reverse=True)
    return [{"url": f"{scheme}://{host}{path}"} for scheme in ordered or ["https"]]


def _is_plain(node: Mapping[str, Json]) -> bool:
    return bool(node.get("name")) and node.get("in") in ("path", "query", "header")


def _parameter(node: Mapping[str, Json]) -> dict[str, Json]:
    schema = {name: value for name, value in node.items() if name not in _NOT_SCHEMA}
    kept = {name: value for name, value in node.items() if name not in schema and name != "collectionFormat"}
    marks = {name: value for name, value in node.items() if name.startswith("x-") or name == "description"}
    return {**kept, **marks, "schema": schema, **_style(node)}


def _style(node: Mapping[str, Json]) -> dict[str, Json]:
    if node.get("type") != "array":
        return {}
    return _STYLES.get(str(node.get("collectionFormat", "csv")), _STYLES["csv"])


def _body(parameters: Iterable[Mapping[str, Json]], consumes: list[Json]) -> dict[str, Json] | None:
    """ "Since there can only be one payload, there can only be one body parameter"; it excludes form fields."""
    types = [str(name) for name in consumes]
    for node in parameters:
        if node.get("in") == "body":
            content = {name: {"schema": node.get("schema", {})} for name in types or ["application/json"]}
            return {"content": content, "required": bool(node.get("required"))}
    fields = [node for node in parameters if node.get("in") == "formData" and node.get("name")]
    return _form(fields, types) if fields else None


def _form(fields: list[Mapping[str, Json]], types: list[str]) -> dict[str, Json]:
    has_file = any(node.get("type") == "file" for node in fields)
    wanted = [name for name in types if name in (_FORM, _MULTIPART)] or [_MULTIPART if has_file else _FORM]
    schema = {
        "type": "object",
        "properties": {str(node["name"]): _field(node) for node in fields},
        "required": [str(node["name"]) for node in fields if node.get("required")],
    }
    encoding = {str(node["name"]): style for node in fields if (style := _style(node))}
    media = {"schema": schema, "encoding": encoding}
    return {
        "content": {_MULTIPART: media} if has_file else {name: media for name in wanted},
        "required": bool(schema["required"]),
    }


def _field(node: Mapping[str, Json]) -> dict[str, Json]:
    schema = {name: value for name, value in node.items() if name not in _NOT_SCHEMA}
    return {**schema, "type": "string", "format": "binary"} if node.get("type") == "file" else schema


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
