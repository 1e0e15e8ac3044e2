"""Which slivers a node has: asked of its node manager where that runs, else as the remembering driver left them."""

import json
from collections.abc import Mapping
from typing import Any

from planetlab.ask import Ask
from planetlab.cli.deep.places import NodePlace
from planetlab.errors import PeerError

PATIENCE = 10.0  # seconds


async def found(node: NodePlace, reactor: Any) -> Mapping[str, str] | None:
    """State by name; None where nobody can tell. A state that is not told is ""."""
    if not node.socket.exists():
        return remembered(node)
    ask = Ask(f"unix:{node.socket}", reactor=reactor, tries=1, timeout=PATIENCE)
    try:
        names = await ask.call("GetXIDs")
    except PeerError:
        return remembered(node)
    try:
        states = {str(each["name"]): str(each["state"]) for each in await ask.call("Slivers")}
    except PeerError:  # not everybody is told states
        states = {}
    return {str(name): states.get(str(name), "") for name in names}


def remembered(node: NodePlace) -> Mapping[str, str] | None:
    """The slivers that a driver remembers in files, which anybody can read."""
    said = str(node.node_manager.get("remembered") or "")
    if not said or node.node_manager.get("driver") == "container":
        return None
    states = {}
    for path in (node.path / said).glob("*.json"):
        told = json.loads(path.read_text())
        states[str(told["slice"])] = str(told["state"])
    return states
