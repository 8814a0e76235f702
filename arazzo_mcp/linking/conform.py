"""A step held against the operation that it calls: what can be known before the first request.

Each rule takes the step and the operation, and gives the step as it is meant with what there is to say: one that only
reports gives the step back as it is. So binding sees clean parameters, and every deviation has been told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from arazzo_mcp.arazzo.model import Parameter, RequestBody, Step
from arazzo_mcp.arazzo.parse_request import BODY_LOCATIONS
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.arazzo.template import Members
from arazzo_mcp.findings import Finding, did_you_mean
from arazzo_mcp.linking.operation_paths import unmarked, variables
from arazzo_mcp.linking.statuses import lenient_status
from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.model import Parameter as Declared

Conformed = tuple[Step, list[Finding]]

_OF_HTTP: Final = frozenset({"accept", "content-type", "authorization"})
"""Header parameters of these names mean nothing: OpenAPI, "Parameter Object", `name`."""


def conform(step: Step, operation: Operation) -> Conformed:
    """A step as its operation needs it, and everything that does not fit."""
    findings: list[Finding] = []
    for rule in _RULES:
        step, found = rule(step, operation)
        findings += found
    return step, findings


# --- where parameters go


def _body_parameters(step: Step, _operation: Operation) -> Conformed:
    """`in: body` is the body itself, `in: formData` a field of it (OpenAPI 2.0); that it is read so has been said."""
    given = [p for p in step.parameters if p.location in BODY_LOCATIONS]
    if not given:
        return step, []
    if step.body is not None or (len(given) > 1 and any(p.location == "body" for p in given)):
        message = f"the step has a request body besides the parameter {given[0].name!r}."
        return step, [Finding("error", "parameter-in", given[0].where, message)]
    whole = given[0].value if given[0].location == "body" else Members(tuple((p.name, p.value) for p in given))
    rest = tuple(p for p in step.parameters if p.location not in BODY_LOCATIONS)
    return replace(step, parameters=rest, body=RequestBody(None, whole, (), given[0].where)), []


def _without_in(step: Step, operation: Operation) -> Conformed:
    return _each(step, lambda parameter: _placed(parameter, operation))


def _placed(parameter: Parameter, operation: Operation) -> tuple[Parameter | None, list[Finding]]:
    """ "in all other scenarios `in` MUST be specified" (Parameter Object); an operation's own says where as well."""
    if parameter.location is not None:
        return parameter, []
    shown = f"parameter {parameter.name!r}"
    places = _places(parameter.name, operation)
    if len(places) == 1:
        found = tolerated("parameter-without-in", parameter.where, f"{shown} is in {places[0]}")
        return replace(parameter, location=places[0]), [found]
    why = f"{operation.key} has it in {' and '.join(places)}" if places else f"{operation.key} has none of that name"
    hint = did_you_mean(parameter.name, [p.name for p in operation.parameters])
    return parameter, [
        Finding("error", "parameter-in", parameter.where, f"{shown} does not say what it is in, and {why}.", hint)
    ]


def _places(name: str, operation: Operation) -> list[str]:
    """Where an operation has parameters of a name."""
    declared = [p.location for p in operation.parameters if p.name == name]
    return list(dict.fromkeys((*declared, *(["path"] if unmarked(name) in variables(operation.path) else []))))


def _misspelled_in_path(step: Step, operation: Operation) -> Conformed:
    """A path parameter whose name differs in case and in `_` and `-` alone from the one variable that is left over."""
    needed = variables(operation.path)
    left = needed - {unmarked(p.name) for p in step.parameters if p.location == "path"}

    def renamed(parameter: Parameter) -> tuple[Parameter | None, list[Finding]]:
        meant = [name for name in left if _plain(name) == _plain(parameter.name)]
        if parameter.location != "path" or unmarked(parameter.name) in needed or len(meant) != 1:
            return parameter, []
        found = tolerated("parameter-spelling", parameter.where, f"parameter {parameter.name!r} is {meant[0]!r}")
        return replace(parameter, name=meant[0]), [found]

    return _each(step, renamed)


def _plain(name: str) -> str:
    return re.sub(r"[_-]", "", name).casefold()


def _not_in_path(step: Step, operation: Operation) -> Conformed:
    """A path parameter that is no variable of the path."""
    needed = _every_variable(operation.path)
    left = needed - {unmarked(p.name) for p in step.parameters if p.location == "path"}

    def moved(parameter: Parameter) -> tuple[Parameter | None, list[Finding]]:
        if parameter.location != "path" or unmarked(parameter.name) in needed or left:
            return parameter, []
        places = [place for place in _places(parameter.name, operation) if place != "path"]
        shown = f"parameter {parameter.name!r} is in path, not in {operation.path}"
        found = tolerated("parameter-not-in-path", parameter.where, shown)
        return (replace(parameter, location=places[0]) if len(places) == 1 else None), [found]

    return _each(step, moved)


def _each(step: Step, rule: Callable[[Parameter], tuple[Parameter | None, list[Finding]]]) -> Conformed:
    """A rule applied to each parameter; None leaves it out."""
    done = [rule(parameter) for parameter in step.parameters]
    kept = tuple(parameter for parameter, _ in done if parameter is not None)
    return replace(step, parameters=kept), [found for _, findings in done for found in findings]


# --- what is missing, or there without being declared


def _missing_in_path(step: Step, operation: Operation) -> Iterator[Finding]:
    given = {unmarked(p.name) for p in step.parameters if p.location in ("path", None)}
    elsewhere = {p.name: p.location for p in step.parameters if p.location != "path"}
    for name in sorted(variables(operation.path) - given):
        message = f"{operation.key} needs the path parameter {name!r}, which the step does not give."
        hint = f"It gives it in {elsewhere[name]}." if name in elsewhere else ""
        spare = did_you_mean(name, given - _every_variable(operation.path))
        hint = hint or spare.replace("Did you mean", "Is it meant by")  # what the step gives is what is misspelt
        yield Finding("error", "missing-path-parameter", step.where, message, hint)


def _missing(step: Step, operation: Operation) -> Iterator[Finding]:
    """Required ones without a value that is known anyhow; credentials join later."""
    given = {_key(p.name, p.location) for p in step.parameters}
    known = {_key(scheme.key, scheme.location) for needed in operation.security for scheme in needed}
    for declared in operation.parameters:
        key = _key(declared.name, declared.location)
        if not declared.required or declared.location == "path" or key in given | known or _is_known(declared):
            continue
        message = f"{operation.key} requires the {declared.location} parameter {declared.name!r}: sent without."
        yield Finding("warning", "missing-parameter", step.where, message)


def _is_known(declared: Declared) -> bool:
    """Whether a required parameter has a value without the step: its default, the only one that it may have, or one
    that HTTP gives."""
    only = declared.schema.get("enum")
    single = "const" in declared.schema or (isinstance(only, list) and len(only) == 1)
    of_http = declared.location == "header" and declared.name.lower() in _OF_HTTP
    return declared.default is not None or single or of_http


def _undeclared(step: Step, operation: Operation) -> Iterator[Finding]:
    """A parameter that the operation does not have is sent as given; what is told is what may be a mistake."""
    declared = {_key(p.name, p.location) for p in operation.parameters}
    in_template = _every_variable(operation.path)
    for p in step.parameters:
        if p.location in ("path", None) or _key(p.name, p.location) in declared or unmarked(p.name) in in_template:
            continue
        shown = f"{operation.key} has no {p.location} parameter {p.name!r}: sent as given."
        if elsewhere := [d.location for d in operation.parameters if d.name == p.name]:
            hint = f"It has one in {elsewhere[0]}."
            yield Finding("warning", "parameter-elsewhere", p.where, shown, hint)
        elif near := get_close_matches(p.name, _not_given(step, operation, p.location), n=1, cutoff=0.8):
            yield Finding("warning", "undeclared-parameter", p.where, shown, f"Did you mean {near[0]!r}?")


def _not_given(step: Step, operation: Operation, location: str | None) -> list[str]:
    given = {_key(p.name, p.location) for p in step.parameters}
    return [d.name for d in operation.parameters if d.location == location and _key(d.name, d.location) not in given]


def _key(name: str, location: str | None) -> tuple[str, str | None]:
    return (name.lower() if location == "header" else name), location


def _every_variable(path: str) -> set[str]:
    """The variables of a path template, those behind its `?` among them."""
    return variables(path.replace("?", "&"))


def _body(step: Step, operation: Operation) -> Iterator[Finding]:
    if step.body is None and operation.body_required:
        yield Finding("warning", "missing-body", step.where, f"{operation.key} requires a request body: sent without.")
    if step.body is not None and not operation.media_types:
        message = f"{operation.key} has no request body: sent as given."
        yield Finding("warning", "undeclared-body", step.body.where, message)


# --- the rules in their order


def _query_besides(step: Step, _operation: Operation) -> Iterator[Finding]:
    """ "The `querystring` location cannot coexist with `query` parameters in the same operation" """
    whole = next((p for p in step.parameters if p.location == "querystring"), None)
    beside = ", ".join(repr(p.name) for p in step.parameters if p.location == "query")
    if whole and beside:
        message = f"parameter {whole.name!r} is the whole query, and {beside} stands beside it."
        yield Finding("warning", "querystring-beside-query", whole.where, message)


def _reports(check: Callable[[Step, Operation], Iterator[Finding]]) -> Callable[[Step, Operation], Conformed]:
    """A rule that leaves the step as it is."""
    return lambda step, operation: (step, list(check(step, operation)))


_RULES: Final[tuple[Callable[[Step, Operation], Conformed], ...]] = (
    _body_parameters,
    _without_in,
    _misspelled_in_path,
    _not_in_path,
    _reports(_missing_in_path),
    _reports(_missing),
    _reports(_query_besides),
    _reports(_undeclared),
    _reports(_body),
    lenient_status,
)
