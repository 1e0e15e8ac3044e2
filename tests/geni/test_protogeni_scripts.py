"""What ProtoGENI's scripts call at a slice authority: one struct per call, names that may lack their authority."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import credentials
from planetlab.credentials import print_time
from tests.geni.world import CODEEN, PLC, USER, GeniWorld
from tests.registry.world import NOW, days
from tests.sfa.world import ssh

BADARGS, FORBIDDEN, SEARCHFAILED, UNSUPPORTED, EXISTS = 1, 3, 12, 13, 17


class Scripts(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()

    def sa(self, who: str, name: str, *args: Any) -> Any:
        return self.world.value(who, "pg", name, *args)

    def opened(self, text: str) -> credentials.Credential:
        return credentials.open_credential(text.encode(), self.world.store(self.world.plc.sfa.trust), NOW)

    def test_getting_ones_own_credential_takes_an_empty_struct_or_nothing(self) -> None:
        for args in ((), ({},)):
            self.assertEqual(USER, str(self.opened(self.sa("user", "GetCredential", *args)).object.urn))

    def test_the_sequence_of_a_script_that_makes_a_slice(self) -> None:
        mine = self.sa("pi", "GetCredential", {})
        asked = {"credential": mine, "type": "Slice", "hrn": "mytestslice"}
        self.assertEqual(SEARCHFAILED, self.world.code("pi", "pg", "Resolve", asked))
        made = self.opened(self.sa("pi", "Register", asked))
        self.assertEqual(f"{PLC}:princeton+slice+mytestslice", str(made.object.urn))
        there = self.sa("pi", "Resolve", asked)
        self.assertEqual("plc.princeton.mytestslice", there["hrn"])
        again = self.opened(self.sa("pi", "GetCredential", {**asked, "urn": there["urn"]}))
        self.assertEqual(there["urn"], str(again.object.urn))
        self.assertEqual([{"type": "ssh", "key": ssh("pi")}], self.sa("pi", "GetKeys", {"credential": mine}))
        until = print_time(NOW + days(20))
        renewed = self.sa("pi", "RenewSlice", {"credential": mine, "slice_urn": there["urn"], "expiration": until})
        self.assertEqual(NOW + days(20), self.opened(renewed).expires)
        self.assertEqual(1, self.sa("pi", "Remove", asked))
        self.assertEqual(SEARCHFAILED, self.world.code("pi", "pg", "Resolve", asked))

    def test_a_name_without_an_authority_lies_below_the_callers_site(self) -> None:
        for said in ({"hrn": "codeen"}, {"hrn": "plc.princeton.codeen"}, {"urn": CODEEN}):
            self.assertEqual(CODEEN, self.sa("user", "Resolve", {"type": "Slice", **said})["urn"])
        self.assertEqual(USER, self.sa("pi", "Resolve", {"type": "User", "hrn": "user"})["urn"])

    def test_addresses_are_for_oneself(self) -> None:
        self.assertNotIn("email", self.sa("pi", "Resolve", {"type": "User", "urn": USER}))
        self.assertEqual("user@princeton.example", self.sa("user", "Resolve", {"type": "User", "urn": USER})["email"])

    def test_refusals_are_structs_with_a_number(self) -> None:
        for code, who, name, args in (
            (FORBIDDEN, "eve", "GetCredential", ({},)),
            (FORBIDDEN, "tech", "GetCredential", ({"type": "Slice", "urn": CODEEN},)),
            (FORBIDDEN, "tech", "Remove", ({"type": "Slice", "urn": CODEEN},)),
            (FORBIDDEN, "user", "Register", ({"type": "Slice", "hrn": "mine"},)),
            (EXISTS, "pi", "Register", ({"type": "Slice", "hrn": "codeen"},)),
            (BADARGS, "pi", "Register", ({"type": "User", "hrn": "x"},)),
            (BADARGS, "pi", "Resolve", ({"type": "Node", "hrn": "x"},)),
            (BADARGS, "pi", "Resolve", ("x",)),
            (BADARGS, "pi", "Resolve", ({"type": "Slice"},)),
            (BADARGS, "pi", "RenewSlice", ({"slice_urn": CODEEN, "expiration": "soon"},)),
            (UNSUPPORTED, "pi", "BindToSlice", ({},)),
        ):
            self.assertEqual(code, self.world.code(who, "pg", name, *args), f"{who} {name} {args}")

    def test_the_clearinghouse_says_who_calls_and_lists_components(self) -> None:
        self.assertEqual(USER, self.sa("user", "WhoAmI", {})["urn"])
        [one] = self.sa("user", "ListComponents", {})
        self.assertEqual((f"{PLC}+authority+cm", "plc.cm"), (one["urn"], one["hrn"]))
        self.assertEqual(1.01, self.sa("user", "GetVersion"))
