"""Documents as people write them, from the command line or an MCP client to the bytes that reach an API on loopback."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from mcp import Client
from starlette.responses import JSONResponse, Response

from tests.conftest import ROOT, Scripted, command, stdio

pytestmark = pytest.mark.anyio


async def ran(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, while the API of this process answers."""
    return await anyio.run_process(command(*arguments), check=False, cwd=ROOT, env={**os.environ, **env})


# --- an order by hand: dialects in every step, and a token of OAuth

SHOP = """
openapi: 3.0.3
info: {title: Shop, version: '1'}
servers: [{url: 'https://shop.example/{tenant}', variables: {tenant: {default: acme}}}]
components:
  securitySchemes:
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://shop.example/token', scopes: {}}}}
security: [{oauth: []}]
paths:
  /products:
    get:
      operationId: listProducts
      parameters:
      - name: limit
        in: query
        required: true
        description: How many.
        schema: {type: integer, minimum: 1, maximum: 50}
      - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
      - {name: 'page[size]', in: query, schema: {type: integer}}
      responses: {'200': {description: found}}
  /orders:
    post:
      operationId: createOrder
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [product, quantity]
              properties: {product: {type: string}, quantity: {type: integer}, gift: {type: boolean}}
      responses: {'201': {description: made}}
  /orders/{orderId}:
    get:
      operationId: getOrder
      parameters: [{name: orderId, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: found}}
"""

BUY = """
arazzo: 1.0.1
info: {title: Messy, version: '1'}
sourceDescriptions: [{name: shop, url: shop.yaml, type: openapi}]
workflows:
- workflowId: buy
  summary: Buy something
  inputs:
    type: object
    properties:
      limit: {type: string}
      tags: {type: array, items: {type: string}}
      'page[size]': {type: integer}
      quantity: {type: integer}
      gift: {}
  steps:
  - stepId: list
    operationId: shop.listProducts
    parameters:
    - {name: limit, in: query, value: $inputs.limit}
    - {name: tags, value: $inputs.tags}
    - {name: 'page[size]', in: query, value: '$inputs.page[size]'}
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {first: '$response.body.items[0].id'}
  - stepId: order
    operationId: createOrder
    requestBody: {payload: {product: $steps.list.outputs.first, quantity: $inputs.quantity, gift: $inputs.gift}}
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {id: $response.body#/orderId}
  - stepId: wait
    operationPath: GET /orders/{orderId}
    parameters: [{name: order_id, in: path, value: $steps.order.outputs.id}]
    successCriteria:
    - {context: $response.body, type: jsonpath, condition: $.state == "done" || $.state == 'shipped'}
    onFailure: [{name: again, type: retry, retryAfter: 0.01, retryLimit: 5}]
    outputs: {state: $response.body#/state}
  outputs: {id: $steps.order.outputs.id, state: $steps.wait.outputs.state}
"""

DIALECTS = {
    "required-input-derived",
    "input-type-from-api",
    "operation-id-form",
    "parameter-without-in",
    "odd-name",
    "dotted-body",
    "lenient-status",
    "operation-path-dialect",
    "parameter-spelling",
    "jsonpath-boolean",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "buy.arazzo.yaml").write_text(BUY)
    return tmp_path / "buy.arazzo.yaml"


async def test_a_document_of_dialects_is_read_as_it_was_meant(shop: Path, scripted: Scripted, tmp_path: Path) -> None:
    checked = await ran("check", shop, "--json")
    assert checked.returncode == 0
    assert {finding["code"] for finding in json.loads(checked.stdout)["findings"]} == DIALECTS
    strict = await ran("check", shop, "--strict")
    assert strict.returncode == 1
    assert b"workflow buy is NOT served" in strict.stdout

    scripted.replies = [
        JSONResponse({"items": [{"id": "p1"}]}),
        JSONResponse({"orderId": 7}, 201),
        JSONResponse({"state": "open"}),
        JSONResponse({"state": "shipped"}),
    ]
    given = {"limit": "5", "tags": ["x", "y z"], "page[size]": 3, "quantity": "2", "gift": True}
    options = ["--server", f"shop={scripted.url}", "--store", tmp_path / "runs", "--json"]
    done = await ran("run", shop, "buy", "--inputs", json.dumps(given), *options, ARAZZO_SHOP_OAUTH="t0ken")
    assert (done.returncode, json.loads(done.stdout)["outputs"]) == (0, {"id": 7, "state": "shipped"}), done.stderr

    listed, ordered, *polled = scripted.asked
    assert parse_qs(urlsplit(listed[1]).query) == {"limit": ["5"], "tags": ["x,y z"], "page[size]": ["3"]}
    assert json.loads(ordered[2]) == {"product": "p1", "quantity": 2, "gift": True}, "2 is no text any more"
    assert [(method, path) for method, path, _ in polled] == [("GET", "/orders/7")] * 2
    assert {headers["authorization"] for headers in scripted.headers} == {"Bearer t0ken"}

    refused = await ran("run", shop, "buy", "--input", "limit=500", "--input", "quantity=two", *options)
    assert refused.returncode == 2
    assert b"limit: 500 is greater than the maximum of 50 (so says 'limit' of GET /products)" in refused.stderr
    assert b"quantity must be of type integer" in refused.stderr
    assert len(scripted.asked) == 4, "nothing was sent"


# --- a file, as OpenAPI 2.0 says it

UPLOADS = {
    "swagger": "2.0",
    "info": {"title": "Uploads", "version": "1"},
    "host": "uploads.example",
    "consumes": ["multipart/form-data"],
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "security": [{"key": []}],
    "paths": {
        "/pets/{petId}/image": {
            "post": {
                "operationId": "uploadFile",
                "parameters": [
                    {"name": "petId", "in": "path", "required": True, "type": "integer", "format": "int64"},
                    {"name": "note", "in": "formData", "type": "string", "description": "Words about it"},
                    {
                        "name": "tags",
                        "in": "formData",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "pipes",
                    },
                    {"name": "file", "in": "formData", "required": True, "type": "file"},
                ],
                "responses": {"200": {"description": "taken"}},
            }
        }
    },
}

UPLOAD = """
arazzo: 1.0.0
info: {title: Upload, version: '1'}
sourceDescriptions: [{name: up, url: up.json, type: openapi}]
workflows:
- workflowId: upload
  inputs:
    type: object
    properties: {petId: {type: integer}, image: {type: string}, note: {type: string}, tags: {type: array}}
  steps:
  - stepId: send
    operationId: uploadFile
    parameters: [{name: petId, in: path, value: $inputs.petId}]
    requestBody: {payload: {note: $inputs.note, tags: $inputs.tags, file: $inputs.image}}
    outputs: {size: $response.body#/size}
  outputs: {size: $steps.send.outputs.size}
"""


async def test_a_file_of_an_allowed_folder_reaches_an_api_of_openapi_2(scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(json.dumps(UPLOADS))
    (tmp_path / "up.arazzo.yaml").write_text(UPLOAD)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00cat")
    (tmp_path / "secret.txt").write_text("not for you")
    settings = tmp_path / "settings.toml"
    settings.write_text(f'file_roots = ["{(tmp_path / "images").as_posix()}"]\n[servers]\nup = "{scripted.url}/v2"\n')
    scripted.replies = [JSONResponse({"size": 12})]

    def upload(image: str) -> list[str | Path]:
        given = {"petId": "4", "image": image, "tags": ["a", "b"]}
        where = ["--config", settings, "--store", tmp_path / "runs", "--json"]
        return ["run", tmp_path / "up.arazzo.yaml", "upload", "--inputs", json.dumps(given), *where]

    done = await ran(*upload("cat.png"), ARAZZO_UP_KEY="s3cret")
    assert (done.returncode, json.loads(done.stdout)["outputs"]) == (0, {"size": 12}), done.stderr
    ((method, path, body),) = scripted.asked
    assert (method, path, scripted.headers[0]["x-key"]) == ("POST", "/v2/pets/4/image", "s3cret")
    assert b'name="file"; filename="cat.png"\r\n' in body
    assert b"\r\n\r\n\x89PNG\r\n\x1a\n\x00cat\r\n" in body, "byte for byte"
    assert b'name="tags"\r\n\r\na|b\r\n' in body
    assert b"note" not in body, "what is not given is left out"

    for outside in ("../secret.txt", str(tmp_path / "secret.txt"), f"file://{tmp_path}/secret.txt"):
        refused = await ran(*upload(outside), ARAZZO_UP_KEY="s3cret")
        assert refused.returncode == 1
        assert "is no file in the folders that may be read" in json.loads(refused.stdout)["error"]["message"]
    assert len(scripted.asked) == 1, "nothing else was sent"


# --- Arazzo 1.1: a workflow of another document, an API of many files, a whole query and a stream of events

USERS_API = {
    "api.yaml": """
openapi: 3.1.0
info: {title: Users, version: '1'}
servers: [{url: https://users.example}]
paths:
  /users: {$ref: 'paths/users.yaml#/all'}
  /users/{id}: {$ref: paths/user.yaml}
""",
    "paths/users.yaml": """
all:
  post:
    operationId: addUser
    requestBody: {required: true, content: {application/json: {schema: {$ref: ../schemas/user.json}}}}
    responses: {'201': {description: made}}
""",
    "paths/user.yaml": """
get:
  operationId: getUser
  parameters: [{$ref: '../parameters.yaml#/Id'}]
  responses: {'200': {description: found}}
""",
    "parameters.yaml": "Id: {name: id, in: path, required: true, schema: {type: integer}}\n",
    "schemas/user.json": json.dumps(
        {
            "type": "object",
            "required": ["name", "age"],
            "properties": {
                "name": {"type": "string", "description": "Full name"},
                "age": {"type": "integer"},
                "boss": {"$ref": "#"},
                "address": {"$ref": "missing.json#/Address"},
            },
        }
    ),
    "users.arazzo.yaml": """
arazzo: 1.0.1
info: {title: Users, version: '1'}
sourceDescriptions: [{name: api, url: ./api.yaml, type: openapi}]
workflows:
- workflowId: addUser
  inputs: {type: object, properties: {name: {type: string}, age: {type: string}}}
  steps:
  - stepId: add
    operationId: addUser
    requestBody: {payload: {name: $inputs.name, age: $inputs.age}}
    successCriteria: [{condition: $statusCode == 201}]
    outputs: {id: $response.body#/id}
  - stepId: get
    operationId: getUser
    parameters: [{name: id, in: path, value: $steps.add.outputs.id}]
    successCriteria: [{condition: $response.body#/name == $inputs.name}]
    outputs: {user: $response.body}
  outputs: {user: $steps.get.outputs.user}
""",
}

EVENTS = {
    "events.yaml": """
openapi: 3.2.0
info: {title: Events, version: '1'}
servers: [{url: https://events.example}]
paths:
  /stream:
    get:
      operationId: stream
      parameters:
      - name: q
        in: querystring
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {topic: {type: string}, n: {type: integer}}}
      responses: {'200': {description: heard, content: {text/event-stream: {itemSchema: {type: object}}}}}
""",
    "listen.arazzo.yaml": """
arazzo: 1.1.0
info: {title: Listen, version: '1'}
sourceDescriptions:
- {name: events, url: events.yaml, type: openapi}
- {name: users, url: users/users.arazzo.yaml, type: arazzo}
workflows:
- workflowId: join
  inputs: {type: object, properties: {name: {type: string}, age: {type: integer}, topic: {type: string}}}
  steps:
  - stepId: user
    workflowId: $sourceDescriptions.users.addUser
    parameters: [{name: name, value: $inputs.name}, {name: age, value: $inputs.age}]
    outputs: {user: $outputs.user}
  - stepId: hear
    dependsOn: [user]
    operationId: $sourceDescriptions.events.stream
    parameters: [{name: q, in: querystring, value: {topic: $inputs.topic, n: '2'}}]
    outputs:
      second: {context: $response.body, selector: /1/data/i, type: jsonpointer}
      last: {context: $response.body, selector: '$[-1:].data', type: jsonpath}
  outputs: {user: $steps.user.outputs.user, second: $steps.hear.outputs.second, last: $steps.hear.outputs.last}
""",
}


async def test_documents_that_refer_to_each_other_are_one_tool(scripted: Scripted, tmp_path: Path) -> None:
    for name, text in {**EVENTS, **{f"users/{name}": text for name, text in USERS_API.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    heard = "".join(f'event: tick\nid: {i}\ndata: {{"i": {i}}}\n\n' for i in range(3))
    scripted.replies = [
        JSONResponse({"id": 3}, 201),
        JSONResponse({"name": "Ann", "age": 5}),
        Response(heard, media_type="text/event-stream"),
    ]
    servers = ["--server", f"events={scripted.url}/e", "--server", f"api={scripted.url}/u"]
    serve = stdio(tmp_path / "listen.arazzo.yaml", *servers, "--store", tmp_path / "runs")
    async with Client(serve) as client:
        tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "join")
        assert set(tool.input_schema["required"]) == {"name", "age"}, "what the other document's API requires"
        assert tool.input_schema["properties"]["name"]["description"] == "Full name"
        result = await client.call_tool("join", {"name": "Ann", "age": "5", "topic": "a & b"})
    assert result.structured_content is not None
    assert result.structured_content["outputs"] == {
        "user": {"name": "Ann", "age": 5},
        "second": 1,
        "last": [{"i": 2}],
    }
    added, got, listened = scripted.asked
    assert (added[1], json.loads(added[2])) == ("/u/users", {"name": "Ann", "age": 5})
    assert got[1] == "/u/users/3"
    assert (urlsplit(listened[1]).path, parse_qs(urlsplit(listened[1]).query)) == (
        "/e/stream",
        {"topic": ["a & b"], "n": ["2"]},
    )
