"""The MA service of the Federation API: persons and keys, told to whom the PLC tells them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import credentials, keys
from tests.geni.world import CODEEN, PI, PLC, USER, GeniWorld
from tests.registry.world import ADMIN, NOW
from tests.sfa.world import by_itself, key, public, ssh

AUTHENTICATION, AUTHORIZATION, ARGUMENT, NOT_IMPLEMENTED = 1, 2, 3, 100
TECH = f"{PLC}:princeton+user+tech"


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()

    def ma(self, who: Any, name: str, *args: Any) -> Any:
        return self.world.value(who, "ma", name, *args)

    def refused(self, code: int, who: Any, name: str, *args: Any) -> None:
        self.assertEqual(code, self.world.code(who, "ma", name, *args), f"{name}{args}")

    def members(self, who: str, **match: Any) -> dict[str, Any]:
        return dict(self.ma(who, "lookup", "MEMBER", [], {"match": match}))


class Members(World):
    def test_the_version_names_its_objects(self) -> None:
        said = self.ma(None, "get_version")
        self.assertEqual(
            (["MEMBER", "KEY"], "https://plc.example:12345/MA"), (said["SERVICES"], said["API_VERSIONS"]["2"])
        )

    def test_strangers_are_told_nothing(self) -> None:
        self.refused(AUTHENTICATION, "eve", "lookup", "MEMBER", [], {"match": {"MEMBER_URN": USER}})
        self.refused(AUTHENTICATION, None, "lookup", "KEY", [], {"match": {"KEY_MEMBER": USER}})

    def test_names_are_public_and_the_rest_is_for_oneself_and_ones_PIs(self) -> None:
        public_ = {"MEMBER_URN", "MEMBER_UID", "MEMBER_USERNAME"}
        whole = public_ | {"MEMBER_FIRSTNAME", "MEMBER_LASTNAME", "MEMBER_EMAIL"}
        self.assertEqual(public_, set(self.members("user", MEMBER_URN=PI)[PI]))
        for who in ("user", "pi", "admin"):
            self.assertEqual(whole, set(self.members(who, MEMBER_URN=USER)[USER]), who)

    def test_a_member_is_found_by_urn_and_by_username(self) -> None:
        self.assertEqual([USER], list(self.members("user", MEMBER_USERNAME="user")))
        found = self.members("user", MEMBER_URN=[USER, PI, f"{PLC}:princeton+user+nobody"])
        self.assertEqual({USER, PI}, set(found))
        self.assertEqual({}, self.members("user", MEMBER_URN="no name at all"))

    def test_an_address_that_one_may_not_see_finds_nobody(self) -> None:
        self.assertEqual({}, self.members("user", MEMBER_EMAIL="pi@princeton.example"))
        self.assertEqual([USER], list(self.members("user", MEMBER_EMAIL="USER@princeton.example".lower())))

    def test_a_pi_finds_anybody_by_the_whole_address(self) -> None:
        self.world.site("cornell")
        self.world.person("far", "user", site="cornell")
        self.assertEqual([f"{PLC}:cornell+user+far"], list(self.members("pi", MEMBER_EMAIL="far@princeton.example")))
        self.assertEqual({}, self.members("pi", MEMBER_EMAIL="*@princeton.example"))
        self.assertEqual({}, self.members("user", MEMBER_EMAIL="far@princeton.example"))

    def test_disabled_accounts_are_not_told_of(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"enabled": False})
        self.assertEqual({}, self.members("admin", MEMBER_URN=USER))

    def test_a_name_is_changed_by_its_owner(self) -> None:
        self.ma("user", "update", "MEMBER", USER, [], {"fields": {"MEMBER_FIRSTNAME": "Ursula"}})
        self.assertEqual("Ursula", self.members("user", MEMBER_URN=USER)[USER]["MEMBER_FIRSTNAME"])
        self.refused(AUTHORIZATION, "tech", "update", "MEMBER", USER, [], {"fields": {"MEMBER_FIRSTNAME": "Eve"}})
        self.refused(ARGUMENT, "user", "update", "MEMBER", USER, [], {"fields": {"MEMBER_UID": "1"}})

    def test_members_are_neither_made_nor_deleted_here(self) -> None:
        self.refused(NOT_IMPLEMENTED, "admin", "create", "MEMBER", [], {"fields": {}})
        self.refused(NOT_IMPLEMENTED, "admin", "delete", "MEMBER", USER, [], {})

    def test_the_number_of_a_member_is_that_of_its_certificate_before_and_after_it_is_made(self) -> None:
        before = self.members("user", MEMBER_URN=USER)[USER]["MEMBER_UID"]
        [said] = self.ma("user", "get_credentials", USER, [], {})
        trust = self.world.store(self.world.plc.sfa.trust)
        held = credentials.open_credential(said["geni_value"].encode(), trust, NOW)
        self.assertEqual(
            (before, before), (str(held.holder.uuid), self.members("user", MEMBER_URN=USER)[USER]["MEMBER_UID"])
        )


class Keys(World):
    NEW = {"KEY_MEMBER": USER, "KEY_PUBLIC": ssh("tech2"), "KEY_TYPE": "openssh", "KEY_DESCRIPTION": "my laptop"}

    def keys(self, who: str, **match: Any) -> dict[str, Any]:
        return dict(self.ma(who, "lookup", "KEY", [], {"match": match}))

    def test_keys_of_a_named_member_are_for_everybody_who_installs_them(self) -> None:
        [said] = self.keys("tech", KEY_MEMBER=USER).values()
        self.assertEqual((USER, ssh("user"), "openssh"), (said["KEY_MEMBER"], said["KEY_PUBLIC"], said["KEY_TYPE"]))
        self.assertNotIn("KEY_PRIVATE", said)

    def test_without_a_name_one_gets_ones_own_and_an_admin_all(self) -> None:
        self.assertEqual({USER}, {one["KEY_MEMBER"] for one in self.keys("user").values()})
        self.assertEqual(
            {USER, PI, TECH}, {one["KEY_MEMBER"] for one in self.keys("admin").values()} & {USER, PI, TECH}
        )

    def test_a_key_is_added_described_and_deleted_by_its_owner(self) -> None:
        made = self.ma("user", "create", "KEY", [], {"fields": self.NEW})
        self.assertEqual(("my laptop", f"{ssh('tech2')} my laptop"), (made["KEY_DESCRIPTION"], made["KEY_PUBLIC"]))
        number = made["KEY_ID"]
        self.ma("user", "update", "KEY", number, [], {"fields": {"KEY_DESCRIPTION": "my old laptop"}})
        self.assertEqual("my old laptop", self.keys("user", KEY_ID=number)[number]["KEY_DESCRIPTION"])
        self.ma("user", "delete", "KEY", number, [], {})
        self.assertEqual({}, self.keys("user", KEY_ID=number))

    def test_nobody_else_but_an_admin_does(self) -> None:
        self.refused(AUTHORIZATION, "tech", "create", "KEY", [], {"fields": self.NEW})
        number = next(iter(self.keys("user")))
        self.refused(AUTHORIZATION, "tech", "delete", "KEY", number, [], {})
        self.refused(AUTHORIZATION, "tech", "update", "KEY", number, [], {"fields": {"KEY_DESCRIPTION": "x"}})
        self.ma("admin", "create", "KEY", [], {"fields": self.NEW})

    def test_private_keys_other_types_and_no_keys_are_refused(self) -> None:
        for fields in ({"KEY_PRIVATE": "secret"}, {"KEY_TYPE": "PEM"}, {"KEY_PUBLIC": "no key"}, {"KEY_PUBLIC": ""}):
            self.refused(ARGUMENT, "user", "create", "KEY", [], {"fields": {**self.NEW, **fields}})
        for number in ("", "x", "9" * 30, None, True, "999999"):
            self.refused(ARGUMENT, "user", "delete", "KEY", number, [], {})


class Credentials(World):
    def opened(self, who: str, urn: str) -> credentials.Credential:
        [said] = self.ma(who, "get_credentials", urn, [], {})
        trust = self.world.store(self.world.plc.sfa.trust)
        return credentials.open_credential(said["geni_value"].encode(), trust, NOW)

    def test_a_member_gets_one_on_itself_with_the_key_of_its_connection(self) -> None:
        held = self.opened("user", USER)
        self.assertEqual((USER, USER), (str(held.holder.urn), str(held.object.urn)))
        self.assertTrue(keys.same(held.holder.key, keys.accepted(key("user").public_key())))

    def test_none_on_others_but_for_admins(self) -> None:
        self.refused(AUTHORIZATION, "user", "get_credentials", PI, [], {})
        self.assertEqual(USER, str(self.opened("admin", USER).object.urn))
        self.refused(ARGUMENT, "user", "get_credentials", CODEEN, [], {})


class TheOlderClearinghouse(World):
    """What omni's framework ``gcf`` calls: bare values and faults."""

    NEW = f"{PLC}:princeton+slice+gcf-1"

    def ch(self, who: str, name: str, *args: Any) -> Any:
        return self.world.value(who, "ch", name, *args)

    def opened(self, text: str) -> credentials.Credential:
        return credentials.open_credential(text.encode(), self.world.store(self.world.plc.sfa.trust), NOW)

    def test_the_version_is_a_struct(self) -> None:
        self.assertEqual({"gcf-ch_api": 2}, self.ch("user", "GetVersion"))

    def test_a_user_gets_a_credential_by_its_certificate(self) -> None:
        held = self.opened(self.ch("user", "CreateUserCredential", by_itself("user").pem.decode()))
        self.assertEqual((USER, USER), (str(held.holder.urn), str(held.object.urn)))
        self.assertTrue(keys.same(held.holder.key, public("user")))
        self.assertEqual(103, self.world.code("user", "ch", "CreateUserCredential", by_itself("pi").pem.decode()))
        self.assertEqual(103, self.world.code("eve", "ch", "CreateUserCredential", by_itself("eve").pem.decode()))

    def test_a_slice_is_made_used_renewed_listed_and_deleted(self) -> None:
        first = self.opened(self.ch("pi", "CreateSlice", self.NEW))
        again = self.opened(self.ch("pi", "CreateSlice", self.NEW))
        self.assertEqual((self.NEW, self.NEW), (str(first.object.urn), str(again.object.urn)))
        self.assertEqual([self.NEW], self.ch("pi", "ListMySlices", PI))
        self.assertIs(True, self.ch("pi", "RenewSlice", self.NEW, "2020-10-20T00:00:00Z"))
        self.assertIs(True, self.ch("pi", "DeleteSlice", self.NEW))
        self.assertEqual([], self.ch("pi", "ListMySlices", PI))

    def test_a_date_without_a_zone_renews_as_UTC(self) -> None:
        self.ch("pi", "CreateSlice", self.NEW)
        self.assertIs(True, self.ch("pi", "RenewSlice", self.NEW, "2020-10-20T00:00:00"))
        self.assertIs(True, self.ch("pi", "RenewSlice", self.NEW, "2020-10-21 12:30:00"))

    def test_who_is_no_member_gets_neither_credential_nor_deletion(self) -> None:
        for name in ("CreateSlice", "DeleteSlice"):
            self.assertEqual(108, self.world.code("tech", "ch", name, CODEEN), name)
        self.assertEqual(108, self.world.code("user", "ch", "ListMySlices", PI))
        self.assertEqual(108, self.world.code("user", "ch", "CreateSlice", self.NEW))
        self.assertEqual(102, self.world.code("pi", "ch", "CreateSlice", f"{PLC}:nowhere+slice+x"))

    def test_aggregates_are_listed_as_pairs(self) -> None:
        self.assertEqual([[f"{PLC}+authority+am", "https://plc.example:12346/"]], self.ch("user", "ListAggregates"))
