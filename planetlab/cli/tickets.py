"""``plfed ticket``: fetch a slice's ticket, and bring it to nodes."""

import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import click
from attrs import asdict

from planetlab.ask import Ask
from planetlab.cli.calling import authority
from planetlab.cli.redeem import looked_at, redeem
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Progress, Voice, as_json
from planetlab.cli.target import Target, read_facts, target_options
from planetlab.errors import BadSettings

LARGEST = 1 << 20  # bytes of a ticket
PORT = 814  # where a node's pl_conf takes tickets


@click.group("ticket")
def group() -> None:
    """Fetch tickets and redeem them on nodes."""


@group.command("get")
@click.argument("name")
@click.option("--v4", is_flag=True, help="The OpenPGP form that v4 node managers read, instead of signed XML.")
@click.option("--out", type=click.Path(), default="-", help="File to write to; standard output when none is named.")
@target_options
@as_json
@errors_told
def get(target: Callable[..., Target], name: str, v4: bool, out: str, as_json: bool) -> None:
    """Fetch the signed ticket of slice NAME."""

    async def work(reactor: Any) -> int:
        ticket = await authority(target(), reactor).call("GetSliceTicket" if v4 else "SliceGetTicket", name)
        text = ticket if isinstance(ticket, str) else ticket.data.decode()
        Voice(as_json).paper(text, {"slice": name, "ticket": text}, out)
        return 0

    run(work)


@group.command("redeem")
@click.argument("file", default="-")
@click.option("--node", "nodes", multiple=True, help="A host name, or the address http://HOST:PORT/ of its pl_conf.")
@click.option("--all", "everywhere", is_flag=True, help="Every node of the demo that belongs to --of.")
@click.option("--of", "owner", default="plc", show_default=True, help="With --all: whose nodes.")
@click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json].")
@as_json
@errors_told
def redeem_ticket(
    file: str, nodes: tuple[str, ...], everywhere: bool, owner: str, facts: str | None, as_json: bool
) -> None:
    """Bring the ticket in FILE (or on standard input) to nodes, many at once; ends with 1 unless all gave a sliver."""
    sealed, urls = ticket_bytes(file), addresses(nodes, owner if everywhere else None, facts)

    async def work(reactor: Any) -> int:
        bar = Progress(len(urls))

        def asking(url: str) -> Ask:
            return Ask(url, reactor=reactor)

        outcomes = await redeem(urls, sealed, asking, lambda outcome: bar.step(outcome.node))
        outcomes = await looked_at(outcomes, urls, asking)
        failed = [outcome for outcome in outcomes if not outcome.ok]
        standing = sum(bool(outcome.still) for outcome in outcomes)
        lines = [outcome.line for outcome in outcomes] + [
            f"{len(outcomes) - len(failed)} of {len(outcomes)} gave a sliver"
            + (f"; {standing} of these stand still" if standing else "")
        ]
        Voice(as_json).result([{**asdict(outcome), "ok": outcome.ok} for outcome in outcomes], lines)
        return 1 if failed else 0

    run(work)


def ticket_bytes(file: str) -> bytes:
    """The ticket as fetched: a bare one, or what ``ticket get --json`` printed. Raises `BadSettings`."""
    data = sys.stdin.buffer.read(LARGEST + 1) if file == "-" else pathlib.Path(file).read_bytes()
    if not 0 < len(data) <= LARGEST:
        raise BadSettings(f"{file}: expected a ticket of at most {LARGEST} bytes, got {len(data)}")
    if data.lstrip().startswith(b"{"):
        try:
            return str(json.loads(data)["ticket"]).encode()
        except (ValueError, KeyError, TypeError) as error:
            raise BadSettings(f"{file}: expected what `plfed ticket get --json` prints: {error}") from error
    return data


def addresses(named: tuple[str, ...], owner: str | None, facts: str | None) -> dict[str, str]:
    """Where to bring a ticket, by node. Raises `BadSettings` when nothing is named."""
    known = read_facts(facts)["nodes"] if owner or any("/" not in name for name in named) else {}
    urls = {name: node["pl_conf"] for name, node in known.items() if owner and node["authority"] == owner}
    for name in named:
        urls[name] = name if "/" in name else known[name]["pl_conf"] if name in known else f"http://{name}:{PORT}/"
    if not urls:
        raise BadSettings("no node: name some with --node, or say --all")
    return urls
