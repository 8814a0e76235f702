"""Stand-ins for values that are not known yet, or must not be shown.

A dry run makes its requests with the real binding. What only a response can give is a number there that nothing else
has: it passes through every style, encoding and coercion as it is, and is replaced by what people should read
afterwards. Credentials go the same way, so that their values are never touched.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from arazzo_mcp.arazzo.expression import Expression, evaluate
from arazzo_mcp.arazzo.model import Parameter, RequestBody
from arazzo_mcp.arazzo.scope import ABSENT, Json, Scope, as_text
from arazzo_mcp.arazzo.template import Items, Literal, Members, Selected, Template, Text
from arazzo_mcp.arazzo.wording import written

_FIRST: Final = 7182818284_000000
_MARK: Final = re.compile(r"7182818284\d{6}")


@dataclass(frozen=True, slots=True)
class StandIn:
    """What is read in place of a value; variable: the environment variable of a credential, and whether it is set."""

    text: str
    variable: str = ""
    is_set: bool = False
    encoded: bool = False


Show = Callable[[StandIn], str]


class Unknowns:
    """The stand-ins of one dry run."""

    def __init__(self) -> None:
        self._marks: dict[str, StandIn] = {}
        self._encoded: dict[str, StandIn] = {}

    def value(self, text: str) -> str:
        """A mark for a value that is shown as `{text}`."""
        return self._mark(StandIn(f"{{{text}}}"))

    def secret(self, variable: str, *, is_set: bool) -> str:
        """A mark for a credential; also where it goes out in base64, as HTTP's basic authentication has it."""
        shown = StandIn(f"****({variable}, {'set' if is_set else 'not set'})", variable, is_set)
        mark = self._mark(shown)
        self._encoded[base64.b64encode(mark.encode()).decode()] = replace(shown, encoded=True)
        return mark

    def _mark(self, stand_in: StandIn) -> str:
        mark = str(_FIRST + len(self._marks))
        self._marks[mark] = stand_in
        return mark

    def shown(self, text: str, show: Show) -> str:
        """A text with every mark in it replaced by what `show` makes of its stand-in."""
        for mark, stand_in in self._encoded.items():
            text = text.replace(mark, show(stand_in))
        return _MARK.sub(lambda match: show(self._marks[match[0]]) if match[0] in self._marks else match[0], text)

    def has_secret(self, text: str) -> bool:
        """Whether a credential is part of a text."""
        marks = (self._marks[mark] for mark in _MARK.findall(text) if mark in self._marks)
        return any(stand_in.variable for stand_in in marks) or any(mark in text for mark in self._encoded)

    def unknown(self, value: Json) -> bool:
        """Whether something in a value is not known."""
        return value is not ABSENT and any(mark in self._marks for mark in _MARK.findall(as_text(value)))

    # --- parts of a document, with stand-ins for what leads into something unknown

    def parameters(self, parameters: Iterable[Parameter], scope: Scope) -> tuple[Parameter, ...]:
        """Parameters whose values can be filled in."""
        return tuple(replace(p, value=self.settled(p.value, scope)) for p in parameters)

    def body(self, body: RequestBody | None, scope: Scope) -> RequestBody | None:
        """A body whose values can be filled in."""
        if body is None:
            return None
        payload = None if body.payload is None else self.settled(body.payload, scope)
        replacements = tuple(replace(r, value=self.settled(r.value, scope)) for r in body.replacements)
        return replace(body, payload=payload, replacements=replacements)

    def settled(self, template: Template, scope: Scope) -> Template:
        """A template in which whatever depends on something unknown is a stand-in."""
        match template:
            case Expression():
                return Literal(self.value(template.text)) if self._leads_on(template, scope) else template
            case Selected():
                known = evaluate(template.context, scope)
                lost = self.unknown(known) or self._leads_on(template.context, scope)
                return Literal(self.value(str(written(template)))) if lost else template
            case Text(parts):
                return Text(tuple(self._part(part, scope) for part in parts))
            case Items(items):
                return Items(tuple(self.settled(item, scope) for item in items))
            case Members(members):
                return Members(tuple((name, self.settled(item, scope)) for name, item in members))
            case _:
                return template

    def _part(self, part: str | Expression, scope: Scope) -> str | Expression:
        return self.value(part.text) if isinstance(part, Expression) and self._leads_on(part, scope) else part

    def _leads_on(self, expression: Expression, scope: Scope) -> bool:
        """Whether an expression has no value because it leads into one that is not known."""
        if expression.root == "workflows":
            return True
        if expression.root not in ("inputs", "steps") or evaluate(expression, scope) is not ABSENT:
            return False
        return any(self.unknown(evaluate(around, scope)) for around in _around(expression))


def _around(expression: Expression) -> Iterable[Expression]:
    """What an expression leads into: without its pointer, and without the end of its dotted name."""
    whole = replace(expression, pointer=None)
    yield whole
    *first, last = expression.names or ("",)
    for end in (at for at, character in enumerate(last) if character in ".[" and at):
        yield replace(whole, names=(*first, last[:end]))
