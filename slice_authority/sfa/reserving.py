"""Leases in RSpec documents: when reservable nodes are whose alone, and the reservations that a request asks for.

They are the PLC API's leases. A document counts their length in steps of the PLC's granularity.
"""

from collections.abc import Iterable, Sequence

from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import AmongValues, Compare, Condition, Every
from planetlab.names import Urn
from planetlab.records.nodes import NODE
from planetlab.records.slices import LEASE, SLICE
from planetlab.registry import leases
from planetlab.registry.store import Row
from planetlab.rspecs.documents import Document, Lease
from slice_authority import lease_times
from slice_authority.sfa import standing

RESERVABLE = "reservable"  # the type of nodes that are leased
_FIELDS = ("lease_id", "slice_id", "node_id", "t_from", "t_until")
_LONGEST = 365 * 86_400  # seconds that a lease lasts or lies ahead


def told(call: Call, nodes: dict[int, Urn], slice_id: int | None = None) -> tuple[Lease, ...]:
    """The leases of these nodes (all of them, or one slice's) that are not over, by their begin."""
    parts: list[Condition] = [AmongValues("node_id", tuple(nodes)), Compare("t_until", ">", int(call.now))]
    if slice_id is not None:
        parts.append(Compare("slice_id", "=", slice_id))
    rows = call.store.rows(LEASE, Every(tuple(parts)), _FIELDS) if nodes else []
    names = _names(call, {row["slice_id"] for row in rows})
    found: dict[tuple[int, int, int], list[int]] = {}
    for row in rows:
        if row["slice_id"] in names:
            found.setdefault((row["t_from"], row["t_until"], row["slice_id"]), []).append(row["node_id"])
    step = call.store.plc.lease_granularity
    return tuple(
        Lease(
            slice=names[number],
            start=float(start),
            steps=(end - start) // step,
            nodes=tuple(nodes[node] for node in sorted(where)),
        )
        for (start, end, number), where in sorted(found.items())
    )


def _names(call: Call, numbers: Iterable[int]) -> dict[int, Urn]:
    rows = call.store.rows(SLICE, AmongValues("slice_id", tuple(numbers)), ("slice_id", "name"))
    return {row["slice_id"]: Urn.of(standing.name_of(call, row), "slice") for row in rows}


def reserve(call: Call, one: Row, document: Document) -> None:
    """Give a slice the leases that a request asks for it; those that it has already are no matter.

    Raises `BadArgument`, or `Conflict` where a node is another's at that time. Who asks may make slivers of the slice.
    """
    own = Urn.of(standing.name_of(call, one), "slice")
    asked = [lease for lease in document.leases if str(lease.slice).lower() == str(own).lower()]
    if len(asked) != len(document.leases):
        raise BadArgument(f"a lease is for another slice than {own}", "rspec")
    for lease in asked:
        start, end = _times(call, lease)
        for node in _nodes(call, lease.nodes):
            _reserve(call, one, node, start, end)


def _times(call: Call, lease: Lease) -> tuple[int, int]:
    step = call.store.plc.lease_granularity
    start = lease_times.later(int(lease.start), step)
    end = start + lease.steps * step
    if end <= call.now or end > call.now + _LONGEST:
        raise BadArgument(f"a lease from {start} to {end} is over, or further ahead than a year", "rspec")
    return start, end


def _nodes(call: Call, named: Sequence[Urn]) -> list[Row]:
    hosts = tuple(urn.hrn.leaf.lower() for urn in named)
    where = Every((AmongValues("hostname", hosts), call.store.live(NODE)))
    found: dict[str, Row] = {
        row["hostname"]: row
        for row in call.store.rows(NODE, where, ("node_id", "hostname", "node_type", "peer_id"))
        if row["peer_id"] is None and row["node_type"] == RESERVABLE
    }
    missing = [host for host in hosts if host not in found]
    if missing:
        raise BadArgument(f"{missing[0]} is no reservable node here", "rspec")
    return list(found.values())


def _reserve(call: Call, one: Row, node: Row, start: int, end: int) -> None:
    taken = leases.overlapping(call.store, node["node_id"], start, end, None)
    if taken is None:
        values = {"slice_id": one["slice_id"], "node_id": node["node_id"], "t_from": start, "t_until": end}
        number = call.store.insert(LEASE, values)
        call.store.note(f"New lease {number} on slice {one['slice_id']}", Lease=number, Slice=one["slice_id"])
        return
    there = call.store.find(LEASE, taken["lease_id"], _FIELDS)
    if (there["slice_id"], there["t_from"], there["t_until"]) != (one["slice_id"], start, end):
        raise Conflict(f"{node['hostname']} is leased from {taken['t_from']} to {taken['t_until']} already", "rspec")
