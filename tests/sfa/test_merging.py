"""What the slice interface makes of aggregates' answers, good and bad ones together."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.ask import Outcome
from planetlab.errors import PeerError, Unreachable
from planetlab.names import Hrn
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Kind
from slice_authority.sfa import manager, merging
from slice_authority.sfa.manager import Seen
from slice_authority.sfa.places import Neighbour
from slice_authority.sfa.visitor import Visitor
from tests.registry.world import NOW
from tests.sfa.world import SfaWorld, by_itself

PLC, EPFL = Neighbour(Hrn(("plc",)), ""), Neighbour(Hrn(("epfl",)), "https://epfl.example:12346/")
GENI3 = {"geni_rspec_version": {"type": "GENI", "version": "3"}}


def asked(name: str, *args: Any, modern: bool = True, **options: Any) -> Any:
    return merging.Asked(name, (*args, options), options, Visitor(by_itself("user"), modern))


class Merging(SynchronousTestCase):
    def setUp(self) -> None:
        world = SfaWorld()
        self.own = world.am(by_itself("user"), "ListResources", [world.own("user")], GENI3)["value"]
        self.theirs = self.own.replace("+plc+", "+epfl+").replace("+plc:", "+epfl:").replace("node1", "node9")

    def answer(self, what: Any, *values: Any) -> Any:
        outcomes = [
            Outcome(place, error=value) if isinstance(value, Exception) else Outcome(place, value=value)
            for place, value in zip((PLC, EPFL), values, strict=True)
        ]
        return merging.answer(what, outcomes, PLC.hrn)

    def test_nodes_of_all_stand_in_one_document(self) -> None:
        answer = self.answer(asked("ListResources", [], **GENI3), self.own, self.theirs)
        nodes = codec.read(answer["value"], Kind.ADVERTISEMENT).nodes
        self.assertEqual(
            ["node1.princeton.example", "node9.princeton.example"], sorted(node.hostname for node in nodes)
        )
        self.assertEqual("", answer["output"])

    def test_one_that_tells_of_anothers_nodes_is_not_believed_about_them(self) -> None:
        lie = self.own.replace("node1", "node666")
        answer = self.answer(asked("ListResources", [], **GENI3), self.own, lie)
        self.assertNotIn("node666", answer["value"])

    def test_nonsense_from_one_takes_nothing_from_the_others(self) -> None:
        for bad in ("<rspec", 7, None, [], "x" * 100, "<!DOCTYPE a>" + self.own, Unreachable("no answer within 20 s")):
            answer = self.answer(asked("ListResources", [], **GENI3), self.own, bad)
            self.assertIn("node1", answer["value"])
            self.assertIn("epfl: ", answer["output"], repr(bad)[:40])
        for name, good, bad in (
            ("ListSlices", ["urn:a"], {"a": 1}),
            ("ListSlices", ["urn:a"], [1]),
            ("SliverStatus", {"geni_status": "ready", "geni_resources": [{}]}, ["ready"]),
            ("SliverStatus", {"geni_status": "ready", "geni_resources": [{}]}, {"geni_resources": 4}),
        ):
            answer = self.answer(asked(name, "x", []), good, bad)
            self.assertTrue(answer["value"])
            self.assertEqual("success", answer["statistics"][0]["status"])
            self.assertIn("cannot be read", answer["statistics"][1]["status"])

    def test_when_nobody_can_be_understood_it_is_an_error(self) -> None:
        self.assertRaises(PeerError, self.answer, asked("ListSlices", []), None, 5)

    def test_the_worst_state_is_that_of_the_whole(self) -> None:
        parts = [{"geni_status": word, "geni_resources": [{"geni_urn": word}]} for word in ("ready", "configuring")]
        answer = self.answer(asked("SliverStatus", "x", []), *parts)["value"]
        self.assertEqual(("configuring", 2), (answer["geni_status"], len(answer["geni_resources"])))

    def test_callers_of_2010_read_of_failures_in_a_comment(self) -> None:
        said = self.answer(asked("ListResources", [], modern=False, **GENI3), self.own, Unreachable("gone -- away"))
        self.assertIn("<!-- epfl: gone - - away -->", said)
        self.assertTrue(codec.read(said.replace("<!-- epfl: gone - - away -->", ""), Kind.ADVERTISEMENT).nodes)


class Loops(SynchronousTestCase):
    def test_an_id_is_known_for_five_minutes_and_not_for_ever(self) -> None:
        seen = Seen()
        self.assertEqual([False, True], [seen.again("a", NOW), seen.again("a", NOW + 200)])
        self.assertFalse(seen.again("a", NOW + 200 + manager.REMEMBERED))

    def test_a_flood_of_ids_is_forgotten_oldest_first(self) -> None:
        seen = Seen()
        for number in range(manager.MOST_IDS + 50):
            seen.again(str(number), NOW)
        self.assertTrue(seen.again(str(manager.MOST_IDS + 40), NOW))
        self.assertFalse(seen.again("0", NOW))
