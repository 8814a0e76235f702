"""Which header of an operation makes its requests repeatable: it carries a key that the provider acts on once only.

There is no standard yet (the IETF's draft says `Idempotency-Key`), so providers have names of their own. Only those
whose meaning is beyond doubt are here: a request id for tracing (`X-Request-Id`, `X-Correlation-Id`) promises nothing.
Any other header is named in the settings. Knows operations, nothing of runs or of the key itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from arazzo_mcp.arazzo.command import REPEATABLE
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.model import Operation, Parameter

OFF: Final = "off"
"""In place of a header's name in the settings: no key is sent to this source, whatever it declares."""

_NAME: Final = re.compile(r"(x-)?(request-)?idempoten(cy|ce|t)(-?(key|id|token|uuid))?", re.IGNORECASE)
_OF_VENDORS: Final = frozenset(
    {
        "paypal-request-id",
        "opc-retry-token",  # Oracle Cloud
        "cko-idempotency-key",  # Checkout.com
        "klarna-idempotency-key",
        "chave-idempotencia",  # Brazilian banks
    }
)
"""Names, in lower case, that say less by themselves or carry a vendor's."""

_KEY_LENGTH: Final = 36


def idempotency_header(operation: Operation, setting: str | None = None) -> str | None:
    """The header that carries a key with the requests of an operation, None where there is none.

    setting: what the settings say of the operation's source, a header's name or OFF. Requests that may be repeated
    anyhow need none.
    """
    if operation.method in REPEATABLE or (setting is not None and setting.lower() == OFF):
        return None
    if setting:
        return setting
    return next((p.name for p in operation.parameters if _is_key(p)), None)


def without_need(operation: Operation, header: str | None) -> Operation:
    """An operation whose header for the key need not be given: every run gives it."""
    if header is None:
        return operation
    given = (p.location == "header" and p.name.lower() == header.lower() for p in operation.parameters)
    pairs = zip(operation.parameters, given, strict=True)
    return replace(operation, parameters=tuple(replace(p, required=False) if is_key else p for p, is_key in pairs))


def _is_key(parameter: Parameter) -> bool:
    """Whether a parameter is such a header, and takes the keys that runs make."""
    name = parameter.name.lower()
    if parameter.location != "header" or not (_NAME.fullmatch(name) or name in _OF_VENDORS):
        return False
    return _takes_text(parameter.schema)


def _takes_text(schema: Mapping[str, Json]) -> bool:
    kinds, most = schema.get("type", "string"), schema.get("maxLength")
    is_text = "string" in kinds if isinstance(kinds, str | list) else True
    return is_text and not (isinstance(most, int) and most < _KEY_LENGTH)
