"""A call and its operation -> a plain request. No credentials, no HTTP client.

Parameters that the operation declares are serialised as it says; those that it does not are sent as given (query and
headers), as many real documents rely on it. One that it requires and the step does not give has the only value that it
can have, or its default; without either it is sent without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias
from urllib.parse import quote

from arazzo_mcp.arazzo.command import Argument, CallOperation
from arazzo_mcp.arazzo.scope import ABSENT, Json, as_text
from arazzo_mcp.errors import BindError
from arazzo_mcp.openapi.binary import Reader, no_files
from arazzo_mcp.openapi.body import FORM, content, is_json, json_bytes
from arazzo_mcp.openapi.coerce import coerce
from arazzo_mcp.openapi.encode import UnfitValue
from arazzo_mcp.openapi.form import form
from arazzo_mcp.openapi.model import MediaType, Operation, Parameter, Request
from arazzo_mcp.openapi.parameter import undeclared
from arazzo_mcp.openapi.path import VARIABLE, PathTemplate, path_template
from arazzo_mcp.openapi.style import cookie_text, header_text, path_text, query_pairs, query_string

_ACCEPT: Final = "application/json, text/plain;q=0.9, */*;q=0.8"
_IGNORED_HEADERS: Final = ("accept", "content-type", "authorization")
""" "If in is "header" and the name field is "Accept", "Content-Type" or "Authorization", the parameter definition SHALL
be ignored": such a one is sent where the step gives it, and never filled in."""


def bind(call: CallOperation, operation: Operation, read: Reader = no_files) -> Request:
    """The request for a call. read: the files that bodies may be filled from.

    Raises:
        BindError: there is no absolute server URL, a path parameter is missing, or a value does not fit.
    """
    if operation.base_url is None:
        source = operation.source
        raise BindError(f"source {source!r} has no absolute server URL: give one with --server {source}=URL")
    try:
        return _request(call, operation, operation.base_url.rstrip("/"), read)
    except UnfitValue as unfit:
        raise BindError(f"{operation.key}: {unfit}") from None


def _request(call: CallOperation, operation: Operation, base_url: str, read: Reader) -> Request:
    template = path_template(operation.path)
    given = [_placed(argument, operation) for argument in call.arguments]
    arguments = [*given, *_filled(operation, template, given)]
    url = base_url + _path(template, arguments, operation)
    query = _query(template, arguments, operation)
    headers = {"accept": _accept(operation), **_headers(arguments, operation)}
    body = content(call.body, headers.get("content-type"), operation, read)
    if body.media_type and (body.media_type.startswith("multipart/") or "content-type" not in headers):
        headers["content-type"] = body.media_type
    return Request(
        operation.method,
        f"{url}?{query}" if query else url,
        headers,
        body.content,
        {p.name: value for p, value in arguments if p.location == "path"},
        {p.name: value for p, value in arguments if p.location in ("query", "querystring")},
        body.value,
    )


def _accept(operation: Operation) -> str:
    """JSON first, unless the operation says that it answers in something else."""
    declared = [name for name in dict.fromkeys(operation.accepts) if "*" not in name and name.isascii()]
    if not declared or any("json" in name.lower() for name in declared):
        return _ACCEPT
    return f"{', '.join(declared[:8])}, application/json;q=0.9, */*;q=0.8"


# --- parameters

Placed: TypeAlias = tuple[Parameter, Json]


def _placed(argument: Argument, operation: Operation) -> Placed:
    """The operation's parameter for an argument; one that it does not declare goes where the step says."""
    for parameter in operation.parameters:
        if _same_name(parameter, argument) and argument.location in ("", parameter.location):
            structured = coerce(argument.value, parameter.schema, operation.resolve, scalars=False)
            return parameter, argument.value if parameter.content else structured
    if not argument.location:
        raise UnfitValue(f"parameter {argument.name!r} has no 'in', and the operation has none of that name")
    return undeclared(argument.name, argument.location), argument.value


def _same_name(parameter: Parameter, argument: Argument) -> bool:
    if parameter.location == "header":
        return parameter.name.lower() == argument.name.lower()
    return parameter.name == argument.name or (parameter.location == "path" and parameter.name == f"{argument.name}+")


def _filled(operation: Operation, template: PathTemplate, given: Iterable[Placed]) -> Iterator[Placed]:
    """Those that are required, not given, and can be filled in."""
    there = {(p.location, p.name.lower()) for p, _ in given} | {("query", name.lower()) for name, _ in template.query}
    for parameter in operation.parameters:
        ignored = parameter.location == "header" and parameter.name.lower() in _IGNORED_HEADERS
        if parameter.required and not ignored and (parameter.location, parameter.name.lower()) not in there:
            value = parameter.fallback
            if value is not ABSENT and value is not None:
                yield parameter, value


def _written(parameter: Parameter, value: Json, operation: Operation) -> Json:
    """A value as its parameter's media type writes it, where it has one."""
    if parameter.content is None or value is None:
        return value
    return _text_of(parameter, parameter.content, value, operation)


def _text_of(parameter: Parameter, media: MediaType, value: Json, operation: Operation) -> str:
    """The value of a parameter that is described by `content`, before percent-encoding."""
    if "json" in media.essence:
        value = value if is_json(value) else coerce(value, parameter.schema, operation.resolve)
        text = json_bytes(value).decode()
        return text if parameter.location != "header" or text.isascii() else json.dumps(json.loads(text))
    return form(value, media, operation.resolve) if media.essence == FORM else as_text(value)


# --- path


def _path(template: PathTemplate, arguments: Iterable[Placed], operation: Operation) -> str:
    values = {p.name.rstrip("+*"): (p, _written(p, v, operation)) for p, v in arguments if p.location == "path"}
    filled = VARIABLE.sub(lambda match: _segment(match[1], values, match[1] in template.slashed), template.path)
    return filled if filled.startswith("/") else f"/{filled}"


def _segment(name: str, values: dict[str, Placed], slashed: bool) -> str:
    if name not in values:
        raise UnfitValue(f"path parameter {name!r} is missing")
    parameter, value = values[name]
    return path_text(_raw(parameter) if slashed else parameter, value)


def _raw(parameter: Parameter) -> Parameter:
    """The parameter of a variable such as `{Key+}`: its value may hold slashes."""
    return Parameter(parameter.name, "path", style="simple", explode=False, raw_slash=True)


# --- query


def _query(template: PathTemplate, arguments: Iterable[Placed], operation: Operation) -> str:
    """The pairs that the path holds already, then the arguments that did not fill one of them."""
    arguments = list(arguments)
    fixed, used = _fixed(template, arguments, operation)
    rest = (
        part
        for parameter, value in arguments
        if (parameter.name not in used and parameter.location == "query") or parameter.location == "querystring"
        for part in _parts(parameter, value, operation)
    )
    return "&".join((*fixed, *rest))


def _fixed(template: PathTemplate, arguments: list[Placed], operation: Operation) -> tuple[list[str], set[str]]:
    given = {p.name: value for p, value in arguments if p.location in ("path", "query") and value is not None}
    queried = {p.name for p, value in arguments if p.location == "query" and value is not None}
    pairs: list[str] = []
    used: set[str] = set()
    for name, value in template.query:
        variables = VARIABLE.findall(value or "")
        if all(variable in given for variable in variables):
            if not variables and name in queried:
                continue
            pairs.append(name if value is None else f"{name}={_filled_text(value, given)}")
            used.update(variables)
        elif missing := [v for v in variables if v not in given and not _is_optional(v, operation)]:
            raise UnfitValue(f"path parameter {missing[0]!r} is missing")
    return pairs, used


def _filled_text(template: str, given: dict[str, Json]) -> str:
    return VARIABLE.sub(lambda match: quote(as_text(given[match[1]]), safe="", errors="replace"), template)


def _is_optional(name: str, operation: Operation) -> bool:
    declared = [parameter for parameter in operation.parameters if parameter.name == name]
    return bool(declared) and not any(parameter.required for parameter in declared)


def _parts(parameter: Parameter, value: Json, operation: Operation) -> Iterator[str]:
    if parameter.location == "querystring":
        if value not in (None, "", {}):
            yield _querystring(parameter, value, operation)
        return
    pairs = query_pairs(parameter, _written(parameter, value, operation))
    yield from (f"{name}={text}" for name, text in pairs)


def _querystring(parameter: Parameter, value: Json, operation: Operation) -> str:
    """`in: querystring`: the whole query as one value. A text is the query itself, unless it is the JSON that the
    operation asks for."""
    media = parameter.content or MediaType(FORM)
    if isinstance(value, str) and not ("json" in media.essence and is_json(value)):
        return query_string(value)
    text = _text_of(parameter, media, value, operation)
    return text if media.essence == FORM else quote(text, safe="")


# --- headers and cookies


def _headers(arguments: Iterable[Placed], operation: Operation) -> dict[str, str]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for parameter, value in arguments:
        if value is None:
            continue
        value = _written(parameter, value, operation)
        if parameter.location == "header":
            headers[parameter.name.lower()] = header_text(parameter, value)
        elif parameter.location == "cookie":
            cookies.append(cookie_text(parameter, value))
    sent = [cookie for cookie in cookies if cookie]
    return {**headers, "cookie": "; ".join(sent)} if sent else headers
