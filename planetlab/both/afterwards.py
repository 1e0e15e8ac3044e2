"""Work that a call causes and that its transaction must not wait for: packets, tools, other services."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

T = TypeVar("T")


class Afterwards:
    """What a method's body gives in place of its answer; awaited when the transaction is over, it gives the answer.

    If ``work`` fails, what the transaction wrote stays written.
    """

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._work = work

    def __await__(self) -> Any:
        return ensureDeferred(self._done()).__await__()

    async def _done(self) -> Any:
        return await self._work()


def afterwards(work: Callable[[], Awaitable[T]]) -> T:
    """An answer that ``work`` gives, in the reactor's thread. It is `Afterwards`; its type is what the caller gets."""
    return cast(T, Afterwards(work))


def in_thread_afterwards(work: Callable[[], T]) -> T:
    """As `afterwards`, in a thread of its own."""
    return cast(T, Afterwards(lambda: deferToThread(work)))
