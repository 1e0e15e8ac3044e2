"""Sites, their postal addresses, and who may be found there."""

from planetlab.records.fields import Record, flag, ids, moment, number, real, text, words
from planetlab.records.rules import login_base, not_empty, single

SITE = Record(
    "Site",
    table="sites",
    view="view_sites",
    key="site_id",
    name_key="login_base",
    tags=("disabled_registration", "hrn", "sfa_created"),
    tag_table="site_tags",
    soft="deleted",
    foreign="peer_site_id",
    fields=(
        text("abbreviated_name", 50, required=True, rule=not_empty),
        ids("address_ids", "site_address", "site_id", "address_id"),
        moment("date_created"),
        flag("enabled"),
        number("ext_consortium_id", nil=True),
        flag("is_public"),
        moment("last_updated"),
        real("latitude", min=-90.0, max=90.0, nil=True, rule=single),
        text("login_base", 32, required=True, rule=login_base, unique=True),
        real("longitude", min=-180.0, max=180.0, nil=True, rule=single),
        number("max_slices"),
        number("max_slivers"),
        text("name", 254, required=True, rule=not_empty),
        ids("node_ids", "view_nodes", "site_id", "node_id"),
        ids("pcu_ids", "pcus", "site_id", "pcu_id"),
        number("peer_id", nil=True, derived=True),
        number("peer_site_id", nil=True, derived=True),
        ids("person_ids", "view_person_site", "site_id", "person_id"),
        number("site_id"),
        ids("site_tag_ids", "site_tags", "site_id", "site_tag_id"),
        ids("slice_ids", "view_slices", "site_id", "slice_id"),
        text("url", 254, nil=True),
    ),
)

ADDRESS = Record(
    "Address",
    table="addresses",
    key="address_id",
    fields=(
        number("address_id"),
        ids("address_type_ids", "address_address_type", "address_id", "address_type_id"),
        words("address_types", "view_address_types", "address_id", "name", "address_type_id"),
        text("city", 254, required=True),
        text("country", 128, required=True),
        text("line1", 254, required=True),
        text("line2", 254, nil=True),
        text("line3", 254, nil=True),
        text("postalcode", 64, required=True),
        text("state", 254, required=True),
    ),
)

ADDRESS_TYPE = Record(
    "AddressType",
    table="address_types",
    key="address_type_id",
    name_key="name",
    fields=(
        number("address_type_id"),
        text("description", 254),
        text("name", 20, required=True, rule=not_empty, unique=True),
    ),
)
