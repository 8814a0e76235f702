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
from arazzo_mcp.findings import Finding, Where


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
    # 10 documents; action.py, jumps.py
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
    # 1,463 expressions; expression.py
    "dotted-name": Tolerance(
        "the name of an input or an output is followed by a JSON pointer or by nothing",
        "the longest declared name is looked up and the rest is read as a path; of an array its first element is meant",
    ),
    # 828 names; expression.py
    "odd-name": Tolerance("a name consists of letters, digits, '.', '-' and '_'", "taken literally"),
    # 75 expressions; expression.py
    "pointer-path": Tolerance(
        "the parts of a JSON pointer are divided by '/'",
        "read literally first, and where nothing stands there as a path",
    ),
    # hand-written only; context.py, order.py
    "reference-form": Tolerance(
        "a workflow or a step is named by its id, one of another document by `$sourceDescriptions.<name>.<workflowId>`",
        "the one that is meant is taken",
    ),
    # none seen; parse_criterion.py
    "missing-version": Tolerance("an Expression Type Object has type and version", "the default version is taken"),
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
    # 12 workflows, hand-written only; context.py
    "outputs-list": Tolerance("the outputs of a workflow are a map from names to values", "the workflow has none"),
    # 51 actions; parse.py
    "unnamed-action": Tolerance("an action has a name", "named by its position"),
    # 18 actions, hand-written only; parse_action.py
    "action-condition": Tolerance("an action has a list of `criteria`", "its `condition` is read as the only one"),
    # none seen; parse.py
    "duplicate-source": Tolerance("the name of a source is unique", "the first one is used"),
    # none seen; conform.py
    "body-parameter": Tolerance(
        "a parameter is in path, query, header, querystring or cookie, and a body is the `requestBody`",
        "sent as the request body",
    ),
    # 358 steps; resolve.py
    "bare-operation-id": Tolerance(
        "with several sources an operationId is `$sourceDescriptions.<name>.<operationId>`",
        "accepted, because exactly one source has it",
    ),
    # 55 steps; resolve.py
    "operation-id-form": Tolerance(
        "an operationId is the operation's own id, or `$sourceDescriptions.<name>.<operationId>`",
        "the operation that is meant is called",
    ),
    # 1 step; resolve.py
    "operation-id-case": Tolerance(
        "operationIds are compared with their case", "accepted, because only one operation differs in nothing else"
    ),
    # 65 steps; resolve.py
    "duplicate-operation-id": Tolerance(
        "an operationId is unique in its OpenAPI description",
        "the one operation is called that the step's parameters and body fit",
    ),
    # 1,218 steps; resolve.py
    "operation-path-form": Tolerance(
        "an operationPath is `{$sourceDescriptions.<name>.url}#/paths/...`", "the source's name is understood"
    ),
    # 2 steps; resolve.py
    "operation-pointer-form": Tolerance(
        "what follows the # of an operationPath is the JSON pointer of an operation: `/paths/~1things/get`",
        "the one operation that is meant is called",
    ),
    # 101 steps, hand-written only; resolve.py
    "operation-path-dialect": Tolerance(
        "an operationPath is a source and a JSON pointer", "the one operation that is named is called"
    ),
    # 2 parameters, the specification's own example; conform.py
    "parameter-spelling": Tolerance(
        "a path parameter has the name of its variable in the path", "it is the only one left that can be meant"
    ),
    # 10 parameters; conform.py
    "parameter-not-in-path": Tolerance(
        "a parameter in path is a variable of the operation's path", "sent where the operation declares it, or left out"
    ),
    # none seen; conform.py
    "parameter-without-in": Tolerance(
        "a parameter of an operation says what it is `in`", "the operation has one parameter of that name"
    ),
    # 995 steps; conform.py
    "lenient-status": Tolerance(
        "a criterion holds for the status code that it names",
        "any status code of success that the operation declares is accepted as well",
    ),
    # none seen; apis.py
    "source-type": Tolerance("the `type` of a source is that of its document", "read as the OpenAPI that it is"),
    # 170 steps; openapi/path.py
    "path-with-query": Tolerance(
        "a path has no query and no fragment", "its query is sent with every request, its fragment is left out"
    ),
    # 170 steps; openapi/path.py
    "path-with-slashes": Tolerance(
        "a variable of a path is `{name}`, and its value has no slash", "slashes in its value are sent as they are"
    ),
    # 57 sources; openapi/security.py
    "security-scheme": Tolerance(
        "a security scheme has one of the types that OpenAPI knows", "its value is sent as the Authorization header"
    ),
    # 1 of 49 descriptions; openapi/style.py
    "deep-array": Tolerance("style deepObject is for objects", "items are sent as `name[]=item`"),
    # 4,245 inputs; schemas/tool.py
    "required-input-derived": Tolerance(
        "an input that a request cannot do without stands in the `required` of the inputs schema",
        "required by the tool all the same",
    ),
    # 924 inputs; schemas/said.py
    "input-type-from-api": Tolerance(
        "an input has a type that fits where its value goes", "the tool takes the type that the API says"
    ),
    # hand-written only; schemas/tool.py
    "undeclared-input": Tolerance(
        "an input that is used is declared in the workflow's `inputs`", "offered by the tool all the same"
    ),
    # 1,333 sources; reading/locate.py
    "source-elsewhere": Tolerance("a source's url is resolved against the document's own place", "found elsewhere"),
}


_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")


def is_odd(name: str) -> bool:
    """Whether a name of an input, an output or a component holds characters that names do not have."""
    return bool(_ODD.search(name))


def tolerated(code: str, where: Where, what: str, workflow: str | None = None) -> Finding:
    """The finding that says that a tolerance was used. what: that to which it was applied."""
    tolerance = TOLERANCES[code]
    return Finding("warning", code, where, f"{what}: {tolerance.rule}; {tolerance.done}.", "", workflow)


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
    if not in_condition and re.search(r"\[\d*\]|[^./\s]\.[^./\s]", expression.pointer or ""):
        yield "pointer-path"
