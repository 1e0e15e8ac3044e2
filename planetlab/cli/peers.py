"""``plfed peer``: make other authorities known, look at them, compare, refresh, suspend, resume, remove."""

import sys
from collections.abc import Callable
from typing import Any

import click

from planetlab import dsse, statements, voice
from planetlab.cli.calling import authority
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, fields, table
from planetlab.cli.target import Target, target_options
from planetlab.errors import BadArgument

Targets = Callable[..., Target]
MOST_SENT = 2 << 20  # octets of a statement
AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@click.group("peer")
def group() -> None:
    """Other authorities that this one knows; of a demo the administrator calls."""


@group.command("invite")
@target_options
@as_json
@errors_told
def invite(target: Targets, as_json: bool) -> None:
    """Print this authority's signed statement, to be sent to another operator, and the words to read to him."""

    async def work(reactor: Any) -> int:
        said = await authority(target(), reactor).call("GetInvitation")
        note = f"Send this to the other operator, and read him these words: {said['words']}"
        Voice(as_json).note(note)
        Voice(as_json).result(said, [said["statement"].rstrip("\n")])
        return 0

    run(work)


@group.command("accept")
@click.argument("statement", type=click.File("rb"))
@click.option("--words", help="The eight words that its operator reads out; else they are shown and asked for.")
@click.option("--by-chain", is_flag=True, help="It lies below an authority that is known: its certificate is enough.")
@target_options
@as_json
@errors_told
def accept(target: Targets, statement: Any, words: str | None, by_chain: bool, as_json: bool) -> None:
    """Make the authority known that signed STATEMENT, once its operator has read out the same words."""
    sealed = statement.read(MOST_SENT)
    said = statements.read(dsse.read(sealed, MOST_SENT))
    own = voice.words(said.fingerprint)
    if not by_chain and words is None:
        if not sys.stdin.isatty():
            raise BadArgument(f"say --words with what the operator of {said.hrn} reads out, or --by-chain")
        click.echo(f"{said.hrn} ({said.name}) says of itself: {own}", err=True)
        words = own if click.confirm("Has its operator read out the same words?", err=True) else ""
        if not words:
            raise BadArgument(f"{said.hrn} is not accepted: somebody else may have written this statement")

    async def work(reactor: Any) -> int:
        number = await authority(target(), reactor).call("AcceptPeer", sealed.decode(), "" if by_chain else words)
        value = {"peer_id": number, "hrn": str(said.hrn), "name": said.name}
        Voice(as_json).result(value, [f"{said.hrn} is peer {number}; next: plfed peer diff {said.hrn}"])
        return 0

    run(work)


@group.command("list")
@target_options
@as_json
@errors_told
def list_peers(target: Targets, as_json: bool) -> None:
    """Every peer: what kind, whether it counts, how old its last good word is, and what is wrong."""

    async def work(reactor: Any) -> int:
        rows = await authority(target(), reactor).call("GetPeerBooks")
        shown = [
            (row["hrn_root"] or row["peername"], row["kind"], row["state"], _age(row["age"]), _age(row["objects_age"]),
             sum(row["objects"].values()), row["alarm"][:60] or row["trouble"][:60])
            for row in rows
        ]  # fmt: skip
        head = ("peer", "kind", "state", "statement", "objects", "count", "trouble")
        Voice(as_json).result(rows, table(sorted(shown), head))
        return 0

    run(work)


@group.command("show")
@click.argument("peer")
@target_options
@as_json
@errors_told
def show(target: Targets, peer: str, as_json: bool) -> None:
    """Everything that is known of one peer, with the words of its fingerprint."""

    async def work(reactor: Any) -> int:
        rows = await authority(target(), reactor).call("GetPeerBooks")
        found = [row for row in rows if peer in (row["hrn_root"], row["peername"], str(row["peer_id"]))]
        if not found:
            raise BadArgument(f"{peer}: there is no such peer; `plfed peer list` has those there are")
        Voice(as_json).result(found[0], fields(found[0]))
        return 0

    run(work)


@group.command("diff")
@click.argument("peer")
@target_options
@as_json
@errors_told
def diff(target: Targets, peer: str, as_json: bool) -> None:
    """Ask a peer, and say what a refresh would change; nothing is changed."""

    async def work(reactor: Any) -> int:
        said = await authority(target(), reactor).call("DiffPeer", _key(peer))
        rows = [(noun, *(each[name] for name in COLUMNS)) for noun, each in said["objects"].items()]
        lines = table(rows, ("objects", *COLUMNS))
        lines.append(f"links: {said['links']['new']} new, {said['links']['gone']} gone")
        if said["held_back"]:
            lines.append(f"held back: {said['held_back']} deletions, more than half; they are done if it says so twice")
        lines += [f"skipped: {text}" for text in said["skipped"]]
        Voice(as_json).result(said, lines)
        return 0

    run(work)


COLUMNS = ("held", "new", "changed", "gone")


@group.command("refresh")
@click.argument("peer")
@target_options
@as_json
@errors_told
def refresh(target: Targets, peer: str, as_json: bool) -> None:
    """Take over what a peer says, now."""

    async def work(reactor: Any) -> int:
        ask = authority(target(), reactor)
        said = await ask.call("RefreshPeer", await _number(ask, peer))
        Voice(as_json).result(said, [f"{peer} is refreshed, in {sum(said.values()):.2f} s"])
        return 0

    run(work)


@group.command("find")
@click.argument("hrn")
@target_options
@as_json
@errors_told
def find(target: Targets, hrn: str, as_json: bool) -> None:
    """Who answers for a name, asked along the hierarchy from the authority that is called."""

    async def work(reactor: Any) -> int:
        said = await authority(target(), reactor).call("FindAuthority", hrn, [])
        way = " -> ".join(said["visited"])
        Voice(as_json).result(said, [f"{hrn} is {said['hrn']}'s to answer for (asked: {way})"])
        return 0

    run(work)


@group.command("suspend")
@click.argument("peer")
@target_options
@as_json
@errors_told
def suspend(target: Targets, peer: str, as_json: bool) -> None:
    """Let nothing of a peer count until it is resumed; nodes refuse its tickets within one poll."""
    _one_call(target, as_json, "SuspendPeer", peer, "suspended")


@group.command("resume")
@click.argument("peer")
@target_options
@as_json
@errors_told
def resume(target: Targets, peer: str, as_json: bool) -> None:
    """Let a peer count again; its alarm is taken as seen."""
    _one_call(target, as_json, "ResumePeer", peer, "active")


@group.command("remove")
@click.argument("peer")
@target_options
@as_json
@errors_told
def remove(target: Targets, peer: str, as_json: bool) -> None:
    """Forget a peer, with everything that came from it."""

    async def work(reactor: Any) -> int:
        ask = authority(target(), reactor)
        await ask.call("DeletePeer", await _number(ask, peer))
        Voice(as_json).result({"peer": peer, "state": "removed"}, [f"{peer} is removed, with all that came from it"])
        return 0

    run(work)


def _one_call(target: Targets, as_json: bool, method: str, peer: str, state: str) -> None:
    async def work(reactor: Any) -> int:
        await authority(target(), reactor).call(method, _key(peer))
        Voice(as_json).result({"peer": peer, "state": state}, [f"{peer} is {state}"])
        return 0

    run(work)


def _key(peer: str) -> int | str:
    return int(peer) if peer.isdecimal() else peer


async def _number(ask: Any, peer: str) -> int:
    """A peer's number, by its name in the federation, its name here, or the number."""
    for row in await ask.call("GetPeers", {}, ["peer_id", "peername", "hrn_root"]):
        if peer in (row["hrn_root"], row["peername"], str(row["peer_id"])):
            return int(row["peer_id"])
    raise BadArgument(f"{peer}: there is no such peer; `plfed peer list` has those there are")


def _age(seconds: int) -> str:
    if seconds < 0:
        return "never"
    size, unit = next(((size, unit) for size, unit in AGES if seconds >= size), AGES[-1])
    return f"{seconds // size} {unit}"


def _by_administrators() -> None:
    """All of this is an administrator's to do, so of a demo's persons that one calls unless another is named."""
    for command in group.commands.values():
        for option in command.params:
            if option.name == "person":
                option.default = "admin"


_by_administrators()
