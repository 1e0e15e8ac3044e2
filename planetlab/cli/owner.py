"""``plfed owner``: a node owner's hand on the node, by its own socket; no authority has to be reachable."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from planetlab.ask import Ask
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, table
from planetlab.cli.target import facts_path, read_facts
from planetlab.errors import BadSettings

SOCKET = "/run/plfed/pl_conf.sock"
MANAGER = "/tmp/nodemanager.api"
MOST_TEXT = 80  # characters of a receipt's text in a line; --json has all
Command = Callable[..., Any]


def _node(command: Command) -> Command:
    where = click.option(
        "--node", "node", default=SOCKET, show_default=True,
        help="The node: its folder, the socket of its pl_conf, or its host name in a demo [PLFED_FACTS].",
    )  # fmt: skip
    return where(as_json(errors_told(command)))


def socket_of(node: str) -> str:
    """The socket of the node that was named by its folder, by the socket itself, or by its name in a demo."""
    path = _path(node)
    return str(path / "pl_conf.sock" if path.is_dir() else path)


def _path(node: str) -> Path:
    path = Path(node)
    if path.exists() or "/" in node or not facts_path(None).exists():
        return path
    known = read_facts(None).get("nodes", {})
    if node not in known:
        raise BadSettings(f"--node {node}: no folder and no socket, and the demo has {', '.join(sorted(known))}")
    return Path(known[node]["nm_socket"]).parent


def _there(socket: str) -> str:
    """The socket, if there is one. Raises `BadSettings`, which says how a node is named."""
    if not os.path.exists(socket):
        raise BadSettings(f"{socket}: no node runs there; say --node with its folder, or in a demo with its host name")
    return socket


def _manager_of(node: str) -> str:
    """The node manager's socket: in the node's folder, else where programs of old look for it."""
    path = _path(node)
    beside = (path if path.is_dir() else path.parent) / "nm.sock"
    return str(beside if beside.exists() else MANAGER)


def _ask(node: str, work: Callable[[Ask], Awaitable[int]]) -> None:
    async def asking(reactor: Any) -> int:
        return await work(Ask(f"unix:{_there(socket_of(node))}", reactor=reactor, tries=1))

    run(asking)


def _change(node: str, as_json: bool, said: str, method: str, *args: Any) -> None:
    """Ask for one change; the answer is how many slivers it reached."""

    async def work(ask: Ask) -> int:
        changed = await ask.call(method, *args)
        Voice(as_json).result({"changed": changed}, [f"{said}; {_slivers(changed)} changed"])
        return 0

    _ask(node, work)


@click.group("owner")
def group() -> None:
    """Rule a node: whom it serves, how much, when, and the pause."""


@group.command()
@_node
def show(node: str, as_json: bool) -> None:
    """The rules in force, and what is here under them."""

    async def work(ask: Ask) -> int:
        policy, wishes = await ask.call("ShowPolicy"), await ask.call("Wishes")
        Voice(as_json).result({"policy": policy, "slivers": wishes}, _shown(policy, wishes))
        return 0

    _ask(node, work)


def _shown(policy: dict[str, Any], wishes: list[dict[str, Any]]) -> list[str]:
    roots = [
        (
            root["hrn"],
            f"{root['share']:.0%}",
            root["max_slivers"],
            root["net_max_rate"] or "-",
            root["poll"] or "push only",
        )
        for root in policy["root"]
    ]
    here = [
        (each["name"], each["authority"], each["source"], _day(each["expires"]), each["rspec"]["net_max_rate"],
         "runs" if each["rspec"]["enabled"] else "stopped")
        for each in wishes
    ]  # fmt: skip
    barred = [*policy["deny"]["authorities"], *policy["deny"]["slices"]]
    return [
        "paused: nothing runs and nothing is admitted" if policy["paused"] else "not paused",
        f"kept for the owner: {policy['reserve']:.0%}; barred: {', '.join(barred) or 'nobody'}",
        "",
        *table(roots, ("authority", "share", "slivers", "kbit/s each", "asked at")),
        "",
        *table(here, ("slice", "authority", "came by", "until", "kbit/s", "now")),
        *[f"calendar: {_window(window)}" for window in policy["calendar"]],
        *([f"reservations: {policy['reservations']}"] if policy["reservations"] != "as told" else []),
    ]


def _slivers(count: int) -> str:
    return "1 sliver" if count == 1 else f"{count} slivers"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if seconds < 2**31 - 1 else "no end"


def _window(window: dict[str, Any]) -> str:
    what = "pause" if window["pause"] else f"at most {window['net_max_rate']} kbit/s each"
    whom = f" for {window['authority']}" if window["authority"] else ""
    return f"{' '.join(window['days'])} {window['start']}-{window['end']} UTC: {what}{whom}"


@group.command()
@click.argument("name")
@_node
def allow(name: str, node: str, as_json: bool) -> None:
    """Let a slice (site_label, * for any text) or an authority in again."""
    _change(node, as_json, f"{name} is allowed", "Allow", name)


@group.command()
@click.argument("name")
@_node
def deny(name: str, node: str, as_json: bool) -> None:
    """Bar a slice (site_label, * for any text) or an authority; what runs of it stops."""
    _change(node, as_json, f"{name} is barred", "Deny", name)


@group.command()
@click.argument("key")
@click.argument("most", type=float)
@click.option("--authority", default="", help="For this authority's slivers only; else for each sliver on the node.")
@_node
def cap(key: str, most: float, authority: str, node: str, as_json: bool) -> None:
    """Set a ceiling by its key in the owner's file, like net_max_rate 2000; 0 takes it away."""
    _change(node, as_json, f"{authority or 'each sliver'}: {key} {most:g}", "Cap", authority, key, most)


@group.command()
@click.option("--days", default="mon,tue,wed,thu,fri,sat,sun", show_default=True, help="Which days.")
@click.option("--from", "start", default="00:00", show_default=True, help="From this time of the day, UTC.")
@click.option("--until", "end", default="24:00", show_default=True, help="Until then; earlier: on the next day.")
@click.option("--pause", is_flag=True, help="Stop every sliver during it.")
@click.option("--rate", default=0, help="kbit/s, the most for each sliver during it.")
@click.option("--authority", default="", help="Only for this authority's slivers.")
@click.option("--clear", is_flag=True, help="Take all times away instead.")
@_node
def calendar(
    days: str, start: str, end: str, pause: bool, rate: int, authority: str, clear: bool, node: str, as_json: bool
) -> None:
    """Add a time of the week with another rule: --pause or --rate."""
    if not (pause or rate or clear):
        raise click.UsageError("say what is to be during that time: --pause, --rate KBIT, or --clear for none at all")
    added = {"days": days.split(","), "start": start, "end": end, "pause": pause, "net_max_rate": rate}

    async def work(ask: Ask) -> int:
        there = [] if clear else (await ask.call("ShowPolicy"))["calendar"]
        windows = [] if clear else [*there, {**added, "authority": authority}]
        changed = await ask.call("Calendar", windows)
        lines = [_window(window) for window in windows] or [f"no times of the week; {_slivers(changed)} changed"]
        Voice(as_json).result({"changed": changed, "calendar": windows}, lines)
        return 0

    _ask(node, work)


@group.command("pause")
@_node
def pause_all(node: str, as_json: bool) -> None:
    """Stop every sliver now, and admit none until `plfed owner resume`."""
    _change(node, as_json, "the node is paused", "Pause")


@group.command()
@_node
def resume(node: str, as_json: bool) -> None:
    """End the pause."""
    _change(node, as_json, "the node is not paused any more", "Resume")


@group.command()
@click.option("--days", default=7.0, show_default=True, help="How far back.")
@click.option("--authority", default="", help="Only what this authority's tickets did.")
@click.option("--sums", is_flag=True, help="How often each authority did what, instead of each deed.")
@_node
def receipts(days: float, authority: str, sums: bool, node: str, as_json: bool) -> None:
    """What was asked of this node, by whom, and what came of it."""

    async def work(ask: Ask) -> int:
        since = datetime.now(UTC).timestamp() - days * 86400.0
        listed = await ask.call("Receipts", since, authority)
        if sums:
            counted = _summed(listed)
            lines = [(each["authority"] or "(nobody known)", each["deed"], each["times"]) for each in counted]
            Voice(as_json).result(counted, table(lines, ("authority", "deed", "times")))
            return 0
        rows = [
            (f"{datetime.fromtimestamp(each['at'], UTC):%m-%d %H:%M:%S}", each["deed"], each["reason"] or "",
             each["slice"], each["authority"], each["source"], _short(each["text"]))
            for each in listed
        ]  # fmt: skip
        Voice(as_json).result(listed, table(rows, ("when", "deed", "reason", "slice", "authority", "by", "more")))
        return 0

    _ask(node, work)


def _short(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _summed(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each authority did what; the owner's own deeds stand under him."""
    who = (
        ("the owner" if each["source"] == "owner" and not each["authority"] else each["authority"]) for each in listed
    )
    times = Counter(zip(who, (each["deed"] for each in listed), strict=True))
    return [{"authority": name, "deed": deed, "times": count} for (name, deed), count in sorted(times.items())]


@group.command()
@click.argument("name", metavar="SLICE")
@_node
def console(name: str, node: str, as_json: bool) -> None:
    """The last words on a sliver's console, as its node manager keeps them."""

    async def asking(reactor: Any) -> int:
        said = await Ask(f"unix:{_manager_of(node)}", reactor=reactor, tries=1).call("GetConsole", name)
        Voice(as_json).result({"slice": name, "console": said}, said.splitlines())
        return 0

    run(asking)
