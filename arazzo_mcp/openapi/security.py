"""Security Requirement Objects -> the schemes that they name, as far as requests need them.

OpenAPI 3.2, "Security Scheme Object". A type is compared without regard to case; one that is missing or unknown is
taken for an Authorization header, whose value the settings give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.openapi.model import Requirement, Resolve, SecurityScheme

_ENVIRONMENT: Final = re.compile(r"\$\{?([A-Z][A-Z0-9_]{2,})\}?")
_PREFIX: Final = re.compile(r"Authorization:\s*([A-Za-z][A-Za-z-]*)\s+[$<{]", re.IGNORECASE)
_KINDS: Final = {
    "apikey": "apiKey",
    "http": "http",
    "basic": "http",
    "bearer": "http",
    "oauth": "oauth2",
    "oauth2": "oauth2",
    "openidconnect": "openIdConnect",
    "oidc": "openIdConnect",
    "mutualtls": "mutualTLS",
}


def requirements(node: Json, schemes: Mapping[str, Json], resolve: Resolve) -> Iterator[Requirement]:
    """The alternatives, best first, without those that need nothing of a request (`{}`, mutual TLS).

    A name that is no component is read as the URI of a scheme (OpenAPI 3.2, "Security Requirement Object").
    """
    for requirement in node if isinstance(node, list) else []:
        names = [str(name) for name in requirement] if isinstance(requirement, dict) else []
        found = (_scheme(name, resolve(schemes.get(name, {"$ref": name} if "#" in name else {}))) for name in names)
        needed = tuple(scheme for scheme in found if scheme.kind != "mutualTLS")
        if needed:
            yield needed


def _scheme(name: str, node: Mapping[str, Json]) -> SecurityScheme:
    """Where a description writes `Authorization: Key $FAL_KEY`, it tells both the prefix and the variable."""
    kind, text = _kind(node), str(node.get("description", ""))
    variable, prefix = _ENVIRONMENT.search(text), _PREFIX.search(text)
    key = str(node.get("name") or "Authorization")
    location = str(node.get("in") or "header").lower()
    is_header = kind == "apiKey" and location == "header" and key.lower() == "authorization"
    return SecurityScheme(
        name,
        kind,
        location,
        key,
        _http_scheme(kind, node),
        str(node["x-arazzo-mcp-env"]) if "x-arazzo-mcp-env" in node else variable and variable[1],
        str(node.get("x-arazzo-mcp-prefix", f"{prefix[1]} " if prefix and is_header else "")),
    )


def _kind(node: Mapping[str, Json]) -> str:
    """The type, or what the other fields tell where it is missing."""
    written = str(node.get("type") or "")
    if known := _KINDS.get(re.sub(r"[^a-z0-9]", "", written.lower())):
        return known
    if node.get("scheme"):
        return "http"
    if node.get("name") and node.get("in"):
        return "apiKey"
    return "oauth2" if node.get("flows") or node.get("flow") else written


def _http_scheme(kind: str, node: Mapping[str, Json]) -> str:
    """The scheme of `http`; "the value is case-insensitive"."""
    if kind != "http":
        return ""
    written = str(node.get("type") or "").lower()
    return str(node.get("scheme") or (written if written in ("basic", "bearer") else "")).strip().lower()
