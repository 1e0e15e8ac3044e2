"""The driver that only remembers."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import DriverError
from node_manager.drivers.memory import MemoryDriver
from tests.node_manager.contract import CODEEN, SIRIUS, DriverContract


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
