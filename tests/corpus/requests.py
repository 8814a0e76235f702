"""Whether a request is what its OpenAPI description asks for, judged apart from the package.

What the document itself does not give, or gives as a constant that does not fit, is told apart from what the package
made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import UnknownType, ValidationError
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable

from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.model import Step, Workflow
from arazzo_mcp.arazzo.template import Items, Literal, Members, Template
from arazzo_mcp.openapi.model import Request
from tests.corpus.description import Api, Node, mapping


@dataclass(frozen=True)
class Fault:
    """What is wrong with a request, and whether the document says so: it is not the package that made it wrong."""

    what: str
    said: bool


def faults(api: Api, key: str, workflow: Workflow, step: Step, request: Request) -> Iterator[Fault]:
    """Everything in which a request differs from what its operation asks for."""
    asked = api.asked(key)
    yield from _url(request)
    for parameter in asked.parameters:
        yield from _parameter(parameter, step, request)
    if request.content is None:
        if asked.body_required:
            yield Fault("the body that the operation requires is missing", step.body is None)
        return
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    schema = next((s for name, s in asked.bodies.items() if name.partition(";")[0].strip().lower() == sent), None)
    if schema is None and "*/*" not in asked.bodies:
        named = step.body is not None and step.body.content_type is not None
        yield Fault(f"a body of type {sent} is not declared ({', '.join(asked.bodies)})", named or not asked.bodies)
        return
    yield from _body(api, schema or {}, workflow, step, request, sent)


def _url(request: Request) -> Iterator[Fault]:
    parts = urlsplit(request.url)
    if not re.fullmatch(r"https?", parts.scheme) or not parts.netloc:
        yield Fault(f"{request.url!r} is no absolute URL", False)
    if re.search(r"[{}\s]", parts.path):
        yield Fault(f"the path {parts.path!r} holds a variable that was not filled", False)


def _parameter(parameter: Node, step: Step, request: Request) -> Iterator[Fault]:
    """A required one must be there; an object in the query may stand under its members' names."""
    name, location = str(parameter.get("name")), parameter.get("in")
    if not parameter.get("required") or location not in ("query", "header"):
        return
    kind = mapping(parameter.get("schema")).get("type")
    if location == "header":
        there = name.lower() in request.headers or name.lower() in ("accept", "content-type", "authorization")
    else:
        names = [pair[0] for pair in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)]
        there = any(one == name or one.startswith(f"{name}[") for one in names) or kind == "object"
    if not there:
        given = any(p.name.lower() == name.lower() for p in step.parameters)
        yield Fault(f"the required {location} parameter {name!r} is missing", not given)


# --- bodies


def _body(api: Api, schema: Any, workflow: Workflow, step: Step, request: Request, media: str) -> Iterator[Fault]:
    content = request.content or b""
    if "json" in media:
        try:
            value = json.loads(content)
        except ValueError:
            yield Fault("the body is no JSON", False)
            return
        for error in _errors(api, schema, value):
            yield Fault(f"body{error.json_path[1:]}: {error.message[:100]}", _said(error, workflow, step))
    elif media == "application/x-www-form-urlencoded":
        names = {name.partition("[")[0] for name, _ in parse_qsl(content.decode(), keep_blank_values=True)}
        required = api.resolve(schema).get("required") or ()
        payload = _payload(step)
        members = dict(payload.members) if isinstance(payload, Members) else {}
        for name in (one for one in required if one not in names):
            yield Fault(f"the form field {name!r} is missing", name not in members)


def _errors(api: Api, schema: Any, value: Any) -> list[ValidationError]:
    """Against the schema within its document, so that references lead where they do there."""
    document = {key: inner for key, inner in api.data.items() if key in ("components", "definitions", "paths")}
    try:
        return list(_VALIDATOR({**document, "allOf": [schema]}).iter_errors(value))
    except (Unresolvable, UnknownType, RecursionError):
        return []


def _said(error: ValidationError, workflow: Workflow, step: Step) -> bool:
    """Whether the document gives no value there, a constant, or an input that it declares of another type."""
    place = list(error.absolute_path)
    if error.validator in ("required", "minProperties", "oneOf", "anyOf", "additionalProperties", "not"):
        return _is_written(_payload(step), place, error)
    template = _at(_payload(step), place)
    if isinstance(template, Expression) and template.root == "inputs" and template.names:
        declared = mapping(mapping(workflow.inputs.get("properties")).get(template.names[0]))
        return not _convertible(declared.get("type"), error)
    return True


def _is_written(payload: Template | None, place: list[str | int], error: ValidationError) -> bool:
    """A property that the document does write and that is not in the request has been lost on the way."""
    template = _at(payload, place)
    if error.validator != "required" or not isinstance(template, Members):
        return True
    return not any(repr(name) in error.message for name, _ in template.members)


def _convertible(declared: Any, error: ValidationError) -> bool:
    """A text of a number can be made into one; a text cannot be made into an object that nobody described."""
    return (
        declared == "string" and error.validator == "type" and error.validator_value in ("integer", "number", "boolean")
    )


def _payload(step: Step) -> Template | None:
    return step.body.payload if step.body else None


def _at(template: Template | None, place: list[str | int]) -> Template | None:
    for part in place:
        if isinstance(template, Members):
            template = dict(template.members).get(str(part))
        elif isinstance(template, Items) and isinstance(part, int) and part < len(template.items):
            template = template.items[part]
        elif not isinstance(template, Expression):
            return Literal(None) if isinstance(template, Literal) else None
    return template


# --- JSON Schema as OpenAPI writes it

_Rule = Callable[..., Any]


def _nullable(rule: _Rule) -> _Rule:
    """OpenAPI 3.0: `nullable: true` allows null beside what the other words say."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if instance is None and schema.get("nullable"):
            return
        yield from rule(validator, value, instance, schema) or ()

    return checked


def _numeric(rule: _Rule) -> _Rule:
    """OpenAPI 3.0: `exclusiveMinimum` is a boolean."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not isinstance(value, bool):
            yield from rule(validator, value, instance, schema) or ()

    return checked


def _tolerant(rule: _Rule) -> _Rule:
    """A word that published schemas misuse (`required: true`, patterns of another dialect) says nothing."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        try:
            yield from list(rule(validator, value, instance, schema) or ())
        except (TypeError, re.error):
            return

    return checked


_RULES: Final[dict[str, Any]] = dict(Draft202012Validator.VALIDATORS)
_VALIDATOR: Final[Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "type": _nullable(_RULES["type"]),
        "enum": _nullable(_RULES["enum"]),
        "exclusiveMinimum": _numeric(_RULES["exclusiveMinimum"]),
        "exclusiveMaximum": _numeric(_RULES["exclusiveMaximum"]),
        "required": _tolerant(_RULES["required"]),
        "pattern": _tolerant(_RULES["pattern"]),
    },
)
