"""How long a caller waits for work that takes its time."""

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from planetlab.errors import Unavailable

T = TypeVar("T")


async def in_time(reactor: IReactorTime, seconds: float, work: Awaitable[T], what: str) -> T:
    """The result of ``work`` if it comes within ``seconds``; the work itself goes on.

    Raises `Unavailable` else, which says to ask again.
    """
    answer: Deferred[T] = Deferred()
    limit = reactor.callLater(
        seconds, lambda: answer.errback(Unavailable(f"{what} is not done after {seconds:.0f} s; ask again"))
    )

    def done(result: T) -> None:
        if limit.active():
            limit.cancel()
            answer.callback(result)

    def failed(failure: object) -> None:
        if limit.active():
            limit.cancel()
            answer.errback(failure)  # type: ignore[arg-type]  # Twisted hands a Failure here

    Deferred.fromCoroutine(_awaited(work)).addCallbacks(done, failed)
    return await answer


async def _awaited(work: Awaitable[T]) -> T:
    return await work
