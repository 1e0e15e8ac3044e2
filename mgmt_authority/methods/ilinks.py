"""Links between interfaces: a typed value on a pair of them."""

from typing import Annotated

from planetlab.both import forms, getting, rights
from planetlab.calls import Call
from planetlab.errors import Conflict
from planetlab.filters import Compare, Every
from planetlab.methods import Api, Role
from planetlab.records.nodes import ILINK, INTERFACE, NODE
from planetlab.records.tags import TAG_TYPE
from planetlab.registry.store import Row

api = Api()

IlinkId = Annotated[int, forms.of(ILINK, "ilink_id")]
Value = Annotated[str, forms.of(ILINK, "value")]

getting.declare(
    api,
    getting.Get(
        "Ilinks",
        ILINK,
        (Role.ADMIN, Role.PI, Role.USER, Role.NODE),
        forms.wanted(ILINK, "id", scalars="int"),
        "ilink_filter",
        "List links between interfaces.",
    ),
)


@api.method(Role.ADMIN, Role.PI, Role.TECH, Role.USER)
def AddIlink(
    call: Call,
    src_if_id: Annotated[int, forms.of(ILINK, "src_interface_id")],
    dst_if_id: Annotated[int, forms.of(ILINK, "dst_interface_id")],
    tag_type_id_or_name: Annotated[int | str, forms.id_or_name(TAG_TYPE)],
    value: Value,
) -> int:
    """Put a value on a pair of interfaces. Who holds a role of its type may, at the site of one of both ends."""
    ends = [call.store.find(INTERFACE, number, ("interface_id", "node_id")) for number in (src_if_id, dst_if_id)]
    kind = call.store.find(TAG_TYPE, tag_type_id_or_name)
    columns = {
        "src_interface_id": src_if_id,
        "dst_interface_id": dst_if_id,
        "tag_type_id": kind["tag_type_id"],
    }
    if call.store.row(ILINK, Every(tuple(Compare(name, "=", said) for name, said in columns.items()))) is not None:
        raise Conflict(f"these interfaces have a link of type {kind['tagname']} already; update that one")
    _must_write(call, kind, ends)
    number: int = call.store.insert(ILINK, {**columns, "value": value})
    call.store.note(f"Ilink {number} created", Ilink=number, Interface=[src_if_id, dst_if_id])
    return number


@api.method(Role.ADMIN, Role.PI, Role.TECH, Role.USER)
def UpdateIlink(call: Call, ilink_id: IlinkId, value: Value) -> int:
    """Give a link another value; who may add it may change it."""
    _own(call, ilink_id)
    call.store.update(ILINK, ilink_id, {"value": value})
    call.store.note(f"Ilink {ilink_id} updated", Ilink=ilink_id)
    return 1


@api.method(Role.ADMIN, Role.PI, Role.USER)
def DeleteIlink(call: Call, ilink_id: IlinkId) -> int:
    """Delete a link; who may add it may delete it."""
    _own(call, ilink_id)
    call.store.remove(ILINK, ilink_id)
    call.store.note(f"Ilink {ilink_id} deleted", Ilink=ilink_id)
    return 1


def _own(call: Call, ilink_id: int) -> None:
    link: Row = call.store.find(ILINK, ilink_id)
    kind = call.store.find(TAG_TYPE, link["tag_type_id"])
    ends = [call.store.find(INTERFACE, link[name], ("node_id",)) for name in ("src_interface_id", "dst_interface_id")]
    _must_write(call, kind, ends)


def _must_write(call: Call, kind: Row, ends: list[Row]) -> None:
    if call.is_admin:
        return
    holds = set(kind["roles"]) & {role.value for role in call.roles}
    call.must(bool(holds), f"links of type {kind['tagname']} are made by {', '.join(kind['roles']) or 'admins only'}")
    sites = [call.store.find(NODE, end["node_id"], ("site_id",))["site_id"] for end in ends]
    call.must(any(rights.at_site(call, site) for site in sites), "neither end is at one of your sites")
