"""Rules that documents bend and that are understood all the same: what `arazzo/quirks.TOLERANCES` says of each, with
its section, how to mend it, and an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from arazzo_mcp.arazzo.quirks import TOLERANCES
from arazzo_mcp.authors.rules.rule import Rule


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
    "missing-version": _Bent(
        "A type of a criterion without its version",
        "Expression Type Object",
        "Add the version, or write the type as a text.",
        "type: {type: jsonpath}",
        "type: {type: jsonpath, version: rfc9535}",
        ("type",),
    ),
    "reference-form": _Bent(
        "A workflow or step that is named in another form",
        "Step Object",
        "Write the id alone, or $sourceDescriptions.<name>.<workflowId>.",
        "workflowId: $workflows.login",
        "workflowId: login",
        ("workflowId", "dependsOn"),
    ),
    "word-operators": _Bent(
        "`and`, `or` and `not` in a condition",
        "Criterion Object, Operators",
        "Write `&&`, `||` and `!`.",
        "condition: $statusCode == 200 and $response.body#/ok == true",
        "condition: $statusCode == 200 && $response.body#/ok == true",
        ("condition",),
    ),
    "single-equals": _Bent(
        "One `=` for equality",
        "Criterion Object, Operators",
        "Write `==`.",
        "condition: $statusCode = 200",
        "condition: $statusCode == 200",
        ("condition",),
    ),
    "javascript-equals": _Bent(
        "`===` or `!==` in a condition",
        "Criterion Object, Operators",
        "Write `==` or `!=`.",
        "condition: $statusCode === 200",
        "condition: $statusCode == 200",
        ("condition",),
    ),
    "contains": _Bent(
        "`contains` or `in` in a condition",
        "Criterion Object, Operators",
        "Write a jsonpath or a regex criterion.",
        "condition: $response.body#/tags contains 'new'",
        "context: $response.body\ntype: jsonpath\ncondition: $.tags[?@ == 'new']",
        ("condition",),
    ),
    "length-in-condition": _Bent(
        "The length of a value in a condition",
        "Criterion Object, Operators",
        "Write a jsonpath criterion.",
        "condition: $response.body#/items.length > 0",
        "context: $response.body\ntype: jsonpath\ncondition: $.items[*]",
        ("condition",),
    ),
    "dotted-name": _Bent(
        "A path after the name of an input or an output",
        "Runtime Expressions",
        "Write a JSON pointer after the name.",
        "value: $steps.find.outputs.pets[0].id",
        "value: $steps.find.outputs.pets#/0/id",
    ),
    "pointer-path": _Bent(
        "Dots or brackets within a JSON pointer",
        "Runtime Expressions",
        "Divide the parts by '/'; write '~1' for a '/' within a name.",
        "value: $response.body#/pets[0].id",
        "value: $response.body#/pets/0/id",
    ),
    "odd-name": _Bent(
        "A name with other characters than names have",
        "Runtime Expressions",
        "Use letters, digits, '.', '-' and '_'.",
        "outputs: {the id: $response.body#/id}",
        "outputs: {the-id: $response.body#/id}",
    ),
    "path-with-query": _Bent(
        "A path with a query or a fragment",
        "Step Object; OpenAPI 3.1.1, Path Templating",
        "Declare what stands behind the '?' as query parameters.",
        "/{Bucket}?uploads:",
    ),
    "path-with-slashes": _Bent(
        "A variable of a path that takes slashes",
        "Step Object; OpenAPI 3.1.1, Path Templating",
        "Write `{name}`; OpenAPI 3.2 has `allowReserved` for it.",
        "/{Bucket}/{Key+}:",
        "/{Bucket}/{Key}:",
    ),
    "security-scheme": _Bent(
        "A security scheme of an unknown type",
        "Security Considerations; OpenAPI 3.1.1, Security Scheme Object",
        "Use apiKey, http, oauth2, openIdConnect or mutualTLS.",
    ),
    "deep-array": _Bent(
        "An array in the style deepObject",
        "Parameter Object; OpenAPI 3.1.1, Style Values",
        "Use the style form.",
    ),
    "outputs-list": _Bent(
        "Outputs of a workflow as a list",
        "Workflow Object",
        "Write a map from names to expressions.",
        "outputs: [{status: $statusCode}]",
        "outputs: {status: $steps.get.outputs.status}",
    ),
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
    "duplicate-source": _Bent(
        "Two sources of one name",
        "Source Description Object",
        "Give each its own name.",
        fields=("name",),
    ),
    "body-parameter": _Bent(
        "A parameter in the body",
        "Parameter Object; Request Body Object",
        "Write a `requestBody`.",
        "parameters:\n- {name: body, in: body, value: $inputs.order}",
        "requestBody: {payload: $inputs.order}",
        ("in", "reference"),
    ),
    "operation-id-form": _Bent(
        "An operationId in another form",
        "Step Object",
        "Write the operationId alone, or with the expression of its source.",
        "operationId: shop.getOrder",
        "operationId: $sourceDescriptions.shop.getOrder",
    ),
    "operation-id-case": _Bent(
        "An operationId in another case",
        "Step Object",
        "Write it as the source does.",
        "operationId: getorder",
        "operationId: getOrder",
    ),
    "duplicate-operation-id": _Bent(
        "An operationId that one source has twice",
        "Step Object",
        "Correct the source, or use an operationPath.",
    ),
    "operation-pointer-form": _Bent(
        "An operationPath whose pointer is not quite one",
        "Step Object",
        "Write the pointer: `/` inside the path as `~1`, the method last.",
        "operationPath: '{$sourceDescriptions.shop.url}#/paths/~1orders'",
        "operationPath: '{$sourceDescriptions.shop.url}#/paths/~1orders/get'",
    ),
    "operation-path-dialect": _Bent(
        "An operationPath that is a method and a path",
        "Step Object",
        "Write the source and the pointer.",
        "operationPath: GET /orders",
        "operationPath: '{$sourceDescriptions.shop.url}#/paths/~1orders/get'",
    ),
    "parameter-spelling": _Bent(
        "A path parameter in another spelling",
        "Parameter Object",
        "Write the name as it stands in the path.",
        "{name: pet_id, in: path, value: $inputs.pet}",
        "{name: petId, in: path, value: $inputs.pet}",
        ("name", "reference"),
    ),
    "parameter-not-in-path": _Bent(
        "A path parameter that the path does not have",
        "Parameter Object",
        "Write where the operation has it, or leave it out.",
        fields=("in", "reference"),
    ),
    "parameter-without-in": _Bent(
        "A parameter that does not say where it goes",
        "Parameter Object",
        "Say what it is `in`.",
        "{name: petId, value: $inputs.pet}",
        "{name: petId, in: path, value: $inputs.pet}",
    ),
    "lenient-status": _Bent(
        "Another success than the API declares",
        "Criterion Object",
        "Test a code that the API declares, or leave the criterion out: then every 2xx is a success.",
        "condition: $statusCode == 200 # POST answers 201",
        "condition: $statusCode == 201",
        ("condition",),
    ),
    "source-type": _Bent(
        "A source whose type is another",
        "Source Description Object",
        "Write `type: openapi`.",
        fields=("type",),
    ),
    "required-input-derived": _Bent(
        "An input that is needed and not required",
        "Workflow Object",
        "Put it into `required`, or give it a default.",
        "inputs: {properties: {petId: {type: string}}}",
        "inputs: {properties: {petId: {type: string}}, required: [petId]}",
    ),
    "input-type-from-api": _Bent(
        "An input without a fitting type",
        "Workflow Object",
        "Give the input the type that the API wants.",
    ),
    "undeclared-input": _Bent(
        "An input that is used and not declared",
        "Workflow Object",
        "Declare it in the `inputs` schema.",
    ),
}

OF_TOLERANCES: Final[dict[str, Rule]] = {code: _rule(code, bent) for code, bent in BENT.items() if code in TOLERANCES}
