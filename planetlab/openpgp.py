"""Signed OpenPGP messages as v4 tickets are: one-pass signature, literal binary data, signature; gpg reads them.

`read` takes a message apart under strict rules and says which key it claims; `holds` lets Sequoia judge it by the
certificates that the caller trusts. Every octet that no signature covers has one value that is accepted. Two are
left free in messages of other programs, the name and the date that gpg puts before the data: they mean nothing.
"""

import functools
import hashlib
from collections.abc import Sequence

import pysequoia
from attrs import field, frozen

from planetlab import openpgp_legacy
from planetlab import pgp_packets as packets
from planetlab.errors import BadArgument
from planetlab.pgp_packets import bad

SHA1 = 2
DSA = 17
_KEYS = frozenset({1, 3, DSA, 19, 22, 27})
_HASHES = {SHA1: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}
_BINARY = 0
_CREATED, _ISSUER, _FINGERPRINT = 2, 16, 33
_WHILE_SIGNING = 60  # seconds between the date of the data and that of the signature


@frozen
class Message:
    """A signed message, taken apart and not yet believed."""

    body: bytes = field(repr=False)  # what was signed
    plain: bytes = field(repr=False)  # the three packets, uncompressed, in our framing
    signature: bytes = field(repr=False)  # the signature packet's body
    signer: str  # fingerprint or key id, lower-case hex
    created: float  # when the signature says it was made
    key_algorithm: int
    hash_algorithm: int
    headers: bool  # armour headers, which nobody signed
    repeatable: bool  # the compressed layer is what zlib makes of its content
    ours: bool  # in the one framing that `sign` writes

    @property
    def legacy(self) -> bool:
        """Whether only a root with the legacy switch may use it."""
        return self.headers or not self.repeatable or self.hash_algorithm == SHA1 or self.key_algorithm == DSA


def new_key(name: str) -> bytes:
    """A new secret key (Ed25519, RFC 4880) for ``name <mail>``, armoured; its file's mode shall be 0600."""
    return str(pysequoia.Tsk.generate(user_id=name, profile=pysequoia.Profile.RFC4880)).encode()


def public(secret: bytes) -> bytes:
    """The certificate of a secret key, armoured, without its secrets."""
    return str(_secret(secret).extract_certificate()).encode()


def each(certificates: bytes) -> tuple[bytes, ...]:
    """The certificates in a file, armoured or not, without armour. Raises `BadArgument`."""
    return tuple(map(bytes, _certificates([certificates])))


def fingerprint(certificate: bytes) -> str:
    """A certificate's fingerprint in lower-case hex."""
    return str(_certificates([certificate])[0].fingerprint)


def sign(secret: bytes, body: bytes) -> bytes:
    """``body`` as a signed, armoured message, as ``gpg --armor --sign --compress-algo none`` makes it."""
    signed = pysequoia.sign(_secret(secret).signer(), body, armor=False)
    message = packets.armour(packets.join(packets.split(bytes(signed))))
    if len(message) > packets.MOST_BYTES:
        raise BadArgument(f"the signed message has {len(message)} bytes, at most {packets.MOST_BYTES} would be read")
    return message


def read(data: bytes) -> Message:
    """Take a message apart. Raises `BadSignature`: ``unsigned``, ``malformed``, ``wrapped``, ``too-large``."""
    inner, headers, exact = packets.dearmour(data)
    outer = packets.split(inner)
    repeatable = True
    if [packet.tag for packet in outer] == [packets.COMPRESSED]:
        content, repeatable = packets.unpack(outer[0])
        outer = packets.split(content)
    tags = [packet.tag for packet in outer]
    if packets.ENCRYPTED & set(tags):
        raise bad("an encrypted message is no ticket: sign with gpg --armor --sign")
    if tags == [packets.LITERAL]:
        raise bad("the message is stored, not signed", "unsigned")
    if tags != [packets.ONE_PASS, packets.LITERAL, packets.SIGNATURE]:
        raise bad(f"expected one one-pass signature, literal data and one signature, got packets {tags}", "wrapped")
    one_pass, literal, signature = outer
    name_date, body = _literal(literal.body)
    created, signer = _signature(signature.body, body)
    _must_announce(one_pass.body, signature.body, signer)
    date = int.from_bytes(name_date[1][:4], "big")
    if date and not created - _WHILE_SIGNING <= date <= created:
        raise bad("the data's date is not the time at which it was signed")
    return Message(
        body=body,
        plain=packets.join(outer),
        signature=signature.body,
        signer=signer,
        created=float(created),
        key_algorithm=signature.body[2],
        hash_algorithm=signature.body[3],
        headers=headers,
        repeatable=repeatable,
        ours=exact and inner == packets.join(outer) and name_date == (b"", bytes(4)),
    )


def holds(message: Message, certificates: Sequence[bytes], legacy: bool = False) -> str:
    """The fingerprint of the one certificate that signed ``message``; empty if none of these did.

    Sequoia judges keys and signatures by the machine's own clock: one made half an hour from now does not hold.
    ``legacy`` also tries what Sequoia refuses by policy: RSA and DSA primary keys with SHA-1, and short ones.
    """
    held = _certificates(certificates)
    try:
        verdict = pysequoia.verify(message.plain, lambda _: held)
    except Exception:  # Sequoia raises its own errors as plain exceptions; each means that nobody here signed it
        return openpgp_legacy.holds(message.body, message.signature, message.signer, held) if legacy else ""
    signers = {str(signature.certificate) for signature in verdict.valid_sigs}
    if len(verdict.valid_sigs) != 1 or verdict.bytes != message.body:
        return ""
    return signers.pop()


@functools.lru_cache(maxsize=8)  # an authority signs with the same key again and again
def _secret(armoured: bytes) -> pysequoia.Tsk:
    try:
        return pysequoia.Tsk.from_bytes(armoured)
    except Exception as error:  # as above
        raise BadArgument(f"expected an OpenPGP secret key: {_first_line(error)}") from None


def _certificates(given: Sequence[bytes]) -> list[pysequoia.Cert]:
    try:
        found = [certificate for data in given for certificate in pysequoia.Cert.split_bytes(data)]
    except Exception as error:  # as above
        raise BadArgument(f"expected OpenPGP certificates: {_first_line(error)}") from None
    if given and not found:
        raise BadArgument(f"expected OpenPGP certificates, got {given[0][:40]!r}")
    return found


def _first_line(error: Exception) -> str:
    """What Sequoia says, without the trace of its insides that it adds."""
    return str(error).partition("\n")[0]


def _literal(body: bytes) -> tuple[tuple[bytes, bytes], bytes]:
    """Name and date, which mean nothing, and the data."""
    size = body[1] if len(body) > 1 else 0
    if body[:1] != b"b" or len(body) < 6 + size:
        raise bad("expected literal binary data")
    return (body[2 : 2 + size], body[2 + size : 6 + size]), body[6 + size :]


def _signature(body: bytes, data: bytes) -> tuple[int, str]:
    """When a signature packet says it was made, and by whom; its form is the only one that is accepted."""
    if len(body) < 12 or body[0] != 4 or body[1] != _BINARY or body[2] not in _KEYS or body[3] not in _HASHES:
        raise bad("expected a version 4 signature over binary data, by RSA, DSA, ECDSA or EdDSA with SHA", "forged")
    signed = 6 + int.from_bytes(body[4:6], "big")
    free = signed + 2 + int.from_bytes(body[signed : signed + 2], "big")
    if free + 2 > len(body):
        raise bad("the signature is cut off")
    covered = dict(_subpackets(body[6:signed]))
    uncovered = body[signed + 2 : free]
    fingerprint_ = covered.get(_FINGERPRINT, b"")[1:]
    issuer = fingerprint_[-8:] or covered.get(_ISSUER, b"") or uncovered[2:]
    if len(issuer) != 8 or uncovered not in (b"", bytes([9, _ISSUER]) + issuer):
        raise bad("the signature has statements that it does not cover, or names no signer")
    digest = hashlib.new(_HASHES[body[3]], data + body[:signed] + b"\x04\xff" + signed.to_bytes(4, "big")).digest()
    if digest[:2] != body[free : free + 2]:
        raise bad("the message was changed after it was signed (its digest differs)", "forged")
    packets.numbers(body[free + 2 :])
    return int.from_bytes(covered.get(_CREATED, b""), "big"), (fingerprint_ or issuer).hex()


def _subpackets(area: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(area):
        size = area[at]
        if not 0 < size < 192 or at + 1 + size > len(area):
            raise bad("a statement of the signature is cut off")
        found.append((area[at + 1] & 0x7F, area[at + 2 : at + 1 + size]))
        at += 1 + size
    single = [kind for kind, _ in found if kind in (_CREATED, _ISSUER, _FINGERPRINT)]
    if len(set(single)) != len(single):
        raise bad("the signature says twice when or by whom it was made")
    return found


def _must_announce(one_pass: bytes, signature: bytes, signer: str) -> None:
    expected = bytes([3, signature[1], signature[3], signature[2]]) + bytes.fromhex(signer[-16:]) + b"\x01"
    if one_pass != expected:
        raise bad("the one-pass signature announces another signature than the one that follows")
