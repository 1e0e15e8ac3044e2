"""Privileged operations are those the owner declared, for those he named, with arguments that match as a whole."""

import os
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from node_manager.identity import Caller
from node_manager.verbs import MOST_AT_ONCE, MOST_OF_ONE, MOST_SAID, Runner, Verb, find
from planetlab.errors import BadArgument, BadSettings, Forbidden, Unavailable
from tests.node_manager.test_api import NOBODY, STRANGER, ApiTest
from tests.node_manager.world import PL_CONF, SIRIUS, World, record

ECHO = Verb(name="echo", program=("/bin/echo", "-n"), arguments=(r"[a-z]+", r"\d{1,3}"), slices=("princeton_codeen",))


class Declared(SynchronousTestCase):
    def test_arguments_must_match_as_a_whole_and_stay_one_word_each(self) -> None:
        self.assertEqual(
            ["/bin/echo", "-n", "princeton_codeen", "abc", "7"], ECHO.command("princeton_codeen", ["abc", "7"])
        )

    def test_hostile_arguments_are_refused_by_number(self) -> None:
        for hostile in ("abc; rm -rf /", "$(id)", "abc\n", "a b", "", "-n", "abc\0", "ä", "x" * 5000, "../a"):
            error = self.assertRaises(BadArgument, ECHO.command, "princeton_codeen", [hostile, "7"])
            self.assertIn("arguments[0]", str(error))
        self.assertRaises(BadArgument, ECHO.command, "princeton_codeen", ["abc"])
        self.assertRaises(BadArgument, ECHO.command, "princeton_codeen", ["abc", "7", "8"])

    def test_a_slice_that_was_not_named_is_told_what_it_has(self) -> None:
        error = self.assertRaises(Forbidden, find, [ECHO], "echo", frozenset({"princeton_sirius"}), {"vsys": "echo"})
        self.assertIn("it has: none", str(error))

    def test_an_authoritys_tag_counts_only_where_the_owner_honours_it(self) -> None:
        honoured = Verb(name="echo", program=("/bin/echo",), by_tag=True)
        self.assertEqual(honoured, find([honoured], "echo", frozenset({"princeton_sirius"}), {"vsys": "other, echo"}))

    def test_a_declaration_that_cannot_work_is_refused_at_start(self) -> None:
        for wrong in (Verb(name="x", program=()), Verb(name="x", program=("echo",))):
            self.assertRaises(BadSettings, wrong.must_be_usable)
        self.assertRaises(BadSettings, Verb(name="x", program=("/bin/echo",), arguments=("(",)).must_be_usable)


class Performed(TestCase):
    async def test_a_program_ends_with_its_code_and_words(self) -> None:
        done = await Runner(reactor).run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3", "x"], 5.0)
        self.assertEqual((3, b"out\n", b"err\n"), (done.code, done.output, done.errors))

    async def test_a_slow_one_is_ended(self) -> None:
        self.assertEqual(-9, (await Runner(reactor).run(["/bin/sleep", "60"], 0.1)).code)

    async def test_one_whose_time_ends_before_it_has_begun_is_ended(self) -> None:
        self.assertEqual(-9, (await Runner(reactor).run(["/bin/sleep", "60"], 0.0)).code)

    async def test_what_a_slow_one_has_begun_is_ended_with_it(self) -> None:
        told = await Runner(reactor).run(["/bin/sh", "-c", "sleep 61 & echo $!; wait; true"], 4.0)
        self.assertEqual(-9, told.code)
        await self.gone(int(told.output))

    async def gone(self, pid: int) -> None:
        for _ in range(300):
            if not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return
            await deferLater(reactor, 0.1)
        self.fail(f"{pid} runs on")

    async def test_one_that_leaves_something_behind_is_not_waited_for_longer_than_its_time(self) -> None:
        told = await Runner(reactor).run(["/bin/sh", "-c", "sleep 61 & echo $!"], 4.0)
        self.assertEqual(0, told.code)
        os.kill(int(told.output), signal.SIGKILL)

    async def test_one_that_says_too_much_is_ended(self) -> None:
        done = await Runner(reactor).run(["/usr/bin/yes"], 5.0)
        self.assertEqual((-9, MOST_SAID), (done.code, len(done.output)))

    async def test_one_that_is_not_there_fails_by_its_exit_code(self) -> None:
        self.assertNotEqual(0, (await Runner(reactor).run(["/nonexistent/program"], 5.0)).code)

    async def test_it_gets_nothing_of_the_node_managers_environment(self) -> None:
        done = await Runner(reactor).run(["/usr/bin/env"], 5.0)
        self.assertEqual({b"PATH", b"LANG"}, {line.partition(b"=")[0] for line in done.output.splitlines()})

    async def test_no_more_than_a_few_run_at_once_and_fewer_of_one_slice(self) -> None:
        runner = Runner(reactor)
        sleeping = ["/bin/sleep", "60"]
        names = [f"princeton_s{number}" for number in range(MOST_AT_ONCE // MOST_OF_ONE)]
        running = [ensureDeferred(runner.run(sleeping, 1.0, name)) for name in names for _ in range(MOST_OF_ONE)]
        for name, said in ((names[0], f"{MOST_OF_ONE} programs run for {names[0]}"), ("another", "16 programs")):
            with self.assertRaises(Unavailable) as refused:
                await runner.run(sleeping, 1.0, name)
            self.assertIn(said, str(refused.exception))
        self.assertEqual({-9}, {(await each).code for each in running})
        self.assertEqual(0, (await runner.run(["/bin/true"], 5.0, names[0])).code)


class OverTheInterface(ApiTest):
    def setUp(self) -> None:
        self.world = World(verbs=(ECHO,))
        self.ok(PL_CONF, "Instantiate", self.delegated().wire())
        self.ok(PL_CONF, "Instantiate", record(SIRIUS).wire())

    def test_a_sliver_sees_its_own_verbs(self) -> None:
        told = [self.ok(Caller(1, name), "GetVerbs") for name in ("princeton_codeen", "princeton_sirius")]
        self.assertEqual([[{"name": "echo", "arguments": ["[a-z]+", r"\d{1,3}"]}], []], told)

    def test_others_perform_nothing(self) -> None:
        self.assertEqual(108, self.fault(Caller(1, "princeton_sirius"), "Perform", "echo", ["abc", "7"])[0])
        self.assertEqual(102, self.fault(STRANGER, "Perform", "echo", ["abc", "7"])[0])
        self.assertEqual(108, self.fault(NOBODY, "Perform", "echo", ["abc", "7"])[0])
