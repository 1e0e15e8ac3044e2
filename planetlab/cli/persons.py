"""``plfed person``: accounts at an authority, and the keys with which they sign in to slivers."""

import secrets
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import click
from twisted.internet.defer import CancelledError

from planetlab.ask import Ask
from planetlab.cli.calling import authority
from planetlab.cli.run import errors_told, run, told
from planetlab.cli.say import Voice, as_json, table
from planetlab.cli.target import Target, target_options
from planetlab.errors import BadArgument, PlanetLabError, Unavailable

FIELDS = ["person_id", "email", "roles", "enabled", "key_ids", "slice_ids"]
ROLES = ("user", "pi", "tech", "admin")
MOST_KEY = 16_384  # octets
Targets = Callable[..., Target]


@click.group("person")
def group() -> None:
    """List accounts, make one, give it a key."""


@group.command("list")
@target_options
@as_json
@errors_told
def list_persons(target: Targets, as_json: bool) -> None:
    """The persons that the caller may see."""

    async def work(reactor: Any) -> int:
        found = await authority(target(), reactor).call("GetPersons", {"peer_id": None}, FIELDS)
        rows = [
            (p["person_id"], p["email"], " ".join(p["roles"]), "yes" if p["enabled"] else "no", len(p["key_ids"]),
             len(p["slice_ids"]))
            for p in sorted(found, key=lambda person: str(person["email"]))
        ]  # fmt: skip
        Voice(as_json).result(found, table(rows, ("id", "person", "roles", "enabled", "keys", "slices")))
        return 0

    run(work)


@group.command("create")
@click.argument("email")
@click.option("--name", "names", nargs=2, required=True, metavar="FIRST LAST", help="The person's names.")
@click.option("--site", required=True, help="Login base of the site, like princeton.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="May be repeated. [user]")
@click.option("--key", type=click.File("r"), help="The person's public SSH key, like id_ed25519.pub.")
@target_options
@as_json
@errors_told
def create(
    target: Targets, email: str, names: tuple[str, str], site: str, roles: tuple[str, ...], key: TextIO | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make an account at a site and enable it; an administrator does. Its first password is printed, once."""
    chosen, password = roles or ("user",), secrets.token_urlsafe(12)
    fields = {"first_name": names[0], "last_name": names[1], "email": email, "password": password}
    text = _key(key) if key else ""

    async def work(reactor: Any) -> int:
        number = await made(authority(target(), reactor), fields, site, chosen, text)
        value = {"person_id": number, "email": email, "password": password, "roles": list(chosen), "site": site}
        lines = [f"{email} is person {number} of {site}: {', '.join(chosen)}", f"first password: {password}"]
        Voice(as_json).result(value, lines)
        return 0

    run(work)


async def made(ask: Ask, fields: dict[str, str], site: str, roles: Iterable[str], key: str = "") -> int:
    """The number of the account that is made: whole, or not at all. Raises `Unavailable` when half of one is left."""
    number: int = await ask.call("AddPerson", fields)
    try:
        await ask.call("AddPersonToSite", number, site)
        for role in roles:
            await ask.call("AddRoleToPerson", role, number)
        if key:
            await ask.call("AddPersonKey", number, {"key_type": "ssh", "key": key})
        await ask.call("UpdatePerson", number, {"enabled": True})
    except (PlanetLabError, CancelledError) as error:  # Ctrl-C cancels
        try:
            await ask.call("DeletePerson", number)
        except PlanetLabError as again:
            left = f"{fields['email']} is made but not finished ({told(error)}), and still there ({told(again)})"
            raise Unavailable(f"{left}: `plfed api call DeletePerson {number}` deletes it") from again
        raise
    return number


@group.command("add-key")
@click.argument("email")
@click.argument("key", type=click.File("r"))
@target_options
@as_json
@errors_told
def add_key(target: Targets, email: str, key: TextIO, as_json: bool) -> None:
    """Give a person the public SSH key in KEY; it opens the slivers of the person's slices."""
    text = _key(key)

    async def work(reactor: Any) -> int:
        number = await authority(target(), reactor).call("AddPersonKey", email, {"key_type": "ssh", "key": text})
        Voice(as_json).result({"key_id": number, "email": email}, [f"{email} has key {number}"])
        return 0

    run(work)


def _key(file: TextIO) -> str:
    """The key in a file. Raises `BadArgument` for one that must stay at home, or is none."""
    text = file.read(MOST_KEY + 1).strip()
    if "PRIVATE KEY" in text:
        raise BadArgument(f"{file.name} is a private key: name the public one, {file.name}.pub")
    if not text or "\n" in text or len(text) > MOST_KEY:
        raise BadArgument(f"{file.name}: expected one line with a public SSH key, as ssh-keygen writes it to NAME.pub")
    return text
