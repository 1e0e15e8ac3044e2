"""``plfed credential``: get credentials from a registry, look into them, hand them on, withdraw them."""

import pathlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import click

from planetlab import certificates, credential_xml, gids, keys
from planetlab.ask import Ask
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, table
from planetlab.credentials import Credential, open_credential, print_time
from planetlab.errors import BadSettings
from planetlab.privileges import OPERATIONS, Privilege
from planetlab.trust import Root, Roots

LARGEST = 1 << 20  # bytes of a credential
DAY = 86_400.0

Path = click.Path(path_type=pathlib.Path, exists=True, dir_okay=False)
out = click.option(
    "--out", type=click.Path(), default="-", help="File to write to; standard output when none is named."
)
own_key = click.option("--key", "key_file", type=Path, required=True, help="Your private key, PEM.")
days = click.option("--days", type=float, default=7.0, show_default=True, help="How long it shall count.")


def registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the registry is, and who answers there."""
    for option in (
        click.option("--registry", envvar="PLFED_REGISTRY", required=True, help="https://HOST:12345/ [PLFED_REGISTRY]"),
        click.option("--ca", type=Path, envvar="PLFED_CA", help="The CA of its server's certificate [PLFED_CA]."),
    ):
        command = option(command)
    return command


@click.group("credential")
def group() -> None:
    """Get credentials, look into them, hand them on and withdraw them."""


@group.command("get")
@click.argument("name")
@click.option("--as", "me", required=True, help="Your own name, like plc.princeton.ann.")
@click.option("--kind", type=click.Choice(["self", "slice", "authority", "user"]), default="slice", show_default=True)
@own_key
@registry_options
@out
@as_json
@errors_told
def get(
    name: str, me: str, kind: str, key_file: pathlib.Path, registry: str, ca: pathlib.Path | None, out: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Get a credential on NAME; with ``--kind self`` the one on yourself. Your key must be registered for you."""
    ask = _asking(registry, ca, key_file, me)

    async def work(reactor: Any) -> int:
        own = await ask.call("GetSelfCredential", None, me, "user")
        text = own if kind == "self" else await ask.call("GetCredential", [own], name, kind)
        _give(text, out, as_json)
        return 0

    run(work)


@group.command("show")
@click.argument("file", type=Path)
@click.option(
    "--root", "roots", type=Path, multiple=True, required=True, help="A trusted root's certificate; may repeat."
)
@as_json
@errors_told
def show(file: pathlib.Path, roots: tuple[pathlib.Path, ...], as_json: bool) -> None:
    """Verify the credential in FILE and tell what it says, the newest delegation first."""
    levels = list(_opened(file, roots).levels)
    told = [
        {
            "owner": str(level.holder.urn),
            "target": str(level.object.urn),
            "privileges": [one.name + ("+" if one.can_delegate else "") for one in level.privileges],
            "expires": print_time(level.expires),
            "digest": level.digest,
        }
        for level in levels
    ]
    rows = [(one["owner"], one["target"], " ".join(one["privileges"]), one["expires"]) for one in told]
    Voice(as_json).result(told, table(rows, ("OWNER", "TARGET", "PRIVILEGES (+: may be handed on)", "EXPIRES")))


@group.command("delegate")
@click.argument("file", type=Path)
@click.option("--to", type=Path, required=True, help="The certificate of who shall have it, with its chain, PEM.")
@click.option("--right", "rights", multiple=True, help="A privilege to hand on; may repeat. All that you may, if none.")
@click.option("--further", is_flag=True, help="Let it be handed on further.")
@click.option(
    "--root", "roots", type=Path, multiple=True, required=True, help="A trusted root's certificate; may repeat."
)
@own_key
@days
@out
@as_json
@errors_told
def delegate(
    file: pathlib.Path, to: pathlib.Path, rights: tuple[str, ...], further: bool, roots: tuple[pathlib.Path, ...],
    key_file: pathlib.Path, days: float, out: str, as_json: bool,
) -> None:  # fmt: skip
    """Hand the credential in FILE on to another, whole or in part."""
    held = _opened(file, roots)
    names = rights or tuple(one.name for one in held.privileges if one.can_delegate)
    unknown = [name for name in names if name not in OPERATIONS]
    if unknown or not names:
        raise BadSettings(f"--right: expected some of {', '.join(OPERATIONS)}, got {', '.join(unknown) or 'none'}")
    until = min(held.expires, time.time() + days * DAY)
    chosen = [Privilege(name, further) for name in names]
    text = credential_xml.delegate(
        file.read_bytes(), gids.read_chain(to.read_bytes()), chosen, until, secrets.token_hex(16), _key(key_file)
    )
    open_credential(text, _trust(roots), time.time())
    _give(text.decode(), out, as_json)


@group.command("speaks-for")
@click.option("--tool", type=Path, required=True, help="The tool's certificate, PEM.")
@click.option("--gid", type=Path, required=True, help="Your own certificate with its chain, PEM.")
@own_key
@days
@out
@as_json
@errors_told
def speaks_for(
    tool: pathlib.Path, gid: pathlib.Path, key_file: pathlib.Path, days: float, out: str, as_json: bool
) -> None:
    """Let a tool call in your name: it sends this beside your credentials, and says so in geni_speaking_for."""
    user, until = gids.read_chain(gid.read_bytes()), time.time() + days * DAY
    text = credential_xml.speaks_for(user, keys.load_public(tool.read_bytes()), until, _key(key_file))
    _give(text.decode(), out, as_json)


@group.command("revoke")
@click.argument("file", type=Path)
@own_key
@registry_options
@as_json
@errors_told
def revoke(file: pathlib.Path, key_file: pathlib.Path, registry: str, ca: pathlib.Path | None, as_json: bool) -> None:
    """Withdraw the credential in FILE at the registry that issued it, with all that was delegated from it."""
    ask = _asking(registry, ca, key_file, "plfed")
    text = file.read_text(encoding="utf-8")

    async def work(reactor: Any) -> int:
        new = await ask.call("RevokeCredential", text)
        said = "counts no more" if new else "had been withdrawn before"
        Voice(as_json).result({"revoked": bool(new)}, [f"{file}: {said}"])
        return 0

    run(work)


def _asking(registry: str, ca: pathlib.Path | None, key_file: pathlib.Path, name: str) -> Ask:
    """The registry, asked under a certificate that the key gives itself for this call."""
    pem = key_file.read_bytes()
    shown = certificates.by_itself(keys.load_private(pem), name, time.time())
    return Ask(registry, ca=str(ca) if ca else None, client_cert=(shown, pem))


def _key(path: pathlib.Path) -> keys.PrivateKey:
    return keys.load_private(path.read_bytes())


def _trust(files: tuple[pathlib.Path, ...]) -> Roots:
    found = [gids.read_chain(path.read_bytes())[0] for path in files]
    roots = tuple(Root(hrn=gid.hrn, gid=gid) for gid in found)
    return Roots(roots)


def _opened(file: pathlib.Path, roots: tuple[pathlib.Path, ...]) -> Credential:
    if file.stat().st_size > LARGEST:
        raise BadSettings(f"{file}: expected at most {LARGEST} bytes")
    return open_credential(file.read_bytes(), _trust(roots), time.time())


def _give(text: str, out: str, as_json: bool) -> None:
    Voice(as_json).paper(text, {"credential": text}, out)
