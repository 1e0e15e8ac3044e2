"""A controller's login shell: a call in, an answer out, and nothing else on stdout."""

import subprocess
import sys
from xmlrpc.client import Binary, Fault, dumps

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc
from tests.node_manager.test_service import ServiceTest


def forwarded(call: bytes, *arguments: str) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of the shell."""
    command = [sys.executable, "-m", "node_manager.forward", *arguments]
    done = subprocess.run(command, input=call, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class ToANodeManager(ServiceTest):
    async def test_a_call_is_answered_with_its_answer_alone(self) -> None:
        told = await deferToThread(forwarded, dumps((), "GetXIDs").encode(), str(self.socket))
        self.assertEqual((0, b""), (told[0], told[2]))
        self.assertEqual({}, xmlrpc.loads_answer(told[1]))

    async def test_a_fault_is_passed_on_as_it_is(self) -> None:
        told = await deferToThread(forwarded, dumps(("x_y",), "Start").encode(), "-c", f"prog {self.socket}")
        with self.assertRaises(Fault) as caught:
            xmlrpc.loads_answer(told[1])
        self.assertEqual((0, 102), (told[0], caught.exception.faultCode))


class ToANodeManagerThatTakesItsTime(ServiceTest):
    """The shell ends its sending side behind the call; the answer was lost unless it came in the same instant."""

    async def test_an_answer_that_comes_later_is_not_lost(self) -> None:
        told = await deferToThread(forwarded, dumps((Binary(b"no ticket"),), "Ticket").encode(), str(self.socket))
        with self.assertRaises(Fault) as caught:
            xmlrpc.loads_answer(told[1])
        self.assertRegex(caught.exception.faultString, "Error in call: the creation service|Ticket error")


class ToNobody(SynchronousTestCase):
    def fault(self, told: tuple[int, bytes, bytes]) -> tuple[int, int, str]:
        with self.assertRaises(Fault) as caught:
            xmlrpc.loads_answer(told[1])
        return told[0], caught.exception.faultCode, caught.exception.faultString

    def test_a_socket_that_is_not_there_is_a_whole_fault_on_stdout(self) -> None:
        told = self.fault(forwarded(dumps((), "Help").encode(), "/nonexistent/nm.sock"))
        self.assertEqual((1, 1, "connect(): No such file or directory"), told)

    def test_a_call_that_is_too_large_is_told_and_not_sent(self) -> None:
        told = self.fault(forwarded(b"x" * ((1 << 20) + 1), "/nonexistent/nm.sock"))
        self.assertEqual((1, 1, "read(): File too large"), told)
