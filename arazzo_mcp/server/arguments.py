"""The arguments of a tool call made into inputs: given their proper types where a client has sent something near, and
checked. Every problem is one line that an agent can act on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from arazzo_mcp.arazzo.scope import Json, as_text, mapping
from arazzo_mcp.arazzo.words import kind_of, kinds
from arazzo_mcp.findings import did_you_mean
from arazzo_mcp.schemas.said import Said

_MOST_PROBLEMS: Final = 8
_SHOWN_CHARACTERS: Final = 200
_SHOWN_VALUES: Final = 12
_PATTERN_SECONDS: Final = 0.5

_STRUCTURE: Final = ("properties", "items", "additionalProperties", "anyOf")
_NOTHING: Final[Mapping[str, Any]] = {}


# --- proper types


def coerced(arguments: Mapping[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Arguments as the schema wants them, where a client has sent JSON as text, a number for a text, one value for a
    list of such, or a value of a list of values in another case."""
    properties = mapping(schema.get("properties"))
    return {name: _coerced(value, mapping(properties.get(name))) for name, value in arguments.items()}


def _coerced(value: Json, schema: Mapping[str, Json]) -> Json:
    wanted = kinds(schema)
    if value is not None and wanted and not kind_of(value) & wanted:
        value = _near(value, wanted, schema)
    if isinstance(value, str) and "enum" in schema:
        return _of_enum(value, schema["enum"])
    if isinstance(value, list) and "items" in schema:
        return [_coerced(item, mapping(schema["items"])) for item in value]
    if isinstance(value, dict) and "properties" in schema:
        return coerced(value, schema)
    return value


def _near(value: Json, wanted: frozenset[str], schema: Mapping[str, Json]) -> Json:
    """A value of a type that is wanted; the value itself where there is none near it."""
    if isinstance(value, str):
        parsed = _parsed(value)
        if kind_of(parsed) & wanted:
            return parsed
    if "array" in wanted:
        items = mapping(schema.get("items"))
        item = _coerced(value, items)
        return [item] if not kinds(items) or kind_of(item) & kinds(items) else value
    return as_text(value) if "string" in wanted and isinstance(value, int | float) else value


def _of_enum(text: str, values: list[Json]) -> str:
    """The one value that differs in nothing but upper and lower case."""
    same = [value for value in values if isinstance(value, str) and value.casefold() == text.casefold()]
    return same[0] if text not in values and len(same) == 1 else text


def _parsed(text: str) -> Json:
    """What a text says as JSON (or as Python, for true and false), else the text."""
    try:
        return json.loads({"True": "true", "False": "false"}.get(text, text), parse_constant=str)
    except (ValueError, RecursionError):
        return text


# --- checks


def _pattern(_validator: Validator, pattern: str, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    """As `jsonschema` has it, with a limit in time: patterns come from documents."""
    if not isinstance(instance, str):
        return
    try:
        found = regex.search(pattern, instance, timeout=_PATTERN_SECONDS)
    except (TimeoutError, regex.error):
        return  # what cannot be tried is left to the API
    if not found:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


InputsValidator: Final[type[Validator]] = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
"""JSON Schema 2020-12 for schemas that come from documents."""


def problems(
    arguments: Mapping[str, Json],
    validator: Validator,
    inputs: Mapping[str, Said] = _NOTHING,
    aliases: Mapping[str, str] = _NOTHING,
    besides: Iterable[str] = (),
) -> list[str]:
    """What is wrong with arguments: one line for each violation with the field and what was expected.

    inputs: what of their schemas is said by an API, which is named then; aliases: the names that a caller knows;
    besides: other names that may have been meant.
    """
    errors = sorted(validator.iter_errors(arguments), key=lambda error: error.json_path)
    return [
        line for error in errors[:_MOST_PROBLEMS] for line in _Problem(error, inputs, aliases, tuple(besides)).lines()
    ]


class _Problem:
    """One violation, in words."""

    def __init__(
        self,
        error: ValidationError,
        inputs: Mapping[str, Said],
        aliases: Mapping[str, str],
        besides: tuple[str, ...] = (),
    ) -> None:
        self.error, self.inputs, self.aliases = error, inputs, aliases
        self.besides = () if error.absolute_path else besides
        self.schema = mapping(error.schema)
        self.properties = mapping(self.schema.get("properties"))
        path = list(error.absolute_path)
        self.field = _field([aliases.get(str(path[0]), path[0]), *path[1:]] if path else [])

    def lines(self) -> Iterator[str]:
        said = self._whose()
        lines = _LINES.get(str(self.error.validator), _Problem._other)(self)
        yield from (f"{line} (so says {said})" if said else line for line in lines)

    def _whose(self) -> str:
        """The place in an API whose words these are, if they are."""
        path = list(self.error.absolute_path)
        said = self.inputs.get(str(path[0])) if path else None
        if said is None or self.error.parent is not None:
            return ""
        words = (str(self.error.validator),) if len(path) == 1 else _STRUCTURE
        return next((said.places[word] for word in words if word in said.places), "")

    def _name(self, name: str) -> str:
        return f"{self.field}.{name}" if self.field else self.aliases.get(name, name)

    def _required(self) -> Iterator[str]:
        for name in (n for n in self.schema["required"] if repr(n) in self.error.message):
            needed = self.inputs[name].needed if not self.field and name in self.inputs else ""
            about = _expected(mapping(self.properties.get(name)))
            yield f"{self._name(name)} is required{about}{f'; it is {needed}' if needed else ''}"

    def _unknown(self) -> Iterator[str]:
        known = [self.aliases.get(name, name) for name in self.properties]
        known += self.besides
        for name in (name for name in mapping(self.error.instance) if name not in self.properties):
            yield f"{self._name(name)} is not known. {did_you_mean(name, known)}".rstrip()

    def _type(self) -> Iterator[str]:
        kinds_ = self.schema["type"]
        named = kinds_ if isinstance(kinds_, str) else " or ".join(kinds_)
        yield f"{self.field or 'the arguments'} must be of type {named}, not {_shown(self.error.instance)}"

    def _enum(self) -> Iterator[str]:
        values = [value for value in self.schema["enum"] if value is not None]
        listed = ", ".join(map(as_text, values[:_SHOWN_VALUES])) + (", ..." if len(values) > _SHOWN_VALUES else "")
        hint = did_you_mean(as_text(self.error.instance), map(as_text, values))
        yield f"{self.field}: {_shown(self.error.instance)} is not one of {listed}. {hint}".rstrip()

    def _variants(self) -> Iterator[str]:
        inner = (_Problem(error, self.inputs, self.aliases) for error in self.error.context or ())
        ways = dict.fromkeys(line for one in inner for line in one.lines())
        yield " or ".join(list(ways)[:_MOST_PROBLEMS]) or next(self._other())

    def _pattern(self) -> Iterator[str]:
        shown = _shown(self.error.instance)
        yield f"{self.field}: {shown} does not fit{_expected(self.schema)}; pattern {self.schema['pattern']}"

    def _other(self) -> Iterator[str]:
        yield f"{self.field or 'the arguments'}: {self.error.message[:_SHOWN_CHARACTERS]}"


_LINES: Final[Mapping[str, Callable[[_Problem], Iterator[str]]]] = {
    "required": _Problem._required,
    "additionalProperties": _Problem._unknown,
    "type": _Problem._type,
    "enum": _Problem._enum,
    "anyOf": _Problem._variants,
    "oneOf": _Problem._variants,
    "pattern": _Problem._pattern,
}


def _field(path: list[str | int]) -> str:
    """`a.b[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _expected(schema: Mapping[str, Json]) -> str:
    words = [str(schema[key]) for key in ("type", "description") if schema.get(key)]
    text = ": ".join(words)
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS].rstrip()}..."
    return f" ({shown})" if words else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:80]}..."
