"""Tags: types with the roles that may write them, and values on sites, persons, nodes, interfaces and slices."""

from typing import Any

from planetlab.filters import Compare, Every, IsNil
from planetlab.records.fields import Record
from planetlab.records.tags import INTERFACE_TAG, NODE_TAG, PERSON_TAG, SITE_TAG, SLICE_TAG, TAG_TYPE
from planetlab.registry.store import Row, Store

OF = {"Site": SITE_TAG, "Person": PERSON_TAG, "Node": NODE_TAG, "Interface": INTERFACE_TAG, "Slice": SLICE_TAG}


def kind(store: Store, name: str, category: str = "general", roles: tuple[str, ...] = (), says: str = "") -> Row:
    """The tag type of this name; made on first use with the given category and roles."""
    found = store.row(TAG_TYPE, Compare("tagname", "=", name))
    if found is not None:
        return found
    number = store.insert(TAG_TYPE, {"tagname": name, "category": category, "description": says})
    for role in roles:
        store.change(
            "INSERT INTO tag_type_role SELECT ?, role_id FROM roles WHERE name = ? ON CONFLICT DO NOTHING",
            [number, role],
        )
    return store.find(TAG_TYPE, number)


def value(store: Store, record: Record, key: int, name: str) -> str | None:
    """The first value of this tag on one object, or None."""
    row = first(store, record, key, name)
    return None if row is None else row["value"]


def first(store: Store, record: Record, key: int, name: str) -> Row | None:
    """The first tag of this type on one object, whatever its scope, or None."""
    return store.row(OF[record.name], Every((Compare(record.key, "=", key), Compare("tagname", "=", name))))


def left(store: Store, record: Record, key: int | str, name: str) -> str | None:
    """What a tag of an object that is gone, or whose time is over, still says: tags of sites and persons are kept."""
    own = record.key if isinstance(key, int) else record.name_key
    row = store.row(OF[record.name], Every((Compare(own, "=", key), Compare("tagname", "=", name))), ("value",))
    return None if row is None else row["value"]


def put(
    store: Store, record: Record, key: int, name: str, said: str | None, says: Row | None = None, told: bool = True
) -> int:
    """Set the tag on one object: the first one of its type is changed, or a new one is made.

    The call's event names it only when ``told``: a tag that came as a field of its object is told with that.
    """
    table = OF[record.name]
    there = first(store, record, key, name)
    if there is None:
        tag_type = says or kind(store, name)
        values: dict[str, Any] = {record.key: key, "tag_type_id": tag_type["tag_type_id"], "value": said}
        number: int = store.insert(table, values)
    else:
        number = there[table.key]
        if there["value"] != said:
            store.update(table, number, {"value": said})
    objects: dict[str, Any] = {table.name: number, record.name: key}
    if told:
        store.note(f"{record.name} {key} updated", **objects)
    return number


def alike(store: Store, slice_id: int, tag_type_id: int, said: str) -> list[Row]:
    """The slice tags of one type and value, in whatever scope."""
    where = (("slice_id", slice_id), ("tag_type_id", tag_type_id), ("value", said))
    return store.rows(SLICE_TAG, Every(tuple(Compare(name, "=", value) for name, value in where)))


def in_scope(store: Store, slice_id: int, tag_type_id: int, node_id: int | None, nodegroup_id: int | None) -> list[Row]:
    """The slice tags of one type in one scope."""
    scope = [
        Compare(name, "=", said) if said is not None else IsNil(name)
        for name, said in (("node_id", node_id), ("nodegroup_id", nodegroup_id))
    ]
    where = Every((Compare("slice_id", "=", slice_id), Compare("tag_type_id", "=", tag_type_id), *scope))
    return store.rows(SLICE_TAG, where)
