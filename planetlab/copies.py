"""Copies of another PLC's objects: what travels, what is held, a peer's answer, and a plan that brings them together.

Everything is told in the peer's own numbers; who carries a plan out knows which number each has here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from planetlab.errors import PeerError
from planetlab.records.fields import Record
from planetlab.records.nodes import NODE
from planetlab.records.persons import KEY, PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE

Values = dict[str, Any]
Changed = tuple[int, Values]
Pair = tuple[int, Any]
Place = tuple[bool, int]
"""A node: whether it is one of ours, and its number with its owner."""


@frozen
class Noun:
    """One kind of object: the key of the answer it comes under, the columns that travel, the one that names it.

    ``solid`` columns cannot be nil; ``needed`` ones must be sent. ``most`` is how many a peer may have.
    """

    record: Record
    plural: str
    columns: tuple[str, ...]
    solid: frozenset[str]
    needed: frozenset[str]
    most: int
    unique: str = ""


SITES = Noun(
    SITE,
    "Sites",
    (
        "name",
        "abbreviated_name",
        "login_base",
        "is_public",
        "enabled",
        "latitude",
        "longitude",
        "url",
        "max_slices",
        "max_slivers",
        "ext_consortium_id",
    ),
    frozenset({"name", "abbreviated_name", "login_base", "is_public", "enabled", "max_slices", "max_slivers"}),
    frozenset({"name", "abbreviated_name", "login_base"}),
    10_000,
    "login_base",
)
KEYS = Noun(KEY, "Keys", ("key_type", "key"), frozenset({"key_type", "key"}), frozenset({"key_type", "key"}), 200_000)
PERSONS = Noun(
    PERSON,
    "Persons",
    ("first_name", "last_name", "title", "email", "phone", "url", "bio", "enabled"),
    frozenset({"first_name", "last_name", "email", "enabled"}),
    frozenset({"first_name", "last_name", "email"}),
    100_000,
    "email",
)
NODES = Noun(
    NODE,
    "Nodes",
    ("hostname", "node_type", "site_id", "boot_state", "run_level", "model", "version", "ssh_rsa_key", "verified"),
    frozenset({"hostname", "node_type", "site_id", "boot_state", "verified"}),
    frozenset({"hostname", "site_id"}),
    50_000,
    "hostname",
)
SLICES = Noun(
    SLICE,
    "Slices",
    ("name", "site_id", "instantiation", "url", "description", "max_nodes", "creator_person_id", "expires"),
    frozenset({"name", "site_id", "instantiation", "max_nodes", "expires"}),
    frozenset({"name", "site_id", "expires"}),
    50_000,
    "name",
)
NOUNS = (SITES, KEYS, PERSONS, NODES, SLICES)
"""In the order in which each is taken over: what an object refers to comes before it."""

OLD_BOOT_STATES = {
    "dbg": "safeboot",
    "diag": "safeboot",
    "disable": "disabled",
    "inst": "reinstall",
    "rins": "reinstall",
    "new": "reinstall",
    "rcnf": "reinstall",
}
"""The words of 4.2 for what a node does at its next boot."""

LINKS = ("person_key", "slice_node", "slice_person", "person_site", "person_role")
MOST_TOLD = 100  # skipped objects that are told one by one
MOST_TICKET = 1 << 20  # bytes
FEW = 10  # deletions that are believed at once, however few objects there are


@frozen
class Held:
    """A copy: its number here, and its columns in the peer's numbers."""

    number: int
    values: Values


@frozen
class Here:
    """What is held of a peer, and what its objects must agree with.

    ``held`` is by noun and the peer's number, ``taken`` the names that others have, ``words`` the word lists,
    ``own_nodes`` our own nodes with the slices that each one's whitelist names, ``links`` the pairs in the peer's
    numbers, ``refused_keys`` the blacklisted ones, ``doubted`` how many deletions were held back last time.
    """

    held: Mapping[str, Mapping[int, Held]]
    taken: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]
    own_nodes: Mapping[int, frozenset[int]]
    own_login_bases: frozenset[str]
    roles: frozenset[int]
    links: Mapping[str, frozenset[Pair]]
    refused_keys: frozenset[str] = frozenset()
    hrn_root: str = ""
    doubted: int = 0


@frozen
class Plan:
    """What is to be done, by noun: ``gone`` and ``changed`` in our numbers, ``new`` and ``links`` in the peer's."""

    gone: Mapping[str, tuple[int, ...]]
    changed: Mapping[str, tuple[Changed, ...]]
    new: Mapping[str, tuple[Changed, ...]]
    joined: Mapping[str, frozenset[Pair]]
    parted: Mapping[str, frozenset[Pair]]
    skipped: tuple[tuple[str, int, str], ...] = ()
    doubted: int = 0

    def summary(self, here: Here) -> dict[str, Any]:
        """How many objects would be new, changed and gone, by noun; what is skipped, and what is held back."""
        said: dict[str, Any] = {
            noun: {"held": len(here.held[noun]), "new": len(self.new[noun]), "changed": len(self.changed[noun]),
                   "gone": len(self.gone[noun])}
            for noun in self.new
        }  # fmt: skip
        skipped = [f"{noun} {number}: {why}" for noun, number, why in self.skipped[:MOST_TOLD]]
        joined, parted = (sum(map(len, pairs.values())) for pairs in (self.joined, self.parted))
        return {"objects": said, "links": {"new": joined, "gone": parted}, "skipped": skipped,
                "skipped_count": len(self.skipped), "held_back": self.doubted}  # fmt: skip

    def pieces(self, most: int) -> Iterator["Plan"]:
        """What it adds, as plans of at most ``most`` rows, in the order in which the rows refer to each other."""
        nouns: dict[str, tuple[Any, ...]] = dict.fromkeys(self.new, ())
        kinds: dict[str, frozenset[Pair]] = dict.fromkeys(LINKS, frozenset())
        for noun in NOUNS:
            name, new = noun.record.name, self.new[noun.record.name]
            for at in range(0, len(new), most):
                yield Plan(nouns, nouns, {**nouns, name: new[at : at + most]}, kinds, kinds)
        for kind in LINKS:
            pairs = sorted(self.joined[kind])
            for at in range(0, len(pairs), most):
                yield Plan(nouns, nouns, nouns, {**kinds, kind: frozenset(pairs[at : at + most])}, kinds)

    @property
    def size(self) -> int:
        """How many rows it writes."""
        parts = (self.gone, self.changed, self.new, self.joined, self.parted)
        return sum(len(rows) for part in parts for rows in part.values())

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it should be."""
        parts = (self.gone, self.changed, self.new, self.joined, self.parted)
        return not any(any(part.values()) for part in parts)


@frozen
class Answer:
    """A peer's answer, as far as its form was checked: rows by noun and number, and its numbers for our nodes."""

    rows: Mapping[str, Mapping[int, Values]]
    our_nodes: Mapping[int, int]
    seconds: float = 0.0


def read(said: Any) -> Answer:
    """The form of an answer to GetPeerData. Raises `PeerError` for one that is none, or that is too large."""
    if not isinstance(said, dict):
        raise PeerError(f"expected a struct of lists, got {type(said).__name__}")
    rows = {noun.record.name: _rows(noun, said.get(noun.plural)) for noun in NOUNS}
    if not rows["Site"]:
        raise PeerError("the answer names no site at all, which no PLC is without; nothing was changed")
    ours = said.get("PeerNodes", [])
    if not isinstance(ours, list) or len(ours) > NODES.most:
        raise PeerError("expected PeerNodes as an array")
    pairs: list[Any] = [(row.get("node_id"), row.get("peer_node_id")) for row in ours if isinstance(row, dict)]
    numbers = {theirs: own for theirs, own in pairs if _is_number(theirs) and _is_number(own)}
    seconds = said.get("db_time", 0.0)
    return Answer(rows, numbers, float(seconds) if isinstance(seconds, int | float) else 0.0)


def _rows(noun: Noun, said: Any) -> dict[int, Values]:
    if not isinstance(said, list):
        raise PeerError(f"expected {noun.plural} as an array, got {type(said).__name__}")
    if len(said) > noun.most:
        raise PeerError(f"expected at most {noun.most} {noun.plural}, got {len(said)}")
    found: dict[int, Values] = {}
    for row in said:
        number = row.get(noun.record.key) if isinstance(row, dict) else None
        if not _is_number(number):
            raise PeerError(f"expected each of {noun.plural} as a struct with its {noun.record.key}")
        assert isinstance(row, dict) and isinstance(number, int)
        if row.get("peer_id") is None:
            found[number] = row
    return found


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def read_tickets(said: Any) -> dict[str, bytes]:
    """The sealed tickets in an answer to GetPeerView, by slice's name. Raises `PeerError`."""
    listed = said.get("Tickets", []) if isinstance(said, dict) else []
    if not isinstance(listed, list) or len(listed) > SLICES.most:
        raise PeerError(f"expected Tickets as an array of at most {SLICES.most}")
    found: dict[str, bytes] = {}
    for each in listed:
        name, sealed = (each.get("name"), each.get("sealed")) if isinstance(each, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(sealed, str) or len(sealed) > MOST_TICKET:
            raise PeerError(f"expected each of Tickets with a name and at most {MOST_TICKET} characters")
        found[name] = sealed.encode()
    return found
