"""The calls of 2003: papers bound to a key, texts that clients search, one path behind them."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from pl_conf import agreeing
from pl_conf.agents import Agent
from pl_conf.leases import Leases
from planetlab import dslice, keys
from planetlab.dslice import Paper
from planetlab.dslice_ports import Fault
from planetlab.errors import BadArgument
from planetlab.refusals import BadTicket
from tests.pl_conf.samples import DAY, NOW, PLC
from tests.pl_conf.world import World, now

AGENT, NODE_KEY, HOLDER = keys.new_rsa(), keys.new_rsa(), keys.new_rsa()
ME, IP = dslice.principle(HOLDER.public_key()), "128.112.139.71"
TICKET = Paper(
    kind="ticket", principle=ME, ip=IP, slice="utah_dsl", start=NOW, end=NOW + 14 * DAY,
    valid_from=NOW, valid_to=NOW + 14 * DAY,
)  # fmt: skip
SSH = "ssh-rsa AAAAB3 utah"

AS_THEN = b"""\
<?xml version="1.0" ?>
<!DOCTYPE ticket>
<ticket>
    <principle_sha1>%s</principle_sha1>
    <ip>128.112.139.71</ip>
    <slice>utah_dsl</slice>
    <validfrom_time>2027-01-15 08:00:00</validfrom_time>
    <validto_time>2027-01-29 08:00:00</validto_time>
    <start_time>2027-01-15 08:00:00</start_time>
    <end_time>2027-01-29 08:00:00</end_time>
</ticket>
"""


class Papers(SynchronousTestCase):
    def test_with_any_bit_of_the_signed_part_changed_are_forged(self) -> None:
        sealed = dslice.seal(TICKET, AGENT)
        start = sealed.index(b"\n\n") + 2
        for at in range(start, len(sealed)):
            changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
            error = self.assertRaises(BadTicket, dslice.open_paper, changed, "ticket", AGENT.public_key())
            self.assertEqual("forged", error.reason)

    def test_of_another_kind_or_signer_are_refused(self) -> None:
        sealed = dslice.seal(TICKET, AGENT)
        self.assertRaises(BadTicket, dslice.open_paper, sealed, "lease", AGENT.public_key())
        self.assertRaises(BadTicket, dslice.open_paper, sealed, "ticket", HOLDER.public_key())
        for nothing in (b"", b"\n\n", b"sig-rsa-sha1-base64: ?\n\n<ticket/>", b"x" * 70_000):
            self.assertRaises(BadTicket, dslice.open_paper, nothing, "ticket", AGENT.public_key())

    def test_signed_by_a_common_sha1_signature_instead_of_the_bare_digest_are_forged(self) -> None:
        from base64 import b64encode

        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signature = AGENT.sign(TICKET.xml(), padding.PKCS1v15(), hashes.SHA1())
        sealed = dslice.HEADER + b": " + b64encode(signature) + b"\n\n" + TICKET.xml()
        self.assertRaises(BadTicket, dslice.open_paper, sealed, "ticket", AGENT.public_key())

    def test_are_laid_out_as_then_and_read_as_they_were_sealed(self) -> None:
        self.assertEqual(AS_THEN % ME.encode(), TICKET.xml())
        for paper, kind in ((TICKET, "ticket"), (evolve(TICKET, kind="lease", valid_from=0.0, valid_to=0.0), "lease")):
            read = dslice.open_paper(dslice.seal(paper, AGENT), kind, AGENT.public_key())  # type: ignore[arg-type]  # two of the kinds
            self.assertEqual(paper, read)

    def test_with_padded_values_and_a_header_in_capitals_are_read(self) -> None:
        from base64 import b64encode
        from hashlib import sha1

        from cryptography.hazmat.primitives.asymmetric import padding, utils

        xml = TICKET.xml().replace(b"<ip>", b"<ip>\n      ").replace(b"</ip>", b"\n    </ip>")
        signature = AGENT.sign(sha1(xml).digest(), padding.PKCS1v15(), utils.NoDigestInfo())
        sealed = b"SIG-RSA-SHA1-BASE64: " + b64encode(signature) + b"\n\n" + xml
        self.assertEqual(TICKET, dslice.open_paper(sealed, "ticket", AGENT.public_key()))

    def test_name_slices_by_the_rules_of_then(self) -> None:
        for bad in ("", "1st", "a b", "root", "vserver-reference", "x" * 33, "ä"):
            self.assertRaises(BadArgument, dslice.good_name, bad)

    def test_no_two_names_of_then_are_the_same_slice_now(self) -> None:
        names = ["utah", "utah_dsl", "utah-dsl", "Utah_dsl", "dslice_utah", "utah_", "dslice-utah", "utah1", "u-t_ah"]
        self.assertEqual(len(names), len({dslice.slice_name(name) for name in names}))


class Calls(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.leases = Leases(IP, NODE_KEY, self.world.redeemer, lambda: (Agent(PLC, AGENT.public_key()),))

    def ticket(self, **said: Any) -> str:
        return dslice.seal(evolve(TICKET, **said), AGENT).decode()

    def fault(self, call: Any, *args: Any) -> str:
        def made() -> Any:
            value = call(*args)
            return now(value) if hasattr(value, "__await__") else value

        return str(self.assertRaises(Fault, made))

    def begin(self) -> str:
        return now(self.leases.newleasevm(ME, self.ticket(), "private", SSH))

    def test_refuse_tickets_in_the_words_of_then_and_make_nothing(self) -> None:
        before = self.world.state()
        newlease = self.leases.newlease
        stranger = dslice.seal(TICKET, HOLDER).decode()
        self.assertEqual("Ticket not signed by trusted agent", self.fault(newlease, ME, stranger))
        self.assertEqual("Principle does not own ticket", self.fault(newlease, "0" * 40, self.ticket()))
        elsewhere = self.fault(newlease, ME, self.ticket(ip="10.0.0.1"))
        self.assertEqual(f"Ticket is for 10.0.0.1. This node is {IP}.", elsewhere)
        self.assertEqual("Login root already exists", self.fault(newlease, ME, self.ticket(slice="root")))
        self.assertEqual("Slice name 1st is a bad name", self.fault(newlease, ME, self.ticket(slice="1st")))
        early = self.fault(newlease, ME, self.ticket(valid_from=NOW + 301))
        self.assertRegex(early, "^Ticket valid at Fri Jan 15 08:05:01 2027. Currently Fri Jan 15 08:00:00 2027$")
        self.assertRegex(self.fault(newlease, ME, self.ticket(valid_to=NOW - 301)), "^Ticket expired at ")
        self.assertEqual(before, self.world.state())

    def test_refuse_what_the_owner_has_barred(self) -> None:
        now(self.world.owner.deny("utah_dsl"))
        self.assertIn("barred", self.fault(self.leases.newlease, ME, self.ticket()))

    def test_make_a_sliver_of_a_lease_and_the_keys_let_one_in(self) -> None:
        lease = self.leases.newlease(ME, self.ticket())
        self.assertEqual([], self.world.node.names)
        self.assertEqual(1, now(self.leases.newvm(ME, lease, "private", SSH)))
        self.assertEqual((["utah_dsl"], ["utah_dsl"]), (self.world.node.names, self.leases.getslivers()))
        self.assertEqual(({"numkeys": 1, "keys": [SSH]}, ME),
                         (self.leases.getsshkeys("utah_dsl"), self.leases.getprinciple("utah_dsl")))  # fmt: skip
        self.assertEqual(f"{SSH}\n".encode(), self.world.keys.text("utah_dsl"))
        self.assertEqual("plc", str(self.world.ledger.wishes()[0].authority))

    def test_tell_what_a_client_searches_for_when_there_is_a_lease_already(self) -> None:
        self.begin()
        self.assertEqual(
            "Lease for slice utah_dsl already exists", self.fault(self.leases.newleasevm, ME, self.ticket(), "", "")
        )

    def test_let_the_same_ticket_make_it_again_once_its_holder_deleted_it(self) -> None:
        self.begin()
        self.world.pass_time(1.0)
        self.assertEqual(1, now(self.leases.deletelease(ME, "utah_dsl")))
        self.assertEqual([], self.world.node.names)
        self.assertEqual("Sliver utah_dsl does not exist", self.fault(self.leases.deletelease, ME, "utah_dsl"))
        self.world.pass_time(1.0)
        self.begin()
        self.assertEqual(["utah_dsl"], self.world.node.names)

    def test_refuse_a_lease_that_this_node_did_not_give_or_gives_no_more(self) -> None:
        foreign = dslice.seal(evolve(TICKET, kind="lease"), AGENT).decode()
        self.assertEqual(f"Lease not signed by node manager {IP}", self.fault(self.leases.newvm, ME, foreign, "", SSH))
        lease = self.leases.newlease(ME, self.ticket())
        self.assertEqual("Principle does not own lease", self.fault(self.leases.newvm, "0" * 40, lease, "", SSH))
        now(self.leases.deletelease(ME, "utah_dsl"))
        self.assertEqual("Lease for slice utah_dsl has expired", self.fault(self.leases.newvm, ME, lease, "", SSH))

    def test_change_keys_only_for_their_holder(self) -> None:
        self.begin()
        self.assertEqual("User does not own sliver utah_dsl", self.fault(self.leases.addkey, "0" * 40, "utah_dsl", "k"))
        for _ in range(2):
            self.assertEqual(1, now(self.leases.addkey(ME, "utah_dsl", " more \n")))
        self.assertEqual(f"{SSH}\nmore\n".encode(), self.world.keys.text("utah_dsl"))
        now(self.leases.delkey(ME, "utah_dsl", SSH))
        now(self.leases.nukekeys(ME, "utah_dsl"))
        self.assertEqual([SSH], self.leases.getsshkeys("utah_dsl")["keys"])

    def test_renew_for_the_same_length_from_now_without_a_ticket(self) -> None:
        self.begin()
        self.world.pass_time(DAY)
        renewed = dslice.open_paper(
            now(self.leases.renewlease(ME, "utah_dsl")).encode(), "lease", NODE_KEY.public_key()
        )
        self.assertEqual((NOW + DAY, NOW + 15 * DAY), (renewed.start, renewed.end))
        self.assertEqual(NOW + 15 * DAY, self.world.ledger.wishes()[0].expires)

    def test_end_with_their_time(self) -> None:
        self.begin()
        self.world.pass_time(14 * DAY + 1)
        now(agreeing.expire(self.world.redeemer))
        self.assertEqual(([], [], []), (self.world.node.names, self.leases.getleases(), self.leases.getslivers()))

    def test_outlive_a_restart(self) -> None:
        lease = self.begin()
        self.world.restart()
        leases = Leases(IP, NODE_KEY, self.world.redeemer, lambda: ())
        self.assertEqual([lease], leases.getleases())
