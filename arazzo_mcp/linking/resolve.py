"""Which operation a step calls: its `operationId` or `operationPath` looked up in the sources.

Arazzo 1.1.0, "Step Object". An id is tried as a whole first, as ids may hold dots. What is written otherwise than the
specification says is accepted where exactly one operation can be meant, and a finding says so; where several
can be meant nothing is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

from arazzo_mcp.arazzo.model import OperationId, OperationPath, Step
from arazzo_mcp.arazzo.quirks import tolerated
from arazzo_mcp.findings import Finding, Where, did_you_mean
from arazzo_mcp.linking.apis import Apis
from arazzo_mcp.linking.operation_paths import pointer_of, referred, spelled, unmarked, variables
from arazzo_mcp.openapi.parse import METHODS, Entry, OpenApi

_EXPRESSION: Final = "$sourceDescriptions."
_METHOD_AND_PATH: Final = re.compile(rf"(?i:({'|'.join(METHODS)}))\s+(/\S*)")
_WITH_BODY: Final = ("POST", "PUT", "PATCH")


class Line(NamedTuple):
    """An operation in the index of a source."""

    source: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Resolved:
    """The operation that a step calls, None where there is none or more than one, and what there is to say of it."""

    line: Line | None
    findings: tuple[Finding, ...] = ()


class _NoOperation(Exception):
    """No operation, and why."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.hint = code, hint


def resolve(step: Step, apis: Apis) -> Resolved:
    """The operation of a step; of one that calls a workflow there is none, and nothing to say."""
    match step.call:
        case OperationId(text, where):
            search = _Search(step, apis, where)
            return search.done(lambda: search.by_id(text))
        case OperationPath(text, where):
            search = _Search(step, apis, where)
            return search.done(lambda: search.by_path(text))
        case _:
            return Resolved(None)


class _Search:
    """The search for one step's operation. `bent` gathers the tolerances that it takes, by code."""

    def __init__(self, step: Step, apis: Apis, where: Where) -> None:
        self.step, self.apis, self.where = step, apis, where
        self.bent: dict[str, str] = {}

    def done(self, look: Callable[[], Line]) -> Resolved:
        try:
            line = look()
        except _NoOperation as why:
            return Resolved(None, (Finding("error", why.code, self.where, str(why), why.hint),))
        return Resolved(line, tuple(tolerated(code, self.where, what) for code, what in self.bent.items()))

    def bend(self, code: str, what: str) -> None:
        self.bent.setdefault(code, what)

    # --- operationId

    def by_id(self, text: str) -> Line:
        """Whole string first, then with a source before it, then what differs in its spelling alone."""
        name = _unbraced(text)
        if name != text:
            self.bend("operation-id-form", f"operationId {text!r}")
        if whole := self._with_id(name, self.apis.open):
            if len(self.apis.url) - len(self.apis.of_workflows) > 1:
                self.bend("bare-operation-id", f"operationId {text!r}")
            return self._the_one(name, whole)
        source, rest = self._named_source(name)
        if source is not None and not name.startswith(_EXPRESSION):
            self.bend("operation-id-form", f"operationId {text!r}")
        sources = self.apis.open if source is None else [source]
        found = self._with_id(rest, sources) or self._nearly(rest, sources)
        if not found:
            raise self._unknown_id(rest, source)
        return self._the_one(rest, found)

    def _named_source(self, name: str) -> tuple[str | None, str]:
        """The source that stands before an id, and the id; names of sources may hold dots as well."""
        rest = name.removeprefix(_EXPRESSION)
        source = self._longest(rest)
        if source is None and rest == name:
            return None, name
        source = rest.partition(".")[0] if source is None else source
        if rest != name or source in self.apis.asyncapi:
            self._must_be_open(source)
        return (source, rest[len(source) + 1 :]) if source in self.apis.open else (None, name)

    def _longest(self, text: str) -> str | None:
        return max((name for name in self.apis.url if text.startswith(f"{name}.")), key=len, default=None)

    def _with_id(self, name: str, sources: Iterable[str]) -> list[Line]:
        return [Line(source, entry) for source in sources for entry in self.apis.open[source].by_id.get(name, ())]

    def _nearly(self, name: str, sources: Iterable[str]) -> list[Line]:
        """An id that is percent-encoded, or differs in case alone."""
        sources = list(sources)
        if found := self._with_id(unquote(name), sources):
            self.bend("operation-id-form", f"operationId {name!r}")
            return found
        every = [known for source in sources for known in self.apis.open[source].by_id]
        same = [known for known in every if known.casefold() == name.casefold()]
        if len(same) == 1:
            self.bend("operation-id-case", f"operationId {name!r} is {same[0]!r}")
            return self._with_id(same[0], sources)
        return []

    def _unknown_id(self, name: str, source: str | None) -> _NoOperation:
        channel = next((one for one, known in self.apis.asyncapi.items() if name in known), None)
        if source is None and channel is not None:
            return _of_channels(channel)
        sources = self.apis.open if source is None else [source]
        hint = did_you_mean(name, [known for api in sources for known in self.apis.open[api].by_id])
        if source is None and self.apis.unread:
            why = " ".join(_unread(one, reason) for one, reason in sorted(self.apis.unread.items()))
            message = f"there is no operation {name!r} in what could be read: {why}"
            return _NoOperation("source-not-found", message, hint)
        unseen = next((one for one, known in self.apis.asyncapi.items() if not known), None)
        if source is None and unseen is not None:
            return _of_channels(unseen)
        where = f"source {source!r}" if source is not None else "the sources"
        return _NoOperation("unknown-operation", f"there is no operation {name!r} in {where}.", hint)

    def _the_one(self, name: str, found: list[Line]) -> Line:
        """Of operations with one id in one source, the one that the step fits."""
        if len(found) > 1 and len({line.source for line in found}) == 1:
            fitting = list(_fitting(self.step, found, self.apis.open[found[0].source]))
            if len(fitting) == 1:
                self.bend("duplicate-operation-id", f"operationId {name!r} is {fitting[0].entry.key}")
                return fitting[0]
            found = fitting or found
        if len(found) > 1:
            raise _ambiguous(f"operationId {name!r}", found)
        return found[0]

    def _must_be_open(self, source: str) -> None:
        if source in self.apis.open:
            return
        if source in self.apis.asyncapi:
            raise _of_channels(source)
        if source in self.apis.unread:
            raise _NoOperation("source-not-found", _unread(source, self.apis.unread[source]))
        if source in self.apis.url:
            raise _NoOperation(
                "not-openapi", f"source {source!r} holds workflows, not operations.", "Use a workflowId."
            )
        raise _NoOperation("unknown-source", f"there is no source {source!r}.", did_you_mean(source, self.apis.url))

    # --- operationPath

    def by_path(self, text: str) -> Line:
        """A source and a pointer; without a `#` what else may name an operation."""
        head, hash_, pointer = text.strip().partition("#")
        if not hash_:
            return self._dialect(text.strip())
        source = self._source_of(head.strip(), text)
        self._must_be_open(source)
        return Line(source, self._at(source, pointer))

    def _source_of(self, head: str, text: str) -> str:
        name, braced = re.subn(r"^\{(.*)\}$", r"\1", head)
        path = name.removeprefix(_EXPRESSION)
        if braced and path != name and path.endswith(".url"):
            return path.removesuffix(".url")
        self.bend("operation-path-form", f"operationPath {text!r}")
        if not name:
            return self._only_source()
        known = [one for one, url in self.apis.url.items() if name == url]
        return known[0] if len(known) == 1 and path not in self.apis.url else self._without_url(path)

    def _without_url(self, path: str) -> str:
        return path if path in self.apis.url else path.removesuffix(".url")

    def _only_source(self) -> str:
        sources = [*self.apis.open, *self.apis.unread]
        if len(sources) != 1:
            raise _NoOperation("unknown-source", "the operationPath names no source.", _WRITE)
        return sources[0]

    def _at(self, source: str, pointer: str) -> Entry:
        api = self.apis.open[source]
        entry = api.at_pointer(unquote(pointer))
        if entry is not None and pointer_of(entry) == unquote(pointer):
            return entry
        found = list(dict.fromkeys((*spelled(api, pointer), *referred(api, pointer))))
        if len(found) == 1:
            if not list(referred(api, pointer)):
                self.bend("operation-pointer-form", f"operationPath {pointer!r} is {found[0].key}")
            return found[0]
        if found:
            raise _ambiguous(f"operationPath {pointer!r}", [Line(source, entry) for entry in found])
        hint = did_you_mean(pointer, map(pointer_of, api.entries))
        raise _NoOperation("unknown-operation", f"there is no operation at {pointer!r} in source {source!r}.", hint)

    def _dialect(self, text: str) -> Line:
        """`METHOD /path`, a bare path, or an operationId in the wrong field."""
        found = list(dict.fromkeys(self._as_words(_unbraced(text))))
        if len(found) > 1:
            raise _ambiguous(f"operationPath {text!r}", found)
        if not found:
            raise _NoOperation("operation-path", f"{text!r} names no operation.", _WRITE)
        self.bend("operation-path-dialect", f"operationPath {text!r} is {found[0].entry.key}")
        return found[0]

    def _as_words(self, text: str) -> Iterator[Line]:
        match = _METHOD_AND_PATH.fullmatch(text)
        source, rest = self._named_source(text)
        for name, api in self.apis.open.items():
            if match:
                yield from (Line(name, e) for e in api.entries if e.key == f"{match[1].upper()} {match[2]}")
            elif text.startswith("/"):
                yield from (Line(name, e) for e in spelled(api, text))
        if not match and not text.startswith("/"):
            yield from self._with_id(rest, self.apis.open if source is None else [source])


_WRITE: Final = "Write {$sourceDescriptions.<name>.url}#/paths/~1things/get."


def _unread(source: str, why: str) -> str:
    return f"source {source!r} could not be read{f': {why}' if why else ''}."


def _ambiguous(what: str, found: Iterable[Line]) -> _NoOperation:
    which = ", ".join(f"{line.source}: {line.entry.key}" for line in found)
    return _NoOperation("ambiguous-operation", f"{what} is not unique: {which}.")


def _of_channels(source: str) -> _NoOperation:
    what = f"the step uses a channel of the AsyncAPI source {source!r}: such steps are not served."
    return _NoOperation("asyncapi", what)


def _unbraced(text: str) -> str:
    return text[1:-1] if text.startswith("{$") and text.endswith("}") else text


def _fitting(step: Step, lines: Iterable[Line], api: OpenApi) -> Iterator[Line]:
    """Those whose path uses what the step gives, as much of it as any and nothing else, and that take its body."""
    given = {unmarked(parameter.name) for parameter in step.parameters if parameter.location in ("path", None)}
    lines = [line for line in lines if variables(line.entry.path) <= given]
    most = max((len(variables(line.entry.path)) for line in lines), default=0)
    for line in lines:
        operation = api.operation(line.entry.key)
        takes = bool(operation.media_types) or line.entry.method in _WITH_BODY
        if len(variables(line.entry.path)) == most and (takes if step.body else not operation.body_required):
            yield line
