"""A workflow's inputs schema as a tool's input schema, and arguments checked against it.

One bad schema makes `tools/list` fail for every client, and hosts of language models refuse combinations at the root:
the schema that is shown always has `type: object` and its properties at the root.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.findings import did_you_mean

_COMBINATIONS: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_MOST_PROBLEMS: Final = 8
_SHOWN_CHARACTERS: Final = 200


def tool_schema(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """The schema that a tool shows: a plain object; unknown properties are refused unless the workflow allows them."""
    merged = _merged(inputs)
    properties = {str(name): _property(value) for name, value in _dict(merged.get("properties")).items()}
    required = [name for name in dict.fromkeys(merged.get("required") or ()) if name in properties]
    kept = {k: v for k, v in merged.items() if k not in (*_COMBINATIONS, "properties", "required", "type", "$schema")}
    schema: dict[str, Json] = {"type": "object", **kept, "properties": properties}
    schema.setdefault("additionalProperties", False)
    return {**schema, "required": required} if required else schema


def _merged(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """`allOf` at the root laid over one another; other combinations stay for the validator alone."""
    merged = dict(inputs)
    for part in merged.pop("allOf", None) or ():
        inner = _merged(_dict(part))
        merged["properties"] = {**_dict(inner.get("properties")), **_dict(merged.get("properties"))}
        merged["required"] = [*(inner.get("required") or ()), *(merged.get("required") or ())]
    return merged


def _property(value: Json) -> Json:
    """A property that is no valid schema allows everything, and takes nothing else down with it."""
    try:
        Draft202012Validator.check_schema(value)
    except SchemaError:
        return {"description": _dict(value).get("description", "")}
    return value


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def coerced(arguments: Mapping[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Arguments as the schema wants them, where a client has sent JSON as text: an object, list, number or boolean."""
    properties = _dict(schema.get("properties"))
    return {name: _coerced(value, _dict(properties.get(name))) for name, value in arguments.items()}


def _coerced(value: Json, schema: Mapping[str, Json]) -> Json:
    kinds = schema.get("type")
    wanted = {kinds} if isinstance(kinds, str) else set(kinds or ())
    if not isinstance(value, str) or not wanted or "string" in wanted:
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return parsed if wanted & _json_types(parsed) else value


def _json_types(value: Json) -> set[str]:
    match value:
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case dict():
            return {"object"}
        case list():
            return {"array"}
        case _:
            return set()


def problems(arguments: Mapping[str, Json], validator: Draft202012Validator) -> list[str]:
    """What is wrong with arguments: one line for each violation with the field and what was expected."""
    errors = sorted(validator.iter_errors(arguments), key=lambda error: error.json_path)
    return [line for error in errors[:_MOST_PROBLEMS] for line in _lines(error)]


def _lines(error: ValidationError) -> Iterator[str]:
    field = error.json_path.removeprefix("$").removeprefix(".")
    schema = _dict(error.schema)
    properties = _dict(schema.get("properties"))
    if error.validator == "required":
        for name in (n for n in schema["required"] if repr(n) in error.message):
            yield f"{_join(field, name)} is required{_expected(_dict(properties.get(name)))}"
    elif error.validator == "additionalProperties":
        for name in (name for name in _dict(error.instance) if name not in properties):
            yield f"{_join(field, name)} is not known. {did_you_mean(name, properties)}".rstrip()
    elif error.validator == "type":
        yield f"{field or 'the arguments'} must be of type {schema['type']}, not {_shown(error.instance)}"
    elif error.validator in ("anyOf", "oneOf") and error.context:
        ways = dict.fromkeys(line for inner in error.context for line in _lines(inner))
        yield " or ".join(list(ways)[:_MOST_PROBLEMS])
    elif error.validator == "pattern":
        yield f"{field}: {_shown(error.instance)} does not fit{_expected(schema)}; pattern {schema['pattern']}"
    else:
        yield f"{field or 'the arguments'}: {error.message[:_SHOWN_CHARACTERS]}"


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _expected(schema: Mapping[str, Json]) -> str:
    words = [str(schema[key]) for key in ("type", "description") if schema.get(key)]
    return f" ({': '.join(words)[:_SHOWN_CHARACTERS]})" if words else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:80]}..."
