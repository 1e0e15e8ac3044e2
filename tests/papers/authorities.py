"""Authorities with keys, made once per run: plc, its child plc.japan with a chain, the stranger epfl."""

import functools
import uuid

from attrs import frozen

from planetlab import gids, keys, openpgp
from planetlab.gids import Gid, Subject
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.tickets import Ticket, User
from planetlab.trust import Root

NOW = 1_800_000_000.0  # January 2027
DAY = 86400.0
PLC, JAPAN, EPFL = Hrn(("plc",)), Hrn(("plc", "japan")), Hrn(("epfl",))
NODE = Hrn(("plc", "princeton", "planetlab1.cs.princeton.edu"))


@frozen
class Authority:
    """An authority's secrets, and what it shows of them."""

    gid: Gid
    key: keys.PrivateKey
    ticket_key: keys.PrivateKey
    pgp: bytes
    chain: tuple[bytes, ...]  # from the ticket key's certificate up

    @property
    def hrn(self) -> Hrn:
        return self.gid.hrn

    def root(self, subtree: Hrn | None = None, legacy: bool = False) -> Root:
        """How a node that pins everything writes this authority down."""
        ticket_keys = (keys.public_pem(keys.accepted(self.ticket_key.public_key())),)
        return Root.load(self.hrn, self.gid.pem, ticket_keys, (openpgp.public(self.pgp),), subtree, legacy)


def public(key: keys.PrivateKey) -> keys.PublicKey:
    return keys.accepted(key.public_key())


def authority(gid: Gid, key: keys.PrivateKey, above: tuple[bytes, ...] = ()) -> Authority:
    """An authority that has certified its own ticket keys."""
    ticket_key = keys.new_rsa()
    pgp = openpgp.new_key(f"{gid.hrn} <support@{gid.hrn}.example>")
    marks = (openpgp.fingerprint(openpgp.public(pgp)),)
    subject = Subject(hrn=gid.hrn, kind="authority", service="ticket", key=public(ticket_key), openpgp=marks)
    certificate = gids.certify(gid, key, subject, NOW - DAY)
    return Authority(gid, key, ticket_key, pgp, (certificate.der, *above))


def made_root(hrn: Hrn) -> Authority:
    key = keys.new_p256()
    return authority(gids.make_root(hrn, key, uuid.UUID(int=len(str(hrn))), NOW - DAY), key)


@functools.cache
def plc() -> Authority:
    return made_root(PLC)


@functools.cache
def epfl() -> Authority:
    return made_root(EPFL)


@functools.cache
def japan() -> Authority:
    key = keys.new_p256()
    gid = gids.certify(plc().gid, plc().key, Subject(hrn=JAPAN, kind="authority", key=public(key)), NOW - DAY)
    return authority(gid, key, (gid.der,))


CODEEN = Ticket(
    issuer=PLC,
    slice=SliceName.parse("princeton_codeen"),
    slice_id=31,
    serial="7f3a",
    not_before=NOW - 60,
    expires=NOW + 14 * DAY,
    timestamp=NOW - 1.5,
    users=(User(7, "pi@princeton.edu", ("ssh-ed25519 AAAAC3Nza pi@princeton.edu",)), User(8, "ra@princeton.edu")),
    nodes=((3, "planetlab1.cs.princeton.edu"),),
    rspec=ResourceSpec.from_tags([("cpu_share", "5"), ("net_i2_max_rate", "10000"), ("vref", "f14")]),
    initscript="#!/bin/sh\necho 'up' && true\n",
    family="planetlab-f14-x86_64",
)
