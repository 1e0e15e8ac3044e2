"""What nodes are told of slices: who may log in, with which keys, under which attributes. One consistent read."""

import json

from attrs import frozen

from planetlab.registry.store import Row, Store

_MOST_EXPIRES = 2**31 - 1  # times travel as 32-bit integers


@frozen
class Member:
    """A person in a slice, with keys as (type, text)."""

    person_id: int
    email: str
    keys: tuple[tuple[str, str], ...]


def of_node(store: Store, node_id: int) -> list[Row]:
    """The slices whose slivers a node is told of: those on it, system slices, delegated and controller slices."""
    return store.ask(
        "SELECT slice_id, name, instantiation, min(expires, ?) AS expires FROM view_slices "
        "WHERE expires > ? AND (slice_id IN (SELECT slice_id FROM slice_node WHERE node_id = ?) "
        "OR instantiation IN ('nm-controller', 'delegated') "
        "OR slice_id IN (SELECT slice_id FROM view_slice_tags WHERE tagname = 'system' AND value = '1')) "
        "ORDER BY slice_id",
        [_MOST_EXPIRES, int(store.now), node_id],
    )


def keys_of(store: Store, slice_ids: list[int]) -> dict[int, list[dict[str, str]]]:
    """Per slice the keys of its enabled members, of every type, duplicates kept."""
    found: dict[int, list[dict[str, str]]] = {number: [] for number in slice_ids}
    rows = store.ask(
        "SELECT slice_id, key_type, key FROM slice_person JOIN view_persons USING (person_id) "
        "JOIN view_keys USING (person_id) WHERE enabled = 1 AND slice_id IN (SELECT value FROM json_each(?)) "
        "ORDER BY slice_id, person_id, key_id",
        [json.dumps(slice_ids)],
    )
    for row in rows:
        found[row["slice_id"]].append({"key_type": row["key_type"], "key": row["key"]})
    return found


def members_of(store: Store, slice_id: int) -> list[Member]:
    """The enabled members of a slice with their keys."""
    rows = store.ask(
        "SELECT person_id, email, key_type, key FROM slice_person JOIN persons USING (person_id) "
        "LEFT JOIN view_keys USING (person_id) WHERE slice_id = ? AND enabled = 1 AND deleted = 0 "
        "ORDER BY person_id, key_id",
        [slice_id],
    )
    people: dict[int, tuple[str, list[tuple[str, str]]]] = {}
    for row in rows:
        _, keys = people.setdefault(row["person_id"], (row["email"], []))
        if row["key"] is not None:
            keys.append((row["key_type"], row["key"]))
    return [Member(number, email, tuple(keys)) for number, (email, keys) in people.items()]


def attributes_of(
    store: Store, slice_ids: list[int], node_id: int | None, groups: list[int]
) -> dict[int, list[dict[str, str]]]:
    """Per slice its attributes on one node: those of the sliver, then of the node's groups, then of the whole slice.

    What a nearer scope says of a name hides what a wider one says; of groups the one that was told it first counts.
    Without a node, only what counts for the whole slice.
    """
    tags: dict[int, list[Row]] = {number: [] for number in slice_ids}
    rows = store.ask(
        "SELECT slice_id, node_id, nodegroup_id, tagname, value FROM view_slice_tags "
        "WHERE slice_id IN (SELECT value FROM json_each(?)) AND (node_id IS NULL OR node_id = ?) "
        "ORDER BY slice_id, slice_tag_id",
        [json.dumps(slice_ids), node_id],
    )
    for row in rows:
        tags[row["slice_id"]].append(row)
    return {number: _winning(said, node_id, groups) for number, said in tags.items()}


def _winning(tags: list[Row], node_id: int | None, groups: list[int]) -> list[dict[str, str]]:
    won = [tag for tag in tags if tag["node_id"] is not None and tag["node_id"] == node_id]
    names = {tag["tagname"] for tag in won}
    first: dict[str, int] = {}  # of each name that no sliver has, the group whose tag is the oldest
    for tag in tags:
        if tag["nodegroup_id"] in groups and tag["tagname"] not in names:
            first.setdefault(tag["tagname"], tag["nodegroup_id"])
    won += [tag for tag in tags if tag["nodegroup_id"] and first.get(tag["tagname"]) == tag["nodegroup_id"]]
    names |= first.keys()
    won += [
        tag for tag in tags if tag["node_id"] is None and tag["nodegroup_id"] is None and tag["tagname"] not in names
    ]
    return [{"tagname": tag["tagname"], "value": tag["value"]} for tag in won]


def nodes_of(store: Store, slice_id: int) -> list[tuple[int, str]]:
    """The live nodes of a slice as (number, host name)."""
    rows = store.ask(
        "SELECT node_id, hostname FROM slice_node JOIN view_nodes USING (node_id) WHERE slice_id = ? ORDER BY node_id",
        [slice_id],
    )
    return [(row["node_id"], row["hostname"]) for row in rows]


def script_of(store: Store, name: str) -> str:
    """The text of an enabled init script, or nothing."""
    rows = store.ask("SELECT script FROM initscripts WHERE name = ? AND enabled = 1", [name])
    return str(rows[0]["script"]) if rows else ""


def families(store: Store, slice_ids: list[int]) -> dict[int, str]:
    """Per slice its reference image, ``<pldistro>-<fcdistro>-<arch>``, by its tags or the PLC's settings.

    Of each kind the first tag counts, whatever its scope, as accessors tell it: that of one sliver is everywhere heard.
    """
    said: dict[int, dict[str, str | None]] = {number: {} for number in slice_ids}
    rows = store.ask(
        "SELECT slice_id, tagname, value FROM view_slice_tags WHERE slice_id IN (SELECT value FROM json_each(?)) "
        "AND tagname IN ('vref', 'pldistro', 'fcdistro', 'arch') ORDER BY slice_tag_id",
        [json.dumps(slice_ids)],
    )
    for row in rows:
        said[row["slice_id"]].setdefault(row["tagname"], row["value"])
    return {number: _family(store, tags) for number, tags in said.items()}


def _family(store: Store, said: dict[str, str | None]) -> str:
    plc = store.plc
    image = said.get("vref") or said.get("pldistro") or plc.pldistro
    return f"{image}-{said.get('fcdistro') or plc.fcdistro}-{said.get('arch') or plc.arch}"
