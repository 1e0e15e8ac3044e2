"""Records become slivers, once each, whatever is cut off, retried, jumped or hostile."""

from pathlib import Path
from typing import Any
from unittest.mock import ANY

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import DriverError, Sliver, State, Stats
from node_manager.drivers.memory import MemoryDriver
from node_manager.loans import Loan
from node_manager.pools import NoRoom
from node_manager.records import DELEGATED, Record
from node_manager.settings import Root
from planetlab.errors import BadSettings, Conflict, Forbidden, Unavailable
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from tests.node_manager.world import CODEEN, EPFL, KEY, NOON, PLC, SIRIUS, UTAH, World, record


class Broken(MemoryDriver):
    """Fails on one slice, as long as it is told to."""

    broken: SliceName | None = CODEEN

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        if sliver.slice == self.broken:
            raise DriverError(f"cannot make {sliver.slice}: no space left on device")
        return super().create(sliver)


class NodeTest(SynchronousTestCase):
    """Runs coroutines to their end."""

    def done(self, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def fails(self, kind: type[Exception], work: Any) -> Exception:
        failure = self.failureResultOf(Deferred.fromCoroutine(work), kind)
        assert isinstance(failure.value, Exception)
        return failure.value

    def state(self, world: World, name: SliceName = CODEEN) -> State | None:
        found = world.driver.look().get(name)
        return found.state if found else None


class MakingSlivers(NodeTest):
    def test_a_record_becomes_a_running_sliver_and_an_rcap_of_128_bits(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record(keys=(KEY,))))
        self.assertEqual((32, State.RUNNING), (len(bytes.fromhex(rcap)) * 2, self.state(world)))
        self.assertEqual((KEY,), world.driver.look()[CODEEN].sliver.keys)

    def test_asked_twice_it_is_one_sliver_with_one_rcap(self) -> None:
        world = World()
        rcaps = {self.done(world.node.instantiate(record())) for _ in range(3)}
        self.assertEqual((1, 1), (len(rcaps), len(world.driver.look())))

    def test_two_callers_at_once_get_the_same_rcap(self) -> None:
        world = World()
        both = [Deferred.fromCoroutine(world.node.instantiate(record())) for _ in range(2)]
        self.assertEqual(1, len({self.successResultOf(each) for each in both}))

    def test_a_renewal_keeps_the_rcap_and_does_not_restart(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record()))
        world.later(60.0)
        newer = record(expires=NOON + 9e5, timestamp=NOON + 60, rspec=ResourceSpec(cpu_share=7))
        self.assertEqual(rcap, self.done(world.node.instantiate(newer)))
        found = world.driver.look()[CODEEN]
        self.assertEqual((NOON, 7), (found.since, found.sliver.rspec.cpu_share))

    def test_an_older_record_changes_nothing(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_share=7))))
        self.done(world.node.instantiate(record(timestamp=NOON - 1, rspec=ResourceSpec(cpu_share=1))))
        self.assertEqual(7, world.driver.look()[CODEEN].sliver.rspec.cpu_share)

    def test_another_authority_cannot_take_a_name_that_is_in_use(self) -> None:
        world = World()
        self.done(world.node.instantiate(record()))
        error = self.fails(Conflict, world.node.instantiate(record(authority=EPFL)))
        self.assertIn("princeton_codeen is a slice of plc on this node, not of epfl", str(error))

    def test_an_expired_record_is_refused_and_leaves_nothing(self) -> None:
        world = World()
        error = self.fails(Forbidden, world.node.instantiate(record(expires=NOON - 3)))
        self.assertIn("expired 3 s ago", str(error))
        self.assertEqual(({}, {}), (world.books.entries, world.driver.look()))

    def test_a_controller_is_an_account_and_no_sliver(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(UTAH, instantiation="nm-controller", keys=(KEY,))))
        self.assertEqual(({}, "account"), (world.driver.look(), world.node.state(world.books.entries[UTAH])))

    def test_a_disabled_sliver_is_there_but_stands_still_and_lets_nobody_in(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(keys=(KEY,), rspec=ResourceSpec(enabled=0))))
        found = world.driver.look()[CODEEN]
        self.assertEqual((State.STOPPED, ()), (found.state, found.sliver.keys))


class Capacity(NodeTest):
    def test_guarantees_beyond_the_node_are_refused_and_leave_nothing(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=80))))
        error = self.fails(NoRoom, world.node.instantiate(record(SIRIUS, rspec=ResourceSpec(cpu_pct=11))))
        self.assertEqual("cpu_pct: 11 asked, 10 left (percent of the node's processors)", str(error))
        self.assertEqual({CODEEN}, set(world.books.entries))

    def test_best_effort_is_never_refused(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=90))))
        self.done(world.node.instantiate(record(SIRIUS, rspec=ResourceSpec(cpu_share=1000, net_max_rate=10**6))))
        self.assertEqual(State.RUNNING, self.state(world, SIRIUS))

    def test_a_grown_guarantee_is_measured_without_its_own_old_size(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=80))))
        self.done(world.node.instantiate(record(timestamp=NOON + 1, rspec=ResourceSpec(cpu_pct=90))))
        self.assertEqual(90, world.driver.look()[CODEEN].sliver.rspec.cpu_pct)

    def test_a_released_sliver_gives_its_guarantee_back(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=90))))
        self.done(world.node.release(rcap))
        self.done(world.node.instantiate(record(SIRIUS, rspec=ResourceSpec(cpu_pct=90))))
        self.assertEqual({SIRIUS}, set(world.driver.look()))

    def test_an_expired_sliver_gives_its_guarantee_back(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=90), expires=NOON + 10)))
        world.later(11.0)
        self.done(world.node.instantiate(record(SIRIUS, rspec=ResourceSpec(cpu_pct=90))))
        self.assertEqual(State.RUNNING, self.state(world, SIRIUS))

    def test_shares_of_authorities_bound_their_slivers_and_the_node_bounds_all(self) -> None:
        roots = (Root(authority="plc", share=0.8), Root(authority="epfl", share=0.5, max_slivers=1))
        world = World(authorities=roots)
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=70))))
        error = self.fails(NoRoom, world.node.instantiate(record(UTAH, EPFL, rspec=ResourceSpec(cpu_pct=40))))
        self.assertIn("20 left", str(error))
        self.done(world.node.instantiate(record(UTAH, EPFL, rspec=ResourceSpec(cpu_pct=20))))
        error = self.fails(NoRoom, world.node.instantiate(record(SIRIUS, EPFL)))
        self.assertIn("slivers: 1 asked, 0 left", str(error))

    def test_an_authority_without_a_pool_is_refused_by_name(self) -> None:
        world = World(authorities=(Root(authority="plc"),))
        error = self.fails(Forbidden, world.node.instantiate(record(authority=EPFL)))
        self.assertIn("no pool for epfl", str(error))

    def test_an_authority_below_a_known_one_is_served_from_its_pool(self) -> None:
        world = World(authorities=(Root(authority="plc"),))
        self.done(world.node.instantiate(record(authority=Hrn.parse("plc.japan"))))
        self.assertEqual(State.RUNNING, self.state(world))

    def test_a_name_outside_an_authoritys_prefix_is_refused(self) -> None:
        world = World(authorities=(Root(authority="plc", prefixes=("plj_",)),))
        error = self.fails(Forbidden, world.node.instantiate(record()))
        self.assertIn("plj_", str(error))


class Releasing(NodeTest):
    def test_nothing_is_left(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record()))
        pools_before = len(world.books.pools)
        self.done(world.node.release(rcap))
        self.assertEqual(({}, {}, pools_before - 1), (world.driver.look(), world.books.entries, len(world.books.pools)))

    def test_releasing_twice_or_what_never_was_is_no_error(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record()))
        for each in (rcap, rcap, "f" * 32, "", "x"):
            self.done(world.node.release(each))
        self.assertEqual({}, world.driver.look())

    def test_a_released_slice_comes_back_with_a_new_rcap(self) -> None:
        world = World()
        first = self.done(world.node.instantiate(record()))
        self.done(world.node.release(first))
        self.assertNotEqual(first, self.done(world.node.instantiate(record())))

    def test_the_owners_pools_are_not_given_back_by_a_release(self) -> None:
        world = World()
        before = dict(world.books.pools)
        for rcap in before:
            self.done(world.node.release(rcap))
        self.assertEqual(before, world.books.pools)


class WhenADriverFails(NodeTest):
    def test_the_caller_is_told_and_the_next_round_tries_again(self) -> None:
        driver = Broken()
        world = World(driver)
        error = self.fails(DriverError, world.node.instantiate(record()))
        self.assertIn("no space left on device", str(error))
        entry = world.books.entries[CODEEN]
        self.assertEqual(
            ("failed", "it could not be made: cannot make princeton_codeen: no space left on device"),
            (world.node.state(entry), world.node.why_not(entry)),
        )
        driver.broken = None
        self.done(world.node.round())
        self.assertEqual(
            ("running", ""), (world.node.state(world.books.entries[CODEEN]), world.books.entries[CODEEN].reason)
        )

    def test_one_failing_sliver_does_not_stop_the_round(self) -> None:
        driver = Broken()
        world = World(driver)
        self.fails(DriverError, world.node.instantiate(record()))
        self.done(world.node.instantiate(record(SIRIUS)))
        driver.destroy(SIRIUS)
        report = self.done(world.node.round())
        self.assertEqual(({CODEEN: ANY}, State.RUNNING), (report.failed, self.state(world, SIRIUS)))

    def test_a_retry_after_a_failure_gives_the_rcap_of_the_intent(self) -> None:
        driver = Broken()
        world = World(driver)
        self.fails(DriverError, world.node.instantiate(record()))
        rcap = world.books.entries[CODEEN].rcap
        driver.broken = None
        self.assertEqual(rcap, self.done(world.node.instantiate(record())))

    def test_a_sliver_that_takes_too_long_answers_ask_again_and_is_made_all_the_same(self) -> None:
        world = World()
        slow: Deferred[None] = Deferred()

        async def work() -> str:
            await slow
            return "made"

        answer = Deferred.fromCoroutine(world.node.in_time(work(), "the sliver of princeton_codeen"))
        world.later(world.settings.answer_within + 1)
        error = self.failureResultOf(answer, Unavailable).value
        self.assertIn("ask again", str(error))
        slow.callback(None)


class AfterARestart(NodeTest):
    def test_slivers_and_rcaps_are_as_before(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record()))
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual((rcap, NOON), (self.done(again.node.instantiate(record())), again.driver.look()[CODEEN].since))

    def test_delegated_slivers_are_not_lost_to_the_node_manager(self) -> None:
        """The originals skipped them after a restart: no new keys, no limits, and Start and Stop failed."""
        world = World()
        self.done(world.node.instantiate(record(instantiation=DELEGATED)))
        again = world.restarted()
        self.done(again.node.round())
        self.done(again.node.instantiate(record(instantiation=DELEGATED, keys=(KEY,), timestamp=NOON + 1)))
        self.assertEqual((KEY,), again.driver.look()[CODEEN].sliver.keys)

    def test_an_intent_that_was_cut_off_is_completed_by_the_first_round(self) -> None:
        world = World()
        world.node.take(record(), create=True)
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual((State.RUNNING, True), (self.state(again), again.books.entries[CODEEN].done))

    def test_a_release_that_was_cut_off_is_completed_by_the_first_round(self) -> None:
        world = World()
        self.done(world.node.instantiate(record()))
        world.books.put(evolve(world.books.entries[CODEEN], releasing=True))
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual(({}, {}), (again.driver.look(), again.books.entries))

    def test_root_pools_keep_their_rcaps(self) -> None:
        world = World()
        self.assertEqual(set(world.books.pools), set(world.restarted().books.pools))

    def test_a_lowered_share_evicts_nobody(self) -> None:
        world = World()
        self.done(world.node.instantiate(record(rspec=ResourceSpec(cpu_pct=80))))
        again = world.restarted(authorities=(Root(authority="plc", share=0.1),))
        self.done(again.node.round())
        self.assertEqual(State.RUNNING, self.state(again))


class Guards(NodeTest):
    def populated(self, number: int) -> World:
        world = World()
        for count in range(number):
            self.done(world.node.instantiate(record(SliceName("site", f"s{count}"))))
        return world

    def test_lost_books_destroy_no_sliver(self) -> None:
        world = self.populated(10)
        again = World(world.driver)
        for _ in range(3):
            self.done(again.node.round())
            again.later(10 * again.settings.stray_grace)
        self.assertEqual((10, 10), (len(again.driver.look()), len(again.node.strays_kept)))

    def test_a_sliver_that_survived_the_books_is_taken_up_again_with_all_it_has(self) -> None:
        world = self.populated(1)
        name = SliceName("site", "s0")
        since = world.driver.look()[name].since
        again = World(world.driver)
        again.later(50.0)
        self.done(again.node.round())
        self.done(again.node.instantiate(record(name)))
        self.done(again.node.round())
        self.assertEqual((since, {}), (again.driver.look()[name].since, again.node.strays_kept))

    def test_a_single_stray_goes_after_its_grace(self) -> None:
        world = self.populated(10)
        world.driver.create(evolve(world.driver.look()[SliceName("site", "s0")].sliver, slice=UTAH))
        self.done(world.node.round())
        self.assertIn(UTAH, world.driver.look())
        world.later(world.settings.stray_grace)
        self.done(world.node.round())
        self.assertNotIn(UTAH, world.driver.look())

    def test_the_owner_can_end_a_stray_at_once_but_not_a_sliver_with_a_record(self) -> None:
        world = self.populated(1)
        world.driver.create(evolve(world.driver.look()[SliceName("site", "s0")].sliver, slice=UTAH))
        self.done(world.node.destroy_stray(UTAH))
        self.assertNotIn(UTAH, world.driver.look())
        self.fails(Forbidden, world.node.destroy_stray(SliceName("site", "s0")))


class Expiry(NodeTest):
    def test_it_is_enforced_when_no_authority_can_be_reached(self) -> None:
        """The originals looked at expiry only when an update came."""
        world = World()
        self.done(world.node.instantiate(record(expires=NOON + 100)))
        world.later(101.0)
        self.done(world.node.round())
        self.assertEqual(State.STOPPED, self.state(world))
        world.later(world.settings.expired_kept)
        self.done(world.node.round())
        self.assertEqual(({}, {}), (world.driver.look(), world.books.entries))

    def test_a_renewal_within_the_time_it_is_kept_brings_it_back_with_its_files(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record(expires=NOON + 100)))
        world.later(200.0)
        self.done(world.node.round())
        uid = world.driver.look()[CODEEN].uid
        renewed = record(expires=NOON + 9000, timestamp=NOON + 200)
        self.assertEqual(rcap, self.done(world.node.instantiate(renewed)))
        self.assertEqual((uid, State.RUNNING), (world.driver.look()[CODEEN].uid, self.state(world)))

    def test_no_jump_of_the_clock_ends_a_sliver(self) -> None:
        for jump in (301.0, 3600.0, 86400.0 * 3650, -3600.0, -86400.0 * 3650):
            world = World()
            self.done(world.node.instantiate(record()))
            world.clock.advance(jump)
            for _ in range(3):
                self.done(world.node.round())
                world.later(10.0)
            self.assertEqual(State.RUNNING, self.state(world), f"after a jump of {jump} s")

    def test_an_authoritys_word_for_the_new_time_lets_expiry_go_on(self) -> None:
        world = World()
        self.done(world.node.instantiate(record()))
        world.clock.advance(86400.0 + 50.0)
        self.done(world.node.round())
        self.done(world.node.instantiate(record(SIRIUS, timestamp=world.clock.at, expires=world.clock.at + 1e5)))
        self.done(world.node.round())
        self.assertEqual((State.STOPPED, State.RUNNING), (self.state(world), self.state(world, SIRIUS)))


class TwoAuthorities(NodeTest):
    def test_clocks_an_hour_apart_never_delete_each_others_slivers(self) -> None:
        world = World()
        fast, slow = NOON + 3600, NOON
        for turn in range(1000):  # a fixed interleaving of records of both, newest and stale
            mine = turn % 3 != 0
            name = SliceName("plcsite" if mine else "epflsite", f"s{(turn * 7) % 10}")
            stamp = (fast if mine else slow) + (turn * 13) % 50
            self.done(world.node.instantiate(record(name, PLC if mine else EPFL, timestamp=stamp)))
        self.done(world.node.round())
        self.assertEqual(20, len(world.driver.look()))


class Lending(NodeTest):
    def world(self) -> World:
        world = World()
        for name in (CODEEN, SIRIUS, UTAH):
            self.done(world.node.instantiate(record(name, rspec=ResourceSpec(net_max_rate=1_000_000))))
        return world

    def rate(self, world: World, name: SliceName) -> int:
        return int(world.driver.look()[name].sliver.rspec.net_max_rate)

    def test_loans_are_bound_at_once_on_both_sides(self) -> None:
        world = self.world()
        self.done(world.node.lend(CODEEN, (Loan(SIRIUS, "net_max_rate", 600_000), Loan(UTAH, "net_max_rate", 600_000))))
        rates = [self.rate(world, name) for name in (CODEEN, SIRIUS, UTAH)]
        self.assertEqual([400_000, 1_600_000, 1_000_000], rates)

    def test_loans_survive_renewal_and_restart_and_end_with_the_record(self) -> None:
        world = self.world()
        self.done(world.node.lend(CODEEN, (Loan(SIRIUS, "net_max_rate", 5),)))
        self.done(
            world.node.instantiate(record(CODEEN, timestamp=NOON + 1, rspec=ResourceSpec(net_max_rate=1_000_000)))
        )
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual(1_000_005, self.rate(again, SIRIUS))
        self.done(again.node.release(again.books.entries[CODEEN].rcap))
        self.done(again.node.round())
        self.assertEqual(1_000_000, self.rate(again, SIRIUS))

    def test_taking_loans_back_restores_the_lender(self) -> None:
        world = self.world()
        self.done(world.node.lend(CODEEN, (Loan(SIRIUS, "net_max_rate", 5),)))
        self.done(world.node.lend(CODEEN, ()))
        self.assertEqual((1_000_000, 1_000_000), (self.rate(world, CODEEN), self.rate(world, SIRIUS)))


class Generous(MemoryDriver):
    """Says that every sliver has sent as much as it is told to."""

    sent = 0

    def stats(self, name: SliceName) -> Stats:
        return Stats(sent=self.sent)


class SendingMuch(NodeTest):
    def test_who_sent_its_days_amount_is_slowed_down_and_stays_so_over_a_restart(self) -> None:
        driver = Generous()
        world = World(driver)
        self.done(world.node.instantiate(record()))
        self.done(world.node.sample())
        driver.sent = 9_492_187 * 1024
        world.later(3600.0)
        self.done(world.node.sample())
        self.assertEqual(104, driver.look()[CODEEN].sliver.rspec.net_max_rate)
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual(104, driver.look()[CODEEN].sliver.rspec.net_max_rate)

    def test_the_next_day_lifts_it(self) -> None:
        driver = Generous()
        world = World(driver)
        self.done(world.node.instantiate(record(expires=NOON + 1e6)))
        self.done(world.node.sample())
        driver.sent = 10**11
        for hours in (1, 24):
            world.later(3600.0 * hours)
            self.done(world.node.sample())
        self.assertEqual(1_000_000, driver.look()[CODEEN].sliver.rspec.net_max_rate)

    def test_the_default_slice_can_switch_all_caps_off(self) -> None:
        driver = Generous()
        world = World(driver)
        default = SliceName("pl", "default")
        self.done(
            world.node.instantiate(record(default, instantiation="nm-controller", rspec=ResourceSpec(net_max_rate=-1)))
        )
        self.done(world.node.instantiate(record()))
        self.done(world.node.sample())
        driver.sent = 10**12
        self.done(world.node.sample())
        self.assertEqual(1_000_000, driver.look()[CODEEN].sliver.rspec.net_max_rate)


class Owners(NodeTest):
    def owners(self, world: World, since: int = 0) -> tuple[int, list[Any]]:
        owners: tuple[int, list[Any]] = self.done(world.node.owners.since(since))
        return owners

    def test_a_slivers_packets_are_its_own_from_before_it_starts_until_after_it_is_gone(self) -> None:
        world = World()
        rcap = self.done(world.node.instantiate(record()))
        stamp, windows = self.owners(world)
        self.assertEqual([(CODEEN, "plc", NOON, None)], [(w.slice, w.authority, w.since, w.until) for w in windows])
        world.later(60.0)
        self.done(world.node.release(rcap))
        _, windows = self.owners(world, stamp)
        self.assertEqual(
            [(CODEEN, "plc", NOON, NOON + 60)], [(w.slice, w.authority, w.since, w.until) for w in windows]
        )

    def test_a_slow_look_does_not_overtake_a_later_one(self) -> None:
        slow: list[Deferred[Any]] = []

        def in_thread(blocking: Any, /) -> Any:
            slow.append(Deferred())
            result = blocking()  # seen now, told late
            return slow[-1].addCallback(lambda _: result)

        world = World()
        world.node.owners._in_thread = in_thread
        early = Deferred.fromCoroutine(world.node.owners.see())
        self.done(world.node.instantiate(record()))
        asked = Deferred.fromCoroutine(world.node.owners.since(0))
        self.assertNoResult(asked)
        while not asked.called:
            slow.pop(0).callback(None)
        self.successResultOf(early)
        self.assertEqual([CODEEN], [window.slice for window in self.successResultOf(asked)[1]])

    def test_nothing_new_is_an_empty_answer_with_the_same_stamp(self) -> None:
        world = World()
        self.done(world.node.instantiate(record()))
        stamp, _ = self.owners(world)
        self.done(world.node.round())
        self.assertEqual((stamp, []), self.owners(world, stamp))

    def test_a_mark_used_again_is_never_two_slices_at_one_moment(self) -> None:
        world = World()
        for turn in range(50):
            rcap = self.done(world.node.instantiate(record(SliceName("site", f"s{turn}"))))
            world.later(0.01)
            self.done(world.node.release(rcap))
        _, windows = self.owners(world)
        by_tag: dict[str, list[Any]] = {}
        for window in windows:
            by_tag.setdefault(window.tag, []).append(window)
        for line in by_tag.values():
            for before, after in zip(line, line[1:], strict=False):
                self.assertLessEqual(before.until, after.since)

    def test_the_log_outlives_the_node_manager(self) -> None:
        world = World()
        self.done(world.node.instantiate(record()))
        self.owners(world)
        again = world.restarted()
        again.later(100.0)
        self.done(again.node.round())
        self.assertEqual([NOON], [window.since for window in self.owners(again)[1]])


class Ending(NodeTest):
    def test_a_look_that_is_under_way_is_waited_for_before_the_books_are_closed(self) -> None:
        waiting: list[Deferred[Any]] = []

        def in_thread(blocking: Any, /) -> Any:
            waiting.append(Deferred())
            result = blocking()
            return waiting[-1].addCallback(lambda _: result)

        world = World()
        world.node.owners._in_thread = in_thread
        self.done(world.node.instantiate(record()))
        world.later(world.settings.owners_lag)
        world.node.stop()
        rested = Deferred.fromCoroutine(world.node.owners.rest())
        self.assertNoResult(rested)
        waiting.pop().callback(None)
        self.successResultOf(rested)
        self.assertEqual([CODEEN], [window.slice for window in world.books.windows(0)])

    def test_nothing_new_is_begun_and_what_is_refused_may_be_asked_again(self) -> None:
        world = World()
        world.node.stop()
        error = self.fails(Unavailable, world.node.instantiate(record()))
        self.assertIn("ask again", str(error))
        again = world.restarted()
        self.done(again.node.round())
        self.assertEqual(State.RUNNING, self.state(again))


class Unchanged(NodeTest):
    def test_a_round_with_nothing_to_do_does_nothing(self) -> None:
        world = World()
        for count in range(50):
            self.done(world.node.instantiate(record(SliceName("site", f"s{count}"))))
        self.done(world.node.round())
        self.assertEqual((), self.done(world.node.round()).changed)


class HostileRecords(SynchronousTestCase):
    def test_each_is_refused_by_the_name_of_its_member(self) -> None:
        good = record().wire()
        hostile: list[tuple[str, Any]] = [
            ("name", "x"), ("name", "../../etc_x"), ("name", 5), ("name", "a_" + "b" * 300), ("authority", ""),
            ("expires", "soon"), ("expires", float("nan")), ("expires", -1), ("expires", True), ("slice_id", -1),
            ("slice_id", 2**40), ("instantiation", "mine"), ("keys", "k"), ("keys", ["a\nb"]), ("keys", [5]),
            ("keys", ["k"] * 2000), ("rspec", []), ("rspec", {"cpu_share": "1"}), ("rspec", {"cpu_share": 2**40}),
            ("rspec", {"no_such": 1}), ("rspec", {"tags": 5}), ("initscript", 5), ("initscript", "x" * 2_000_000),
            ("vref", "a\0b"), ("attributes", []), ("attributes", {"a": 5}), ("serial", "s" * 300),
        ]  # fmt: skip
        for member, value in hostile:
            with self.assertRaises(Exception) as caught:
                Record.read(good | {member: value})
            self.assertEqual(
                102, getattr(caught.exception, "code", None), f"{member}={value!r:.40}: {caught.exception!r}"
            )

    def test_a_far_expiry_is_never(self) -> None:
        self.assertEqual(2.0**31 - 1, Record.read(record().wire() | {"expires": 1e17}).expires)

    def test_what_is_printed_is_read_back(self) -> None:
        whole = record(
            keys=(KEY,), slice_id=17, serial="s", initscript="#!/bin/sh", vref="f8", instantiation=DELEGATED,
            attributes={"delegations": "utah_nm"}, rspec=ResourceSpec(cpu_pct=5, rlimits={"rss_hard": 9}),
        )  # fmt: skip
        self.assertEqual(whole, Record.read(whole.wire()))

    def test_an_initscript_is_found_by_its_name(self) -> None:
        struct = record(attributes={"initscript": "b"}).wire()
        scripts = [{"name": "a", "script": "A", "enabled": True}, {"name": "b", "script": "B", "enabled": True}]
        self.assertEqual("B", Record.read(struct | {"initscripts": scripts}).initscript)


class ScriptOfTheNode(NodeTest):
    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("#!/bin/sh\nexit 0\n")

    def test_a_slice_that_names_no_script_gets_the_nodes_and_one_that_does_keeps_its_own(self) -> None:
        world = World(initscript=str(self.file))
        self.done(world.node.instantiate(record()))
        self.done(world.node.instantiate(record(UTAH, initscript="#!/bin/sh\nown\n")))
        found = world.driver.look()
        self.assertEqual(
            ["#!/bin/sh\nexit 0\n", "#!/bin/sh\nown\n"], [found[n].sliver.initscript for n in (CODEEN, UTAH)]
        )

    def test_a_file_that_is_not_there_is_named(self) -> None:
        error = self.assertRaises(BadSettings, World, initscript="/nowhere/script")
        self.assertIn("initscript = '/nowhere/script'", str(error))
