"""SLIVER_INFO objects of the Federation API: slivers anywhere, as aggregates or a slice's members report them."""

from collections.abc import Iterator, Mapping
from typing import Any

from planetlab.both import rights
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import AmongValues
from planetlab.names import Urn
from planetlab.records.slices import SLICE
from planetlab.registry import federated
from planetlab.registry.federated import SliverInfo
from planetlab.registry.store import Row, Store
from slice_authority.geni import naming
from slice_authority.geni.objects import Field, Kind, Object, time
from slice_authority.sfa.times import when


def find_slivers(call: Call, match: Mapping[str, list[Any]]) -> Iterator[Object]:
    """The slivers reported for slices that the caller is in or manages."""
    store: Store = call.store
    found = federated.slivers(store)
    rows = {
        row["slice_id"]: row
        for row in store.rows(SLICE, AmongValues("slice_id", tuple({one.slice_id for one in found})))
        if rights.may_change_slice(call, row)
    }
    names = naming.urns(store, naming.SLICES, rows)
    for one in found:
        if one.slice_id in names:
            yield _sliver_object(one, names[one.slice_id])


def _sliver_object(one: SliverInfo, slice_urn: Urn) -> Object:
    return {
        "SLIVER_INFO_URN": one.urn,
        "SLIVER_INFO_SLICE_URN": str(slice_urn),
        "SLIVER_INFO_AGGREGATE_URN": one.aggregate,
        "SLIVER_INFO_CREATOR_URN": one.creator,
        "SLIVER_INFO_EXPIRATION": time(one.expires),
        "SLIVER_INFO_CREATION": time(one.created),
    }


def create_sliver(call: Call, fields: Object) -> Object:
    """A report of a new sliver, by somebody who may change its slice."""
    row = _changeable(call, fields["SLIVER_INFO_SLICE_URN"])
    urn = str(naming.parsed(fields["SLIVER_INFO_URN"], "sliver", "SLIVER_INFO_URN"))
    if federated.sliver(call.store, urn) is not None:
        raise Conflict(f"sliver {urn} was reported already")
    until, since = fields.get("SLIVER_INFO_EXPIRATION"), fields.get("SLIVER_INFO_CREATION")
    one = SliverInfo(
        urn=urn,
        slice_id=row["slice_id"],
        aggregate=str(naming.parsed(fields["SLIVER_INFO_AGGREGATE_URN"], "authority", "SLIVER_INFO_AGGREGATE_URN")),
        creator=str(naming.parsed(fields["SLIVER_INFO_CREATOR_URN"], "user", "SLIVER_INFO_CREATOR_URN")),
        created=int(when(since) if since else call.now),
        expires=int(when(until)) if until else None,
    )
    federated.put_sliver(call.store, one)
    return _sliver_object(one, naming.parsed(fields["SLIVER_INFO_SLICE_URN"], naming.SLICES, "SLIVER_INFO_SLICE_URN"))


def update_sliver(call: Call, urn: str, fields: Object) -> None:
    """A sliver's new end."""
    one = _reported(call, urn)
    until = fields.get("SLIVER_INFO_EXPIRATION")
    said = {name: getattr(one, name) for name in ("urn", "slice_id", "aggregate", "creator", "created")}
    federated.put_sliver(call.store, SliverInfo(**said, expires=int(when(until)) if until else one.expires))


def delete_sliver(call: Call, urn: str) -> None:
    """A sliver is gone."""
    federated.drop_sliver(call.store, _reported(call, urn).urn)


def _reported(call: Call, urn: str) -> SliverInfo:
    one = federated.sliver(call.store, urn)
    if one is None:
        raise BadArgument(f"no sliver {urn[:100]} was reported", "urn")
    rights.must_change_slice(call, call.store.find(SLICE, one.slice_id))
    return one


def _changeable(call: Call, urn: Any) -> Row:
    row = naming.row(call.store, urn, naming.SLICES, "SLIVER_INFO_SLICE_URN")
    rights.must_change_slice(call, row)
    return row


SLIVER_KIND = Kind(
    type="SLIVER_INFO",
    key="SLIVER_INFO_URN",
    fields=(
        Field("SLIVER_INFO_URN", "URN", "required"),
        Field("SLIVER_INFO_SLICE_URN", "URN", "required"),
        Field("SLIVER_INFO_AGGREGATE_URN", "URN", "required"),
        Field("SLIVER_INFO_CREATOR_URN", "URN", "required"),
        Field("SLIVER_INFO_EXPIRATION", "DATETIME", "allowed", update=True),
        Field("SLIVER_INFO_CREATION", "DATETIME", "allowed"),
    ),
    find=find_slivers,
    create=create_sliver,
    update=update_sliver,
    delete=delete_sliver,
)
