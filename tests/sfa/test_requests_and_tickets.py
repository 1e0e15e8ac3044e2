"""What a request says of slivers is all that they have; tickets that were given here are redeemed here."""

from typing import Any

from planetlab.calls import Call
from planetlab.credentials import print_time
from planetlab.errors import BadArgument, Forbidden
from planetlab.refusals import BadTicket
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Kind
from slice_authority.sfa.replies import Replies
from slice_authority.sfa.visitor import Visitor
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.test_slivers import World
from tests.sfa.world import SLICE, anns_slice, by_itself, request

PL = "http://www.planet-lab.org/resources/sfa/ext/planetlab/1"


def tag(name: str, value: str) -> str:
    return f'<p:attribute xmlns:p="{PL}" name="{name}" value="{value}"/>'


class Amounts(World):
    def create(self, *tags: str, **options: Any) -> dict[str, str]:
        """The attributes of the sliver after a request with these."""
        text = self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[1], tags="".join(tags)), [], options)
        (node,) = codec.read(text["value"], Kind.MANIFEST).nodes
        pairs = node.slivers[0].tags
        self.assertEqual(len(pairs), len(dict(pairs)), pairs)
        return dict(pairs)

    def test_another_amount_takes_the_place_of_the_first(self) -> None:
        self.create(tag("cpu_share", "5"), tag("net_max_rate", "2000"))
        self.assertEqual({"cpu_share": "7"}, self.create(tag("cpu_share", "7")))
        self.assertEqual({}, self.create())

    def test_what_an_administrator_set_on_the_sliver_stays(self) -> None:
        self.create()
        self.world.call("AddSliceTag", ADMIN, "princeton_codeen", "nproc_hard", "100", self.hosts[1])
        self.assertEqual({"nproc_hard": "100", "cpu_share": "5"}, self.create(tag("cpu_share", "5")))

    def test_a_stopped_sliver_stays_stopped_when_its_amounts_change(self) -> None:
        self.create()
        self.am("Stop", SLICE, [self.held()])
        self.create(tag("cpu_share", "5"))
        self.assertEqual("unknown", self.am("SliverStatus", SLICE, [self.held()], {})["value"]["geni_status"])

    def test_the_option_pltags_appends_or_ignores(self) -> None:
        self.create(tag("cpu_share", "5"))
        self.assertEqual({"cpu_share": "5", "disk_max": "9"}, self.create(tag("disk_max", "9"), pltags="append"))
        self.assertEqual({"cpu_share": "5", "disk_max": "9"}, self.create(tag("disk_max", "1"), pltags="ignore"))
        text = request(self.hosts[1])
        assert isinstance(self.refused("CreateSliver", SLICE, [self.held()], text, [], {"pltags": "frob"}), BadArgument)

    def test_a_stranger_changes_its_own_amounts_too(self) -> None:
        def create(tags: str) -> Any:
            said: Any = ("epfl.lab.cdn", [anns_slice()], request(self.hosts[0], tags=tags), [], {})
            (node,) = codec.read(self.am("CreateSliver", *said, who=self.ann)["value"], Kind.MANIFEST).nodes
            return dict(node.slivers[0].tags)

        self.assertEqual("5", create(tag("cpu_share", "5"))["cpu_share"])
        self.assertEqual("6", create(tag("cpu_share", "6"))["cpu_share"])
        self.assertNotIn("cpu_share", create(""))

    def test_an_advertisement_sent_back_with_one_sliver_asks_for_that_node_alone(self) -> None:
        said = {"geni_rspec_version": {"type": "SFA", "version": "1"}}
        offer = self.am("ListResources", [self.world.own("user")], said)["value"]
        self.assertNotIn("<sliver", offer)
        chosen = f"<hostname>{self.hosts[1]}</hostname>"
        self.am("CreateSliver", SLICE, [self.held()], offer.replace(chosen, f"{chosen}<sliver/>"), [], {})
        self.assertEqual([self.hosts[1]], self.nodes())

    def test_a_manifest_of_sfa_1_says_how_its_nodes_are(self) -> None:
        self.create()
        said = {"geni_rspec_version": {"type": "SFA", "version": "1"}, "geni_slice_urn": SLICE}
        self.assertIn('boot_state="boot"', self.am("ListResources", [self.held()], said)["value"])

    def test_times_come_without_a_zone_or_from_now_on(self) -> None:
        self.create()
        self.world.call(
            "UpdateSlice", ADMIN, "princeton_codeen", {"description": "proxies", "url": "https://c.example/"}
        )
        for said, wanted in (
            (print_time(NOW + days(20)).rstrip("Z"), NOW + days(20)),
            ("+21d", NOW + days(21)),
            ("+4w", NOW + days(28)),
            ("+2m", NOW + days(56)),
        ):
            self.am("RenewSliver", SLICE, [self.held()], said, {})
            status = self.am("SliverStatus", SLICE, [self.held()], {})["value"]
            self.assertEqual(print_time(wanted), status["geni_expires"], said)
        for wrong in ("+d", "+5y", "-5d", "+99999d", "5d"):
            assert isinstance(self.refused("RenewSliver", SLICE, [self.held()], wrong, {}), BadArgument)


class Tickets(World):
    def ticket(self, host: int = 1) -> str:
        text: str = self.am("GetTicket", SLICE, [self.held()], request(self.hosts[host]), [])
        return text

    def reason(self, ticket: Any, who: Any = None, held: str = "") -> str:
        error = self.refused("RedeemTicket", ticket, [held or self.held()], who=who)
        return str(getattr(error, "reason", type(error).__name__))

    def test_what_is_sent_as_text_names_no_encoding(self) -> None:
        self.assertTrue(self.ticket().startswith('<?xml version="1.0"?>\n<ticket>'))

    def test_a_ticket_that_was_given_here_is_redeemed_here_again_and_again(self) -> None:
        text = self.ticket()
        for given in (text, text.encode()):
            self.assertEqual(1, self.am("RedeemTicket", given, [self.held()]))
        self.assertEqual(1, self.am("redeem_ticket", self.held(), text))
        self.assertIn(self.hosts[1], self.nodes())

    def test_a_ticket_makes_nothing_again_that_was_ended_since(self) -> None:
        text = self.ticket()
        self.am("DeleteSliver", SLICE, [self.held()])
        self.assertEqual("replayed-after-delete", self.reason(text))
        self.assertEqual([], self.nodes())
        self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[2]), [], {})
        self.assertEqual("replayed-after-delete", self.reason(text))

    def test_one_bit_more_or_less_is_no_ticket(self) -> None:
        text = self.ticket()
        self.assertEqual("forged", self.reason(text.replace(self.hosts[1], self.hosts[2])))
        self.assertEqual("malformed", self.reason(text[:-40]))
        self.assertEqual("unsigned", self.reason("<ticket/>"))
        for junk in (7, None, ["x"]):
            self.assertEqual("BadArgument", self.reason(junk))

    def test_a_ticket_that_is_in_no_book_is_refused_though_its_signature_holds(self) -> None:
        text = self.ticket()
        self.world.store(lambda store: store.change("DELETE FROM tickets"))
        self.assertEqual("forged", self.reason(text))

    def test_only_who_acts_for_the_slice_redeems_its_ticket(self) -> None:
        text = self.ticket()
        self.assertEqual("not-permitted", self.reason(text, self.ann, anns_slice()))
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddPersonToSlice", ADMIN, "user@princeton.example", "princeton_other")
        other = self.world.on("user", "plc.princeton.other", "slice")
        self.assertEqual("not-permitted", self.reason(text, held=other))

    def test_a_ticket_is_over_when_its_time_is_and_stopped_by_a_shutdown(self) -> None:
        text, held = self.ticket(), self.held()
        self.am("Shutdown", SLICE, [held])
        assert isinstance(self.refused("RedeemTicket", text, [held]), Forbidden)
        self.world.clock.advance(days(15))
        error = self.refused("RedeemTicket", text, [held])
        self.assertIn("expired", str(error))

    def test_a_refused_ticket_says_what_every_node_would(self) -> None:
        assert isinstance(self.refused("RedeemTicket", "<ticket/>", [self.held()]), BadTicket)


class CallsOf2008(World):
    def test_the_slice_is_that_of_the_credential_where_none_is_named(self) -> None:
        held = self.held()
        self.am("CreateSliver", SLICE, [held], request(self.hosts[1]), [], {})
        for name in ("stop_slice", "start_slice", "delete_slice"):
            self.assertEqual(1, self.am(name, held), name)
        self.assertEqual([], self.nodes())
        assert isinstance(self.refused("stop_slice", held, 7), BadArgument)

    def test_somebody_is_here(self) -> None:
        self.assertEqual(1, self.am("noop"))

    def test_the_registry_gives_tickets_as_it_did(self) -> None:
        said = (self.held(), SLICE, request(self.hosts[0]))
        self.assertIn("<ticket>", self.world.sfa(self.user, "get_ticket", *said))

    def test_records_have_their_parts_in_structs_of_their_own(self) -> None:
        (record,) = self.world.sfa(self.user, "resolve", self.world.own("user"), SLICE)
        self.assertEqual("princeton_codeen", record["pl_info"]["name"])
        self.assertEqual(["plc.princeton.user"], record["geni_info"]["researcher"])
        self.assertNotIn("gid", record["pl_info"])

    def test_what_is_registered_may_stand_in_those_structs(self) -> None:
        authority = self.world.sfa(self.pi(), "get_credential", self.world.own("pi"), "authority", "plc.princeton")
        said = {
            "type": "slice", "hrn": "plc.princeton.old", "pl_info": {"description": "in 2008"},
            "geni_info": {"researcher": ["plc.princeton.user"]},
        }  # fmt: skip
        self.world.sfa(self.pi(), "register", authority, said)
        one = self.world.get("Slices", "princeton_old")
        self.assertEqual("in 2008", one["description"])
        self.assertEqual(1, len(one["person_ids"]))

    def pi(self) -> Any:
        return by_itself("pi")


class HowRegistriesRefuse(World):
    def test_later_callers_hear_2_for_no_such_record_and_old_ones_102(self) -> None:
        error = self.world.refusal(self.user, "Resolve", "plc.princeton.nobody", [self.world.own("user")])
        method = self.world.api["Resolve"]

        def fault(modern: bool) -> int:
            call = self.world.desk.look_now(lambda store: _call(Visitor(self.user, modern), store))
            return int(Replies().refuse(error, method.name, call).faultCode)

        self.assertEqual([102, 2], [fault(False), fault(True)])


def _call(visitor: Visitor, store: Any) -> Any:
    return Call(visitor, frozenset(), store, store.now, "Resolve", "192.0.2.9")
