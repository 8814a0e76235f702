"""An OpenAPI description as it is written, read apart from the package: what an operation asks for and what it answers.

Versions 2.0 to 3.2. Knows nothing of workflows; the package's own binding is what is tested with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

Node = dict[str, Any]
_MOST_REFERENCES: Final = 32


@dataclass(frozen=True)
class Answer:
    """A declared response: its status as written, the schema for each media type, its examples, and its headers."""

    status: str
    content: Mapping[str, Any]
    examples: Mapping[str, Any]
    headers: Mapping[str, Node]


@dataclass(frozen=True)
class Asked:
    """What an operation asks for: its parameters without the body, and the schema of the body for each media type."""

    parameters: tuple[Node, ...]
    bodies: Mapping[str, Any]
    body_required: bool


@dataclass
class Api:
    """One description's plain data."""

    data: Node
    _operations: dict[str, tuple[Node, Node]] = field(default_factory=dict)

    def resolve(self, node: Any) -> Node:
        """An object with the `$ref` at its root followed; empty where it leads nowhere."""
        for _ in range(_MOST_REFERENCES):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._target(reference)
        return {}

    def _target(self, reference: str) -> Any:
        if not reference.startswith("#"):
            return {}
        here: Any = self.data
        for part in unquote(reference[1:]).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(here, dict):
                here = here.get(name)
            elif isinstance(here, list) and name.isdigit() and int(name) < len(here):
                here = here[int(name)]
            else:
                return {}
        return here

    def nodes(self, key: str) -> tuple[Node, Node]:
        """The path item and the operation of a key such as `GET /things/{id}`."""
        method, _, path = key.partition(" ")
        item = self.resolve(mapping(self.data.get("paths")).get(path))
        return item, mapping(item.get(method.lower()) or mapping(item.get("additionalOperations")).get(method))

    def asked(self, key: str) -> Asked:
        """What an operation asks for."""
        item, node = self.nodes(key)
        found: dict[tuple[str, str], Node] = {}
        for value in (*(item.get("parameters") or ()), *(node.get("parameters") or ())):
            parameter = self.resolve(value)
            found[str(parameter.get("name")), str(parameter.get("in"))] = parameter
        plain = [self._with_schema(p) for p in found.values() if p.get("in") not in ("body", "formData")]
        bodies, required = self._bodies(node, list(found.values()))
        return Asked(tuple(plain), bodies, required)

    @staticmethod
    def _with_schema(parameter: Node) -> Node:
        """OpenAPI 2.0 writes a parameter's schema into the parameter itself."""
        return parameter if "schema" in parameter or "content" in parameter else {**parameter, "schema": parameter}

    def _bodies(self, node: Node, parameters: list[Node]) -> tuple[dict[str, Any], bool]:
        body = self.resolve(node.get("requestBody"))
        if body:
            content = mapping(body.get("content")).items()
            return {str(name): mapping(media).get("schema") or {} for name, media in content}, bool(
                body.get("required")
            )
        consumes = node.get("consumes") or self.data.get("consumes") or ["application/json"]
        for parameter in parameters:
            if parameter.get("in") == "body":
                schema = parameter.get("schema") or {}
                return dict.fromkeys(map(str, consumes), schema), bool(parameter.get("required"))
        fields = [p for p in parameters if p.get("in") == "formData"]
        if not fields:
            return {}, False
        required = [p["name"] for p in fields if p.get("required")]
        schema = {"type": "object", "properties": {p["name"]: p for p in fields}, "required": required}
        return dict.fromkeys(map(str, consumes), schema), bool(required)

    def answers(self, key: str) -> Iterator[Answer]:
        """Every response that an operation declares, in order."""
        _, node = self.nodes(key)
        for status, value in mapping(node.get("responses")).items():
            response = self.resolve(value)
            headers = {str(n).lower(): self.resolve(h) for n, h in mapping(response.get("headers")).items()}
            content, examples = self._content(node, response)
            yield Answer(str(status).upper(), content, examples, headers)

    def _content(self, node: Node, response: Node) -> tuple[dict[str, Any], dict[str, Any]]:
        if "schema" in response:  # OpenAPI 2.0
            produces = node.get("produces") or self.data.get("produces") or ["application/json"]
            return dict.fromkeys(map(str, produces), response["schema"]), mapping(response.get("examples"))
        content = {str(name): mapping(media) for name, media in mapping(response.get("content")).items()}
        schemas = {name: media.get("schema") or media.get("itemSchema") or {} for name, media in content.items()}
        return schemas, {name: shown for name, media in content.items() if (shown := self._example(media)) is not None}

    def _example(self, media: Node) -> Any:
        for one in (media.get("example"), *map(self._shown, mapping(media.get("examples")).values())):
            if one is not None:
                return one
        return None

    def _shown(self, example: Any) -> Any:
        return self.resolve(example).get("value")


def chosen_media(names: Mapping[str, Any]) -> str | None:
    """The media type that a provider answers with, or a client sends: JSON first, then XML, then text."""
    for wanted in (r"application/json", r".*\+json|.*json", r".*xml", r"text/.*"):
        for name in names:
            if re.fullmatch(wanted, name.partition(";")[0].strip().lower()):
                return name
    return next(iter(names), None)


def mapping(value: Any) -> Node:
    """An object; anything else is read as an empty one."""
    return value if isinstance(value, dict) else {}
