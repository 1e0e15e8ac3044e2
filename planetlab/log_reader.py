"""Reading an authority's public log of tickets from outside, believing nothing that it cannot prove."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, field

from planetlab import keys, ticket_log
from planetlab.errors import BadArgument, NotFound, PeerError, Refused
from planetlab.names import Hrn
from planetlab.ticket_log import Entry, Head, Proof

MOST_ENTRY = 4096  # octets
AT_A_TIME = 1000  # entries of one answer


@define(eq=False)
class LogReader:
    """The log of one authority, asked by ``call(method, *arguments)``; ``believed`` are its ticket keys.

    ``head`` is the last one that was believed. Whoever keeps it beyond this reader sees whatever is taken back later.
    """

    log: Hrn
    call: Callable[..., Awaitable[Any]]
    believed: Sequence[keys.PublicKey]
    head: Head | None = None
    _first: Entry | None = field(default=None, init=False)

    async def look(self, now: float) -> Head:
        """The log's head of now. Raises `PeerError`, or `BadSignature` for one that takes something back."""
        sealed = await self.call("GetTicketLogHead")
        if not isinstance(sealed, str):
            raise PeerError(f"expected the head of {self.log}'s ticket log as text")
        head = ticket_log.open_head(sealed.encode(), self.log, self.believed, now)
        path: tuple[bytes, ...] = ()
        if self.head is not None and 0 < self.head.size < head.size:
            path = self._hashes(await self.call("GetTicketLogConsistency", self.head.size, head.size))
        ticket_log.follow(self.head, head, path)
        self.head = head
        return head

    async def proven(self, digest: str, kind: str) -> Entry | None:
        """The entry on a ticket, proven under the last head; None when there is none.

        Raises `PeerError`, or `BadSignature` for a proof that does not hold.
        """
        if self.head is None or not self.head.size:
            return None
        try:
            said = await self.call("GetTicketLogProof", digest, kind, self.head.size)
        except Refused as error:
            if error.fault_code == NotFound.code:
                return None
            raise
        entry = ticket_log.prove(self.head, self._proof(said))
        if (entry.digest, entry.kind) != (digest, kind):
            raise PeerError(f"{self.log}'s ticket log proved another ticket than the one that was asked for")
        return entry

    async def entries(self, first: int = 0) -> list[bytes]:
        """Every entry from number ``first`` on, up to the last head, with nothing proven. Raises `PeerError`."""
        found: list[bytes] = []
        size = self.head.size if self.head else 0
        while first + len(found) < size:
            said = await self.call("GetTicketLogEntries", first + len(found), AT_A_TIME)
            if not isinstance(said, list) or not said or any(not isinstance(text, str) for text in said):
                raise PeerError(f"{self.log}'s ticket log says {size} entries and gives {first + len(found)}")
            found += [text.encode()[:MOST_ENTRY] for text in said]
        return found[: size - first]

    async def begun(self) -> Entry | None:
        """The log's first entry: tickets from before it are in no log. Raises `PeerError`."""
        if self._first is None and self.head is not None and self.head.size:
            said = await self.call("GetTicketLogEntries", 0, 1)
            if not isinstance(said, list) or len(said) != 1 or not isinstance(said[0], str):
                raise PeerError(f"{self.log}'s ticket log does not give its first entry")
            self._first = Entry.read(said[0].encode())
        return self._first

    def _proof(self, said: Any) -> Proof:
        if not isinstance(said, dict) or not {"number", "size", "entry", "path"} <= said.keys():
            raise PeerError(f"expected a proof of {self.log}'s ticket log with number, size, entry and path")
        number, size, entry = said["number"], said["size"], said["entry"]
        if type(number) is not int or type(size) is not int or not isinstance(entry, str):
            raise PeerError(f"expected a proof of {self.log}'s ticket log to have numbers and a text")
        return Proof(number, size, entry.encode()[:MOST_ENTRY], self._hashes(said["path"]))

    def _hashes(self, said: Any) -> tuple[bytes, ...]:
        try:
            return ticket_log.hashes(said)
        except BadArgument as error:
            raise PeerError(f"{self.log}'s ticket log: {error}") from None
