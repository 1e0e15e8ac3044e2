"""``plfed authority``: ask for a certificate, give, renew, revoke and list them; let keys take each other's places."""

import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from planetlab import voice
from planetlab.authority import book as books
from planetlab.authority import certifying, rotating, speaking
from planetlab.authority.book import Certified, Held
from planetlab.cli import papers
from planetlab.cli.run import errors_told
from planetlab.cli.say import Voice, as_json, day, pasted, table
from planetlab.names import Hrn

folder = click.argument("directory", type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False))
use = click.option(
    "--use", type=click.Choice(rotating.USES), default="ticket", show_default=True, help="What the key is for."
)
MOST_CHAIN = 200_000  # bytes


@click.group("authority")
def group() -> None:
    """Authorities below this one, and this one's own keys."""


@group.command("request")
@folder
@as_json
@errors_told
def request(directory: pathlib.Path, as_json: bool) -> None:
    """Print what the authority above needs to certify the one in DIRECTORY."""
    asked = certifying.request(directory).decode()
    Voice(as_json).paper(asked, {"hrn": str(books.name_of(directory)), "request": asked})


@group.command("certify")
@folder
@click.argument("request", type=click.File("rb"))
@as_json
@errors_told
def certify(directory: pathlib.Path, request: Any, as_json: bool) -> None:
    """Certify the authority that sent REQUEST, below the one in DIRECTORY; prints the chain."""
    _chain(certifying.certify, directory, request, as_json)


@group.command("renew")
@folder
@click.argument("request", type=click.File("rb"))
@as_json
@errors_told
def renew(directory: pathlib.Path, request: Any, as_json: bool) -> None:
    """Give an authority that is certified a new certificate, for its key or for the one that it has prepared."""
    _chain(certifying.renew, directory, request, as_json)


@group.command("install")
@folder
@click.argument("chain", type=click.File("rb"))
@as_json
@errors_told
def install(directory: pathlib.Path, chain: Any, as_json: bool) -> None:
    """Take the chain that the authority above gave for the one in DIRECTORY."""
    hrn = books.name_of(directory)
    papers.install(papers.Papers(directory.absolute()), hrn, chain.read(MOST_CHAIN))
    said = f"{hrn} is certified; next: {pasted('up', directory)}"
    Voice(as_json).result({"hrn": str(hrn), "certified": True}, [said])


@group.command("revoke")
@folder
@click.argument("hrn")
@click.option("--key", default="", help="Only the key whose fingerprint begins so.")
@click.option("--why", required=True, help="The reason, which is published.")
@as_json
@errors_told
def revoke(directory: pathlib.Path, hrn: str, key: str, why: str, as_json: bool) -> None:
    """Revoke the certificate of HRN, an authority below; who follows this one's statements refuses it."""
    hit = certifying.revoke(directory, Hrn.parse(hrn), time.time(), why, key)
    value = [_certified(each, time.time()) for each in hit]
    Voice(as_json).result(value, [f"{each.hrn}: key {each.key[:16]} is revoked" for each in hit])


@group.command("list")
@folder
@as_json
@errors_told
def list_all(directory: pathlib.Path, as_json: bool) -> None:
    """Show whom the authority in DIRECTORY has certified, its own keys, and the words of its fingerprint."""
    book, now = books.load(directory), time.time()
    said = speaking.Voice(directory).statement(now)
    value: dict[str, Any] = {
        "hrn": str(said.hrn),
        "turn": book.turn,
        "fingerprint": said.fingerprint,
        "words": voice.words(said.fingerprint),
        "certified": [_certified(each, now) for each in book.certified],
        "keys": [_held(each) for each in book.held],
        "revoked": [{"hrn": each.hrn, "key": each.key, "at": each.at, "why": each.why} for each in book.revoked],
    }
    lines = [f"{said.hrn}, turn {book.turn}: {voice.words(said.fingerprint)}", ""]
    rows = [(each["hrn"], each["state"], each["key"][:16], day(each["expires"])) for each in value["certified"]]
    lines += table(rows, ("certified", "state", "key", "expires"))
    lines += ["", *table([(one.use, one.state, one.key[:16]) for one in book.held], ("own key", "state", "key"))]
    Voice(as_json).result(value, lines)


@group.command("invitation")
@folder
@as_json
@errors_told
def invitation(directory: pathlib.Path, as_json: bool) -> None:
    """Print the signed statement of the authority in DIRECTORY, for operators of others."""
    sealed = speaking.Voice(directory).invitation(time.time()).decode()
    words = voice.words(speaking.Voice(directory).statement(time.time()).fingerprint)
    if not as_json:
        print(f"Read these words to the other operator: {words}", file=sys.stderr)
    Voice(as_json).paper(sealed, {"statement": sealed, "words": words})


@group.group("key")
def key_group() -> None:
    """Let a new key take over: prepare, activate, taint, revoke."""


@key_group.command("prepare")
@folder
@use
@as_json
@errors_told
def prepare(directory: pathlib.Path, use: str, as_json: bool) -> None:
    """Make the next key and let everybody know it; it does not sign yet."""
    held = rotating.prepare(directory, use, time.time())
    if held is None:
        said = f"plfed authority request {directory} > request; above: plfed authority renew THEIR-DIR request"
        Voice(as_json).result({"use": use, "state": "requested"}, [f"the authority above must certify it: {said}"])
        return
    _step(held, as_json)


@key_group.command("activate")
@folder
@use
@as_json
@errors_told
def activate(directory: pathlib.Path, use: str, as_json: bool) -> None:
    """Let the prepared key sign from now on; the one before is believed on."""
    _step(rotating.activate(directory, use, time.time()), as_json)


@key_group.command("taint")
@folder
@use
@as_json
@errors_told
def taint(directory: pathlib.Path, use: str, as_json: bool) -> None:
    """Say of the retiring key that what it signed must be replaced."""
    _step(rotating.taint(directory, use, time.time()), as_json)


@key_group.command("revoke")
@folder
@use
@click.option("--key", default="", help="The key whose fingerprint begins so; else the tainted one.")
@click.option("--why", required=True, help="The reason, which is published.")
@as_json
@errors_told
def revoke_key(directory: pathlib.Path, use: str, key: str, why: str, as_json: bool) -> None:
    """Let a key that another has replaced count no more, and destroy its secret."""
    held = rotating.revoke(directory, use, time.time(), why, key)
    said = f"{use} key {held.key[:16]} is revoked"
    Voice(as_json).result({**_held(held), "state": "revoked"}, [said])


def _chain(
    issue: Callable[[pathlib.Path, bytes, float], bytes], directory: pathlib.Path, request: Any, as_json: bool
) -> None:
    chain = issue(directory, request.read(certifying.MOST_REQUEST), time.time()).decode()
    Voice(as_json).paper(chain, {"chain": chain})


def _step(held: Held, as_json: bool) -> None:
    Voice(as_json).result(_held(held), [f"{held.use} key {held.key[:16]} is {held.state}"])


def _held(one: Held) -> dict[str, Any]:
    return {"use": one.use, "state": one.state, "key": one.key, "pgp": one.pgp, "since": one.since}


def _certified(one: Certified, now: float) -> dict[str, Any]:
    state = "revoked" if one.revoked else "in force" if one.counts(now) else "over"
    return {"hrn": one.hrn, "key": one.key, "serial": one.serial, "issued": one.issued, "expires": one.expires,
            "state": state, "why": one.why}  # fmt: skip
