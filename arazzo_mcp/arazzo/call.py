"""Making a call from a step: its parameters and its body filled in a scope.

"A value that is not there takes its parameter with it; a path cannot do without."
"""

from __future__ import annotations

from collections.abc import Iterable

from arazzo_mcp.arazzo.command import Argument, Body
from arazzo_mcp.arazzo.model import Parameter, RequestBody
from arazzo_mcp.arazzo.payload import FORM, write_payload
from arazzo_mcp.arazzo.replacement import replaced
from arazzo_mcp.arazzo.scope import ABSENT, Scope, Value
from arazzo_mcp.arazzo.template import Unresolved, fill


def arguments_of(parameters: Iterable[Parameter], scope: Scope) -> tuple[Argument, ...]:
    """The arguments that there are.

    Raises:
        Unresolved: a path parameter, or an expression inside a text, has no value.
    """
    filled = ((parameter, _value(parameter, scope)) for parameter in parameters)
    arguments = []
    for parameter, value in filled:
        if parameter.location == "path" and (value is ABSENT or value is None):
            raise Unresolved(f"path parameter {parameter.name!r}")
        if value is not ABSENT:
            arguments.append(Argument(parameter.name, parameter.location or "", value))
    return tuple(arguments)


def _value(parameter: Parameter, scope: Scope) -> Value:
    """A whole query string is a text like a form, in which no value may break out of its place."""
    if parameter.location == "querystring":
        return write_payload(parameter.value, FORM, scope)
    return fill(parameter.value, scope)


def body_of(body: RequestBody | None, scope: Scope) -> Body | None:
    """Request Body Object: the payload evaluated, then the replacements set into it."""
    if body is None:
        return None
    value = {} if body.payload is None else write_payload(body.payload, body.content_type, scope)
    value = replaced(value, body.replacements, scope)
    return None if value is ABSENT else Body(body.content_type, value)
