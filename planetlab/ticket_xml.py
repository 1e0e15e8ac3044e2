"""The v3 ticket document: what v3 knew, element for element, and beside it what v3 lacks, in a namespace of its own.

A v3 reader looks for ``slice`` and finds what it always found. We write our facts into ``facts``; a document without
it is an original's ticket, and then the issuer is the root whose key signed it.
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen
from lxml import etree

from planetlab import rspec_v3
from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName
from planetlab.refusals import BadTicket
from planetlab.rspec import ResourceSpec
from planetlab.ticket import Ticket, User

NS = "urn:plfed:ticket:1"
_FACTS = f"{{{NS}}}facts"
_OURS = "urn:plfed:"


@frozen
class Claims:
    """Who a paper says has issued it, read before it is believed, only to find the key that shows it.

    ``pgp`` is the OpenPGP certificate that a message brings along; ``issuer`` None is an original's ticket.
    """

    issuer: Hrn | None = None
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    pgp: bytes = field(default=b"", repr=False)


def to_root(ticket: Ticket) -> etree._Element:
    """The document's root, indented by two, without a signature."""
    root = etree.Element("ticket")
    about = {"id": str(ticket.slice_id), "name": str(ticket.slice), "expiry": f"{ticket.expires:.0f}"}
    piece = etree.SubElement(root, "slice", about)
    nodes, users = etree.SubElement(piece, "nodes"), etree.SubElement(piece, "users")
    for number, host in ticket.nodes:
        etree.SubElement(nodes, "node", id=str(number), hostname=host)
    for user in ticket.users:
        etree.SubElement(users, "user", person_id=str(user.person_id), email=user.email)
    piece.append(rspec_v3.to_element(ticket.tags))
    root.append(_facts(ticket))
    etree.indent(root)
    for empty in (element for element in piece if not len(element)):
        empty.text = "\n    "  # v3 writes start and end tag on lines of their own
    return root


def _facts(ticket: Ticket) -> etree._Element:
    nsmap: dict[str | None, str] = {None: NS}
    facts = etree.Element(_FACTS, nsmap=nsmap)  # type: ignore[arg-type]  # the stubs know no default namespace
    facts.set("issuer", str(ticket.issuer))
    facts.set("serial", ticket.serial)
    facts.set("not-before", f"{ticket.not_before:.0f}")
    facts.set("issued", repr(ticket.timestamp))
    facts.set("instantiation", ticket.instantiation)
    facts.set("family", ticket.family)
    for name in ticket.audience:
        _add(facts, "audience", str(name))
    for user in ticket.users:
        holder = _add(facts, "user", None)
        for key in user.keys:
            _add(holder, "key", key)
    for name_, value in ticket.tags:
        _add(facts, "tag", value).set("name", name_)
    _add(facts, "initscript", ticket.initscript)
    for certificate in ticket.chain:
        _add(facts, "certificate", base64.b64encode(certificate).decode())
    return facts


def _add(parent: etree._Element, name: str, text: str | None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NS}}}{name}")
    element.text = text or None  # an empty string would be written as two tags, and read back as one
    return element


def claims(root: etree._Element) -> Claims:
    """What the document says of its issuer. Raises `BadTicket` ``malformed``."""
    with _reading():
        facts = _facts_of(root)
        if facts is None:
            return Claims()
        return Claims(Hrn.parse(_get(facts, "issuer")), _chain(facts))


def read(root: etree._Element, digested: bytes, signer: Hrn) -> Ticket:
    """The ticket that a verified document says. Raises `BadTicket` ``malformed``.

    ``signer`` is who was found to have signed; ``digested`` are the bytes, from which an original's serial is made.
    """
    with _reading():
        facts = _facts_of(root)
        piece = _slice_of(root)
        nodes, users, rspec = piece
        common: dict[str, Any] = {
            "slice_id": _number(piece, "id"),
            "slice": SliceName.parse(_get(piece, "name")),
            "expires": float(_number(piece, "expiry")),
            "nodes": tuple((_number(node, "id"), _get(node, "hostname")) for node in _rows(nodes, "node")),
        }
        people = [(_number(user, "person_id"), _get(user, "email")) for user in _rows(users, "user")]
        resources = rspec_v3.from_element(rspec)
        if facts is None:
            tags = rspec_v3.tags_of(resources)
            return Ticket(
                **common,
                issuer=signer,
                serial="v3-" + hashlib.sha256(digested).hexdigest()[:32],
                users=tuple(User(number, email) for number, email in people),
                attributes=tags,
                rspec=ResourceSpec.from_tags(tags),
            )
        keys = [tuple(key.text or "" for key in user) for user in facts.iterfind(f"{{{NS}}}user")]
        tags = tuple((_get(tag, "name"), tag.text or "") for tag in facts.iterfind(f"{{{NS}}}tag"))
        return Ticket(
            **common,
            issuer=Hrn.parse(_get(facts, "issuer")),
            serial=_get(facts, "serial"),
            not_before=float(_number(facts, "not-before")),
            timestamp=float(_get(facts, "issued")),
            instantiation=_get(facts, "instantiation"),
            family=_get(facts, "family"),
            audience=tuple(Hrn.parse(name.text or "") for name in facts.iterfind(f"{{{NS}}}audience")),
            users=tuple(User(number, email, held) for (number, email), held in zip(people, keys, strict=True)),
            attributes=tags,
            rspec=ResourceSpec.from_tags(tags),
            initscript="".join(script.text or "" for script in facts.iterfind(f"{{{NS}}}initscript")),
            chain=_chain(facts),
        )


class _reading:  # a context manager, spelt as one reads it
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, ValueError | BadArgument) and not isinstance(error, BadTicket):
            raise BadTicket("malformed", f"not a v3 ticket document: {error}") from error


def _facts_of(root: etree._Element) -> etree._Element | None:
    """Our element, if there is one; a later edition's is refused, since it may hold limits that we do not know."""
    if root.tag != "ticket" or root.attrib:
        raise BadArgument(f"expected the root element ticket, without attributes, got {root.tag!s:.40}")
    ours = [e for e in root.iter() if etree.QName(e).namespace and str(etree.QName(e).namespace).startswith(_OURS)]
    facts = [element for element in root if element.tag == _FACTS]
    if not ours:
        return None
    if len(facts) != 1 or len(ours) != len(list(facts[0].iter(f"{{{NS}}}*"))):
        raise BadArgument(f"expected one {_FACTS}, got {[str(element.tag) for element in ours[:3]]}")
    return facts[0]


def _slice_of(root: etree._Element) -> etree._Element:
    plain = [element for element in root if not etree.QName(element).namespace]
    if [element.tag for element in plain] != ["slice"] or set(plain[0].attrib) != {"id", "name", "expiry"}:
        raise BadArgument("expected one slice, with id, name and expiry")
    if [element.tag for element in plain[0]] != ["nodes", "users", "rspec"]:
        raise BadArgument("slice: expected nodes, users and rspec")
    return plain[0]


def _rows(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    for row in parent:
        if row.tag != name or len(row) or (row.text or "").strip():
            raise BadArgument(f"{parent.tag!s}: expected empty {name} elements, got {row.tag!s:.40}")
        yield row


def _get(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise BadArgument(f"{etree.QName(element).localname}: the attribute {name} is missing")
    return str(value)


def _number(element: etree._Element, name: str) -> int:
    text = _get(element, name)
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise BadArgument(f"{etree.QName(element).localname}: {name}: expected a whole number, got {text!r:.40}")
    return int(text)


def _chain(facts: etree._Element) -> tuple[bytes, ...]:
    texts = (certificate.text or "" for certificate in facts.iterfind(f"{{{NS}}}certificate"))
    return tuple(base64.b64decode(text, validate=True) for text in texts)
