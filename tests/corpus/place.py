"""Places in a body, as outputs and conditions name them, and setting values there.

A place is a tuple of steps: a member's name, an index, or a Filter that picks the element for which it holds.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_STEP: Final = re.compile(r"\.?([^.\[\]#/\s]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


@dataclass(frozen=True)
class Filter:
    """`[?...]`: the condition's text, which speaks of the element as `@`."""

    text: str


Step = str | int | Filter
Place = tuple[Step, ...]
MISSING: Final = object()


def of_pointer(pointer: str | None) -> Place:
    """The place of a JSON pointer. A number is an index where a list stands there, else a name."""
    if not pointer or pointer == "/":
        return ()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.lstrip("/").split("/"))


def of_dotted(path: str) -> Place:
    """The place of `.a.b[0]`, which may go on with `#/c`."""
    dotted, _, pointer = path.partition("#")
    steps: list[Step] = []
    for name, index, single, double in _STEP.findall(dotted):
        steps.append(int(index) if index else name or single or double)
    return (*steps, *of_pointer(pointer))


def of_query(path: str) -> Place | None:
    """The place of a JSONPath without its root (`.a[0][?(@.b == 1)].c`); None where it has other parts."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        if path[at] == "[":
            end = _bracket_end(path, at)
            step = _bracket(path[at + 1 : end - 1].strip())
            if step is None:
                return None
            steps.append(step)
            at = end
        elif match := re.compile(r"\.([\w\-]+|\*)").match(path, at):
            steps.append(0 if match[1] == "*" else match[1])
            at = match.end()
        else:
            return None
    return tuple(steps)


def _bracket(inner: str) -> Step | None:
    if inner.startswith("?"):
        text = inner[1:].strip()
        return Filter(text[1:-1] if text.startswith("(") and text.endswith(")") else text)
    if inner == "*":
        return 0
    if re.fullmatch(r"\d+", inner):
        return int(inner)
    return inner[1:-1] if inner[:1] in ("'", '"') else None


def _bracket_end(text: str, at: int) -> int:
    depth, quote = 0, ""
    for end in range(at, len(text)):
        character = text[end]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character == "[") - (character == "]")
        if depth == 0 and not quote:
            return end + 1
    return len(text)


Meet = Callable[[Any, str], Any]
"""Makes an element fulfil a filter: (element, the filter's text) -> element."""


def get(value: Any, place: Place) -> Any:
    """What stands at a place, MISSING where nothing does. A filter is taken to mean the first element."""
    for step in place:
        if isinstance(step, Filter):
            step = 0
        if isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and str(step).isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def through_lists(value: Any, place: Place) -> Place:
    """A place with the first element taken where a list stands and a name follows, as careless documents mean it."""
    taken: Place = ()
    for step in place:
        if isinstance(get(value, taken), list) and isinstance(step, str) and not step.isdigit():
            taken = (*taken, 0)
        taken = (*taken, step)
    return taken


def put(value: Any, place: Place, new: Any, meet: Meet) -> Any:
    """A copy of a value with `new` at a place; what is missing on the way, or of another kind, is made."""
    if not place:
        return copy.deepcopy(new)
    step, rest = place[0], place[1:]
    if isinstance(step, Filter):
        items = list(value) if isinstance(value, list) else [{}]
        first = meet(items[0] if items else {}, step.text)
        return [put(first, rest, new, meet) if rest else first, *items[1:]]
    if isinstance(step, int) or (isinstance(value, list) and step.isdigit()):
        items = list(value) if isinstance(value, list) else []
        at = int(step)
        while len(items) <= at:
            items.append(copy.deepcopy(items[0]) if items else {})
        items[at] = put(items[at], rest, new, meet)
        return items
    if not isinstance(value, dict) and step.isdigit():
        return put([], place, new, meet)
    members = dict(value) if isinstance(value, dict) else {}
    members[step] = put(members.get(step), rest, new, meet)
    return members


def without(value: Any, place: Place) -> Any:
    """A copy of a value with nothing at a place."""
    if not place:
        return None
    step, rest = place[0], place[1:]
    if isinstance(step, Filter) and isinstance(value, list):
        return []
    if isinstance(value, dict) and str(step) in value:
        kept = {name: inner for name, inner in value.items() if name != str(step)}
        return {**value, str(step): without(value[str(step)], rest)} if rest else kept
    if isinstance(value, list) and str(step).isdigit() and int(str(step)) < len(value):
        at = int(str(step))
        return [*value[:at], *([without(value[at], rest)] if rest else []), *value[at + 1 :]]
    return value
