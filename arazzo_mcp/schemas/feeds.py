"""Where the inputs of a workflow go: which parameters and parts of bodies of which operations they feed.

Knows Arazzo's templates and OpenAPI's operations, and nothing of tools: what is made of it stands in `said.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from arazzo_mcp.arazzo.command import Target
from arazzo_mcp.arazzo.expression import Expression
from arazzo_mcp.arazzo.kind import POINTER
from arazzo_mcp.arazzo.model import Parameter, RequestBody, Step, Workflow
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.arazzo.template import Items, Literal, Members, Selected, Template, Text
from arazzo_mcp.openapi.idempotency import without_need
from arazzo_mcp.openapi.model import MediaType, Operation
from arazzo_mcp.openapi.model import Parameter as ApiParameter
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.openapi.shape import Shapes

_JSON: Final = "application/json"
_NOT_DECLARED: Final = ("accept", "content-type", "authorization")
"""OpenAPI, Parameter Object, `name`: a definition of one of these headers "SHALL be ignored"."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One place that an input goes to.

    input: what follows `$inputs.`; place: in words; schema: of the place, of the input itself only
    where it is `whole` (neither a part of it, nor inside a text); needed: the request cannot do without;
    as_text: any scalar value is the same there as its text.
    """

    input: str
    place: str
    schema: Mapping[str, Json] = field(default_factory=dict)
    whole: bool = False
    needed: bool = False
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template stands in a request: see `Feed`."""

    name: str
    schema: Mapping[str, Json]
    needed: bool
    as_text: bool


class Feeds:
    """The feeds of every step of a description. targets: the operation of each step; apis: by source."""

    def __init__(self, targets: Mapping[tuple[str, str], Target], apis: Mapping[str, OpenApi]) -> None:
        self._targets, self._apis = targets, apis
        self._shapes = {name: _shapes_of(api) for name, api in apis.items()}

    def of(self, workflow: Workflow, step: Step) -> Iterator[Feed]:
        """What goes into the request of a step, with plain schemas; nothing of one that calls no operation."""
        target = self._targets.get((workflow.id, step.id))
        if target is None:
            return
        operation = without_need(self._apis[target.source].operation(target.operation), target.idempotency)
        shapes = self._shapes[target.source]
        for parameter in step.parameters:
            yield from walk(parameter.value, _of_parameter(parameter, operation), shapes)
        if step.body is not None:
            yield from _of_body(step.body, operation, shapes)


def _of_parameter(parameter: Parameter, operation: Operation) -> Place:
    declared = next((one for one in operation.parameters if _is_same(parameter, one)), None)
    name = f"{parameter.name!r} of {operation.key}"
    if declared is None:
        return Place(name, {}, parameter.location == "path", as_text=True)
    schema = dict(declared.schema)
    if declared.description:
        schema["description"] = declared.description
    return Place(name, schema, declared.required or declared.location == "path", as_text=not declared.content)


@lru_cache(maxsize=128)
def _shapes_of(api: OpenApi) -> Shapes:
    """One for all the documents that call an API: it remembers what it has worked out."""
    return Shapes(api)


def _is_same(parameter: Parameter, declared: ApiParameter) -> bool:
    if parameter.location not in (None, declared.location):
        return False
    if declared.location == "header":
        return parameter.name.lower() == declared.name.lower() not in _NOT_DECLARED
    return parameter.name == declared.name


def _of_body(body: RequestBody, operation: Operation, shapes: Shapes) -> Iterator[Feed]:
    media = _media_type(body.content_type, operation)
    as_text = "json" not in media.name.lower()
    place = Place(f"the body of {operation.key}", media.schema, operation.body_required, as_text)
    if body.payload is not None:
        yield from walk(body.payload, place, shapes, top=True)
    for replacement in body.replacements:
        if replacement.kind == POINTER and isinstance(replacement.target, Literal):
            yield from walk(replacement.value, _at(str(replacement.target.value), place, shapes), shapes)


def _media_type(wanted: str | None, operation: Operation) -> MediaType:
    """The one that the step names; else JSON, else the first."""
    declared = {_essence(media.name): media for media in reversed(operation.media_types)}
    if wanted and _essence(wanted) in declared:
        return declared[_essence(wanted)]
    return declared.get(_JSON) or (operation.media_types[0] if operation.media_types else MediaType(wanted or _JSON))


def _essence(name: str) -> str:
    return name.partition(";")[0].strip().lower()


def _at(pointer: str, place: Place, shapes: Shapes) -> Place:
    """The place within a body that a JSON pointer names."""
    inner = Place(place.name, place.schema, True, place.as_text)
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        is_index = name.isdigit() or name == "-"
        inner = _element(inner, shapes, False) if is_index else _member(inner, name, shapes, inner.needed)
    return inner


def _member(place: Place, name: str, shapes: Shapes, needed: bool) -> Place:
    schema, required = shapes.member(place.schema, name)
    return Place(f"{name!r} in {place.name}", schema, needed and required, place.as_text)


def _element(place: Place, shapes: Shapes, needed: bool) -> Place:
    return Place(place.name, shapes.element(place.schema), needed, place.as_text)


def walk(template: Template, place: Place, shapes: Shapes, *, top: bool = False) -> Iterator[Feed]:
    """Every input in a template. top: it is the whole body, whose members are needed even where a body is not: this
    step sends one."""
    match template:
        case Expression(root="inputs"):
            yield from _of_expression(template, place, shapes)
        case Selected(context=Expression(root="inputs") as context):
            yield from (replace(feed, schema={}, whole=False) for feed in _of_expression(context, place, shapes))
        case Text(parts):
            inside = dict.fromkeys(part for part in parts if isinstance(part, Expression) and part.root == "inputs")
            found = (feed for part in inside for feed in _of_expression(part, place, shapes))
            yield from (replace(feed, schema={}, whole=False, needed=True) for feed in found)
        case Members(members):
            for name, item in members:
                yield from walk(item, _member(place, name, shapes, top or place.needed), shapes)
        case Items(items):
            for item in items:
                is_sent = isinstance(item, Members | Items)  # an absent element leaves no hole
                yield from walk(item, _element(place, shapes, is_sent and place.needed), shapes)
        case _:
            return


def _of_expression(expression: Expression, place: Place, shapes: Shapes) -> Iterator[Feed]:
    """`$inputs.a`, a part of one (`$inputs.a#/b`), `$inputs#/a`, or all inputs as the members of a body."""
    pointer = tuple(filter(None, (expression.pointer or "").split("/")))
    names = (*expression.names, *pointer)
    if len(names) == 1:
        yield Feed(names[0], place.name, shapes.plain(place.schema), True, place.needed, place.as_text)
    elif names:
        yield Feed(names[0], place.name, needed=place.needed)
    else:
        for name in shapes.plain(place.schema).get("properties", {}):
            yield from _of_expression(replace(expression, names=(name,)), _member(place, name, shapes, True), shapes)
