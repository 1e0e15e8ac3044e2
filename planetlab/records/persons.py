"""Persons, the roles they hold, the keys they log in with, and the sessions they and nodes have."""

from planetlab.records.fields import Record, flag, ids, moment, number, text, words
from planetlab.records.rules import email, not_empty

PERSON = Record(
    "Person",
    table="persons",
    view="view_persons",
    key="person_id",
    name_key="email",
    tags=("advanced", "columnconf", "hrn", "sfa_created", "showconf"),
    tag_table="person_tags",
    soft="deleted",
    foreign="peer_person_id",
    strict=True,
    fields=(
        text("bio", 254, nil=True),
        moment("date_created"),
        text("email", 254, required=True, rule=email, unique=True, per_origin=True),
        flag("enabled"),
        text("first_name", 128, required=True),
        ids("key_ids", "view_keys", "person_id", "key_id"),
        text("last_name", 128, required=True),
        moment("last_updated"),
        text("password", 254, never=True),
        number("peer_id", nil=True, derived=True),
        number("peer_person_id", nil=True, derived=True),
        number("person_id"),
        ids("person_tag_ids", "person_tags", "person_id", "person_tag_id"),
        text("phone", 64, nil=True),
        ids("role_ids", "person_role", "person_id", "role_id"),
        words("roles", "view_person_roles", "person_id", "name", "role_id"),
        ids("site_ids", "view_person_site", "person_id", "site_id", "is_primary DESC, site_id"),
        ids("slice_ids", "view_slice_person", "person_id", "slice_id"),
        text("title", 128, nil=True),
        text("url", 254, nil=True),
        number("verification_expires", nil=True, never=True),
        text("verification_key", 254, nil=True, never=True),
    ),
)

ROLE = Record(
    "Role",
    table="roles",
    key="role_id",
    name_key="name",
    fields=(text("name", 100, required=True, rule=not_empty, unique=True), number("role_id", unique=True)),
)

KEY = Record(
    "Key",
    table="keys",
    view="view_keys",
    key="key_id",
    foreign="peer_key_id",
    fields=(
        text("key", 4096, required=True),
        number("key_id"),
        text("key_type", required=True, refers="KeyType"),
        number("peer_id", nil=True, derived=True),
        number("peer_key_id", nil=True, derived=True),
        number("person_id", nil=True, derived=True),
    ),
)

SESSION = Record(
    "Session",
    table="sessions",
    key="session_id",
    fields=(
        number("expires"),
        number("node_id", derived=True),
        number("person_id", derived=True),
        text("session_id"),
    ),
)
