"""What another PLC's answer means for the copies that are kept of its objects. Pure: the answer and what is held in,
a plan out.

An object that is not as it must be, or whose name somebody else has, is skipped with the reason, and so is what depends
on it. An answer that would take more than half of what is held is not believed the first time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab.copies import (
    FEW,
    KEYS,
    NOUNS,
    OLD_BOOT_STATES,
    PERSONS,
    SLICES,
    Answer,
    Changed,
    Held,
    Here,
    Noun,
    Pair,
    Place,
    Plan,
    Values,
)
from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName
from planetlab.records.fields import Field


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
        if noun is not KEYS and (hrn := self._hrn(row)):
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
