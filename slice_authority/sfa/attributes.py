"""What a request says of a sliver beyond where it is: tags of that one sliver, by the rules of AddSliceTag.

Amounts are absolute. What the latest request does not say any more goes, as far as its caller could have said it; what
an administrator set stays.
"""

from collections.abc import Sequence

from planetlab.both import tagging
from planetlab.calls import Call
from planetlab.errors import BadArgument, PlanetLabError
from planetlab.filters import Compare, both
from planetlab.records.slices import SLICE
from planetlab.records.tags import TAG_TYPE
from planetlab.registry import tags
from planetlab.registry.store import Row

FOR_STRANGERS = frozenset(
    (
        *("arch", "cpu_cores", "cpu_pct", "cpu_share", "disk_max"),
        *("fcdistro", "initscript", "net_i2_max_kbyte", "net_i2_max_rate", "net_i2_min_rate"),
        *("net_i2_share", "net_i2_thresh_kbyte", "net_max_kbyte", "net_max_rate", "net_min_rate"),
        *("net_share", "net_thresh_kbyte", "pldistro", "vref"),
    )
)
"""Attributes of a slice of another authority: amounts and images. What gives power over a node only an admin sets."""

SYNC, APPEND, IGNORE = "sync", "append", "ignore"
"""What becomes of attributes, as the option ``pltags`` has it: exactly those of the request, those too, or none."""

_OURS = frozenset({"enabled", "hrn", "sfa_created", "sfa_shutdown"})  # set by other calls than requests
Pairs = Sequence[tuple[str, str]]


def how(said: object) -> str:
    """What ``pltags`` says; nothing is ``sync``. Raises `BadArgument`."""
    if said in (None, ""):
        return SYNC
    if said not in (SYNC, APPEND, IGNORE):
        raise BadArgument(f"expected {SYNC}, {APPEND} or {IGNORE}, got {said!r:.40}", "options['pltags']")
    return str(said)


def must_be_settable(call: Call, one: Row, node_id: int, wanted: Pairs) -> None:
    """Refuse what could not be set on a sliver, before the sliver is there. ``call`` is made by who acts."""
    there = {**one, "node_ids": [*one["node_ids"], node_id]}
    for name, value in wanted:
        _must_set(call, there, node_id, name, value)


def put(call: Call, one: Row, node_id: int, wanted: Pairs, only_add: bool = False) -> None:
    """Set the attributes of a sliver that is there; with ``only_add`` those it has are left."""
    kinds = {name: _must_set(call, one, node_id, name, value) for name, value in wanted}
    there = call.store.rows(
        tags.OF["Slice"], both(Compare("slice_id", "=", one["slice_id"]), Compare("node_id", "=", node_id))
    )
    for tag in there if not only_add else ():
        if (tag["tagname"], tag["value"]) not in wanted and _may_set(call, one, node_id, tag["tagname"]):
            call.store.remove(tags.OF["Slice"], tag["slice_tag_id"])
    have = {(tag["tagname"], tag["value"]) for tag in there}
    for name, value in dict.fromkeys(wanted):
        if (name, value) in have:
            continue
        if call.caller is not None:
            tagging.add_to_slice(call, one, kinds[name], value, tagging.Scope(node_id))
        else:
            row = {"slice_id": one["slice_id"], "tag_type_id": kinds[name]["tag_type_id"], "value": value}
            call.store.insert(tags.OF["Slice"], {**row, "node_id": node_id})


def _must_set(call: Call, one: Row, node_id: int, name: str, value: str) -> Row:
    kind: Row | None = call.store.row(TAG_TYPE, Compare("tagname", "=", name))
    if kind is None:
        raise BadArgument(f"no attribute is called {name!r:.60} here", "rspec")
    tagging.must_fit(call.store, kind, value)
    if call.caller is not None:
        tagging.must_write(call, SLICE, one, kind, tagging.Scope(node_id))
    else:
        call.must("user" in kind["roles"] and name in FOR_STRANGERS, f"attribute {name} is not one that strangers set")
    return kind


def _may_set(call: Call, one: Row, node_id: int, name: str) -> bool:
    """Whether the caller could have set a tag of this name; the authority's own marks are nobody's to take away."""
    if name in _OURS:
        return False
    kind = call.store.row(TAG_TYPE, Compare("tagname", "=", name))
    try:
        if kind is not None and call.caller is not None:
            tagging.must_write(call, SLICE, one, kind, tagging.Scope(node_id))
    except PlanetLabError:
        return False
    return call.caller is not None or name in FOR_STRANGERS
