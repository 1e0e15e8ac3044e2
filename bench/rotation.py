"""Keys rotate, a credential is revoked and a peering ends, while others go on calling: none of their calls fails.

In a demo of its own: three PLCs, their nodes' services and each of the callers are processes, keys and TLS are real;
the nodes hold no real slivers. What was revoked is used again and again until it is refused, and the age of its last
use that was accepted is told, beside how often a node looks.

    python -m bench.rotation
"""

import json
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import xmlrpc.client
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from bench.measure import Amount
from planetlab.errors import Unavailable

READY_WITHIN = 180.0  # seconds that a demo may take on a busy machine
REFUSED_WITHIN = 120.0
NODE = "node1.plc.example"
SLICE, KEPT, FOREIGN = "princeton_rotation", "princeton_kept", "lausanne_rotation"
STEPS = ("prepare", "activate", "taint", "revoke")
Use = Callable[[], Any]


@define
class Demo:
    """A demo of this bench's own, or for its callers the words that it left."""

    facts: dict[str, Any]
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def begun(cls, folder: Path) -> "Demo":
        """Start one, and wait until it is ready."""
        where, port = folder / "facts.json", str(random.randrange(300, 600) * 100)
        command = (sys.executable, "-m", "planetlab.cli", "demo", "--dir", str(folder), "--nodes", "1")
        log = (folder.with_suffix(".log")).open("wb")
        process = subprocess.Popen([*command, "--driver", "memory", "--base-port", port], stdout=log, stderr=log)
        end = time.monotonic() + READY_WITHIN
        while not where.exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise Unavailable(f"the demo does not come up; see {log.name}")
            time.sleep(0.2)  # between two looks at its folder
        return cls.at(where, process)

    @classmethod
    def at(cls, where: Path, process: "subprocess.Popen[bytes] | None" = None) -> "Demo":
        """The demo whose facts these are."""
        return cls(json.loads(where.read_text()), where.parent, process)

    def api(self, hrn: str, role: str = "pi") -> Callable[..., Any]:
        """An authority's PLC API, called as a person of it, over a connection of its own for each call."""
        plc = self.facts["authorities"][hrn]
        auth = {"AuthMethod": "password", **plc["persons"][role]}

        def call(name: str, *arguments: Any) -> Any:
            context = ssl.create_default_context(cafile=plc["ca"])
            with xmlrpc.client.ServerProxy(plc["plcapi"], allow_none=True, context=context) as server:
                return getattr(server, name)(auth, *arguments)

        return call

    def sfa(self, hrn: str, interface: str, role: str = "pi") -> Callable[..., Any]:
        """An interface of the SFA, called with the certificate that a person of plc has signed himself."""
        plc, key = self.facts["authorities"][hrn], self.facts["authorities"]["plc"]["identities"][role]["key"]

        def call(name: str, *arguments: Any) -> Any:
            context = ssl.create_default_context(cafile=plc["ca"])
            context.load_cert_chain(self.certificate(role), key)
            with xmlrpc.client.ServerProxy(plc["sfa"][interface], allow_none=True, context=context) as server:
                return getattr(server, name)(*arguments)

        return call

    def certificate(self, role: str) -> Path:
        """A person's certificate, signed by itself, as openssl makes it."""
        own, where = self.facts["authorities"]["plc"]["identities"][role], self.folder / f"{role}.pem"
        if not where.exists():
            words = ["openssl", "req", "-x509", "-key", own["key"], "-days", "2", "-subj", f"/CN={own['hrn']}"]
            subprocess.run([*words, "-out", str(where)], check=True, capture_output=True)
        return where

    def redeem(self, sealed: str) -> None:
        """Bring a ticket to the node. Raises `Unavailable` with its reason when it is refused."""
        with xmlrpc.client.ServerProxy(self.facts["nodes"][NODE]["pl_conf"], allow_none=True) as node:
            answer: Any = node.create_sliver(xmlrpc.client.Binary(sealed.encode()))
        if answer[0] != 0:
            raise Unavailable(str(answer[1]))

    def rotate(self, step: str, use: str) -> None:
        """One step of plc's keys, as its operator takes it."""
        why = ("--why", "replaced") if step == STEPS[-1] else ()
        command = ("authority", "key", step, str(self.folder / "plc"), "--use", use, *why)
        subprocess.run([sys.executable, "-m", "planetlab.cli", *command], check=True, stdout=subprocess.DEVNULL)

    @property
    def poll(self) -> float:
        """Seconds, at most, between two looks of the node for what an authority says."""
        settings = tomllib.loads((self.folder / "nodes" / NODE / "pl_conf.toml").read_text())
        return float(settings["period"] + settings["jitter"])

    def end(self) -> None:
        """End it, as Ctrl-C does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


# the honest, each a process


def people(demo: Demo) -> Iterator[Use]:
    """Who work with the PLC API of all three."""
    while True:
        for hrn in demo.facts["authorities"]:
            call = demo.api(hrn)
            yield partial(call, "AuthCheck")
            yield partial(call, "GetSlices", None, ["slice_id", "name", "expires"])


def creators(demo: Demo) -> Iterator[Use]:
    """Who bring tickets that they have just been given, in both forms."""
    call = demo.api("plc")

    def use(form: str) -> None:
        demo.redeem(call(form, SLICE))

    while True:
        yield partial(use, "SliceGetTicket")
        yield partial(use, "GetSliceTicket")


def federated(demo: Demo) -> Iterator[Use]:
    """Who show credentials at the aggregates of two authorities."""
    registry, own = demo.sfa("plc", "registry"), demo.facts["authorities"]["plc"]["identities"]["pi"]["hrn"]
    spelling = {"geni_rspec_version": {"type": "GENI", "version": "3"}}

    def use(hrn: str) -> None:
        person = registry("GetSelfCredential", None, own, "user")
        granted = registry("GetCredential", [person], "plc.princeton.rotation", "slice")
        for name, arguments in (("ListResources", ([person], spelling)), ("ListSlices", ([granted], {}))):
            if hrn == "plc" or name == "ListResources":
                answer = demo.sfa(hrn, "aggregate")(name, *arguments)
                if answer["code"]["geni_code"]:
                    raise Unavailable(f"{hrn} {name}: {answer['output']}")

    while True:
        yield partial(use, "plc")
        yield partial(use, "plc.japan")


HONEST: dict[str, Callable[[Demo], Iterator[Use]]] = {
    "people": people,
    "creators": creators,
    "federated": federated,
}


def honest(kind: str, where: str) -> None:
    """Call until standard input ends; then say how often, and what failed."""
    ending, calls, failed = threading.Event(), 0, []

    def wait() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=wait, daemon=True).start()
    for use in HONEST[kind](Demo.at(Path(where))):
        if ending.is_set():
            break
        try:
            use()
        except (OSError, xmlrpc.client.Error, Unavailable) as error:
            failed.append(f"{kind}: {error}")
        calls += 1
    print(json.dumps({"calls": calls, "failed": failed}))


@define
class Callers:
    """All the honest at work."""

    running: list["subprocess.Popen[str]"] = field(factory=list)

    def begin(self, demo: Demo) -> None:
        """Start them."""
        for kind in HONEST:
            command = (sys.executable, "-m", "bench.rotation", "--honest", kind, str(demo.folder / "facts.json"))
            self.running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def end(self) -> list[dict[str, Any]]:
        """What each of them says."""
        said = [process.communicate(timeout=120)[0] for process in self.running]
        self.running.clear()
        return [json.loads(each) for each in said]


# what is taken away


def last_use(use: Use, word: str) -> float:
    """Use what was revoked until it is refused, with ``word``: seconds from the revocation to its last good use."""
    begun = last = time.monotonic()
    while True:
        at = time.monotonic()
        try:
            use()
        except (xmlrpc.client.Fault, Unavailable) as error:
            if word not in str(error):
                raise Unavailable(f"expected to be told that it was {word}, got: {error}") from None
            return last - begun
        last = at
        if last - begun > REFUSED_WITHIN:
            raise Unavailable(f"it is not refused within {REFUSED_WITHIN:.0f} s")


def rotated(demo: Demo, use: str, old: Use) -> float:
    """Take a key of plc's through its four steps, a poll between two, and give the age of its last good use."""
    for step in STEPS[:-1]:
        demo.rotate(step, use)
        time.sleep(demo.poll + 1.0)  # every node polls between two steps
        old()  # it is believed until it is revoked
    demo.rotate(STEPS[-1], use)
    return last_use(old, "revoked")


def slivers(demo: Demo, credential: str) -> None:
    """Show a credential at plc's aggregate."""
    answer = demo.sfa("plc", "aggregate", "user")("SliverStatus", "plc.princeton.rotation", [credential], {})
    if answer["code"]["geni_code"]:
        raise Unavailable(answer["output"])


def prepared(demo: Demo) -> tuple[str, str, str]:
    """Slices of ours and of a peer on our node: a ticket of each that lies there, and a member's credential."""
    own, other, admin = demo.api("plc"), demo.api("epfl"), demo.api("epfl", "admin")
    said = {"url": "http://rotation.example/", "description": "rotation", "instantiation": "delegated"}
    for name in (SLICE, KEPT):
        own("AddSlice", {"name": name, **said})
        own("AddSliceToNodes", name, [NODE])
    own("AddPersonToSlice", demo.facts["authorities"]["plc"]["persons"]["user"]["Username"], SLICE)
    for peer in admin("GetPeers", {}, ["peer_id"]):
        admin("RefreshPeer", peer["peer_id"])
    other("AddSlice", {"name": FOREIGN, **said})
    other("AddSliceToNodes", FOREIGN, [NODE])
    registry = demo.sfa("plc", "registry", "user")
    person = registry("GetSelfCredential", None, demo.facts["authorities"]["plc"]["identities"]["user"]["hrn"], "user")
    credential = registry("GetCredential", [person], "plc.princeton.rotation", "slice")
    return own("SliceGetTicket", KEPT), other("SliceGetTicket", FOREIGN), credential


def measured(demo: Demo) -> list[Amount]:
    """Take everything away, one after the other."""
    ticket, foreign, credential = prepared(demo)
    callers = Callers()
    callers.begin(demo)
    ages = {}
    try:
        ages["a ticket key"] = rotated(demo, "ticket", lambda: demo.redeem(ticket))
        demo.sfa("plc", "registry", "user")("RevokeCredential", credential)
        ages["a user's credential"] = last_use(lambda: slivers(demo, credential), "revoked")
        demo.redeem(foreign)
        (peer,) = (each for each in demo.api("plc", "admin")("GetPeers") if each["hrn_root"] == "epfl")
        demo.api("plc", "admin")("DeletePeer", peer["peer_id"])
        ages["a peering"] = last_use(lambda: demo.redeem(foreign), "ended its peering")
    finally:
        said = callers.end()
    found = [Amount(f"{what}: age of the last accepted use", age, "s") for what, age in ages.items()]
    found.insert(0, Amount("a node looks every (at most)", demo.poll, "s"))
    failed = [why for each in said for why in each["failed"]]
    for why in failed[:5]:
        print("failed:", why, file=sys.stderr)
    found.append(Amount("honest calls", float(sum(each["calls"] for each in said)), ""))
    return [*found, Amount("honest calls that failed", float(len(failed)), "")]


def figures() -> list[Amount]:
    """The figures, from a demo that is there for this alone."""
    folder = Path(tempfile.mkdtemp(prefix="plfed-r-"))
    try:
        demo = Demo.begun(folder / "d")
        try:
            return measured(demo)
        finally:
            demo.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--honest"]:
        honest(*sys.argv[2:])
    else:
        for amount in figures():
            print(amount.line)
