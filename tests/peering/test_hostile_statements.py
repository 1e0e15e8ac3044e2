"""A peer bends its statement, not its objects (T7, T8): addresses, keys, names, numbers."""

import json
from collections.abc import Callable
from typing import Any

from planetlab import dsse, statements
from planetlab.ask import Refused
from planetlab.names import Hrn
from tests.peering import robot
from tests.peering.ground import Peered, Static, serve_static, static_key
from tests.peering.test_hostile_peer import Partition

EVIL = Hrn(("evil",))
Bend = Callable[[dict[str, Any]], Any]
LONG = "x" * 3000
ADDRESSES = (
    "file:///etc/passwd", "gopher://127.0.0.1:11211/_stats", "javascript:alert(1)", "http://", "http://[::1", "//x/y",
    "", "http://127.0.0.1:1/\r\nX-Injected: 1", "http://127.0.0.1:1/" + "a" * 1900, "http://user:secret@127.0.0.1:1/",
    "\x00", "https://127.0.0.1:1/ /x",
    "http://127.0.0.1:99999/statement.json", "http://127.0.0.1:1/\u202egpj.nosj", "unix:/run/plfed/nm.sock",
)  # fmt: skip


def to(*path: str, value: Any) -> Bend:
    """A bend that puts a value at a place of the statement."""

    def bend(said: dict[str, Any]) -> None:
        for name in path[:-1]:
            said = said[name]
        said[path[-1]] = value

    return bend


BENDS: dict[str, Bend] = {
    **{f"it is found at {address[:40]!r}": to("endpoints", "statement", value=address) for address in ADDRESSES},
    **{f"its API is at {address[:40]!r}": to("endpoints", "plcapi", value=address) for address in ADDRESSES},
    **{f"its objects are at {address[:40]!r}": to("views", "objects", "url", value=address) for address in ADDRESSES},
    **{
        f"{name} is {str(value)[:20]!r}": to(name, value=value)
        for name in ("version", "turn", "refresh_hint", "issued", "expires")
        for value in (-1, 0, 2**63, 10**30, 1.5, True, None, "7", [], {}, "1e400")
    },
    **{
        f"its name is {value[:20]!r}": to("name", value=value)
        for value in ("PlanetLab plc", "\x1b[2J", "<script>alert(1)</script>", "", LONG, "a\nb", "'; DROP TABLE x; --")
    },
    **{
        f"it calls itself {value!r}": to("hrn", value=value)
        for value in ("plc", "plc.princeton", "evil2", "ev1l", "evil.sub", "EVIL", "\u0435vil", "", None, 7, "evil..x")
    },
    "it has a thousand keys": to("identity", value=[{"state": "active", "paper": "x"}] * 1000),
    "it has no key": to("identity", value=[]),
    "its key is in no state": lambda said: said["identity"][0].update(state="sleeping"),
    "its tickets are signed by nonsense": to("tickets", value=[{"state": "active", "paper": "x"}]),
    "its calls are signed by nonsense": to("pgp", value=[{"state": "active", "paper": "-----BEGIN PGP"}]),
    "its CA is nonsense": to("ca", value="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "it can do everything": to("capabilities", value=["plcapi", "view", "forward", "bound-calls", "x" * 500] * 12),
    "it can do too many things": to("capabilities", value=["x"] * 1000),
    "it revokes a key of ours": to("revoked", value=[{"key": "ab" * 32, "hrn": "plc", "at": 1.0, "why": ""}]),
    "it revokes a key below ours": to("revoked", value=[{"key": "ab" * 32, "hrn": "plc.x", "at": 1.0, "why": ""}]),
    "it revokes nonsense": to("revoked", value=[{"key": "zz", "hrn": "evil", "at": 1.0, "why": ""}]),
    "it revokes endlessly": to("revoked", value=[{"key": "ab" * 32, "hrn": "evil", "at": 1.0, "why": ""}] * 6000),
    "its objects are larger than a disk": to("views", "objects", "octets", value=2**62),
    "its objects are less than nothing": to("views", "objects", "octets", value=-1),
    "its objects have no digest": to("views", "objects", "sha256", value="0"),
    "it has no objects": to("views", value={}),
    "it is of another kind": to("type", value="root"),
    "it is of a later form": to("spec", value=2),
    "it says more than we know": to("more", value={"a": [1, 2, 3]}),
    "it speaks through nobody": to("signer", value="nobody"),
}  # fmt: skip


class HostileStatements(Peered):
    timeout = 300

    async def setUp(self) -> None:
        await super().setUp()
        self.evil = Static(EVIL, self.clock.now(), objects=robot.honest())
        await serve_static(self, self.evil)
        said = self.evil.pages["statement.json"].decode()
        self.peer = await self.plc.call("AcceptPeer", said, self.evil.words)
        await self.plc.call("RefreshPeer", self.peer)

    def bent(self, bend: Bend) -> bytes:
        """A statement with the peer's true signature that says something else than it should."""
        self.evil.version += 1
        said = json.loads(self.evil.statement().payload())
        bend(said)
        return dsse.seal(statements.KIND, json.dumps(said).encode(), [static_key("evil")])

    async def test_nothing_of_ours_changes_and_honest_words_are_heard_again(self) -> None:
        partition = Partition(str(self.plc.path / "registry.db"))
        before, held = partition.ours(), partition.theirs()
        accidents = []
        for name, bend in BENDS.items():
            self.evil.pages["statement.json"] = self.bent(bend)
            try:
                await self.plc.call("RefreshPeer", self.peer)
            except Refused as error:
                if "incident" in str(error) or "reference" in str(error):
                    accidents.append((name, str(error)))
            self.assertEqual((before, held), (partition.ours(), partition.theirs()), name)
        self.assertEqual([], accidents, "refused by an accident of ours, not for a reason")
        self.assertEqual([], partition.whole())
        books = {row["hrn_root"]: row["peername"] for row in await self.plc.call("GetPeerBooks")}
        self.assertEqual({"evil": "Static evil"}, books)

    async def test_only_addresses_on_the_web_are_asked(self) -> None:
        for place in (("endpoints", "statement"), ("endpoints", "plcapi"), ("views", "objects", "url")):
            for address in ADDRESSES:
                if address and not address.startswith("http://127.0.0.1:1/a"):
                    self.evil.pages["statement.json"] = self.bent(to(*place, value=address))
                    said = await self.refused(self.plc.call("RefreshPeer", self.peer))
                    self.assertIn("malformed", said, (place, address))

    async def test_a_bent_introduction_makes_nobody_known(self) -> None:
        other = Static(Hrn(("mallory",)), self.clock.now(), objects=robot.honest())
        await serve_static(self, other)
        refused = 0
        for bend in BENDS.values():
            said = json.loads(other.statement().payload())
            bend(said)
            sealed = dsse.seal(statements.KIND, json.dumps(said).encode(), [static_key("mallory")])
            try:
                number = await self.plc.call("AcceptPeer", sealed.decode(), other.words)
            except Refused as error:
                self.assertNotIn("incident", str(error))
                refused += 1
            else:
                await self.plc.call("DeletePeer", number)
        self.assertGreater(refused, len(BENDS) // 3)
