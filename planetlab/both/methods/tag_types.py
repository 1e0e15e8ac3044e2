"""Tag types, the roles that may write tags of each, and roles themselves."""

from typing import Annotated

from planetlab.both import forms, getting, writing
from planetlab.calls import Call
from planetlab.errors import DatabaseError
from planetlab.filters import Compare
from planetlab.methods import Api, Role
from planetlab.records.nodes import ILINK
from planetlab.records.persons import ROLE
from planetlab.records.tags import TAG_TYPE
from planetlab.registry.store import Row

api = Api()

RoleKey = Annotated[int | str, forms.id_or_name(ROLE)]
TypeKey = Annotated[int | str, forms.id_or_name(TAG_TYPE)]
TypeFields = Annotated[Row, forms.struct(TAG_TYPE, TAG_TYPE.settable())]
Roles = Annotated[list[Row], forms.rows(ROLE)]
PERSONS_AND_NODES = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)

getting.declare(
    api,
    getting.Get(
        "TagTypes",
        TAG_TYPE,
        PERSONS_AND_NODES,
        forms.wanted(TAG_TYPE, scalars="name"),
        "tag_type_filter",
        "List the kinds of tags, each with the roles that may write it.",
        example=([{"category": "slice/*"}], ["tagname", "roles"]),
    ),
)


@api.method(Role.ADMIN)
def AddTagType(call: Call, tag_type_fields: TypeFields) -> int:
    """Add a kind of tags; unknown fields are ignored. Nobody but admins may write them until roles are added to it."""
    known = {name: value for name, value in tag_type_fields.items() if name in TAG_TYPE.settable()}
    return writing.add(call.store, TAG_TYPE, known, "tag_type_fields")


@api.method(Role.ADMIN)
def UpdateTagType(call: Call, tag_type_id_or_name: TypeKey, tag_type_fields: TypeFields) -> int:
    """Change a kind of tags; other keys than its fields are refused."""
    kind = call.store.find(TAG_TYPE, tag_type_id_or_name)
    given = writing.sort_out(TAG_TYPE, tag_type_fields, TAG_TYPE.settable(), where="tag_type_fields")
    writing.update(call.store, TAG_TYPE, kind["tag_type_id"], given.native, "tag_type_fields")
    return 1


@api.method(Role.ADMIN)
def DeleteTagType(call: Call, tag_type_id_or_name: TypeKey) -> int:
    """Delete a kind of tags with all tags of it; refused (106) while it makes a node group or types a link."""
    kind = call.store.find(TAG_TYPE, tag_type_id_or_name)
    if (link := call.store.row(ILINK, Compare("tag_type_id", "=", kind["tag_type_id"]), ("ilink_id",))) is not None:
        raise DatabaseError(f"it is in use: something else refers to it, ilink {link['ilink_id']}")
    writing.remove(call.store, TAG_TYPE, kind["tag_type_id"])
    return 1


@api.method(Role.ADMIN)
def AddRoleToTagType(call: Call, role_id_or_name: RoleKey, tag_type_id_or_tagname: TypeKey) -> int:
    """Let a role write tags of a kind."""
    role = call.store.find(ROLE, role_id_or_name)
    kind = call.store.find(TAG_TYPE, tag_type_id_or_tagname)
    call.store.link("tag_type_role", tag_type_id=kind["tag_type_id"], role_id=role["role_id"])
    call.store.note(f"{role['name']} may write {kind['tagname']}", TagType=kind["tag_type_id"], Role=role["role_id"])
    return 1


@api.method(Role.ADMIN)
def DeleteRoleFromTagType(call: Call, role_id_or_name: RoleKey, tag_type_id_or_tagname: TypeKey) -> int:
    """No longer let a role write tags of a kind."""
    role = call.store.find(ROLE, role_id_or_name)
    kind = call.store.find(TAG_TYPE, tag_type_id_or_tagname)
    call.store.unlink("tag_type_role", tag_type_id=kind["tag_type_id"], role_id=role["role_id"])
    told = f"{role['name']} may no longer write {kind['tagname']}"
    call.store.note(told, TagType=kind["tag_type_id"], Role=role["role_id"])
    return 1


@api.method(*PERSONS_AND_NODES, reads=True, example=())
def GetRoles(call: Call) -> Roles:
    """List the roles that persons may hold."""
    return call.store.rows(ROLE)


@api.method(Role.ADMIN)
def AddRole(
    call: Call,
    role_id: Annotated[int, forms.of(ROLE, "role_id")],
    name: Annotated[str, forms.of(ROLE, "name")],
) -> int:
    """Add a role; number and name must be new."""
    writing.add(call.store, ROLE, {"role_id": role_id, "name": name})
    return 1


@api.method(Role.ADMIN)
def DeleteRole(call: Call, role_id_or_name: RoleKey) -> int:
    """Delete a role; who held it no longer does."""
    role = call.store.find(ROLE, role_id_or_name)
    writing.remove(call.store, ROLE, role["role_id"])
    return 1
