"""A call and its operation -> a plain request. No credentials, no HTTP client.

Parameters that the operation declares are serialised as it says; those that it does not are sent as given (query and
headers), as many real documents rely on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote_plus

from arazzo_mcp.arazzo.command import Argument, Body, CallOperation
from arazzo_mcp.arazzo.scope import ABSENT, Json, as_text
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.model import MediaType, Operation, Parameter, Request
from arazzo_mcp.openapi.style import (
    UnfitValue,
    cookie_text,
    header_text,
    path_text,
    query_pairs,
    scalar,
)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_ACCEPT = "application/json, text/plain;q=0.9, */*;q=0.8"
_VARIABLE = re.compile(r"\{([^{}]+)\}")


def bind(call: CallOperation, operation: Operation) -> Request:
    """The request for a call.

    Raises:
        BindError: there is no absolute server URL, a path parameter is missing, or a value does not fit.
    """
    if operation.base_url is None:
        source = operation.source
        raise BindError(f"source {source!r} has no absolute server URL: give one with --server {source}=URL")
    arguments = [_placed(argument, operation) for argument in call.arguments]
    try:
        path = _path(operation.path, arguments)
        query = _query(arguments)
        headers = _headers(arguments)
    except UnfitValue as unfit:
        raise BindError(f"{operation.key}: {unfit}") from None
    content, content_type = _content(call.body, operation)
    if content_type:
        headers.setdefault("content-type", content_type)
    url = operation.base_url.rstrip("/") + path
    return Request(
        operation.method,
        f"{url}?{query}" if query else url,
        {"accept": _ACCEPT, **headers},
        content,
        {p.name: value for p, value in arguments if p.location == "path"},
        {p.name: value for p, value in arguments if p.location == "query"},
        call.body.value if call.body else ABSENT,
    )


Placed = tuple[Parameter, Json]


def _placed(argument: Argument, operation: Operation) -> Placed:
    """The operation's parameter for an argument; one that it does not declare goes where the step says."""
    for parameter in operation.parameters:
        if _same_name(parameter, argument) and argument.location in ("", parameter.location):
            return parameter, argument.value
    if not argument.location:
        raise BindError(
            f"{operation.key}: parameter {argument.name!r} has no 'in', and the operation has none of that name"
        )
    style = "form" if argument.location in ("query", "cookie") else "simple"
    return Parameter(argument.name, argument.location, style=style, explode=style == "form"), argument.value


def _same_name(parameter: Parameter, argument: Argument) -> bool:
    if parameter.location == "header":
        return parameter.name.lower() == argument.name.lower()
    return parameter.name == argument.name


def _path(template: str, arguments: Iterable[Placed]) -> str:
    values = {parameter.name: (parameter, value) for parameter, value in arguments if parameter.location == "path"}

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise UnfitValue(f"path parameter {name!r} is missing")
        return path_text(*values[name])

    return _VARIABLE.sub(fill, template)


def _query(arguments: Iterable[Placed]) -> str:
    pairs = (pair for p, value in arguments if p.location == "query" for pair in query_pairs(p, value))
    return "&".join(f"{name}={text}" for name, text in pairs)


def _headers(arguments: Iterable[Placed]) -> dict[str, str]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for parameter, value in arguments:
        if parameter.location == "header":
            headers[parameter.name.lower()] = header_text(parameter, value)
        elif parameter.location == "cookie":
            cookies.append(cookie_text(parameter, value))
    return {**headers, "cookie": "; ".join(cookies)} if cookies else headers


def _content(body: Body | None, operation: Operation) -> tuple[bytes | None, str | None]:
    """Request Body Object: "If omitted then refer to Content-Type specified at the targeted operation"."""
    if body is None:
        return None, None
    media = _media_type(body.content_type, operation)
    essence = media.name.partition(";")[0].strip().lower()
    if essence == JSON or essence.endswith("+json"):
        try:
            return _json(body.value), media.name
        except ValueError as error:
            raise BindError(f"{operation.key}: the body cannot be written as JSON: {error}") from None
    if essence == FORM:
        return _form(body.value, media).encode(), media.name
    if essence.startswith("text/") or isinstance(body.value, str):
        return as_text(body.value).encode(), media.name
    raise BindError(f"{operation.key}: a structured body cannot be sent as {media.name}")


def _media_type(wanted: str | None, operation: Operation) -> MediaType:
    declared = {media.name: media for media in operation.media_types}
    if wanted and "*" not in wanted:
        return declared.get(wanted, MediaType(wanted))
    concrete = [media for media in operation.media_types if "*" not in media.name]
    return declared.get(JSON) or (concrete[0] if concrete else MediaType(JSON))


def _json(value: Json) -> bytes:
    """A text that is JSON already (a template in the document) is sent as it is; any other value is written as JSON."""
    if isinstance(value, str) and _is_json(value):
        return value.encode()
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _form(value: Json, media: MediaType) -> str:
    """RFC 1866 form fields. A text is a form already; arrays repeat the key unless `encoding` says otherwise."""
    if not isinstance(value, dict):
        return as_text(value)
    pairs: list[tuple[str, str]] = []
    for name, item in value.items():
        encoding = media.encoding.get(name, {})
        if "style" in encoding or "explode" in encoding:
            style = str(encoding.get("style", "form"))
            explode = bool(encoding.get("explode", style == "form"))
            pairs += query_pairs(Parameter(name, "query", style=style, explode=explode), item)
        else:
            items = item if isinstance(item, list) else [item]
            pairs += [(quote_plus(name), quote_plus(scalar(one))) for one in items]
    return "&".join(f"{name}={text}" for name, text in pairs)
