"""Where an API is: Server Objects -> one absolute base URL.

OpenAPI 3.2, "Server Object" and "Relative References in API URLs": a server's URL may be relative to the place where
the description was retrieved, and a description without servers is served at `/` of that place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from arazzo_mcp.arazzo.scope import Json, mapping

_ABSOLUTE: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")
_PLACEHOLDER: Final = re.compile(
    r"(?i)example|placeholder|change[-_ ]?me|[<>{}]|^x{3,}$|^(your|my)([-_ .]|$)|^(your|my)"
    r"(sub)?(domain|company|account|tenant|org|organi[sz]ation|instance|site|store|shop|bucket|workspace|team|host)"
)
_GENERIC: Final = re.compile(r"account|company|domain|host(name)?|instance|organi[sz]ation|subdomain|tenant|workspace")


@dataclass(frozen=True, slots=True)
class Server:
    """url: absolute, None where it cannot be known; placeholders: variables that nobody has chosen a value for."""

    url: str | None
    placeholders: Mapping[str, str] = field(default_factory=dict)


def server(servers: Json, chosen: Mapping[str, str], location: str | None) -> Server:
    """The first server that is absolute once its variables are filled in.

    chosen: values of variables that win over the description's defaults; location: where the description is, if on
    the web.
    """
    candidates = list(_candidates(servers, chosen, location)) or [Server(_absolute("/", location))]
    return next((found for found in candidates if found.url), candidates[0])


def variables(servers: Json) -> dict[str, tuple[str, ...]]:
    """The variables in the URLs of some servers, with the values that each may have; none where it may have any."""
    found: dict[str, tuple[str, ...]] = {}
    for node in servers if isinstance(servers, list) else []:
        if isinstance(node, dict):
            declared = mapping(node.get("variables"))
            for name in _VARIABLE.findall(str(node.get("url"))):
                values = mapping(declared.get(name)).get("enum")
                found[name] = tuple(map(str, values)) if isinstance(values, list) else ()
    return found


def _candidates(servers: Json, chosen: Mapping[str, str], location: str | None) -> Iterator[Server]:
    for node in servers if isinstance(servers, list) else []:
        if isinstance(node, dict):
            url = str(node.get("url") or "/").strip()
            values = {**_defaults(mapping(node.get("variables"))), **chosen}
            names = _VARIABLE.findall(url)
            filled = _filled(url, values)
            unchosen = {name: values.get(name, "") for name in names if name not in chosen}
            yield Server(_absolute(filled, location), {n: v for n, v in unchosen.items() if is_placeholder(n, v)})


def _filled(url: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match[1]) or match[0], url)


def _defaults(variables: Mapping[str, Json]) -> dict[str, str]:
    nodes = {str(name): node for name, node in variables.items() if isinstance(node, dict)}
    return {name: str(node["default"]) for name, node in nodes.items() if node.get("default") is not None}


def _absolute(url: str, location: str | None) -> str | None:
    if location and _ABSOLUTE.match(location):
        url = urljoin(location, url)
    return url if _ABSOLUTE.match(url) and not _VARIABLE.search(url) else None


def is_placeholder(name: str, value: str) -> bool:
    """Whether the default of a server variable is obviously nobody's value: `your-domain`, `example`, `{account}`,
    nothing, or the variable's own name."""
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    if not value or _GENERIC.fullmatch(plain):
        return True
    return bool(_PLACEHOLDER.search(value)) or (len(plain) > 3 and plain == re.sub(r"[^a-z0-9]", "", name.lower()))
