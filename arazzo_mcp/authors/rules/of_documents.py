"""Rules of files, of the description as a whole, and of linking its steps to the operations of its sources."""

from __future__ import annotations

from typing import Final

from arazzo_mcp.authors.rules.rule import NONE_SERVED, NOT_SERVED, Rule

_CALL: Final = ("operationId", "operationPath")

OF_DOCUMENTS: Final[dict[str, Rule]] = {
    "unreadable": Rule(
        "A file or folder that cannot be read",
        "Arazzo 1.1.0, Format",
        "An Arazzo Description is a JSON object, written in JSON or YAML.",
        "Nothing of it is served: there is no such file, it is not UTF-8, larger than 50 MB, or the system refuses.",
        "Give the path of a file or folder that can be read, in UTF-8.",
    ),
    "syntax": Rule(
        "No valid YAML or JSON",
        "Arazzo 1.1.0, Format",
        "An Arazzo Description is written in JSON or YAML 1.2.",
        "Nothing of the file is served. Where it is a source, the workflows that call its operations are not.",
        "Mend the text at the line and column of the finding; often it is a tab, a missing quote or the indentation.",
        "summary: Pay: the order",
        'summary: "Pay: the order"',
    ),
    "no-documents": Rule(
        "A folder without Arazzo documents",
        "Arazzo 1.1.0, Arazzo Specification Object",
        "`arazzo` is required and says the version of the specification.",
        "Files that end in .yaml, .yml or .json and name `arazzo` in their first 4 KB are read; there is none.",
        "Name another folder, or the file itself.",
    ),
    "not-arazzo": Rule(
        "No Arazzo description",
        "Arazzo 1.1.0, Arazzo Specification Object",
        "`arazzo` is required and says the version of the specification.",
        "Nothing of the file is served.",
        "Give the Arazzo document, not the OpenAPI description; or add its version.",
        "openapi: 3.1.0",
        "arazzo: 1.1.0",
    ),
    "unknown-version": Rule(
        "A version that is not known",
        "Arazzo 1.1.0, Versions",
        "`major`.`minor` of the version designate the feature set: 1.0 or 1.1.",
        "The document is read as version 1.1.0.",
        "Write the version that the document follows.",
        "arazzo: 2.0.0",
        "arazzo: 1.1.0",
    ),
    "no-workflows": Rule(
        "A description without workflows",
        "Arazzo 1.1.0, Arazzo Specification Object",
        "`workflows` is required and has at least one entry.",
        NONE_SERVED,
        "Add a workflow.",
    ),
    "source-not-found": Rule(
        "A source that cannot be had",
        "Arazzo 1.1.0, Source Description Object",
        "`url` is a URL to a source description; a relative one is resolved against the document.",
        "Nothing is fetched from the network. The file was looked for as written, by its name beside the document, "
        "under every folder above it, and in a folder `_original/`. Workflows that call its operations are not served; "
        "where none does, it is a warning.",
        "Mend the url, or give the file with --source NAME=PATH.",
        "url: https://example.com/openapi.yaml",
        "url: ./openapi.yaml",
        fields=("url", *_CALL),
    ),
    "not-openapi": Rule(
        "A source that is no OpenAPI description",
        "Arazzo 1.1.0, Source Description Object",
        "`type` says what the source is: `openapi`, `asyncapi` or `arazzo`.",
        "The source's version cannot be served: workflows that call its operations are not; where none does, it is a "
        "warning.",
        "Name an OpenAPI description of a version that is served, or give it with --source NAME=PATH.",
        fields=("url",),
    ),
    "unknown-source": Rule(
        "A source that is not declared",
        "Arazzo 1.1.0, Step Object",
        "An operation is described within one of the `sourceDescriptions`.",
        NOT_SERVED,
        "Write the name of one of `sourceDescriptions`, or declare the source.",
        "operationId: $sourceDescriptions.petstroe.getPet",
        "operationId: $sourceDescriptions.petstore.getPet",
        fields=_CALL,
    ),
    "unknown-operation": Rule(
        "An operation that no source has",
        "Arazzo 1.1.0, Step Object",
        "`operationId` is the name of an existing, resolvable operation; `operationPath` points to one.",
        NOT_SERVED,
        "Write an operationId of the source as it stands there (upper and lower case differ), or the pointer to the "
        "operation: `/` inside the path is written `~1`, and the method comes last.",
        "operationPath: '{$sourceDescriptions.shop.url}#/paths/orders/get'",
        "operationPath: '{$sourceDescriptions.shop.url}#/paths/~1orders/get'",
        fields=_CALL,
    ),
    "ambiguous-operation": Rule(
        "An operationId that several operations have",
        "Arazzo 1.1.0, Step Object",
        "An `operationId` is unique; with several sources it is written `$sourceDescriptions.<name>.<operationId>`.",
        NOT_SERVED + " The message names the operations that have it.",
        "Name the source. Where one source has the operationId twice, use an operationPath.",
        "operationId: createUser",
        "operationId: $sourceDescriptions.billing.createUser",
        fields=_CALL,
    ),
    "missing-path-parameter": Rule(
        "A path parameter that the step does not give",
        "OpenAPI 3.1.1, Parameter Object; Arazzo 1.1.0, Step Object",
        "A parameter in the path is required.",
        NOT_SERVED + " No request could be made.",
        "Give the step the parameter, under the name that the OpenAPI description has for it.",
        "operationId: getPet # GET /pets/{petId}",
        "operationId: getPet\nparameters:\n- {name: petId, in: path, value: $inputs.petId}",
        fields=("parameters", *_CALL),
    ),
    "no-server": Rule(
        "A source without an absolute server URL",
        "OpenAPI 3.1.1, Server Object",
        "A server's `url` may be relative: then it is relative to where the description was fetched from.",
        "The workflows are served, but every step that calls the source fails before anything is sent.",
        "Add an absolute server to the OpenAPI description, or give one with --server NAME=URL.",
        "servers: [{url: /v1}]",
        "servers: [{url: 'https://api.example.com/v1'}]",
        fields=("url",),
    ),
    "no-sources": Rule(
        "A description without sources",
        "Arazzo 1.1.0, Arazzo Specification Object",
        "`sourceDescriptions` has at least one entry.",
        "Served as far as its workflows need none.",
        "Add the sources that the steps call.",
    ),
    "self-fragment": Rule(
        "A `$self` with a fragment",
        "Arazzo 1.1.0, Arazzo Specification Object",
        "The `$self` URI does not contain a fragment identifier.",
        "It is used as it stands; other documents cannot name this one by it.",
        "Take away what begins with '#'.",
        fields=("$self",),
    ),
    "incomplete-info": Rule(
        "An info object without title or version",
        "Arazzo 1.1.0, Info Object",
        "`title` and `version` are required.",
        "Served all the same.",
        "Add them.",
        "info: {}",
        "info: {title: Orders, version: 1.0.0}",
    ),
}
