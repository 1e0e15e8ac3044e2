"""Where the services of a folder answer, read out of their settings: what `plfed up` tells once they do."""

import pathlib
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from attrs import frozen
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol

from planetlab.cli.say import pasted
from planetlab.errors import BadSettings

WAYS = {
    "slice_authority": "https://{host}:{port}/PLCAPI/",
    "mgmt_authority": "https://{host}:{port}/PLCAPI/",
    "web": "http://{host}:{port}/",
    "pl_conf": "http://{host}:{port}/",
    "auditd": "http://{host}:{port}/",
}
OPERATORS = ("operator", "operator_listen", "listen_operator")
ENDPOINT = re.compile(r"tcp:(?:port=)?(\d+)(?::.*?interface=([^:]+))?")
NAMES = ("web_host", "hostname", "node")  # settings that say under which name a service is called
LOOPBACK, EVERYWHERE = "127.0.0.1", ("", "0.0.0.0")
WITHIN = 60  # seconds for one connection; loopback takes or refuses it at once, unless the machine is very busy


@frozen
class Where:
    """One service: its address for those whom it serves, and its operator's port, which shows health and figures."""

    name: str
    address: str
    ports: tuple[tuple[str, int], ...]  # interface and number; all are open once the service has begun
    operator: tuple[str, int] | None


def where(path: pathlib.Path, name: str) -> Where:
    """Where the service with the settings ``path/name.toml`` answers. Raises `BadSettings` when they are no TOML."""
    file = path / f"{name}.toml"
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{file}: {error}") from error
    listen = said.get("listen", [])
    main = _place(str(listen[0])) if isinstance(listen, list) and listen else None
    operator = _place(next((str(said[key]) for key in OPERATORS if said.get(key)), ""))
    host = next((str(said[key]) for key in NAMES if said.get(key)), main[0] if main else "127.0.0.1")
    address = WAYS[name].format(host=host, port=main[1]) if main and name in WAYS else str(said.get("socket", ""))
    return Where(name, address, tuple(each for each in (main, operator) if each), operator)


def _place(endpoint: str) -> tuple[str, int] | None:
    """Interface and port of a Twisted endpoint; one that listens everywhere is reached on loopback too."""
    found = ENDPOINT.match(endpoint)
    host = (found and found[2]) or LOOPBACK
    return (LOOPBACK if host in EVERYWHERE else host, int(found[1])) if found else None


async def answers(services: Iterable[Where], reactor: Any) -> bool:
    """Whether every service takes connections at its ports."""
    for host, port in (port for each in services for port in each.ports):
        try:
            endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=WITHIN)
            connection: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        except ConnectError:
            return False
        connection.transport.abortConnection()
    return True


def lines(path: pathlib.Path, services: list[Where]) -> list[str]:
    """Addresses, logs, and what to do next, for whoever started them."""
    wide = max(len(each.address) for each in services)
    said = []
    for each in services:
        health = f"health: {_operator(each)}/healthz, figures: /metrics" if each.operator else ""
        said.append(f"  {each.name:<16}{each.address:<{wide}}  {health}".rstrip())
    said.append(f"  logs in {path / 'log'}")
    if any(each.name == "slice_authority" for each in services):
        said.append(f"next: {pasted('node', 'list', '--dir', path)}   (--dir: as its operator)")
    elif any(each.name == "pl_conf" for each in services):
        said.append(f"next: {pasted('owner', 'show', '--node', path)}")
    return said


def value(path: pathlib.Path, services: list[Where]) -> dict[str, Any]:
    """The same for programs: an address of health and one of figures are empty where there is no operator's port."""
    told = []
    for each in services:
        base, log = _operator(each), str(path / "log" / f"{each.name}.log")
        shown = {"health": base and f"{base}/healthz", "metrics": base and f"{base}/metrics"}
        told.append({"name": each.name, "address": each.address, **shown, "log": log})
    return {"dir": str(path), "services": told}


def _operator(each: Where) -> str:
    return f"http://{each.operator[0]}:{each.operator[1]}" if each.operator else ""
