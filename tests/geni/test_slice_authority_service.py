"""The SA service of the Federation API: slices, projects, memberships and slivers, as the PLC's rules have them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import credentials
from planetlab.credentials import print_time
from tests.geni.world import CODEEN, PI, PLC, PROJECT, USER, GeniWorld
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.world import by_itself, showing

AUTHENTICATION, AUTHORIZATION, ARGUMENT, DUPLICATE, NOT_IMPLEMENTED = 1, 2, 3, 5, 100
NEW = {"SLICE_NAME": "web-cache", "SLICE_PROJECT_URN": PROJECT}
NEW_URN = f"{PLC}:princeton+slice+web-cache"


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()

    def sa(self, who: Any, name: str, *args: Any) -> Any:
        return self.world.value(who, "sa", name, *args)

    def refused(self, code: int, who: Any, name: str, *args: Any) -> None:
        self.assertEqual(code, self.world.code(who, "sa", name, *args), f"{name}{args}")

    def slice(self, urn: str = CODEEN, who: str = "user") -> dict[str, Any]:
        found = self.sa(who, "lookup", "SLICE", [], {"match": {"SLICE_URN": urn}})
        self.assertEqual([urn], list(found))
        return dict(found[urn])


class WhoCalls(World):
    LOOKUP = ("lookup", "SLICE", [], {"match": {}})

    def test_without_a_certificate_only_the_version_is_told(self) -> None:
        self.refused(AUTHENTICATION, None, *self.LOOKUP)
        self.assertEqual("2", self.sa(None, "get_version")["VERSION"])

    def test_a_key_that_nobody_registered_is_refused(self) -> None:
        self.refused(AUTHENTICATION, "eve", *self.LOOKUP)

    def test_a_key_that_two_have_registered_says_too_little(self) -> None:
        key = self.world.call("GetKeys", ADMIN, None, ["key", "person_id"])[0]["key"]
        self.world.call("AddPersonKey", ADMIN, "tech@princeton.example", {"key_type": "ssh", "key": key + " again"})
        self.refused(AUTHENTICATION, "user", *self.LOOKUP)

    def test_a_disabled_account_is_refused(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"enabled": False})
        self.refused(AUTHENTICATION, "user", *self.LOOKUP)

    def test_a_certificate_of_ours_is_as_good_as_a_registered_key(self) -> None:
        text = self.world.value("user", "ma", "get_credentials", USER, [])[0]["geni_value"]
        trust = self.world.store(self.world.plc.sfa.trust)
        owner = credentials.open_credential(text.encode(), trust, NOW).owner
        self.assertIn(CODEEN, self.sa(showing(owner), *self.LOOKUP))

    def test_credentials_handed_in_beside_the_certificate_are_not_needed(self) -> None:
        nonsense = [{"geni_type": "geni_sfa", "geni_version": "3", "geni_value": "<x/>"}]
        self.assertIn(CODEEN, self.sa("user", "lookup", "SLICE", nonsense, {"match": {}}))

    def test_speaking_for_somebody_needs_that_ones_statement(self) -> None:
        self.refused(AUTHENTICATION, "tech", "lookup", "SLICE", [], {"match": {}, "speaking_for": USER})


class TheVersion(World):
    def test_it_names_the_services_roles_and_addresses(self) -> None:
        said = self.sa("user", "get_version")
        self.assertEqual(["SLICE", "SLIVER_INFO", "PROJECT"], said["SERVICES"])
        self.assertEqual({"2": "https://plc.example:12345/SA"}, said["API_VERSIONS"])
        self.assertEqual({"LEAD", "ADMIN", "MEMBER", "AUDITOR", "OPERATOR"}, set(said["ROLES"]))
        self.assertEqual(f"{PLC}+authority+sa", said["URN"])

    def test_its_key_URN_has_no_blank_behind_it_as_geni_ch_had(self) -> None:
        self.assertIn("URN", self.sa("user", "get_version", {}))
        self.assertNotIn("URN ", self.sa("user", "get_version", {}))


class LookingUp(World):
    def test_a_missing_match_is_an_argument_error_in_the_words_of_the_reference(self) -> None:
        said = self.world.said("user", "sa", "lookup", "SLICE", [], {})
        self.assertEqual((3, "[ARGUMENT] ARGUMENT_ERROR (Missing Option: match)"), (said["code"], said["output"]))

    def test_unknown_types_and_fields_are_argument_errors(self) -> None:
        self.refused(ARGUMENT, "user", "lookup", "SPACESHIP", [], {"match": {}})
        self.refused(ARGUMENT, "user", "lookup", "SLICE", [], {"match": {"SLICE_COLOUR": "red"}})
        self.refused(ARGUMENT, "user", "lookup", "SLICE", [], {"match": {}, "filter": ["SLICE_COLOUR"]})
        self.refused(ARGUMENT, "user", "lookup", 7, [], {"match": {}})
        self.refused(ARGUMENT, "user", "lookup", "SLICE", [], {"match": ["SLICE_URN"]})
        self.refused(ARGUMENT, "user", "lookup", "SLICE", [], {"match": {}, "filter": "SLICE_URN"})

    def test_a_slice_has_all_its_fields(self) -> None:
        said = self.slice()
        self.assertEqual(
            {"SLICE_URN", "SLICE_UID", "SLICE_NAME", "SLICE_DESCRIPTION", "SLICE_EXPIRATION", "SLICE_EXPIRED",
             "SLICE_CREATION", "SLICE_PROJECT_URN"}, set(said),
        )  # fmt: skip
        self.assertEqual(
            (CODEEN, "codeen", PROJECT), (said["SLICE_URN"], said["SLICE_NAME"], said["SLICE_PROJECT_URN"])
        )
        self.assertEqual((print_time(NOW + days(14)), False), (said["SLICE_EXPIRATION"], said["SLICE_EXPIRED"]))

    def test_a_filter_narrows_the_fields(self) -> None:
        said = self.sa("user", "lookup", "SLICE", [], {"match": {"SLICE_URN": CODEEN}, "filter": ["SLICE_NAME"]})
        self.assertEqual({CODEEN: {"SLICE_NAME": "codeen"}}, said)

    def test_values_of_a_list_are_any_of_and_fields_are_all_of(self) -> None:
        self.sa("pi", "create", "SLICE", [], {"fields": NEW})
        both = {"SLICE_NAME": ["codeen", "web-cache", "none"]}
        self.assertEqual({CODEEN, NEW_URN}, set(self.sa("user", "lookup", "SLICE", [], {"match": both})))
        one = {**both, "SLICE_URN": NEW_URN}
        self.assertEqual({NEW_URN}, set(self.sa("user", "lookup", "SLICE", [], {"match": one})))
        self.assertEqual({}, self.sa("user", "lookup", "SLICE", [], {"match": {"SLICE_NAME": []}}))

    def test_slices_are_found_without_regard_to_case(self) -> None:
        said = self.sa("user", "lookup", "SLICE", [], {"match": {"SLICE_URN": CODEEN.replace("codeen", "CoDeeN")}})
        self.assertEqual([CODEEN], list(said))

    def test_what_has_expired_says_so(self) -> None:
        self.world.clock.advance(days(15))
        self.assertEqual({CODEEN}, set(self.sa("user", "lookup", "SLICE", [], {"match": {"SLICE_EXPIRED": True}})))
        self.assertEqual({}, self.sa("user", "lookup", "SLICE", [], {"match": {"SLICE_EXPIRED": False}}))

    def test_projects_are_sites(self) -> None:
        said = self.sa("user", "lookup", "PROJECT", [], {"match": {"PROJECT_NAME": "princeton"}})[PROJECT]
        names = ("NAME", "DESCRIPTION", "EXPIRATION", "EXPIRED")
        self.assertEqual(["princeton", "Princeton", "", False], [said[f"PROJECT_{name}"] for name in names])


class MakingASlice(World):
    def test_a_pi_makes_one_becomes_its_lead_and_can_use_it(self) -> None:
        said = self.sa("pi", "create", "SLICE", [], {"fields": NEW})
        self.assertEqual((NEW_URN, "web-cache"), (said["SLICE_URN"], said["SLICE_NAME"]))
        [member] = self.sa("pi", "lookup_members", "SLICE", NEW_URN, [], {})
        self.assertEqual((PI, "LEAD"), (member["SLICE_MEMBER"], member["SLICE_ROLE"]))
        self.assertEqual("geni_sfa", self.sa("pi", "get_credentials", NEW_URN, [], {})[0]["geni_type"])

    def test_it_is_a_slice_of_the_PLC_like_any_other(self) -> None:
        self.sa("pi", "create", "SLICE", [], {"fields": NEW})
        [row] = self.world.call("GetSlices", ADMIN, {"name": "princeton_webcache"}, ["hrn", "expires", "url"])
        self.assertEqual(("plc.princeton.web-cache", int(NOW + days(14))), (row["hrn"], row["expires"]))

    def test_its_event_says_who_called(self) -> None:
        self.sa("pi", "create", "SLICE", [], {"fields": NEW})
        event = self.world.call("GetEvents", ADMIN, {"call_name": "create"})[-1]
        self.assertIn("called by person 3", event["message"])
        self.assertIn(3, event["object_ids"])

    def test_users_and_strangers_make_none(self) -> None:
        self.refused(AUTHORIZATION, "user", "create", "SLICE", [], {"fields": NEW})
        self.refused(AUTHENTICATION, "eve", "create", "SLICE", [], {"fields": NEW})

    def test_a_pi_makes_none_for_another_site(self) -> None:
        self.world.site("cornell")
        self.refused(AUTHORIZATION, "pi", "create", "SLICE", [],
                     {"fields": {**NEW, "SLICE_PROJECT_URN": f"{PLC}+project+cornell"}})  # fmt: skip

    def test_a_name_that_is_taken_in_whatever_case_is_a_duplicate(self) -> None:
        for name in ("codeen", "CODEEN"):
            self.refused(DUPLICATE, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_NAME": name}})

    def test_two_names_that_would_be_one_name_of_the_PLC_collide(self) -> None:
        self.sa("pi", "create", "SLICE", [], {"fields": NEW})
        self.refused(DUPLICATE, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_NAME": "webcache"}})

    def test_bad_names_missing_and_foreign_fields_are_argument_errors(self) -> None:
        for name in ("-x", "a b", "x" * 20, "x" * 40, "", 7, "a+b", "é", "a_b", "a.b"):
            self.refused(ARGUMENT, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_NAME": name}})
        self.refused(ARGUMENT, "pi", "create", "SLICE", [], {"fields": {"SLICE_NAME": "x"}})
        self.refused(ARGUMENT, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_UID": "1"}})
        self.refused(
            ARGUMENT, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_PROJECT_URN": f"{PLC}+project+x"}}
        )
        self.refused(ARGUMENT, "pi", "create", "SLICE", [], {})

    def test_its_end_may_be_said_at_once(self) -> None:
        for number, until in enumerate((print_time(NOW + days(30)), print_time(NOW + days(1)))):
            fields = {**NEW, "SLICE_NAME": f"ends{number}", "SLICE_EXPIRATION": until}
            self.assertEqual(until, self.sa("pi", "create", "SLICE", [], {"fields": fields})["SLICE_EXPIRATION"])

    def test_a_refused_end_leaves_no_slice_behind(self) -> None:
        for until in (print_time(NOW + days(300)), print_time(NOW), print_time(NOW - days(1)), "tomorrow"):
            self.refused(ARGUMENT, "pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_EXPIRATION": until}})
            self.assertEqual({}, self.sa("pi", "lookup", "SLICE", [], {"match": {"SLICE_URN": NEW_URN}}))

    def test_what_is_too_long_for_the_PLC_is_refused_here_too(self) -> None:
        long = {"fields": {**NEW, "SLICE_DESCRIPTION": "ä" * 1025}}
        said = self.world.said("pi", "sa", "create", "SLICE", [], long)
        self.assertEqual(ARGUMENT, said["code"])
        self.assertIn("at most 2048 bytes, got 2050", said["output"])
        self.assertEqual({}, self.sa("pi", "lookup", "SLICE", [], {"match": {"SLICE_URN": NEW_URN}}))
        self.sa("pi", "create", "SLICE", [], {"fields": {**NEW, "SLICE_DESCRIPTION": "ä" * 1024}})
        self.refused(ARGUMENT, "pi", "update", "SLICE", NEW_URN, [], {"fields": {"SLICE_DESCRIPTION": "x" * 2049}})
        self.assertEqual("ä" * 1024, self.slice(NEW_URN)["SLICE_DESCRIPTION"])

    def test_slices_are_not_deleted_here_as_the_reference_has_it(self) -> None:
        self.refused(NOT_IMPLEMENTED, "pi", "delete", "SLICE", CODEEN, [], {})

    def test_an_unknown_method_is_not_implemented(self) -> None:
        self.refused(NOT_IMPLEMENTED, "pi", "lookup_everything", "SLICE", [])


class ChangingASlice(World):
    def setUp(self) -> None:
        super().setUp()
        self.sa("pi", "create", "SLICE", [], {"fields": NEW})

    def renew(self, until: str, who: str = "pi") -> Any:
        return self.sa(who, "update", "SLICE", NEW_URN, [], {"fields": {"SLICE_EXPIRATION": until}})

    def test_a_slice_made_here_can_be_renewed_without_further_words(self) -> None:
        until = print_time(NOW + days(40))
        self.renew(until)
        self.assertEqual(until, self.slice(NEW_URN)["SLICE_EXPIRATION"])

    def test_dates_come_with_and_without_a_zone(self) -> None:
        for until, expected in (
            ("2020-10-20T00:00:00", "2020-10-20T00:00:00Z"),
            ("2020-10-21 00:00:00", "2020-10-21T00:00:00Z"),
            ("2020-10-22T02:00:00+02:00", "2020-10-22T00:00:00Z"),
            ("2020-10-23", "2020-10-23T00:00:00Z"),
            ("2020-10-24T00:00:00Z", "2020-10-24T00:00:00Z"),
        ):
            self.renew(until)
            self.assertEqual(expected, self.slice(NEW_URN)["SLICE_EXPIRATION"])

    def test_a_slices_time_is_never_cut_and_never_past_the_PLCs_limit(self) -> None:
        for until in (NOW + days(1), NOW - 1, NOW + days(100)):
            fields = {"fields": {"SLICE_EXPIRATION": print_time(until)}}
            self.refused(ARGUMENT, "pi", "update", "SLICE", NEW_URN, [], fields)

    def test_who_is_no_member_changes_nothing(self) -> None:
        for fields in ({"SLICE_DESCRIPTION": "mine"}, {"SLICE_EXPIRATION": print_time(NOW + days(20))},
                       {"SLICE_EXPIRATION": self.slice(NEW_URN)["SLICE_EXPIRATION"]}):  # fmt: skip
            self.refused(AUTHORIZATION, "tech", "update", "SLICE", NEW_URN, [], {"fields": fields})

    def test_a_description_can_be_changed_and_a_name_cannot(self) -> None:
        self.sa("pi", "update", "SLICE", NEW_URN, [], {"fields": {"SLICE_DESCRIPTION": "ours"}})
        self.assertEqual("ours", self.slice(NEW_URN)["SLICE_DESCRIPTION"])
        self.refused(ARGUMENT, "pi", "update", "SLICE", NEW_URN, [], {"fields": {"SLICE_NAME": "y"}})


class Members(World):
    def modify(self, who: str, **options: Any) -> Any:
        return self.sa(who, "modify_membership", "SLICE", CODEEN, [], options)

    def roles(self) -> dict[str, str]:
        told = self.sa("user", "lookup_members", "SLICE", CODEEN, [], {})
        return {one["SLICE_MEMBER"]: one["SLICE_ROLE"] for one in told}

    TECH = f"{PLC}:princeton+user+tech"

    def test_a_slice_of_the_PLC_has_one_lead_among_its_members(self) -> None:
        self.assertEqual({USER: "LEAD"}, self.roles())

    def test_a_pi_adds_changes_and_removes_members(self) -> None:
        self.modify("pi", members_to_add=[{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "AUDITOR"}])
        self.assertEqual({USER: "LEAD", self.TECH: "AUDITOR"}, self.roles())
        self.modify("pi", members_to_change=[{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "ADMIN"}])
        self.assertEqual({USER: "LEAD", self.TECH: "ADMIN"}, self.roles())
        self.modify("pi", members_to_remove=[self.TECH])
        self.assertEqual({USER: "LEAD"}, self.roles())

    def test_leadership_is_handed_over_in_one_call(self) -> None:
        self.modify(
            "pi",
            members_to_add=[{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "LEAD"}],
            members_to_change=[{"SLICE_MEMBER": USER, "SLICE_ROLE": "MEMBER"}],
        )
        self.assertEqual({USER: "MEMBER", self.TECH: "LEAD"}, self.roles())

    def test_two_leads_or_none_are_refused_and_nothing_is_changed(self) -> None:
        for options in (
            {"members_to_add": [{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "LEAD"}]},
            {"members_to_change": [{"SLICE_MEMBER": USER, "SLICE_ROLE": "MEMBER"}]},
            {"members_to_remove": [USER]},
        ):
            self.refused(ARGUMENT, "pi", "modify_membership", "SLICE", CODEEN, [], options)
            self.assertEqual({USER: "LEAD"}, self.roles())

    def test_nonsense_is_refused(self) -> None:
        for options in (
            {"members_to_add": [{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "KING"}]},
            {"members_to_add": [{"SLICE_MEMBER": f"{PLC}:princeton+user+nobody", "SLICE_ROLE": "MEMBER"}]},
            {"members_to_add": [{"SLICE_MEMBER": USER, "SLICE_ROLE": "MEMBER"}]},
            {"members_to_add": ["x"]},
            {"members_to_add": "x"},
            {"members_to_change": [{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "MEMBER"}]},
            {"members_to_remove": [self.TECH]},
            {"members_to_remove": [7]},
        ):
            self.refused(ARGUMENT, "pi", "modify_membership", "SLICE", CODEEN, [], options)

    def test_members_who_are_no_PIs_change_no_membership(self) -> None:
        for options in (
            {"members_to_add": [{"SLICE_MEMBER": self.TECH, "SLICE_ROLE": "MEMBER"}]},
            {"members_to_change": [{"SLICE_MEMBER": USER, "SLICE_ROLE": "LEAD"}]},
        ):
            self.refused(AUTHORIZATION, "user", "modify_membership", "SLICE", CODEEN, [], options)
        self.assertEqual({USER: "LEAD"}, self.roles())

    def test_a_member_finds_its_slices_under_both_spellings_of_their_end(self) -> None:
        [said] = self.sa("user", "lookup_for_member", "SLICE", USER, [], {})
        self.assertEqual((CODEEN, "LEAD", False, False),
                         (said["SLICE_URN"], said["SLICE_ROLE"], said["SLICE_EXPIRED"], said["EXPIRED"]))  # fmt: skip
        [said] = self.sa("user", "lookup_for_member", "PROJECT", USER, [], {})
        self.assertEqual((PROJECT, "MEMBER"), (said["PROJECT_URN"], said["PROJECT_ROLE"]))

    def test_others_memberships_are_for_their_PIs(self) -> None:
        self.refused(AUTHORIZATION, "user", "lookup_for_member", "SLICE", PI, [], {})
        self.assertEqual(1, len(self.sa("pi", "lookup_for_member", "SLICE", USER, [], {})))

    def test_the_first_PI_leads_the_project(self) -> None:
        told = self.sa("user", "lookup_members", "PROJECT", PROJECT, [], {})
        self.assertEqual({PI: "LEAD", USER: "MEMBER", self.TECH: "MEMBER"},
                         {one["PROJECT_MEMBER"]: one["PROJECT_ROLE"] for one in told})  # fmt: skip

    def test_only_admins_change_projects(self) -> None:
        options = {"members_to_remove": [self.TECH]}
        self.refused(AUTHORIZATION, "pi", "modify_membership", "PROJECT", PROJECT, [], options)
        self.assertIsNone(self.sa("admin", "modify_membership", "PROJECT", PROJECT, [], options))
        self.assertNotIn(self.TECH, str(self.sa("user", "lookup_members", "PROJECT", PROJECT, [], {})))


class Credentials(World):
    def opened(self, text: str) -> credentials.Credential:
        trust = self.world.store(self.world.plc.sfa.trust)
        return credentials.open_credential(text.encode(), trust, self.world.clock.now())

    def test_a_members_credential_ends_with_the_slice_and_has_the_callers_key(self) -> None:
        [said] = self.sa("user", "get_credentials", CODEEN, [], {})
        held = self.opened(said["geni_value"])
        self.assertEqual(("geni_sfa", "3"), (said["geni_type"], said["geni_version"]))
        self.assertEqual((CODEEN, NOW + days(14)), (str(held.object.urn), held.expires))
        held.permit("createsliver", held.object.hrn, by_itself("user").key)

    def test_a_pi_gets_the_projects_authority(self) -> None:
        held = self.opened(self.sa("pi", "get_credentials", PROJECT, [], {})[0]["geni_value"])
        self.assertEqual(f"{PLC}:princeton+authority+sa", str(held.object.urn))

    def test_who_has_no_rights_gets_none(self) -> None:
        self.refused(AUTHORIZATION, "tech", "get_credentials", CODEEN, [], {})
        self.refused(AUTHORIZATION, "user", "get_credentials", PROJECT, [], {})
        self.refused(ARGUMENT, "user", "get_credentials", f"{PLC}:princeton+slice+none", [], {})
        self.refused(ARGUMENT, "user", "get_credentials", "codeen", [], {})


class Slivers(World):
    SLIVER = f"{PLC}+sliver+1-2"
    FIELDS = {
        "SLIVER_INFO_URN": SLIVER,
        "SLIVER_INFO_SLICE_URN": CODEEN,
        "SLIVER_INFO_AGGREGATE_URN": "urn:publicid:IDN+epfl+authority+am",
        "SLIVER_INFO_CREATOR_URN": USER,
        "SLIVER_INFO_EXPIRATION": "2020-10-20T00:00:00Z",
    }

    def found(self, who: str = "user", **match: Any) -> Any:
        return self.sa(who, "lookup", "SLIVER_INFO", [], {"match": match})

    def test_a_member_reports_changes_and_deletes_slivers(self) -> None:
        self.sa("user", "create", "SLIVER_INFO", [], {"fields": self.FIELDS})
        said = self.found(SLIVER_INFO_SLICE_URN=CODEEN)[self.SLIVER]
        self.assertEqual(self.FIELDS, {name: said[name] for name in self.FIELDS})
        until = {"fields": {"SLIVER_INFO_EXPIRATION": "2020-11-20T00:00:00Z"}}
        self.sa("user", "update", "SLIVER_INFO", self.SLIVER, [], until)
        self.assertEqual("2020-11-20T00:00:00Z", self.found()[self.SLIVER]["SLIVER_INFO_EXPIRATION"])
        self.sa("user", "delete", "SLIVER_INFO", self.SLIVER, [], {})
        self.assertEqual({}, self.found())

    def test_who_is_no_member_neither_reports_nor_sees_them(self) -> None:
        self.refused(AUTHORIZATION, "tech", "create", "SLIVER_INFO", [], {"fields": self.FIELDS})
        self.sa("user", "create", "SLIVER_INFO", [], {"fields": self.FIELDS})
        self.assertEqual({}, self.found("tech"))
        self.refused(AUTHORIZATION, "tech", "delete", "SLIVER_INFO", self.SLIVER, [], {})

    def test_a_sliver_is_reported_once(self) -> None:
        self.sa("user", "create", "SLIVER_INFO", [], {"fields": self.FIELDS})
        self.refused(DUPLICATE, "user", "create", "SLIVER_INFO", [], {"fields": self.FIELDS})


class Projects(World):
    def test_only_admins_make_them_and_only_PIs_describe_them(self) -> None:
        new = {"fields": {"PROJECT_NAME": "cornell", "PROJECT_DESCRIPTION": "Cornell University"}}
        self.refused(AUTHORIZATION, "pi", "create", "PROJECT", [], new)
        made = self.sa("admin", "create", "PROJECT", [], new)
        self.assertEqual(f"{PLC}+project+cornell", made["PROJECT_URN"])
        self.refused(DUPLICATE, "admin", "create", "PROJECT", [], new)
        changes = {"fields": {"PROJECT_DESCRIPTION": "Princeton University"}}
        self.refused(AUTHORIZATION, "user", "update", "PROJECT", PROJECT, [], changes)
        self.sa("pi", "update", "PROJECT", PROJECT, [], changes)
        said = self.sa("user", "lookup", "PROJECT", [], {"match": {"PROJECT_URN": PROJECT}})
        self.assertEqual("Princeton University", said[PROJECT]["PROJECT_DESCRIPTION"])

    def test_an_end_is_refused_since_sites_have_none(self) -> None:
        fields = {"fields": {"PROJECT_EXPIRATION": "2030-01-01T00:00:00Z"}}
        self.refused(ARGUMENT, "pi", "update", "PROJECT", PROJECT, [], fields)
