"""The papers of 2003: tickets of an agent and leases of a node, as the first PlanetLab wrote them.

A paper is a header line with a signature, an empty line, and XML; everything after the empty line, to the last byte, is
signed. The signature is RSA over the bare SHA-1 of it, PKCS#1 v1.5 without the digest's name: weak by today's measure,
so whoever takes these papers does so by an explicit choice. A paper is bound to a holder by the hash of the holder's
key, to one node by its address, and to a time.
"""

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Literal

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from planetlab import xml_text
from planetlab.errors import BadArgument
from planetlab.keys import PrivateKey, PublicKey
from planetlab.names import SliceName
from planetlab.refusals import BadTicket

MOST_BYTES = 65_536
SLACK = 300.0  # seconds that the clocks of agent, node and holder may differ
HEADER = b"sig-rsa-sha1-base64"
_DOCTYPE = re.compile(rb"(\s*<\?xml [^<>]{1,60}\?>)?\s*<!DOCTYPE (ticket|lease)>\s*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_TIME = "%Y-%m-%d %H:%M:%S"
_PADDING = padding.PKCS1v15()

LOGINS = frozenset({
    "root", "bin", "daemon", "adm", "lp", "sync", "shutdown", "halt", "mail", "news", "uucp", "operator", "games",
    "gopher", "ftp", "nobody", "vcsa", "mailnull", "rpm", "rpc", "rpcuser", "nfsnobody", "nscd", "ident", "radvd",
    "apache", "squid", "named", "sshd", "ntp",
})  # fmt: skip


def principle(key: PublicKey) -> str:
    """Who holds ``key``: the hash of its PEM text, 40 hex digits. The originals' spelling of principal."""
    return hashlib.sha1(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def good_name(text: str) -> str:
    """A slice's name of that era. Raises `BadArgument` in the original's words."""
    if not _NAME.fullmatch(text) or text == "vserver-reference":
        raise BadArgument(f"Slice name {text} is a bad name")
    if text in LOGINS:
        raise BadArgument(f"Login {text} already exists")
    return text


def slice_name(text: str) -> SliceName:
    """The name under which such a slice is on a node beside others: no two names give the same one.

    >>> str(slice_name("utah_dsl")), str(slice_name("utah-1"))
    ('utah_dsl', 'dslice_utah.1')
    """
    site, underscore, label = good_name(text).partition("_")
    if underscore and label and "-" not in text and site == site.lower() and site != "dslice":
        return SliceName(site, label)
    return SliceName("dslice", text.replace("-", "."))


def asctime(when: float) -> str:
    """A time in refusals, as the originals wrote it."""
    return datetime.fromtimestamp(when, UTC).ctime()


@frozen(kw_only=True)
class Paper:
    """A ticket or a lease. Times are whole seconds since the epoch."""

    kind: Literal["ticket", "lease"]
    principle: str
    ip: str
    slice: str
    start: float
    end: float
    valid_from: float = field(default=0.0)  # only of a ticket: when it may be brought
    valid_to: float = field(default=0.0)

    def xml(self) -> bytes:
        """The signed part, in the layout of the original."""
        rows = [("principle_sha1", self.principle), ("ip", self.ip), ("slice", self.slice)]
        if self.kind == "ticket":
            rows += [("validfrom_time", _stamp(self.valid_from)), ("validto_time", _stamp(self.valid_to))]
        rows += [("start_time", _stamp(self.start)), ("end_time", _stamp(self.end))]
        lines = "".join(f"    <{tag}>{_escaped(text)}</{tag}>\n" for tag, text in rows)
        return f'<?xml version="1.0" ?>\n<!DOCTYPE {self.kind}>\n<{self.kind}>\n{lines}</{self.kind}>\n'.encode()


def _stamp(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime(_TIME)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def seal(paper: Paper, key: PrivateKey) -> bytes:
    """``paper`` as text, signed with an RSA key."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadArgument("papers of 2003 are signed with RSA keys only")
    xml = paper.xml()
    signature = key.sign(hashlib.sha1(xml).digest(), _PADDING, utils.NoDigestInfo())
    return HEADER + b": " + base64.b64encode(signature) + b"\n\n" + xml


def open_paper(sealed: bytes, kind: Literal["ticket", "lease"], key: PublicKey) -> Paper:
    """The paper in ``sealed``, if ``key`` signed it. Raises `BadTicket`. Times and holder are the caller's."""
    if len(sealed) > MOST_BYTES:
        raise BadTicket("too-large", f"a paper of {len(sealed)} bytes, at most {MOST_BYTES} are read")
    head, gap, xml = sealed.replace(b"\r\n", b"\n", 2).partition(b"\n\n")
    name, colon, value = head.partition(b":")
    if not gap or not colon or name.strip().lower() != HEADER or b"\n" in head.strip():
        raise BadTicket("malformed", f"expected a header {HEADER.decode()}, an empty line and XML, got {sealed[:40]!r}")
    try:
        signature = base64.b64decode(value.strip(), validate=True)
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadTicket("forged", "the pinned key is no RSA key, and these papers know no other")
        if key.recover_data_from_signature(signature, _PADDING, None) != hashlib.sha1(xml).digest():
            raise InvalidSignature
    except (InvalidSignature, ValueError) as error:
        raise BadTicket("forged", f"the pinned key did not sign this {kind}") from error
    return _read(xml, kind)


def _read(xml: bytes, kind: Literal["ticket", "lease"]) -> Paper:
    doctype = _DOCTYPE.match(xml)
    root = xml_text.parse(xml[doctype.end() :] if doctype else xml)
    if root.tag != kind:
        raise BadTicket("malformed", f"expected a {kind}, got a {root.tag!s:.40}")
    said = {str(child.tag): (child.text or "").strip() for child in root}
    if len(said) != len(root):
        raise BadTicket("malformed", f"an element of the {kind} stands there twice")
    try:
        paper = Paper(
            kind=kind,
            principle=said["principle_sha1"],
            ip=said["ip"],
            slice=said["slice"],
            start=_time(said["start_time"]),
            end=_time(said["end_time"]),
            valid_from=_time(said["validfrom_time"]) if kind == "ticket" else 0.0,
            valid_to=_time(said["validto_time"]) if kind == "ticket" else 0.0,
        )
    except KeyError as missing:
        raise BadTicket("malformed", f"the {kind} has no {missing}") from None
    except ValueError as error:
        raise BadTicket("malformed", f"a time of the {kind}: expected YYYY-MM-DD HH:MM:SS, {error!s:.80}") from None
    return paper


def _time(text: str) -> float:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp()
