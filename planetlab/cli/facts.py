"""What a federation says of itself to programs: where everything answers, and who may sign in.

The form is one that outside programs rely on: ``ready``, ``authorities`` by name, ``nodes`` by host name, ``slices``
by authority, ``archive``.
"""

import os
import pathlib
from typing import Any

from planetlab.cli.plan import PASSWORD, ROLES, AuthorityPlan, NodePlan, Plan

FACTS = "facts.json"  # in a demo's folder
HOST = "127.0.0.1"
PLACES_OF_SFA = ("registry", "aggregate", "slice_interface")
PLACES_OF_AUTHORITY = ("sa", "ma", "plain", "web", "sa_operator", "ma_operator", "web_operator", *PLACES_OF_SFA)
PLACES_OF_NODE = (
    "pl_conf",
    "keys",
    "nm",
    "sensors",
    "slicestat",
    "audit",
    "pl_conf_operator",
    "nm_operator",
    "audit_operator",
    "ssh",
)
PAGES_OF_NODE = ("nm", "keys", "sensors", "slicestat", "audit")  # what answers on a node beside pl_conf
Ports = dict[str, int]


def authority(plan: AuthorityPlan, ports: Ports, folder: pathlib.Path) -> dict[str, Any]:
    """The facts of one authority."""
    persons = {role: {"Username": plan.email(role), "AuthString": PASSWORD} for role in ROLES}
    return {
        "sa": f"https://{HOST}:{ports['sa']}/SA/",
        "ma": f"https://{HOST}:{ports['ma']}/MA/",
        "plcapi": f"https://{HOST}:{ports['sa']}/PLCAPI/",
        "plcapi_plain": f"http://{HOST}:{ports['plain']}/PLCAPI/",
        "web": f"http://{HOST}:{ports['web']}/",
        "ca": str(folder / "ca.pem"),
        "gid": str(folder / "gid.pem"),
        "ticket_key_pem": str(folder / "ticket.pub.pem"),
        "pgp_pub": str(folder / "pgp.pub"),
        "persons": persons,
        "identities": {role: identity(plan, role, folder) for role in ROLES},
        "sfa": {name: f"https://{HOST}:{ports[name]}/" for name in PLACES_OF_SFA},
    }


def identity(plan: AuthorityPlan, role: str, folder: pathlib.Path) -> dict[str, str]:
    """Who the person of one role is at the SFA interfaces, and the key that a client certificate is made with."""
    hrn = str(plan.hrn.child(str(plan.login_base)).child(role))
    return {"hrn": hrn, "key": str(key_file(folder, role))}


def key_file(folder: pathlib.Path, role: str) -> pathlib.Path:
    """The file with a person's private key, PEM."""
    return folder / "persons" / f"{role}.key"


def has_sshd() -> bool:
    """Whether users and controllers can sign in on this machine's nodes: it takes root and an sshd to start."""
    return os.getuid() == 0 and os.access("/usr/sbin/sshd", os.X_OK)


def node(plan: NodePlan, ports: Ports, socket: pathlib.Path, node_id: int, key: str, driver: str) -> dict[str, Any]:
    """The facts of one node."""
    at = {name: f"http://{HOST}:{ports[name]}/" for name in ("pl_conf", *PAGES_OF_NODE)}
    return {
        "authority": str(plan.authority),
        "node_id": node_id,
        "node_key": key,
        **at,
        "nm_socket": str(socket),
        "driver": driver,
        **({"ssh": f"{HOST}:{ports['ssh']}"} if has_sshd() else {}),
    }


def archive(ports: Ports) -> str:
    """The page on which everything that an authority's nodes ever sent can be searched."""
    return f"http://{HOST}:{ports['web']}/archive"


def mail(ports: Ports) -> dict[str, str]:
    """Where every mail of the federation goes, and the page that shows them; nobody else gets any."""
    return {"smtp": f"{HOST}:{ports['smtp']}", "page": f"http://{HOST}:{ports['page']}/"}


def slices(plan: Plan) -> dict[str, list[str]]:
    """The names of each authority's slices."""
    return {str(each.hrn): [str(one.name) for one in each.slices] for each in plan.authorities}


def lines(facts: dict[str, Any]) -> list[str]:
    """The same for people: the addresses, and what to try next."""
    said = []
    for name, each in facts["authorities"].items():
        who = each["persons"]["pi"]["Username"]
        said.append(f"Authority {name:<10} {each['web']:<28} its pages, for everybody")
        said.append(f"   calls             {each['plcapi_plain']:<28} as {who}, or user, tech, admin; {PASSWORD}")
        said.append(f"   calls over TLS    {each['plcapi']:<28} CA {each['ca']}")
    for host, each in facts["nodes"].items():
        said.append(
            f"Node {host:<20}  {each['audit']:<24} its audit page; tickets to {each['pl_conf']}; {each['driver']}"
        )
    said.append(f"Mail of them all, caught   {facts['mail']['page']:<24} delivered to nobody")
    said.append(f"Archive of all packets     {facts['archive']}")
    return said
