"""The scripted provider on loopback HTTP: it plays back what a run was answered without a network, and keeps what it
was asked, so that a run through the real server can be laid beside the one that was found by search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tests.corpus.play import Played


@dataclass(frozen=True)
class Seen:
    """A request as a provider sees it: method, path as it was sent, the pairs of the query, and the body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    content: bytes


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    """A client may leave characters as they are that another encodes; what they mean is the same."""
    return tuple(parse_qsl(query, keep_blank_values=True))


def expected(played: Played, bases: Mapping[str, str]) -> list[Seen]:
    """The requests of a run, as they must arrive where the sources' base URLs are replaced by the provider's.

    bases: the base URL by source, as the run was played with.
    """
    requests = []
    for turn in played.turns:
        rest = turn.request.url.removeprefix(bases[turn.call.target.source].rstrip("/"))
        path, _, query = rest.partition("?")
        requests.append(Seen(turn.request.method, path, _pairs(query), turn.request.content or b""))
    return requests


@dataclass
class Door:
    """An ASGI endpoint that answers from a run that was played, in order."""

    left: deque[Response] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)

    def script(self, played: Played) -> None:
        """The answers of the next run."""
        self.left = deque(
            Response(turn.wire.content, turn.wire.status, dict(turn.wire.headers)) for turn in played.turns
        )
        self.seen = []

    async def answer(self, request: Request) -> Response:
        """The next answer, whatever is asked; a run that asks too much is told so."""
        path = request.scope["raw_path"].decode()
        self.seen.append(Seen(request.method, path, _pairs(request.url.query), await request.body()))
        return self.left.popleft() if self.left else Response("the script has no answer left", 599)
