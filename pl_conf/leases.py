"""The node manager's calls of 2003: leases for tickets, slivers for leases, renewed and ended by whoever holds the key.

A caller is who its TLS certificate's key is; a lease is bound to that key, so a paper alone is worth nothing to a
thief. Texts and order of checks are the original's, since its clients search them. Behind them is the one path of every
era: a lease is admitted by the owner's rules and stands in the ledger as a ticket of the authority whose agent signed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import define, evolve

from pl_conf import agreeing
from pl_conf.agents import Agent
from pl_conf.entries import Lease, digest_of
from pl_conf.policy import Root
from pl_conf.redeem import Redeemer
from pl_conf.refusals import NotAdmitted
from planetlab import dslice
from planetlab.dslice import SLACK, Paper, asctime
from planetlab.dslice_ports import MOST_TEXT, Fault, Members
from planetlab.errors import PlanetLabError
from planetlab.keys import PrivateKey
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.tickets import Ticket, User

MOST_KEYS = 1000
PORTS = {"port": 800, "sslport": 801, "httpport": 802}


@define
class Leases:
    """The calls. ``ip`` is this node's address, ``key`` signs its leases, ``agents`` gives who is trusted now."""

    ip: str
    key: PrivateKey
    redeemer: Redeemer
    agents: Callable[[], tuple[Agent, ...]]

    # anybody

    def getconfig(self) -> dict[str, int]:
        """The ports, as they were."""
        return dict(PORTS)

    def getleases(self) -> list[str]:
        """Every lease that runs."""
        return [lease.sealed.decode() for lease in self.running()]

    def getslivers(self) -> list[str]:
        """The slices with a sliver here."""
        return [lease.slice for lease in self.running() if lease.bound]

    def getprinciple(self, name: str) -> str:
        """Whose sliver it is, 40 hex digits."""
        return self._sliver(name).principle

    def getsshkeys(self, name: str) -> dict[str, Any]:
        """The keys that let one in; ``keys`` is absent when there is none."""
        keys = list(self._sliver(name).keys)
        return {"numkeys": len(keys), **({"keys": keys} if keys else {})}

    # the holder of a key

    def newlease(self, principle: str, ticketdata: str) -> str:
        """A lease for a ticket."""
        now = self.redeemer.time.wall()
        authority, ticket = self._ticket(ticketdata)
        self._must_hold(ticket, principle, "ticket")
        try:
            name = dslice.slice_name(ticket.slice)
        except PlanetLabError as error:
            raise Fault(str(error)) from error
        held = self.redeemer.ledger.lease(ticket.slice)
        if held is not None and held.end > now:
            raise Fault(f"Lease for slice {ticket.slice} already exists")
        if self.redeemer.ledger.named(name) is not None:
            raise Fault(f"Static sliver {ticket.slice} already exists")
        if now < ticket.valid_from - SLACK:
            raise Fault(f"Ticket valid at {asctime(ticket.valid_from)}. Currently {asctime(now)}")
        if now > ticket.valid_to + SLACK or now >= ticket.end:
            raise Fault(f"Ticket expired at {asctime(min(ticket.valid_to, ticket.end))}. Currently {asctime(now)}")
        self._admitted(lambda: self.redeemer.rules.policy.admits_name(authority, name))
        return self._keep(authority, ticket, ticketdata.encode(), now).sealed.decode()

    async def newvm(self, principle: str, leasedata: str, privatekey: str, publickey: str) -> int:
        """The sliver of a lease; its holder's public key lets one in. The private key is not kept."""
        now = self.redeemer.time.wall()
        try:
            paper = dslice.open_paper(leasedata.encode(), "lease", self.key.public_key())
        except BadPaper as error:
            raise Fault(f"Lease not signed by node manager {self.ip}") from error
        self._must_hold(paper, principle, "lease")
        lease = self.redeemer.ledger.lease(paper.slice)
        if lease is not None and lease.bound:
            raise Fault(f"Sliver for slice {paper.slice} already bound to lease")
        if now < paper.start - SLACK:
            raise Fault(f"Lease valid at {asctime(paper.start)}. Currently {asctime(now)}")
        if now >= paper.end:
            raise Fault(f"Lease expired at {asctime(paper.end)}. Currently {asctime(now)}")
        if lease is None or lease.sealed != leasedata.encode():
            raise Fault(f"Lease for slice {paper.slice} has expired")
        key = publickey.strip()
        await self._bind(evolve(lease, bound=True, first_key=key, keys=(key,)))
        return 1

    async def newleasevm(self, principle: str, ticketdata: str, privatekey: str, publickey: str) -> str:
        """Both at once; a lease that cannot have its sliver is given back."""
        lease = self.newlease(principle, ticketdata)
        try:
            await self.newvm(principle, lease, privatekey, publickey)
        except Fault:
            self.redeemer.ledger.end_lease(self._ticket(ticketdata)[1].slice)
            raise
        return lease

    async def deletelease(self, principle: str, name: str) -> int:
        """End a lease and its sliver."""
        lease = self._own(principle, name)
        wish = self.redeemer.ledger.named(dslice.slice_name(name))
        if lease.bound and wish is not None:
            await self._settled(self.redeemer.release(wish, "the holder of its lease deleted it"))
        self.redeemer.ledger.end_lease(name)
        return 1

    async def renewlease(self, principle: str, name: str) -> str:
        """The same length again, from now; no ticket is needed."""
        lease, now = self._own(principle, name), self.redeemer.time.wall()
        paper = Paper(
            kind="lease", principle=principle, ip=self.ip, slice=name, start=now, end=now + lease.end - lease.start
        )
        renewed = evolve(lease, sealed=dslice.seal(paper, self.key), start=paper.start, end=paper.end)
        if lease.bound:
            await self._bind(renewed)
        else:
            self.redeemer.ledger.keep_lease(renewed)
        return renewed.sealed.decode()

    async def addkey(self, principle: str, name: str, key: str) -> int:
        """Let the holder of one more key in."""
        lease = self._own(principle, name)
        return await self._rekey(lease, (*(each for each in lease.keys if each != key.strip()), key.strip()))

    async def delkey(self, principle: str, name: str, key: str) -> int:
        """Let the holder of a key in no more."""
        lease = self._own(principle, name)
        return await self._rekey(lease, tuple(each for each in lease.keys if each != key.strip()))

    async def nukekeys(self, principle: str, name: str) -> int:
        """Let in only the holder of the key given at the beginning."""
        lease = self._own(principle, name)
        return await self._rekey(lease, (lease.first_key,) if lease.first_key else ())

    # inside

    def running(self) -> list[Lease]:
        now = self.redeemer.time.wall()
        return [lease for lease in self.redeemer.ledger.leases() if lease.end > now]

    def _sliver(self, name: str) -> Lease:
        lease = next((lease for lease in self.running() if lease.bound and lease.slice == name), None)
        if lease is None:
            raise Fault(f"Slice {name} does not have sliver on node")
        return lease

    def _own(self, principle: str, name: str) -> Lease:
        lease = next((lease for lease in self.running() if lease.slice == name), None)
        if lease is None:
            raise Fault(f"Sliver {name} does not exist")
        if lease.principle != principle:
            raise Fault(f"User does not own sliver {name}")
        return lease

    def _ticket(self, ticketdata: str) -> tuple[Hrn, Paper]:
        for agent in self.agents():
            try:
                return agent.authority, dslice.open_paper(ticketdata.encode(), "ticket", agent.key)
            except BadPaper:
                continue
        raise Fault("Ticket not signed by trusted agent")

    def _must_hold(self, paper: Paper, principle: str, kind: str) -> None:
        if paper.principle != principle:
            raise Fault(f"Principle does not own {kind}")
        if paper.ip != self.ip:
            raise Fault(f"{kind.capitalize()} is for {paper.ip}. This node is {self.ip}.")

    def _keep(self, authority: Hrn, ticket: Paper, sealed: bytes, now: float) -> Lease:
        start = max(ticket.start, now)
        paper = Paper(
            kind="lease", principle=ticket.principle, ip=self.ip, slice=ticket.slice, start=start, end=ticket.end
        )
        lease = Lease(
            slice=ticket.slice,
            authority=authority,
            principle=ticket.principle,
            sealed=dslice.seal(paper, self.key),
            ticket=sealed,
            start=start,
            end=ticket.end,
        )
        self.redeemer.ledger.keep_lease(lease)
        return lease

    async def _bind(self, lease: Lease) -> None:
        """Let the lease's sliver be, through the path of every ticket; then keep the lease as bound."""
        now = self.redeemer.time.wall()
        ticket = Ticket(
            issuer=lease.authority,
            slice=dslice.slice_name(lease.slice),
            slice_id=0,
            serial=f"dslice-{digest_of(lease.sealed)[:40]}",
            timestamp=now,
            expires=lease.end,
            users=(User(0, "", lease.keys),),
        )
        await self._settled(self.redeemer.redeem_believed(ticket, lease.sealed, "dslice"))
        self.redeemer.ledger.keep_lease(lease)

    async def _rekey(self, lease: Lease, keys: tuple[str, ...]) -> int:
        if len(keys) > MOST_KEYS or any(len(key) > MOST_TEXT or "\n" in key for key in keys):
            raise Fault(f"expected at most {MOST_KEYS} keys of one line each")
        self.redeemer.ledger.keep_lease(evolve(lease, keys=keys))
        wish = self.redeemer.ledger.named(dslice.slice_name(lease.slice))
        if lease.bound and wish is not None:
            await self._settled(agreeing.rekey(self.redeemer, wish, keys))
        return 1

    async def _settled(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except NotAdmitted as refusal:
            raise Fault(str(refusal)) from refusal

    def _admitted(self, check: Callable[[], Root]) -> None:
        try:
            check()
        except NotAdmitted as refusal:
            raise Fault(str(refusal)) from refusal


PLAIN = ("getconfig", "getleases", "getslivers", "getprinciple", "getsshkeys")
PRIVATE = ("newlease", "newvm", "newleasevm", "deletelease", "renewlease", "addkey", "delkey", "nukekeys")
TAKES: Mapping[str, Members] = {
    "getprinciple": {"slice": str},
    "getsshkeys": {"slice": str},
    "newlease": {"ticketdata": str},
    "newvm": {"leasedata": str, "privatekey": str, "publickey": str},
    "newleasevm": {"ticketdata": str, "privatekey": str, "publickey": str},
    "deletelease": {"slice": str},
    "renewlease": {"slice": str},
    "addkey": {"slice": str, "key": str},
    "delkey": {"slice": str, "key": str},
    "nukekeys": {"slice": str},
}
"""The members that each call's one struct must have; others are ignored."""
