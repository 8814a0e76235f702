"""Credentials: a security scheme and the environment -> what to add to a request.

Values are read from the environment when they are needed and are handed to `http.py` only; they are in no state, store,
log or expression. Which variable holds a scheme's value, first that is set: the settings' binding for
`source.scheme`, the variable that the description names (`x-arazzo-mcp-env`, or `$NAME` in its text), and
`ARAZZO_<SOURCE>_<SCHEME>`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from arazzo_mcp.openapi.model import Operation, Requirement, SecurityScheme


@dataclass(frozen=True, slots=True)
class Additions:
    """What authentication adds to a request. Its repr shows no value."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Needed:
    """A credential that a request needs: its scheme, the variable that holds its value or would, whether it is set."""

    source: str
    scheme: SecurityScheme
    variable: str
    is_set: bool


class Credentials:
    """The credentials of all sources.

    bindings: `source.scheme` or `scheme` -> name of an environment variable.
    """

    def __init__(self, environ: Mapping[str, str], bindings: Mapping[str, str] | None = None) -> None:
        self._environ = environ
        self._bindings = dict(bindings or {})

    def variables(self, source: str, scheme: SecurityScheme) -> tuple[str, ...]:
        """The environment variables that may hold a scheme's value, best first."""
        bound = self._bindings.get(f"{source}.{scheme.name}") or self._bindings.get(scheme.name)
        generic = re.sub(r"[^A-Z0-9]+", "_", f"ARAZZO_{source}_{scheme.name}".upper())
        return tuple(name for name in (bound, scheme.variable, generic) if name)

    def additions(self, operation: Operation, given: Mapping[str, str]) -> Additions:
        """What to add to a request of this operation; nothing for what the step gives itself in a header."""
        for requirement in operation.security:
            if all(self._value(operation.source, scheme) or _is_given(scheme, given) for scheme in requirement):
                return self._join(operation.source, requirement, given)
        return Additions()

    def advice(self, operation: Operation, given: Mapping[str, str]) -> str:
        """What to set where an operation needs a credential and none is there; empty where nothing is missing."""
        if operation.anonymous or not operation.security:
            return ""
        ready = (
            all(self._value(operation.source, scheme) or _is_given(scheme, given) for scheme in requirement)
            for requirement in operation.security
        )
        if any(ready):
            return ""
        source, scheme = operation.source, operation.security[0][0]
        return f"no credential is set for {source}.{scheme.name}: set {self.variables(source, scheme)[0]}"

    def needed(self, operation: Operation, given: Container[str]) -> tuple[Needed, ...]:
        """The credentials that join a request, or would if they were set; none for a header that the step gives.

        given: the names of the step's own headers, lower case.
        """
        source = operation.source
        ready = (r for r in operation.security if all(self._value(source, s) or _is_given(s, given) for s in r))
        first = () if operation.anonymous or not operation.security else operation.security[0]
        chosen = next(ready, first)
        return tuple(self._needed(source, s) for s in chosen if not _is_given(s, given))

    def _needed(self, source: str, scheme: SecurityScheme) -> Needed:
        names = self.variables(source, scheme)
        found = next((name for name in names if self._environ.get(name, "").strip()), None)
        return Needed(source, scheme, found or names[0], found is not None)

    def stand_in(self, values: Mapping[str, str]) -> Credentials:
        """The same bindings with other values of the variables: to show where a credential goes, not what it is."""
        return Credentials(values, self._bindings)

    def _value(self, source: str, scheme: SecurityScheme) -> str:
        found = (self._environ.get(name, "").strip() for name in self.variables(source, scheme))
        return next((value for value in found if value), "")

    def _join(self, source: str, requirement: Requirement, given: Mapping[str, str]) -> Additions:
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        cookies: dict[str, str] = {}
        places = {"header": headers, "query": query, "cookie": cookies}
        for scheme in requirement:
            value = self._value(source, scheme)
            if value and not _is_given(scheme, given):
                where = places.get(scheme.location, headers) if scheme.kind == "apiKey" else headers
                where[_key(scheme)] = _shown(scheme, value)
        return Additions(headers, {k: quote(v, safe="") for k, v in query.items()}, cookies)


def _key(scheme: SecurityScheme) -> str:
    return scheme.key if scheme.kind == "apiKey" else "Authorization"


def _is_given(scheme: SecurityScheme, given: Container[str]) -> bool:
    in_header = scheme.kind != "apiKey" or scheme.location == "header"
    return in_header and _key(scheme).lower() in given


def _shown(scheme: SecurityScheme, value: str) -> str:
    """The value as it goes out. A prefix that the variable holds already is not put twice."""
    if scheme.kind == "apiKey":
        return value if value.startswith(scheme.prefix) else f"{scheme.prefix}{value}"
    if scheme.kind == "http" and scheme.scheme == "basic":
        return "Basic " + base64.b64encode(value.encode()).decode()
    if not scheme.scheme and " " in value:  # the scheme is not known from the description: the value has its own
        return value
    prefix = "Bearer " if scheme.scheme in ("", "bearer") else f"{scheme.scheme.capitalize()} "
    return value if value.lower().startswith(prefix.lower()) else f"{prefix}{value}"
