"""Other PLCs, whose objects are kept beside ours."""

from planetlab.records.fields import Record, ids, number, text
from planetlab.records.rules import not_empty, peer_url

PEER = Record(
    "Peer",
    table="peers",
    view="view_peers",
    key="peer_id",
    name_key="peername",
    soft="deleted",
    fields=(
        text("cacert", only_admin=True),
        text("hrn_root"),
        text("key", only_admin=True),
        ids("key_ids", "view_keys", "peer_id", "key_id"),
        ids("node_ids", "view_nodes", "peer_id", "node_id"),
        number("peer_id"),
        text("peer_url", required=True, rule=peer_url),
        text("peername", required=True, rule=not_empty, unique=True),
        ids("person_ids", "view_persons", "peer_id", "person_id"),
        text("shortname"),
        ids("site_ids", "view_sites", "peer_id", "site_id"),
        ids("slice_ids", "view_slices", "peer_id", "slice_id"),
    ),
)
