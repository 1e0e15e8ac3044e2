"""The driver that only remembers."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import DriverError, State
from node_manager.drivers.memory import MemoryDriver
from tests.node_manager.contract import CODEEN, KEY, SIRIUS, DriverContract


class RememberingSlivers(DriverContract, SynchronousTestCase):
    driver = MemoryDriver

    def test_a_full_network_refuses_the_next_sliver_and_says_what_to_widen(self) -> None:
        driver = MemoryDriver(net="10.0.0.0/30")
        for name in ("a_a", "a_b"):
            driver.create(self.sliver(CODEEN.parse(name)))
        error = self.assertRaises(DriverError, driver.create, self.sliver(CODEEN))
        self.assertIn("sliver_net", str(error))

    def test_a_sliver_keeps_its_address_when_another_goes(self) -> None:
        driver = MemoryDriver()
        self.running(driver, CODEEN)
        self.running(driver, SIRIUS)
        before = driver.address(SIRIUS)
        driver.destroy(CODEEN)
        self.assertEqual(before, driver.address(SIRIUS))


class RememberingInFiles(DriverContract, SynchronousTestCase):
    def driver(self) -> MemoryDriver:
        return MemoryDriver(keep=Path(self.mktemp()))

    def test_slivers_outlive_the_process_as_they_were(self) -> None:
        place = Path(self.mktemp())
        driver = MemoryDriver(keep=place)
        self.running(driver, CODEEN)
        driver.create(self.sliver(SIRIUS, keys=(KEY,)))
        self.assertEqual((driver.look(), driver.owners()), (MemoryDriver(keep=place).look(), driver.owners()))

    def test_what_was_cut_off_in_the_middle_of_its_making_is_found_half_made_and_completed(self) -> None:
        place = Path(self.mktemp())
        driver = MemoryDriver(keep=place)
        driver.create(self.sliver())
        file = place / "princeton_codeen.json"
        file.write_text(file.read_text().replace('"stopped"', '"half"'))
        again = MemoryDriver(keep=place)
        self.assertEqual(State.HALF, again.look()[CODEEN].state)
        again.create(self.sliver())
        self.assertEqual(State.STOPPED, again.look()[CODEEN].state)
