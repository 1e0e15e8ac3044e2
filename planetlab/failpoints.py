"""Places where a test makes a running program die, fail or stall.

``PLFED_FAILPOINT=name[:n]:kill|raise|sleep[,…]``, read only when ``PLFED_TESTING=1``: the n-th time (1 if not said)
that the program passes ``failpoint(name)``, it kills itself as `kill -9` would, raises `Failed`, or sleeps for
``PLFED_FAILPOINT_SLEEP`` seconds (2 if not said). Otherwise a failpoint is a look into an empty dict.
"""

import os
import signal
import time

from attrs import define

NAMES = {
    "request.read": "a whole call was read, not looked at",
    "request.parsed": "a call's method and values are known, not its caller",
    "write.begun": "the transaction of a call that changes something was opened, nothing written",
    "write.greeted": "its caller is known and was not answered under this key before, nothing written",
    "write.done": "what it changes was written, not its answer, mails and event, nothing committed",
    "write.before-commit": "its answer, mails and event were written, not committed",
    "write.after-commit": "it was committed, the answer not sent",
    "create.begun": "a slice's transaction was opened, nothing written",
    "create.quota-checked": "the site may have one more slice, nothing written",
    "create.slice-row": "the slice's row was written, not its event",
    "create.members": "a person was put into a slice, not committed",
    "create.node-rows": "a slice was put onto nodes, not committed",
    "create.before-commit": "all rows of a new slice were written, not committed",
    "create.after-commit": "a new slice was committed, the answer not sent",
    "delete.before-commit": "a slice's deletion was written, not committed",
    "delete.after-commit": "a slice's deletion was committed, the answer not sent",
    "renew.before-commit": "a slice's new expiry was written, not committed",
    "renew.after-commit": "a slice's new expiry was committed, the answer not sent",
    "ticket.signed": "a ticket was signed, its row not stored",
    "ticket.stored": "a ticket's row was stored, the answer not sent",
    "request.begun": "a connection is up, TLS included where it is spoken, and a request's head was read",
    "redeem.received": "pl_conf read a ticket's bytes",
    "redeem.verified": "its signature was found good",
    "redeem.admitted": "the owner's policy admitted it",
    "redeem.recorded": "the ledger holds the wish, the node manager knows nothing",
    "redeem.instantiated": "the node manager gave an rcap, the ledger does not hold it",
    "redeem.answered": "the ledger holds the rcap, the answer not sent",
    "delete.journalled": "the ledger holds the wish to delete, the node manager knows nothing",
    "delete.released": "the node manager let the sliver go, the ledger still holds it",
    "delete.recorded": "the ledger holds the end, the answer not sent",
    "sliver.journalled": "the node manager's books hold a sliver that is not made yet",
    "sliver.half": "a sliver's files are half made",
    "sliver.made": "a sliver's files are made, nothing is bound to it",
    "sliver.bound": "a sliver's limits are bound, nobody is let in",
    "sliver.keys": "of a sliver's keys a part is written",
    "sliver.done": "a sliver runs, the answer not sent",
    "release.journalled": "the books hold that a sliver shall go, it still runs",
    "round.created": "a sliver's files are there, it was not started",
    "round.started": "a sliver was started, the round not ended",
    "round.destroyed": "a sliver is gone, the books still hold it",
    "refresh.answered": "a peer told its objects, nothing was looked at",
    "refresh.planned": "what a peer's answer means was planned, nothing is written",
    "refresh.arriving": "a piece of a peer that is read for the first time was committed, nobody sees it yet",
    "refresh.before-commit": "a peer's objects were taken over, not committed",
    "refresh.after-commit": "a peer's objects were committed, the answer not sent",
    "report.begun": "a node's state was looked at, its authority was told nothing",
    "report.sent": "the authority was told, the next report is not set",
    "mail.taken": "the relay took a mail, the outbox does not know",
    "answer.half": "half of an answer was handed to the transport",
    "answer.sent": "an answer was handed to the transport",
    "journal.noted": "the audit's journal holds what arrived",
    "journal.checkpoint": "the audit's journal was replaced by the flows that are open",
    "segment.written": "a segment's file is there, its manifest is not",
    "segment.sealed": "a segment's manifest is there, the index was not told",
}
"""Every failpoint there is, and what is done and not done when it is passed."""

_ACTIONS = ("kill", "raise", "sleep")


class Failed(Exception):
    """A failpoint was told to raise."""


@define
class _Armed:
    left: int
    action: str


def read(said: str) -> dict[str, _Armed]:
    """The failpoints that ``PLFED_FAILPOINT`` arms. Raises `ValueError` for a name, count or action that is none."""
    armed = {}
    for one in filter(None, said.split(",")):
        name, *rest = one.split(":")
        count, action = (rest[0], rest[1]) if len(rest) == 2 else ("1", rest[0] if len(rest) == 1 else "")
        if name not in NAMES or action not in _ACTIONS or not count.isdigit() or int(count) < 1:
            expected = f"name[:n]:{'|'.join(_ACTIONS)} with a name of {', '.join(NAMES)}"
            raise ValueError(f"PLFED_FAILPOINT {one!r}: expected {expected}")
        armed[name] = _Armed(int(count), action)
    return armed


_armed = read(os.environ.get("PLFED_FAILPOINT", "")) if os.environ.get("PLFED_TESTING") == "1" else {}


def arm(said: str) -> None:
    """Arm what ``said`` names, as ``PLFED_FAILPOINT`` would have at the start, and nothing else."""
    _armed.clear()
    _armed.update(read(said))


def is_armed(name: str) -> bool:
    """Whether a test waits for ``name`` to be passed, for what has to be done otherwise then."""
    return name in _armed


def failpoint(name: str) -> None:
    """Pass the failpoint ``name``; where it is not armed, nothing happens."""
    if not _armed or name not in _armed:
        return
    armed = _armed[name]
    armed.left -= 1
    if armed.left:
        return
    if armed.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if armed.action == "raise":
        raise Failed(name)
    time.sleep(float(os.environ.get("PLFED_FAILPOINT_SLEEP", "2")))
