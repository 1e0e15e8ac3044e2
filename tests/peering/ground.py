"""Authorities as `plfed init` makes them, served in this process over TLS; and peers that are only signed files."""

import functools
import hashlib
import json
import shutil
import sqlite3
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mgmt_authority import service as ma
from mgmt_authority.settings import Settings as MaSettings
from planetlab import ask, dsse, gids, keys, settings, statements, voice
from planetlab.auth import Password
from planetlab.cli import papers
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.clock import SetClock
from planetlab.launch import Running
from planetlab.names import Hrn
from planetlab.statements import Key, Statement, View
from slice_authority import federation
from slice_authority import service as sa
from slice_authority.settings import Settings as SaSettings
from tests.ports import free_port

PASSWORD = "root's own"
DAY = 86400.0


@functools.cache
def founded(hrn: str) -> Path:
    """An authority's folder with its papers and its first rows, made once: keys and passwords take long."""
    path = Path(tempfile.mkdtemp(prefix="plfed-peering-")) / hrn
    name = Hrn.parse(hrn)
    there = AuthorityPlace(path=path, hrn=name, name=f"PlanetLab {hrn}", ports=dict.fromkeys(PLACES_OF_AUTHORITY, 1))
    made = there.write()
    if not made.gid.exists():
        papers.install(made, name, papers.certify(founded(str(name.authority)), made.request.read_bytes()))
    there.found(f"root@{name.leaf}.example", PASSWORD)
    return path


class Served:
    """One authority that runs here: both halves, each on a port of its own, called as its administrator."""

    def __init__(self, hrn: str, base: Path, clock: SetClock) -> None:
        self.hrn, self.clock, self.running = Hrn.parse(hrn), clock, []
        path = base / hrn
        shutil.copytree(founded(hrn), path)
        numbers = {which: free_port() for which in PLACES_OF_AUTHORITY}
        self.place = AuthorityPlace(path=path, hrn=self.hrn, name=f"PlanetLab {hrn}", ports=numbers)
        self.place.write_settings()
        self.path = path
        if self.hrn in _POPULATED:
            (path / "registry.db").write_bytes(_POPULATED[self.hrn])

    def copy(self) -> bytes:
        """Its registry as it is now."""
        aside = self.path / "registry.copy"
        with closing(sqlite3.connect(self.path / "registry.db")) as connection:
            connection.execute("VACUUM INTO ?", [str(aside)])
        return aside.read_bytes()

    async def start(self) -> None:
        """Serve."""
        for service, kind, name in ((sa, SaSettings, "slice_authority"), (ma, MaSettings, "mgmt_authority")):
            file = self.path / f"{name}.toml"
            running: Running[Any] = Running(settings.read(kind, file), reactor, self.clock, file)
            self.running.append(running)
            await service.main(running)

    def stop(self) -> Any:
        """Serve no more."""

        async def end() -> None:
            while self.running:
                await self.running.pop().end()

        return ensureDeferred(end())

    @property
    def ask(self) -> ask.Ask:
        """Its whole API, called as its administrator."""
        auth = Password(f"root@{self.hrn.leaf}.example", PASSWORD)
        url, ca = self.place.url("sa", "PLCAPI"), str(self.path / "ca.pem")
        return ask.Ask(url, ca=ca, auth=auth, reactor=reactor, timeout=60.0, tries=1)

    async def call(self, name: str, *args: Any) -> Any:
        """What a method answers to the administrator."""
        return await self.ask.call(name, *args)

    async def accept(self, other: "Served", words: bool = True) -> int:
        """Make ``other`` known as its operator reads out its words."""
        said = await other.call("GetInvitation")
        number = await self.call("AcceptPeer", said["statement"], said["words"] if words else "")
        assert isinstance(number, int)
        return number

    async def book(self, other: Any) -> dict[str, Any]:
        """What the books say of a peer."""
        rows = [row for row in await self.call("GetPeerBooks") if row["hrn"] == str(other)]
        assert len(rows) == 1, rows
        row: dict[str, Any] = rows[0]
        return row

    async def populate(self, login_base: str, nodes: int = 1) -> None:
        """A site with a PI, nodes, and a slice that its nodes fetch by themselves, on no node yet."""
        site = {"name": login_base, "abbreviated_name": login_base, "login_base": login_base, "max_slices": 20}
        await self.call("AddSite", {**site, "url": "http://x.example/"})
        about = {"email": f"pi@{login_base}.example", "first_name": "P", "last_name": "I", "password": "pi's own"}
        person = await self.call("AddPerson", about)
        await self.call("UpdatePerson", person, {"enabled": True})
        await self.call("AddRoleToPerson", "pi", person)
        await self.call("AddPersonToSite", person, login_base)
        await self.call("AddPersonKey", person, {"key_type": "ssh", "key": f"ssh-rsa AAAAB3NzaC1yc2E= pi@{login_base}"})
        for number in range(nodes):
            host = f"n{number + 1}.{login_base}.example"
            node = await self.call("AddNode", login_base, {"hostname": host, "boot_state": "boot"})
            await self.call("UpdateNode", node, {"key": "node-key"})
        await self.slice(f"{login_base}_one", person)

    async def slice(self, name: str, person: int, *hosts: str) -> None:
        """A slice of the site with a member, on these nodes."""
        fields = {"name": name, "url": "http://x.example/", "description": "d", "instantiation": "plc-instantiated"}
        await self.call("AddSlice", fields)
        await self.call("AddPersonToSlice", person, name)
        if hosts:
            await self.call("AddSliceToNodes", name, list(hosts))


_POPULATED: dict[Hrn, bytes] = {}
"""Registries with a site, a PI, a node and a slice, once they were made: passwords take long."""


class Peered(TestCase):
    """``plc`` and ``epfl`` with a site and a node each, not yet known to each other."""

    timeout = 300

    async def setUp(self) -> None:
        self.patch(federation, "LOOK_EVERY", 0.02)
        self.clock = SetClock(time.time())
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir(parents=True)
        self.plc, self.epfl = await self.begin("plc"), await self.begin("epfl")
        for one, site in ((self.plc, "princeton"), (self.epfl, "lausanne")):
            if one.hrn not in _POPULATED:
                await one.populate(site)
                _POPULATED[one.hrn] = one.copy()

    async def begin(self, hrn: str) -> Served:
        """An authority that serves until the test is over."""
        made = Served(hrn, self.base, self.clock)
        self.addCleanup(made.stop)
        await made.start()
        return made

    async def tearDown(self) -> None:
        await ensureDeferred(ask.close(reactor))

    async def meet(self) -> None:
        """Each accepts the other by its words."""
        await self.plc.accept(self.epfl)
        await self.epfl.accept(self.plc)

    async def says(self, one: Served, revoked: str = "", version: int = 0) -> Statement:
        """What an authority says once it says that this key is revoked, or has come to that version."""
        address, ca = one.place.url("sa", "federation") + "statement.json", str(one.path / "ca.pem")
        while True:
            sealed = await ask.Ask(address, ca=ca, reactor=reactor).get()
            said = statements.read(dsse.read(sealed, statements.MOST_BYTES))
            if said.version >= version and (not revoked or revoked in said.revoked_keys):
                return said
            await deferLater(reactor, 0.02)

    async def refused(self, work: Any) -> str:
        """What ``work`` is refused with."""
        try:
            value = await work
        except ask.Refused as error:
            return str(error)
        raise self.failureException(f"not refused but answered {value!r}")


@functools.cache
def static_key(hrn: str) -> keys.PrivateKey:
    return keys.new_p256()


@define
class Static:
    """A peer that is only files: what ``pages`` holds is served; tests bend it."""

    hrn: Hrn
    now: float
    objects: dict[str, Any] = field(factory=dict)
    pages: dict[str, bytes] = field(factory=dict)
    version: int = 1
    url: str = ""
    asked: int = 0
    _gid: gids.Gid | None = None

    def statement(self, **more: Any) -> Statement:
        """What it says now."""
        if self._gid is None:
            self._gid = gids.make_root(self.hrn, static_key(str(self.hrn)), uuid.uuid4(), self.now - DAY)
        data = json.dumps(self.objects).encode()
        self.pages["objects.json"] = data
        about = {
            "hrn": self.hrn, "name": f"Static {self.hrn}", "turn": 1, "version": self.version, "issued": self.now - 1,
            "expires": self.now + 7 * DAY, "identity": (Key("active", self._gid.pem.decode()),),
            "endpoints": {"statement": f"{self.url}statement.json"}, "capabilities": ("static",),
            "views": {"objects": View("objects.json", len(data), hashlib.sha256(data).hexdigest())},
        }  # fmt: skip
        return Statement(**{**about, **more})

    def say(self, signing: keys.PrivateKey | None = None, **more: Any) -> bytes:
        """Sign it and put it where it is asked for."""
        sealed = self.statement(**more).seal([signing or static_key(str(self.hrn))])
        self.pages["statement.json"] = sealed
        return sealed

    @property
    def words(self) -> str:
        return voice.words(self.statement().fingerprint)


def objects(login_base: str, nodes: int, first: int = 1) -> dict[str, Any]:
    """A site with nodes, in the form in which peers tell them."""
    site = {"site_id": 1, "name": login_base, "abbreviated_name": login_base, "login_base": login_base}
    rows = [
        {"node_id": n, "hostname": f"s{n}.{login_base}.example", "site_id": 1, "boot_state": "boot",
         "node_type": "regular", "verified": False}
        for n in range(first, first + nodes)
    ]  # fmt: skip
    return {"Sites": [site], "Keys": [], "Persons": [], "Slices": [], "Nodes": rows}


class Files(Resource):
    """The pages of a static peer, over plain http: what they say is signed."""

    isLeaf = True

    def __init__(self, static: Static) -> None:
        super().__init__()
        self.static = static

    def render_GET(self, request: Any) -> bytes:
        self.static.asked += 1
        name = request.path.decode().rpartition("/")[2]
        page = self.static.pages.get(name)
        if page is None:
            request.setResponseCode(404)
            return b"not here"
        return page


async def serve_static(case: TestCase, static: Static) -> None:
    """Serve a static peer until the test is over."""
    port = reactor.listenTCP(0, Site(Files(static)), interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    static.url = f"http://127.0.0.1:{port.getHost().port}/"
    static.say()
