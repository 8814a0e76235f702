"""Rules that documents bend and that are understood all the same: what `arazzo/quirks.TOLERANCES` says of each, with
its section, how to mend it, and an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class _Bent:
    """What is said of a tolerance here; the rule and what is done stand in the ledger."""

    title: str
    section: str
    mend: str
    wrong: str = ""
    right: str = ""
    fields: tuple[str, ...] = ()


def _rule(code: str, bent: _Bent) -> Rule:
    ledger = TOLERANCES[code]
    section = f"Arazzo 1.1.0, {bent.section}"
    says, does = _sentence(ledger.rule), _sentence(ledger.done)
    return Rule(bent.title, section, says, does, bent.mend, bent.wrong, bent.right, bent.fields)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


BENT: Final[dict[str, _Bent]] = {
    "jsonpath-boolean": _Bent(
        "A jsonpath condition that is a boolean expression",
        "JSONPath Conditions",
        "Write a simple condition, or a query that selects something when the condition holds.",
        'type: jsonpath\ncondition: $.status == "DONE"',
        "condition: $response.body#/status == 'DONE'",
        ("condition",),
    ),
    "success-retry": _Bent(
        "A retry among success actions",
        "Success Action Object",
        "Make waiting a failure: let successCriteria hold only when the job is done, and retry on failure.",
        "onSuccess:\n- {name: poll, type: retry, retryAfter: 2, retryLimit: 100}",
        "onFailure:\n- {name: poll, type: retry, retryAfter: 2, retryLimit: 100}",
        ("type", "reference"),
    ),
    "bare-expression": _Bent(
        "An expression inside a text without braces",
        "Runtime Expressions",
        "Put braces around the expression.",
        "value: Bearer $inputs.token",
        "value: Bearer {$inputs.token}",
        ("condition",),
    ),
    "dotted-body": _Bent(
        "A dotted path into a body",
        "Runtime Expressions",
        "Write a JSON pointer.",
        "value: $response.body.user.id",
        "value: $response.body#/user/id",
    ),
    "pointer-without-slash": _Bent(
        "A JSON pointer without its first slash",
        "Runtime Expressions",
        "Begin the pointer with a slash.",
        "value: $response.body#id",
        "value: $response.body#/id",
        ("condition",),
    ),
    "plural-headers": _Bent(
        "headers for header",
        "Runtime Expressions",
        "Write `header`.",
        "value: $response.headers.location",
        "value: $response.header.location",
        ("condition", "context"),
    ),
    "steps-without-outputs": _Bent(
        "A step's output without `.outputs`",
        "Runtime Expressions",
        "Write `.outputs.` between the step and the name.",
        "value: $steps.submit.request_id",
        "value: $steps.submit.outputs.request_id",
        ("condition", "context"),
    ),
    "double-quotes": _Bent(
        "Double quotes in a simple condition",
        "Criterion Object, Literals",
        "Write single quotes; one inside the text is doubled.",
        'condition: $response.body#/status == "DONE"',
        "condition: $response.body#/status == 'DONE'",
        ("condition",),
    ),
    "object-for-list": _Bent(
        "One object where a list belongs",
        "the Fixed Fields of each object",
        "Make it a list with one entry.",
        "successCriteria:\n  condition: $statusCode == 200",
        "successCriteria:\n- condition: $statusCode == 200",
    ),
    "unnamed-action": _Bent(
        "An action without a name",
        "Success Action Object; Failure Action Object",
        "Name the action: a step's action takes the place of the workflow's by its name.",
        "{type: end}",
        "{name: done, type: end}",
    ),
    "action-condition": _Bent(
        "An action with a condition of its own",
        "Success Action Object; Failure Action Object",
        "Write a list of criteria.",
        "{name: done, type: end, condition: $statusCode == 200}",
        "{name: done, type: end, criteria: [{condition: $statusCode == 200}]}",
        ("condition",),
    ),
    "bare-operation-id": _Bent(
        "An operationId without its source",
        "Step Object",
        "Name the source, so that a source more never makes it ambiguous.",
        "operationId: getPet",
        "operationId: $sourceDescriptions.petstore.getPet",
        ("operationId",),
    ),
    "operation-path-form": _Bent(
        "An operationPath in another form",
        "Step Object",
        "Write the expression in full.",
        "operationPath: petstore#/paths/~1pets/get",
        "operationPath: '{$sourceDescriptions.petstore.url}#/paths/~1pets/get'",
    ),
    "source-elsewhere": _Bent(
        "A source that was found elsewhere",
        "Source Description Object; Relative References in Arazzo Description URIs",
        "Correct the url, or give the file with --source NAME=PATH; what is found by looking around may be another "
        "version of the API.",
        fields=("url",),
    ),
}

OF_TOLERANCES: Final[dict[str, Rule]] = {code: _rule(code, bent) for code, bent in BENT.items() if code in TOLERANCES}
