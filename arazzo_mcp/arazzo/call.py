"""Making a call from a step: its parameters and its body filled in a scope.

"A value that is not there takes its parameter with it; a path cannot do without."
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from jsonpointer import JsonPointerException, set_pointer

from arazzo_mcp.arazzo.command import Argument, Body
from arazzo_mcp.arazzo.model import Parameter, RequestBody
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope
from arazzo_mcp.arazzo.template import Template, Text, Unresolved, fill

_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*"')


def arguments_of(parameters: Iterable[Parameter], scope: Scope) -> tuple[Argument, ...]:
    """The arguments that there are.

    Raises:
        Unresolved: a path parameter, or an expression inside a text, has no value.
    """
    filled = ((parameter, fill(parameter.value, scope)) for parameter in parameters)
    arguments = []
    for parameter, value in filled:
        if parameter.location == "path" and (value is ABSENT or value is None):
            raise Unresolved(f"path parameter {parameter.name!r}")
        if value is not ABSENT:
            arguments.append(Argument(parameter.name, parameter.location or "", value))
    return tuple(arguments)


def body_of(body: RequestBody | None, scope: Scope) -> Body | None:
    """Request Body Object: the payload evaluated, then the replacements set into it."""
    if body is None:
        return None
    value = {} if body.payload is None else _payload(body.payload, scope)
    if body.replacements and isinstance(value, str):
        value = _structure(value)
    for replacement in body.replacements:
        value = _replaced(value, replacement.target, fill(replacement.value, scope))
    return None if value is ABSENT else Body(body.content_type, value)


def _payload(payload: Template, scope: Scope) -> Json:
    """A JSON text with expressions inside: within quotes values are escaped, so that none breaks out."""
    if not isinstance(payload, Text) or not str(payload.parts[0]).lstrip().startswith(("{", "[")):
        return fill(payload, scope)
    written = ""
    for part in payload.parts:
        shown = part if isinstance(part, str) else str(fill(Text((part,)), scope))
        within = not isinstance(part, str) and len(_QUOTE.findall(written)) % 2
        written += json.dumps(shown, ensure_ascii=False)[1:-1] if within else shown
    return written


def _structure(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _replaced(payload: Json, pointer: str, value: Json) -> Json:
    if value is ABSENT:
        return payload
    try:
        return set_pointer(payload, pointer, value, inplace=False)
    except (JsonPointerException, TypeError) as error:
        raise Unresolved(f"payload replacement target {pointer!r}", f"is not in the payload: {error}") from None
