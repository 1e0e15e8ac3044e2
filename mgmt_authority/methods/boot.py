"""What a node says and asks while it boots and runs."""

from typing import Annotated, Any

from mgmt_authority import boot, interfaces
from planetlab.both import forms, writing
from planetlab.both.callers import NodeCaller, the_node
from planetlab.both.methods.sessions import for_node
from planetlab.calls import Call
from planetlab.errors import BadArgument, DatabaseError
from planetlab.filters import AmongValues, Compare, HasAny, both
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.logs import MESSAGE
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.records.persons import PERSON, SESSION
from planetlab.records.words import RUN_LEVELS
from planetlab.registry import mails
from planetlab.registry.store import Row, Store
from planetlab.shapes import ListOf, Struct

api = Api()

MaybeNodeKey = Annotated[int | str | None, forms.id_or_name(NODE), NOT_NIL]
Details = Annotated[
    Row,
    forms.answer(
        boot_state=forms.of(NODE, "boot_state"),
        hostname=forms.of(NODE, "hostname"),
        model=forms.of(NODE, "model"),
        networks=ListOf((forms.named(INTERFACE),)),
        session=forms.of(SESSION, "session_id"),
    ),
]
_PRIMARY = "broadcast dns1 dns2 gateway mac method netmask network"
Said = Annotated[
    Row,
    Struct(
        {
            "boot_state": forms.of(NODE, "boot_state"),
            "primary_network": forms.struct(INTERFACE, _PRIMARY),
            "ssh_host_key": forms.of(NODE, "ssh_rsa_key"),
            "ssh_rsa_key": forms.of(NODE, "ssh_rsa_key"),
        }
    ),
]
Report = Annotated[Row, forms.struct(NODE, "run_level")]


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, status="deprecated", reads=True)
def BootCheckAuthentication(call: Call) -> int:
    """Give 1 to whom is who it says; as AuthCheck."""
    return 1


@api.method(Role.NODE, auth=("hmac",))
def BootGetNodeDetails(call: Call) -> Details:
    """Tell a booting node its name, what to do, its interfaces, and a new session."""
    node = _me(call)
    found: Row = {
        "hostname": node["hostname"],
        "boot_state": node["boot_state"],
        "model": node["model"] or "",
        "session": for_node(call.store, node["node_id"]),
    }
    networks = call.store.rows(INTERFACE, Compare("node_id", "=", node["node_id"]))
    if networks:
        found["networks"] = [{name: "" if v is None else v for name, v in row.items()} for row in networks]
    call.store.note(f"Node {node['node_id']} boots", Node=node["node_id"])
    return found


@api.method(Role.NODE, auth=("hmac", "session"))
def BootUpdateNode(call: Call, node_fields: Said) -> int:
    """Hear what a node found out: its next boot state, its SSH host key, its primary interface's facts.

    Without a boot state and key it means "I have just booted", and the times are set.
    """
    node = _me(call)
    changes: Row = {name: node_fields[name] for name in ("boot_state", "ssh_rsa_key") if name in node_fields}
    if "ssh_host_key" in node_fields:
        changes.setdefault("ssh_rsa_key", node_fields["ssh_host_key"])
    other: list[str] = sorted(name for name, value in changes.items() if node[name] != value)
    if not (node_fields.get("boot_state") or node_fields.get("ssh_rsa_key")):
        changes |= boot.booted(node, int(call.now))
    changes = writing.checked(call.store, NODE, changes, node["node_id"], "node_fields")
    call.store.update(NODE, node["node_id"], changes)
    if "primary_network" in node_fields:
        other += _update_primary(call, node, node_fields["primary_network"])
    if other:  # as the original: that it has booted is no event, nor what changed nothing
        call.store.note(f"Boot updated: {', '.join(other)}", Node=node["node_id"])
    return 1


@api.method(Role.NODE, Role.ADMIN, auth=("hmac", "session", "any"))
def ReportRunlevel(call: Call, report_fields: Report, node_id_or_hostname: MaybeNodeKey = None) -> int:
    """Hear what a node runs: boot, safeboot, failboot or reinstall. An admin may say it of any node.

    Without ``run_level`` the node has only shown that it is there.
    """
    if isinstance(call.caller, NodeCaller):
        number = call.caller.node_id
    else:
        call.must(call.is_admin, "Not allowed to update node run_level")
        if node_id_or_hostname is None:
            raise BadArgument("say which node: its number or host name", "node_id_or_hostname")
        number = call.store.find(NODE, node_id_or_hostname, ("node_id",))["node_id"]
    said = {name: report_fields[name] for name in ("run_level",) if name in report_fields}
    if said and said["run_level"] not in RUN_LEVELS:
        raise DatabaseError(f"{said['run_level']!r} is no run level; known are {', '.join(RUN_LEVELS)}")
    call.store.update(NODE, number, {**said, "last_contact": int(call.now)})
    return 1


@api.method(Role.NODE)
def BootNotifyOwners(
    call: Call,
    message_id: Annotated[str, forms.of(MESSAGE, "message_id")],
    include_pis: int,
    include_techs: int,
    include_support: int,
) -> int:
    """Mail a message about the calling node to the boot address, and on request to PIs, techs and support."""
    node = _me(call)
    plc = call.store.plc
    to = {plc.boot_mail}
    roles = [role for role, wanted in (("pi", include_pis), ("tech", include_techs)) if wanted]
    to |= set(staff(call.store, node["site_id"], roles))
    if include_support:
        to.add(plc.support)
    mails.from_template(call.store, message_id, to, about(call.store, node), kind=f"{message_id} {node['node_id']}")
    call.store.note(f"Node {node['node_id']} notified its owners of {message_id}", Node=node["node_id"])
    return 1


def staff(store: Store, site_id: int, roles: list[str]) -> list[str]:
    """The addresses of a site's enabled persons with one of these roles."""
    if not roles:
        return []
    there = both(HasAny("site_ids", (site_id,)), both(HasAny("roles", tuple(roles)), Compare("enabled", "=", 1)))
    return [row["email"] for row in store.rows(PERSON, there, ("email",))]


def about(store: Store, node: Row, fault: str = "") -> dict[str, str]:
    """What message templates may say of a node."""
    plc = store.plc
    return {
        "node_id": str(node["node_id"]),
        "hostname": node["hostname"],
        "PLC_WWW_HOST": plc.web_host,
        "PLC_WWW_SSL_PORT": str(plc.web_ssl_port),
        "fault": fault,
    }


def failed(store: Store, node_id: int, why: str) -> None:
    """Tell a node's owners that somebody calls in its name without its key; at most once an hour."""
    node = store.row(NODE, Compare("node_id", "=", node_id))
    if node is None:
        return
    to = {store.plc.boot_mail, *staff(store, node["site_id"], ["pi", "tech"])}
    mails.from_template(store, "authfail", to, about(store, node, why), kind=f"authfail {node_id}")


def _me(call: Call) -> Row:
    me: dict[str, Any] = call.store.find(NODE, the_node(call.caller).node_id)
    return me


def _update_primary(call: Call, node: Row, said: Row) -> list[str]:
    """Write what a node says of its primary interface; the names of what is now otherwise."""
    primary = both(AmongValues("interface_id", tuple(node["interface_ids"])), Compare("is_primary", "=", 1))
    there = call.store.row(INTERFACE, primary)
    if there is None or said.get("interface_id") != there["interface_id"]:
        raise BadArgument("interface_id must be that of the node's primary interface", "node_fields['primary_network']")
    values = {name: said[name] for name in boot.PRIMARY_FIELDS if name in said}
    row = writing.checked(call.store, INTERFACE, values, there["interface_id"], "node_fields['primary_network']")
    interfaces.fits({**there, **row})
    call.store.update(INTERFACE, there["interface_id"], row)
    other = [f"Interface.{name}" for name, value in row.items() if there[name] != value]
    if other:
        call.store.note(Interface=there["interface_id"])
    return other
