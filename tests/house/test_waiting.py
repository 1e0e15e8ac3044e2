"""Waiting until something is so: what tests of processes rest on."""

from twisted.trial.unittest import SynchronousTestCase

from tests.waiting import until


class Waiting(SynchronousTestCase):
    def test_what_does_not_come_to_be_is_told_with_the_last_error(self) -> None:
        def refused() -> bool:
            raise ConnectionRefusedError("nobody listens")

        error = self.assertRaises(AssertionError, until, refused, lambda: "it answers", 0.0)
        self.assertEqual("not within 0 s: it answers", str(error))
        self.assertIsInstance(error.__cause__, ConnectionRefusedError)

    def test_what_a_look_breaks_with_ends_it_at_once(self) -> None:
        self.assertRaises(ZeroDivisionError, until, lambda: 1 / 0, "never")

    def test_the_first_look_that_sees_it_gives_it(self) -> None:
        seen = iter((0, "", [7], [8]))
        self.assertEqual([7], until(lambda: next(seen), "a list"))
