"""Asking a peer for its objects, in the authority's name: by the PLC API, as a partial view, or out of its files.

What a peer may cost is bounded before it is asked: octets and seconds of an answer, objects of one kind. A peer that is
slow, silent or wrong costs that at most.
"""

import xmlrpc.client as xmlrpclib
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from planetlab import call_signing, copies, dsse, xmlrpc
from planetlab.ask import Ask
from planetlab.both.allowance import Allowance
from planetlab.both.hearing import Hearing
from planetlab.copies import Answer
from planetlab.errors import BadArgument, NotAuthenticated, PeerError, PlanetLabError, Refused
from planetlab.registry.store import Row
from planetlab.statements import Statement

VIEW = "objects"  # the name of the file with a peer's objects, where it is only files


@frozen
class Signature:
    """An installation as the caller of one method of another: its name, and the call signed with its key.

    ``audience`` is who is called, by its name in the federation, where that one reads it; ``time`` is now, in seconds.
    """

    name: str
    secret: bytes = field(repr=False)
    method: str
    audience: str = ""
    time: float = 0.0

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """The auth struct of a call of that method."""
        said = {"AuthMethod": "gpg", "name": self.name}
        if self.audience:
            said |= {"audience": self.audience, "time": str(int(self.time))}
            args = call_signing.bound(args, self.audience, said["time"])
        return {**said, "signature": call_signing.sign(self.secret, self.method, args)}


@frozen
class Told:
    """What a peer tells of its objects; ``stamp`` names this answer.

    ``tickets`` are those that it has sealed for our nodes, by slice; None when it says nothing of tickets.
    """

    answer: Answer
    tickets: dict[str, bytes] | None = None
    stamp: str = ""


def _read(body: bytes, said: Statement | None, octets: int) -> Told | None:
    try:
        value = xmlrpc.loads_answer(body, octets=octets)
        if isinstance(value, dict) and value.get("unchanged") is True:
            return None
        tickets = copies.read_tickets(value) if said is not None and "view" in said.capabilities else None
        stamp = value.get("stamp", "") if isinstance(value, dict) else ""
        return Told(copies.read(value), tickets, stamp if isinstance(stamp, str) and len(stamp) <= 64 else "")
    except xmlrpclib.Fault as fault:
        raise _refusal(int(fault.faultCode), str(fault.faultString).strip(": ")) from None
    except (xmlrpc.Malformed, BadArgument) as error:
        raise PeerError(f"its answer is not understood: {error}") from error


def _refusal(code: int, text: str) -> Refused:
    if code == NotAuthenticated.code:
        text += (
            "; it has not accepted this authority yet, which its operator does by `plfed peer accept`, or not heard of "
            "our new key, which `plfed peer refresh` there mends"
        )
    return Refused(code, text)


def _of_file(data: bytes, stamp: str) -> Told:
    return Told(copies.read(dsse.loads(data)), None, stamp)


@define
class Asking:
    """Who asks, with which key, and what an answer may cost."""

    name: str
    secret: bytes | None = field(repr=False)
    reactor: Any
    secret_file: Path | None = None
    allowance: Allowance = field(factory=Allowance)

    async def told(self, peer: Row, said: Statement | None, stamp: str, now: float = 0.0) -> "Told | None":
        """A peer's answer, taken apart in a thread, for it may be large; None when it is the one of this stamp."""
        if said is not None and "plcapi" not in said.capabilities:
            return await self._read_view(said, stamp)
        partial = said is not None and "view" in said.capabilities
        method, args = ("GetPeerView", (stamp,)) if partial else ("GetPeerData", ())
        asked, auth = self._ask(peer, method, said, now)
        body = await asked.post(xmlrpc.dumps_call(method, (auth.struct(args), *args)), repeat=True)
        read: Deferred[Told | None] = deferToThread(_read, body, said, self.allowance.octets)
        return await read

    async def _read_view(self, said: Statement, stamp: str) -> "Told | None":
        """What a peer that is only files tells of its objects."""
        if VIEW not in said.views or said.views[VIEW].sha256 == stamp:
            return None
        if said.views[VIEW].octets > self.allowance.octets:
            raise PeerError(
                f"its objects are {said.views[VIEW].octets} octets; at most {self.allowance.octets} are read"
            )
        data = await Hearing(self.reactor).view(said, VIEW)
        read: Deferred[Told] = deferToThread(_of_file, data, said.views[VIEW].sha256)
        return await read

    def _ask(self, peer: Row, method: str, said: Statement | None, now: float) -> tuple[Ask, Signature]:
        if self.secret is None:
            raise PlanetLabError("no OpenPGP key is configured; its operator must set pgp_secret")
        if not peer["cacert"]:
            raise PlanetLabError(
                f"peer {peer['peername']} has no cacert; say by UpdatePeer whom its server is known by"
            )
        ca, seconds, most = peer["cacert"].encode(), self.allowance.seconds, self.allowance.octets
        asked = Ask(peer["peer_url"], ca=ca, timeout=seconds, reactor=self.reactor, most=most)
        secret = self.secret if self.secret_file is None else self.secret_file.read_bytes()
        if said is not None and call_signing.BOUND in said.capabilities:
            return asked, Signature(self.name, secret, method, str(said.hrn), now)
        return asked, Signature(self.name, secret, method)
