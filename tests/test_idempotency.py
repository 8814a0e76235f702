"""Which header carries a run's key: what operations declare, what the settings say, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from arazzo_mcp.app import load
from arazzo_mcp.authors import dry_run_text
from arazzo_mcp.authors.dry_run import DryRun
from arazzo_mcp.authors.facts import facts
from arazzo_mcp.credentials import Credentials
from arazzo_mcp.errors import UsageError
from arazzo_mcp.library import Library, Linked, relink
from arazzo_mcp.openapi.idempotency import idempotency_header
from arazzo_mcp.openapi.parse import OpenApi
from arazzo_mcp.reading.read import Snapshot
from arazzo_mcp.settings import Settings, load_settings

KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "format": "uuid"}}

Opened = Callable[..., Library]


def api(*parameters: dict[str, Any]) -> dict[str, Any]:
    node = {"parameters": list(parameters), "responses": {"201": {"description": "made"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://api.test"}],
        "paths": {"/jobs": {"post": {"operationId": "submit", **node}, "put": {"operationId": "set", **node}}},
    }


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A workflow of one step, and the API that it calls."""

    def opened(described: dict[str, Any], step: dict[str, Any] | None = None, **settings: Any) -> Library:
        given = {"properties": {"mine": {"type": "string"}}}
        document = {
            "arazzo": "1.0.1",
            "info": {"title": "t", "version": "1"},
            "sourceDescriptions": [{"name": "shop", "url": "shop.json", "type": "openapi"}],
            "workflows": [
                {
                    "workflowId": "w",
                    "inputs": given if step else {},
                    "steps": [{"stepId": "submit", "operationId": "submit", **(step or {})}],
                }
            ],
        }
        (tmp_path / "shop.json").write_text(json.dumps(described))
        (tmp_path / "a.arazzo.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        return load([tmp_path / "a.arazzo.yaml"], Settings(store=tmp_path / "s", **settings))

    return opened


def header(linked: Linked) -> str | None:
    return linked.program.targets["w", "submit"].idempotency


def of(parameter: dict[str, Any], setting: str | None = None, key: str = "POST /jobs") -> str | None:
    return idempotency_header(OpenApi("shop", api(parameter)).operation(key), setting)


@pytest.mark.parametrize(
    "name",
    [
        "Idempotency-Key", "idempotency-key", "X-Idempotency-Key", "IdempotencyKey", "Idempotent-Key",
        "Idempotence-Key", "X-Idempotent-Key", "Idempotency-Token", "X-Idempotence-UUID", "Idempotency-Id",
        "Request-Idempotency-Key",
        "PayPal-Request-Id", "opc-retry-token", "Cko-Idempotency-Key", "Klarna-Idempotency-Key", "Chave-Idempotencia",
    ],
)  # fmt: skip
def test_headers_that_carry_a_key(name: str) -> None:
    assert of({"name": name, "in": "header", "schema": {"type": "string"}}) == name
    assert of({"name": name, "in": "header"}) == name
    assert of({"name": name, "in": "header"}, key="PUT /jobs") is None, "it may be repeated anyhow"


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "X-Request-Id", "in": "header"},
        {"name": "X-Correlation-Id", "in": "header"},
        {"name": "x-ms-client-request-id", "in": "header"},
        {"name": "Idempotency-Expiry", "in": "header"},
        {"name": "X-Idempotency-Replayed", "in": "header"},
        {"name": "Idempotency-Key", "in": "query"},
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "integer"}},
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 32}},
        {"name": "x-amz-pay-idempotency-key", "in": "header"},  # takes no more than 32 characters
    ],
)
def test_parameters_that_are_none(parameter: dict[str, Any]) -> None:
    assert of(parameter) is None


def test_the_settings_have_the_last_word() -> None:
    trace = {"name": "X-Request-Id", "in": "header"}
    assert of(trace, "X-Request-Id") == "X-Request-Id"
    assert of(KEY, "X-Once") == "X-Once"
    assert of(KEY, "off") is None
    assert of(KEY, "X-Once", "PUT /jobs") is None


def test_a_required_header_is_given_by_the_run(opened: Opened) -> None:
    library = opened(api(KEY))
    assert library.findings == ()
    (linked,) = library.descriptions
    assert header(linked) == "Idempotency-Key"
    assert linked.inputs["w"].required == []
    off = opened(api(KEY), idempotency={"shop": "off"})
    assert [finding.code for finding in off.findings] == ["missing-parameter"]
    assert header(off.descriptions[0]) is None


def test_an_input_for_the_header_may_be_left_out(opened: Opened) -> None:
    step = {"parameters": [{"name": "idempotency-key", "in": "header", "value": "$inputs.mine"}]}
    linked = opened(api(KEY), step).descriptions[0]
    assert linked.inputs["w"].required == []
    assert opened(api(KEY), step, idempotency={"shop": "off"}).descriptions[0].inputs["w"].required == ["mine"]


def test_what_the_settings_say_is_pinned_with_the_documents(opened: Opened) -> None:
    plain, named = (opened(api(), idempotency=given).descriptions[0] for given in ({}, {"shop": "X-Once"}))
    assert (header(plain), header(named)) == (None, "X-Once")
    assert plain.digest != named.digest
    again = relink(Snapshot.from_json(named.snapshot.to_json()), named.program.pace)
    assert (header(again), again.digest) == ("X-Once", named.digest)


def test_settings_of_no_source(opened: Opened) -> None:
    with pytest.raises(UsageError, match=r"idempotency shp: .* Did you mean 'shop'\?"):
        opened(api(), idempotency={"shp": "Idempotency-Key"})


@pytest.mark.parametrize("name", ["", "two words", "Authorization", "content-type", "a:b"])
def test_settings_that_name_no_header(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no header that could carry a key"):
        load_settings(flags={"store": tmp_path / "s", "idempotency": {"shop": name}})


def test_what_is_told_before_the_first_request(opened: Opened) -> None:
    linked, flow = next(opened(api(KEY)).workflows())
    assert facts(linked, flow, Credentials({})).submits == ("submit: POST /jobs (repeatable by Idempotency-Key)",)
    told = "\n".join(dry_run_text.as_lines(DryRun(linked, flow, Credentials({})).go({})))
    assert "idempotency-key: {the run's own key}" in told


def test_a_dry_run_shows_a_key_of_the_steps_own(opened: Opened) -> None:
    step = {"parameters": [{"name": "Idempotency-Key", "in": "header", "value": "$inputs.mine"}]}
    linked, flow = next(opened(api(KEY), step).workflows())
    told = "\n".join(dry_run_text.as_lines(DryRun(linked, flow, Credentials({})).go({"mine": "order-1"})))
    assert "idempotency-key: order-1" in told
