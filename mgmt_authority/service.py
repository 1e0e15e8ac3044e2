"""The management authority, put together: its methods and its jobs."""

from mgmt_authority.methods import boot, interfaces, nodes, slivers
from mgmt_authority.settings import Settings
from planetlab.both import api as both
from planetlab.both import serving
from planetlab.both.greeting import FailedNode
from planetlab.both.methods import word_lists
from planetlab.launch import Running
from planetlab.methods import unite
from planetlab.registry import tidying
from planetlab.registry.store import Store

api = unite(both.api, word_lists.api_of("MA"), nodes.api, interfaces.api, boot.api, slivers.api)
old = unite()


async def main(running: Running[Settings]) -> None:
    """Serve until told to stop."""
    desk = serving.open_desk(running, "management", running.settings.plc())
    desk.failed_node = _tell_owners
    await serving.serve(running, desk, "MA", api, old)
    serving.every(running, serving.TIDY_EVERY, lambda: desk.job(tidying.sessions), "tidying")


def _tell_owners(store: Store, failed: FailedNode) -> None:
    boot.failed(store, failed.node_id, failed.detail)
