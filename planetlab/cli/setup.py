"""``plfed init``, ``up`` and ``node init``: the pieces of a demo for real, one role or all."""

import pathlib
import secrets
import sys
from typing import Any

import click
from twisted.internet.task import deferLater

from planetlab.ask import Ask, Password
from planetlab.cli import answering, papers, place
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY, PLACES_OF_NODE
from planetlab.cli.node import Inside, NodePlace, TrustedRoot
from planetlab.cli.plan import PASSWORD
from planetlab.cli.ports import is_free
from planetlab.cli.processes import Program, Supervisor
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, pasted
from planetlab.errors import BadSettings, Unavailable
from planetlab.names import Hostname, Hrn

LOOPBACK = ("127.", "localhost", "::1")
LOOK_EVERY = 0.5  # seconds
REFRESH_EVERY = 600  # seconds between two looks at each peer, so that new keys are known before old ones are revoked
DEMO = "demo"  # a file that says that a demo made this folder
SERVICES = ("slice_authority", "mgmt_authority", "web", "node_manager", "pl_conf", "auditd")


@click.command("init")
@click.argument("directory", type=click.Path(path_type=pathlib.Path))
@click.option("--hrn", required=True, help="The authority's name: plc, or plc.japan for one below plc.")
@click.option(
    "--parent", help="Folder of the authority above, if it is on this machine; else its address, for the record."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address under which it is called.")
@click.option("--base-port", type=click.IntRange(1, 65_000), default=8443, show_default=True)
@click.option("--admin", default="", metavar="EMAIL", help="The first administrator. [root@HOST]")
@as_json
@errors_told
def init(
    directory: pathlib.Path, hrn: str, parent: str | None, host: str, base_port: int, admin: str, as_json: bool
) -> None:
    """Make an authority in DIRECTORY: keys, certificates, settings, registry. What is there already stays."""
    name, voice = Hrn.parse(hrn), Voice(as_json)
    ports = {place_name: base_port + offset for offset, place_name in enumerate(PLACES_OF_AUTHORITY)}
    there = AuthorityPlace(
        path=directory.resolve(),
        hrn=name,
        name=hrn,
        ports=ports,
        host=host,
        listen=_listen(host),
        refresh_every=REFRESH_EVERY,
    )
    with place.held(there.path):
        made = there.write()
        if not made.gid.exists() and parent is not None and pathlib.Path(parent).is_dir():
            papers.install(made, name, papers.certify(pathlib.Path(parent), made.request.read_bytes()))
        if not (there.path / "slice_authority.toml").exists():
            there.write_settings()
        email, password = (
            admin or f"root@{host if '.' in host and not host[0].isdigit() else 'localhost.localdomain'}",
            "",
        )
        if not there.registry.exists():
            password = secrets.token_urlsafe(12)
            there.found(email, password)
    value: dict[str, Any] = {
        "dir": str(there.path),
        "hrn": hrn,
        "sa": there.url("sa", "SA"),
        "ma": there.url("ma", "MA"),
    }
    value |= {"admin": email, "password": password, "certified": made.gid.exists()}
    voice.result(value, _said(there, made, email, password, parent))


def _said(there: AuthorityPlace, made: papers.Papers, email: str, password: str, parent: str | None) -> list[str]:
    lines = [f"{there.hrn} is in {there.path}"]
    if password:
        lines.append(f"sign in as {email} with {password}   (shown once; change it with UpdatePerson)")
    if not made.gid.exists():
        lines.append(f"{there.hrn} lies below another authority, which must certify it ({parent or 'not named'}):")
        lines.append(f"  here:   {pasted('authority', 'request', there.path)} > request.pem")
        lines.append("  there:  plfed authority certify THEIR-DIR request.pem > chain.pem")
        lines.append(f"  here:   {pasted('authority', 'install', there.path)} chain.pem")
    return [*lines, f"next: {pasted('up', there.path)}"]


def _listen(host: str) -> str:
    return "127.0.0.1" if host.startswith(LOOPBACK) else "0.0.0.0"


@click.command("up")
@click.argument("directory", type=click.Path(path_type=pathlib.Path, exists=True))
@click.option("--only", "only", multiple=True, type=click.Choice(SERVICES), help="Just this service; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Where they answer, once all do, as JSON on standard output.")
@errors_told
def up(directory: pathlib.Path, only: tuple[str, ...], as_json: bool) -> None:
    """Run the services whose settings are in DIRECTORY, in the foreground, each started again if it dies."""
    path, voice = directory.resolve(), Voice(as_json)
    chosen = [name for name in SERVICES if (path / f"{name}.toml").exists() and (not only or name in only)]
    if not chosen:
        raise BadSettings(f"{path}: no settings of a service; make some with `plfed init` or `plfed node init`")
    refuse_demo_passwords(path)

    async def work(reactor: Any) -> int:
        supervisor = Supervisor(reactor, voice.note)
        try:
            for name in chosen:
                supervisor.start(_program(path, name))
            voice.line(f"{', '.join(chosen)} of {path} start; Ctrl-C ends them")
            untold = [answering.where(path, name) for name in chosen]
            while not any(child.given_up for child in supervisor.children.values()):
                if untold and await answering.answers(untold, reactor):
                    lines = answering.lines(path, untold)
                    voice.result(answering.value(path, untold), ("all of them answer", *lines))
                    untold = []
                await deferLater(reactor, LOOK_EVERY)
        finally:
            await supervisor.stop_all()
        return 1

    with place.held(path):
        run(work)


def _program(path: pathlib.Path, name: str) -> Program:
    logs = place.folder(path / "log")
    return Program(
        name, (sys.executable, "-m", name, "--config", str(path / f"{name}.toml"), "--log-json"), logs / f"{name}.log"
    )


def refuse_demo_passwords(path: pathlib.Path) -> None:
    """A folder that a demo made is not served to anybody but this machine: its passwords are known to all."""
    if not (path / DEMO).exists():
        return
    for settings in path.glob("*.toml"):
        for line in settings.read_text().splitlines():
            if "tcp:" in line and not any(f"interface={host}" in line for host in LOOPBACK):
                raise Unavailable(
                    f"{settings} listens beyond loopback, and the persons of a demo have the password {PASSWORD!r}: "
                    "make an authority of your own with `plfed init`"
                )


@click.command("init")
@click.argument("directory", type=click.Path(path_type=pathlib.Path))
@click.option("--ma", required=True, help="Address of the management authority, like https://plc.example/MA/.")
@click.option("--ca", required=True, type=click.Path(path_type=pathlib.Path, exists=True), help="Its CA certificate.")
@click.option(
    "--papers",
    "trusted",
    required=True,
    type=click.Path(path_type=pathlib.Path, exists=True),
    help="Folder with gid.pem, ticket.pub.pem and pgp.pub of the authority whose tickets the node takes.",
)
@click.option("--sa", default="", help="Address of its slice authority, which is polled; empty: tickets are brought.")
@click.option("--hrn", required=True, help="The authority's name.")
@click.option("--hostname", required=True, help="The node's DNS name.")
@click.option("--login-base", required=True, help="The node's site.")
@click.option("--user", required=True, help="Who registers the node: a tech or PI of its site.")
@click.option("--password-file", required=True, type=click.Path(path_type=pathlib.Path, exists=True))
@click.option("--driver", type=click.Choice(["auto", "memory", "container"]), default="auto", show_default=True)
@click.option(
    "--base-port", type=click.IntRange(1, 65_000), default=0, help="Ports from here on, instead of the usual ones."
)
@as_json
@errors_told
def node_init(
    directory: pathlib.Path, ma: str, ca: pathlib.Path, trusted: pathlib.Path, sa: str, hrn: str, hostname: str,
    login_base: str, user: str, password_file: pathlib.Path, driver: str, base_port: int, as_json: bool,
) -> None:  # fmt: skip
    """Register this machine as a node and write its settings in DIRECTORY."""
    authority, host = Hrn.parse(hrn), Hostname.parse(hostname)
    ssh = 22 if is_free(22, "0.0.0.0") else 806  # the second was that of the slices' own sshd
    usual = dict(zip(PLACES_OF_NODE, (814, 815, 812, 33080, 3100, 80, 8814, 8812, 8080, ssh), strict=True))
    chosen = {name: base_port + offset for offset, name in enumerate(PLACES_OF_NODE)} if base_port else usual

    async def work(reactor: Any) -> int:
        auth = Password(user, password_file.read_text().strip())
        ask = Ask(ma, ca=str(ca), auth=auth, reactor=reactor, keyed=True)
        node_id, key = await register(ask, host, login_base)
        root = TrustedRoot(hrn=authority, papers=trusted.absolute(), share=1.0, poll=sa)
        there = NodePlace(
            path=directory.absolute(),
            hostname=host,
            hrn=host.hrn(authority.child(login_base)),
            node_id=node_id,
            key=key,
            ports=chosen,
            roots=(root,),
            driver=driver,
            sliver_net="10.128.0.0/16",
            inside=Inside(),
            address="0.0.0.0",
        )
        there.write()
        value = {"dir": str(there.path), "node_id": node_id, "hostname": hostname}
        Voice(as_json).result(value, [f"{hostname} is node {node_id} of {hrn}; next: {pasted('up', there.path)}"])
        return 0

    with place.held(directory.absolute(), place.PASSAGE):
        run(work)


async def register(ask: Ask, host: Hostname, login_base: str) -> tuple[int, str]:
    """The node's number and key at its authority, which is told of the node if it does not know it."""
    found = await ask.call("GetNodes", {"hostname": str(host)}, ["node_id"])
    node_id: int = found[0]["node_id"] if found else await ask.call("AddNode", login_base, {"hostname": str(host)})
    key = secrets.token_urlsafe(24)
    await ask.call("UpdateNode", node_id, {"key": key})
    return node_id, key
