"""Word lists: what a node's boot state, an interface's method, a key's type ... may be. Three methods each."""

from attrs import frozen

from planetlab.records.fields import Record, text
from planetlab.records.rules import not_empty


@frozen
class Words:
    """One word list: its record, the noun in its methods' names, what its words say, and the words it starts with."""

    record: Record
    plural: str
    says: str
    half: str
    first: tuple[str, ...]
    argument: str = "name"


def _record(name: str, table: str, column: str, max: int) -> Record:  # noqa: A002  # the word of the catalogue
    return Record(name, table, column, (text(column, max, rule=not_empty, unique=True),))


BOOT_STATES = Words(
    _record("BootState", "boot_states", "boot_state", 20),
    "BootStates",
    "what a node does at its next boot",
    "MA",
    ("boot", "safeboot", "reinstall", "disabled", "failboot", "install", "upgrade"),
)
NODE_TYPES = Words(
    _record("NodeType", "node_types", "node_type", 20),
    "NodeTypes",
    "whether a node is shared or reserved by leases",
    "MA",
    ("regular", "reservable"),
)
NETWORK_METHODS = Words(
    _record("NetworkMethod", "network_methods", "method", 20),
    "NetworkMethods",
    "how an interface gets its address",
    "MA",
    ("static", "dhcp", "proxy", "tap", "ipmi", "unknown"),
)
NETWORK_TYPES = Words(
    _record("NetworkType", "network_types", "type", 20),
    "NetworkTypes",
    "the family of an interface's address",
    "MA",
    ("ipv4",),
)
KEY_TYPES = Words(
    _record("KeyType", "key_types", "key_type", 20), "KeyTypes", "what a person's key may be", "SA", ("ssh",)
)
SLICE_INSTANTIATIONS = Words(
    _record("SliceInstantiation", "slice_instantiations", "instantiation", 100),
    "SliceInstantiations",
    "who makes a slice's slivers",
    "SA",
    ("not-instantiated", "plc-instantiated", "delegated", "nm-controller"),
    argument="instantiation",
)

WORDS = (BOOT_STATES, NODE_TYPES, NETWORK_METHODS, NETWORK_TYPES, KEY_TYPES, SLICE_INSTANTIATIONS)

RUN_LEVELS = ("boot", "safeboot", "failboot", "reinstall")
ROLES = {10: "admin", 20: "pi", 30: "user", 40: "tech", 50: "node"}
ADDRESS_TYPES = ("Personal", "Shipping", "Billing")
