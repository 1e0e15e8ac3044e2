"""The management authority, put together: its methods and its jobs."""

from mgmt_authority.methods import (
    adm,
    boot,
    conf_files,
    flavours,
    ilinks,
    init_scripts,
    interfaces,
    media,
    node_groups,
    nodes,
    pcu_types,
    pcus,
    reboot,
    slivers,
)
from mgmt_authority.power import Power
from mgmt_authority.settings import Settings
from mgmt_authority.workshop import Workshop
from planetlab.both import api as both
from planetlab.both import old_names, peering, posting, serving
from planetlab.both.greeting import FailedNode
from planetlab.both.methods import accessors, tags, word_lists
from planetlab.launch import Running
from planetlab.methods import unite
from planetlab.registry import tidying
from planetlab.registry.store import Store

api = unite(
    both.api,
    word_lists.api_of("MA"),
    accessors.api_of("MA"),
    tags.writing(tags.NODES),
    tags.writing(tags.INTERFACES),
    nodes.api,
    interfaces.api,
    boot.api,
    slivers.api,
    node_groups.api,
    conf_files.api,
    init_scripts.api,
    pcus.api,
    pcu_types.api,
    ilinks.api,
    flavours.api,
    media.api,
    reboot.api,
)
older = unite(old_names.api_of(api), adm.api)


async def main(running: Running[Settings]) -> None:
    """Serve until told to stop."""
    stated = running.settings
    peers = peering.of(running)
    shop, power = Workshop(stated.media, stated.boot_cd), Power(running.reactor)
    desk = serving.open_desk(running, "management", stated.plc(peers=peers, media=shop, power=power))
    peers.desk = desk
    desk.failed_node = _tell_owners
    await serving.serve(running, desk, "MA", api, older)
    serving.every(running, serving.TIDY_EVERY, lambda: desk.job(tidying.sessions), "tidying")
    if stated.relay:
        serving.every(running, posting.EVERY, posting.Post.of(running, desk).round, "sending mail")


def _tell_owners(store: Store, failed: FailedNode) -> None:
    boot.failed(store, failed.node_id, failed.detail)
