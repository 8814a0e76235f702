"""Rules of steps against the operations that they call, and of the ways through a workflow."""

from __future__ import annotations

from typing import Final

from arazzo_mcp.authors.rules.rule import EMPTY, NOT_SERVED, Rule

_SERVED: Final = "The workflow is served as it is."

OF_LINKING: Final[dict[str, Rule]] = {
    "cancel-setting": Rule(
        "A setting on cancelling that does not fit a workflow",
        "arazzo-mcp, setting `cancel`",
        "The operation that the settings name for a source has all its path parameters from one step of a workflow, "
        "one of them from what another step has started.",
        "`run_cancel` stops the runs of this workflow here, and sends nothing.",
        "Name an operation whose path parameters have the names that the steps use, or write `x-on-cancel`.",
    ),
    "placeholder-server": Rule(
        "A server variable that only stands for a value",
        "OpenAPI 3.1.1, Server Variable Object",
        "`default` is required: the value that is used where no other is given.",
        "The workflows are served with that value, which no server will have.",
        "Give the value with --server-variable SOURCE.NAME=VALUE, or the whole base URL with --server SOURCE=URL.",
        "url: https://{tenant}.example.com\nvariables: {tenant: {default: your-tenant}}",
        "url: https://{tenant}.example.com\nvariables: {tenant: {default: acme}}",
        fields=("url",),
    ),
    "odd-name": Rule(
        "A name with unusual characters",
        "Arazzo 1.1.0, Workflow Object; Source Description Object",
        "`workflowId` and the name of a source should be made of letters, digits, `_` and `-`.",
        "The workflow is served; its tool gets a name in which other characters are replaced.",
        "Use the usual characters.",
        "workflowId: run a model",
        "workflowId: run-a-model",
        fields=("workflowId", "name"),
    ),
    "missing-parameter": Rule(
        "A required parameter that the step does not give",
        "OpenAPI 3.1.1, Parameter Object",
        "A parameter with `required: true` is sent with every request.",
        "The request is sent without it; the API will most likely refuse it.",
        "Give the step the parameter.",
        fields=("parameters", "operationId", "operationPath"),
    ),
    "parameter-elsewhere": Rule(
        "A parameter that the operation has in another place",
        "Arazzo 1.1.0, Parameter Object",
        "Name and `in` of a parameter are those of the operation.",
        "It is sent where the step says.",
        "Write the `in` that the message names.",
        "{name: limit, in: header, value: 10}",
        "{name: limit, in: query, value: 10}",
        fields=("in", "reference"),
    ),
    "undeclared-parameter": Rule(
        "A parameter that is nearly one of the operation",
        "Arazzo 1.1.0, Parameter Object",
        "Name and `in` of a parameter are those of the operation.",
        "It is sent as it is given.",
        "Correct the name.",
        fields=("name", "reference"),
    ),
    "missing-body": Rule(
        "A required request body that the step does not give",
        "OpenAPI 3.1.1, Request Body Object",
        "A body with `required: true` is sent with every request.",
        "The request is sent without; the API will most likely refuse it.",
        "Give the step a `requestBody`.",
        fields=("operationId", "operationPath"),
    ),
    "undeclared-body": Rule(
        "A request body that the operation does not have",
        "Arazzo 1.1.0, Step Object",
        "`requestBody` is the body to pass to the operation.",
        "It is sent as it is given.",
        "Leave it out, or call the operation that takes it.",
    ),
    "undeclared-status": Rule(
        "A status code that the operation does not declare",
        "OpenAPI 3.1.1, Responses Object",
        "The responses of an operation are listed by their status codes.",
        "The criterion is judged as it is written: it may never hold.",
        "Test a code that the API declares.",
        fields=("condition",),
    ),
    "forward-reference": Rule(
        "An output that is used before its step has run",
        "Arazzo 1.1.0, Validation Recommendations",
        "A step should not use outputs of a step that stands later in the list.",
        f"Where nothing ever leads back it is an error: {NOT_SERVED} Elsewhere it is a warning. {EMPTY}",
        "Change the order of the steps.",
    ),
    "unreachable-step": Rule(
        "A step that nothing leads to",
        "Arazzo 1.1.0, Workflow Object",
        "Steps run in their order unless an action says otherwise.",
        f"{_SERVED} The step never runs.",
        "Lead an action to it, or take it out.",
    ),
    "dead-action": Rule(
        "An action that never applies",
        "Arazzo 1.1.0, Step Object",
        "The first action whose criteria hold is executed; one without criteria always applies.",
        f"{_SERVED} The action is never taken.",
        "Put the action without criteria last.",
        "- {name: done, type: end}\n- {name: next, type: goto, stepId: b, criteria: [{condition: $inputs.more}]}",
        "- {name: next, type: goto, stepId: b, criteria: [{condition: $inputs.more}]}\n- {name: done, type: end}",
    ),
    "paced-loop": Rule(
        "A loop without a delay of its own",
        "Arazzo 1.1.0, Success Action Object",
        "`goto` transfers control at once, as often as its criteria hold.",
        "The loop is paced: 1 s before the first jump back, growing to 15 s; the provider's Retry-After wins.",
        "Nothing needs to be done. To say how long and how often, retry on failure with retryAfter and retryLimit.",
    ),
    "branch-falls-through": Rule(
        "An arm of a branch that goes on into the next",
        "Arazzo 1.1.0, Step Object",
        "Without a success action the next step in the list is executed.",
        f"{_SERVED}",
        "If it is not meant, end the arm: an action of type `end`, or a `goto` to where the arms meet.",
    ),
    "duplicate-key": Rule(
        "A key that stands twice in one object",
        "Arazzo 1.1.0, Format",
        "YAML 1.2 and JSON: the keys of an object are unique.",
        "Nothing of the document is served, because one of the two values would be lost without a word.",
        "Keep one of them.",
    ),
    "odd-id": Rule(
        "A name that is hard to use",
        "Arazzo 1.1.0, Workflow Object, Source Description Object",
        "`workflowId` and the `name` of a source SHOULD conform to the regular expression [A-Za-z0-9_\\-]+.",
        "It works; the tool of such a workflow gets another name.",
        "Use letters, digits, `_` and `-` alone.",
        "workflowId: Order, then pay",
        "workflowId: order-then-pay",
        fields=("workflowId", "name"),
    ),
    "dangling-reference": Rule(
        "A reference to a file that is not read",
        "OpenAPI 3.1.1, Relative References in URIs",
        "A `$ref` leads to an object in this description or in another file.",
        "What stands there is taken as empty: a schema allows everything, a parameter or an operation is not there. "
        "Only files below the folders that were given are read, and nothing is fetched.",
        "Put the file where the reference says, give a folder that holds both, or inline what it refers to.",
        "schema: {$ref: 'https://example.com/pet.yaml#/Pet'}",
        "schema: {$ref: 'pet.yaml#/Pet'}",
    ),
    "source-cycle": Rule(
        "Documents that use one another in a circle",
        "Arazzo 1.1.0, Source Description Object",
        "A source of type arazzo is another document whose workflows are used.",
        "The circle is cut where it closes: what needs the closing link is not served.",
        "Put the workflows that need one another into one document.",
    ),
}
