"""Accounts: who makes, sees, changes and enables them; verification, forgotten passwords, roles and sites."""

import re

from twisted.trial.unittest import SynchronousTestCase

from planetlab.registry import mails
from tests.registry.world import ADMIN, KEY, Princeton, days

ANN = {"email": "Ann@Princeton.Example", "first_name": "Ann", "last_name": "Other"}


class Accounts(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_a_new_account_is_disabled_and_bare_whatever_was_asked(self) -> None:
        number = self.world.call("AddPerson", self.world.pi, {**ANN, "enabled": True})
        row = self.world.get("Persons", number)
        self.assertEqual(("ann@princeton.example", False, [], []),
                         (row["email"], row["enabled"], row["roles"], row["site_ids"]))  # fmt: skip

    def test_what_is_missing_unknown_or_no_address_is_102(self) -> None:
        for said in (
            {},
            {**ANN, "email": "ann"},
            {**ANN, "email": "a@b"},
            {**ANN, "colour": "x"},
            {**ANN, "roles": []},
        ):
            self.assertEqual(102, self.world.refused("AddPerson", ADMIN, said)[0], said)
        self.assertEqual(102, self.world.refused("AddPerson", ADMIN, {**ANN, "phone": "x" * 65})[0])

    def test_an_address_is_used_once_until_it_is_deleted(self) -> None:
        self.world.call("AddPerson", ADMIN, ANN)
        self.assertEqual(102, self.world.refused("AddPerson", ADMIN, ANN)[0])
        self.world.call("DeletePerson", ADMIN, "ann@princeton.example")
        self.assertIsInstance(self.world.call("AddPerson", ADMIN, ANN), int)

    def test_secrets_are_never_told_even_to_admins(self) -> None:
        for row in self.world.call("GetPersons", ADMIN):
            self.assertEqual(set(), {"password", "verification_key", "verification_expires"} & row.keys())
        asked = ["password", "verification_key"]
        self.assertEqual([{}], self.world.call("GetPersons", ADMIN, [2], asked))

    def test_who_sees_whom(self) -> None:
        self.world.call("AddPerson", ADMIN, ANN)
        for auth, expected in ((ADMIN, 6), (self.world.pi, 3), (self.world.tech, 3), (self.world.user, 1)):
            self.assertEqual(expected, len(self.world.call("GetPersons", auth)), auth)

    def test_a_pi_changes_colleagues_but_no_other_pi_and_no_admin(self) -> None:
        self.world.person("second", "pi", site="princeton")
        self.assertEqual(1, self.world.call("UpdatePerson", self.world.pi, "user@princeton.example", {"title": "Dr"}))
        for name in ("second@princeton.example", "root@plc.example"):
            self.assertEqual(108, self.world.refused("UpdatePerson", self.world.pi, name, {"title": "Dr"})[0])
        self.assertEqual(108, self.world.refused("UpdatePerson", self.world.user, "pi@princeton.example", {})[0])

    def test_a_pi_grants_weaker_roles_only(self) -> None:
        user = "user@princeton.example"
        self.assertEqual(1, self.world.call("AddRoleToPerson", self.world.pi, "tech", user))
        self.assertEqual(102, self.world.refused("AddRoleToPerson", self.world.pi, "pi", user)[0])
        self.assertEqual(102, self.world.refused("AddRoleToPerson", self.world.pi, "admin", user)[0])
        self.assertEqual(102, self.world.refused("AddRoleToPerson", ADMIN, "king", user)[0])

    def test_roles_given_as_a_list_take_effect(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"roles": ["tech", 20]})
        self.assertEqual(["pi", "tech"], self.world.get("Persons", "user@princeton.example")["roles"])
        self.assertEqual(103, self.world.refused("UpdatePerson", self.world.tech, "tech@princeton.example",
                                                 {"roles": ["admin"]})[0])  # fmt: skip

    def test_lists_that_only_admins_change(self) -> None:
        said = {"sites": ["pl"]}
        self.assertEqual(103, self.world.refused("UpdatePerson", self.world.user, "user@princeton.example", said)[0])
        self.assertEqual(
            1, self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"sites": ["pl", "princeton"]})
        )

    def test_deleting_takes_keys_roles_sites_slices_and_sessions(self) -> None:
        user = "user@princeton.example"
        self.world.call("AddPersonKey", self.world.user, user, {"key_type": "ssh", "key": KEY})
        session = self.world.call("GetSession", self.world.user)
        self.world.call("DeletePerson", self.world.user, user)
        self.assertEqual([], self.world.call("GetKeys", ADMIN))
        self.assertEqual([], self.world.get("Slices", 1)["person_ids"])
        self.assertEqual(103, self.world.refused("AuthCheck", {"AuthMethod": "session", "session": session})[0])

    def test_the_first_site_is_the_primary_one_and_gives_an_hrn(self) -> None:
        self.assertEqual("plc.princeton.user", self.world.call("GetPersonHrn", ADMIN, "user@princeton.example"))
        self.world.call("AddPersonToSite", ADMIN, "user@princeton.example", "pl")
        row = self.world.get("Persons", "user@princeton.example")
        self.assertEqual([2, 1], row["site_ids"])
        self.world.call("SetPersonPrimarySite", self.world.user, "user@princeton.example", "pl")
        self.assertEqual([1, 2], self.world.get("Persons", "user@princeton.example")["site_ids"])
        code, _ = self.world.refused("SetPersonPrimarySite", self.world.user, "pi@princeton.example", "pl")
        self.assertEqual(108, code)


class ByMail(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        self.ann = self.world.call("AddPerson", ADMIN, ANN)
        self.world.call("AddPersonToSite", ADMIN, self.ann, "princeton")
        self.world.store(lambda store: store.change("DELETE FROM outbox"))

    def mails(self) -> list[mails.Mail]:
        waiting: list[mails.Mail] = self.world.store(mails.waiting)
        return waiting

    def key(self) -> str:
        rows = self.world.store(
            lambda store: store.ask("SELECT verification_key FROM persons WHERE person_id = ?", [self.ann])
        )
        return str(rows[0]["verification_key"])

    def test_the_round_trip_tells_the_pis(self) -> None:
        self.world.call("VerifyPerson", ADMIN, self.ann)
        self.assertEqual([("ann@princeton.example",)], [mail.recipients for mail in self.mails()])
        self.assertEqual(108, self.world.refused("VerifyPerson", ADMIN, self.ann)[0])
        self.assertEqual(108, self.world.refused("VerifyPerson", ADMIN, self.ann, "guess")[0])
        self.assertEqual(1, self.world.call("VerifyPerson", ADMIN, self.ann, self.key()))
        told = self.mails()[-1]
        self.assertEqual((("pi@princeton.example",), ("ann@princeton.example",)), (told.recipients, told.copies))
        self.assertNotIn("%(", told.subject + told.body)

    def test_a_key_that_comes_too_late_is_refused_and_another_is_mailed(self) -> None:
        self.world.call("VerifyPerson", ADMIN, self.ann)
        late = self.key()
        self.world.clock.advance(days(1) + 1)
        self.assertEqual(108, self.world.refused("VerifyPerson", ADMIN, self.ann, late)[0])
        self.assertNotEqual(late, self.key())
        self.assertEqual(2, len(self.mails()))
        self.assertEqual(1, self.world.call("VerifyPerson", ADMIN, self.ann, self.key()))

    def test_enabled_accounts_are_not_verified_and_disabled_ones_not_reset(self) -> None:
        self.assertEqual(102, self.world.refused("VerifyPerson", ADMIN, "pi@princeton.example")[0])
        self.assertEqual(102, self.world.refused("ResetPassword", ADMIN, self.ann)[0])
        self.assertEqual(102, self.world.refused("ResetPassword", ADMIN, "root@plc.example")[0])

    def test_a_new_password_comes_by_mail_and_works(self) -> None:
        self.world.call("UpdatePerson", ADMIN, self.ann, {"enabled": True})
        self.world.call("AddRoleToPerson", ADMIN, "user", self.ann)
        self.world.call("ResetPassword", ADMIN, self.ann)
        self.world.call("ResetPassword", ADMIN, self.ann, self.key())
        found = re.search(r"is now (\S+);", self.mails()[-1].body)
        assert found is not None
        auth = {"AuthMethod": "password", "Username": "ann@princeton.example", "AuthString": found[1]}
        self.assertEqual(1, self.world.call("AuthCheck", auth))
