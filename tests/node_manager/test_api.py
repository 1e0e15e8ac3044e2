"""The node manager's interface: order of checks, codes and texts of the last original, its accidents cured."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import State
from node_manager.giving import MOST_DEEP, MOST_PARTS
from node_manager.identity import NOBODY, Caller
from node_manager.methods.slivers import refused
from node_manager.records import DELEGATED
from node_manager.service import api
from planetlab.names import SliceName
from planetlab.rspec import ROWS, ResourceSpec
from planetlab.xmlrpc import dumps_answer
from tests.node_manager.world import CODEEN, EPFL, KEY, NOON, OWNER, PL_CONF, SIRIUS, STRANGER, UTAH, World, record

SELF = Caller(20000, "princeton_codeen")
CONTROLLER = Caller(30000, "utah_nmcontrol")
SFACM = Caller(30001, "pl_sfacm")


class ApiTest(SynchronousTestCase):
    """A node with one delegated sliver, and a way to call it."""

    def setUp(self) -> None:
        self.world = World()
        self.ok(PL_CONF, "Instantiate", self.delegated().wire())

    def delegated(self, **stated: Any) -> Any:
        told = {"instantiation": DELEGATED, "keys": (KEY,), "attributes": {"delegations": "utah_nmcontrol"}}
        return record(**told | stated)

    def ok(self, caller: Caller, name: str, *args: Any) -> Any:
        def call() -> Any:
            given = self.world.call(caller, name, *args)
            return Deferred.fromCoroutine(given) if hasattr(given, "send") else given

        return self.successResultOf(maybeDeferred(call))

    def fault(self, caller: Caller, name: str, *args: Any) -> tuple[int, str]:
        try:
            given = self.world.call(caller, name, *args)
            if hasattr(given, "send"):
                given = self.failureResultOf(Deferred.fromCoroutine(given)).value
                raise given
        except Exception as error:
            told = refused(error, name)
            return told.faultCode, told.faultString
        raise AssertionError(f"{name} answered {given!r}")

    def state(self) -> State | None:
        found = self.world.driver.look().get(CODEEN)
        return found.state if found else None


class Consoles(ApiTest):
    def test_are_for_the_sliver_who_it_delegates_to_and_the_owner(self) -> None:
        for caller in (SELF, CONTROLLER, OWNER, PL_CONF):
            self.assertIn("princeton_codeen is only remembered", self.ok(caller, "GetConsole", "princeton_codeen"))
        for caller in (STRANGER, Caller(30002, "epfl_other")):
            self.assertEqual(108, self.fault(caller, "GetConsole", "princeton_codeen")[0])


class OrderOfChecks(ApiTest):
    def test_an_unknown_method_is_100_and_lists_the_valid_ones(self) -> None:
        code, text = self.fault(NOBODY, "Explode", 1, 2)
        self.assertEqual(
            (100, f"Invalid API method Explode.  Valid choices are {', '.join(sorted(api()))}"), (code, text)
        )

    def test_there_is_no_introspection(self) -> None:
        self.assertEqual(100, self.fault(NOBODY, "system.listMethods")[0])

    def test_arguments_are_counted_before_anybody_asks_who_calls(self) -> None:
        self.assertEqual((101, "Invalid argument count: got 0, expecting 1."), self.fault(NOBODY, "Start"))
        self.assertEqual((101, "Invalid argument count: got 3, expecting 2."), self.fault(SELF, "SetLoans", 1, 2, 3))
        self.assertEqual((101, "Invalid argument count: got 1, expecting 0."), self.fault(NOBODY, "Help", 1))

    def test_what_is_no_slivers_name_is_102_before_permission(self) -> None:
        expected = (102, "Invalid argument: the first argument must be a sliver name.")
        for target in ("princeton_nobody", "", "nonsense", 5, None, [], {}, "../x_y", "utah_nmcontrol"):
            self.assertEqual(expected, self.fault(STRANGER, "Start", target), f"{target!r}")

    def test_a_controller_cannot_be_a_target(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(UTAH, instantiation="nm-controller").wire())
        self.assertEqual(102, self.fault(Caller(1, str(UTAH)), "Start", str(UTAH))[0])

    def test_others_are_refused_by_their_own_name(self) -> None:
        for name in ("Create", "Destroy", "Start", "Stop", "ReCreate", "GetRSpec", "GetEffectiveRSpec", "GetLoans"):
            self.assertEqual((108, "stranger: Permission denied."), self.fault(STRANGER, name, "princeton_codeen"))

    def test_local_root_is_nobody_special(self) -> None:
        self.assertEqual((108, "root: Permission denied."), self.fault(OWNER, "Stop", "princeton_codeen"))

    def test_who_cannot_be_identified_may_use_only_the_four_anonymous_calls(self) -> None:
        for name, args in (("Help", ()), ("Ticket", ("t",)), ("GetXIDs", ()), ("GetSSHKeys", ())):
            self.ok(NOBODY, name, *args)
        others = sorted(set(api()) - {"Help", "Ticket", "GetXIDs", "GetSSHKeys"})
        for name in others:
            args = ["princeton_codeen"] * len(api()[name].accepts)
            self.assertIn(self.fault(NOBODY, name, *args)[0], (102, 108), name)

    def test_the_creation_services_calls_are_its_own(self) -> None:
        for caller in (NOBODY, STRANGER, SELF, CONTROLLER, OWNER):
            for name, args in (("Instantiate", ({},)), ("Release", ("x",))):
                self.assertEqual(108, self.fault(caller, name, *args)[0], f"{caller} {name}")

    def test_every_method_says_what_it_does_and_who_may(self) -> None:
        for method in api().values():
            self.assertTrue(method.doc.splitlines()[0].endswith("."), method.name)
            self.assertTrue(method.roles, method.name)


class PermissionOverASliver(ApiTest):
    def test_the_sliver_itself_and_its_controller_may(self) -> None:
        for caller in (SELF, CONTROLLER):
            self.assertEqual(1, self.ok(caller, "Stop", "princeton_codeen"))
            self.assertEqual(1, self.ok(caller, "Start", "princeton_codeen"))

    def test_a_list_of_controllers_never_matches_as_values_are_compared_whole(self) -> None:
        tags = {"delegations": "utah_nmcontrol,princeton_sirius"}
        self.ok(PL_CONF, "Instantiate", self.delegated(attributes=tags, timestamp=NOON + 1).wire())
        self.assertEqual(108, self.fault(CONTROLLER, "Stop", "princeton_codeen")[0])

    def test_a_controller_of_another_authority_by_the_same_name_may_not(self) -> None:
        controller = record(CODEEN.parse("utah_nmcontrol"), EPFL, instantiation="nm-controller")
        self.ok(PL_CONF, "Instantiate", controller.wire())
        self.assertEqual(108, self.fault(CONTROLLER, "Stop", "princeton_codeen")[0])

    def test_no_delegation_is_nobodys(self) -> None:
        self.ok(PL_CONF, "Instantiate", self.delegated(attributes={}, timestamp=NOON + 1).wire())
        self.assertEqual(108, self.fault(Caller(7, ""), "Stop", "princeton_codeen")[0])
        self.assertEqual(108, self.fault(Caller(7, None), "Stop", "princeton_codeen")[0])


class Controllers(ApiTest):
    def uid(self, name: str) -> int:
        return self.world.node.accounts()[name]

    def test_each_gets_a_user_id_of_its_own_and_keeps_it_over_renewals_and_restarts(self) -> None:
        for name in (UTAH, SIRIUS):
            self.ok(PL_CONF, "Instantiate", record(name, instantiation="nm-controller").wire())
        uids = {name: self.uid(name) for name in ("utah_elab", "princeton_sirius")}
        self.assertEqual(2, len(set(uids.values())))
        self.ok(PL_CONF, "Instantiate", record(UTAH, instantiation="nm-controller", timestamp=NOON + 5).wire())
        self.world = self.world.restarted()
        self.assertEqual(uids, {name: self.uid(name) for name in uids})

    def test_one_that_is_released_is_an_account_no_more(self) -> None:
        rcap = self.ok(PL_CONF, "Instantiate", record(UTAH, instantiation="nm-controller").wire())
        self.ok(PL_CONF, "Release", rcap)
        self.assertNotIn("utah_elab", self.world.node.accounts())

    def test_its_calls_are_known_by_its_user_id(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(UTAH, instantiation="nm-controller").wire())
        self.assertEqual("utah_elab", self.world.accounts.of(self.uid("utah_elab")).account)


class SliversLife(ApiTest):
    def test_create_also_starts(self) -> None:
        self.ok(SELF, "Destroy", "princeton_codeen")
        self.assertEqual(1, self.ok(CONTROLLER, "Create", "princeton_codeen"))
        self.assertEqual(State.RUNNING, self.state())

    def test_create_twice_and_destroy_twice_answer_1(self) -> None:
        for name in ("Create", "Create", "Destroy", "Destroy"):
            self.assertEqual(1, self.ok(SELF, name, "princeton_codeen"))
        self.assertIsNone(self.state())

    def test_create_after_destroy_needs_no_new_ticket(self) -> None:
        self.ok(SELF, "Destroy", "princeton_codeen")
        self.ok(SELF, "Create", "princeton_codeen")
        self.assertEqual(State.RUNNING, self.state())

    def test_a_destroyed_sliver_stays_destroyed_over_rounds(self) -> None:
        self.ok(SELF, "Destroy", "princeton_codeen")
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertIsNone(self.state())

    def test_starting_or_stopping_a_sliver_that_was_destroyed_says_so(self) -> None:
        """The original answered that a NoneType has no attribute."""
        self.ok(SELF, "Destroy", "princeton_codeen")
        expected = (104, "Error in call: there is no sliver of princeton_codeen; Create makes it")
        self.assertEqual(expected, self.fault(SELF, "Start", "princeton_codeen"))
        self.assertEqual(expected, self.fault(SELF, "Stop", "princeton_codeen"))

    def test_only_plc_makes_or_destroys_what_is_not_delegated(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        sirius = Caller(1, "princeton_sirius")
        self.assertEqual(
            (104, "Error in call: Only PLC can create non delegated slivers."),
            self.fault(sirius, "Create", str(SIRIUS)),
        )
        self.assertEqual(
            (104, "Error in call: Only PLC can destroy non delegated slivers."),
            self.fault(sirius, "Destroy", str(SIRIUS)),
        )

    def test_a_users_stop_of_what_plc_wants_running_lasts_one_poll(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        self.ok(Caller(1, "princeton_sirius"), "Stop", "princeton_sirius")
        self.world.later(self.world.settings.stop_lasts + 1)
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual(State.RUNNING, self.world.driver.look()[SIRIUS].state)

    def test_a_stop_of_a_delegated_sliver_holds_until_start(self) -> None:
        self.ok(SELF, "Stop", "princeton_codeen")
        self.world.later(80000.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual(State.STOPPED, self.state())

    def test_recreate_gives_a_pristine_sliver_as_its_description_says(self) -> None:
        """The original stopped and started the old one."""
        destroyed: list[str] = []
        real = self.world.driver.destroy
        self.world.driver.destroy = lambda name: (destroyed.append(str(name)), real(name))[1]
        self.assertEqual(1, self.ok(SELF, "ReCreate", "princeton_codeen"))
        self.assertEqual((["princeton_codeen"], State.RUNNING), (destroyed, self.state()))


class Listings(ApiTest):
    def test_xids_are_of_slivers_that_exist_and_not_of_records(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS, instantiation=DELEGATED).wire() | {"create": False})
        self.assertEqual({"princeton_codeen": 20000}, self.ok(NOBODY, "GetXIDs"))

    def test_ssh_keys_are_of_all_records_with_keys_controllers_included(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(UTAH, instantiation="nm-controller", keys=("k1", "k2")).wire())
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        self.assertEqual({"princeton_codeen": KEY, "utah_elab": "k1\nk2"}, self.ok(NOBODY, "GetSSHKeys"))

    def test_a_record_that_was_only_noted_can_be_made_by_its_controller(self) -> None:
        noted = self.delegated(name=SIRIUS).wire() | {"create": False}
        self.ok(PL_CONF, "Instantiate", noted)
        self.assertNotIn(SIRIUS, self.world.driver.look())
        self.ok(CONTROLLER, "Create", "princeton_sirius")
        self.assertEqual(State.RUNNING, self.world.driver.look()[SIRIUS].state)

    def test_help_names_every_method_in_order(self) -> None:
        heads = [line[5:] for line in self.ok(NOBODY, "Help").splitlines() if line.startswith("**** ")]
        self.assertEqual(sorted(api()), heads)

    def test_get_rspec_is_what_plc_gave_whole(self) -> None:
        told = self.ok(SELF, "GetRSpec", "princeton_codeen")
        self.assertEqual({row.name: row.default for row in ROWS}, {row.name: told[row.name] for row in ROWS})

    def test_get_record_is_the_callers_own_and_needs_a_sliver(self) -> None:
        told = self.ok(SELF, "GetRecord")
        self.assertEqual(
            ("princeton_codeen", KEY, "sliver.VServer", "utah_nmcontrol", "delegated"),
            tuple(told[key] for key in ("name", "keys", "type", "delegations", "instantiation")),
        )
        self.assertEqual(102, self.fault(STRANGER, "GetRecord")[0])

    def test_every_answer_can_go_over_the_wire(self) -> None:
        for name, args in (("GetRecord", ()), ("GetRSpec", (str(CODEEN),)), ("GetXIDs", ()), ("GetSSHKeys", ())):
            dumps_answer(self.ok(SELF, name, *args))
        for name in ("Slivers", "GetOwners"):
            dumps_answer(self.ok(PL_CONF, name))


class LoansOverTheInterface(ApiTest):
    def test_a_non_empty_list_of_loans_is_taken(self) -> None:
        """The last originals answered every one with a NameError."""
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        loans = [["princeton_sirius", "net_max_rate", 600_000]]
        self.assertEqual(1, self.ok(SELF, "SetLoans", "princeton_codeen", loans))
        self.assertEqual(loans, self.ok(SELF, "GetLoans", "princeton_codeen"))
        self.assertEqual(400_000, self.ok(SELF, "GetEffectiveRSpec", "princeton_codeen")["net_max_rate"])
        self.assertEqual(1_000_000, self.ok(SELF, "GetRSpec", "princeton_codeen")["net_max_rate"])

    def test_a_malformed_list_is_refused_in_the_originals_words(self) -> None:
        good = ["princeton_sirius", "cpu_pct", 1]
        for loans in (
            [["x", "cpu_pct", "y"]], "loans", 5, None, {}, ["x"], [[]], [good, good[:2]], [[*good, 1]],
            [[5, *good[1:]]], [["x", *good[1:]]], [["princeton_sirius", "disk_max", 1]], [["princeton_sirius", 5, 1]],
            [[*good[:2], -1]], [[*good[:2], True]], [[*good[:2], 1.0]], [[*good[:2], None]], [good] * 257,
        ):  # fmt: skip
            code, text = self.fault(SELF, "SetLoans", "princeton_codeen", loans)
            self.assertEqual(102, code, text)
            words = "Invalid argument: the second argument must be a well-formed loan specification"
            self.assertTrue(text.startswith(words), text)
        self.assertEqual([], self.ok(SELF, "GetLoans", "princeton_codeen"))


class Tickets(ApiTest):
    def test_a_signed_ticket_goes_to_the_creation_service_as_it_came(self) -> None:
        self.assertEqual(1, self.ok(NOBODY, "Ticket", "-----BEGIN PGP MESSAGE-----"))
        self.assertEqual([b"-----BEGIN PGP MESSAGE-----"], self.world.tickets)

    def admin(self, **sliver: Any) -> bytes:
        struct = {
            "name": "princeton_sirius", "slice_id": 9, "instantiation": "delegated", "expires": int(NOON) + 5000,
            "keys": [{"key_type": "ssh", "key": KEY}], "attributes": [{"tagname": "cpu_share", "value": "3"}],
        }  # fmt: skip
        return dumps_answer({"timestamp": int(NOON), "initscripts": [], "slivers": [struct | sliver]})

    def test_the_component_manager_brings_unsigned_ones_and_acts_on_what_it_made(self) -> None:
        """In the original AdminTicket worked, and Start, Stop, ReCreate and Destroy failed for this caller."""
        self.ok(PL_CONF, "Instantiate", record(CODEEN.parse("pl_sfacm")).wire())
        self.assertEqual(1, self.ok(SFACM, "AdminTicket", self.admin()))
        self.assertEqual(3, self.world.driver.look()[SIRIUS].sliver.rspec.cpu_share)
        for name in ("Start", "Stop", "ReCreate", "Destroy"):
            self.assertEqual(1, self.ok(SFACM, name, "princeton_sirius"))

    def test_another_authoritys_slice_of_that_name_is_nothing_special(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(CODEEN.parse("pl_sfacm"), EPFL).wire())
        self.assertEqual(102, self.fault(SFACM, "AdminTicket", self.admin())[0])
        self.assertEqual((108, "pl_sfacm: Permission denied."), self.fault(SFACM, "Stop", "princeton_codeen"))

    def test_for_anybody_else_an_unsigned_ticket_is_no_slivers_name(self) -> None:
        for caller in (NOBODY, SELF, OWNER, PL_CONF):
            self.assertEqual(
                (102, "Invalid argument: the first argument must be a sliver name."),
                self.fault(caller, "AdminTicket", self.admin()),
            )

    def test_a_ticket_for_what_plc_instantiates_is_refused_and_makes_nothing(self) -> None:
        """The original refused, and had made the sliver."""
        self.ok(PL_CONF, "Instantiate", record(CODEEN.parse("pl_sfacm")).wire())
        code, text = self.fault(SFACM, "AdminTicket", self.admin(instantiation="plc-instantiated"))
        self.assertEqual((102, True), (code, text.startswith("Ticket error: ")))
        self.assertNotIn(SIRIUS, self.world.driver.look())

    def test_a_ticket_for_several_is_redeemed_whole_or_not_at_all(self) -> None:
        """The original stored all of its records and made the first one only."""
        self.ok(PL_CONF, "Instantiate", record(CODEEN.parse("pl_sfacm")).wire())
        slivers = [
            {"name": name, "slice_id": 9, "instantiation": "delegated", "expires": int(NOON) + 5000}
            for name in (str(SIRIUS), str(UTAH))
        ]
        for spoilt in ({"instantiation": "plc-instantiated"}, {"expires": "soon"}, {"name": "x"}):
            wrong = [slivers[0], slivers[1] | spoilt]
            ticket = dumps_answer({"timestamp": int(NOON), "initscripts": [], "slivers": wrong})
            self.assertEqual(102, self.fault(SFACM, "AdminTicket", ticket)[0])
            self.assertNotIn(SIRIUS, self.world.driver.look())
        self.ok(SFACM, "AdminTicket", dumps_answer({"timestamp": int(NOON), "initscripts": [], "slivers": slivers}))
        self.assertEqual({CODEEN, SIRIUS, UTAH} - self.world.driver.look().keys(), set())

    def test_hostile_unsigned_tickets_are_ticket_errors(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(CODEEN.parse("pl_sfacm")).wire())
        hostile = (
            b"", b"garbage", b"<a/>", dumps_answer(5), dumps_answer({"slivers": []}), dumps_answer({"slivers": [5]}),
            self.admin(name="x"), self.admin(expires="x"), self.admin(keys=5), self.admin(keys=[5]),
            self.admin(attributes=[5]), self.admin(expires=int(NOON) - 5), b"<!DOCTYPE a><methodResponse/>",
        )  # fmt: skip
        for ticket in hostile:
            code, text = self.fault(SFACM, "AdminTicket", ticket)
            self.assertIn(code, (102, 104, 108), f"{ticket!r:.60}: {text}")
        self.assertNotIn(SIRIUS, self.world.driver.look())


class Pools(ApiTest):
    def pool(self, **rspec: Any) -> str:
        return str(self.ok(OWNER, "CreatePool", {"cpu_pct": 40, "slivers": 2} | rspec, "princeton_codeen"))

    def test_only_the_owner_makes_root_pools(self) -> None:
        for caller in (NOBODY, STRANGER, SELF, PL_CONF):
            self.assertEqual(108, self.fault(caller, "CreatePool", {}, "princeton_codeen")[0])
            self.assertEqual(108, self.fault(caller, "acquire", {})[0])

    def test_a_member_of_another_type_or_a_time_gone_by_is_refused_by_its_name(self) -> None:
        before = dict(self.world.books.pools)
        for wrong in (
            {"prefix": 5}, {"prefix": ["utah_"]}, {"prefix": "x" * 65}, {"cpu_pct": "40"}, {"cpu_pct": True},
            {"cpu_pct": -1}, {"end": int(NOON) - 1}, {"end": int(NOON)}, {"start": "now"}, {"ports": 80}, {"more": 1},
            {"start": int(NOON) + 9, "end": int(NOON) + 9},
        ):  # fmt: skip
            code, text = self.fault(OWNER, "CreatePool", wrong, "princeton_codeen")
            self.assertEqual(102, code)
            self.assertIn(next(iter(wrong)) if len(wrong) == 1 else "end", text)
        rcap = self.pool()
        self.assertEqual(102, self.fault(SELF, "SplitPool", rcap, {"end": int(NOON) - 1})[0])
        self.assertEqual({rcap}, self.world.books.pools.keys() - before.keys())

    def test_a_broker_finds_splits_and_binds_what_it_was_given(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        rcap = self.pool()
        self.assertIn(rcap, self.ok(SELF, "GetRcap"))
        part = self.ok(SELF, "SplitPool", rcap, {"cpu_pct": 25})
        self.assertEqual(1, self.ok(SELF, "Bind", part, "princeton_sirius"))
        self.assertEqual(25, self.world.driver.look()[SIRIUS].sliver.rspec.cpu_pct)
        self.assertEqual(15, self.ok(SELF, "GetRspec", rcap)["left"]["cpu_pct"])
        self.assertEqual("princeton_sirius", self.ok(SELF, "GetRspec", part)["slice"])

    def test_the_names_of_2004_do_the_same(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        rcap = self.ok(OWNER, "acquire", {"cpu_pct": 10})
        part = self.ok(OWNER, "SplitPool", rcap, {"cpu_pct": 10})
        self.ok(OWNER, "bind", "princeton_sirius", part)
        self.assertEqual(10, self.world.driver.look()[SIRIUS].sliver.rspec.cpu_pct)

    def test_a_pool_with_that_right_makes_a_sliver_under_its_prefix_only(self) -> None:
        rcap = self.pool(prefix="utah_")
        part = self.ok(SELF, "SplitPool", rcap, {"slivers": 1, "cpu_pct": 5})
        self.assertEqual(108, self.fault(SELF, "Bind", part, "mit_other")[0])
        self.ok(SELF, "Bind", part, "utah_elab")
        self.assertEqual((State.RUNNING, 5), self._of(UTAH))

    def _of(self, name: Any) -> tuple[State, int]:
        found = self.world.driver.look()[name]
        return found.state, found.sliver.rspec.cpu_pct

    def test_a_pool_without_that_right_makes_no_sliver(self) -> None:
        part = self.ok(SELF, "SplitPool", self.pool(), {"cpu_pct": 5})
        self.assertIn("slivers", self.fault(SELF, "Bind", part, "utah_elab")[1])

    def test_the_end_of_a_bound_pool_takes_its_part_back(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        rcap = self.pool()
        part = self.ok(SELF, "SplitPool", rcap, {"cpu_pct": 25, "end": int(NOON) + 60})
        self.ok(SELF, "Bind", part, "princeton_sirius")
        self.world.later(61.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual((State.RUNNING, 0), self._of(SIRIUS))
        self.assertEqual(102, self.fault(SELF, "GetRspec", part)[0])

    def test_a_reservation_counts_from_its_start(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        part = self.ok(SELF, "SplitPool", self.pool(), {"cpu_pct": 25, "start": int(NOON) + 60, "end": int(NOON) + 120})
        self.ok(SELF, "Bind", part, "princeton_sirius")
        shares = []
        for _ in range(3):
            shares.append(self._of(SIRIUS)[1])
            self.world.later(61.0)
            self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual([0, 25, 0], shares)

    def test_more_than_the_pool_has_is_refused_with_what_is_left(self) -> None:
        code, text = self.fault(SELF, "SplitPool", self.pool(), {"cpu_pct": 41})
        self.assertEqual((109, "cpu_pct: 41 asked, 40 left (percent of the node's processors)"), (code, text))

    def test_the_owners_promise_is_taken_from_what_authorities_may_promise(self) -> None:
        self.pool(cpu_pct=80)
        wanted = record(SIRIUS, rspec=ResourceSpec(cpu_pct=11)).wire()
        self.assertIn("10 left", self.fault(PL_CONF, "Instantiate", wanted)[1])

    def test_an_rcap_that_nobody_gave_is_refused(self) -> None:
        for rcap in ("f" * 32, "", "x", "' OR 1=1 --"):
            self.assertEqual(102, self.fault(SELF, "GetRspec", rcap)[0])
            self.assertEqual(102, self.fault(SELF, "SplitPool", rcap, {})[0])
            self.assertEqual(102, self.fault(SELF, "Bind", rcap, "princeton_codeen")[0])

    def test_what_is_given_back_is_free_again_and_with_it_what_was_split_off(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        rcap = self.pool()
        part = self.ok(SELF, "SplitPool", rcap, {"cpu_pct": 25})
        deeper = self.ok(SELF, "SplitPool", part, {"cpu_pct": 10})
        self.ok(SELF, "Bind", deeper, "princeton_sirius")
        self.assertEqual(1, self.ok(SELF, "GiveBack", part))
        self.assertEqual(40, self.ok(SELF, "GetRspec", rcap)["left"]["cpu_pct"])
        self.assertEqual(0, self._of(SIRIUS)[1])
        self.assertEqual(102, self.fault(SELF, "GiveBack", deeper)[0])

    def test_neither_root_pools_nor_slivers_own_shares_are_given_back(self) -> None:
        for rcap in list(self.world.books.pools):
            self.assertEqual(108, self.fault(SELF, "GiveBack", rcap)[0])
        self.assertEqual(State.RUNNING, self.state())

    def test_no_slice_holds_root_pools_by_its_name(self) -> None:
        for name in ("pl_conf", "owner", "root"):
            self.assertEqual([], self.ok(Caller(77, name), "GetRcap"))
        self.assertEqual(1, len(self.ok(PL_CONF, "GetRcap")))

    def test_root_pools_cannot_be_bound(self) -> None:
        for pool in list(self.world.books.pools.values()):
            if not pool.bound:
                self.assertEqual(108, self.fault(SELF, "Bind", pool.rcap, "princeton_codeen")[0])

    def test_pools_outlive_the_node_manager(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        part = self.ok(SELF, "SplitPool", self.pool(), {"cpu_pct": 25})
        self.ok(SELF, "Bind", part, "princeton_sirius")
        before = dict(self.world.books.pools)
        self.world = self.world.restarted()
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual((before, 25), (self.world.books.pools, self._of(SIRIUS)[1]))

    def test_what_a_sliver_splits_off_its_own_share_it_has_no_more(self) -> None:
        rspec = ResourceSpec(cpu_pct=30)
        rcap = self.ok(PL_CONF, "Instantiate", evolve(self.delegated(), rspec=rspec, timestamp=NOON + 1).wire())
        self.ok(SELF, "SplitPool", rcap, {"cpu_pct": 20})
        self.assertEqual(10, self._of(CODEEN)[1])


class TheCreationServiceInASliver(ApiTest):
    """pl_conf as any broker: out of a sliver of its own, made by the owner out of a pool, without any authority."""

    def setUp(self) -> None:
        self.world = World(pl_conf_slice="pl_conf")
        rcap = self.ok(OWNER, "CreatePool", {"slivers": 1, "cpu_pct": 5}, "pl_conf")
        self.ok(OWNER, "Bind", self.ok(OWNER, "SplitPool", rcap, {"slivers": 1, "cpu_pct": 5}), "pl_conf")
        self.name = SliceName("pl", "conf")
        self.caller = Caller(self.world.driver.look()[self.name].uid, "pl_conf")

    def test_brings_records_and_lists_slivers_and_nobody_elses_sliver_does(self) -> None:
        self.ok(self.caller, "Instantiate", record(SIRIUS, serial="1").wire())
        listed = {each["name"]: each["made_by"] for each in self.ok(self.caller, "Slivers")}
        self.assertEqual({"pl_conf": "bind", "princeton_sirius": ""}, listed)
        other = Caller(self.world.driver.look()[SIRIUS].uid, "princeton_sirius")
        self.assertEqual(108, self.fault(other, "Instantiate", record(UTAH).wire())[0])

    def test_is_no_strangers_slice_of_that_name(self) -> None:
        self.world = World(pl_conf_slice="pl_conf")
        self.ok(PL_CONF, "Instantiate", record(self.name, EPFL).wire())
        stranger = Caller(self.world.driver.look()[self.name].uid, "pl_conf")
        self.assertEqual(108, self.fault(stranger, "Instantiate", record(UTAH).wire())[0])

    def test_runs_on_while_the_owner_pauses_and_others_have_the_node(self) -> None:
        self.ok(self.caller, "Instantiate", record(SIRIUS).wire())
        for method, args in (("Pause", ()), ("Resume", ()), ("Reserve", ("lease_or_idle", []))):
            self.ok(OWNER, method, *args)
            states = {name: found.state for name, found in self.world.driver.look().items()}
            self.assertEqual(State.RUNNING, states[self.name], method)
            self.assertEqual(method == "Resume", states[SIRIUS] is State.RUNNING, method)


class ABrokerThatSplitsWithoutEnd(ApiTest):
    """Empty parts take nothing from a pool, so that only their number can be held."""

    def setUp(self) -> None:
        super().setUp()
        self.pool = self.ok(OWNER, "CreatePool", {"cpu_pct": 10}, "princeton_codeen")

    def test_parts_of_parts_is_told_how_deep_they_may_be_and_the_rounds_go_on(self) -> None:
        """A chain of a thousand ended every round in a recursion, and with it all expiry."""
        part = self.pool
        for _ in range(MOST_DEEP):
            part = self.ok(SELF, "SplitPool", part, {"end": int(NOON) + 100})
        code, text = self.fault(SELF, "SplitPool", part, {"end": int(NOON) + 100})
        self.assertEqual((109, True), (code, f"split {MOST_DEEP} times" in text), text)
        self.world.later(101.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual(102, self.fault(SELF, "GetRspec", part)[0])
        self.assertEqual(10, self.ok(SELF, "GetRspec", self.pool)["left"]["cpu_pct"])

    def test_one_pool_is_told_how_many_there_may_be_and_can_give_some_back(self) -> None:
        parts = [self.ok(SELF, "SplitPool", self.pool, {}) for _ in range(MOST_PARTS)]
        code, text = self.fault(SELF, "SplitPool", parts[0], {})
        self.assertEqual((109, True), (code, "GiveBack" in text), text)
        other = self.ok(OWNER, "CreatePool", {"cpu_pct": 10}, "princeton_sirius")
        self.ok(Caller(4711, "princeton_sirius"), "SplitPool", other, {"cpu_pct": 1})
        self.ok(SELF, "GiveBack", parts[-1])
        self.ok(SELF, "SplitPool", parts[0], {})


class WhatTheDiskHas(ApiTest):
    def test_is_told_where_it_is_less_than_what_was_promised(self) -> None:
        self.world.node.wishes.most_disk = 2_000_000
        self.assertEqual(10_000_000, self.ok(SELF, "GetRSpec", "princeton_codeen")["disk_max"])
        self.assertEqual(2_000_000, self.ok(SELF, "GetEffectiveRSpec", "princeton_codeen")["disk_max"])
        small = self.delegated(rspec=ResourceSpec(disk_max=1000), timestamp=NOON + 1)
        self.ok(PL_CONF, "Instantiate", small.wire())
        self.assertEqual(1000, self.ok(SELF, "GetEffectiveRSpec", "princeton_codeen")["disk_max"])


class StandingStill(ApiTest):
    """A sliver that does not run says why, and who can change that."""

    def why(self, caller: Caller = SELF) -> tuple[str, str]:
        told = self.ok(caller, "GetState", "princeton_codeen")
        return told["state"], told["why"]

    def test_is_asked_of_by_itself_who_it_delegates_to_the_owner_and_pl_conf(self) -> None:
        for caller in (SELF, CONTROLLER, OWNER, PL_CONF):
            self.assertEqual(("running", ""), self.why(caller))
        self.assertEqual(108, self.fault(STRANGER, "GetState", "princeton_codeen")[0])

    def test_by_the_owners_word(self) -> None:
        self.ok(OWNER, "Pause")
        state, why = self.why()
        self.assertEqual("stopped", state)
        self.assertIn("plfed owner resume", why)

    def test_by_a_stop_that_lasts_until_start_or_until_its_authority_has_it_run(self) -> None:
        self.ok(CONTROLLER, "Stop", "princeton_codeen")
        self.assertEqual(("stopped", "it was stopped; its controller or the slice itself can Start it"), self.why())
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        self.ok(Caller(self.world.driver.look()[SIRIUS].uid, "princeton_sirius"), "Stop", "princeton_sirius")
        self.assertIn("in 600 s it runs by itself", self.ok(OWNER, "GetState", "princeton_sirius")["why"])

    def test_by_its_authoritys_word(self) -> None:
        told = self.delegated(rspec=ResourceSpec(enabled=0), timestamp=NOON + 1)
        self.ok(PL_CONF, "Instantiate", told.wire())
        self.assertIn("it is not enabled", self.why()[1])

    def test_by_leases(self) -> None:
        self.ok(OWNER, "Reserve", "lease_or_idle", [])
        self.assertIn("leases", self.why()[1])

    def test_by_its_time(self) -> None:
        self.world.later(86401.0)
        self.assertEqual(("expired", "its time ended 1 s ago; a newer ticket renews it"), self.why())

    def test_by_its_destruction(self) -> None:
        self.ok(CONTROLLER, "Destroy", "princeton_codeen")
        self.assertEqual(("recorded", "it is not made; its controller or the slice itself can Create it"), self.why())


class Ports(ApiTest):
    def setUp(self) -> None:
        self.world = World(ports=(53, 640, 641))
        self.ok(PL_CONF, "Instantiate", self.delegated().wire())

    def ports(self, name: Any = CODEEN) -> str:
        return dict(self.world.driver.look()[name].sliver.rspec.tags).get("ports", "")

    def test_a_port_that_a_ticket_asks_for_is_its_slivers_alone(self) -> None:
        self.ok(PL_CONF, "Instantiate", record(SIRIUS, attributes={"ports": "53"}, rspec=self.asking("53")).wire())
        self.assertEqual("53", self.ports(SIRIUS))
        code, text = self.fault(PL_CONF, "Instantiate", record(UTAH, rspec=self.asking("640,53")).wire())
        self.assertEqual((109, "ports: 53 asked, not in the pool or given away"), (code, text))

    def asking(self, ports: str) -> ResourceSpec:
        return ResourceSpec(tags={"ports": ports})

    def test_a_port_that_the_owner_keeps_is_given_to_nobody(self) -> None:
        self.assertEqual(109, self.fault(PL_CONF, "Instantiate", record(SIRIUS, rspec=self.asking("22")).wire())[0])

    def test_ports_come_and_go_with_bound_pools(self) -> None:
        rcap = self.ok(OWNER, "CreatePool", {"ports": [640, 641]}, "princeton_codeen")
        part = self.ok(SELF, "SplitPool", rcap, {"ports": [641]})
        self.ok(SELF, "Bind", part, "princeton_codeen")
        self.assertEqual("641", self.ports())
        self.ok(PL_CONF, "Release", part)
        self.assertEqual("", self.ports())


class OwnersPause(ApiTest):
    def test_everything_stops_at_once_stays_stopped_over_a_restart_and_resumes(self) -> None:
        self.ok(OWNER, "Pause")
        self.assertEqual(State.STOPPED, self.state())
        self.world = self.world.restarted()
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual(State.STOPPED, self.state())
        self.ok(OWNER, "Resume")
        self.assertEqual(State.RUNNING, self.state())

    def test_nobody_else_may(self) -> None:
        for caller in (NOBODY, STRANGER, SELF, PL_CONF):
            self.assertEqual(108, self.fault(caller, "Pause")[0])


class Actuators(ApiTest):
    def test_a_trusted_slice_stops_another_and_nobody_else_does(self) -> None:
        self.world = World(trusted=("princeton_comon",))
        for name in (CODEEN, CODEEN.parse("princeton_comon")):
            self.ok(PL_CONF, "Instantiate", self.delegated(name=name).wire())
        for caller in (STRANGER, SELF, CONTROLLER, OWNER, PL_CONF):
            self.assertEqual(
                (108, f"{caller}: Permission denied."), self.fault(caller, "StopSlice", "princeton_codeen")
            )
        self.assertEqual(1, self.ok(Caller(7, "princeton_comon"), "StopSlice", "princeton_codeen"))
        self.assertEqual(State.STOPPED, self.state())


class Reserving(ApiTest):
    def running(self) -> list[str]:
        return sorted(str(name) for name, found in self.world.driver.look().items() if found.state is State.RUNNING)

    def setUp(self) -> None:
        super().setUp()
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())
        self.ok(PL_CONF, "Instantiate", record(UTAH, attributes={"system": "1"}).wire())
        self.lease = {"name": "princeton_sirius", "t_from": int(NOON) + 100, "t_until": int(NOON) + 200, "lease_id": 7}

    def seen(self, policy: str) -> list[list[str]]:
        """Who runs before, during and after the lease, with no round but those that leases cause."""
        self.ok(PL_CONF, "Reserve", policy, [self.lease])
        seen = [self.running()]
        for _ in range(2):
            self.world.later(101.0)
            seen.append(self.running())
        return seen

    def test_lease_or_idle(self) -> None:
        during = ["princeton_sirius", "utah_elab"]
        self.assertEqual([["utah_elab"], during, ["utah_elab"]], self.seen("lease_or_idle"))

    def test_lease_or_shared(self) -> None:
        all_of_them = ["princeton_codeen", "princeton_sirius", "utah_elab"]
        during = ["princeton_sirius", "utah_elab"]
        self.assertEqual([all_of_them, during, all_of_them], self.seen("lease_or_shared"))

    def test_leases_outlive_the_node_manager(self) -> None:
        self.ok(PL_CONF, "Reserve", "lease_or_idle", [self.lease])
        self.world = self.world.restarted()
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        self.assertEqual(["utah_elab"], self.running())

    def test_hostile_leases_are_refused_by_name(self) -> None:
        hostile = (
            {},
            {"name": "x"},
            {**self.lease, "t_until": 5},
            {**self.lease, "t_from": "soon"},
            {**self.lease, "name": 5},
        )
        for lease in hostile:
            self.assertEqual(102, self.fault(PL_CONF, "Reserve", "lease_or_idle", [lease])[0], str(lease))
        self.assertEqual(102, self.fault(PL_CONF, "Reserve", "mine", [])[0])


class Slivers(ApiTest):
    def test_each_entry_and_each_stray_is_listed_with_its_state(self) -> None:
        self.world.driver.create(evolve(self.world.driver.look()[CODEEN].sliver, slice=UTAH))
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))
        listed = [(each["name"], each["authority"], each["state"]) for each in self.ok(PL_CONF, "Slivers")]
        self.assertEqual([("princeton_codeen", "plc", "running"), ("utah_elab", "", "stray")], listed)
        one, other = (set(each) for each in self.ok(PL_CONF, "Slivers"))
        self.assertEqual(one, other)
