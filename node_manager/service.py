"""The node manager, put together."""

from node_manager.methods import NodeApi, local, pools, slivers
from planetlab.methods import Api


def api() -> Api:
    """All methods that a node answers."""
    whole = NodeApi()
    for part in (slivers.api, pools.api, local.api):
        for method in part.values():
            whole.add(method)
    return whole
