"""A federation of a hundred: three PLCs as processes, and 97 peers that are only signed files on a web server.

All keys, signatures, TLS and writes are real; the files' server and who asks are in this process. The longest time
that nobody else could write one PLC's registry is taken from outside, by trying to write all the while.

    python -m bench.federation [STATIC-PEERS [NODES-OF-EACH]]
"""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from attrs import asdict, define, field
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from bench.measure import Amount
from planetlab import gids, keys, tickets, voice
from planetlab.ask import Ask, NodeKey, Password, Session, each
from planetlab.cli import ports
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.errors import PeerError, Unavailable
from planetlab.names import Hrn
from planetlab.statements import Key, Statement, View
from planetlab.trust import Root, Roots

PLCS = ("plc", "epfl", "onelab")
STATICS, NODES = 97, 100
PASSWORD = "of this bench alone"
LARGE = 10_000  # nodes of one large peer
SHARE = 100  # one object in so many changes
AT_ONCE = 16
DAY = 86_400.0
TICK = os.sysconf("SC_CLK_TCK")


@define
class Plc:
    """One PLC of two processes."""

    place: AuthorityPlace
    reactor: Any
    running: list["subprocess.Popen[bytes]"] = field(factory=list)

    @property
    def hrn(self) -> Hrn:
        """Its name."""
        return self.place.hrn

    @property
    def ask(self) -> Ask:
        """Its API, called as its administrator."""
        url, ca = self.place.url("sa", "PLCAPI"), str(self.place.path / "ca.pem")
        auth = Password(f"root@{self.hrn}.example", PASSWORD)
        return Ask(url, ca=ca, auth=auth, timeout=120.0, reactor=self.reactor)

    def start(self) -> None:
        """Start both halves."""
        for name in ("slice_authority", "mgmt_authority"):
            command = (sys.executable, "-m", name, "--config", str(self.place.path / f"{name}.toml"))
            log = (self.place.path / f"{name}.log").open("wb")
            self.running.append(subprocess.Popen(command, stderr=log))

    async def populate(self) -> None:
        """A site with a PI, a node and a slice of its own."""
        base = f"{self.hrn}site"
        site = {"name": base, "abbreviated_name": base, "login_base": base, "max_slices": 20}
        await self.ask.call("AddSite", {**site, "url": "http://x.example/"})
        about = {"email": f"pi@{base}.example", "first_name": "P", "last_name": "I", "password": PASSWORD}
        person = await self.ask.call("AddPerson", about)
        await self.ask.call("UpdatePerson", person, {"enabled": True})
        await self.ask.call("AddRoleToPerson", "pi", person)
        await self.ask.call("AddPersonToSite", person, base)
        node = await self.ask.call("AddNode", base, {"hostname": f"n1.{base}.example", "boot_state": "boot"})
        await self.ask.call("UpdateNode", node, {"key": "node-key"})

    async def refresh(self, number: int) -> dict[str, float]:
        """Take over what a peer says."""
        said: dict[str, float] = await self.ask.call("RefreshPeer", number)
        return said

    @property
    def cpu(self) -> float:
        """Seconds of processor that the slice authority has used."""
        fields = Path(f"/proc/{self.running[0].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self) -> None:
        """End the processes."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(20)


@define
class Static:
    """A peer that is only files."""

    hrn: Hrn
    nodes: int
    url: str
    key: keys.PrivateKey = field(factory=keys.new_p256)
    version: int = 0
    pages: dict[str, bytes] = field(factory=dict)

    def say(self, changed: int = 0) -> None:
        """Sign a new statement; ``changed`` of the nodes are other than at the version before."""
        now, self.version = time.time(), self.version + 1
        base = f"s{self.hrn}"
        site = {"site_id": 1, "name": base, "abbreviated_name": base, "login_base": base}
        nodes = [
            {"node_id": number, "hostname": f"n{number}.{base}.example", "site_id": 1, "boot_state": "boot",
             "node_type": "regular", "verified": False, "model": f"model {self.version if number <= changed else 0}"}
            for number in range(1, self.nodes + 1)
        ]  # fmt: skip
        data = json.dumps({"Sites": [site], "Keys": [], "Persons": [], "Slices": [], "Nodes": nodes}).encode()
        gid = gids.make_root(self.hrn, self.key, uuid.uuid5(uuid.NAMESPACE_URL, self.url), now - DAY)
        if "gid" in self.pages:
            gid = gids.read(self.pages["gid"])
        statement = Statement(
            hrn=self.hrn, name=f"Files of {self.hrn}", turn=1, version=self.version, issued=now - 1,
            expires=now + 7 * DAY, identity=(Key("active", gid.pem.decode()),),
            endpoints={"statement": f"{self.url}statement.json"}, capabilities=("static",),
            views={"objects": View("objects.json", len(data), hashlib.sha256(data).hexdigest())},
        )  # fmt: skip
        self.words = voice.words(statement.fingerprint)
        self.pages = {"gid": gid.pem, "objects.json": data, "statement.json": statement.seal([self.key])}

    words: str = ""


class Files(Resource):
    """Serves the files of all static peers."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.statics: dict[str, Static] = {}

    def render_GET(self, request: Request) -> bytes:
        """One file."""
        _, hrn, name = request.path.decode().split("/")
        return self.statics[hrn].pages[name]


class Watch(threading.Thread):
    """Tries to write a registry all the while; ``longest`` is how long it could not, in seconds."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.longest, self.tries, self.ending = path, 0.0, 0, False

    def run(self) -> None:
        """Until it is told to end."""
        db = sqlite3.connect(self.path, isolation_level=None, timeout=0.0)
        locked = 0.0
        while not self.ending:
            self.tries += 1
            now = time.perf_counter()
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
                locked = 0.0
            except sqlite3.OperationalError:
                locked = locked or now
                self.longest = max(self.longest, time.perf_counter() - locked)
            time.sleep(0.0005)  # how finely the waits are measured
        db.close()


def watched(plc: Plc) -> Watch:
    """A watch on a PLC's registry that runs."""
    watch = Watch(plc.place.registry)
    watch.start()
    return watch


async def accept(plc: Plc, sealed: str, words: str) -> int:
    """Make a peer known."""
    number: int = await plc.ask.call("AcceptPeer", sealed, words)
    return number


async def met(plcs: list[Plc]) -> None:
    """Each PLC accepts the two others."""
    for one in plcs:
        for other in plcs:
            if other is not one:
                said = await other.ask.call("GetInvitation")
                await accept(one, said["statement"], said["words"])


async def one_slice(plcs: list[Plc]) -> float:
    """A user of one makes a slice on nodes of the other two; seconds until its ticket lies ready for each node."""
    own, *others = plcs
    begun, hosts = time.perf_counter(), [f"n1.{other.hrn}site.example" for other in others]
    for number in range(1, len(plcs)):
        await own.refresh(number)
    fields = {"name": f"{own.hrn}site_wide", "url": "http://x.example/", "description": "d"}
    await own.ask.call("AddSlice", {**fields, "instantiation": "plc-instantiated"})
    await own.ask.call("AddSliceToNodes", f"{own.hrn}site_wide", hosts)
    root = Root.load(own.hrn, (own.place.path / "gid.pem").read_bytes())
    pinned = Roots((root,))
    for other in others:
        await other.refresh(1)
        session = await other.ask.as_(NodeKey(1, "node-key")).call("GetSession")
        answer = await other.ask.as_(Session(session)).call("GetPeerTickets", str(own.hrn), 0)
        (sealed,) = answer["tickets"]
        ticket = tickets.open_ticket(sealed.encode(), pinned, time.time())
        assert str(ticket.slice) == f"{own.hrn}site_wide", ticket
    return time.perf_counter() - begun


async def round_of(plc: Plc, numbers: list[int]) -> tuple[float, float, float]:
    """Refresh these peers: seconds, processor seconds, and the longest time that nobody else could write."""
    watch, cpu, begun = watched(plc), plc.cpu, time.perf_counter()
    outcomes = await each(numbers, plc.refresh, AT_ONCE)
    seconds, used = time.perf_counter() - begun, plc.cpu - cpu
    watch.ending = True
    watch.join()
    wrong = [str(outcome.error) for outcome in outcomes if outcome.error is not None]
    assert not wrong, wrong[:3]
    return seconds, used, watch.longest


async def measured(reactor: Any, folder: Path, count: int, nodes: int, large: int) -> list[Amount]:
    """Everything, with the processes that it needs."""
    files = Files()
    port = reactor.listenTCP(0, Site(files), interface="127.0.0.1")
    base = f"http://127.0.0.1:{port.getHost().port}"
    plcs = [made(hrn, folder, reactor, at) for at, hrn in enumerate(PLCS)]
    try:
        for plc in plcs:
            plc.start()
        for plc in plcs:
            await answers(plc)
            await plc.populate()
        return await _measured(plcs, files, base, count, nodes, large)
    finally:
        for plc in plcs:
            plc.stop()
        await port.stopListening()


async def _measured(plcs: list[Plc], files: Files, base: str, count: int, nodes: int, large: int) -> list[Amount]:
    await met(plcs)
    found = [Amount("a user's slice on nodes of the two other PLCs", await one_slice(plcs), "s")]
    own = plcs[0]
    numbers: list[int] = []
    for at in range(count + 1):
        hrn = f"peer{at:03}"
        static = files.statics[hrn] = Static(Hrn((hrn,)), large if at == count else nodes, f"{base}/{hrn}/")
        static.say()
        numbers.append(await accept(own, static.pages["statement.json"].decode(), static.words))
    *some, whole = numbers
    found += await _first(own, some, whole, count, nodes, large)
    for part in sorted({count // 4, count // 2, count}):
        seconds, cpu, _ = await round_of(own, some[:part])
        found.append(Amount(f"nothing new: {part} peers asked, processor per peer", 1000 * cpu / max(part, 1), "ms"))
    for static in files.statics.values():
        static.say(changed=max(1, static.nodes // SHARE))
    seconds, cpu, longest = await round_of(own, [whole])
    found.append(Amount(f"1 % new: a peer of {large} objects refreshed", seconds, "s"))
    found.append(Amount("  longest time that nobody else could write", 1000 * longest, "ms"))
    seconds, cpu, longest = await round_of(own, some)
    found.append(Amount(f"1 % new: {count} peers of {nodes} objects refreshed", seconds, "s"))
    found.append(Amount("  processor", cpu, "s"))
    found.append(Amount("  longest time that nobody else could write", 1000 * longest, "ms"))
    kept = await own.ask.call("GetPeerBooks")
    found.append(Amount("peers in the books", float(len(kept)), ""))
    found.append(Amount("copies of their objects", float(sum(sum(row["objects"].values()) for row in kept)), ""))
    return found


async def _first(own: Plc, some: list[int], whole: int, count: int, nodes: int, large: int) -> list[Amount]:
    seconds, _, longest = await round_of(own, some)
    found = [Amount(f"first time: {count} peers of {nodes} objects", seconds, "s")]
    found.append(Amount("  longest time that nobody else could write", 1000 * longest, "ms"))
    seconds, _, longest = await round_of(own, [whole])
    found.append(Amount(f"first time: a peer of {large} objects", seconds, "s"))
    return [*found, Amount("  longest time that nobody else could write", 1000 * longest, "ms")]


def made(hrn: str, folder: Path, reactor: Any, at: int) -> Plc:
    """A PLC's folder."""
    taken: set[int] = set()
    for _ in PLACES_OF_AUTHORITY:
        taken.add(ports.next_free(26_000 + 100 * at, taken))
    numbers = dict(zip(PLACES_OF_AUTHORITY, sorted(taken), strict=True))
    place = AuthorityPlace(path=folder / hrn, hrn=Hrn.parse(hrn), name=f"PlanetLab {hrn}", ports=numbers)
    place.write()
    place.write_settings()
    place.found(f"root@{hrn}.example", PASSWORD)
    return Plc(place, reactor)


async def answers(plc: Plc) -> None:
    """Wait until a PLC answers."""
    for _ in range(300):
        try:
            await plc.ask.call("GetInvitation")
            return
        except PeerError:
            if any(process.poll() is not None for process in plc.running):
                break
            time.sleep(0.1)  # it has not begun to listen
    raise Unavailable(f"{plc.hrn} does not answer; see {plc.place.path}/*.log")


def run(count: int = STATICS, nodes: int = NODES, large: int = LARGE) -> list[Amount]:
    """The figures of a federation of this size."""
    found: list[Amount] = []
    folder = Path(tempfile.mkdtemp(prefix="plfed-federation-"))

    async def work(reactor: Any) -> None:
        found.extend(await measured(reactor, folder, count, nodes, large))

    try:
        react(work)
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not found:
        raise Unavailable("it was ended before there were figures")
    return found


def figures() -> list[Amount]:
    """The figures, taken by a process of its own: a reactor runs once."""
    command = (sys.executable, "-m", "bench.federation", "--json")
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [Amount(**each) for each in json.loads(done.stdout)]


def main(arguments: list[str]) -> None:
    """Print the figures, as JSON with ``--json``."""
    found = run(*(int(each) for each in arguments if each != "--json"))
    if "--json" in arguments:
        print(json.dumps([asdict(amount) for amount in found]))
    else:
        for amount in found:
            print(amount.line)


if __name__ == "__main__":
    main(sys.argv[1:])
