"""Nodes at the registry interface: the other half of the PLC makes, changes and deletes them, in the caller's right."""

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor

from planetlab import keys
from planetlab.ask import Ask
from planetlab.gids import read_chain
from tests.peering.ground import Peered
from tests.sfa.world import by_itself, key

NODE = "plc.princeton.n9\\.princeton\\.example"
PI = "plc.princeton.pi"


class NodesAtTheRegistry(Peered):
    async def setUp(self) -> None:
        await super().setUp()
        public = key("pi").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        await self.plc.call("AddPersonKey", "pi@princeton.example", {"key_type": "ssh", "key": public})
        own = by_itself("pi").certificate
        shown = (own.public_bytes(Encoding.PEM), keys.private_pem(key("pi")))
        url, ca = self.plc.place.url("registry", ""), str(self.plc.path / "ca.pem")
        self.registry = Ask(url, ca=ca, client_cert=shown, reactor=reactor, timeout=60.0, tries=1)
        self.own = await self.registry.call("GetSelfCredential", None, PI, "user")
        self.held = await self.registry.call("GetCredential", [self.own], "plc.princeton", "authority")

    def said(self, **more: Any) -> dict[str, Any]:
        return {"hrn": NODE, "type": "node", "hostname": "n9.princeton.example", "boot_state": "boot", **more}

    async def nodes(self, *fields: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.plc.call("GetNodes", ["n9.princeton.example"], [*fields])
        return found

    async def sessions(self) -> int:
        return len(await self.plc.call("GetSessions"))

    async def test_a_node_comes_changes_and_goes_by_the_calls_of_2010(self) -> None:
        gid = await self.registry.call("Register", self.said(model="pc"), [self.held])
        self.assertEqual((NODE, "node"), (str(read_chain(gid.encode())[0].hrn), read_chain(gid.encode())[0].urn.kind))
        (row,) = await self.nodes("boot_state", "model", "hrn")
        self.assertEqual({"boot_state": "boot", "model": "pc", "hrn": NODE}, row)
        self.assertEqual(1, await self.registry.call("Update", self.said(boot_state="disabled"), [self.held]))
        (row,) = await self.nodes("boot_state")
        self.assertEqual("disabled", row["boot_state"])
        self.assertEqual(1, await self.registry.call("Remove", NODE, [self.held], "node"))
        self.assertEqual([], await self.nodes("hostname"))
        self.assertEqual(0, await self.sessions())

    async def test_and_by_those_of_2008(self) -> None:
        self.assertIn("CERTIFICATE", await self.registry.call("register", self.held, self.said()))
        self.assertEqual(1, await self.registry.call("update", self.held, self.said(model="pc")))
        self.assertEqual(1, await self.registry.call("remove", self.held, "node", NODE))
        self.assertEqual([], await self.nodes("hostname"))

    async def test_what_the_other_half_refuses_is_refused_with_its_reason(self) -> None:
        other = await self.refused(self.registry.call("Register", self.said(hostname="x.example"), [self.held]))
        self.assertIn("expected n9.princeton.example", other)
        await self.registry.call("Register", self.said(), [self.held])
        again = await self.refused(self.registry.call("Register", self.said(), [self.held]))
        self.assertIn("exists already", again)
        wrong = await self.refused(self.registry.call("Update", self.said(boot_state="flying"), [self.held]))
        self.assertIn("boot_state", wrong)
        await self.plc.call("AddSite", {"name": "O", "abbreviated_name": "O", "login_base": "other"})
        said = self.said(hrn="plc.other.n9\\.princeton\\.example")
        self.assertIn("not-permitted", await self.refused(self.registry.call("Register", said, [self.held])))
        self.assertEqual(0, await self.sessions())

    async def test_who_is_pi_no_more_registers_no_node(self) -> None:
        await self.plc.call("DeleteRoleFromPerson", "pi", "pi@princeton.example")
        await self.refused(self.registry.call("Register", self.said(), [self.held]))
        self.assertEqual([], await self.nodes("hostname"))

    async def test_the_management_authority_being_away_is_said_and_the_session_ends_by_itself(self) -> None:
        await self.plc.running.pop().end()
        said = await self.refused(self.registry.call("Register", self.said(), [self.held]))
        self.assertIn("management authority of this PLC does not answer", said)
        self.clock.advance(61.0)
