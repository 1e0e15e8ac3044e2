"""What the tests need of the reactor that they share: that its next start is whole, however the last one ended."""

import os
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase


class _Ending(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)


def child(seconds: float) -> tuple["Deferred[None]", int]:
    """The end of a process that lives for so long, and its number."""
    source, protocol = f"import time; time.sleep({seconds})", _Ending()
    begun = reactor.spawnProcess(  # type: ignore[attr-defined]  # Twisted's module stands for the reactor
        protocol, sys.executable, [sys.executable, "-S", "-c", source], env=dict(os.environ), childFDs={}
    )
    return protocol.ended, begun.pid


class Starting(TestCase):
    """The two follow each other, in this order."""

    timeout = 120

    def test_a_child_that_has_ended_when_the_reactor_starts_is_told_within_the_start(self) -> "Deferred[None]":
        ended, pid = child(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return ended

    def test_b_the_end_of_a_child_is_told_in_the_start_after_that(self) -> "Deferred[None]":
        return child(0.5)[0]
