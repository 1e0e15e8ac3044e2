"""``plfed``: one command for setting up, running and using a federation of PlanetLabs."""

import click

from planetlab.cli.shell import shell


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plfed")
def main() -> None:
    """Set up, run and use a federation of PlanetLabs."""


main.add_command(shell)

if __name__ == "__main__":
    main()
