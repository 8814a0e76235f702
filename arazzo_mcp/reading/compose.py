"""YAML 1.2 and JSON text -> plain data and the place of every value, in one pass over the parser's events.

The data is what JSON can hold: keys are strings as they are written, so `on` and `200` are names. Values are read by
the core schema (YAML 1.2.2, section 10.3). No document can make this endless: nesting, the number of values, and what
aliases repeat are bounded before anything recurses; the parser's own composer overflows the stack of the process.
Knows nothing of files and of Arazzo.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml
from yamlcore import CCoreLoader

from arazzo_mcp.arazzo.reader import Path
from arazzo_mcp.arazzo.scope import Json

Place: TypeAlias = list[Any]
"""Where a value stands: [line, column] from 1 and, for an object or a list, the places of what is in it."""

MOST_DEPTH: Final = 200
"""How deep values may be nested."""

MOST_REPEATED: Final = 100_000
"""How many values aliases may repeat in all."""

_SHORT: Final = 40
_TAG: Final = "tag:yaml.org,2002:"
_STRING: Final = f"{_TAG}str"


class TextError(ValueError):
    """A text is no document; `line` and `column` from 1 say where, 0 where that is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key that stands twice in one object: its path and where the second one is."""

    path: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Composed:
    """A document's data, the place of its root, and its repeated keys (the last one counts)."""

    data: Json
    place: Place
    repeated: tuple[Repeated, ...]


class Places(Mapping[Path, tuple[int, int]]):
    """Line and column by path; looked up when they are asked for, which is seldom."""

    def __init__(self, root: Place | None) -> None:
        self._root = root

    def __getitem__(self, path: Path) -> tuple[int, int]:
        here = self._root
        for part in path:
            within = here[2] if here and len(here) > 2 else None
            here = within.get(str(part)) if isinstance(within, dict) else _item(within, part)
        if here is None:
            raise KeyError(path)
        return here[0], here[1]

    def __iter__(self) -> Iterator[Path]:
        pending: list[tuple[Path, Place]] = [((), self._root)] if self._root else []
        while pending:
            path, here = pending.pop()
            yield path
            within = here[2] if len(here) > 2 else ()
            pairs = within.items() if isinstance(within, dict) else enumerate(within)
            pending += [((*path, part), inner) for part, inner in pairs]

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _item(within: list[Place] | None, part: str | int) -> Place | None:
    return within[part] if within and isinstance(part, int) and 0 <= part < len(within) else None


@dataclass(slots=True)
class _Open:
    """An object or a list that is being read."""

    data: Any
    place: Place
    anchor: str | None
    key: str | None = None
    key_at: tuple[int, int] = (0, 0)
    size: int = 1


@dataclass(slots=True)
class _Composer:
    loader: Any
    most: int
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Json, Place, int] | None] = field(default_factory=dict)
    repeated: list[Repeated] = field(default_factory=list)
    short: dict[str, Json] = field(default_factory=dict)
    values: int = 0
    copies: int = 0
    root: tuple[Json, Place] | None = None

    def run(self) -> Composed:
        """Every event in turn."""
        handlers = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        while True:
            event = self.loader.get_event()
            kind = type(event)
            if kind in handlers:
                handlers[kind](event)
            elif kind is yaml.StreamEndEvent:
                break
        data, place = self.root or (None, [1, 1])
        return Composed(data, place, tuple(self.repeated))

    def _document(self, event: yaml.Event) -> None:
        if self.root is not None:
            raise _error("expected a single document in the stream", event)

    def _start(self, event: Any) -> None:
        if len(self.stack) >= MOST_DEPTH:
            raise _error(f"the document is nested more than {MOST_DEPTH} deep", event)
        is_object = type(event) is yaml.MappingStartEvent
        if event.tag is not None and event.tag != f"{_TAG}{'map' if is_object else 'seq'}":
            raise _error(f"the tag {event.tag!r} is not known", event)
        self._not_a_key(event)
        if event.anchor:
            self.anchors[event.anchor] = None
        mark = event.start_mark
        children: Any = {} if is_object else []
        self.stack.append(_Open({} if is_object else [], [mark.line + 1, mark.column + 1, children], event.anchor))

    def _end(self, _event: yaml.Event) -> None:
        done = self.stack.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.data, done.place, done.size)
        self._add(done.data, done.place, done.size)

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        if self.stack and self.stack[-1].key is None and isinstance(self.stack[-1].data, dict):
            self._key(str(event.value), mark)
            if event.anchor:
                self.anchors[event.anchor] = (str(event.value), [mark.line + 1, mark.column + 1], 1)
            return
        value, place = self._value(event), [mark.line + 1, mark.column + 1]
        if event.anchor:
            self.anchors[event.anchor] = (value, place, 1)
        self._add(value, place, 1)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise _error(f"there is no anchor {event.anchor!r}", event)
        known = self.anchors[event.anchor]
        if known is None:
            raise _error(f"the alias {event.anchor!r} stands within what it names", event)
        data, place, size = known
        mark = event.start_mark
        if self.stack and self.stack[-1].key is None and isinstance(self.stack[-1].data, dict) and size == 1:
            self._key(str(data), mark)
            return
        self._not_a_key(event)
        self.copies += size
        if self.copies > MOST_REPEATED:
            raise _error(f"its aliases repeat more than {MOST_REPEATED} values", event)
        self._add(data, [mark.line + 1, mark.column + 1, *place[2:]], size)

    def _key(self, key: str, mark: Any) -> None:
        here = self.stack[-1]
        if key in here.data:
            path = (*(_part(one) for one in self.stack[:-1]), key)
            self.repeated.append(Repeated(path, mark.line + 1, mark.column + 1))
        here.key, here.key_at = key, (mark.line + 1, mark.column + 1)

    def _not_a_key(self, event: yaml.Event) -> None:
        if self.stack and self.stack[-1].key is None and isinstance(self.stack[-1].data, dict):
            raise _error("a key must be a text", event)

    def _add(self, data: Json, place: Place, size: int) -> None:
        self.values += 1
        if self.values > self.most:
            raise TextError(f"the document has more than {self.most} values")
        if not self.stack:
            self.root = (data, place)
            return
        here = self.stack[-1]
        here.size += size
        if here.key is None:
            here.data.append(data)
            here.place[2].append(place)
        else:
            if place[0] != here.key_at[0]:  # a field whose value begins on another line is looked for at its key
                place = [*here.key_at, *place[2:]]
            here.data[here.key] = data
            here.place[2][here.key] = place
            here.key = None

    def _value(self, event: Any) -> Json:
        """A scalar by the core schema; most are texts, and the same short ones come again and again."""
        text: str = event.value
        if not event.implicit[0]:
            return text if event.tag in (None, "!", _STRING) else self._tagged(event, event.tag)
        if text not in self.short:
            tag = self.loader.resolve(yaml.ScalarNode, text, (True, False))
            value = text if tag == _STRING else self._tagged(event, tag)
            if len(text) > _SHORT:
                return value
            self.short[text] = value
        return self.short[text]

    def _tagged(self, event: Any, tag: str) -> Json:
        if not tag.startswith(_TAG) or tag not in self.loader.yaml_constructors:
            raise _error(f"the tag {tag!r} is not known", event)
        try:
            return self.loader.yaml_constructors[tag](self.loader, yaml.ScalarNode(tag, event.value))
        except (ValueError, yaml.YAMLError) as error:
            raise _error(f"{event.value[:40]!r} is no {tag.removeprefix(_TAG)}: {str(error)[:80]}", event) from None


def _part(here: _Open) -> str | int:
    return len(here.data) if here.key is None else here.key


def _error(message: str, event: Any) -> TextError:
    return TextError(message, event.start_mark.line + 1, event.start_mark.column + 1)


def compose(text: str, most: int) -> Composed:
    """The data of a text and where everything in it stands. most: values that it may have.

    Raises:
        TextError: it is no YAML and no JSON, or out of bounds.
    """
    try:
        with without_collector():
            loader = CCoreLoader(text)
            try:
                return _Composer(loader, most).run()
            finally:
                loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise TextError(f"the character {_shown(error.character)} cannot stand here", line, column) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise TextError(str(error)) from None


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """The collector looks through all that was read again and again, which takes half of the time, and finds nothing:
    what is read stays, and has no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _shown(character: object) -> str:
    return f"U+{character:04X}" if isinstance(character, int) else repr(character)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> TextError:
    mark: Any = error.problem_mark or error.context_mark
    problem = error.problem or str(error)
    if "cannot start any token" in problem and mark and "\t" in _line(text, mark.line)[: mark.column + 1]:
        problem = "a tab in the indentation: use spaces"
    message = f"{problem} ({error.context})" if error.context else problem
    return TextError(message, mark.line + 1, mark.column + 1) if mark else TextError(message)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""
