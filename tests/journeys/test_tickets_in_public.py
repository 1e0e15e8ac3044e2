"""What a node redeems is in public: reported to its authority's log, and looked for in its issuer's."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.policy import Root
from pl_conf.witness import Witness
from planetlab import keys, openpgp, ticket_log
from planetlab.errors import PeerError, PlanetLabError, Refused
from planetlab.faults import fault
from planetlab.names import Hrn
from planetlab.ticket_log import Entry, Head
from slice_authority.issuing import fresh_serial, ticket_of
from tests.pl_conf.samples import NOW
from tests.pl_conf.world import World, now
from tests.registry.world import NOW as REGISTRY_NOW
from tests.registry.world import Princeton
from tests.slice_authority.test_tickets import PLC, SEALER


class InPublic(SynchronousTestCase):
    """An authority and a node of it, each as it is, and calls between them."""

    def setUp(self) -> None:
        self.plc = Princeton(seal=SEALER)
        self.plc.clock.advance(NOW - REGISTRY_NOW)
        for one in (self.plc.pi, self.plc.user):
            self.plc.call("UpdatePerson", self.plc.admin, one["Username"], {"enabled": True})
        self.plc.call("UpdateSite", self.plc.admin, "princeton", {"enabled": True})
        self.plc.call("AddSlice", self.plc.pi, {"name": "princeton_open", "instantiation": "delegated"})
        self.plc.call("AddPersonToSlice", self.plc.pi, self.plc.user["Username"], "princeton_open")
        self.node = World(self)
        (self.node.place / "sealer.pem").write_bytes(keys.public_pem(SEALER.ticket_key.public_key()))
        (self.node.place / "sealer.pgp").write_bytes(openpgp.public(SEALER.pgp_secret))
        self.node.change_policy(root=(Root(hrn="plc", ticket_key="sealer.pem", pgp="sealer.pgp"),))
        self.node.rules.load()
        self.calls: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.witness = Witness(self.node.ledger, self.node.clock.now)

    async def ask(self, name: str, *args: Any) -> Any:
        self.calls.append(name)
        try:
            return self.plc.call(name, *args)
        except PlanetLabError as error:
            told = fault(error)
            raise Refused(told.faultCode, told.faultString) from error

    async def ask_as_node(self, name: str, *args: Any) -> Any:
        return await self.ask(name, self.plc.signed(self.plc.node_id, *args), *args)

    def issue(self) -> bytes:
        sealed: str = self.plc.call("SliceGetTicket", self.plc.user, "princeton_open")
        return sealed.encode()

    def redeem(self, sealed: bytes) -> None:
        now(self.node.redeemer.redeem(sealed, "push"))

    def look(self, hrn: Hrn = PLC) -> int:
        return now(self.witness.look(hrn, self.ask, (SEALER.ticket_key.public_key(),)))

    def unlogged(self) -> list[str]:
        return [one.text for one in self.node.ledger.receipts() if one.deed == "unlogged"]

    def in_secret(self) -> bytes:
        """A ticket that was signed with the authority's key beside its registry."""

        def made(store: Any) -> bytes:
            one = store.ask("SELECT * FROM slices WHERE name = 'princeton_open'")[0]
            return SEALER.xmldsig(ticket_of(store, dict(one), fresh_serial()))

        sealed: bytes = self.plc.store(made)
        return sealed

    def test_a_ticket_from_the_log_is_found_there_once(self) -> None:
        self.redeem(self.issue())
        self.assertEqual([1, 0, []], [self.look(), self.look(), self.unlogged()])
        self.begin()
        self.assertEqual(0, self.look(), "it is kept with the ledger how far the node has looked")

    def test_a_ticket_that_lost_its_last_line_end_on_the_way_is_the_same_ticket(self) -> None:
        sealed: str = self.plc.call("GetSliceTicket", self.plc.user, "princeton_open")
        self.redeem(sealed.strip().encode())
        self.assertEqual([1, []], [self.look(), self.unlogged()])

    def test_a_ticket_that_was_given_out_in_secret_is_told_to_the_owner(self) -> None:
        self.issue()
        self.redeem(self.in_secret())
        self.assertEqual([0, 0], [self.look(), self.look()])
        self.assertEqual(["plc gave out a ticket that its public log does not know"], self.unlogged())

    def test_a_log_that_takes_something_back_is_told_to_the_owner(self) -> None:
        self.issue()
        self.look()
        honest = ticket_log.open_head(
            self.plc.call("GetTicketLogHead").encode(), PLC, (SEALER.ticket_key.public_key(),), NOW
        )

        async def lying(name: str, *args: Any) -> Any:
            if name == "GetTicketLogHead":
                return evolve(honest, root="00" * 32).seal(SEALER.ticket_key).decode()
            return await self.ask(name, *args)

        now(self.witness.look(PLC, lying, (SEALER.ticket_key.public_key(),)))
        self.assertIn("two-faced", self.unlogged()[0])
        self.assertEqual(0, self.look(), "the honest head is still the one that counts")

    def test_a_log_that_was_begun_anew_is_told_to_the_owner(self) -> None:
        self.issue()
        self.look()
        self.begin()  # a restart in between: the head is kept on the disk

        async def empty(name: str, *args: Any) -> Any:
            head = Head(log="plc", size=0, root=ticket_log.merkle.EMPTY.hex(), time=int(NOW))
            return head.seal(SEALER.ticket_key).decode()

        now(self.witness.look(PLC, empty, (SEALER.ticket_key.public_key(),)))
        self.assertIn("rolled-back", self.unlogged()[0])

    def test_an_authority_that_is_away_costs_nothing(self) -> None:
        async def away(name: str, *args: Any) -> Any:
            raise PeerError("no connection")

        self.redeem(self.issue())
        with self.assertRaises(PeerError):
            now(self.witness.look(PLC, away, ()))
        with self.assertRaises(PeerError):
            now(self.witness.report(away))
        self.assertEqual([1, []], [self.look(), self.unlogged()])
        self.assertEqual(1, now(self.witness.report(self.ask_as_node)))

    def test_an_authority_without_a_log_is_left_alone(self) -> None:
        async def older(name: str, *args: Any) -> Any:
            raise Refused(100, f"Invalid API method {name}")

        self.redeem(self.issue())
        self.assertEqual(0, now(self.witness.look(PLC, older, ())))
        self.assertEqual(1, now(self.witness.report(older)))
        self.assertEqual(0, now(self.witness.report(older)))

    def test_what_was_redeemed_stands_in_the_authoritys_log_beside_what_was_issued(self) -> None:
        sealed = self.issue()
        self.redeem(sealed)
        self.assertEqual([1, 0], [now(self.witness.report(self.ask_as_node)) for _ in range(2)])
        said = [Entry.read(text.encode()) for text in self.plc.call("GetTicketLogEntries", 0, 9)]
        self.assertEqual(["issued", "redeemed"], [entry.kind for entry in said])
        self.assertEqual([ticket_log.digest(sealed)] * 2, [entry.digest for entry in said])
        self.assertEqual("node1.princeton.example", said[1].node)
