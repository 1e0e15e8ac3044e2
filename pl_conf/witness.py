"""The node as a witness: what it redeemed goes into its authority's public log, and is looked for in its issuer's.

Both happen after the fact and stop nothing: a ticket that its issuer gave out in secret, or a log that takes back what
it said, becomes a receipt for the owner, an error in the log and a count.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import asdict, define
from twisted.logger import Logger

from pl_conf.entries import Receipt
from pl_conf.figures import UNLOGGED
from pl_conf.ledger import Ledger
from planetlab import keys
from planetlab.errors import Refused
from planetlab.log_reader import LogReader
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.ticket_log import ISSUED, Head

log = Logger()

AT_A_TIME = 200  # tickets of one report or one look
NO_SUCH_METHOD = 100  # of an authority that keeps no log

Call = Callable[..., Awaitable[Any]]


@define(eq=False)
class Witness:
    """What a node says and checks about tickets that took effect on it. How far it got is kept with the ledger."""

    ledger: Ledger
    now: Callable[[], float]
    trouble: str = ""

    async def report(self, call: Call) -> int:
        """Tell this node's own authority what was redeemed since the last time; how many. Raises `PeerError`."""
        done = int(self.ledger.about("reported", "0"))
        taken = self.ledger.taken(done, AT_A_TIME)
        if taken:
            said = [
                {"digest": one.digest, "issuer": one.authority, "slice": one.slice, "at": int(one.at)} for one in taken
            ]
            try:
                await call("ReportRedeemed", said)
            except Refused as error:
                if error.fault_code != NO_SUCH_METHOD:
                    raise
            self.ledger.set_about("reported", str(taken[-1].number))
        return len(taken)

    async def look(self, issuer: Hrn, call: Call, believed: Sequence[keys.PublicKey]) -> int:
        """Look for the tickets of ``issuer`` that took effect here in its log; how many stand there.

        Raises `PeerError` for a log that does not answer. One that is broken, or lacks a ticket, is noted.
        """
        kept = self.ledger.about(f"log {issuer}")
        reader = LogReader(issuer, call, believed, Head(**json.loads(kept)) if kept else None)
        try:
            await reader.look(self.now())
            found = await self._look_for(issuer, reader)
        except BadPaper as error:
            self._note(issuer, "", "", f"the ticket log of {issuer} is not to be believed: {error}")
            return 0
        except Refused as error:
            if error.fault_code == NO_SUCH_METHOD:
                return 0
            raise
        assert reader.head is not None
        self.ledger.set_about(f"log {issuer}", json.dumps(asdict(reader.head)))
        return found

    async def _look_for(self, issuer: Hrn, reader: LogReader) -> int:
        done, found = int(self.ledger.about(f"proven {issuer}", "0")), 0
        for one in self.ledger.taken(done, AT_A_TIME, issuer):
            if await reader.proven(one.digest, ISSUED) is not None:
                found += 1
            else:
                first = await reader.begun()
                if first is None or one.at >= first.at:
                    said = f"{issuer} gave out a ticket that its public log does not know"
                    self._note(issuer, one.slice, one.digest, said)
            self.ledger.set_about(f"proven {issuer}", str(one.number))
        return found

    def _note(self, issuer: Hrn, name: str, digest: str, text: str) -> None:
        if text == self.trouble and not digest:
            return
        self.trouble = text
        UNLOGGED.labels(str(issuer)).inc()
        log.error("{text}: {slice} {digest}", text=text, slice=name, digest=digest)
        self.ledger.note(
            Receipt(at=self.now(), authority=str(issuer), slice=name, source="node", deed="unlogged", text=text,
                    digest=digest)
        )  # fmt: skip
