"""Tag types, and the tags that sites, persons, nodes, interfaces and slices carry."""

from planetlab.records.fields import Field, Record, ids, number, text, words

TAG_TYPE = Record(
    "TagType",
    table="tag_types",
    key="tag_type_id",
    name_key="tagname",
    strict=True,
    fields=(
        text("category", 64),
        text("description", 254),
        ids("role_ids", "tag_type_role", "tag_type_id", "role_id"),
        words("roles", "view_tag_type_roles", "tag_type_id", "name", "role_id"),
        number("tag_type_id"),
        text("tagname", 100, required=True),
    ),
)


def _tag(name: str, noun: str, *more: Field) -> Record:
    return Record(
        name,
        table=f"{noun}_tags",
        view=f"view_{noun}_tags",
        key=f"{noun}_tag_id",
        fields=(
            text("category", 64, derived=True),
            text("description", 254, derived=True),
            *more,
            number(f"{noun}_id", required=True),
            number(f"{noun}_tag_id"),
            number("tag_type_id", required=True),
            text("tagname", 100, derived=True),
            text("value"),
        ),
    )


SITE_TAG = _tag("SiteTag", "site", text("login_base", 32, derived=True))
PERSON_TAG = _tag("PersonTag", "person", text("email", 254, derived=True))
NODE_TAG = _tag("NodeTag", "node", text("hostname", 255, derived=True))
INTERFACE_TAG = _tag("InterfaceTag", "interface", text("ip", nil=True, derived=True))
SLICE_TAG = _tag("SliceTag", "slice", text("name", derived=True), number("node_id"), number("nodegroup_id"))
