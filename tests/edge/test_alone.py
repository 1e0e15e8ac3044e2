"""Work that comes up again while it goes on, and work that fails."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from planetlab.alone import Alone


class OneAtATime(SynchronousTestCase):
    def setUp(self) -> None:
        self.alone, self.begun = Alone("counting"), list[Deferred[None]]()

    async def work(self) -> None:
        self.begun.append(Deferred())
        await self.begun[-1]

    def test_it_is_not_begun_a_second_time_while_it_goes_on(self) -> None:
        for _ in range(3):
            self.alone.begin(self.work)
        self.assertEqual(1, len(self.begun))
        self.begun[0].callback(None)
        self.alone.begin(self.work)
        self.assertEqual(2, len(self.begun))

    def test_a_failure_is_told_and_does_not_hinder_the_next(self) -> None:
        self.alone.begin(self.work)
        self.begun[0].errback(ZeroDivisionError())
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.alone.begin(self.work)
        self.assertEqual(2, len(self.begun))
