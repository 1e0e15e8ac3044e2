"""Copies of peers' objects: what is held of a peer, and carrying a plan out, in one transaction.

Rows of a peer are neither authority's own nouns; the connection that writes them may write both halves' tables.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from planetlab.copies import NOUNS, SITES, Answer, Changed, Held, Here, Noun, Pair, Plan, Values
from planetlab.filters import Compare
from planetlab.records.fields import Record
from planetlab.records.words import WORDS
from planetlab.registry import tags
from planetlab.registry.store import Row, Store

_REFERS = {"site_id": "Site", "creator_person_id": "Person"}
_HRN_CATEGORY, _HRN_WRITERS = "node/person/slice/site/sfa", ("admin", "pi", "tech", "user", "node")
_TAGGED = {"Site", "Person", "Node", "Slice"}


def here(store: Store, peer_id: int, hrn_root: str, answer: Answer) -> Here:
    """What is held of a peer, in its own numbers, and what the objects of its answer must agree with."""
    held = {noun.record.name: _held(store, noun, peer_id) for noun in NOUNS}
    theirs = {name: {copy.number: number for number, copy in copies.items()} for name, copies in held.items()}
    for copies in held.values():
        for copy in copies.values():
            for column, name in _REFERS.items():
                if column in copy.values:
                    copy.values[column] = theirs[name].get(copy.values[column])
    return Here(
        held=held,
        taken={noun.record.name: _taken(store, noun, peer_id, answer) for noun in NOUNS if noun.unique},
        words=_words(store),
        own_nodes=_own_nodes(store),
        own_login_bases=_texts(store, "SELECT login_base FROM sites WHERE deleted = 0 AND peer_id IS NULL"),
        roles=frozenset(row["role_id"] for row in store.ask("SELECT role_id FROM roles")),
        links=_links(store, peer_id, theirs),
        refused_keys=_texts(store, "SELECT key FROM keys WHERE is_blacklisted = 1"),
        hrn_root=hrn_root,
        doubted=_doubted(store, peer_id),
    )


def _held(store: Store, noun: Noun, peer_id: int) -> dict[int, Held]:
    record = noun.record
    columns = (record.key, record.foreign, *noun.columns)
    tagged = ("hrn",) if record.name in _TAGGED else ()
    rows = store.rows(record, Compare("peer_id", "=", peer_id), (*columns, *tagged))
    found = {}
    for row in rows:
        values = {name: row[name] for name in (*noun.columns, *tagged)}
        found[row[record.foreign]] = Held(row[record.key], values)
    return found


def _taken(store: Store, noun: Noun, peer_id: int, answer: Answer) -> frozenset[str]:
    """Of the names in an answer those that others have here; an e-mail address counts for its own origin only.

    Only these are looked up, so that a peer costs by what it says and not by how many others there are. Those of peers
    that are not seen yet count as well.
    """
    record = noun.record
    if record.name == "Person":
        return frozenset()
    alive = f"AND {record.until} > {int(store.now)}" if record.until else ""
    said = {row[noun.unique] for row in answer.rows[record.name].values() if isinstance(row.get(noun.unique), str)}
    names = json.dumps(sorted(said | {name.lower() for name in said}))
    return _texts(
        store,
        f"SELECT {noun.unique} FROM {record.table} WHERE {noun.unique} IN (SELECT value FROM json_each(?)) "
        f"AND peer_id IS NOT ? AND {record.soft} = 0 {alive}",
        [names, peer_id],
    )


def _words(store: Store) -> dict[str, frozenset[str]]:
    lists = [(words.record.name, words.record.table, words.record.key) for words in WORDS]
    lists.append(("RunLevel", "run_levels", "run_level"))
    return {name: _texts(store, f"SELECT {column} FROM {table}") for name, table, column in lists}


def _texts(store: Store, statement: str, values: Iterable[Any] = ()) -> frozenset[str]:
    return frozenset(next(iter(row.values())) for row in store.ask(statement, values))


def _own_nodes(store: Store) -> dict[int, frozenset[int]]:
    listed: dict[int, set[int]] = {}
    for row in store.ask(
        "SELECT node_id, slice_id FROM nodes LEFT JOIN node_slice_whitelist USING (node_id) "
        "WHERE deleted = 0 AND peer_id IS NULL"
    ):
        listed.setdefault(row["node_id"], set())
        if row["slice_id"] is not None:
            listed[row["node_id"]].add(row["slice_id"])
    return {number: frozenset(slices) for number, slices in listed.items()}


_PAIRS = {
    "person_key": "SELECT person_id AS one, key_id AS other FROM keys WHERE peer_id = ? AND person_id IS NOT NULL",
    "slice_person": "SELECT slice_id AS one, person_id AS other FROM slice_person JOIN slices USING (slice_id) "
    "JOIN persons USING (person_id) WHERE slices.peer_id = ?1 AND persons.peer_id = ?1 AND is_deleted = 0",
    "person_site": "SELECT person_id AS one, site_id AS other FROM person_site JOIN persons USING (person_id) "
    "JOIN sites USING (site_id) WHERE persons.peer_id = ?1 AND sites.peer_id = ?1 AND persons.deleted = 0",
    "person_role": "SELECT person_id AS one, role_id AS other FROM person_role JOIN persons USING (person_id) "
    "WHERE peer_id = ? AND deleted = 0",
    "slice_node": "SELECT slice_id AS one, node_id AS other, nodes.peer_id AS whose FROM slice_node "
    "JOIN slices USING (slice_id) JOIN nodes USING (node_id) WHERE slices.peer_id = ?1 AND is_deleted = 0 "
    "AND (nodes.peer_id IS NULL OR nodes.peer_id = ?1)",
}
_ENDS = {
    "person_key": ("Person", "Key"),
    "slice_person": ("Slice", "Person"),
    "person_site": ("Person", "Site"),
    "person_role": ("Person", ""),
    "slice_node": ("Slice", "Node"),
}


def _links(store: Store, peer_id: int, theirs: dict[str, dict[int, int]]) -> dict[str, frozenset[Pair]]:
    found: dict[str, frozenset[Pair]] = {}
    for kind, statement in _PAIRS.items():
        one, other = _ENDS[kind]
        pairs: set[Pair] = set()
        for row in store.ask(statement, [peer_id]):
            first, second = theirs[one].get(row["one"]), row["other"]
            if kind == "slice_node":
                ours = row["whose"] is None
                second = (ours, second if ours else theirs["Node"].get(second))
            elif other:
                second = theirs[other].get(second)
            if first is not None and second is not None:
                pairs.add((first, second))
        found[kind] = frozenset(pairs)
    return found


def _doubted(store: Store, peer_id: int) -> int:
    rows = store.ask("SELECT doubted FROM peer_refreshes WHERE peer_id = ?", [peer_id])
    return int(rows[0]["doubted"]) if rows else 0


def carry_out(
    store: Store, peer_id: int, what: Plan, numbers: dict[str, dict[int, int]], phase: Callable[[str], Any]
) -> None:
    """Do what a plan says. ``numbers`` has the peer's numbers of what is held, by noun, and gains those of what is new.

    Names that go or change are freed first, so that others may take them; sites go last, when nothing of the answer
    is theirs any more. ``phase`` is told when each phase ends.
    """
    _free_names(store, what)
    for noun in NOUNS:
        name = noun.record.name
        for number, values in what.changed[name]:
            _write(store, noun, number, values, numbers)
        _add(store, noun, peer_id, what.new[name], numbers)
        if name == "Person":
            _relink(store, what, "person_key", numbers)
        phase(name)
    _relink(store, what, "slice_node", numbers)
    _relink(store, what, "slice_person", numbers)
    phase("Slice")
    _relink(store, what, "person_site", numbers)
    phase("sites-persons")
    _relink(store, what, "person_role", numbers)
    phase("persons-roles")
    for number in what.gone["Site"]:
        store.remove(SITES.record, number)


def taken_over(store: Store, peer_id: int, doubted: int) -> None:
    """What a peer said was done, but for so many deletions that are held back."""
    store.change(
        "INSERT INTO peer_refreshes (peer_id, done, doubted) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (peer_id) DO UPDATE SET done = ?2, doubted = ?3",
        [peer_id, int(store.now), doubted],
    )


def _free_names(store: Store, what: Plan) -> None:
    for noun in reversed(NOUNS):
        name = noun.record.name
        for number in what.gone[name]:
            if name != "Site":
                store.remove(noun.record, number)
        freed = [number for number, values in what.changed[name] if noun.unique in values]
        freed += what.gone[name] if name == "Site" else ()
        if noun.unique:
            for number in freed:
                text = f"UPDATE {noun.record.table} SET {noun.unique} = ? WHERE {noun.record.key} = ?"
                store.change(text, [f" {number}", number])  # no rule lets a name begin with a blank


def _add(store: Store, noun: Noun, peer_id: int, new: Iterable[Changed], numbers: dict[str, dict[int, int]]) -> None:
    """Add copies, all of one noun at once: while they are written, other writers wait."""
    record, number = noun.record, _last_number(store, noun.record)
    made = [name for name in ("date_created", "created", "last_updated") if record.has(name)]
    rows: dict[tuple[str, ...], list[list[Any]]] = {}
    hrns = []
    for theirs, values in new:
        number += 1
        numbers[record.name][theirs] = number
        row, hrn = _told(values, numbers)
        if hrn is not None:
            hrns.append((number, hrn))
        row |= {record.key: number, "peer_id": peer_id, record.foreign: theirs} | dict.fromkeys(made, int(store.now))
        rows.setdefault(tuple(row), []).append(list(row.values()))
    for columns, several in rows.items():
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        store.change_many(f"INSERT INTO {record.table} ({names}) VALUES ({marks})", several)
    if hrns:
        kind = _hrn_kind(store)["tag_type_id"]
        text = f"INSERT INTO {record.tag_table} ({record.key}, tag_type_id, value) VALUES (?, {kind}, ?)"
        store.change_many(text, hrns)


def _last_number(store: Store, record: Record) -> int:
    """The highest number that a row of this table ever had."""
    found = store.ask("SELECT seq FROM sqlite_sequence WHERE name = ?", [record.table])
    return int(found[0]["seq"]) if found else 0


def _write(store: Store, noun: Noun, number: int, values: Values, numbers: dict[str, dict[int, int]]) -> None:
    """Change a copy."""
    row, hrn = _told(values, numbers)
    store.update(noun.record, number, row)
    if hrn is not None:
        tags.put(store, noun.record, number, "hrn", hrn, _hrn_kind(store))


def _told(values: Values, numbers: dict[str, dict[int, int]]) -> tuple[Row, str | None]:
    """A copy's columns in our numbers, and its name in the federation."""
    row = dict(values)
    hrn = row.pop("hrn", None)
    for column, name in _REFERS.items():
        if row.get(column) is not None:
            row[column] = numbers[name][row[column]]
    return row, hrn


def _hrn_kind(store: Store) -> Row:
    return tags.kind(store, "hrn", _HRN_CATEGORY, _HRN_WRITERS, "human-readable name")


def _relink(store: Store, what: Plan, kind: str, numbers: dict[str, dict[int, int]]) -> None:
    one, other = _ENDS[kind]

    def local(pair: Pair) -> tuple[int | None, int | None]:
        first, second = pair
        if kind == "slice_node":
            ours, number = second
            return numbers[one].get(first), number if ours else numbers["Node"].get(number)
        return numbers[one].get(first), numbers[other].get(second) if other else second

    _change(store, kind, (local(pair) for pair in sorted(what.parted[kind])), gone=True)
    _change(store, kind, (local(pair) for pair in sorted(what.joined[kind])), gone=False)


def _change(store: Store, kind: str, pairs: Iterable[tuple[int | None, int | None]], gone: bool) -> None:
    own, other = (f"{end.lower()}_id" if end else "role_id" for end in _ENDS[kind])
    if kind == "person_key":
        text = "UPDATE keys SET person_id = NULL WHERE person_id = ? AND key_id = ?"
        text = text if gone else "UPDATE keys SET person_id = ?1 WHERE key_id = ?2"
    elif gone:
        text = f"DELETE FROM {kind} WHERE {own} = ? AND {other} = ?"
    else:
        text = f"INSERT INTO {kind} ({own}, {other}) VALUES (?, ?) ON CONFLICT DO NOTHING"
    store.change_many(text, [pair for pair in pairs if None not in pair])


def forget(store: Store, peer_id: int) -> None:
    """Delete every copy of a peer's objects; the peer stays."""
    for noun in reversed(NOUNS):
        record = noun.record
        for row in store.rows(record, Compare("peer_id", "=", peer_id), (record.key,)):
            store.remove(record, row[record.key])


def bind(store: Store, noun: Noun, number: int, peer_id: int | None, theirs: int | None) -> None:
    """Say that an object is a peer's, or with None that it is ours."""
    record = noun.record
    store.change(
        f"UPDATE {record.table} SET peer_id = ?, {record.foreign} = ? WHERE {record.key} = ?",
        [peer_id, theirs, number],
    )


def system_slices(store: Store) -> list[int]:
    """The slices that are on every node, which peers are not told of."""
    rows = store.ask("SELECT slice_id FROM view_slice_tags WHERE tagname = 'system' AND value = '1'")
    return [row["slice_id"] for row in rows]
