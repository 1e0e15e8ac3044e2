"""Boot media and configuration files of nodes; each new one has a new key, and older ones are worth nothing."""

import base64
import secrets
from datetime import UTC, datetime
from typing import Annotated

from mgmt_authority import media, plnode
from mgmt_authority.methods import flavours
from mgmt_authority.workshop import Workshop
from planetlab.both import forms, rights, writing
from planetlab.both.afterwards import in_thread_afterwards
from planetlab.calls import Call
from planetlab.filters import Compare
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.records.tags import INTERFACE_TAG, NODE_TAG
from planetlab.registry.store import Row
from planetlab.shapes import ListOf, Of

api = Api()

NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
STAFF = (Role.ADMIN, Role.PI, Role.TECH)
KEY_BYTES = 32


@api.method(*STAFF)
def GenerateNodeConfFile(call: Call, node_id_or_hostname: NodeKey, regenerate_node_key: bool = True) -> str:
    """Give the text of a node's ``plnode.txt``; with a new key unless told to keep the one there is.

    The node needs a primary interface. PIs and techs ask for nodes of their sites.
    """
    about = _about(call, _own(call, node_id_or_hostname, "make configuration files for nodes"))
    if regenerate_node_key or not about.node["key"]:
        return plnode.text(about, _renew(call, about.node, {}))
    return plnode.text(about, about.node["key"])


@api.method(*STAFF)
def GetBootMedium(
    call: Call,
    node_id_or_hostname: NodeKey,
    action: str,
    filename: str,
    options: Annotated[list[str] | None, ListOf((Of(str),)), NOT_NIL] = None,
) -> str:
    """Make what a node boots by: its text (node-preview, node-floppy), or an image (node-iso, node-usb, generic-…).

    Without ``filename`` the text as it is, or the image in base64; else the path of the file that was written, below
    the work directory. In it %d is that directory, %n the node, %s the suffix, %p the PLC, %f the node's family,
    %a its processor, %v the version of the boot CD. All but preview and generic ones come with a new key.
    """
    node = call.store.find(NODE, node_id_or_hostname)
    said = media.action(action, node["node_type"])
    number = node["node_id"]
    tags = call.store.rows(NODE_TAG, Compare("node_id", "=", number), ("tagname", "value"))
    given = media.options(options, said, {tag["tagname"]: tag["value"] for tag in tags})
    _must_be_own(call, node, "make boot media for nodes")
    shop: Workshop = call.store.plc.media or Workshop()
    if said.image:
        shop.must_have(said.image, said.generic)
    parts: tuple[str, ...] = ()
    if filename:
        family = flavours.flavour(call.store, number)
        name = secrets.token_hex(8) if said.generic else node["hostname"]
        known = media.markers(str(shop.work or ""), name, said, call.store.plc, family, shop.version())
        parts = media.file_name(filename, known)
        shop.must_be_free(parts, call.now)
    text = None if said.generic else _text(call, _about(call, node), said.key)
    if not said.image:
        return shop.keep(parts, (text or "").encode()) if parts else text or ""
    return in_thread_afterwards(lambda: _made(shop, said.image, text, given, parts))


def _made(shop: Workshop, kind: str, text: str | None, given: dict[str, str], parts: tuple[str, ...]) -> str:
    data = shop.image(kind, text, media.kernel_arguments(given))
    return shop.keep(parts, data) if parts else base64.b64encode(data).decode()


def _own(call: Call, key: int | str, what: str) -> Row:
    return _must_be_own(call, call.store.find(NODE, key), what)


def _must_be_own(call: Call, node: Row, what: str) -> Row:
    writing.must_be_ours(NODE, node)
    rights.must_be_at_site(call, node["site_id"], what)
    return node


def _about(call: Call, node: Row) -> plnode.About:
    interfaces = call.store.rows(INTERFACE, Compare("node_id", "=", node["node_id"]))
    primary = plnode.primary(interfaces, node["hostname"])
    return plnode.About(node, primary, tuple(interfaces))


def _text(call: Call, about: plnode.About, with_key: bool) -> str:
    own = Compare("interface_id", "=", about.primary["interface_id"])
    settings = tuple(call.store.rows(INTERFACE_TAG, own, ("category", "tagname", "value")))
    whole = plnode.About(about.node, about.primary, about.interfaces, settings)
    if not with_key:
        return plnode.text(whole)
    renewed = datetime.fromtimestamp(call.now, UTC).strftime("%Y/%m/%d at %H:%M +0000")
    return plnode.text(whole, _renew(call, about.node, {"last_download": int(call.now)}), renewed)


def _renew(call: Call, node: Row, more: Row) -> str:
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=")
    call.store.update(NODE, node["node_id"], {"key": key, **more})
    call.store.note(f"Node {node['node_id']} has a new key", Node=node["node_id"])
    return key
