"""One clock, which tests can set."""

import pathlib
import time

from twisted.trial.unittest import SynchronousTestCase

from planetlab.clock import SetClock, WallClock


class Clocks(SynchronousTestCase):
    def test_a_set_clock_stands_until_it_is_advanced(self) -> None:
        clock = SetClock(7.0)
        self.assertEqual([7.0, 7.0], [clock.now(), clock.now()])
        clock.advance(-2.5)
        self.assertEqual(4.5, clock.now())

    def test_a_file_shifts_the_wall_clock_each_time_it_is_read(self) -> None:
        path = pathlib.Path(self.mktemp())
        path.parent.mkdir(parents=True, exist_ok=True)
        clock = WallClock(path)
        for text, shift in (("0", 0.0), ("86400.5\n", 86400.5), ("-3600", -3600.0), ("half writ", 0.0)):
            path.write_text(text)
            self.assertApproximates(shift, clock.now() - time.time(), 1.0)
        path.unlink()
        self.assertApproximates(0.0, clock.now() - time.time(), 1.0)

    def test_only_a_test_may_shift_it(self) -> None:
        self.patch_environment(PLFED_CLOCK_FILE="/x", PLFED_TESTING="")
        self.assertIsNone(WallClock().shift)
        self.patch_environment(PLFED_TESTING="1")
        self.assertEqual(pathlib.Path("/x"), WallClock().shift)

    def patch_environment(self, **more: str) -> None:
        import os

        self.patch(os, "environ", {**os.environ, **more})
