"""``plfed node``: the nodes of an authority, and the set-up of one."""

from collections.abc import Callable
from typing import Any

import click

from planetlab.cli.calling import authority
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, day, table
from planetlab.cli.target import Target, target_options

FIELDS = ["node_id", "hostname", "boot_state", "last_contact", "slice_ids"]


@click.group("node")
def group() -> None:
    """List nodes, and set one up."""


@group.command("list")
@target_options
@as_json
@errors_told
def list_nodes(target: Callable[..., Target], as_json: bool) -> None:
    """The nodes that the authority knows."""

    async def work(reactor: Any) -> int:
        found = await authority(target(), reactor).call("GetNodes", {}, FIELDS)
        rows = [
            (n["node_id"], n["hostname"], n["boot_state"], day(n["last_contact"]) if n["last_contact"] else "never",
             len(n["slice_ids"]))
            for n in sorted(found, key=lambda node: str(node["hostname"]))
        ]  # fmt: skip
        Voice(as_json).result(found, table(rows, ("id", "node", "state", "last contact", "slices")))
        return 0

    run(work)
