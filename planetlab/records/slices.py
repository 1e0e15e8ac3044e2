"""Slices, and the leases that give one a node for itself."""

from planetlab.records.fields import Record, flag, ids, moment, number, text
from planetlab.records.rules import slice_name

SLICE = Record(
    "Slice",
    table="slices",
    view="view_slices",
    key="slice_id",
    name_key="name",
    tags=(
        "arch",
        "enable_hmac",
        "fcdistro",
        "hrn",
        "initscript",
        "initscript_code",
        "ipv6_address",
        "omf_control",
        "pldistro",
        "sfa_created",
        "vref",
    ),
    tag_table="slice_tags",
    soft="is_deleted",
    foreign="peer_slice_id",
    until="expires",
    strict=True,
    fields=(
        moment("created"),
        number("creator_person_id"),
        text("description", 2048, nil=True),
        number("expires"),
        text("instantiation", refers="SliceInstantiation"),
        number("max_nodes"),
        text("name", 64, required=True, rule=slice_name, unique=True),
        ids("node_ids", "slice_node", "slice_id", "node_id"),
        number("peer_id", nil=True, derived=True),
        number("peer_slice_id", nil=True, derived=True),
        ids("person_ids", "view_slice_person", "slice_id", "person_id"),
        number("site_id", required=True),
        number("slice_id"),
        ids("slice_tag_ids", "slice_tags", "slice_id", "slice_tag_id"),
        text("url", 254, nil=True),
    ),
)

LEASE = Record(
    "Lease",
    table="leases",
    view="view_leases",
    key="lease_id",
    fields=(
        number("duration", derived=True),
        flag("expired", derived=True),
        text("hostname", 255, derived=True),
        number("lease_id"),
        text("name", 64, derived=True),
        number("node_id", required=True),
        text("node_type", 20, derived=True),
        number("site_id", derived=True),
        number("slice_id"),
        number("t_from", required=True, or_text=True),
        number("t_until", required=True, or_text=True),
    ),
)
