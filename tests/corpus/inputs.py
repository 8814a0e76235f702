"""The arguments of a tool call: what its schema requires, and what the requests of the workflow cannot do without."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator

from arazzo_mcp.server.catalog import Entry
from tests.corpus.description import Api, mapping
from tests.corpus.feed import Feed
from tests.corpus.sample import kind_of, sample


def arguments(entry: Entry, feeds: Iterable[Feed]) -> dict[str, Any]:
    """Arguments by the names of the tool's schema, each valid against it."""
    properties = mapping(entry.schema.get("properties"))
    given = list(feeds)
    names = [n for n in properties if n in (entry.schema.get("required") or ()) or any(_needs(f, n) for f in given)]
    return {name: _value(name, properties[name], [f for f in given if _names(f, name) and f.whole]) for name in names}


def _names(feed: Feed, name: str) -> bool:
    """Whether a use is of this input, or of something within it."""
    if feed.expression.root != "inputs" or not feed.expression.names:
        return False
    written = feed.expression.names[0]
    return written == name or written.startswith((f"{name}.", f"{name}["))


def _needs(feed: Feed, name: str) -> bool:
    return feed.needed and _names(feed, name)


def _value(name: str, schema: Any, uses: list[Feed]) -> Any:
    """The first that the tool's schema takes: what the operation wants, the same as text, what the schema says."""
    validator = Draft202012Validator(schema if isinstance(schema, dict) else {})
    whole = [use for use in uses if use.schema and use.expression.names == (name,) and not use.expression.pointer]
    wanted = [sample(use.api, use.schema, name=name) for use in whole]
    typed = [value for value in wanted if value is not None]
    as_text = [value if isinstance(value, str) else json.dumps(value) for value in typed]
    own = sample(Api({}), schema, name=name, whole=kind_of(mapping(schema)) == "object")
    shown = [one for one in (mapping(schema).get("enum") or ()) if one is not None]
    return next((value for value in (*typed[:3], *as_text[:3], own, *shown) if validator.is_valid(value)), own)
