"""Leases: a slice has a reservable node for itself, from one time until another."""

from typing import Annotated, Any

from planetlab.both import forms, getting, rights
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound
from planetlab.filters import Query, by_keys, query
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE
from planetlab.records.slices import LEASE, SLICE
from planetlab.registry import leases
from planetlab.registry.store import Row
from planetlab.shapes import Either, ListOf, Of, Struct
from slice_authority import lease_times
from slice_authority.lease_filter import Asked, LeaseFilter

api = Api()

_ID, _HOST = forms.of(NODE, "node_id"), forms.of(NODE, "hostname")
_TIME = Either((Of(int), Of(str)))
Nodes = Annotated[Any, Either((_ID, ListOf((_ID,)), _HOST, ListOf((_HOST,))))]
Time = Annotated[int | str, Either((_TIME,))]
LeaseIds = Annotated[Any, Either((forms.of(LEASE, "lease_id"), ListOf((forms.of(LEASE, "lease_id"),))))]
Changes = Annotated[Row, Struct({"duration": forms.of(LEASE, "duration"), "t_from": _TIME, "t_until": _TIME})]
Wanted = Annotated[Any, Either((forms.of(LEASE, "lease_id"), ListOf((forms.of(LEASE, "lease_id"),)), LeaseFilter()))]
Told = Annotated[Row, forms.STRUCT]
_FIELDS = ("lease_id", "node_id", "hostname", "slice_id", "t_from", "t_until")


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.ANONYMOUS, reads=True, example=())
def GetLeaseGranularity(call: Call) -> int:
    """Tell the seconds of whose multiples every lease begins and ends."""
    return int(call.store.plc.lease_granularity)


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.NODE, Role.ANONYMOUS, reads=True, example=({"day": 1},))
def GetLeases(
    call: Call, lease_filter: Wanted = None, return_fields: Annotated[Any, forms.RETURN_FIELDS] = None
) -> Annotated[list[Row], forms.rows(LEASE)]:
    """List leases of reservable nodes, by number, by their fields, or by time.

    ``alive`` (a time, or two) asks for those that run then; ``clip`` for those that end at or after a time, or run
    between two; ``day`` for those from this midnight on (0) or within so many days; ``~`` asks for the others.
    """
    asked: Query = lease_filter.at(call.now) if isinstance(lease_filter, Asked) else query(LEASE, lease_filter)
    return getting.answered(call, LEASE, asked, return_fields)


@api.method(Role.ADMIN, Role.PI, Role.USER)
def AddLeases(
    call: Call,
    node_id_or_hostname_s: Nodes,
    slice_id_or_name: Annotated[int | str, forms.id_or_name(SLICE)],
    t_from: Time,
    t_until: Time,
) -> Told:
    """Reserve nodes for a slice; gives ``new_ids``, and ``errors`` with a sentence for each node it could not have.

    The begin is moved up and the end down to the granularity. Every node must be reservable (102); keys that match
    none are ignored, unless all are.
    """
    nodes = _nodes(call, node_id_or_hostname_s)
    one = _slice(call, slice_id_or_name)
    grid = call.store.plc.lease_granularity
    start = lease_times.later(lease_times.read(t_from, "t_from"), grid)
    end = lease_times.earlier(lease_times.read(t_until, "t_until"), grid)
    made, errors = [], []
    for node in nodes:
        wrong = _refusal(call, node, start, end)
        if wrong:
            errors.append(f"Node {node['hostname']}: {wrong}")
            continue
        values = {"slice_id": one["slice_id"], "node_id": node["node_id"], "t_from": start, "t_until": end}
        made.append(call.store.insert(LEASE, values))
    if made:
        call.store.note(f"New leases {made[:50]} on slice {one['slice_id']}", Lease=made, Slice=one["slice_id"])
    return {"new_ids": made, "errors": errors}


@api.method(Role.ADMIN, Role.PI, Role.TECH, Role.USER)
def UpdateLeases(call: Call, lease_ids: LeaseIds, input_fields: Changes) -> Told:
    """Move leases by any two of ``t_from``, ``t_until`` and ``duration``; gives ``updated_ids`` and ``errors``.

    A duration of 0 is the one that a lease has. Numbers that are no lease are ignored, unless all are (102).
    """
    grid = call.store.plc.lease_granularity
    updated, errors = [], []
    found = _found(call, lease_ids)
    if not found:
        raise NotFound("No such lease", "lease_ids")
    if input_fields.keys() >= lease_times.SAID:
        raise BadArgument("expected at most two of t_from, t_until and duration, got all three", "input_fields")
    for lease in _own(call, found):
        try:
            start, end = lease_times.changed(lease, input_fields, grid)
            wrong = _refusal(call, lease, start, end, lease["lease_id"])
        except BadArgument as no_time:  # an error of each lease, as the original told it
            wrong = str(no_time)
        if wrong:
            errors.append(f"Lease {lease['lease_id']} on {lease['hostname']}: {wrong}")
            continue
        call.store.update(LEASE, lease["lease_id"], {"t_from": start, "t_until": end})
        updated.append(lease["lease_id"])
    if updated:
        call.store.note(f"Leases {updated[:50]} updated", Lease=updated)
    return {"updated_ids": updated, "errors": errors}


@api.method(Role.ADMIN, Role.PI, Role.TECH, Role.USER)
def DeleteLeases(call: Call, lease_ids: LeaseIds) -> int:
    """Give leases back; every one must be there (102) and be one that the caller may give back."""
    numbers = lease_ids if isinstance(lease_ids, list) else [lease_ids]
    found = _found(call, numbers)
    if len(found) != len(numbers):  # as the original, which also refuses one that is named twice
        missing = set(numbers) - {lease["lease_id"] for lease in found}
        raise NotFound(f"No such lease: {min(missing)}" if missing else "expected each lease once", "lease_ids")
    gone = [lease["lease_id"] for lease in _own(call, found)]
    for number in gone:
        call.store.remove(LEASE, number)
    call.store.note(f"Leases {gone[:50]} deleted", Lease=gone)
    return 1


def _nodes(call: Call, said: Any) -> list[Row]:
    keys = said if isinstance(said, list) else [said]
    fields = ("node_id", "hostname", "node_type", "peer_id")
    found: list[Row] = call.store.rows(NODE, by_keys(NODE, keys), fields)
    if not found:
        raise NotFound(f"No such node: {', '.join(map(repr, keys[:3]))}", "node_id_or_hostname_s")
    shared = [node["hostname"] for node in found if node["node_type"] != "reservable"]
    if shared:
        raise BadArgument(f"not reservable: {', '.join(shared[:10])}", "node_id_or_hostname_s")
    return found


def _slice(call: Call, key: int | str) -> Row:
    one: Row = call.store.find(SLICE, key)
    rights.must_change_slice(call, one)
    return one


def _found(call: Call, said: Any) -> list[Row]:
    numbers = said if isinstance(said, list) else [said]
    found: list[Row] = call.store.rows(LEASE, by_keys(LEASE, numbers), _FIELDS)
    return found


def _own(call: Call, found: list[Row]) -> list[Row]:
    for number in () if call.is_admin else {lease["slice_id"] for lease in found}:
        _slice(call, number)
    return found


def _refusal(call: Call, node: Row, start: int, end: int, but: int | None = None) -> str:
    """Why a node cannot be had from ``start`` until ``end``; empty when it can."""
    if node.get("peer_id") is not None:
        return "it belongs to another PLC, which alone leases it"
    if end > lease_times.LAST:
        return f"it would end at {end}, after the last time that can be told, {lease_times.LAST}"
    if end <= start:
        return f"nothing is left between {start} and {end} on multiples of {call.store.plc.lease_granularity} s"
    taken = leases.overlapping(call.store, node["node_id"], start, end, but)
    return (
        "" if taken is None else f"overlapping lease {taken['lease_id']} from {taken['t_from']} to {taken['t_until']}"
    )
