"""What another PLC's answer means for the copies that are kept of its objects. Pure: the answer and what is held in,
a plan out.

Everything in a plan is told in the peer's own numbers; who carries it out knows which number each has here. An object
that is not as it must be, or whose name somebody else has, is skipped with the reason, and so is what depends on it.
An answer that would take more than half of what is held is not believed the first time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab.errors import BadArgument, PeerError
from planetlab.names import Hrn, SliceName
from planetlab.records.fields import Field, Record
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


def plan(answer: Answer, here: Here, now: float) -> Plan:
    """What to do so that what is held is what the peer says."""
    return _Planner(answer, here, now).plan()


@frozen
class _Planner:
    answer: Answer
    here: Here
    now: float
    known: dict[str, set[int]] = field(factory=dict)
    skipped: list[tuple[str, int, str]] = field(factory=list)

    def plan(self) -> Plan:
        changed: dict[str, tuple[Changed, ...]] = {}
        new: dict[str, tuple[Changed, ...]] = {}
        stale = {noun.record.name: self._stale(noun) for noun in NOUNS}
        doubted = self._doubted(stale)
        for noun in NOUNS:
            kept = stale[noun.record.name] if doubted else []
            names = {held.values[noun.unique] for held in kept} if noun.unique else set()
            changed[noun.record.name], new[noun.record.name] = self._one(noun, names)
        gone = {name: () if doubted else tuple(held.number for held in copies) for name, copies in stale.items()}
        links = self._links()
        joined = {kind: pairs - self.here.links[kind] for kind, pairs in links.items()}
        parted = {kind: self.here.links[kind] - pairs for kind, pairs in links.items()}
        return Plan(gone, changed, new, joined, parted, tuple(self.skipped), doubted)

    def _sent(self, noun: Noun) -> Mapping[int, Values]:
        """What the peer sends of this noun and we may have: of persons only enabled ones."""
        rows = self.answer.rows[noun.record.name]
        if noun is PERSONS:
            return {number: row for number, row in rows.items() if row.get("enabled") is not False}
        return rows

    def _stale(self, noun: Noun) -> list[Held]:
        sent = self._sent(noun)
        return [held for number, held in self.here.held[noun.record.name].items() if number not in sent]

    def _doubted(self, stale: Mapping[str, list[Held]]) -> int:
        """How many deletions are held back: all of them, when they are many and were not announced before."""
        count = sum(map(len, stale.values()))
        whole = sum(map(len, self.here.held.values()))
        return count if count > FEW and 2 * count > whole and count != self.here.doubted else 0

    def _one(self, noun: Noun, names: set[str]) -> tuple[tuple[Changed, ...], tuple[Changed, ...]]:
        name = noun.record.name
        held, known = self.here.held[name], self.known.setdefault(name, set())
        names |= self.here.taken.get(name, frozenset())
        changed: list[Changed] = []
        new: list[Changed] = []
        # Those we know already come first: of two objects with one name the one that had it keeps it.
        sent = self._sent(noun)
        for number in sorted(sent, key=lambda each: (each not in held, each)):
            there = held.get(number)
            try:
                values = self._values(noun, sent[number], number)
                self._must_be_free(noun, values, names)
            except BadArgument as wrong:
                self.skipped.append((name, number, wrong.detail))
                if there is not None:
                    known.add(number)
                    names.add(there.values.get(noun.unique, ""))
                continue
            known.add(number)
            names.add(values.get(noun.unique, ""))
            if there is None:
                new.append((number, values))
            elif differs := {key: value for key, value in values.items() if there.values.get(key) != value}:
                changed.append((there.number, differs))
        return tuple(changed), tuple(new)

    def _values(self, noun: Noun, row: Values, number: int) -> Values:
        values: Values = {}
        for column in noun.columns:
            if column not in row:
                continue
            value = _translated(noun, column, row[column])
            if value is None and column in noun.solid:
                continue
            values[column] = None if value is None else self._value(noun.record.field(column), value)
        if missing := sorted(noun.needed - values.keys()):
            raise BadArgument(f"{', '.join(missing)} not sent")
        _CHECKS.get(noun.record.name, _nothing_more)(self, values)
        if hrn := self._hrn(row):
            values["hrn"] = hrn
        return values

    def _value(self, said: Field, value: Any) -> Any:
        if said.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not said.kind:
            raise BadArgument(f"{said.name}: expected {said.kind.__name__}, got {type(value).__name__}")
        if isinstance(value, str) and said.max is not None and len(value.encode()) > said.max:
            raise BadArgument(f"{said.name}: expected at most {said.max} bytes, got {len(value.encode())}")
        if isinstance(value, int) and not -(2**31) <= value < 2**31:
            raise BadArgument(f"{said.name}: expected a number of 32 bits, got {value}")
        if isinstance(value, float) and not (said.min or 0) <= value <= (said.max or 0):
            raise BadArgument(f"{said.name}: expected {said.min} to {said.max}, got {value}")
        if said.refers and value not in self.here.words[said.refers]:
            raise BadArgument(f"{said.name}: {value!r} is no registered word here")
        return said.rule(value) if said.rule else value

    def _must_be_free(self, noun: Noun, values: Values, names: set[str]) -> None:
        if noun.unique and values[noun.unique] in names:
            raise BadArgument(f"{noun.unique} {values[noun.unique]!r} is somebody else's already")

    def _hrn(self, row: Values) -> str:
        """The object's name in the federation, if it lies below the name the peer goes by here."""
        said = row.get("hrn")
        if not self.here.hrn_root or not isinstance(said, str):
            return ""
        try:
            root, name = Hrn.parse(self.here.hrn_root), Hrn.parse(said)
        except BadArgument:
            return ""
        return said if name != root and root.governs(name) else ""

    def _links(self) -> dict[str, frozenset[Pair]]:
        persons, slices = self._taken(PERSONS), self._taken(SLICES)
        places = {number: (False, number) for number in self.known["Node"]}
        places |= {theirs: (True, own) for theirs, own in self.answer.our_nodes.items() if own in self.here.own_nodes}
        return {
            "person_key": _pairs(persons, "key_ids", self.known["Key"]),
            "slice_node": frozenset(
                (number, places[theirs])
                for number, row in slices
                for theirs in _numbers(row, "node_ids")
                if theirs in places and self._is_open(places[theirs], number)
            ),
            "slice_person": _pairs(slices, "person_ids", self.known["Person"]),
            "person_site": _pairs(persons, "site_ids", self.known["Site"]),
            "person_role": _pairs(persons, "role_ids", self.here.roles),
        }

    def _taken(self, noun: Noun) -> list[tuple[int, Values]]:
        rows = self.answer.rows[noun.record.name]
        return [(number, rows[number]) for number in sorted(self.known[noun.record.name])]

    def _is_open(self, place: Place, slice_number: int) -> bool:
        """Our node takes the slice: it has no whitelist, or one that names it."""
        ours, number = place
        listed = self.here.own_nodes[number] if ours else frozenset()
        held = self.here.held["Slice"].get(slice_number)
        return not listed or (held is not None and held.number in listed)


def _translated(noun: Noun, column: str, value: Any) -> Any:
    if column == "boot_state":
        return OLD_BOOT_STATES.get(value, value) if isinstance(value, str) else value
    return value


def _nothing_more(planner: _Planner, values: Values) -> None:
    """What the columns say is all there is to check."""


def _check_key(planner: _Planner, values: Values) -> None:
    if values["key"] in planner.here.refused_keys:
        raise BadArgument("key: it is blacklisted here")


def _check_node(planner: _Planner, values: Values) -> None:
    if values["site_id"] not in planner.known["Site"]:
        raise BadArgument(f"site_id: site {values['site_id']} was not taken over")
    if values.get("run_level") not in planner.here.words["RunLevel"]:
        values["run_level"] = None


def _check_slice(planner: _Planner, values: Values) -> None:
    if values["site_id"] not in planner.known["Site"]:
        raise BadArgument(f"site_id: site {values['site_id']} was not taken over")
    if values["expires"] <= planner.now:
        raise BadArgument(f"expires: expected a time in the future, got {values['expires']}")
    if SliceName.parse(values["name"]).site in planner.here.own_login_bases:
        raise BadArgument(f"name: {values['name']} begins with the login base of a site of ours")
    if values.get("creator_person_id") not in planner.known["Person"]:
        values["creator_person_id"] = None


_CHECKS: dict[str, Callable[[_Planner, Values], None]] = {
    "Key": _check_key,
    "Node": _check_node,
    "Slice": _check_slice,
}


def _numbers(row: Values, name: str) -> list[int]:
    said = row.get(name)
    return [each for each in said if type(each) is int] if isinstance(said, list) else []


def _pairs(rows: Iterable[tuple[int, Values]], name: str, among: set[int] | frozenset[int]) -> frozenset[Pair]:
    return frozenset((number, other) for number, row in rows for other in _numbers(row, name) if other in among)
