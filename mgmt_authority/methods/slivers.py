"""GetSlivers: all that a node is told, put together from one consistent read."""

from typing import Annotated

from planetlab.both import forms, writing
from planetlab.both.callers import NodeCaller
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.nodes import CONF_FILE, INIT_SCRIPT, INTERFACE, NODE, NODE_GROUP
from planetlab.records.persons import KEY
from planetlab.records.slices import SLICE
from planetlab.records.tags import SLICE_TAG, TAG_TYPE
from planetlab.registry import node_view, slivers, tags
from planetlab.registry.store import Row, Store
from planetlab.shapes import Either, ListOf, Of, Struct

api = Api()

_KEY = Struct({"key": forms.of(KEY, "key"), "key_type": forms.of(KEY, "key_type")})
_TIME = Either((Of(int), Of(str)))
Slivers = Annotated[
    Row,
    forms.answer(
        timestamp=Of(int),
        node_id=forms.of(NODE, "node_id"),
        hostname=forms.of(NODE, "hostname"),
        interfaces=forms.rows(INTERFACE),
        groups=ListOf((forms.of(NODE_GROUP, "groupname"),)),
        conf_files=forms.rows(CONF_FILE),
        initscripts=forms.rows(INIT_SCRIPT),
        accounts=ListOf((Struct({"name": Of(str, max=254), "keys": ListOf((_KEY,))}),)),
        slivers=ListOf(
            (
                Struct(
                    {
                        "name": forms.of(SLICE, "name"),
                        "slice_id": forms.of(SLICE, "slice_id"),
                        "instantiation": forms.of(SLICE, "instantiation"),
                        "expires": forms.of(SLICE, "expires"),
                        "keys": ListOf((_KEY,)),
                        "attributes": ListOf(
                            (
                                Struct(
                                    {
                                        "tagname": forms.of(TAG_TYPE, "tagname"),
                                        "value": forms.of(SLICE_TAG, "value"),
                                    }
                                ),
                            )
                        ),
                    }
                ),
            )
        ),
        leases=ListOf((Struct({"slice_id": forms.of(SLICE, "slice_id"), "t_from": _TIME, "t_until": _TIME}),)),
        reservation_policy=Of(str),
        xmpp=Struct({"server": Of(str), "user": Of(str), "password": Of(str)}),
    ),
]


@api.method(Role.ADMIN, Role.NODE)
def GetSlivers(
    call: Call, node_id_or_hostname: Annotated[int | str | None, forms.id_or_name(NODE), NOT_NIL] = None
) -> Slivers:
    """Tell a node all it should know: its slivers, owners' accounts, files, scripts, groups, interfaces and leases.

    A node asks for itself; an admin for any. Asking counts as the node's contact.
    """
    node = _asked(call, node_id_or_hostname)
    call.store.update(NODE, node["node_id"], {"last_contact": int(call.now)})
    return told(call.store, node)


def told(store: Store, node: Row) -> Row:
    """The whole struct for one node."""
    number = node["node_id"]
    groups = node_view.groups(store, number)
    reservable = node["node_type"] == "reservable"
    return {
        "timestamp": int(store.now),
        "node_id": number,
        "hostname": node["hostname"],
        "interfaces": node_view.interfaces(store, number),
        "groups": [group["groupname"] for group in groups],
        "conf_files": node_view.conf_files(store, number, [group["nodegroup_id"] for group in groups]),
        "initscripts": node_view.init_scripts(store),
        "slivers": slivers_of(store, number, [group["nodegroup_id"] for group in groups]),
        "accounts": node_view.accounts(store, node["site_id"]),
        "xmpp": {"server": store.plc.xmpp_server},
        "hrn": tags.value(store, NODE, number, "hrn"),
        "reservation_policy": "lease_or_idle" if reservable else "none",
        "leases": node_view.leases(store, number) if reservable else None,
        "lease_granularity": store.plc.lease_granularity,
    }


def slivers_of(store: Store, node_id: int, groups: list[int]) -> list[Row]:
    """The slivers a node is told of, each with keys and attributes."""
    rows = slivers.of_node(store, node_id)
    numbers = [row["slice_id"] for row in rows]
    keys = slivers.keys_of(store, numbers)
    attributes = slivers.attributes_of(store, numbers, node_id, groups)
    families = slivers.families(store, numbers)
    return [
        {
            **row,
            "keys": keys[row["slice_id"]],
            "attributes": attributes[row["slice_id"]],
            "GetSliceFamily": families[row["slice_id"]],
        }
        for row in rows
    ]


def _asked(call: Call, key: int | str | None) -> Row:
    if key is None:
        if not isinstance(call.caller, NodeCaller):
            raise BadArgument("say which node: its number or host name", "node_id_or_hostname")
        key = call.caller.node_id
    node: Row = call.store.find(NODE, key)
    writing.must_be_ours(NODE, node)
    if not call.is_admin and not call.store.plc.any_node_any_slivers:
        own = isinstance(call.caller, NodeCaller) and call.caller.node_id == node["node_id"]
        call.must(own, "a node is told of its own slivers only")
    return node
