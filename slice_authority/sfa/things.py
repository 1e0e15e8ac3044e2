"""What the registry's rows are in the federation: a name and a kind each, and back.

``(hrn, kind)`` is the key: an authority, a slice and a person may share a dotted name. The name that is stored with an
object (its ``hrn`` tag) counts, and only for objects of our own; peers' copies are found too, and are marked as such.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from planetlab import keys
from planetlab.errors import BadArgument, NotFound
from planetlab.filters import AmongValues, Compare, Every, Like
from planetlab.names import Hrn, Urn
from planetlab.records.fields import Record
from planetlab.records.nodes import NODE
from planetlab.records.persons import KEY, PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import tags
from planetlab.registry.store import Row, Store

RECORDS: dict[str, Record] = {"authority": SITE, "slice": SLICE, "user": PERSON, "node": NODE}
MADE_FOR = "sfa_created"  # the tag of what was made here for another authority's slice
_MOST_NAMES = 10_000  # rows of one listing


@frozen
class Thing:
    """An object with its name and kind; ``row`` is empty for the authority itself, which no row stands for."""

    hrn: Hrn
    kind: str
    row: Row
    is_anothers: bool = False

    @property
    def number(self) -> int:
        """The row's number, 0 for the authority itself."""
        return int(self.row[RECORDS[self.kind].key]) if self.row else 0

    @property
    def is_ours(self) -> bool:
        """Whether it is this registry's own: no copy of a peer's, nor made here for another authority's slice."""
        return self.row.get("peer_id") is None and not self.is_anothers

    @property
    def urn(self) -> str:
        """The name as a URN."""
        return str(Urn.of(self.hrn, self.kind))


def kind_of(said: str) -> str:
    """A kind as callers write it: ``authority+sa`` is an authority, ``person`` a user. Raises `BadArgument`."""
    plain = said.partition("+")[0].lower()
    plain = {"sa": "authority", "ma": "authority", "person": "user", "component": "node"}.get(plain, plain)
    if plain not in RECORDS:
        raise BadArgument(f"expected one of {', '.join(RECORDS)}, got {said!r:.40}", "type")
    return plain


def xrn(said: Any, kind: str = "", where: str = "xrn") -> tuple[Hrn, str]:
    """A name given as hrn or URN, and its kind: that of the URN, else ``kind``, which may be empty.

    Raises `BadArgument`, also where a URN says another kind than the call.
    """
    if not isinstance(said, str):
        raise BadArgument(f"expected a name, as hrn or URN, got {type(said).__name__}", where)
    try:
        if not said.lower().startswith("urn:"):
            return Hrn.parse(said), kind
        urn = Urn.parse(said)
    except BadArgument as wrong:
        raise BadArgument(wrong.detail, where) from wrong
    told = urn.kind if urn.kind not in ("authority", "person") else kind_of(urn.kind)
    if kind and told != kind:
        raise BadArgument(f"{said} names a {told}, expected a {kind}", where)
    return urn.hrn, told


def find(store: Store, hrn: Hrn, kind: str) -> Thing | None:
    """The live object of this name and kind, ours before a peer's copy; or None."""
    if kind == "authority" and hrn == store.plc.hrn:
        return Thing(hrn, kind, {})
    rows = _rows(store, RECORDS[kind], _tagged(store, RECORDS[kind], [str(hrn)]))
    rows.sort(key=lambda row: row["peer_id"] is not None)
    if not rows:
        return None
    return Thing(hrn, kind, rows[0], is_anothers(store, RECORDS[kind], rows[0][RECORDS[kind].key]))


def is_anothers(store: Store, record: Record, number: int) -> bool:
    """Whether an object was made here for another authority's slice."""
    return tags.value(store, record, number, MADE_FOR) == "True"


def mark_anothers(store: Store, record: Record, number: int) -> None:
    """Say of an object that it was made here for another authority's slice."""
    tags.put(store, record, number, MADE_FOR, "True")


def fresh_uuid(store: Store, hrn: Hrn, kind: str) -> uuid.UUID:
    """The number for the first certificate of a name, which tells it from the same name used again.

    For an object of ours it is the same whenever it is asked, since the numbers of rows are never used again.
    """
    thing = find(store, hrn, kind) if kind in RECORDS else None
    return uuid_of(Urn.of(hrn, kind), thing.number) if thing is not None and thing.row else uuid.uuid4()


def uuid_of(urn: Urn, number: int) -> uuid.UUID:
    """The number that goes with a name and the number of its row."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{urn}#{number}")


def get(store: Store, hrn: Hrn, kind: str) -> Thing:
    """As `find`. Raises `NotFound`."""
    found = find(store, hrn, kind)
    if found is None:
        raise NotFound(f"no {kind} has the name {hrn} here")
    return found


def any_kind(store: Store, hrn: Hrn) -> list[Thing]:
    """Everything of this name, whatever its kind."""
    return [found for kind in RECORDS if (found := find(store, hrn, kind)) is not None]


def below(store: Store, authority: Hrn, recursive: bool = False) -> list[Thing]:
    """What lies below an authority: its own objects, or with ``recursive`` also those further down."""
    found = []
    for kind, record in RECORDS.items():
        for number, name in _named(store, record):
            depth = len(name.path) - len(authority.path)
            if authority.governs(name) and depth >= 1 and (recursive or depth == 1):
                found.append((kind, number, name))
    if len(found) > _MOST_NAMES:
        raise BadArgument(
            f"{authority} has {len(found)} objects, at most {_MOST_NAMES} are listed in one call; ask below"
        )
    return list(_things(store, found))


def _things(store: Store, found: list[tuple[str, int, Hrn]]) -> Iterator[Thing]:
    for kind, record in RECORDS.items():
        names = {number: name for each, number, name in found if each == kind}
        for row in _rows(store, record, list(names)):
            yield Thing(names[row[record.key]], kind, row)


def _rows(store: Store, record: Record, numbers: list[int]) -> list[Row]:
    fields = [name for name in record.names() if name not in ("password", "key")] if record is NODE else None
    condition = Every((AmongValues(record.key, tuple(numbers)), store.live(record)))
    return store.rows(record, condition, fields) if numbers else []


def _tagged(store: Store, record: Record, values: list[str]) -> list[int]:
    where = Every((Compare("tagname", "=", "hrn"), AmongValues("value", tuple(values))))
    return [row[record.key] for row in store.rows(tags.OF[record.name], where, (record.key,))]


def _named(store: Store, record: Record) -> Iterator[tuple[int, Hrn]]:
    for row in store.rows(tags.OF[record.name], Compare("tagname", "=", "hrn"), (record.key, "value")):
        try:
            yield row[record.key], Hrn.parse(row["value"] or "")
        except BadArgument:
            continue  # a name that an operator wrote by hand and that is none


def like(store: Store, hrn: Hrn, kind: str) -> Hrn | None:
    """The name of a live object of this kind that reads as ``hrn`` does, upper and lower case being one; or None."""
    if find(store, hrn, kind) is not None:
        return hrn
    record = RECORDS[kind]
    where = Every((Compare("tagname", "=", "hrn"), Like("value", str(hrn))))
    rows = store.rows(tags.OF[record.name], where, (record.key, "value"))
    same = [row[record.key] for row in rows if str(row["value"]).casefold() == str(hrn).casefold()]
    there = _rows(store, record, same)
    return name_of(store, record, there[0][record.key]) if there else None


def names_of(store: Store, record: Record, numbers: list[int]) -> list[str]:
    """The names of the objects with these numbers."""
    if not numbers:
        return []
    where = Every((Compare("tagname", "=", "hrn"), AmongValues(record.key, tuple(numbers))))
    rows = store.rows(tags.OF[record.name], where, (record.key, "value"))
    return [row["value"] for row in rows if row["value"]]


def name_of(store: Store, record: Record, number: int) -> Hrn | None:
    """The name of one object."""
    said = tags.value(store, record, number, "hrn")
    return Hrn.parse(said) if said else None


def keys_of(store: Store, person: Row) -> list[str]:
    """A person's keys as text."""
    where = Every((AmongValues("key_id", tuple(person["key_ids"])), Compare("key_type", "=", "ssh")))
    return [row["key"] for row in store.rows(KEY, where, ("key",))] if person["key_ids"] else []


def convertible(text: str) -> keys.PublicKey | None:
    """An SSH key as a key that a certificate can carry here: RSA of 2048 bits or more, or P-256; else None."""
    try:
        key = keys.accepted(load_ssh_public_key(text.strip().encode("ascii", "replace")))
    except (ValueError, TypeError, UnsupportedAlgorithm, BadArgument):
        return None
    return None if keys.is_short(key) else key


def public_keys(store: Store, person: Row) -> list[keys.PublicKey]:
    """A person's keys that certificates can carry."""
    found = (convertible(text) for text in keys_of(store, person))
    return [key for key in found if key is not None]
