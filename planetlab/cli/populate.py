"""A demo's records, made by the calls that any administrator has; what is there already is left as it is.

Only the first administrator cannot be made by a call, since nobody could sign in to make it: `plfed init` writes that
one person into the registry.
"""

import pathlib
import secrets
from typing import Any

from attrs import define
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from planetlab import keys
from planetlab.ask import Ask
from planetlab.cli import place
from planetlab.cli.facts import key_file
from planetlab.cli.plan import PASSWORD, ROLES, WORK, AuthorityPlan, NodePlan, SlicePlan

LOCATION = {"latitude": 40.35, "longitude": -74.65}


@define
class Populated:
    """What was made or found of one node."""

    node_id: int
    key: str


async def authority(admin: Ask, plan: AuthorityPlan, folder: pathlib.Path) -> None:
    """The site, a person of each role with a key, and the slices of one authority whose files are in ``folder``."""
    site = str(plan.login_base)
    if not await admin.call("GetSites", {"login_base": site}, ["site_id"]):
        about = {"name": plan.site_name, "abbreviated_name": site, "url": f"http://{site}.example/", **LOCATION}
        await admin.call("AddSite", {**about, "login_base": site, "is_public": True, "max_slices": 20})
        await admin.call("UpdateSite", site, {"max_slices": 20, "enabled": True})
    for role in ROLES:
        await person(admin, plan, role, key_file(folder, role))
    for one in plan.slices:
        await a_slice(admin, plan, one)


async def person(admin: Ask, plan: AuthorityPlan, role: str, file: pathlib.Path) -> None:
    """The person of one role, enabled, at the site, with a key whose private half is in ``file``."""
    email = plan.email(role)
    found = await admin.call("GetPersons", {"email": email}, ["person_id", "key_ids", "site_ids", "roles"])
    if not found:
        name = {"first_name": role.title(), "last_name": plan.site_name, "email": email, "password": PASSWORD}
        await admin.call("AddPerson", name)
        await admin.call("UpdatePerson", email, {"enabled": True})
        found = await admin.call("GetPersons", {"email": email}, ["person_id", "key_ids", "site_ids", "roles"])
    known = found[0]
    if role not in known["roles"]:
        await admin.call("AddRoleToPerson", role, email)
    if not known["site_ids"]:
        await admin.call("AddPersonToSite", email, str(plan.login_base))
    if not known["key_ids"] or not file.exists():
        await admin.call("AddPersonKey", email, {"key_type": "ssh", "key": ssh_key(file, email)})


async def a_slice(admin: Ask, plan: AuthorityPlan, one: SlicePlan) -> None:
    """One slice with its user."""
    name = str(one.name)
    if not await admin.call("GetSlices", [name], ["slice_id"]):
        fields = {"name": name, "url": one.url, "description": one.description, "instantiation": one.instantiation}
        await admin.call("AddSlice", fields)
        await admin.call("AddSliceTag", name, "initscript_code", WORK)
    await _unless_there(admin, name, plan.email("user"))


async def _unless_there(admin: Ask, name: str, email: str) -> None:
    ids = (await admin.call("GetSlices", [name], ["person_ids"]))[0]["person_ids"]
    found = await admin.call("GetPersons", {"email": email}, ["person_id"])
    if found[0]["person_id"] not in ids:
        await admin.call("AddPersonToSlice", email, name)


async def meet(admin: Ask, other: Ask) -> None:
    """Accept another PLC as its operator reads out its words, where it answers today."""
    said = await other.call("GetInvitation")
    await admin.call("AcceptPeer", said["statement"], said["words"])


async def copy(admin: Ask, other: Ask) -> None:
    """The peer's objects as they are now; the settings tell how often they are copied from then on."""
    await admin.call("RefreshPeer", await other.call("GetPeerName"))


async def node(admin: Ask, plan: NodePlan, site: str, address: str) -> Populated:
    """One node at the site, with a key of its own and an interface."""
    host, fields = str(plan.hostname), ["node_id", "key", "interface_ids"]
    found: list[dict[str, Any]] = await admin.call("GetNodes", {"hostname": host}, fields)
    if not found:
        await admin.call("AddNode", site, {"hostname": host, "model": "demo", "boot_state": "boot"})
        found = await admin.call("GetNodes", {"hostname": host}, fields)
    known = found[0]
    if not known["interface_ids"]:
        interface = {"ip": address, "method": "dhcp", "type": "ipv4", "is_primary": True}
        await admin.call("AddInterface", known["node_id"], interface)
    if not known["key"]:
        known["key"] = secrets.token_urlsafe(24)
        await admin.call("UpdateNode", known["node_id"], {"key": known["key"], "boot_state": "boot"})
    return Populated(known["node_id"], known["key"])


async def put_on(admin: Ask, plan: AuthorityPlan, hostnames: list[str]) -> None:
    """The authority's plc-instantiated slices onto its nodes."""
    for one in plan.slices:
        if one.instantiation == "plc-instantiated" and hostnames:
            await admin.call("AddSliceToNodes", str(one.name), hostnames)


def ssh_key(file: pathlib.Path, comment: str) -> str:
    """The public half of the key in ``file``, which is made if it is not there, as a line of authorized_keys."""
    if not file.exists():
        place.write(place.folder(file.parent) / file.name, keys.private_pem(keys.new_p256()))
    public = keys.load_private(file.read_bytes()).public_key()
    return f"{public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {comment}"
