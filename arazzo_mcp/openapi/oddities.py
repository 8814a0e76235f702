"""What binding an operation tolerates of its description: codes of the ledger of tolerances, each with its subject.

The tolerances themselves stand where they are used: in `path.py`, `security.py`, `style.py` and `server.py`. This only
tells of them, before the first request, to whoever reports findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from arazzo_mcp.openapi.model import Operation
from arazzo_mcp.openapi.path import path_template

_KINDS: Final = ("apiKey", "http", "oauth2", "openIdConnect")


def oddities(operation: Operation) -> Iterator[tuple[str, str]]:
    """The tolerances that calling an operation takes: (code, what it is applied to), in the ledger's words."""
    template = path_template(operation.path)
    if template.query or "#" in operation.path:
        yield "path-with-query", operation.key
    if template.slashed:
        names = ", ".join(sorted(template.slashed))
        yield "path-with-slashes", f"{names} of {operation.key}"
    for name in dict.fromkeys(s.name for needed in operation.security for s in needed if s.kind not in _KINDS):
        yield "security-scheme", f"security scheme {name!r} of source {operation.source!r}"
    for parameter in operation.parameters:
        if parameter.style == "deepObject" and parameter.schema.get("type") == "array":
            yield "deep-array", f"{parameter.location} parameter {parameter.name!r} of {operation.key}"
