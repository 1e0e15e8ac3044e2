"""Who calls: a person, a node, a peer; nobody is None."""

from attrs import frozen

from planetlab.errors import BadArgument
from planetlab.methods import Role
from planetlab.records.nodes import NODE
from planetlab.records.persons import PERSON
from planetlab.registry.store import Row, Store


@frozen
class PersonCaller:
    """A person with an enabled account of this PLC."""

    person_id: int
    email: str
    names: tuple[str, ...]
    site_ids: tuple[int, ...]

    @property
    def roles(self) -> frozenset[Role]:
        """The roles the person holds, of those that methods know."""
        return frozenset(Role(name) for name in self.names if name in _ROLES)

    def __str__(self) -> str:
        return f"person_id {self.person_id}"


@frozen
class NodeCaller:
    """A node of this PLC."""

    node_id: int
    hostname: str
    site_id: int

    @property
    def roles(self) -> frozenset[Role]:
        """What a node may call."""
        return frozenset({Role.NODE})

    def __str__(self) -> str:
        return f"node_id {self.node_id}"


@frozen
class PeerCaller:
    """Another PLC."""

    peer_id: int
    peername: str

    @property
    def roles(self) -> frozenset[Role]:
        """What a peer may call."""
        return frozenset({Role.PEER})

    def __str__(self) -> str:
        return ""


Caller = PersonCaller | NodeCaller | PeerCaller

_ROLES = {role.value for role in Role}
PERSON_FIELDS = ("person_id", "email", "enabled", "peer_id", "roles", "site_ids", "password")


def person(row: Row) -> PersonCaller:
    """The caller that a row of persons, with at least `PERSON_FIELDS`, is."""
    return PersonCaller(row["person_id"], row["email"], tuple(row["roles"]), tuple(row["site_ids"]))


def node(row: Row) -> NodeCaller:
    """The caller that a row of nodes is."""
    return NodeCaller(row["node_id"], row["hostname"], row["site_id"])


def the_node(caller: Caller | None) -> NodeCaller:
    """The node that calls; a person who holds the role of that name is none. Raises `BadArgument`."""
    if not isinstance(caller, NodeCaller):
        raise BadArgument("only a node itself may call this")
    return caller


def slices_of(store: Store, caller: PersonCaller) -> list[int]:
    """The numbers of the slices a person is in."""
    return store.list_of(PERSON, "slice_ids", caller.person_id)


def slices_on(store: Store, caller: NodeCaller) -> list[int]:
    """The numbers of the slices on a node."""
    return store.list_of(NODE, "slice_ids", caller.node_id)
