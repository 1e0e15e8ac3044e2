"""The registry interface: credentials for who has rights, records for who may see them, refusals with a reason."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab import credentials, gids, keys
from planetlab.credential_xml import delegate
from planetlab.errors import Conflict, Forbidden, NotAuthenticated, NotFound, Unavailable
from planetlab.names import Hrn
from planetlab.privileges import Privilege
from planetlab.refusals import BadCredential
from tests.registry.world import ADMIN, days
from tests.sfa.world import PI, SLICE, USER, SfaWorld, below, by_itself, identity, key, root, showing, ssh


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SfaWorld()

    def opened(self, text: str) -> credentials.Credential:
        trust = self.world.plc.sfa.trust
        return credentials.open_credential(text.encode(), self.world.store(trust), self.world.clock.now())

    def revoked(self, error: Exception) -> None:
        assert isinstance(error, BadCredential), repr(error)
        self.assertEqual("revoked", error.reason, str(error))

    def not_permitted(self, error: Exception) -> None:
        assert isinstance(error, BadCredential), repr(error)
        self.assertEqual("not-permitted", error.reason, str(error))


class FirstContact(World):
    def test_who_shows_no_certificate_is_refused(self) -> None:
        error = self.world.refusal(None, "GetSelfCredential", None, USER, "user")
        assert isinstance(error, NotAuthenticated)

    def test_a_key_that_is_not_registered_is_refused(self) -> None:
        error = self.world.refusal(by_itself("eve"), "GetSelfCredential", None, USER, "user")
        self.assertIn("Connection Key GID mismatch", str(error))

    def test_the_certificate_said_must_have_the_key_of_the_connection(self) -> None:
        said = by_itself("eve").pem.decode()
        error = self.world.refusal(by_itself("user"), "GetSelfCredential", said, USER, "user")
        self.assertIn("Connection Key GID mismatch", str(error))

    def test_another_persons_name_is_refused_to_a_registered_key(self) -> None:
        assert isinstance(
            self.world.refusal(by_itself("user"), "GetSelfCredential", None, PI, "user"), NotAuthenticated
        )

    def test_a_registered_key_gets_a_credential_and_with_it_a_certificate(self) -> None:
        said = by_itself("user").pem.decode()
        held = self.opened(self.world.sfa(by_itself("user"), "GetSelfCredential", said, USER, "user"))
        self.assertEqual((USER, USER), (str(held.holder.hrn), str(held.object.hrn)))
        self.assertEqual({"refresh", "resolve", "info"}, {right.name for right in held.privileges})
        self.assertTrue(keys.same(held.holder.key, keys.accepted(key("user").public_key())))
        self.assertEqual("user@princeton.example", held.holder.email)

    def test_a_urn_names_the_same_person(self) -> None:
        urn = "urn:publicid:IDN+plc:princeton+user+user"
        held = self.opened(self.world.sfa(by_itself("user"), "GetSelfCredential", None, urn, "user"))
        self.assertEqual(urn, str(held.holder.urn))

    def test_a_disabled_account_gets_none(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"enabled": False})
        assert isinstance(self.world.refusal(by_itself("user"), "GetSelfCredential", None, USER, "user"), Forbidden)

    def test_the_certificate_stays_the_same_while_it_lasts_and_its_number_longer(self) -> None:
        first, second = self.opened(self.world.own("user")), self.opened(self.world.own("user"))
        self.assertEqual(first.holder.pem, second.holder.pem)
        self.assertNotEqual(first.serial, second.serial)
        self.world.clock.advance(days(360))
        later = self.opened(self.world.own("user"))
        self.assertNotEqual(first.holder.pem, later.holder.pem)
        self.assertEqual(first.holder.uuid, later.holder.uuid)


class GivingCredentials(World):
    def test_a_member_gets_one_on_the_slice_that_ends_with_it(self) -> None:
        held = self.opened(self.world.on("user", SLICE, "slice"))
        self.assertEqual({"refresh", "embed", "bind", "control", "info"}, {right.name for right in held.privileges})
        self.assertEqual(self.world.get("Slices", "princeton_codeen")["expires"], held.expires)

    def test_a_pi_gets_one_on_the_slice_and_on_the_authority(self) -> None:
        self.assertEqual(SLICE, str(self.opened(self.world.on("pi", SLICE, "slice")).object.hrn))
        held = self.opened(self.world.on("pi", "plc.princeton", "authority+sa"))
        self.assertEqual({"authority", "sa", "ma"}, {right.name for right in held.privileges})

    def test_who_has_no_right_is_told_so(self) -> None:
        error = self.world.refusal(by_itself("user"), "GetCredential", [self.world.own("user")], "plc.princeton", "sa")
        self.assertIn("plc.princeton.user has no rights to authority plc.princeton", str(error))
        assert isinstance(error, Forbidden)
        root_asked = self.world.refusal(by_itself("pi"), "GetCredential", self.world.own("pi"), "plc", "authority")
        assert isinstance(root_asked, Forbidden)

    def test_anothers_credential_is_of_no_use(self) -> None:
        stolen = self.world.own("pi")
        self.not_permitted(self.world.refusal(by_itself("user"), "GetCredential", stolen, SLICE, "slice"))

    def test_an_unknown_name_is_told_as_such(self) -> None:
        asked = ([self.world.own("user")], "plc.princeton.nothing", "slice")
        assert isinstance(self.world.refusal(by_itself("user"), "GetCredential", *asked), NotFound)

    def test_every_form_in_which_clients_hand_credentials_in_is_read(self) -> None:
        own = self.world.own("user")
        struct = {"geni_type": "geni_sfa", "geni_version": "3", "geni_value": own}
        for form in (own, [own], own.encode(), [struct], struct, [{**struct, "geni_value": own.encode()}]):
            self.assertTrue(self.world.sfa(by_itself("user"), "GetCredential", form, SLICE, "slice"))

    def test_of_several_the_first_that_does_counts_and_one_of_unknown_type_is_none(self) -> None:
        own = self.world.own("user")
        odd = {"geni_type": "other", "geni_version": "1", "geni_value": own}
        self.assertTrue(self.world.sfa(by_itself("user"), "GetCredential", ["<no/>", odd, own], SLICE, "slice"))
        error = self.world.refusal(by_itself("user"), "GetCredential", [odd], SLICE, "slice")
        self.assertIn("no credential of a known type", str(error))

    def test_too_many_are_not_looked_at(self) -> None:
        error = self.world.refusal(by_itself("user"), "GetCredential", ["x"] * 21, SLICE, "slice")
        self.assertIn("at most 20 credentials", str(error))


class WhatWasSignedMustStillHold(World):
    """An authority's own word counts while its registry still says so."""

    def test_who_left_the_slice_has_no_right_by_an_old_credential(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        self.world.sfa(by_itself("user"), "Update", {"hrn": SLICE, "type": "slice", "url": "https://x.example/"}, held)
        self.world.call("DeletePersonFromSlice", ADMIN, "user@princeton.example", "princeton_codeen")
        self.revoked(self.world.refusal(by_itself("user"), "Update", {"hrn": SLICE, "type": "slice"}, held))

    def test_a_key_that_was_taken_away_opens_nothing(self) -> None:
        own = self.world.own("user")
        number = self.world.get("Persons", "user@princeton.example")["key_ids"][0]
        self.world.call("AddPersonKey", self.world.user, "user@princeton.example", {"key_type": "ssh", "key": ssh("b")})
        self.world.call("DeleteKey", ADMIN, number)
        self.revoked(self.world.refusal(by_itself("user"), "GetCredential", own, SLICE, "slice"))

    def test_a_slice_made_anew_under_an_old_name_is_another(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        self.world.call("DeleteSlice", ADMIN, "princeton_codeen")
        self.revoked(self.world.refusal(by_itself("user"), "Update", {"hrn": SLICE, "type": "slice"}, held))
        self.world.call("AddSlice", ADMIN, {"name": "princeton_codeen"})
        self.world.call("AddPersonToSlice", ADMIN, "user@princeton.example", "princeton_codeen")
        self.world.sfa(by_itself("user"), "GetCredential", self.world.own("user"), SLICE, "slice")
        self.assertTrue(self.world.on("user", SLICE, "slice"))

    def test_a_revoked_one_is_refused_with_what_was_delegated_from_it(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        epfl = below("epfl.ann", "user", "ann", (root("epfl"),), "epfl")
        handed = delegate(
            held.encode(), epfl, (Privilege("info", True),), self.world.clock.now() + 60, "9", key("user")
        ).decode()
        self.world.sfa(by_itself("user"), "RevokeCredential", held)
        self.revoked(self.world.refusal(by_itself("user"), "Update", {"hrn": SLICE, "type": "slice"}, held))
        self.revoked(self.world.refusal(showing(epfl), "List", "plc.princeton", handed))
        self.assertEqual(0, self.world.sfa(by_itself("user"), "RevokeCredential", held))

    def test_a_stranger_revokes_nothing(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        stranger = showing(below("epfl.eve", "user", "eve", (root("epfl"),), "epfl"))
        assert isinstance(self.world.refusal(stranger, "RevokeCredential", held), Forbidden)


class TellingRecords(World):
    def test_resolve_tells_every_kind_that_has_the_name(self) -> None:
        (record,) = self.world.sfa(by_itself("user"), "Resolve", SLICE, [self.world.own("user")])
        self.assertEqual(("slice", SLICE, [USER], "plc.princeton"),
                         (record["type"], record["hrn"], record["reg-researchers"], record["authority"]))  # fmt: skip
        chain = gids.read_chain(record["gid"].encode())
        self.assertEqual((Hrn.parse(SLICE), "slice"), (chain[0].hrn, chain[0].urn.kind))
        gids.verify(chain, [root("plc")], self.world.clock.now())

    def test_nothing_of_that_name_is_an_error_and_not_an_empty_list(self) -> None:
        error = self.world.refusal(by_itself("user"), "Resolve", ["plc.nowhere"], self.world.own("user"))
        assert isinstance(error, NotFound)

    def test_a_person_sees_its_own_address_and_keys_and_strangers_do_not(self) -> None:
        (own,) = self.world.sfa(by_itself("user"), "Resolve", USER, self.world.own("user"))
        self.assertEqual(("user@princeton.example", [ssh("user")]), (own["email"], own["reg-keys"]))
        epfl = below("epfl.ann", "user", "ann", (root("epfl"),), "epfl")
        theirs = identity("epfl").sign(epfl, epfl, (Privilege("resolve"),), self.world.clock.now() + 600, "1").decode()
        (seen,) = self.world.sfa(showing(epfl), "Resolve", USER, theirs)
        self.assertEqual(set(), {"email", "reg-keys", "keys", "phone"} & set(seen))
        self.assertEqual(USER, seen["hrn"])

    def test_a_certificate_that_anybody_may_have_tells_no_address(self) -> None:
        open_ = self.world.sfa(None, "get_gid", USER)[0]["gid"], self.world.sfa(None, "ResolveGENI", USER)["gid"]
        for pem in open_:
            self.assertEqual("", gids.read_chain(pem.encode())[0].email)
        (own,) = self.world.sfa(by_itself("user"), "Resolve", USER, self.world.own("user"))
        self.assertEqual("user@princeton.example", gids.read_chain(own["gid"].encode())[0].email)

    def test_two_people_whose_addresses_begin_alike_have_names_of_their_own(self) -> None:
        number = self.world.call(
            "AddPerson", ADMIN, {"email": "user@other.example", "first_name": "U", "last_name": "O"}
        )
        self.world.call("AddPersonToSite", ADMIN, number, "princeton")
        self.assertEqual("plc.princeton.user_2", self.world.get("Persons", number, "hrn")["hrn"])

    def test_list_tells_what_is_directly_below_and_with_recursive_or_a_star_all(self) -> None:
        own = self.world.own("user")
        names = {one["hrn"] for one in self.world.sfa(by_itself("user"), "List", "plc", own)}
        self.assertLessEqual({"plc.princeton"}, names)
        self.assertNotIn(SLICE, names)
        for args in (("plc", own, {"recursive": True}), ("plc*", own)):
            deep = {one["hrn"] for one in self.world.sfa(by_itself("user"), "List", *args)}
            self.assertLessEqual({"plc.princeton", SLICE, USER, PI}, deep)

    def test_an_authority_whose_name_begins_alike_is_not_below(self) -> None:
        self.world.site("princetonx")
        names = [
            one["hrn"] for one in self.world.sfa(by_itself("user"), "List", "plc.princeton", self.world.own("user"))
        ]
        self.assertEqual([], [name for name in names if name.startswith("plc.princetonx")])

    def test_list_of_an_unknown_authority_says_missing_authority(self) -> None:
        error = self.world.refusal(by_itself("user"), "List", "plc.nowhere", self.world.own("user"))
        self.assertIn("Missing authority", str(error))

    def test_without_a_credential_nothing_is_told(self) -> None:
        for name, args in {"Resolve": (USER, []), "List": ("plc", []), "GetGids": (USER, [])}.items():
            assert isinstance(self.world.refusal(by_itself("user"), name, *args), BadCredential)


class Registering(World):
    def pis(self) -> str:
        return self.world.on("pi", "plc.princeton", "authority")

    def user(self, **more: object) -> dict[str, object]:
        record = {"hrn": "plc.princeton.new", "type": "user", "email": "new@princeton.example", "first_name": "N"}
        return {**record, "last_name": "W", "reg-keys": [ssh("new")], **more}

    def test_a_pi_registers_a_person_who_can_then_call(self) -> None:
        pem = self.world.sfa(by_itself("pi"), "Register", self.user(), self.pis())
        self.assertEqual("plc.princeton.new", str(gids.read_chain(pem.encode())[0].hrn))
        self.assertTrue(self.world.own("new"))

    def test_a_name_is_registered_once(self) -> None:
        self.world.sfa(by_itself("pi"), "Register", self.user(), self.pis())
        error = self.world.refusal(by_itself("pi"), "Register", self.user(email="x@princeton.example"), self.pis())
        assert isinstance(error, Conflict)

    def test_a_name_that_differs_in_case_only_is_the_same(self) -> None:
        record = {"hrn": "plc.princeton.CoDeeN", "type": "slice"}
        assert isinstance(self.world.refusal(by_itself("pi"), "Register", record, self.pis()), Conflict)

    def test_a_user_registers_nobody_and_a_pi_nobody_elsewhere(self) -> None:
        self.world.site("cornell")
        self.not_permitted(self.world.refusal(by_itself("user"), "Register", self.user(), self.world.own("user")))
        elsewhere = self.user(hrn="plc.cornell.new")
        self.not_permitted(self.world.refusal(by_itself("pi"), "Register", elsewhere, self.pis()))

    def test_a_slice_with_its_researchers_counts_against_the_sites_room(self) -> None:
        record = {
            "hrn": "plc.princeton.second",
            "type": "slice",
            "reg-researchers": [USER],
            "url": "https://x.example/",
        }
        self.world.sfa(by_itself("pi"), "Register", record, self.pis())
        self.assertEqual("plc.princeton.second", self.world.get("Slices", "princeton_second", "hrn")["hrn"])
        self.assertTrue(self.world.on("user", "plc.princeton.second", "slice"))
        self.world.call("UpdateSite", ADMIN, "princeton", {"max_slices": 2})
        error = self.world.refusal(by_itself("pi"), "Register", {**record, "hrn": "plc.princeton.third"}, self.pis())
        self.assertIn("ask for more", str(error))

    def test_two_slices_whose_names_become_one_are_refused(self) -> None:
        for hrn, ok in (("plc.princeton.co-deen2", True), ("plc.princeton.codeen2", False)):
            record = {"hrn": hrn, "type": "slice"}
            if ok:
                self.world.sfa(by_itself("pi"), "Register", record, self.pis())
            else:
                assert isinstance(self.world.refusal(by_itself("pi"), "Register", record, self.pis()), Conflict)

    def test_members_renew_and_change_their_slice_by_its_credential(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        until = int(self.world.clock.now() + days(30))
        record = {
            "hrn": SLICE,
            "type": "slice",
            "description": "proxies",
            "url": "https://codeen.example/",
            "expires": until,
        }
        self.assertEqual(1, self.world.sfa(by_itself("user"), "Update", record, held))
        self.assertEqual(until, self.world.get("Slices", "princeton_codeen")["expires"])
        beyond = {**record, "expires": int(self.world.clock.now() + days(100))}
        self.assertIn("56 days", str(self.world.refusal(by_itself("user"), "Update", beyond, held)))

    def test_fields_of_the_wrong_type_are_refused_by_name(self) -> None:
        wrong = {"user": ("first_name", "phone", "email", "reg-keys"), "slice": ("url", "max_nodes", "expires"),
                 "authority": ("name", "latitude", "max_slices", "enabled")}  # fmt: skip
        targets = {"user": USER, "slice": SLICE, "authority": "plc.princeton"}
        for kind, fields in wrong.items():
            for field in fields:
                for value in ([[]], {"a": 1}, b"x", 1e300):
                    record = {"hrn": targets[kind], "type": kind, field: value}
                    error = self.world.refusal(by_itself("pi"), "Update", record, self.pis())
                    self.assertIn(field, str(error), repr(value))

    def test_what_is_too_long_for_the_PLC_is_refused_here_too(self) -> None:
        record = {"hrn": "plc.princeton.long", "type": "slice", "url": "http://x/", "description": "d"}
        for field, most in (("description", 2048), ("url", 254)):
            error = self.world.refusal(by_itself("pi"), "Register", {**record, field: "x" * (most + 1)}, self.pis())
            self.assertIn(f"at most {most} bytes, got {most + 1}", str(error))
        error = self.world.refusal(by_itself("pi"), "Register", self.user(first_name="x" * 10_000), self.pis())
        self.assertIn("bytes, got 10000", str(error))

    def test_members_say_not_who_is_a_member(self) -> None:
        held = self.world.on("user", SLICE, "slice")
        record = {"hrn": SLICE, "type": "slice", "reg-researchers": [PI]}
        assert isinstance(self.world.refusal(by_itself("user"), "Update", record, held), Forbidden)

    def test_a_person_changes_its_keys_by_its_own_credential_and_nobody_elses(self) -> None:
        record = {"hrn": USER, "type": "user", "reg-keys": [ssh("user"), ssh("spare")]}
        self.world.sfa(by_itself("user"), "Update", record, self.world.own("user"))
        self.assertTrue(self.world.sfa(by_itself("spare"), "GetSelfCredential", None, USER, "user"))
        self.not_permitted(
            self.world.refusal(by_itself("user"), "Update", {**record, "hrn": PI}, self.world.own("user"))
        )

    def test_what_is_removed_is_gone_and_its_name_free(self) -> None:
        self.world.sfa(by_itself("pi"), "Register", self.user(), self.pis())
        own = self.world.own("new")
        self.assertEqual(1, self.world.sfa(by_itself("pi"), "Remove", "plc.princeton.new", self.pis(), "user"))
        self.assertRaises(BadCredential, self.world.sfa, by_itself("new"), "GetCredential", own, SLICE, "slice")
        self.world.sfa(by_itself("pi"), "Register", self.user(), self.pis())

    def test_nodes_are_registered_elsewhere_and_it_is_said_where(self) -> None:
        record = {"hrn": r"plc.princeton.n1\.example", "type": "node"}
        assert isinstance(self.world.refusal(by_itself("pi"), "Register", record, self.pis()), Unavailable)

    def test_a_root_pi_makes_an_authority_with_its_pis(self) -> None:
        self.world.call("AddPersonToSite", ADMIN, ADMIN["Username"], "princeton")
        self.world.call("AddPersonKey", ADMIN, ADMIN["Username"], {"key_type": "ssh", "key": ssh("root")})
        held = self.world.sfa(
            by_itself("root"), "GetCredential",
            self.world.sfa(by_itself("root"), "GetSelfCredential", None, "plc.pl.root", "user"), "plc", "authority",
        )  # fmt: skip
        record = {"hrn": "plc.cornell", "type": "authority", "name": "Cornell", "reg-pis": [PI]}
        self.world.sfa(by_itself("root"), "Register", record, held)
        self.assertTrue(self.world.on("pi", "plc.cornell", "authority"))
        deeper = {"hrn": "plc.cornell.below", "type": "authority"}
        self.assertIn("directly below plc", str(self.world.refusal(by_itself("root"), "Register", deeper, held)))

    def test_a_pi_certifies_below_its_authority_with_a_key_of_its_own(self) -> None:
        pem = self.world.sfa(by_itself("pi"), "CreateGid", self.pis(), "plc.princeton", ssh("princeton"))
        chain = gids.read_chain(pem.encode())
        self.assertTrue(chain[0].certifies)
        ann = below("plc.princeton.lab.ann", "user", "ann", chain, "princeton")
        gids.verify(ann, [root("plc")], self.world.clock.now())


class OldCalls(World):
    """The forms of 2008 and 2009."""

    def test_a_credential_on_oneself_in_each_of_its_forms(self) -> None:
        pem = by_itself("user").pem.decode()
        for args in (("user", USER), (pem, "user", USER), (pem, "user", USER, None), (None, "user", USER)):
            self.assertEqual(
                USER, str(self.opened(self.world.sfa(by_itself("user"), "get_self_credential", *args)).holder.hrn)
            )
        self.assertTrue(self.world.sfa(by_itself("user"), "get_credential", None, "user", USER))

    def test_a_whole_session_of_2009(self) -> None:
        user, pi = by_itself("user"), by_itself("pi")
        own = self.world.sfa(user, "get_self_credential", None, "user", USER)
        held = self.world.sfa(user, "get_credential", own, "slice", SLICE)
        self.assertEqual(SLICE, str(self.opened(held).object.hrn))
        self.assertEqual(SLICE, self.world.sfa(user, "resolve", own, SLICE, "plc.princeton.user")[0]["hrn"])
        self.assertIn(SLICE, [one["hrn"] for one in self.world.sfa(user, "list", own)])
        self.assertIn(USER, [one["hrn"] for one in self.world.sfa(user, "list", own, "plc.princeton", None)])
        pis = self.world.sfa(pi, "get_credential", self.world.own("pi"), "authority", "plc.princeton")
        record = {"hrn": "plc.princeton.old", "type": "slice"}
        self.world.sfa(pi, "register", pis, record)
        self.assertEqual(1, self.world.sfa(pi, "update", pis, {**record, "description": "old"}, None))
        self.assertEqual(1, self.world.sfa(pi, "remove", pis, "slice", "plc.princeton.old"))
        self.world.sfa(pi, "register", pis, record, "plc.princeton.pi")
        self.assertEqual(1, self.world.sfa(pi, "remove", pis, record))

    def test_certificates_by_name(self) -> None:
        self.assertEqual([USER], [one["hrn"] for one in self.world.sfa(None, "get_gid", USER)])
        self.assertEqual(["user"], [one["type"] for one in self.world.sfa(None, "get_gid", "", USER, "user")])
        self.assertTrue(self.world.sfa(by_itself("user"), "get_gids", self.world.own("user"), [USER, SLICE]))
        self.assertTrue(self.world.sfa(by_itself("user"), "create_gid", self.world.own("user"), USER, "", ssh("user")))

    def test_who_is_believed_is_told_to_all(self) -> None:
        self.assertEqual(2, len(self.world.sfa(None, "get_trusted_certs")))

    def test_copying_objects_by_call_is_refused_with_the_way_it_goes_today(self) -> None:
        error = self.world.refusal(by_itself("pi"), "register_peer_object", "cred", {"hrn": "epfl.x"})
        self.assertIn("signed statements", str(error))
