"""The ledger of tolerances: every deviation from the specification that is understood all the same.

Each has a code, the rule that is bent, and what is done instead. The code that tolerates stands in one place each (see
the modules named); a use of it is always a finding, which `--strict` turns into an error. Counts are of 3,358
published workflows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from arazzo_mcp.arazzo.expression import Expression


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One deviation: the rule of the specification, and what is done with what breaks it."""

    rule: str
    done: str


TOLERANCES: Final[dict[str, Tolerance]] = {
    # 760 conditions; selector.py
    "jsonpath-boolean": Tolerance(
        "a jsonpath condition MUST be a JSONPath query (RFC 9535)",
        "read as the boolean expression that it is",
    ),
    # 10 documents; action.py, interpreter.py
    "success-retry": Tolerance(
        "a success action is `end` or `goto`",
        "waits retryAfter, runs the named step again, and falls through when retryLimit is used up",
    ),
    # 678 values; expression.py
    "bare-expression": Tolerance(
        "an expression inside a longer string stands in braces: `{$inputs.x}`",
        "replaced, because its name is declared",
    ),
    # 0 in two families, hand-written only; expression.py
    "dotted-body": Tolerance(
        "a part of a body is named by a JSON pointer: `$response.body#/a/b`", "read as a path into the body"
    ),
    # 109 expressions; expression.py
    "pointer-without-slash": Tolerance("a JSON pointer begins with '/'", "the slash is added"),
    # 57 expressions; expression.py
    "plural-headers": Tolerance("the source is `header`, not `headers`", "read as `header`"),
    # 45 expressions; expression.py
    "steps-without-outputs": Tolerance("a step's output is `$steps.<id>.outputs.<name>`", "`.outputs` is understood"),
    # 91 conditions; condition.py
    "double-quotes": Tolerance(
        "a string in a simple condition stands in single quotes", "double quotes are read as quotes"
    ),
    # hand-written only; condition.py
    "word-operators": Tolerance("the logical operators are `&&`, `||` and `!`", "read as `and`, `or` and `not` mean"),
    # hand-written only; condition.py
    "single-equals": Tolerance("equality is `==`", "read as `==`"),
    # hand-written only; condition.py
    "javascript-equals": Tolerance("equality is `==` and `!=`", "read as these"),
    # hand-written only; condition.py
    "contains": Tolerance(
        "there is no operator `contains` or `in`",
        "holds where a list has an equal item, an object such a member, a text such a part",
    ),
    # hand-written only; length.py
    "length-in-condition": Tolerance(
        "an expression names a value, and nothing measures it", "read as how many elements, members or characters"
    ),
    # hand-written only; parse.py
    "object-for-list": Tolerance("this field is a list", "read as a list of one"),
    # 51 actions; parse.py
    "unnamed-action": Tolerance("an action has a name", "named by its position"),
    # 18 actions, hand-written only; parse_action.py
    "action-condition": Tolerance("an action has a list of `criteria`", "its `condition` is read as the only one"),
    # 358 steps; library.py
    "bare-operation-id": Tolerance(
        "with several sources an operationId is `$sourceDescriptions.<name>.<operationId>`",
        "accepted, because exactly one source has it",
    ),
    # 1,218 steps; parse.py
    "operation-path-form": Tolerance(
        "an operationPath is `{$sourceDescriptions.<name>.url}#/paths/...`", "the source's name is understood"
    ),
    # 1,333 sources; library.py
    "source-elsewhere": Tolerance("a source's url is resolved against the document's own place", "found elsewhere"),
}


def bent(expression: Expression, *, in_condition: bool = False) -> Iterator[str]:
    """The codes of the tolerances that reading an expression took."""
    if expression.root == "steps" and ".outputs." not in expression.text:
        yield "steps-without-outputs"
    if expression.text.startswith(("$response.headers.", "$request.headers.")):
        yield "plural-headers"
    if expression.root in ("request", "response") and len(expression.names) > 1 and not in_condition:
        yield from ("dotted-body" for place in expression.names[:1] if place == "body")
    if re.search(r"#[^/]", expression.text):
        yield "pointer-without-slash"
