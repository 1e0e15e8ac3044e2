"""Whose packets are whose, and since when: the driver's word, kept as windows of time.

Changes are noted together a moment after they happen, and before anybody is answered who asks. A mark counts from
before its sliver could send and until after it could not, and is never two slices' at one moment.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from node_manager.books import Books, Window
from node_manager.drivers import Driver
from node_manager.round import InThread

_REST = 9  # of its time, so that looking takes a tenth at most while slivers come and go one after the other


class OwnersLog:
    """The log of one node."""

    log = Logger()

    def __init__(
        self,
        books: Books,
        driver: Driver,
        now: Callable[[], float],
        reactor: IReactorTime,
        in_thread: InThread,
        lag: float,
        kept: float,
    ) -> None:
        """``lag``: seconds within which changes are noted together; ``kept``: seconds that ended windows are kept."""
        self._books = books
        self._driver = driver
        self._now = now
        self._reactor = reactor
        self._in_thread = in_thread
        self._lag = lag
        self._kept = kept
        self._took = 0.0  # seconds of the last look; with many slivers that is a part of a second
        self._began: float | None = None  # when the oldest change began that is not noted
        self._one = DeferredLock()
        self._timer: IDelayedCall | None = None

    def changed(self, began: float) -> None:
        """Something may have changed since ``began``."""
        if self._began is None:
            self._began = began
            self._timer = self._timer or self._reactor.callLater(max(self._lag, _REST * self._took), self._due)

    def stop(self) -> None:
        """Note nothing by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def rest(self) -> None:
        """Wait for a look that is under way; after that the books may be closed."""
        await self._one.run(lambda: None)

    def _due(self) -> None:
        self._timer = None
        if self._began is not None:
            Deferred.fromCoroutine(self.see()).addErrback(
                lambda failure: self.log.failure("owners of packets could not be noted", failure)
            )

    async def see(self) -> None:
        """Ask the driver and note what changed; one look after the other, so that none is overtaken by an older."""
        await self._one.acquire()
        try:
            began, self._began = self._began, None
            since = self._reactor.seconds()
            try:
                owners = await self._in_thread(self._driver.owners)
                now = self._now()
                self._books.see(owners, now if began is None else began, now, self._kept)
            except BaseException:
                self._began = began  # to be noted yet
                raise
            finally:
                self._took = self._reactor.seconds() - since
        finally:
            self._one.release()

    async def since(self, stamp: int) -> tuple[int, list[Window]]:
        """The stamp now, and the windows that changed after ``stamp``; 0 gives all."""
        if self._began is not None or self._one.locked:
            await self.see()
        return self._books.stamp(), self._books.windows(stamp)
