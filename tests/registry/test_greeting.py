"""Who calls: every way to show it, every way to fail, with the original's codes."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.both.passwords import Guesses, fits, kept, md5_crypt
from tests.registry.world import ADMIN, KEY, NOW, Princeton, World


class Passwords(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_no_struct_no_members_no_method_and_an_unknown_method_are_102(self) -> None:
        for auth in (None, "x", {}, {"AuthMethod": "password"}, {"AuthMethod": 1}, {"AuthMethod": "magic"}):
            self.assertEqual(102, self.world.refused("AuthCheck", auth)[0], auth)

    def test_the_count_of_arguments_is_checked_before_the_caller(self) -> None:
        self.assertEqual(101, self.world.refused("AuthCheck")[0])
        self.assertEqual(101, self.world.refused("AddSite", {"AuthMethod": "nonsense"})[0])

    def test_a_wrong_password_and_an_unknown_name_are_the_same_103(self) -> None:
        self.assertEqual(103, self.world.refused("AuthCheck", {**ADMIN, "AuthString": "guess"})[0])
        self.assertEqual(103, self.world.refused("AuthCheck", {**ADMIN, "Username": "nobody@plc.example"})[0])

    def test_a_right_one_is_taken_in_any_case_of_the_address(self) -> None:
        self.assertEqual(1, self.world.call("AuthCheck", {**ADMIN, "Username": "ROOT@plc.example"}))

    def test_a_disabled_or_deleted_account_cannot_call(self) -> None:
        pi = self.world.person("pi", "pi")
        self.assertEqual(1, self.world.call("AuthCheck", pi))
        self.world.call("UpdatePerson", ADMIN, pi["Username"], {"enabled": False})
        self.assertEqual(103, self.world.refused("AuthCheck", pi)[0])

    def test_a_person_without_a_role_for_the_method_is_told_which_it_needs(self) -> None:
        code, text = self.world.refused("AddSite", self.world.person("user", "user"), {})
        self.assertEqual(103, code)
        self.assertIn("needs one of admin", text)

    def test_after_ten_wrong_guesses_nothing_is_computed_for_a_while(self) -> None:
        for _ in range(10):
            self.world.refused("AuthCheck", {**ADMIN, "AuthString": "guess"})
        self.assertIn("try again in", self.world.refused("AuthCheck", ADMIN)[1])
        self.assertEqual(1, self.world.call("AuthCheck", ADMIN, address="192.0.2.99"))
        self.world.clock.advance(301)
        self.assertEqual(1, self.world.call("AuthCheck", ADMIN))

    def test_the_maintenance_account_calls_from_its_addresses_only(self) -> None:
        auth = {"AuthMethod": "capability", "Username": "maint@localhost.localdomain", "AuthString": "kept secret"}
        self.assertEqual(1, self.world.call("AuthCheck", auth))
        self.assertEqual(103, self.world.refused("AuthCheck", auth, address="192.0.2.99")[0])
        self.assertEqual(103, self.world.refused("AuthCheck", {**auth, "AuthString": "wrong"})[0])

    def test_new_passwords_are_scrypt_and_the_originals_hashes_still_fit(self) -> None:
        self.assertTrue(kept("s3cret").startswith("$scrypt$"))
        self.assertTrue(fits(kept("s3cret"), "s3cret"))
        self.assertFalse(fits(kept("s3cret"), "s3creT"))
        legacy = "$1$abcdefgh$" + md5_crypt("s3cret", "abcdefgh").rpartition("$")[2]
        self.assertTrue(fits(kept(legacy), "s3cret"))
        self.assertFalse(fits("nopass", "nopass"))

    def test_md5_crypt_is_that_of_crypt_3(self) -> None:
        # openssl passwd -1 -salt abcdefgh password
        self.assertEqual("$1$abcdefgh$G//4keteveJp0qb8z2DxG/", md5_crypt("password", "abcdefgh"))

    def test_a_right_password_is_not_remembered_for_another_hash(self) -> None:
        guesses = Guesses()
        guesses.right("hash one", "word", "name", "address", NOW)
        self.assertTrue(guesses.known("hash one", "word", NOW + 1))
        self.assertFalse(guesses.known("hash two", "word", NOW + 1))
        self.assertFalse(guesses.known("hash one", "word", NOW + 301))

    def test_changing_a_password_ends_the_old_one_at_once(self) -> None:
        pi = self.world.person("pi", "pi")
        self.world.call("AuthCheck", pi)
        self.world.call("UpdatePerson", pi, pi["Username"], {"password": "another"})
        self.assertEqual(103, self.world.refused("AuthCheck", pi)[0])
        self.assertEqual(1, self.world.call("AuthCheck", {**pi, "AuthString": "another"}))


class Sessions(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def session(self, key: str) -> dict[str, str]:
        return {"AuthMethod": "session", "session": key}

    def test_a_session_stands_for_its_person_for_a_day(self) -> None:
        key = self.world.call("GetSession", self.world.pi)
        self.assertEqual(44, len(key))
        self.assertEqual(1, self.world.call("AuthCheck", self.session(key)))
        self.world.clock.advance(86_401)
        self.assertEqual(103, self.world.refused("AuthCheck", self.session(key))[0])

    def test_a_session_without_the_role_is_108_and_survives(self) -> None:
        key = self.world.call("GetSession", self.world.user)
        self.assertEqual(108, self.world.refused("AddSite", self.session(key), {})[0])
        self.assertEqual(1, self.world.call("AuthCheck", self.session(key)))

    def test_who_calls_with_a_session_gets_it_back(self) -> None:
        key = self.world.call("GetSession", self.world.pi)
        self.assertEqual(key, self.world.call("GetSession", self.session(key)))

    def test_what_else_is_called_session_in_a_struct_is_no_hindrance_and_given_back(self) -> None:
        for said in (5, "", "no key"):
            self.assertEqual(1, self.world.call("AuthCheck", {**self.world.pi, "session": said}))
            self.assertEqual(said, self.world.call("GetSession", {**self.world.pi, "session": said}))

    def test_a_session_in_the_past_is_refused(self) -> None:
        self.assertEqual(102, self.world.refused("GetSession", self.world.pi, -5)[0])

    def test_disabling_a_person_ends_its_sessions_for_good(self) -> None:
        key = self.world.call("GetSession", self.world.pi)
        for enabled in (False, True):
            self.world.call("UpdatePerson", ADMIN, "pi@princeton.example", {"enabled": enabled})
            self.assertEqual(103, self.world.refused("AuthCheck", self.session(key))[0])

    def test_only_a_session_is_deleted_and_by_itself(self) -> None:
        self.assertEqual(102, self.world.refused("DeleteSession", self.world.pi)[0])
        key = self.world.call("GetSession", self.world.pi)
        self.assertEqual(1, self.world.call("DeleteSession", self.session(key)))
        self.assertEqual(103, self.world.refused("DeleteSession", self.session(key))[0])

    def test_admins_list_sessions_of_persons_not_of_nodes(self) -> None:
        key = self.world.call("GetSession", self.world.pi)
        self.world.by_node(self.world.node_id, "GetSession")
        listed = self.world.call("GetSessions", ADMIN)
        self.assertEqual([key], [row["session_id"] for row in listed])
        self.assertEqual(listed, self.world.call("GetSessions", ADMIN, [listed[0]["person_id"]]))
        self.assertEqual(listed, self.world.call("GetSessions", ADMIN, [key]))

    def test_a_boolean_names_no_person(self) -> None:
        self.assertEqual(106, self.world.refused("GetSessions", ADMIN, [True])[0])

    def test_a_struct_that_does_not_name_its_kind_is_refused_where_only_that_kind_will_do(self) -> None:
        key = self.world.call("GetSession", self.world.pi)
        self.assertEqual(102, self.world.refused("DeleteSession", {"session": key})[0])
        self.assertEqual(1, self.world.call("DeleteSession", {"AuthMethod": "password", "session": key}))

    def test_session_keys_come_from_a_secure_source_and_may_repeat_bytes(self) -> None:
        keys = {self.world.call("GetSession", self.world.pi) for _ in range(40)}
        self.assertEqual(40, len(keys))


class NodeKeys(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_a_node_shows_its_key_without_sending_it(self) -> None:
        self.assertEqual(1, self.world.by_node(self.world.node_id, "AuthCheck"))

    def test_a_wrong_key_upper_case_and_another_nodes_number_are_103(self) -> None:
        good = self.world.signed(self.world.node_id)
        for auth in (
            self.world.signed(self.world.node_id, key="another"),
            {**good, "value": good["value"].upper()},
            {**good, "node_id": 99},
        ):
            self.assertEqual(103, self.world.refused("AuthCheck", auth)[0])

    def test_a_node_without_a_key_cannot_call(self) -> None:
        number = self.world.call("AddNode", ADMIN, "princeton", {"hostname": "new.princeton.example"})
        self.assertEqual(103, self.world.refused("AuthCheck", self.world.signed(number))[0])

    def test_a_node_has_one_session_and_a_new_one_ends_the_last(self) -> None:
        first = self.world.by_node(self.world.node_id, "GetSession")
        second = self.world.by_node(self.world.node_id, "GetSession")
        self.assertEqual(103, self.world.refused("AuthCheck", {"AuthMethod": "session", "session": first})[0])
        self.assertEqual(1, self.world.call("AuthCheck", {"AuthMethod": "session", "session": second}))

    def test_only_node_methods_take_a_node_key(self) -> None:
        self.assertEqual(103, self.world.refused("AddSite", self.world.signed(1, {}), {})[0])

    def test_boot_details_take_nothing_but_the_node_key(self) -> None:
        key = self.world.by_node(self.world.node_id, "GetSession")
        code, text = self.world.refused("BootGetNodeDetails", {"AuthMethod": "session", "session": key})
        self.assertEqual((102, True), (code, "not specified" in text))

    def test_nobody_sees_sites_and_nothing_private(self) -> None:
        nobody = {"AuthMethod": "anonymous"}
        self.assertEqual(2, len(self.world.call("GetSites", nobody)))
        self.assertEqual(103, self.world.refused("GetPersons", nobody)[0])
        self.assertNotIn("key", self.world.call("GetNodes", nobody)[0])


class Keys(SynchronousTestCase):
    def test_text_that_is_no_key_is_refused_and_a_blacklisted_one_too(self) -> None:
        world = Princeton()
        for key in ("", "hello", "ssh-rsa"):
            self.assertEqual(102, world.refused("AddPersonKey", world.user, world.user["Username"],
                                                {"key_type": "ssh", "key": key})[0])  # fmt: skip
        number = world.call("AddPersonKey", world.user, world.user["Username"], {"key_type": "ssh", "key": KEY})
        world.call("BlacklistKey", ADMIN, number)
        self.assertEqual([], world.call("GetKeys", ADMIN))
        said = {"key_type": "ssh", "key": KEY}
        self.assertEqual(102, world.refused("AddPersonKey", world.user, world.user["Username"], said)[0])

    def test_keys_are_added_to_ones_own_account_and_seen_by_their_owner(self) -> None:
        world = Princeton()
        said = {"key_type": "ssh", "key": KEY}
        world.call("AddPersonKey", world.user, world.user["Username"], said)
        self.assertEqual(108, world.refused("AddPersonKey", world.pi, world.user["Username"], said)[0])
        self.assertEqual([], world.call("GetKeys", world.pi))
        self.assertEqual([KEY], [row["key"] for row in world.call("GetKeys", world.user, None, ["key"])])

    def test_keys_of_todays_kinds_are_taken(self) -> None:
        world = Princeton()
        for key in (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample user@host",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= user@host",
            'from="192.0.2.1" ssh-dss AAAAB3NzaC1kc3M= user@host',
        ):
            said = {"key_type": "ssh", "key": key}
            self.assertIsInstance(world.call("AddPersonKey", world.user, world.user["Username"], said), int)
