"""Making tickets: what the registry says of a slice, put together and sealed with the authority's keys."""

import secrets
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field, frozen
from twisted.logger import Logger

from planetlab import keys, tickets
from planetlab.errors import PlanetLabError
from planetlab.gids import Gid
from planetlab.names import Hrn, SliceName
from planetlab.registry import slivers
from planetlab.registry.store import Row, Store
from planetlab.rspec import ResourceSpec
from planetlab.tickets import Ticket, User

log = Logger()
SAYS = ("slice_id", "name", "instantiation", "expires")  # the fields of a slice's row that `ticket_of` reads


@frozen
class Sealer:
    """The keys an authority signs tickets with. ``chain`` leads from them to its parent's root; empty for a root.

    ``legacy`` signs v3 documents with RSA-SHA1; each use is logged.
    """

    issuer: Hrn
    ticket_key: keys.PrivateKey = field(repr=False)
    pgp_secret: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    legacy: bool = False

    @classmethod
    def load(cls, issuer: Hrn, ticket_key: Path, pgp_secret: Path, chain: tuple[bytes, ...], legacy: bool) -> "Sealer":
        """The keys from their files. Raises `OSError` or `BadArgument`."""
        return cls(issuer, keys.load_private(ticket_key.read_bytes()), pgp_secret.read_bytes(), chain, legacy)

    def xmldsig(self, ticket: Ticket) -> bytes:
        """``ticket`` as a v3 document."""
        if self.legacy:
            log.warn(
                "ticket {serial} of {slice} is signed with RSA-SHA1", serial=ticket.serial, slice=str(ticket.slice)
            )
        return tickets.seal_xmldsig(ticket.with_chain(self.chain), self.ticket_key, self.legacy)

    def openpgp(self, ticket: Ticket) -> bytes:
        """``ticket`` as a v4 message."""
        return tickets.seal_openpgp(ticket.with_chain(self.chain), self.pgp_secret)


def carried(chain: Sequence[Gid]) -> tuple[bytes, ...]:
    """Of the certificates from a ticket key's own up, those that its tickets carry: all but a root's, known anyway."""
    return tuple(gid.der for gid in chain if len(gid.hrn.path) > 1 or gid.urn.name == "ticket")


@define
class Sealers:
    """The keys that sign at this moment; others may take their place while calls are answered."""

    current: Sealer | None = None


def sealer(store: Store) -> Sealer:
    """The keys of this authority. Raises `PlanetLabError` where there are none."""
    found = store.plc.seal
    if isinstance(found, Sealers):
        found = found.current
    if not isinstance(found, Sealer):
        raise PlanetLabError("no ticket key is configured; its operator must set ticket_key and pgp_secret")
    return found


def fresh_serial() -> str:
    """A number that no other ticket has: 128 bits by chance."""
    return secrets.token_hex(16)


def own_names(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """A slice's attributes as its ticket states them: an authority gives tickets for names of its own only.

    A slice that was made here for another authority's is ours to answer for, under the name it has here; the other
    name goes along as ``made_for``, for people.
    """
    if ("sfa_created", "True") not in pairs:
        return pairs
    return tuple(("made_for" if name == "hrn" else name, value) for name, value in pairs)


def ticket_of(store: Store, one: Row, serial: str, life: float | None = None) -> Ticket:
    """The ticket of a slice as it is now. It expires with the slice, or after ``life`` seconds if that is sooner."""
    number = one["slice_id"]
    attributes = slivers.attributes_of(store, [number], None, [])[number]
    script = next((tag["value"] for tag in attributes if tag["tagname"] == "initscript"), "")
    code = next((tag["value"] for tag in attributes if tag["tagname"] == "initscript_code"), "")
    pairs = own_names(tuple((tag["tagname"], tag["value"] or "") for tag in attributes))
    users = tuple(
        User(member.person_id, member.email, tuple(text for kind, text in member.keys if kind == "ssh"))
        for member in slivers.members_of(store, number)
    )
    return Ticket(
        issuer=store.plc.hrn,
        slice=SliceName.parse(one["name"]),
        slice_id=number,
        serial=serial,
        not_before=0.0 if life is None else store.now,
        expires=float(one["expires"]) if life is None else min(float(one["expires"]), store.now + life),
        timestamp=store.now,
        instantiation=one["instantiation"],
        users=users,
        nodes=tuple(slivers.nodes_of(store, number)),
        rspec=ResourceSpec.from_tags(pairs),
        attributes=pairs,
        initscript=code or (slivers.script_of(store, script) if script else ""),
        family=slivers.families(store, [number])[number],
    )
