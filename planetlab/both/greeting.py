"""Recognising a caller by the auth struct, in the original's order and with its codes.

1. the struct has the members of its kind (102), 2. it is right (103), 3. a person or peer has a role for the method
(103; 108 for a session).
"""

import hmac
from typing import Any

from attrs import field, frozen

from planetlab import auth_text, call_signing
from planetlab.both import callers, hearing, passwords
from planetlab.both.callers import PERSON_FIELDS, Caller
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated
from planetlab.filters import Compare, IsNil, both, by_keys
from planetlab.methods import AUTH, Method, Role
from planetlab.records.nodes import NODE
from planetlab.records.peers import PEER
from planetlab.records.persons import KEY, PERSON, SESSION
from planetlab.registry import peer_papers
from planetlab.registry.store import Row, Store
from planetlab.shapes import Of, Struct


def _members(optional: str = "", **needed: type) -> Struct:
    """The struct of one kind: its members must all be there, and so must AuthMethod, whatever it says."""
    shapes = {name: Of(kind) for name, kind in {"AuthMethod": str, **needed}.items()}
    return Struct(shapes | {name: Of(str) for name in optional.split()}, frozenset(shapes))


_NODE_KEY = _members(node_id=int, value=str)
_PASSWORD = _members(Username=str, AuthString=str)
MEMBERS = {
    "password": _PASSWORD,
    "capability": _PASSWORD,
    "session": _members(session=str),
    "gpg": _members("audience time", name=str, signature=str),
    "hmac": _NODE_KEY,
    "hmac_dummybox": _NODE_KEY,
    "anonymous": _members(),
}


@frozen
class Maintenance:
    """The account that operators' own programs use, from listed addresses only."""

    username: str = ""
    password: str = ""
    addresses: tuple[str, ...] = ()


class SlowPassword(Exception):
    """The password must first be checked outside of the transaction; carried to whoever can do that."""

    def __init__(self, stored: str, password: str, name: str, address: str) -> None:
        super().__init__(name)
        self.stored, self.password, self.name, self.address = stored, password, name, address


@frozen
class Greeter:
    """Knows how callers show who they are."""

    maintenance: Maintenance = Maintenance()
    guesses: passwords.Guesses = field(factory=passwords.Guesses)

    def greet(self, method: Method, args: tuple[Any, ...], store: Store, address: str) -> Call:
        """The call with its caller. Raises `BadArgument`, `NotAuthenticated` or `Forbidden`."""
        if method.auth is None:
            return Call(None, frozenset(), store, store.now, method.name, address)
        kind, auth = _read(method, args[0])
        caller, roles = self._recognise(kind, auth, method, args[1:], store, address)
        return Call(caller, roles, store, store.now, method.name, address, kind, auth.get("session"))

    def _recognise(
        self, kind: str, auth: dict[str, Any], method: Method, args: tuple[Any, ...], store: Store, address: str
    ) -> tuple[Caller | None, frozenset[Role]]:
        if kind == "anonymous":
            if Role.ANONYMOUS not in method.roles:
                raise NotAuthenticated(f"{method.name} is not for anonymous callers")
            return None, frozenset({Role.ANONYMOUS})
        if kind in ("password", "capability"):
            caller: Caller = self._person_by_password(auth, store, address)
        elif kind == "session":
            caller = _by_session(auth["session"], store)
            if not caller.roles & method.roles:
                raise Forbidden(_lacking(method, caller))
            return caller, caller.roles
        elif kind == "gpg":
            caller = self._by_signature(auth, method, args, store)
        else:
            caller = _by_node_key(auth, method, args, store)
        if not caller.roles & method.roles:
            raise NotAuthenticated(_lacking(method, caller))
        return caller, caller.roles

    def _person_by_password(self, auth: dict[str, Any], store: Store, address: str) -> Caller:
        name, password = auth["Username"], auth["AuthString"]
        row = _account(store, name)
        self.guesses.slow_down(name.lower(), address, store.now)
        if self.maintenance.username and name == self.maintenance.username:
            right = address in self.maintenance.addresses and hmac.compare_digest(
                password.encode(), self.maintenance.password.encode()
            )
        else:
            right = self._is_right(row["password"], password, name.lower(), address, store)
        if not right:
            self.guesses.wrong(name.lower(), address, store.now)
            raise NotAuthenticated("Password verification failed")
        return callers.person(row)

    def _is_right(self, stored: str, password: str, name: str, address: str, store: Store) -> bool:
        now = store.now
        if self.guesses.known(stored, password, now):
            return True
        if self.guesses.known_wrong(stored, password, now):
            return False
        if passwords.is_slow(stored) or store.hurries:
            raise SlowPassword(stored, password, name, address)
        if passwords.fits(stored, password):
            self.guesses.right(stored, password, name, address, now)
            return True
        return False

    def _by_signature(self, auth: dict[str, Any], method: Method, args: tuple[Any, ...], store: Store) -> Caller:
        peer = store.row(PEER, Compare("peername", "=", auth["name"]))
        if peer is not None:
            caller: Caller = callers.PeerCaller(peer["peer_id"], peer["peername"])
            keys, is_bound = _keys_of(peer, store)
            if is_bound or "audience" in auth:
                audience, time = auth.get("audience", ""), auth.get("time", "")
                call_signing.must_be_for(audience, time, str(store.plc.hrn), store.now)
                args = call_signing.bound(args, audience, time)
        else:
            person = _account(store, auth["name"])
            if person["email"] != auth["name"]:
                raise NotAuthenticated("No such account")
            caller = callers.person(person)
            owned = both(Compare("person_id", "=", person["person_id"]), Compare("key_type", "=", "gpg"))
            keys = [row["key"] for row in store.rows(KEY, owned, ("key",))]
        if not caller.roles & method.roles:
            raise NotAuthenticated(_lacking(method, caller))
        store.must_have_time()
        call_signing.must_fit([key.encode() for key in keys if key], method.name, args, auth["signature"])
        if peer is not None and store.plc.peers is not None:
            store.plc.peers.spending.call(peer["peer_id"], peer["peername"], store.now)
        return caller


def _keys_of(peer: Row, store: Store) -> tuple[list[str | None], bool]:
    """The keys that may sign a peer's calls, its statement's or the one given for it; whether it says whom it calls."""
    paper = peer_papers.of(store, peer["peer_id"])
    if paper is None:
        return [peer["key"]], False
    if paper.state == peer_papers.SUSPENDED:
        raise Forbidden(f"the peering with {paper.hrn} is suspended")
    said = hearing.known(paper.statement).statement
    return [key.paper for key in said.pgp], call_signing.BOUND in said.capabilities


def _read(method: Method, said: Any) -> tuple[str, dict[str, Any]]:
    """The kind and the checked struct. A method that accepts few kinds checks for theirs, whatever the struct says."""
    AUTH.read(said, "auth")
    named = Of(str).read(said.get("AuthMethod"), "auth['AuthMethod']") if "AuthMethod" in said else None
    if method.auth:
        error: BadArgument | None = None
        for kind in method.auth:
            if kind == "any":
                return _any(named, said)
            try:
                return kind, MEMBERS[kind].read(said, "auth")
            except BadArgument as wrong:
                error = wrong
        assert error is not None
        raise error
    return _any(named, said)


def _any(named: str | None, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if named is None:
        raise BadArgument("AuthMethod not specified", "auth")
    if named not in MEMBERS:
        raise BadArgument(f"unknown AuthMethod {named!r}; known are {', '.join(sorted(MEMBERS))}", "auth")
    return named, MEMBERS[named].read(said, "auth")


def _account(store: Store, name: str) -> Row:
    found = store.rows(
        PERSON,
        both(both(Compare("email", "=", name.lower()), Compare("enabled", "=", 1)), IsNil("peer_id")),
        PERSON_FIELDS,
    )
    if len(found) != 1:
        raise NotAuthenticated("No such account")
    return found[0]


def _by_session(key: str, store: Store) -> Caller:
    row = store.row(SESSION, Compare("session_id", "=", key))
    if row is None:
        raise NotAuthenticated("No such session")
    if row["node_id"] is not None:
        node = store.row(NODE, both(Compare("node_id", "=", row["node_id"]), IsNil("peer_id")), _NODE_FIELDS)
        if node is None:
            raise NotAuthenticated("No such node")
        return callers.node(node)
    person = None
    if row["person_id"] is not None and row["expires"] is not None and row["expires"] > store.now:
        mine = both(Compare("person_id", "=", row["person_id"]), both(Compare("enabled", "=", 1), IsNil("peer_id")))
        person = store.row(PERSON, mine, PERSON_FIELDS)
    if person is None:
        raise NotAuthenticated("Invalid session")
    return callers.person(person)


_NODE_FIELDS = ("node_id", "hostname", "site_id", "key")


def _by_node_key(auth: dict[str, Any], method: Method, args: tuple[Any, ...], store: Store) -> Caller:
    if Role.NODE not in method.roles:
        raise NotAuthenticated(f"{method.name} is not for nodes")
    row = store.row(NODE, both(by_keys(NODE, [auth["node_id"]]), IsNil("peer_id")), _NODE_FIELDS)
    if row is None:
        raise NotAuthenticated("No such node")
    if not row["key"] or not auth_text.fits(row["key"], args, auth["value"]):
        raise FailedNode(row["node_id"], row["hostname"])
    return callers.node(row)


class FailedNode(NotAuthenticated):
    """A node that exists did not show its key; its owners are told."""

    def __init__(self, node_id: int, hostname: str) -> None:
        super().__init__(f"Node {hostname}: HMAC verification failed")
        self.node_id, self.hostname = node_id, hostname


def _lacking(method: Method, caller: Caller) -> str:
    needs, has = (sorted(role.value for role in roles) for roles in (method.roles, caller.roles))
    told = f"it needs one of {', '.join(needs)}; {caller} has {', '.join(has) or 'none'}"
    return f"Not allowed to call {method.name}: {told}"
