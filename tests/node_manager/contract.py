"""What every driver must do, as tests.

Mix `DriverContract` in with a TestCase whose ``driver()`` gives a driver that has no slivers. A driver that needs
more than a name to make a sliver overrides ``sliver``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Driver, DriverError, Sliver, State
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec

CODEEN = SliceName.parse("princeton_codeen")
SIRIUS = SliceName.parse("princeton_sirius")
PLC = Hrn.parse("plc")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"

_Base = SynchronousTestCase if TYPE_CHECKING else object


class DriverContract(_Base):
    """The claims; each verb is also tried twice, since a caller that was cut off repeats it."""

    driver: Callable[..., Driver]

    def sliver(self, name: SliceName = CODEEN, **stated: object) -> Sliver:
        return evolve(Sliver(slice=name, authority=PLC, rspec=ResourceSpec()), **stated)

    def running(self, driver: Driver, name: SliceName = CODEEN) -> Sliver:
        sliver = self.sliver(name)
        driver.create(sliver)
        driver.start(name)
        return sliver

    def test_a_new_driver_finds_nothing(self) -> None:
        self.assertEqual({}, self.driver().look())

    def test_a_created_sliver_is_found_stopped_and_as_asked(self) -> None:
        driver = self.driver()
        sliver = self.sliver(keys=(KEY,), slice_id=17)
        driver.create(sliver)
        found = driver.look()[CODEEN]
        self.assertEqual((State.STOPPED, sliver), (found.state, found.sliver))

    def test_looking_at_one_tells_what_looking_at_all_tells(self) -> None:
        driver = self.driver()
        self.running(driver, CODEEN)
        self.assertEqual((driver.look()[CODEEN], None), (driver.look_at(CODEEN), driver.look_at(SIRIUS)))

    def test_creating_twice_makes_one(self) -> None:
        driver = self.driver()
        driver.create(self.sliver())
        uid = driver.look()[CODEEN].uid
        driver.create(self.sliver())
        self.assertEqual([(CODEEN, uid)], [(name, found.uid) for name, found in driver.look().items()])

    def test_a_started_sliver_runs_and_starting_twice_changes_nothing(self) -> None:
        driver = self.driver()
        self.running(driver)
        once = driver.look()
        driver.start(CODEEN)
        self.assertEqual(State.RUNNING, once[CODEEN].state)
        self.assertEqual(once, driver.look())

    def test_creating_a_running_sliver_leaves_it_running(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.create(self.sliver())
        self.assertEqual(State.RUNNING, driver.look()[CODEEN].state)

    def test_starting_what_was_never_made_is_refused_by_name(self) -> None:
        error = self.assertRaises(DriverError, self.driver().start, CODEEN)
        self.assertIn("princeton_codeen", str(error))

    def test_a_stopped_sliver_stays_and_stopping_twice_changes_nothing(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.stop(CODEEN)
        once = driver.look()
        driver.stop(CODEEN)
        self.assertEqual(State.STOPPED, once[CODEEN].state)
        self.assertEqual(once, driver.look())

    def test_all_can_be_halted_at_once_and_run_again(self) -> None:
        driver = self.driver()
        for name in (CODEEN, SIRIUS):
            self.running(driver, name)
        driver.halt()
        driver.halt()
        for name in (CODEEN, SIRIUS):
            driver.stop(name)
        self.assertEqual([State.STOPPED] * 2, [found.state for found in driver.look().values()])
        self.assertEqual([], driver.owners())
        driver.start(CODEEN)
        self.assertEqual(State.RUNNING, driver.look()[CODEEN].state)

    def test_stopping_or_destroying_what_is_not_there_changes_nothing(self) -> None:
        driver = self.driver()
        driver.stop(CODEEN)
        driver.destroy(CODEEN)
        self.assertEqual({}, driver.look())

    def test_a_running_sliver_can_be_destroyed_twice_and_is_gone(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.destroy(CODEEN)
        driver.destroy(CODEEN)
        self.assertEqual(({}, []), (driver.look(), driver.owners()))

    def test_destroying_one_leaves_the_other_as_it_is(self) -> None:
        driver = self.driver()
        self.running(driver, CODEEN)
        self.running(driver, SIRIUS)
        before = driver.look()[SIRIUS]
        driver.destroy(CODEEN)
        self.assertEqual({SIRIUS: before}, driver.look())

    def test_a_destroyed_sliver_can_be_made_again(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.destroy(CODEEN)
        self.running(driver)
        self.assertEqual(State.RUNNING, driver.look()[CODEEN].state)

    def test_new_limits_are_bound_without_a_restart(self) -> None:
        driver = self.driver()
        self.running(driver)
        since = driver.look()[CODEEN].since
        rspec = ResourceSpec(cpu_share=3)
        driver.set_limits(CODEEN, rspec)
        driver.set_limits(CODEEN, rspec)
        found = driver.look()[CODEEN]
        assert found.sliver is not None
        self.assertEqual((rspec, State.RUNNING, since), (found.sliver.rspec, found.state, found.since))

    def test_keys_are_replaced_as_a_whole(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.attach_keys(CODEEN, (KEY, KEY.replace("user", "other")))
        driver.attach_keys(CODEEN, (KEY,))
        found = driver.look()[CODEEN]
        assert found.sliver is not None
        self.assertEqual((KEY,), found.sliver.keys)

    def test_an_initscript_can_be_replaced_while_running(self) -> None:
        driver = self.driver()
        self.running(driver)
        driver.set_initscript(CODEEN, "#!/bin/sh\nexit 0\n")
        found = driver.look()[CODEEN]
        assert found.sliver is not None
        self.assertEqual(("#!/bin/sh\nexit 0\n", State.RUNNING), (found.sliver.initscript, found.state))

    def test_verbs_on_a_missing_sliver_name_it(self) -> None:
        driver = self.driver()
        for verb, argument in (
            (driver.set_limits, ResourceSpec()),
            (driver.attach_keys, ()),
            (driver.set_initscript, ""),
        ):
            error = self.assertRaises(DriverError, verb, SIRIUS, argument)
            self.assertIn("princeton_sirius", str(error))

    def test_only_running_slivers_own_packets_and_no_two_share_a_mark(self) -> None:
        driver = self.driver()
        self.running(driver, CODEEN)
        self.running(driver, SIRIUS)
        both = driver.owners()
        self.assertEqual({CODEEN, SIRIUS}, {owner.slice for owner in both})
        self.assertEqual(len(both), len({(owner.kind, owner.tag) for owner in both}))
        driver.stop(SIRIUS)
        self.assertEqual({CODEEN}, {owner.slice for owner in driver.owners()})

    def test_no_two_slivers_share_a_user_id(self) -> None:
        driver = self.driver()
        driver.create(self.sliver(CODEEN))
        driver.create(self.sliver(SIRIUS))
        a, b = (found for _, found in sorted(driver.look().items()))
        self.assertTrue(a.uid + a.uids <= b.uid or b.uid + b.uids <= a.uid, f"{a} and {b} overlap")

    def test_a_console_tells_its_slivers_name_and_a_missing_slivers_nothing(self) -> None:
        driver = self.driver()
        self.running(driver)
        self.assertIn("princeton_codeen", driver.console(CODEEN))
        driver.stop(CODEEN)
        self.assertIn("princeton_codeen", driver.console(CODEEN))
        self.assertEqual("", driver.console(SIRIUS))

    def test_a_missing_sliver_uses_nothing(self) -> None:
        self.assertEqual(0, self.driver().stats(CODEEN).memory)

    def test_a_sample_tells_of_each_that_is_asked_for_what_it_alone_would_say(self) -> None:
        driver = self.driver()
        self.running(driver)
        told = driver.sample([CODEEN, SIRIUS])
        self.assertEqual(driver.stats(CODEEN).address, told[CODEEN].address)
        self.assertEqual(driver.stats(SIRIUS), told[SIRIUS])
