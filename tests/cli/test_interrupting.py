"""Ctrl-C ends a command, which cleans up first, wherever it was started."""

import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PROGRAM = """
from twisted.internet.defer import Deferred
from planetlab.cli.run import run
async def work(reactor):
    try:
        print("up", flush=True)
        await Deferred()
    finally:
        print("cleaned up", flush=True)
run(work)
"""


class Interrupting(SynchronousTestCase):
    def interrupted(self, before: str) -> tuple[int, str]:
        command = ["sh", "-c", f'{before} exec "$0" -c "$1"', sys.executable, PROGRAM]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            self.assertEqual("up\n", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            return process.wait(60), rest

    def test_it_ends_what_runs_in_the_background_of_a_shell_that_ignores_it(self) -> None:
        self.assertEqual((130, "cleaned up\n"), self.interrupted("trap '' INT;"))

    def test_it_ends_what_runs_in_the_foreground(self) -> None:
        self.assertEqual((130, "cleaned up\n"), self.interrupted(""))

    def test_a_second_one_while_it_ends_is_told_so_and_is_no_accident(self) -> None:
        slow = PROGRAM.replace(
            '        print("cleaned up", flush=True)',
            '        print("ending", flush=True)\n'
            "        await deferToThread(sys.stdin.readline)\n"
            '        print("cleaned up", flush=True)',
        )
        program = f"import sys\nfrom twisted.internet.threads import deferToThread{slow}"
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-c", program], text=True, stdin=pipe, stdout=pipe, stderr=pipe
        ) as process:
            assert process.stdout and process.stderr
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            self.assertEqual("ending\n", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            told = process.stderr.readline()
            out, err = process.communicate("go on\n", timeout=60)
            err = told + err
        self.assertEqual((130, "cleaned up\n", 1), (process.returncode, out, err.count("\n")), err)
        self.assertIn("ending already", err)
