"""What a peer's answer means: what is believed of it, what is skipped, and what is never done because of it."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from planetlab import copies, copy_plan
from planetlab.copies import Held, Here
from planetlab.errors import PeerError

NOW = 1_700_000_000.0
LATER = int(NOW) + 86_400
WORDS = {
    "BootState": frozenset({"boot", "safeboot", "reinstall", "disabled"}),
    "NodeType": frozenset({"regular", "reservable"}),
    "KeyType": frozenset({"ssh"}),
    "SliceInstantiation": frozenset({"plc-instantiated", "delegated"}),
    "RunLevel": frozenset({"boot"}),
}
SITE = {"site_id": 1, "name": "Lausanne", "abbreviated_name": "EPFL", "login_base": "lausanne", "hrn": "epfl.lausanne"}
KEY = {"key_id": 1, "key_type": "ssh", "key": "ssh-rsa AAAA"}
PERSON = {
    "person_id": 1, "email": "PI@Lausanne.example", "first_name": "P", "last_name": "I", "enabled": True,
    "key_ids": [1], "site_ids": [1], "role_ids": [20],
}  # fmt: skip
NODE = {"node_id": 1, "hostname": "n1.lausanne.example", "site_id": 1, "boot_state": "boot", "node_type": "regular"}
SLICE = {
    "slice_id": 1, "name": "lausanne_one", "site_id": 1, "expires": LATER, "instantiation": "delegated",
    "creator_person_id": 1, "node_ids": [1], "person_ids": [1], "max_nodes": 5,
}  # fmt: skip
ANSWER = {"Sites": [SITE], "Keys": [KEY], "Persons": [PERSON], "Nodes": [NODE], "Slices": [SLICE], "db_time": 0.5}
NOUNS = ("Site", "Key", "Person", "Node", "Slice")
EMPTY = Here(
    held={noun: {} for noun in NOUNS},
    taken={},
    words=WORDS,
    own_nodes={7: frozenset(), 8: frozenset({99})},
    own_login_bases=frozenset({"princeton"}),
    roles=frozenset({10, 20, 30, 40}),
    links={kind: frozenset() for kind in copies.LINKS},
    hrn_root="epfl",
)


def plan(here=EMPTY, now=NOW, **changes):
    return copy_plan.plan(copies.read({**ANSWER, **changes}), here, now)


def after(done, here=EMPTY):
    """What is held when a plan made for nothing held was carried out; numbers here are the peer's and a hundred."""
    held = {
        noun: {theirs: Held(theirs + 100, {**_defaults(noun), **values}) for theirs, values in done.new[noun]}
        for noun in NOUNS
    }
    return evolve(here, held=held, links=done.joined)


def _defaults(noun):
    return {column: None for each in copies.NOUNS if each.record.name == noun for column in each.columns}


class Reading(SynchronousTestCase):
    def test_an_answer_that_is_none_is_refused_as_a_whole(self):
        for wrong in (
            [], None, "x", {}, {**ANSWER, "Sites": None}, {**ANSWER, "Sites": []}, {**ANSWER, "Nodes": {}},
            {**ANSWER, "Keys": [1]}, {**ANSWER, "Slices": [{}]}, {**ANSWER, "Persons": [{**PERSON, "person_id": True}]},
            {**ANSWER, "Nodes": [{**NODE, "node_id": -1}]}, {**ANSWER, "Nodes": [{**NODE, "node_id": 2**31}]},
            {**ANSWER, "PeerNodes": 5}, {**ANSWER, "Sites": [SITE] * (copies.SITES.most + 1)},
        ):  # fmt: skip
            self.assertRaises(PeerError, copies.read, wrong)

    def test_what_the_peer_has_from_others_is_not_taken_from_it(self):
        self.assertEqual({}, copies.read({**ANSWER, "Nodes": [{**NODE, "peer_id": 3}]}).rows["Node"])


class Believing(SynchronousTestCase):
    def skipped(self, **changes):
        return {(noun, number) for noun, number, _ in plan(**changes).skipped}

    def test_every_object_is_taken_over_with_its_links(self):
        done = plan()
        self.assertEqual((), done.skipped)
        self.assertEqual({"pi@lausanne.example"}, {values["email"] for _, values in done.new["Person"]})
        self.assertEqual({(1, (False, 1))}, done.joined["slice_node"])
        self.assertEqual({(1, 1)}, done.joined["person_key"])
        self.assertEqual({(1, 20)}, done.joined["person_role"])
        self.assertEqual("epfl.lausanne", done.new["Site"][0][1]["hrn"])

    def test_hostile_values_skip_their_object_only(self):
        for noun, row, wrong in (
            ("Nodes", NODE, {"hostname": "x"}), ("Nodes", NODE, {"hostname": 5}),
            ("Nodes", NODE, {"boot_state": "fly"}),
            ("Nodes", NODE, {"hostname": "<script>.example"}), ("Nodes", NODE, {"version": "v" * 65}),
            ("Slices", SLICE, {"name": "lausanne"}), ("Slices", SLICE, {"expires": True}),
            ("Slices", SLICE, {"expires": 2**40}), ("Slices", SLICE, {"expires": float("nan")}),
            ("Slices", SLICE, {"expires": int(NOW)}), ("Slices", SLICE, {"description": "é" * 1025}),
            ("Slices", SLICE, {"name": "princeton_codeen"}), ("Slices", SLICE, {"instantiation": "nm-controller"}),
            ("Keys", KEY, {"key_type": "rot13"}), ("Keys", KEY, {"key": None}), ("Keys", KEY, {"key": "k" * 4097}),
            ("Persons", PERSON, {"email": "nobody"}), ("Persons", PERSON, {"first_name": ["x"]}),
            ("Sites", SITE, {"login_base": "UPPER"}), ("Sites", SITE, {"latitude": 91.0}),
            ("Sites", SITE, {"name": ""}),
        ):  # fmt: skip
            key = {
                "Nodes": "node_id",
                "Slices": "slice_id",
                "Keys": "key_id",
                "Persons": "person_id",
                "Sites": "site_id",
            }
            good, bad = row, {**row, key[noun]: 2, **_apart(noun), **wrong}
            skipped = self.skipped(**{noun: [good, bad]})
            self.assertEqual({(noun.removesuffix("s"), 2)}, skipped, f"{noun} {wrong}")

    def test_what_depends_on_a_skipped_object_is_skipped_too(self):
        self.assertEqual(
            {("Site", 1), ("Node", 1), ("Slice", 1)}, self.skipped(Sites=[{**SITE, "login_base": "UPPER"}])
        )

    def test_a_name_that_somebody_else_has_is_left_to_him(self):
        here = evolve(EMPTY, taken={"Node": frozenset({"n1.lausanne.example"}), "Slice": frozenset({"lausanne_one"})})
        done = plan(here)
        self.assertEqual(({}, {}), (dict(done.new["Node"]), dict(done.new["Slice"])))

    def test_of_two_with_one_name_the_one_that_had_it_keeps_it(self):
        here = after(plan())
        done = plan(here, Nodes=[{**NODE, "node_id": 0 + 1}, {**NODE, "node_id": 2}])
        self.assertEqual(["Node"], [noun for noun, _, _ in done.skipped])
        self.assertEqual((), done.gone["Node"])

    def test_two_that_swap_their_names_both_change(self):
        two = {**NODE, "node_id": 2, "hostname": "n2.lausanne.example"}
        here = after(plan(Nodes=[NODE, two]))
        swapped = [{**NODE, "hostname": "n2.lausanne.example"}, {**two, "hostname": "n1.lausanne.example"}]
        self.assertEqual(2, len(plan(here, Nodes=swapped).changed["Node"]))

    def test_words_of_older_releases_are_understood(self):
        for old, new in copies.OLD_BOOT_STATES.items():
            self.assertEqual(new, plan(Nodes=[{**NODE, "boot_state": old}]).new["Node"][0][1]["boot_state"])
        bare = {key: value for key, value in NODE.items() if key != "node_type"}
        self.assertNotIn("node_type", plan(Nodes=[{**bare, "nodenetwork_ids": [3]}]).new["Node"][0][1])

    def test_names_outside_of_the_peers_own_subtree_are_not_kept(self):
        for wrong in ("plc.lausanne", "epflx.lausanne", "", 5, "epfl"):
            self.assertNotIn("hrn", plan(Sites=[{**SITE, "hrn": wrong}]).new["Site"][0][1], wrong)

    def test_blacklisted_keys_stay_out(self):
        self.assertEqual((), plan(evolve(EMPTY, refused_keys=frozenset({KEY["key"]}))).new["Key"])

    def test_our_own_nodes_are_told_by_the_peers_number_and_their_whitelists_hold(self):
        ours = [
            {"node_id": 50, "peer_node_id": 7},
            {"node_id": 51, "peer_node_id": 8},
            {"node_id": 52, "peer_node_id": 9},
        ]
        slices = [{**SLICE, "node_ids": [1, 50, 51, 52, 53]}]
        self.assertEqual({(1, (False, 1)), (1, (True, 7))}, plan(PeerNodes=ours, Slices=slices).joined["slice_node"])
        listed = evolve(after(plan()), own_nodes={8: frozenset({101})})
        self.assertIn((1, (True, 8)), plan(listed, PeerNodes=ours, Slices=slices).joined["slice_node"])


def _apart(noun):
    return {
        "Nodes": {"hostname": "n2.lausanne.example"},
        "Slices": {"name": "lausanne_two"},
        "Persons": {"email": "p2@lausanne.example"},
        "Sites": {"login_base": "lausanne2"},
    }.get(noun, {})


class Agreeing(SynchronousTestCase):
    def test_a_plan_for_what_is_held_already_is_empty(self):
        self.assertTrue(plan(after(plan())).is_empty)

    def test_only_what_differs_is_changed(self):
        done = plan(after(plan()), Nodes=[{**NODE, "boot_state": "safeboot"}])
        self.assertEqual(((101, {"boot_state": "safeboot"}),), done.changed["Node"])
        self.assertEqual((), done.changed["Site"])

    def test_empty_tables_are_no_error(self):
        self.assertEqual((), plan(Keys=[], Persons=[], Nodes=[], Slices=[]).skipped)

    def test_disabled_persons_go(self):
        self.assertEqual((101,), plan(after(plan()), Persons=[{**PERSON, "enabled": False}]).gone["Person"])


class DeletionGuard(SynchronousTestCase):
    def setUp(self):
        self.nodes = [{**NODE, "node_id": n, "hostname": f"n{n}.lausanne.example"} for n in range(1, 41)]
        self.here = after(plan(Nodes=self.nodes))

    def test_an_answer_that_takes_most_away_is_not_believed_the_first_time(self):
        done = plan(self.here, Nodes=[])
        self.assertEqual((40, ()), (done.doubted, done.gone["Node"]))
        self.assertEqual(40, len(plan(evolve(self.here, doubted=40), Nodes=[]).gone["Node"]))

    def test_another_loss_than_the_one_announced_is_doubted_again(self):
        done = plan(evolve(self.here, doubted=40), Nodes=self.nodes[:1])
        self.assertEqual((39, ()), (done.doubted, done.gone["Node"]))

    def test_a_few_go_at_once(self):
        self.assertEqual(10, len(plan(self.here, Nodes=self.nodes[10:]).gone["Node"]))

    def test_a_name_that_is_kept_in_doubt_is_not_given_away(self):
        done = plan(self.here, Nodes=[{**NODE, "node_id": 99}])
        self.assertEqual([("Node", 99)], [(noun, number) for noun, number, _ in done.skipped])
