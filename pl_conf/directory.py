"""The nodes that the node's own authority knows, for programs here that ask the node manager's sensor for them."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field

from pl_conf.node import NodeManager
from planetlab.errors import BadArgument, PeerError
from planetlab.names import Hostname

MOST = 20_000  # nodes that are told of

Ask = Callable[..., Awaitable[Any]]


@define
class Directory:
    """What was told last."""

    manager: Callable[[], NodeManager]
    _told: str = field(default="", init=False)

    async def once(self, call: Ask) -> None:
        """Ask for the nodes, and tell what is new. Raises `PeerError`, or `NotAdmitted` from the node manager."""
        nodes = await call("GetNodes", {}, ["node_id", "hostname"])
        faces = await call("GetInterfaces", {"is_primary": True}, ["node_id", "ip"])
        text = listed(nodes, faces)
        if text != self._told:
            await self.manager().call("KnowNodes", text)
            self._told = text


def listed(nodes: Any, faces: Any) -> str:
    """A line ``address,name`` for each node, by name; the address is empty where none is known. Raises `PeerError`."""
    try:
        addresses = {int(row["node_id"]): str(row["ip"] or "") for row in faces}
        named = sorted((str(Hostname.parse(row["hostname"])), int(row["node_id"])) for row in nodes)
    except (KeyError, TypeError, ValueError, BadArgument) as error:
        raise PeerError(f"its list of nodes is not one: {error!r:.200}") from error
    return "".join(f"{_plain(addresses.get(number, ''))},{name}\n" for name, number in named[:MOST])


def _plain(address: str) -> str:
    """An address without what would be another column or line."""
    return "".join(character for character in address if character in "0123456789abcdefABCDEF.:")[:45]
