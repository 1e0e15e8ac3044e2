"""One node's pl_conf in memory, authorities that sign real tickets, a node manager that can be told to misbehave."""

import os
from collections.abc import Coroutine, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.keys import Keys
from pl_conf.ledger import Ledger
from pl_conf.node import Sliver
from pl_conf.owner import Owner
from pl_conf.policy import Policy, Root
from pl_conf.redeem import Redeemer
from pl_conf.refusals import NotAdmitted
from pl_conf.rules import OwnersRules
from pl_conf.steady import SteadyTime
from planetlab import keys, openpgp, settings
from planetlab.clock import SetClock
from planetlab.names import Hrn
from planetlab.tickets import Ticket, seal_openpgp, seal_xmldsig
from tests.pl_conf.samples import NODE, NOW

T = TypeVar("T")


class Signer:
    """An authority's signing keys."""

    def __init__(self, hrn: Hrn) -> None:
        self.hrn = hrn
        self.key = keys.new_p256()
        self.pgp = openpgp.new_key(f"{hrn} tickets")

    def xmldsig(self, ticket: Ticket) -> bytes:
        return seal_xmldsig(ticket, self.key)

    def openpgp(self, ticket: Ticket) -> bytes:
        return seal_openpgp(ticket, self.pgp)

    def write(self, place: Path) -> Root:
        """Its public keys as files in ``place``, and the root that names them."""
        (place / f"{self.hrn}.pem").write_bytes(keys.public_pem(self.key.public_key()))
        (place / f"{self.hrn}.pgp").write_bytes(openpgp.public(self.pgp))
        return Root(hrn=str(self.hrn), ticket_key=f"{self.hrn}.pem", pgp=f"{self.hrn}.pgp")


PLC_SIGNS, EPFL_SIGNS, STRANGER_SIGNS = Signer(Hrn(("plc",))), Signer(Hrn(("epfl",))), Signer(Hrn(("plc",)))


@define(slots=False)
class ScriptedNode:
    """Speaks as a node manager does; ``silent`` and ``refusing`` say how often it misbehaves before it behaves."""

    there: dict[tuple[str, str], dict[str, Any]] = field(factory=dict)
    calls: list[tuple[str, str]] = field(factory=list)
    silent: int = 0
    deaf_after: int = 0  # does the work, and is silent about it
    refusing: int = 0
    given: int = 0

    async def instantiate(self, record: Mapping[str, Any]) -> str:
        self.misbehave("Instantiate")
        key = (record["authority"], record["name"])
        self.calls.append(("Instantiate", record["name"]))
        if key not in self.there:
            self.given += 1
        rcap = self.there.get(key, {}).get("rcap", f"{self.given:032x}")
        self.there[key] = {**record, "rcap": rcap}
        if self.deaf_after:
            self.deaf_after -= 1
            raise NotAdmitted("node-silent", "the node manager does not answer (told to)")
        return str(rcap)

    async def release(self, rcap: str) -> None:
        self.misbehave("Release")
        self.calls.append(("Release", rcap))
        self.there = {key: record for key, record in self.there.items() if record["rcap"] != rcap}

    async def slivers(self) -> list[Sliver]:
        self.misbehave("Slivers")
        return [
            Sliver(name=name, authority=authority, rcap=record["rcap"], state="running")
            for (authority, name), record in self.there.items()
        ]

    async def call(self, name: str, *args: Any) -> Any:
        self.calls.append((name, str(args)))
        return {"state": "running", "why": ""} if name == "GetState" else {"cpu_pct": 1}

    def misbehave(self, name: str) -> None:
        if self.silent:
            self.silent -= 1
            raise NotAdmitted("node-silent", f"the node manager does not answer {name} (told to)")
        if self.refusing:
            self.refusing -= 1
            raise NotAdmitted("node-refused", f"the node manager says: no {name} (told to)")

    @property
    def names(self) -> list[str]:
        return sorted(name for _, name in self.there)


class World:
    """A node that trusts plc and epfl. ``restart`` ends the service as a kill would and starts it on the same files."""

    def __init__(self, test: SynchronousTestCase, **policy: Any) -> None:
        test.addCleanup(lambda: self.ledger.close())
        self.place = Path(mkdtemp(dir=os.environ.get("TMPDIR")))
        self.clock = SetClock(NOW)
        self.elapsed = 0.0
        self.node = ScriptedNode()
        roots = tuple(signer.write(self.place) for signer in (PLC_SIGNS, EPFL_SIGNS))
        settings.write(Policy(**{"root": roots, **policy}), self.place / "owner.toml")
        self.start()

    def start(self) -> None:
        self.time = SteadyTime(self.clock.now, lambda: self.elapsed)
        self.rules = OwnersRules(self.place / "owner.toml", NODE, self.time, 1 << 20)
        self.rules.load()
        self.ledger = Ledger.open(self.place / "ledger.db", self.place / "deletions.log")
        self.keys = Keys()
        self.redeemer = Redeemer(self.ledger, self.node, self.rules, self.time, self.keys.change)
        self.owner = Owner(self.rules, self.redeemer)

    def restart(self) -> None:
        self.ledger.close()
        self.start()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.elapsed += seconds

    def state(self) -> tuple[Any, ...]:
        """Everything that a refusal must not change."""
        return (
            self.ledger.wishes(),
            self.ledger.all_gone(),
            self.ledger.begun(),
            self.ledger.serials(PLC_SIGNS.hrn),
            dict(self.node.there),
            list(self.node.calls),
        )

    def change_policy(self, **said: Any) -> None:
        settings.write(evolve(self.rules.policy, **said), self.place / "owner.toml")


def now(work: Coroutine[Deferred[Any], Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    assert results, "it waits for something"
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]  # type: ignore[no-any-return]  # what the coroutine returns
