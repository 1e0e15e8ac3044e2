"""Which check comes first, what names in lists mean, and what is left of what is gone; rows stand beside."""

from tests.plcapi import rows_interplay as rows
from tests.plcapi.campus import Id, OnCampus, Row


class Interplay(OnCampus):
    def test_fields_that_nobody_may_set_are_refused_before_it_is_asked_who_calls(self) -> None:
        self.holds(rows.FIELDS_FIRST)

    def test_a_name_in_a_full_list_that_nothing_is_called_means_nothing_and_a_pattern_many(self) -> None:
        self.holds(rows.NAMES)

    def test_an_address_names_an_account_only_in_the_case_it_is_kept_in(self) -> None:
        self.holds(rows.CASE)

    def test_one_logs_in_with_an_address_in_any_case(self) -> None:
        auth = {**self.campus.user, "Username": self.campus.user["Username"].upper()}
        self.assertEqual(1, self.campus.call("AuthCheck", auth))

    def test_a_renewal_may_empty_what_the_slice_said_until_now(self) -> None:
        self.holds(rows.RENEWING)

    def test_a_pi_of_another_site_who_is_a_member_changes_how_many_nodes_a_slice_may_span(self) -> None:
        self.campus.call("AddPersonToSlice", self.campus.who["admin"], self.campus.ids["pi2_id"], "princeton_codeen")
        self.assertEqual(
            1, self.campus.call("UpdateSlice", self.campus.who["pi2"], "princeton_codeen", {"max_nodes": 3})
        )

    def test_members_are_added_one_by_one_and_slices_hidden_after_they_are_found(self) -> None:
        self.holds(rows.MEMBERS)

    def test_who_may_not_write_a_tag_is_told_so_before_its_value_and_place_are_looked_at(self) -> None:
        self.holds(rows.SLIVERS)

    def test_names_of_blanks_are_names_and_what_an_address_is_for_is_said_once(self) -> None:
        self.holds(rows.LISTS)

    def test_tags_of_deleted_sites_and_persons_are_still_told(self) -> None:
        self.holds(rows.GONE)

    def test_a_site_named_as_a_deleted_one_and_a_person_with_its_address_begin_without_its_tags(self) -> None:
        call, admin = self.campus.call, self.campus.who["admin"]
        call("DeleteSite", admin, "mit")
        call("AddSite", admin, {"name": "M", "abbreviated_name": "M", "login_base": "mit"})
        self.assertEqual("plc.mit", call("GetSiteHrn", admin, "mit"))
        person = {"email": "user2@princeton.example", "first_name": "a", "last_name": "b"}
        call("AddPersonToSite", admin, call("AddPerson", admin, person), "mit")
        self.assertEqual("plc.mit.user2", call("GetPersonHrn", admin, "user2@princeton.example"))
        self.assertEqual([{"hrn": "plc.mit"}], call("GetSites", admin, {"hrn": "plc.mit"}, ["hrn"]))

    def test_a_key_is_one_line_of_words_with_blanks_between(self) -> None:
        self.holds(tuple(
            Row("member", "AddPersonKey", (Id("member_id"), {"key_type": "ssh", "key": text}), expected)
            for text, expected in rows.KEYS
        ))  # fmt: skip

    def test_a_session_lasts_and_a_key_that_nobody_asked_for_is_wrong(self) -> None:
        self.holds(rows.SESSIONS)

    def test_keys_of_disabled_accounts_are_listed(self) -> None:
        self.holds(rows.MUTE)
