"""Two PLCs that know each other: real files, real servers over TLS on loopback, real OpenPGP keys."""

import functools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from planetlab import ask, openpgp, tls
from planetlab.auth import Password
from planetlab.both.desk import Desk
from planetlab.both.founding import found
from planetlab.both.greeting import Greeter
from planetlab.both.peering import Peering
from planetlab.clock import SetClock
from planetlab.limits import BULK, hardened_site
from planetlab.methods import unite
from planetlab.names import Hrn
from planetlab.registry.plc import Plc
from planetlab.serve import ApiResource, address_of, listen, mount
from slice_authority import service as sa
from tests.registry.world import whole

NOW = 1_700_000_000.0


@functools.cache
def certificates(hrn: str) -> tuple[tls.Pair, tls.Pair]:
    """A PLC's CA and the certificate of its server."""
    ca = tls.make_ca(Hrn.parse(hrn), NOW, life=30 * 365 * tls.DAY)
    return ca, tls.issue(ca, ["127.0.0.1"], NOW, life=29 * 365 * tls.DAY)


@functools.cache
def key(hrn: str) -> bytes:
    """A PLC's OpenPGP key."""
    return openpgp.new_key(f"{hrn} <root@{hrn}.example>")


class Installation:
    """One PLC that serves its API; ``call`` goes the whole way over HTTPS as its administrator."""

    def __init__(self, hrn: str, folder: Path, clock: SetClock) -> None:
        self.hrn, self.name, self.path = hrn, f"PlanetLab {hrn}", str(folder / f"{hrn}.db")
        self.ca, self.server = certificates(hrn)
        self.peering = Peering(self.name, key(hrn), self.path, reactor)
        plc = Plc(hrn=Hrn.parse(hrn), name=self.name, slice_prefix=hrn, peers=self.peering)
        if hrn in _KEPT:
            Path(self.path).write_bytes(_KEPT[hrn])
        else:
            found(self.path, plc, f"root@{hrn}.example", "root's own", NOW)
        self.desk = Desk(self.path, "slice", plc, Greeter(), clock, reactor)
        self.nodes = Desk(self.path, "management", plc, Greeter(), clock, reactor)
        self.peering.desk = self.desk

    async def start(self) -> None:
        """Serve, at any port."""
        own = {name for api in (sa.api, sa.old) for name in api}

        def desk(name: str) -> Desk:
            return self.desk if name in own else self.nodes

        def greet(method: Any, args: Any, request: Any) -> Any:
            return desk(method.name).greet(method, args, address_of(request))

        def run(method: Any, thunk: Any) -> Any:
            return desk(method.name).run_written(method, thunk)

        for each in (self.desk, self.nodes):
            each.start()
        self.site = hardened_site(
            mount({"PLCAPI": ApiResource(unite(whole), greet, run=run, limits=BULK)}), reactor, BULK
        )
        creator = tls.server_options(self.server.certificate_pem, self.server.key_pem)
        self.port = await ensureDeferred(listen(reactor, "tcp:0:interface=127.0.0.1", self.site, creator))
        self.url = f"https://127.0.0.1:{self.port.getHost().port}/PLCAPI/"
        auth = Password(f"root@{self.hrn}.example", "root's own")
        self.ask = ask.Ask(self.url, ca=self.ca.certificate_pem, auth=auth, reactor=reactor, timeout=120.0)

    async def stop(self) -> None:
        """Serve no more, and close the file."""
        await self.port.stopListening()
        done = self.site.drain()
        self.site.abort()
        await done
        for each in (self.desk, self.nodes):
            each.stop()

    async def call(self, name: str, *args: Any) -> Any:
        """What a method answers to the administrator."""
        return await self.ask.call(name, *args)

    async def meet(self, other: "Installation") -> int:
        """Make ``other`` known as a peer."""
        said = {
            "peername": other.name,
            "peer_url": other.url,
            "key": openpgp.public(key(other.hrn)).decode(),
            "cacert": other.ca.certificate_pem.decode(),
            "shortname": other.hrn.upper(),
            "hrn_root": other.hrn,
        }
        number = await self.call("AddPeer", said)
        assert isinstance(number, int)
        return number

    async def refresh(self, other: "Installation") -> dict[str, float]:
        """Take over ``other``'s objects."""
        said = await self.call("RefreshPeer", other.name)
        assert isinstance(said, dict)
        return said

    async def populate(self, login_base: str) -> dict[str, int]:
        """A site with a node, an enabled person with a key, and a slice on the node that the person is in."""
        site = {"name": login_base, "abbreviated_name": login_base, "login_base": login_base, "max_slices": 9}
        made = {"site": await self.call("AddSite", site)}
        person = {"email": f"pi@{login_base}.example", "first_name": "P", "last_name": "I", "password": "pi's own"}
        made["person"] = await self.call("AddPerson", person)
        await self.call("UpdatePerson", made["person"], {"enabled": True})
        await self.call("AddRoleToPerson", "pi", made["person"])
        await self.call("AddPersonToSite", made["person"], login_base)
        material = f"ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA pi@{login_base}.example"
        made["key"] = await self.call("AddPersonKey", made["person"], {"key_type": "ssh", "key": material})
        made["node"] = await self.call("AddNode", login_base, {"hostname": f"n1.{login_base}.example"})
        made["slice"] = await self.call(
            "AddSlice", {"name": f"{login_base}_one", "url": "http://x/", "description": "d"}
        )
        await self.call("AddPersonToSlice", made["person"], made["slice"])
        await self.call("AddSliceToNodes", made["slice"], [made["node"]])
        return made

    async def one(self, plural: str, said: Any, *fields: str) -> dict[str, Any]:
        """One row as the administrator sees it."""
        rows = await self.call(f"Get{plural}", said, *([list(fields)] if fields else []))
        assert len(rows) == 1, rows
        row: dict[str, Any] = rows[0]
        return row


_KEPT: dict[str, bytes] = {}
"""Registries as they are once two PLCs know each other, by name: making them takes slow passwords."""


class Federated(TestCase):
    """Two PLCs, ``plc`` and ``epfl``, that know each other; a site, person, node and slice at each."""

    timeout = 60

    async def setUp(self) -> None:
        self.clock = SetClock(NOW)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.plc, self.epfl = (Installation(hrn, folder, self.clock) for hrn in ("plc", "epfl"))
        for each in (self.plc, self.epfl):
            await each.start()
        if _KEPT:
            for one, other in ((self.plc, self.epfl), (self.epfl, self.plc)):
                await one.call("UpdatePeer", 1, {"peer_url": other.url})
        else:
            await self.begin()
        self.us = self.them = {"site": 2, "person": 3, "key": 1, "node": 1, "slice": 1}
        self.peer_id = 1

    async def begin(self) -> None:
        """Fill both registries, and keep them for the next tests."""
        await self.plc.populate("princeton")
        await self.epfl.populate("lausanne")
        await self.plc.meet(self.epfl)
        await self.epfl.meet(self.plc)
        for each in (self.plc, self.epfl):
            copy = Path(f"{each.path}.copy")
            with closing(sqlite3.connect(each.path)) as connection:
                connection.execute("VACUUM INTO ?", [str(copy)])
            _KEPT[each.hrn] = copy.read_bytes()

    async def tearDown(self) -> None:
        await ensureDeferred(ask.close(reactor))
        for each in (self.plc, self.epfl):
            await each.stop()

    async def refused(self, work: Any, *kinds: type[Exception]) -> Any:
        """The error that ``work`` ends with."""
        try:
            value = await work
        except kinds as error:
            return error
        raise self.failureException(f"not refused but answered {value!r}")
