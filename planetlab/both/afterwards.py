"""Work that a call causes and that its transaction must not wait for: packets, tools, other services."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread


class Afterwards:
    """What a method's body gives in place of its answer; awaited when the transaction is over, it gives the answer.

    ``work`` runs in the reactor's thread and may itself be awaitable; with ``in_thread`` it runs in a thread of its
    own. If it fails, what the transaction wrote stays written.
    """

    def __init__(self, work: Callable[[], Any], in_thread: bool = False) -> None:
        self._work, self._in_thread = work, in_thread

    def __await__(self) -> Any:
        return ensureDeferred(self._done()).__await__()

    async def _done(self) -> Any:
        result = deferToThread(self._work) if self._in_thread else self._work()
        return await result if isinstance(result, Awaitable) else result
