"""The node manager as this service sees it: a few calls over its Unix socket, each of which may be repeated.

When it is slow, silent or gone, what was asked is neither done nor undone: the call ends as `NotAdmitted` "node-silent"
and the journal keeps it. When it refuses, the refusal is passed on in its own words under our number.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen

from pl_conf.refusals import NotAdmitted
from planetlab.errors import DatabaseError, PeerError, Refused


@frozen(kw_only=True)
class Sliver:
    """A sliver as the node manager lists it.

    ``authority`` is "" for one that has no record there, ``made_by`` is not "" for one that a broker
    made by binding a pool.
    """

    name: str
    authority: str
    rcap: str
    state: str
    reason: str = ""
    made_by: str = ""


class NodeManager(Protocol):
    """What is asked of the node manager."""

    async def instantiate(self, record: Mapping[str, Any]) -> str:
        """Let the sliver of this record be; gives the rcap by which the node manager knows it."""

    async def release(self, rcap: str) -> None:
        """Let it be no more; one that is not there is released already."""

    async def slivers(self) -> list[Sliver]:
        """What it has."""

    async def call(self, name: str, *args: Any) -> Any:
        """Any other of its calls."""


class Asks(Protocol):
    """Something that carries calls; `planetlab.ask.Ask` is one."""

    async def call(self, name: str, *args: Any) -> Any:
        """The answer to one call. Raises `PeerError`."""


class Remote:
    """The node manager behind whatever carries calls to it."""

    def __init__(self, ask: Asks) -> None:
        self._ask = ask

    async def instantiate(self, record: Mapping[str, Any]) -> str:
        rcap = await self.call("Instantiate", dict(record))
        if not isinstance(rcap, str) or not rcap:
            raise NotAdmitted("node-refused", f"the node manager answered {rcap!r:.60}, which is no rcap")
        return rcap

    async def release(self, rcap: str) -> None:
        try:
            await self._ask.call("Release", rcap)
        except Refused as refused:
            if refused.fault_code != UNKNOWN:
                raise _refusal(refused) from refused
        except PeerError as error:
            raise NotAdmitted("node-silent", f"the node manager does not answer ({error}); ask again") from error

    async def slivers(self) -> list[Sliver]:
        listed = await self.call("Slivers")
        return [Sliver(**{key: str(item.get(key, "")) for key in LISTED}) for item in listed]

    async def call(self, name: str, *args: Any) -> Any:
        try:
            return await self._ask.call(name, *args)
        except Refused as refused:
            raise _refusal(refused) from refused
        except PeerError as error:
            raise NotAdmitted("node-silent", f"the node manager does not answer ({error}); ask again") from error


def _refusal(refused: Refused) -> NotAdmitted:
    """A fault of the node manager; one that says to ask again means that the work goes on."""
    if refused.fault_code == DatabaseError.code:
        return NotAdmitted("disk", f"the node manager says: {refused}; ask again when there is room")
    goes_on = refused.fault_code == NOT_NOW and "ask again" in str(refused)
    return NotAdmitted("node-silent" if goes_on else "node-refused", f"the node manager says: {refused}")


def of_a_broker(refusal: NotAdmitted) -> NotAdmitted:
    """A refusal of what a broker asked of its pools, under the number that says whose mistake it was."""
    fault = refusal.__cause__.fault_code if isinstance(refusal.__cause__, Refused) else 0
    if refusal.reason.word != "node-refused" or fault not in (UNKNOWN, NOT_NOW):
        return refusal
    word = "over-share" if fault == NOT_NOW else "unknown-rcap" if "no such rcap" in str(refusal) else "argument"
    return NotAdmitted(word, str(refusal))


NOT_NOW = 109  # the node manager's fault for what is not done yet, or not possible
UNKNOWN = 102  # the node manager's fault for an rcap that it does not know
LISTED = ("name", "authority", "rcap", "state", "reason", "made_by")
