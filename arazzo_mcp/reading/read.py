"""A document and everything that it was read with, and the same as one text that a run is pinned to.

A document's OpenAPI sources are texts; its sources of type arazzo are documents that have been read in the same way.
In a snapshot all of them stand flat, by the path of source names that leads to them: `shop`, `more`, `more/shop`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from arazzo_mcp.arazzo.model import Description, Source
from arazzo_mcp.arazzo.parse import parse
from arazzo_mcp.errors import DocumentError
from arazzo_mcp.findings import Finding
from arazzo_mcp.reading.documents import Text, parse_with_lines, read_text
from arazzo_mcp.reading.locate import Identities, Locator
from arazzo_mcp.reading.parts import own_parts, read_parts

MOST_DOCUMENTS: Final = 8
"""How deep documents may use one another."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as it was read: what it describes, what was found in it, and its sources."""

    text: Text
    description: Description
    findings: tuple[Finding, ...]
    sources: Mapping[str, Text] = field(default_factory=dict)
    others: Mapping[str, Reading] = field(default_factory=dict)

    def texts(self, path: str = "") -> Iterator[tuple[str, Text]]:
        """Every text but its own, by the path of source names that leads to it."""
        yield from ((path + name, text) for name, text in self.sources.items())
        for name, other in self.others.items():
            yield path + name, other.text
            yield from other.texts(f"{path}{name}/")

    def source_names(self) -> frozenset[str]:
        """The names of all sources, its own and those of the descriptions that it uses."""
        return frozenset(self.description.sources).union(*(other.source_names() for other in self.others.values()))

    def workflow_names(self) -> frozenset[str]:
        """The ids of its own workflows, those that cannot be served among them."""
        return frozenset((*self.description.workflows, *self.description.refused))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The text of everything that a description was linked from, and the settings that are about it, so that a run
    never changes under its feet."""

    document: Text
    sources: Mapping[str, Text]
    servers: Mapping[str, str]
    server_variables: Mapping[str, str] = field(default_factory=dict)
    idempotency: Mapping[str, str] = field(default_factory=dict)
    cancel: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What names it: SHA-256 over the names and the SHA-256 of all that is in it."""
        texts = {"": self.document, **self.sources}
        parts = [[name, text.file, text.digest] for name, text in sorted(texts.items())]
        settings = [sorted(self.servers.items()), sorted(self.server_variables.items())]
        return sha256(json.dumps([parts, settings, *self._rare().items()]).encode()).hexdigest()

    def _rare(self) -> dict[str, dict[str, str]]:
        """Settings that leave no trace where they are not used: what was pinned before they came keeps its digest."""
        rare = {"idempotency": self.idempotency, "cancel": self.cancel}
        return {name: dict(sorted(values.items())) for name, values in rare.items() if values}

    def to_json(self) -> str:
        """One JSON text with everything in it."""
        return json.dumps(
            {
                "document": [self.document.file, self.document.text],
                "sources": {name: [text.file, text.text] for name, text in sorted(self.sources.items())},
                "servers": dict(sorted(self.servers.items())),
                "variables": dict(sorted(self.server_variables.items())),
                **self._rare(),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """The inverse of `to_json`."""
        data = json.loads(text)
        sources = {name: Text(*pair) for name, pair in data["sources"].items()}
        rare = (data.get(name, {}) for name in ("variables", "idempotency", "cancel"))
        return cls(Text(*data["document"]), sources, data["servers"], *rare)

    def reading(self) -> Reading:
        """The documents, read again.

        Raises:
            DocumentError: one of them cannot be read any more.
        """
        return self._reading(self.document, "")

    def _reading(self, text: Text, path: str) -> Reading:
        description, findings = parse(parse_with_lines(text))
        if description is None:
            raise DocumentError("the pinned document is no Arazzo description", findings)
        pinned = {name: self.sources[path + name] for name in description.sources if path + name in self.sources}
        arazzo = {name for name in pinned if description.sources[name].type == "arazzo"}
        others = {name: self._reading(pinned[name], f"{path}{name}/") for name in arazzo}
        sources = {name: text for name, text in pinned.items() if name not in arazzo}
        own = {key.removeprefix(path): text for key, text in self.sources.items() if key.startswith(path)}
        sources |= {key: text for name in sources for key, text in own_parts(name, own)}
        return Reading(text, description, tuple(findings), sources, others)


def read(file: Path, overrides: Mapping[str, Path], identities: Identities, roots: Sequence[Path]) -> Reading:
    """A document with its sources, and the files below `roots` that these are made of.

    Raises:
        DocumentError: it is no Arazzo description; the findings say why. A source that cannot be read is a finding.
    """
    return _Reader(overrides, identities, roots).read(file.absolute(), ())


class _Reader:
    def __init__(self, overrides: Mapping[str, Path], identities: Identities, roots: Sequence[Path]) -> None:
        self.overrides, self.identities, self.roots = overrides, identities, roots

    def read(self, file: Path, inside: tuple[Path, ...]) -> Reading:
        """inside: the documents that this one is read for."""
        text = read_text(file)
        description, findings = parse(parse_with_lines(text))
        if description is None:
            raise DocumentError(f"{file} is no Arazzo description", findings)
        locator = Locator(file, description.self_uri, self.overrides, self.identities)
        sources: dict[str, Text] = {}
        others: dict[str, Reading] = {}
        for source in description.sources.values():
            place, found = locator.find(source)
            findings += [found] if found else []
            if place is None:
                continue
            try:
                if source.type == "arazzo":
                    others[source.name] = self._other(source, place, (*inside, file))
                else:
                    sources[source.name] = read_text(place)
                    parts, dangling = read_parts(source, place, sources[source.name], self.roots)
                    sources |= parts
                    findings += dangling
            except DocumentError as error:
                findings += [_at(source, place, one) for one in error.findings]
        return Reading(text, description, tuple(findings), sources, others)

    def _other(self, source: Source, place: Path, inside: tuple[Path, ...]) -> Reading:
        if len(inside) > MOST_DOCUMENTS or place.resolve() in {file.resolve() for file in inside}:
            message = f"source {source.name!r} leads back to a document that uses this one, or too far away from it."
            raise DocumentError(message, [Finding("error", "source-cycle", source.where, message)])
        return self.read(place.absolute(), inside)


def _at(source: Source, place: Path, finding: Finding) -> Finding:
    """A finding in a source, shown where the document names the source; it spoils what needs that source."""
    shown = f"{finding.where.file}:{finding.where.line}" if finding.where.line else str(place)
    message = finding.message if finding.where == source.where else f"{shown}: {finding.message}"
    return replace(finding, where=source.where, message=message, workflow="*")
