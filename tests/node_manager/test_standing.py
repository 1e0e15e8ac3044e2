"""What is told of where a sliver stands: the first thing that is so, in this order."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Found, State
from node_manager.records import CONTROLLER, Entry
from node_manager.standing import why_not, word
from tests.node_manager.world import CODEEN, NOON, record

RUNNING, STOPPED, HALF = (Found(slice=CODEEN, state=state) for state in State)
SLIVER = Entry(record=record(expires=NOON), rcap="1")
ROWS = (  # how it is booked, what is found, why it is to stand still; a word, a part of the sentence
    ({"releasing": True}, RUNNING, "", "releasing", "being removed"),
    ({"record": record(instantiation=CONTROLLER)}, None, "", "account", ""),
    ({"created": False}, None, "", "recorded", "is not made"),
    ({}, None, "", "making", "is being started"),
    ({"reason": "no room"}, None, "", "failed", "could not be made: no room"),
    ({}, RUNNING, "", "running", ""),
    ({}, RUNNING, "paused", "running", "paused"),
    ({"reason": "no room"}, STOPPED, "paused", "stopped", "paused"),
    ({}, HALF, "", "half", "is being started"),
)


class Standing(SynchronousTestCase):
    def test_is_told_in_a_word_and_a_sentence(self) -> None:
        for said, found, still, expected, part in ROWS:
            entry = Entry(**{"record": SLIVER.record, "rcap": "1", **said})
            told = why_not(entry, found, still)
            self.assertEqual((expected, bool(part)), (word(entry, found, NOON - 1), bool(told)), said)
            self.assertIn(part, told)

    def test_a_sliver_whose_time_is_over_has_expired_whatever_is_found(self) -> None:
        for found in (RUNNING, STOPPED, None):
            self.assertEqual("expired", word(SLIVER, found, NOON))
