"""What Add and Update methods do alike: sort the given keys, check each value, write, and say so in an event."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from planetlab.both import rights
from planetlab.calls import Call
from planetlab.comparing import any_text, is_pattern
from planetlab.errors import BadArgument, Conflict, DatabaseError
from planetlab.filters import IsNil, both, by_keys
from planetlab.methods import Role
from planetlab.records.fields import Field, Record
from planetlab.registry.store import Row, Store, unique

MOST = 2**31 - 1  # what an int of XML-RPC can tell


@frozen
class Given:
    """What a struct of fields said, by kind."""

    native: Row
    related: Row
    tags: dict[str, str]


def sort_out(
    record: Record, said: Mapping[str, Any], offered: Iterable[str], related: Iterable[str] = (), where: str = "fields"
) -> Given:
    """Tell fields, related lists and exposed tags apart.

    A strict record refuses a key that is unknown or not offered; a lenient one drops it.
    """
    allowed, lists = set(offered), set(related)
    refused = sorted(str(key) for key in said if key not in allowed | lists and key not in record.tags)
    if refused and record.strict:
        known = ", ".join(sorted(allowed | lists | set(record.tags)))
        raise BadArgument(f"cannot be set: {', '.join(refused)}; settable are {known}", where)
    return Given(
        {key: value for key, value in said.items() if key in allowed},
        {key: value for key, value in said.items() if key in lists},
        {key: value for key, value in said.items() if key in record.tags and key not in allowed},
    )


def checked(
    store: Store, record: Record, values: Mapping[str, Any], key: int | str | None = None, where: str = "fields"
) -> Row:
    """``values`` in the form that is kept: required ones are there, each obeys its rule, refers to what is, is unique.

    ``key`` is the row that is being changed; None for a new one.
    """
    for said in record.fields:
        missing = values.get(said.name) is None if key is None else said.name in values and values[said.name] is None
        if said.required and missing:
            raise BadArgument(f"{said.name} must be specified", where)
    row = {name: _checked(store, record, record.field(name), value, key, where) for name, value in values.items()}
    for name, value in row.items():  # last, as the original's database came after its rules
        if record.field(name).kind is int and value is not None:
            must_be_kept(value, f"{where}[{name!r}]")
    return row


def _checked(store: Store, record: Record, said: Field, value: Any, key: int | str | None, where: str) -> Any:
    if value is None:
        return None
    path = f"{where}[{said.name!r}]"
    if said.rule:
        try:
            value = said.rule(value)
        except BadArgument as wrong:
            raise BadArgument(wrong.detail, path) from wrong
    if isinstance(value, str) and said.max is not None and len(value.encode()) > said.max:
        raise BadArgument(f"expected at most {said.max} bytes, got {len(value.encode())}", path)
    if said.refers and not store.word(said.refers, value):
        raise BadArgument(f"{value!r} is no registered {said.name.replace('_', ' ')}", path)
    if said.unique:
        must_be_no_flag(value, path)
        unique(store, record, said.name, value, key)
        _must_mean_one(store, record, said, value, key)
    return value


def _must_mean_one(store: Store, record: Record, said: Field, value: Any, key: int | str | None) -> None:
    """Refuse a name that, as the pattern that listings read it as, another row has already; words are no patterns."""
    if said.name == record.key or not isinstance(value, str) or not is_pattern(value):
        return
    condition = both(any_text(said.name, (value,)), store.live(record))
    if said.per_origin:
        condition = both(condition, IsNil("peer_id"))
    if any(row[record.key] != key for row in store.rows(record, condition, (record.key,))):
        raise Conflict(f"{value!r} is a pattern that fits the {said.name} of another {record.name}", said.name)


def must_be_kept(value: int, where: str) -> None:
    """Refuse as the original's database did what its int columns did not hold."""
    must_be_no_flag(value, where)
    if not -MOST - 1 <= value <= MOST:
        raise DatabaseError(f"{where}: {value} is out of range, which ends at {MOST}")


def must_be_no_flag(value: Any, where: str) -> None:
    """Refuse a boolean, which passes as an int on the wire, where a number is kept or looked up."""
    if type(value) is bool:
        raise DatabaseError(f"{where}: a boolean cannot be kept as a number")


def add(store: Store, record: Record, values: Mapping[str, Any], where: str = "fields", **set_by_us: Any) -> int:
    """Check ``values``, write a row, note it, and give its number."""
    row = checked(store, record, {**values, **set_by_us}, where=where)
    number: int = store.insert(record, row)
    store.note(f"{record.name} {number} created", **{record.name: number})
    return number


def update(store: Store, record: Record, key: int, values: Mapping[str, Any], where: str = "fields") -> None:
    """Check ``values`` and change only them, and the time of the last update."""
    store.update(record, key, checked(store, record, values, key, where))
    store.touch(record, key)
    store.note(f"{record.name} {key} updated", **{record.name: key})


def remove(store: Store, record: Record, key: int) -> None:
    """Delete a row, with what hangs on it."""
    store.remove(record, key)
    store.note(f"{record.name} {key} deleted", **{record.name: key})


def must_be_ours(record: Record, row: Row) -> None:
    """Refuse to change a peer's object."""
    if row.get("peer_id") is not None:
        raise BadArgument(f"{record.name} {row[record.key]} is not local; its own PLC must be asked")


def by_number(record: Record, said: Iterable[Any]) -> tuple[set[int], list[Row], dict[int, Row]]:
    """A full list of numbers and structs told apart: the numbers that stay, new ones' fields, and changes by number.

    A struct that holds the number of the record changes that one, as the original did.
    """
    items = list(said)
    structs = [item for item in items if isinstance(item, dict)]
    changed = {item[record.key]: _without(item, record.key) for item in structs if record.key in item}
    if wrong := [number for number in changed if type(number) is not int]:
        raise BadArgument(f"expected int, got {wrong[0]!r}", record.key)
    numbers = {item for item in items if isinstance(item, int)}
    return numbers | changed.keys(), [item for item in structs if record.key not in item], changed


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def numbers(store: Store, record: Record, said: Iterable[Any]) -> set[int]:
    """The numbers that a full list of numbers and names means.

    Names are looked up by a filter, as the original did it: a pattern means many, and what nothing is called, nothing.
    A number stays, whether there is such a thing or not: whoever adds it will say.
    """
    items = list(said)
    if any(type(item) is bool for item in items):
        raise DatabaseError("a boolean is no identifier")
    names = [item for item in items if isinstance(item, str)]
    found = store.rows(record, both(by_keys(record, names), store.live(record)), (record.key,)) if names else []
    return {item for item in items if isinstance(item, int)} | {row[record.key] for row in found}


def relinked(
    call: Call, record: Record, now: Iterable[int], said: Iterable[Any], method: str, *roles: Role
) -> tuple[list[int], list[int]]:
    """What to add and what to remove so that a list becomes what is ``said``, in numbers and names of ``record``.

    A change is for who may call ``method``, which adds one by itself, and which these roles may.
    """
    new, gone = relink(now, numbers(call.store, record, said))
    if new or gone:
        rights.must_call(call, method, *roles)
    return new, gone


def relink(now: Iterable[int], wanted: Iterable[int]) -> tuple[list[int], list[int]]:
    """What to add and what to remove so that a list becomes the wanted one."""
    have, want = set(now), set(wanted)
    return sorted(want - have), sorted(have - want)
