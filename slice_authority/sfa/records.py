"""Records as the registry interface tells them: dicts with the fields of 2008 to 2013 beside each other.

What is private of a person (address, keys) is told to who may see it: the person, its PIs, and whoever shares a slice.
"""

from collections.abc import Iterable
from typing import Any

from planetlab import credentials, gids, keys
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import papers
from planetlab.registry.store import Row, Store
from slice_authority.sfa import allowing, things
from slice_authority.sfa.things import RECORDS, Thing

_PLAIN = {
    "authority": ("name", "abbreviated_name", "login_base", "url", "latitude", "longitude", "max_slices", "enabled"),
    "slice": ("name", "instantiation", "url", "description", "max_nodes", "expires"),
    "user": ("first_name", "last_name", "title", "url", "enabled"),
    "node": ("hostname", "node_type", "boot_state", "model", "version", "site_id"),
}


def gid_of(store: Store, thing: Thing, private: bool = False) -> tuple[Gid, ...]:
    """The certificate of a thing, with what is above it; made when it is asked for the first time.

    A person's carries the first of its keys that a certificate can carry; where there is none, and for what has no key
    of its own, a key that nobody holds. A ``private`` one has the person's address in it.
    """
    me = allowing.identity(store)
    if thing.kind == "authority" and not thing.row:
        return me.chain
    key, email = None, ""
    if thing.kind == "user":
        key, email = next(iter(things.public_keys(store, thing.row)), None), thing.row["email"] if private else ""
    if key is None:
        there = papers.newest_gid(store, thing.urn)
        if there is not None:
            kept = gids.read_chain(there[0])
            return me.certify(store, thing.hrn, thing.kind, kept[0].key, email)
        store.must_write()
        key = keys.accepted(keys.new_p256().public_key())  # its private half is let go: nobody signs with it
    return me.certify(store, thing.hrn, thing.kind, key, email)


def plain(thing: Thing) -> Row:
    """What everybody who may ask at all is told."""
    record = RECORDS[thing.kind]
    said: Row = {
        "type": thing.kind,
        "hrn": str(thing.hrn),
        "reg-urn": thing.urn,
        "urn": thing.urn,
        "authority": str(thing.hrn.authority) if len(thing.hrn.path) > 1 else "",
        "peer_authority": "" if thing.is_ours else str(thing.hrn.authority),
        "pointer": thing.number or -1,
        "record_id": _number(thing),
        "date_created": int(thing.row.get("date_created") or thing.row.get("created") or 0),
        "last_updated": int(thing.row.get("last_updated") or thing.row.get("created") or 0),
    }
    if thing.row:
        said[record.key] = thing.number
    return said


def _number(thing: Thing) -> int:
    """One number per record, of all kinds together."""
    return thing.number * len(RECORDS) + list(RECORDS).index(thing.kind)


def brief(thing: Thing) -> Row:
    """What a listing tells of one."""
    return {"hrn": str(thing.hrn), "type": thing.kind, "urn": thing.urn}


def whole(store: Store, thing: Thing, asker: Hrn, details: bool = True) -> Row:
    """What is told to ``asker``, somebody with a credential."""
    said = plain(thing)
    private = thing.kind == "user" and bool(thing.row) and may_see(store, asker, thing)
    if thing.is_ours:
        said["gid"] = b"".join(gid.pem for gid in gid_of(store, thing, private)).decode()
    if details and thing.row:
        said |= {name: value for name in _PLAIN[thing.kind] if (value := thing.row[name]) is not None}
        said |= _related(store, thing)
        if private:
            said |= _private(store, thing)
    elif not thing.row:
        said |= {"name": store.plc.name, "reg-pis": pis_of_root(store), "PI": pis_of_root(store)}
    return said


def _related(store: Store, thing: Thing) -> Row:
    row = thing.row
    if thing.kind == "slice":
        members = things.names_of(store, PERSON, row["person_ids"])
        pis = _pis(store, row["site_id"])
        until = credentials.print_time(row["expires"])
        return {"reg-researchers": members, "researcher": members, "reg-pis": pis, "PI": pis, "expires": until,
                "node_ids": row["node_ids"], "site_id": row["site_id"]}  # fmt: skip
    if thing.kind == "authority":
        pis = _pis(store, row["site_id"])
        return {"reg-pis": pis, "PI": pis}
    if thing.kind == "user":
        return {"reg-slices": things.names_of(store, SLICE, row["slice_ids"])}
    return {}


def _private(store: Store, thing: Thing) -> Row:
    texts = things.keys_of(store, thing.row)
    of_sites = things.names_of(store, SITE, thing.row["site_ids"]) if "pi" in thing.row["roles"] else []
    return {"email": thing.row["email"], "reg-keys": texts, "keys": texts, "key_ids": thing.row["key_ids"],
            "phone": thing.row["phone"] or "", "roles": thing.row["roles"], "reg-pi-authorities": of_sites}  # fmt: skip


def may_see(store: Store, asker: Hrn, thing: Thing) -> bool:
    """Whether ``asker`` may know a person's address and keys."""
    if asker == thing.hrn or asker.governs(thing.hrn):
        return True
    found = things.find(store, asker, "user")
    if found is None or not found.is_ours:
        return False
    person, other = found.row, thing.row
    is_pi = "pi" in person["roles"] and bool(set(person["site_ids"]) & set(other["site_ids"]))
    return "admin" in person["roles"] or is_pi or bool(set(person["slice_ids"]) & set(other["slice_ids"]))


def _pis(store: Store, site_id: int) -> list[str]:
    site = store.find(SITE, site_id, ("site_id", "person_ids"))
    return _of_role(store, site["person_ids"], "pi")


def pis_of_root(store: Store) -> list[str]:
    """The administrators, who are the root authority's PIs."""
    numbers = [row["person_id"] for row in store.rows(PERSON, fields=("person_id", "roles")) if "admin" in row["roles"]]
    return things.names_of(store, PERSON, numbers)


def _of_role(store: Store, numbers: Iterable[int], role: str) -> list[str]:
    found = [store.find(PERSON, number, ("person_id", "roles")) for number in numbers]
    return things.names_of(store, PERSON, [row["person_id"] for row in found if role in row["roles"]])


def listing(found: Iterable[Thing]) -> list[dict[str, Any]]:
    """Brief records in the order of their names."""
    return [brief(each) for each in sorted(found, key=lambda thing: (thing.hrn, thing.kind))]
