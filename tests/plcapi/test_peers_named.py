"""Peers as admins write them and others see them, and what is bound to them, call after call."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus, Id

GOOD = {"peername": "P2", "peer_url": "https://x.example/PLCAPI/"}


class Peers(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def holds(self, *calls: tuple[Any, ...]) -> None:
        """Each call is (code or 0, method, arguments...), made one after the other by an admin."""
        for code, method, *said in calls:
            args = self.campus.value(said)
            self.assertEqual(code, self.campus.code("admin", method, *args), (method, args))

    def test_a_peer_has_a_name_of_its_own_and_an_address_by_https_that_ends_in_a_slash(self) -> None:
        self.holds(
            *((102, "AddPeer", said) for said in ({}, {"peername": "x"}, {"peer_url": "https://x/"})),
            *(
                (102, "AddPeer", {**GOOD, "peer_url": url})
                for url in ("http://x/", "https://x", "https://x/a", "", "x")
            ),
            *((102, "AddPeer", {**GOOD, "peername": name}) for name in ("", 5, None, "Example Europe")),
            *((102, "AddPeer", {**GOOD, name: None}) for name in ("key", "cacert", "shortname", "hrn_root")),
            (
                0,
                "AddPeer",
                {**GOOD, "peername": " ", "peer_url": "HTTPS://x/", "zzz": 5, "site_ids": [1], "peer_id": 77},
            ),
            (0, "AddPeer", {**GOOD, "peername": "é" * 3000, "key": "k" * 100_000, "shortname": "", "hrn_root": ""}),
            (0, "AddPeer", GOOD),
            (102, "AddPeer", GOOD),
            *((0, "UpdatePeer", "P2", said) for said in ({}, {"peername": "P2"}, {"shortname": "ab", "cacert": ""})),
            *((102, "UpdatePeer", key, {}) for key in ("zz", 99, [1], None)),
            (106, "UpdatePeer", True, {}),
            *((102, "UpdatePeer", "P2", said) for said in (None, {"peername": "Example Europe"}, {"peer_url": None})),
            (0, "DeletePeer", "P2"),
            (102, "DeletePeer", "P2"),
            (0, "AddPeer", GOOD),
        )

    def test_an_object_is_bound_once_to_the_one_peer_of_that_short_name_under_a_number_of_its_own(self) -> None:
        bind = "BindObjectToPeer"
        self.holds(
            (0, "AddPeer", {**GOOD, "shortname": "ab"}),
            (102, bind, "site", Id("site"), "ab", 1),  # looked up in capitals
            (0, "UpdatePeer", "P2", {"shortname": "AB"}),
            *((102, bind, kind, Id("site"), "AB", 1) for kind in ("sites", "", "peer")),
            *((102, bind, "site", key, "AB", 1) for key in (999, "1", None)),
            (106, bind, "site", True, "AB", 1),
            (0, bind, "SITE", Id("site"), "ab", 1),
            (0, bind, "site", Id("site"), "AB", 5),  # it stays 1
            (106, bind, "site", Id("mit"), "AB", 1),
            (0, bind, "site", Id("mit"), "AB", 0),
            (106, bind, "site", 1, "AB", 0),
            (106, bind, "site", Id("mit"), "PLE", 3),
            (106, bind, "node", Id("node"), "AB", 2**31),
            (0, bind, "node", Id("node"), "AB", -5),
            (0, "UnBindObjectFromPeer", "site", Id("mit"), "PLE"),  # another's: nothing happens
            (0, "UnBindObjectFromPeer", "site", Id("site"), "AB"),
            (0, "UnBindObjectFromPeer", "site", Id("site"), "AB"),
            (102, "UnBindObjectFromPeer", "site", 999, "AB"),
            (101, "UnBindObjectFromPeer", "site", Id("site"), "AB", 1),
            (0, "AddPeer", {**GOOD, "peername": "P3", "shortname": "AB"}),
            (102, bind, "site", Id("site"), "AB", 9),  # which of the two?
            (0, "DeletePeer", "P3"),
            (0, bind, "site", Id("site"), "AB", 9),
            (0, "DeletePeer", "P2"),
        )
        sites = [self.campus.ids["site"], self.campus.ids["mit"]]
        self.assertEqual([], self.campus.call("GetSites", self.campus.auth("admin"), sites, ["site_id"]))

    def test_keys_of_peers_are_for_admins(self) -> None:
        for who in ("pi", "user", "node"):
            told = self.campus.call("GetPeers", self.campus.auth(who, ["Example Europe"]), ["Example Europe"])
            self.assertEqual(([1], set()), ([row["peer_id"] for row in told], {"key", "cacert"} & set(told[0])))
