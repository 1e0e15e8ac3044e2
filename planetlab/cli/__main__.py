"""``plfed``: one command for setting up, running and using a federation of PlanetLabs."""

import copy

import click

from planetlab.cli import (
    api,
    authorities,
    credentials,
    log,
    nodes,
    owner,
    peers,
    persons,
    setup,
    slices,
    statement,
    tickets,
)
from planetlab.cli.backup import backup, restore
from planetlab.cli.demo import demo, story
from planetlab.cli.doctor import doctor
from planetlab.cli.helping import explained
from planetlab.cli.shell import shell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plfed")
def main() -> None:
    """Set up, run and use a federation of PlanetLabs.

    Begin with `plfed demo`, and in another terminal `plfed doctor`. `plfed COMMAND --help` shows examples.
    """


nodes.group.add_command(setup.node_init)
for command in (demo, story, setup.init, setup.up, backup, restore, doctor, shell):
    main.add_command(command)
for older in (authorities.certify, authorities.install):  # they were spelled so before authorities had a group
    main.add_command(copy.copy(older))
for group in (
    api.group,
    authorities.group,
    credentials.group,
    peers.group,
    log.group,
    persons.group,
    slices.group,
    statement.group,
    tickets.group,
    nodes.group,
    owner.group,
):
    main.add_command(group)
explained(main)

if __name__ == "__main__":
    main()
