"""``python -m node_manager.drivers.container``: ask whether real slivers can be made here, and clear them away.

For whoever sets a node up or takes it down without a running node manager. Both print one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from node_manager.drivers import DriverError
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.probe import missing
from node_manager.drivers.container.settings import ContainerSettings

Command = Callable[..., None]


def _settings(command: Command) -> Command:
    for option in (
        click.option("--work", required=True, help="Directory of the slivers' own files."),
        click.option("--images", default="/var/lib/plfed/images", show_default=True, help="Reference images."),
        click.option("--netns", default="", help="Network namespace with the uplink; empty for our own."),
        click.option("--uplink", default="eth0", show_default=True, help="Interface by which packets leave."),
        click.option("--cgroup", default="/plfed", show_default=True, help="Control group above the slivers'."),
    ):
        command = option(command)
    return command


@click.group()
def main() -> None:
    """Real slivers on this machine."""


@main.command("missing")
@_settings
def missing_(**settings: Any) -> None:
    """Tell what this machine lacks: {"missing": [words…]}. Ends with 1 when it lacks anything."""
    lacking = missing(ContainerSettings(**settings))
    click.echo(json.dumps({"missing": lacking}))
    sys.exit(bool(lacking))


@main.command("clear")
@_settings
def clear(**settings: Any) -> None:
    """Destroy every sliver below the work directory, and take the node's rules for them away.

    Prints {"destroyed": [names…], "failed": {name: words}}; ends with 1 when any failed.
    """
    destroyed: list[str] = []
    failed: dict[str, str] = {}
    try:
        driver = ContainerDriver(ContainerSettings(**settings), now=time.time)
    except DriverError as error:
        sys.exit(f"slivers cannot be cleared: {error}")
    try:
        for name in sorted(driver.look()):
            try:
                driver.destroy(name)
                destroyed.append(str(name))
            except DriverError as error:
                failed[str(name)] = str(error)
        if not failed:
            driver.leave()
    finally:
        driver.close()
    click.echo(json.dumps({"destroyed": destroyed, "failed": failed}))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
