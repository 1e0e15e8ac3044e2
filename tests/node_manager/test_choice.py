"""Which driver a node takes, and what it says of that."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers.choice import choose
from node_manager.settings import Settings
from planetlab.errors import BadSettings


class ChoosingADriver(SynchronousTestCase):
    def settings(self, driver: str, **stated: str) -> Settings:
        place = self.mktemp()
        return Settings(driver=driver, images=f"{place}/images", work=f"{place}/work", **stated)

    def test_auto_falls_back_and_says_in_one_line_what_is_missing(self) -> None:
        driver, note = choose(self.settings("auto"), lambda: 0.0)
        self.assertEqual(("memory", 1), (driver.name, len(note.splitlines())))
        self.assertTrue(note.startswith("driver memory: slivers are only remembered, since real ones lack: "), note)

    def test_container_where_it_cannot_work_is_refused_with_the_reason(self) -> None:
        error = self.assertRaises(BadSettings, choose, self.settings("container"), lambda: 0.0)
        self.assertTrue(str(error).startswith("driver container cannot work here: "), str(error))

    def test_a_network_that_is_none_is_told_by_its_key(self) -> None:
        error = self.assertRaises(BadSettings, choose, self.settings("memory", sliver_net="10.0.0.0/99"), lambda: 0.0)
        self.assertIn("sliver_net: expected a network like 10.128.0.0/16, got '10.0.0.0/99'", str(error))

    def test_remembered_slivers_that_cannot_be_read_are_refused_and_left_alone(self) -> None:
        place = Path(self.mktemp())
        place.mkdir(parents=True)
        damaged = place / "princeton_codeen.json"
        damaged.write_text("{")
        self.assertRaises(BadSettings, choose, self.settings("memory", remembered=str(place)), lambda: 0.0)
        self.assertEqual("{", damaged.read_text())
