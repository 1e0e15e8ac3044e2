"""The federation's names of our objects, kept as their ``hrn`` tags."""

from planetlab.filters import AmongValues, Compare, Every, IsNil
from planetlab.names import Email, Hostname, SliceName
from planetlab.records.nodes import NODE
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import tags
from planetlab.registry.store import Store

ROLES = ("admin", "pi", "tech", "user", "node")
CATEGORY = "node/person/slice/site/sfa"


def name_site(store: Store, site_id: int, login_base: str) -> None:
    """A site is named below the PLC."""
    tags.put(store, SITE, site_id, "hrn", str(store.plc.hrn.child(login_base)), _kind(store), told=False)


def name_slice(store: Store, slice_id: int, name: str) -> None:
    """A slice is named below its site, with the whole label."""
    tags.put(store, SLICE, slice_id, "hrn", str(SliceName.parse(name).hrn(store.plc.hrn)), _kind(store), told=False)


def name_node(store: Store, node_id: int, hostname: str, login_base: str) -> None:
    """A node is named below its site, its dots escaped."""
    said = Hostname.parse(hostname).hrn(store.plc.hrn.child(login_base))
    tags.put(store, NODE, node_id, "hrn", str(said), _kind(store), told=False)


def name_person(store: Store, person_id: int, email: str, login_base: str) -> None:
    """A person is named below the first site, by the local part of the address, with a number where that is taken."""
    said = Email.parse(email).hrn(store.plc.hrn.child(login_base))
    number, free = 1, said
    while _is_anothers(store, person_id, str(free)):
        number += 1
        free = said.authority.child(f"{said.leaf}_{number}")
    tags.put(store, PERSON, person_id, "hrn", str(free), _kind(store), told=False)


def _is_anothers(store: Store, person_id: int, name: str) -> bool:
    """Whether another live person is called so."""
    tagged = Every((Compare("tagname", "=", "hrn"), Compare("value", "=", name)))
    numbers = {row["person_id"] for row in store.rows(tags.OF["Person"], tagged, ("person_id",))} - {person_id}
    live = Every((AmongValues("person_id", tuple(numbers)), IsNil("peer_id")))
    return bool(numbers) and store.row(PERSON, live, ("person_id",)) is not None


def _kind(store: Store) -> dict[str, object]:
    return tags.kind(store, "hrn", CATEGORY, ROLES, "human-readable name")
