"""Reaching a node without its system: a packet that asks it to boot, and the power units that can make it.

A power unit that is slow, silent or wrong costs its caller at most ``PATIENCE`` seconds and is told as a text; what the
unit's answer says is never believed beyond "done" or "not done".
"""

import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
from typing import Any

import treq
from attrs import frozen
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.web.http_headers import Headers

from planetlab.errors import Unavailable

log = Logger()

REBOOT_PORT = 664
PACKETS = 10
PATIENCE = 30.0  # seconds
MOST_ANSWER = 64 * 1024  # octets
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})(?::[0-9]{1,5})?", re.ASCII)
REDFISH = {"HPiLO", "DRAC"}
"""Models that speak Redfish (DMTF DSP0266) over https: ``Systems/<port>`` is what hangs on the port."""


@frozen
class Unit:
    """A power unit, and the port of it that a node hangs on."""

    model: str
    host: str
    protocol: str
    username: str
    password: str
    port: int


@frozen
class Power:
    """Sends what makes nodes boot. ``reboot_port`` is where nodes listen."""

    reactor: Any
    reboot_port: int = REBOOT_PORT

    async def wake(self, host: str, payload: bytes) -> int:
        """Send the packet that a node reboots by, ten times; what becomes of them is not known. Always 1.

        ``host`` is an address, or a name that is looked up; where there is none, nothing is sent.
        """
        address = await self._address(host)
        if address is None:
            return 1
        protocol = DatagramProtocol()
        port = self.reactor.listenUDP(0, protocol, interface="::" if ":" in address else "")
        try:
            assert protocol.transport is not None
            for _ in range(PACKETS):
                protocol.transport.write(payload, (address, self.reboot_port))
        finally:
            port.stopListening()
        return 1

    async def _address(self, host: str) -> str | None:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        waiting: Deferred[list[Any]] = deferToThread(socket.getaddrinfo, host, None, type=socket.SOCK_DGRAM)
        try:
            found = await waiting.addTimeout(PATIENCE, self.reactor)
        except (OSError, ValueError, Late) as error:
            log.info("no address of {host} to wake it at: {error}", host=host, error=error)
            return None
        return str(found[0][4][0])

    async def cycle(self, unit: Unit, only_look: bool) -> int | str:
        """Switch what hangs on the unit's port off and on, or only look whether that could be done.

        1, or a text that says what went wrong.
        """
        control = _ipmi if unit.model == "IPMI" else _redfish
        waiting: Deferred[int | str] = ensureDeferred(control(unit, only_look))
        try:
            return await waiting.addTimeout(PATIENCE, self.reactor)
        except Unavailable:
            raise
        except Exception as error:  # every way in which a unit can fail is told, none is ours
            return f"power unit {unit.host}: {type(error).__name__}: {error}"[:300]


def must_be_known(model: str | None) -> str:
    """The model, if there is a control for it here. Raises `Unavailable`."""
    if model == "IPMI":
        if shutil.which("ipmitool") is None:
            raise Unavailable("ipmitool is not installed here; the operator must install the package ipmitool")
    elif model not in REDFISH:
        raise Unavailable(
            f"no control for power units of model {model!r}; known are IPMI, {', '.join(sorted(REDFISH))}"
        )
    return model


async def _redfish(unit: Unit, only_look: bool) -> int | str:
    scheme = "http" if unit.protocol == "http" else "https"
    system = f"{scheme}://{_authority(unit.host)}/redfish/v1/Systems/{unit.port}"
    more: dict[str, Any] = {
        "auth": (unit.username, unit.password),
        "timeout": PATIENCE,
        "allow_redirects": False,
        "persistent": False,
    }
    if only_look:
        response = await treq.get(system, **more)
    else:
        url = f"{system}/Actions/ComputerSystem.Reset"
        body = json.dumps({"ResetType": "ForceRestart"}).encode()
        response = await treq.post(url, data=body, headers=Headers({b"Content-Type": [b"application/json"]}), **more)
    collected: list[bytes] = []
    await treq.collect(response, lambda data: collected.append(data[:MOST_ANSWER]) if len(collected) < 64 else None)
    if response.code in (200, 202, 204):
        return 1
    return f"power unit {unit.host} answered HTTP {response.code}"


def _authority(host: str) -> str:
    """A host as it stands in a URL: an address, or a name, perhaps with a port. Raises `ValueError`."""
    if _HOST.fullmatch(host):
        return host
    return f"[{ipaddress.IPv6Address(host)}]"


async def _ipmi(unit: Unit, only_look: bool) -> int | str:
    verb = "status" if only_look else "cycle"
    words = ["ipmitool", "-I", "lanplus", "-H", unit.host, "-U", unit.username, "-E", "-N", "2", "-R", "2"]
    done: subprocess.CompletedProcess[bytes] = await deferToThread(
        subprocess.run,
        [*words, "chassis", "power", verb],
        env={"PATH": os.environ.get("PATH", ""), "IPMI_PASSWORD": unit.password},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 0:
        return 1
    return f"power unit {unit.host}: " + " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
