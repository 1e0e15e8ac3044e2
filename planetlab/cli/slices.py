"""``plfed slice``: slices at an authority."""

import time
from collections.abc import Callable
from typing import Any

import click

from planetlab.cli.calling import authority
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, day, fields, table
from planetlab.cli.target import Target, target_options
from planetlab.errors import BadArgument

WEEK = 7 * 86400
FIELDS = ["name", "instantiation", "expires", "node_ids", "person_ids", "url", "description"]

Targets = Callable[..., Target]


@click.group("slice")
def group() -> None:
    """Make, show, change and delete slices."""


@group.command("list")
@target_options
@as_json
@errors_told
def list_slices(target: Targets, as_json: bool) -> None:
    """The slices that the caller may see."""

    async def work(reactor: Any) -> int:
        found = await authority(target(), reactor).call("GetSlices", {}, FIELDS)
        rows = [(s["name"], s["instantiation"], day(s["expires"]), len(s["node_ids"]), s["url"] or "-") for s in found]
        Voice(as_json).result(found, table(sorted(rows), ("slice", "instantiation", "expires", "nodes", "url")))
        return 0

    run(work)


@group.command("show")
@click.argument("name")
@target_options
@as_json
@errors_told
def show(target: Targets, name: str, as_json: bool) -> None:
    """Everything on one slice."""

    async def work(reactor: Any) -> int:
        found = await authority(target(), reactor).call("GetSlices", [name])
        if not found:
            raise BadArgument(
                f"{name}: there is no such slice, or it is not yours to see; `plfed slice list` has yours"
            )
        Voice(as_json).result(found[0], fields(found[0]))
        return 0

    run(work)


@group.command("create")
@click.argument("name")
@click.option("--page", "about", required=True, help="A page on the research.")
@click.option("--description", required=True, help="What it does; strangers read this.")
@click.option("--instantiation", default="delegated", show_default=True, help="delegated, or plc-instantiated.")
@click.option("--add", "users", multiple=True, metavar="EMAIL", help="A person to put in it; may be repeated.")
@target_options
@as_json
@errors_told
def create(
    target: Targets, name: str, about: str, description: str, instantiation: str, users: tuple[str, ...], as_json: bool
) -> None:
    """Make a slice."""

    async def work(reactor: Any) -> int:
        ask = authority(target(), reactor)
        fields = {"name": name, "url": about, "description": description, "instantiation": instantiation}
        number = await ask.call("AddSlice", fields)
        for user in users:
            await ask.call("AddPersonToSlice", user, name)
        Voice(as_json).result({"slice_id": number, "name": name}, [f"{name} is slice {number}"])
        return 0

    run(work)


@group.command("renew")
@click.argument("name")
@click.option("--weeks", type=click.IntRange(1, 8), default=4, show_default=True, help="From now.")
@target_options
@as_json
@errors_told
def renew(target: Targets, name: str, weeks: int, as_json: bool) -> None:
    """Let a slice live on."""

    async def work(reactor: Any) -> int:
        expires = int(time.time()) + weeks * WEEK - 60  # the authority counts from its own clock, and to the second
        await authority(target(), reactor).call("UpdateSlice", name, {"expires": expires})
        Voice(as_json).result({"name": name, "expires": expires}, [f"{name} now lives until {day(expires)}"])
        return 0

    run(work)


@group.command("delete")
@click.argument("name")
@target_options
@as_json
@errors_told
def delete(target: Targets, name: str, as_json: bool) -> None:
    """Delete a slice; nodes that poll end their slivers, delegated slivers end with their tickets."""
    _one_call(target, as_json, "DeleteSlice", [name], {"deleted": name}, f"{name} is deleted")


@group.command("add-user")
@click.argument("name")
@click.argument("email")
@target_options
@as_json
@errors_told
def add_user(target: Targets, name: str, email: str, as_json: bool) -> None:
    """Put a person in a slice."""
    value = {"name": name, "user": email}
    _one_call(target, as_json, "AddPersonToSlice", [email, name], value, f"{email} is in {name}")


@group.command("add-node")
@click.argument("name")
@click.argument("hostnames", nargs=-1, required=True)
@target_options
@as_json
@errors_told
def add_node(target: Targets, name: str, hostnames: tuple[str, ...], as_json: bool) -> None:
    """Put a slice on nodes."""
    said = f"{name} is on {', '.join(hostnames)}"
    value = {"name": name, "nodes": list(hostnames)}
    _one_call(target, as_json, "AddSliceToNodes", [name, list(hostnames)], value, said)


def _one_call(target: Targets, as_json: bool, method: str, arguments: list[Any], value: Any, said: str) -> None:
    async def work(reactor: Any) -> int:
        await authority(target(), reactor).call(method, *arguments)
        Voice(as_json).result(value, [said])
        return 0

    run(work)
