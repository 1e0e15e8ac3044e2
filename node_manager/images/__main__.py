"""``python -m node_manager.images``: make and list the reference images of a node."""

import os
import shutil
import sys
import time
from pathlib import Path

import click

from node_manager.images import busybox, debian
from node_manager.images.flavours import BY_NAME, FLAVOURS, Flavour

DIRECTORY = "/var/lib/plfed/images"


@click.group()
def main() -> None:
    """The root file systems that slivers start from."""


@main.command()
@click.option("--dir", "directory", default=DIRECTORY, show_default=True, type=click.Path(path_type=Path))
@click.option("--flavour", "names", multiple=True, type=click.Choice(sorted(BY_NAME)), help="default: debian")
@click.option("--again", is_flag=True, help="Make it also when it is there.")
def build(directory: Path, names: tuple[str, ...], again: bool) -> None:
    """Make images that are not there yet; needs root."""
    if os.geteuid():
        sys.exit("images: only root can make a root file system")
    directory.mkdir(parents=True, exist_ok=True)
    try:
        for flavour in dict.fromkeys(BY_NAME[name] for name in names or ("default",)):
            _build(directory, flavour, again)
    except (busybox.NoBusybox, debian.CannotBuild, OSError) as error:
        sys.exit(f"images: {error}")


@main.command("list")
@click.option("--dir", "directory", default=DIRECTORY, show_default=True, type=click.Path(path_type=Path))
def list_(directory: Path) -> None:
    """The flavours there are, and which of them are made."""
    for flavour in FLAVOURS:
        made = "made" if (directory / flavour.name / "etc").is_dir() else "-"
        click.echo(f"{flavour.name:14} {made:6} {flavour.sentence}")


def _build(directory: Path, flavour: Flavour, again: bool) -> None:
    """Make one image beside its place and move it there whole; running slivers keep the old one's files."""
    place, recipe = directory / flavour.name, directory / f"{flavour.name}.recipe"
    asked = f"{flavour.name}: {' '.join(flavour.packages)}\n"
    if not again and (place / "etc").is_dir() and recipe.exists() and recipe.read_text("utf-8") == asked:
        click.echo(f"{flavour.name}: is there, {place}")
        return
    since, fresh = time.monotonic(), directory / f".{flavour.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    if flavour.packages:
        debian.build(fresh, flavour.packages, lambda line: click.echo(f"{flavour.name}: {line}"))
        (directory / f"{flavour.name}.packages").write_text(debian.contents(fresh), "utf-8")
    else:
        busybox.build(fresh)
    if place.exists():
        place.rename(directory / f".{flavour.name}.old.{os.getpid()}")
    fresh.rename(place)
    recipe.write_text(asked, "utf-8")
    for alias in flavour.aliases:
        link = directory / alias
        link.unlink(missing_ok=True)
        link.symlink_to(flavour.name)
    click.echo(f"{flavour.name}: made in {time.monotonic() - since:.1f} s, {place}")


if __name__ == "__main__":
    main()
