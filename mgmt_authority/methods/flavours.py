"""Which images a node installs: its family, and what is added to it."""

from typing import Annotated

from planetlab.both import forms
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE
from planetlab.registry import tags
from planetlab.registry.store import Row, Store
from planetlab.shapes import ListOf, Of

api = Api()

FAMILY = ("pldistro", "fcdistro", "arch")
_CATEGORY, _WRITERS = "node/slice/config", ("admin", "pi", "tech", "user", "node")


@api.method(Role.ADMIN, Role.USER, Role.NODE)
def GetNodeFlavour(
    call: Call, node_id_or_name: Annotated[int | str, forms.id_or_name(NODE)]
) -> Annotated[Row, forms.answer(extensions=ListOf((Of(str),)), fcdistro=Of(str), nodefamily=Of(str), plain=Of(bool))]:
    """Tell which image a node installs. What its tags do not say is taken from the PLC's settings and kept as tags."""
    node = call.store.find(NODE, node_id_or_name, ("node_id",))
    said = flavour(call.store, node["node_id"])
    for name in FAMILY:
        if not tags.value(call.store, NODE, node["node_id"], name):
            kind = tags.kind(call.store, name, _CATEGORY, _WRITERS)
            tags.put(call.store, NODE, node["node_id"], name, said[name], kind)
    family = f"{said['fcdistro']}-{said['arch']}"
    extensions = (tags.value(call.store, NODE, node["node_id"], "extensions") or "").split()
    return {
        **said,
        "extensions": [f"{each}-{family}" for each in extensions],
        "plain": bool(tags.value(call.store, NODE, node["node_id"], "plain-bootstrapfs")),
    }


def flavour(store: Store, node_id: int) -> dict[str, str]:
    """Distribution, system, processor and kind of slivers of a node, and its family's name."""
    plc = store.plc
    known = {"pldistro": plc.pldistro, "fcdistro": plc.fcdistro, "arch": plc.arch}
    said = {name: tags.value(store, NODE, node_id, name) or default for name, default in known.items()}
    said["virt"] = tags.value(store, NODE, node_id, "virt") or made_by(plc.virt, said["fcdistro"])
    return {**said, "nodefamily": "-".join(said[name] for name in FAMILY)}


def made_by(stated: str, fcdistro: str) -> str:
    """How nodes of this system make slivers, by a table as the original's settings have it.

    >>> made_by("f8,f12:vs;default:lxc", "f12"), made_by("f8,f12:vs;default:lxc", "f14")
    ('vs', 'lxc')
    """
    ways: dict[str, str] = {}
    for part in stated.split(";"):
        systems, _, way = part.rpartition(":")
        ways |= dict.fromkeys((name.strip() for name in systems.split(",")), way.strip())
    return ways.get(fcdistro) or ways.get("default") or ways.get("") or ""
