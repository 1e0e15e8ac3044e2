"""Tickets and names: sealing, opening, parsing."""

from collections.abc import Iterator
from uuid import UUID

from bench.measure import Figure, figure
from planetlab import gids, keys, openpgp, tickets
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.ticket import Ticket, User
from planetlab.trust import Root, Roots

NOW = 1_700_000_000.0


def ticket(chain: tuple[bytes, ...] = ()) -> Ticket:
    """A ticket as a slice with three users has it."""
    users = tuple(User(number, f"user{number}@plc.example", ("ssh-rsa " + "A" * 360,)) for number in range(1, 4))
    return Ticket(
        issuer=Hrn(("plc",)),
        slice=SliceName("princeton", "codeen"),
        slice_id=7,
        serial="1",
        not_before=NOW,
        expires=NOW + 86400 * 14,
        audience=(),
        timestamp=NOW,
        instantiation="delegated",
        users=users,
        nodes=(),
        rspec=ResourceSpec(),
        initscript="",
        attributes=(),
        chain=chain,
    )


def figures() -> Iterator[Figure]:
    """One figure after the other."""
    plc, key, secret = Hrn(("plc",)), keys.new_rsa(), openpgp.new_key("plc <tickets@plc.example>")
    root = gids.make_root(plc, key, UUID(int=1), NOW)
    pinned = Root(hrn=plc, gid=root, ticket_keys=(root.key,), pgp_keys=(openpgp.public(secret),))
    roots = Roots((pinned,))
    document, message = tickets.seal_xmldsig(ticket(), key), tickets.seal_openpgp(ticket(), secret)
    yield figure("parse a slice name", lambda: SliceName.parse("princeton_codeen"))
    yield figure(f"seal a v3 ticket, RSA-2048 ({len(document)} bytes)", lambda: tickets.seal_xmldsig(ticket(), key))
    p256 = keys.new_p256()
    yield figure("seal a v3 ticket, P-256", lambda: tickets.seal_xmldsig(ticket(), p256))
    yield figure("open a v3 ticket", lambda: tickets.open_ticket(document, roots, NOW))
    yield figure(f"seal a v4 ticket, Ed25519 ({len(message)} bytes)", lambda: tickets.seal_openpgp(ticket(), secret))
    yield figure("open a v4 ticket", lambda: tickets.open_ticket(message, roots, NOW))
