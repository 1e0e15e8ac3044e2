"""Tickets: who gets one, what it says, and what a node is told when nothing, something or much has changed."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import keys, openpgp, tickets
from planetlab.names import Hrn
from planetlab.trust import Root, Roots
from slice_authority.issuing import Sealer
from tests.registry.world import ADMIN, KEY, NOW, Princeton, days

PLC = Hrn.parse("plc")
_key = keys.new_rsa()
_secret = openpgp.new_key("plc tickets <tickets@plc.example>")
SEALER = Sealer(PLC, _key, _secret)
ROOTS = Roots((Root(hrn=PLC, ticket_keys=(_key.public_key(),), pgp_keys=(openpgp.public(_secret),)),))


class Ticketed(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton(seal=SEALER)
        self.world.call("AddPersonKey", self.world.user, "user@princeton.example", {"key_type": "ssh", "key": KEY})

    def opened(self, sealed: str) -> tickets.Ticket:
        return tickets.open_ticket(sealed.encode(), ROOTS, self.world.clock.now())

    def fetched(self, since: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = self.world.by_node(self.world.node_id, "GetNodeTickets", since)
        return answer

    def names(self, answer: dict[str, Any]) -> list[str]:
        sealed = answer["tickets"]
        assert isinstance(sealed, list)
        return [str(self.opened(one).slice) for one in sealed]


class Asking(Ticketed):
    def test_any_user_gets_any_slices_ticket_no_longer(self) -> None:
        self.world.site("cornell")
        stranger = self.world.person("stranger", "user", "pi", site="cornell")
        self.assertEqual(108, self.world.refused("GetSliceTicket", stranger, "princeton_codeen")[0])

    def test_the_operator_may_open_that_again(self) -> None:
        world = Princeton(seal=SEALER, any_user_any_ticket=True)
        stranger = world.person("stranger", "user")
        self.assertIn("BEGIN PGP", world.call("GetSliceTicket", stranger, "princeton_codeen"))

    def test_a_ticket_says_who_where_what_and_until_when(self) -> None:
        self.world.call("AddSliceTag", ADMIN, "princeton_codeen", "cpu_share", "5")
        ticket = self.opened(self.world.call("GetSliceTicket", self.world.user, "princeton_codeen"))
        self.assertEqual((PLC, "princeton_codeen", NOW + days(14)), (ticket.issuer, str(ticket.slice), ticket.expires))
        self.assertEqual(((1, "node1.princeton.example"),), ticket.nodes)
        self.assertEqual([("user@princeton.example", (KEY,))], [(user.email, user.keys) for user in ticket.users])
        self.assertEqual(5, ticket.rspec.cpu_share)

    def test_version_3_gives_documents_for_delegated_slices_only(self) -> None:
        self.assertEqual(102, self.world.refused("SliceGetTicket", self.world.pi, "princeton_codeen")[0])
        self.world.call("UpdateSlice", self.world.pi, "princeton_codeen", {"instantiation": "delegated"})
        document = self.world.call("SliceTicketGet", self.world.pi, "princeton_codeen")
        self.assertEqual("princeton_codeen", str(self.opened(document).slice))

    def test_every_ticket_is_on_record_with_its_serial_and_to_whom(self) -> None:
        ticket = self.opened(self.world.call("GetSliceTicket", self.world.user, "princeton_codeen"))
        row = self.world.store(lambda store: store.ask("SELECT * FROM tickets"))[0]
        self.assertEqual((ticket.serial, 1, int(NOW)), (row["serial"], row["slice_id"], row["issued"]))
        self.assertEqual("user@princeton.example", self.world.get("Persons", row["person_id"])["email"])

    def test_without_a_key_the_fault_names_what_is_missing(self) -> None:
        code, text = Princeton().refused("GetSliceTicket", ADMIN, "princeton_codeen")
        self.assertEqual((111, True), (code, "ticket_key" in text))


class Fetching(Ticketed):
    def test_only_nodes_fetch(self) -> None:
        self.assertEqual(103, self.world.refused("GetNodeTickets", ADMIN, 0)[0])

    def test_the_first_time_gives_all_and_the_next_a_few_octets(self) -> None:
        first = self.fetched()
        self.assertEqual(["princeton_codeen"], self.names(first))
        again = self.fetched(first["stamp"])
        self.assertEqual({"stamp": first["stamp"], "now": NOW, "unchanged": True}, again)

    def test_what_nodes_fetch_does_not_list_them(self) -> None:
        for name in ("node2", "node3"):
            self.world.call("AddSliceToNodes", ADMIN, "princeton_codeen", [self.world.node(name)])
        (sealed,) = self.fetched()["tickets"]
        self.assertEqual((), self.opened(sealed).nodes)
        self.assertEqual(3, len(self.opened(self.world.call("GetSliceTicket", ADMIN, "princeton_codeen")).nodes))

    def test_a_sealed_ticket_is_kept_until_what_it_says_changes(self) -> None:
        self.assertEqual(self.fetched()["tickets"], self.fetched()["tickets"])

    def test_each_change_to_what_it_says_is_told(self) -> None:
        user = "user@princeton.example"
        tag = self.world.call("AddSliceTag", ADMIN, "princeton_codeen", "vsys", "a")
        for name, *args in (
            ("UpdateSlice", "princeton_codeen", {"description": "x", "url": "y"}),
            ("UpdateSliceTag", tag, "b"),
            ("DeleteSliceTag", tag),
            ("DeletePersonFromSlice", user, "princeton_codeen"),
            ("AddPersonToSlice", user, "princeton_codeen"),
            ("AddPersonKey", user, {"key_type": "ssh", "key": KEY + "2"}),
            ("DeleteKey", 1),
            ("UpdatePerson", user, {"enabled": False}),
        ):
            stamp = self.fetched()["stamp"]
            self.world.call(name, ADMIN, *args)
            self.assertEqual(["princeton_codeen"], self.names(self.fetched(stamp)), name)

    def test_a_change_elsewhere_is_nothing_new(self) -> None:
        stamp = self.fetched()["stamp"]
        other = self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceTag", ADMIN, other, "vsys", "a")
        self.assertTrue(self.fetched(stamp)["unchanged"])

    def test_a_slice_that_leaves_is_told_by_name_and_once(self) -> None:
        stamp = self.fetched()["stamp"]
        self.world.call("DeleteSliceFromNodes", ADMIN, "princeton_codeen", [1])
        gone = self.fetched(stamp)
        self.assertEqual(([], ["princeton_codeen"]), (gone["tickets"], gone["deleted"]))
        self.assertTrue(self.fetched(gone["stamp"])["unchanged"])

    def test_a_deleted_slice_is_told_by_name(self) -> None:
        stamp = self.fetched()["stamp"]
        self.world.call("DeleteSlice", ADMIN, "princeton_codeen")
        self.assertEqual(["princeton_codeen"], self.fetched(stamp)["deleted"])

    def test_delegated_slices_are_not_among_them(self) -> None:
        stamp = self.fetched()["stamp"]
        self.world.call("UpdateSlice", ADMIN, "princeton_codeen", {"instantiation": "delegated"})
        told = self.fetched(stamp)
        self.assertEqual(([], ["princeton_codeen"]), (told["tickets"], told["deleted"]))

    def test_controllers_and_system_slices_are_every_nodes_until_they_are_so_no_more(self) -> None:
        fields = {"name": "princeton_nmcontrol", "instantiation": "nm-controller"}
        changes = (
            ("princeton_nmcontrol", ("AddSlice", fields), ("DeleteSlice", "princeton_nmcontrol")),
            ("princeton_again", ("AddSlice", {**fields, "name": "princeton_again"}),
             ("UpdateSlice", "princeton_again", {"instantiation": "delegated"})),
            ("princeton_netflow", ("AddSliceTag", "princeton_netflow", "system", "1"),
             ("DeleteSlice", "princeton_netflow")),
            ("princeton_stork", ("AddSliceTag", "princeton_stork", "system", "1"), ("UpdateSliceTag", "0")),
            ("princeton_mom", ("AddSliceTag", "princeton_mom", "system", "1"), ("DeleteSliceTag",)),
        )  # fmt: skip
        for name in ("princeton_netflow", "princeton_stork", "princeton_mom"):
            self.world.call("AddSlice", ADMIN, {"name": name})
        nodes = (self.world.node_id, self.world.node("node2"))
        for name, begin, end in changes:
            stamps = {node: self.world.by_node(node, "GetNodeTickets", 0)["stamp"] for node in nodes}
            number = self.world.call(begin[0], ADMIN, *begin[1:])
            for node in nodes:
                told = self.world.by_node(node, "GetNodeTickets", stamps[node])
                self.assertEqual([name], self.names(told))
                stamps[node] = told["stamp"]
            number_first = (number,) if end[0].endswith("SliceTag") else ()
            self.world.call(end[0], ADMIN, *number_first, *end[1:])
            for node in nodes:
                told = self.world.by_node(node, "GetNodeTickets", stamps[node])
                self.assertEqual(([], [name]), (told["tickets"], told["deleted"]))
                self.assertTrue(self.world.by_node(node, "GetNodeTickets", told["stamp"])["unchanged"])
                self.assertNotIn(name, self.names(self.world.by_node(node, "GetNodeTickets", 0)))

    def test_a_system_slice_that_is_on_a_node_stays_there_when_it_is_one_no_more(self) -> None:
        tag = self.world.call("AddSliceTag", ADMIN, "princeton_codeen", "system", "1")
        stamp = self.fetched()["stamp"]
        self.world.call("DeleteSliceTag", ADMIN, tag)
        told = self.fetched(stamp)
        self.assertEqual((["princeton_codeen"], []), (self.names(told), told["deleted"]))

    def test_a_stamp_from_the_future_means_everything(self) -> None:
        self.assertEqual(["princeton_codeen"], self.names(self.fetched(2**31 - 1)))

    def test_a_node_never_sees_another_nodes(self) -> None:
        second = self.world.node("node2")
        self.assertEqual([], self.world.by_node(second, "GetNodeTickets", 0)["tickets"])
