"""An error that comes back many times a second, in the log when it begins, when it changes and when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Complaint:
    """About something that fails and is tried again. what: what cannot be done meanwhile; kinds: the errors."""

    def __init__(self, what: str, *kinds: type[Exception]) -> None:
        self._what, self._kinds, self._said = what, kinds, ""

    @contextmanager
    def logged(self) -> Iterator[None]:
        """One try: an error ends the block and goes no further."""
        try:
            yield
        except self._kinds as error:
            if self._said != str(error):
                self._said = str(error)
                log.error("%s meanwhile: %s", self._what, error)
        else:
            if self._said:
                self._said = ""
                log.info("%s: that is over", self._what)
