"""The three ports of 2003 on a node, off unless its settings say otherwise: plain calls, calls by key, a page."""

import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request

from pl_conf.agents import Agent
from pl_conf.leases import PLAIN, PRIVATE, TAKES, Leases
from pl_conf.redeem import Redeemer
from pl_conf.settings import Dslice
from planetlab import keys, tls
from planetlab.dslice_ports import MOST_TEXT, Calls, required_client
from planetlab.errors import BadArgument, BadSettings
from planetlab.launch import Running
from planetlab.limits import Limits, hardened_site


class Status(Resource):
    """The page of the third port: which slices have leases here."""

    isLeaf = True

    def __init__(self, leases: Leases) -> None:
        super().__init__()
        self._leases = leases

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        names = sorted(lease.slice for lease in self._leases.running())
        rows = "".join(f"<li>{html.escape(name)}</li>" for name in names)
        title = html.escape(f"Leases on {self._leases.ip}")
        return f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1><ul>{rows}</ul>\n".encode()


async def serve(
    running: Running[Any], said: Dslice, place: Path, redeemer: Redeemer, agents: Callable[[], tuple[Agent, ...]]
) -> None:
    """Listen where ``said`` says; ``place`` is where relative paths begin. Raises `PlanetLabError`, one line."""
    leases = Leases(said.ip, lease_key(place / said.key), redeemer, agents)
    secure = None
    if said.private:
        secure = required_client(place / said.certificate, place / said.private_key, place / said.clients)
    plain = {name: getattr(leases, name) for name in PLAIN}
    private = {name: getattr(leases, name) for name in PRIVATE}
    pages: tuple[tuple[str, Resource, tls.ServerTLS | None], ...] = (
        (said.plain, Calls(plain, TAKES, by_key=False), None),
        (said.private, Calls(private, TAKES, by_key=True), secure),
        (said.status, Status(leases), None),
    )
    for where, page, options in pages:
        if where:
            await running.listen(where, hardened_site(page, running.reactor, Limits(body=4 * MOST_TEXT)), options)


def lease_key(path: Path) -> keys.PrivateKey:
    """The key that signs leases, made at the first start. Raises `BadSettings`."""
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(keys.private_pem(keys.new_rsa()))
        return keys.load_private(path.read_bytes())
    except (OSError, ValueError, BadArgument) as error:
        raise BadSettings(f"{path}: the key that signs leases cannot be read: {error}") from error
