"""One slice that asks too fast is slowed down, and nobody else."""

import os
import sys
from typing import Any, ClassVar
from unittest import SkipTest

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutput
from twisted.trial.unittest import SynchronousTestCase

from node_manager.pace import Pace, TooFast
from planetlab.errors import Refused
from planetlab.limits import Rates
from tests.node_manager.test_service import ServiceTest

CODEEN, SIRIUS = 20000, 20001  # user ids
BLOCK = 65536


class AnAllowance(SynchronousTestCase):
    def setUp(self) -> None:
        self.pace = Pace(Rates(10.0, 5), lambda uid: uid == 0, lambda uid: f"slice {uid}")

    def taken(self, uid: int | None, octets: int = 100, now: float = 0.0) -> int:
        """How many calls it is good for."""
        for number in range(100):
            try:
                self.pace.must_wait(uid, octets, now)
            except TooFast:
                return number
        return 100

    def test_ends_and_says_whose_and_when_to_come_back(self) -> None:
        self.taken(CODEEN)
        error = self.assertRaises(TooFast, self.pace.must_wait, CODEEN, 100, 0.0)
        self.assertEqual(
            (109, "slice 20000 calls too fast: at most 5 at once and 10 a second, long calls count for several; "
                  "ask again in 0.1 s"),
            (error.code, str(error)),
        )  # fmt: skip

    def test_fills_again(self) -> None:
        self.assertEqual((5, 0), (self.taken(CODEEN), self.taken(CODEEN)))
        self.assertEqual(4, self.taken(CODEEN, now=0.45))

    def test_is_each_ones_own(self) -> None:
        self.assertEqual((5, 5), (self.taken(CODEEN), self.taken(SIRIUS)))

    def test_is_one_of_a_sliver_whichever_of_its_ids_it_takes(self) -> None:
        self.taken(7 * BLOCK)
        self.assertEqual((0, 5), (self.taken(7 * BLOCK + 1000), self.taken(8 * BLOCK)))

    def test_is_one_of_all_whom_nobody_knows(self) -> None:
        self.assertEqual((5, 0), (self.taken(None), self.taken(None)))

    def test_ends_sooner_by_long_calls(self) -> None:
        self.assertEqual(1, self.taken(CODEEN, octets=2 << 20))
        self.assertEqual(0, self.taken(CODEEN, now=2.0))

    def test_ends_sooner_by_long_answers_and_the_next_call_waits_for_them(self) -> None:
        self.pace.must_wait(CODEEN, 100, 0.0)
        self.pace.charge(CODEEN, 2 << 20)
        error = self.assertRaises(TooFast, self.pace.must_wait, CODEEN, 100, 0.0)
        self.assertEqual(2.9, round(error.wait, 3))
        self.pace.charge(SIRIUS, 2 << 20)  # of whom nothing is known yet

    def test_has_no_end_for_who_is_trusted(self) -> None:
        self.assertEqual(100, self.taken(0))


class _Flood(ProcessProtocol):
    """A process that calls as fast as it can, until it has nobody to tell it to go on."""

    transport: Any

    def __init__(self) -> None:
        self.refused: Deferred[bytes] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def errReceived(self, data: bytes) -> None:
        self.outReceived(data)

    def outReceived(self, data: bytes) -> None:
        if not self.refused.called:
            self.refused.callback(data)

    def processEnded(self, reason: Any = None) -> None:
        if not self.refused.called:
            self.refused.callback(b"it ended")
        self.ended.callback(None)


_CALLING = """
import os, socket, sys, threading
from xmlrpc.client import Fault, dumps, loads
os.setgid({uid})
os.setuid({uid})
body = dumps((), "GetXIDs").encode()
head = b"POST / HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
def ask():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect({where!r})
        connection.sendall(head + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return loads(answer.partition(b"\\r\\n\\r\\n")[2])[0][0]
"""
_FLOODING = """
def calls():
    while True:
        try:
            ask()
        except Fault as fault:
            print(fault.faultString, flush=True)
        except Exception:
            pass  # its connection was ended for another
for _ in range(20):
    threading.Thread(target=calls, daemon=True).start()
sys.stdin.read()
os._exit(0)
"""
_ASKING = """
for _ in range(10):
    print(ask())
"""


class AFlood(ServiceTest):
    stated: ClassVar[dict[str, Any]] = {"calls_per_second": 0.01, "burst": 20}  # so that a slow machine is a flood too

    def words(self, uid: int, what: str) -> list[str]:
        text = (_CALLING + what).format(uid=uid, where=str(self.socket))
        return [sys.executable, "-c", text]

    async def test_of_one_slice_leaves_the_others_answered_and_the_owner(self) -> None:
        if os.getuid():
            raise SkipTest("needs root: two processes of two users")
        os.chmod(self.place, 0o755)
        flood = _Flood()
        words = self.words(CODEEN, _FLOODING)
        reactor.spawnProcess(flood, words[0], words, os.environ)  # type: ignore[attr-defined]  # the reactor has it
        self.assertIn(b"uid 20000 calls too fast: at most 20 at once", await flood.refused)
        words = self.words(SIRIUS, _ASKING)
        said = await getProcessOutput(words[0], words[1:], os.environ, errortoo=True)
        self.assertEqual(["{}"] * 10, said.decode().splitlines())
        self.assertEqual([[]] * 30, [await self.nm.call("Slivers") for _ in range(30)])
        flood.transport.closeStdin()
        await flood.ended


class WhoIsNobodySpecial(ServiceTest):
    stated: ClassVar[dict[str, Any]] = {
        "calls_per_second": 0.01,
        "burst": 3,
        "owner_uids": (),
        "pl_conf_uid": 4_000_000_000,
    }

    async def test_is_refused_by_a_fault_that_says_to_ask_again(self) -> None:
        for _ in range(3):
            await self.nm.call("GetXIDs")
        for method in ("GetXIDs", "NoSuchMethod"):
            error = await self.assertFailure(Deferred.fromCoroutine(self.nm.call(method)), Refused)
            self.assertEqual(109, error.fault_code)
            self.assertRegex(str(error), "calls too fast: .* ask again in [0-9.]+ s")
