"""The service registry of the Federation API: where the services are, and which roots are believed."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.names import Hrn
from slice_authority.sfa.places import Neighbour, Places
from tests.geni.world import CODEEN, PLACES, PLC, USER, GeniWorld

ELSEWHERE = Neighbour(Hrn(("epfl",)), "https://epfl.example:12346/")


class TheRegistry(SynchronousTestCase):
    def setUp(self) -> None:
        places = Places(host=PLACES.host, registry=PLACES.registry, aggregate=PLACES.aggregate, aggregates=(ELSEWHERE,))
        self.world = GeniWorld(sfa_places=places)

    def sr(self, name: str, *args: Any) -> Any:
        return self.world.value(None, "sr", name, *args)

    def test_nobody_need_show_who_asks(self) -> None:
        said = self.sr("get_version")
        self.assertEqual((["SERVICE"], "https://plc.example:12345/SR"), (said["SERVICES"], said["API_VERSIONS"]["2"]))

    def test_services_are_a_list_and_found_by_type_as_number_or_word(self) -> None:
        self.assertEqual(4, len(self.sr("lookup", "SERVICE", [], {})))
        for said in (0, "0", "AGGREGATE_MANAGER", ["AGGREGATE_MANAGER"]):
            found = self.sr("lookup", "SERVICE", [], {"match": {"SERVICE_TYPE": said}})
            self.assertEqual([PLACES.aggregate, ELSEWHERE.url], [one["SERVICE_URL"] for one in found])
        self.assertEqual(3, self.world.code(None, "sr", "lookup", "SERVICE", [], {"match": {"COLOUR": 1}}))
        self.assertEqual(3, self.world.code(None, "sr", "lookup", "SLICE", [], {}))

    def test_the_place_of_the_credentials_may_be_left_out(self) -> None:
        match = {"match": {"SERVICE_TYPE": "MEMBER_AUTHORITY"}}
        self.assertEqual(self.sr("lookup", "SERVICE", [], match), self.sr("lookup", "SERVICE", match))
        self.assertEqual(4, len(self.sr("lookup", "SERVICE")))

    def test_each_kind_has_its_own_call(self) -> None:
        for name, path in (("slice_authorities", "SA"), ("member_authorities", "MA")):
            [one] = self.sr(f"lookup_{name}", {"filter": ["SERVICE_URL"]})
            self.assertEqual({"SERVICE_URL": f"https://plc.example:12345/{path}"}, one)
        self.assertEqual(2, len(self.sr("lookup_aggregates")))

    def test_names_lead_to_the_services_that_answer_for_them_unlike_at_geni_ch(self) -> None:
        said = self.sr("lookup_authorities_for_urns", [USER, CODEEN, "urn:publicid:IDN+epfl+user+x"])
        self.assertEqual({USER: "https://plc.example:12345/MA", CODEEN: "https://plc.example:12345/SA"}, said)
        self.assertEqual(3, self.world.code(None, "sr", "lookup_authorities_for_urns", ["nonsense.."]))

    def test_the_trusted_roots_are_told(self) -> None:
        self.assertTrue(all("BEGIN CERTIFICATE" in one for one in self.sr("get_trust_roots")))
        self.assertIn(f"{PLC}+authority+sr", self.sr("get_version")["URN"])
