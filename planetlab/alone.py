"""Work that comes up again and again, one at a time: while it goes on it is not begun a second time."""

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


@define
class Alone:
    """One piece of work; where it fails in a way that nobody foresaw, the log says that ``what`` did."""

    what: str
    _goes_on: bool = field(default=False, init=False)

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin ``work``, unless what was begun before goes on."""
        if not self._goes_on:
            self._goes_on = True
            Deferred.fromCoroutine(work()).addErrback(self._failed).addBoth(self._ended)

    def _failed(self, failure: Failure) -> None:
        _log.failure("{what} failed", failure, what=self.what)

    def _ended(self, nothing: None) -> None:
        self._goes_on = False
