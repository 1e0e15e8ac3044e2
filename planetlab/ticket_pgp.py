"""The v4 ticket's content: the struct that a node manager reads, and one member more with what v4 lacks.

A v4 node looks for ``timestamp``, ``initscripts`` and ``slivers`` and finds what it always found. Our facts are the
member `MEMBER`; a message without it is an original's ticket, and then the issuer is the root whose key signed it.
"""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar
from xmlrpc.client import Binary

from planetlab import rpc_text
from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName
from planetlab.refusals import BadSignature, BadTicket
from planetlab.rspec import ResourceSpec
from planetlab.ticket import Ticket, User
from planetlab.ticket_xml import Claims
from planetlab.units import whole_seconds

MEMBER = "plfed-ticket-1"
_FAMILY = "plfed-"

T = TypeVar("T")


def to_body(ticket: Ticket, pgp: bytes = b"") -> bytes:
    """The text to be signed. ``pgp`` is the signer's certificate, brought along where a chain vouches for it."""
    tags = ticket.tags
    told = dict(tags)
    named = told.get("initscript", "")
    sliver: dict[str, Any] = {
        "name": str(ticket.slice),
        "slice_id": ticket.slice_id,
        "instantiation": ticket.instantiation,
        "expires": whole_seconds(ticket.expires),
        "keys": [{"key_type": "ssh", "key": key} for key in ticket.keys],
        "attributes": [{"tagname": name, "value": value} for name, value in tags],
    }
    if ticket.family:
        sliver["GetSliceFamily"] = ticket.family
    script = {"initscript_id": 0, "name": named, "enabled": True, "script": ticket.initscript}
    return rpc_text.print_answer(
        {
            "timestamp": whole_seconds(ticket.timestamp),
            "initscripts": [script] if named and ticket.initscript else [],
            "slivers": [sliver],
            MEMBER: _facts(ticket, pgp),
        }
    )


def _facts(ticket: Ticket, pgp: bytes) -> dict[str, Any]:
    return {
        "issuer": str(ticket.issuer),
        "serial": ticket.serial,
        "issued": ticket.timestamp,
        "not_before": ticket.not_before,
        "expires": ticket.expires,
        "audience": [str(name) for name in ticket.audience],
        "users": [{"person_id": user.person_id, "email": user.email, "keys": list(user.keys)} for user in ticket.users],
        "nodes": [{"node_id": number, "hostname": host} for number, host in ticket.nodes],
        "initscript": ticket.initscript,
        "chain": [Binary(certificate) for certificate in ticket.chain],
        "pgp": Binary(pgp),
    }


def parse(body: bytes) -> dict[str, Any]:
    """The struct in a message, not yet believed. Raises `BadTicket` ``malformed``."""
    try:
        struct = rpc_text.parse_answer(body)
    except BadSignature as error:
        raise BadTicket(error.reason, f"not a v4 ticket: {error.sentence}") from None
    except BadArgument as error:
        raise BadTicket("malformed", f"not a v4 ticket: {error}") from None
    if not isinstance(struct, dict):
        raise BadTicket("malformed", f"not a v4 ticket: expected a struct, got {type(struct).__name__}")
    return struct


def claims(struct: dict[str, Any]) -> Claims:
    """What the struct says of its issuer. Raises `BadTicket` ``malformed``."""

    def found() -> Claims:
        facts = _facts_of(struct)
        if facts is None:
            return Claims()
        chain = tuple(_is(certificate, bytes, "chain") for certificate in _get(facts, "chain", list))
        return Claims(Hrn.parse(_get(facts, "issuer", str)), chain, _get(facts, "pgp", bytes))

    return _reading(found)


def read(struct: dict[str, Any], body: bytes, signer: Hrn) -> Ticket:
    """The ticket that a verified struct says. Raises `BadTicket`."""
    return _reading(lambda: _read(struct, body, signer))


def _read(struct: dict[str, Any], body: bytes, signer: Hrn) -> Ticket:
    facts = _facts_of(struct)
    slivers = _get(struct, "slivers", list)
    scripts = _get(struct, "initscripts", list)
    if len(slivers) != 1:
        raise BadArgument(f"slivers: expected one, got {len(slivers)}")
    if "node_id" in struct:
        raise BadTicket("wrong-audience", "the ticket is for one node, told by a number that only its authority knows")
    sliver = _is(slivers[0], dict, "slivers")
    tags = tuple(_tag(_is(pair, dict, "attributes")) for pair in _get(sliver, "attributes", list))
    keys = tuple(_get(_is(key, dict, "keys"), "key", str) for key in _get(sliver, "keys", list))
    common: dict[str, Any] = {
        "slice": SliceName.parse(_get(sliver, "name", str)),
        "slice_id": _get(sliver, "slice_id", int),
        "instantiation": _get(sliver, "instantiation", str),
        "attributes": tags,
        "rspec": ResourceSpec.from_tags(tags),
        "family": _get(sliver, "GetSliceFamily", str) if "GetSliceFamily" in sliver else "",
    }
    if facts is None:
        return Ticket(
            **common,
            issuer=signer,
            serial="v4-" + hashlib.sha256(body).hexdigest()[:32],
            expires=float(_get(sliver, "expires", int)),
            timestamp=float(_get(struct, "timestamp", int)),
            users=(User(0, "", keys),) if keys else (),
            initscript=_script(dict(tags), scripts),
        )
    return Ticket(
        **common,
        issuer=Hrn.parse(_get(facts, "issuer", str)),
        serial=_get(facts, "serial", str),
        timestamp=_get(facts, "issued", float),
        not_before=_get(facts, "not_before", float),
        expires=_get(facts, "expires", float),
        audience=tuple(Hrn.parse(_is(name, str, "audience")) for name in _get(facts, "audience", list)),
        users=tuple(_user(_is(user, dict, "users")) for user in _get(facts, "users", list)),
        nodes=tuple(_node(_is(node, dict, "nodes")) for node in _get(facts, "nodes", list)),
        initscript=_get(facts, "initscript", str),
        chain=tuple(_is(certificate, bytes, "chain") for certificate in _get(facts, "chain", list)),
    )


def _facts_of(struct: dict[str, Any]) -> dict[str, Any] | None:
    """Our member, if there is one; a later edition's is refused, since it may hold limits that we do not know."""
    ours = [name for name in struct if name.startswith(_FAMILY)]
    if ours and ours != [MEMBER]:
        raise BadArgument(f"expected the member {MEMBER}, got {ours!r:.80}")
    return _get(struct, MEMBER, dict) if ours else None


def _script(tags: dict[str, str], scripts: list[Any]) -> str:
    """The script's text as a v4 node finds it: the tag with the code, else the named one of ``initscripts``."""
    if code := tags.get("initscript_code"):
        return code
    wanted = tags.get("initscript")
    for script in scripts:
        if wanted and _is(script, dict, "initscripts").get("name") == wanted:
            return _get(script, "script", str)
    return ""


def _tag(pair: dict[str, Any]) -> tuple[str, str]:
    name = "tagname" if "tagname" in pair else "name"  # PLC before the autumn of 2008
    value = pair.get("value")
    return _get(pair, name, str), "" if value is None else _is(value, str, "value")


def _user(user: dict[str, Any]) -> User:
    keys = tuple(_is(key, str, "keys") for key in _get(user, "keys", list))
    return User(_get(user, "person_id", int), _get(user, "email", str), keys)


def _node(node: dict[str, Any]) -> tuple[int, str]:
    return _get(node, "node_id", int), _get(node, "hostname", str)


def _get(struct: dict[str, Any], name: str, kind: type[T]) -> T:
    if name not in struct:
        raise BadArgument(f"{name} is missing")
    return _is(struct[name], kind, name)


def _is(value: Any, kind: type[T], name: str) -> T:
    if type(value) is not kind:
        raise BadArgument(f"{name}: expected {kind.__name__}, got {value!r:.40}")
    return value


def _reading(read: Callable[[], T]) -> T:
    try:
        return read()
    except (BadArgument, ValueError) as error:
        raise BadTicket("malformed", f"not a v4 ticket: {error}") from error
