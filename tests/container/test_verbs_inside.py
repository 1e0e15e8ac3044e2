"""Privileged operations, asked for from inside a sliver: the declared one is done as declared, whatever is tried."""

import xmlrpc.client
from typing import Any, ClassVar

from attrs import evolve

from node_manager.verbs import MOST_SAID, Verb
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS
from tests.container.managed import Managed

_ASK = """
use Socket; socket(S,1,1,0); connect(S, sockaddr_un('/tmp/nodemanager.api')) or die "connect: $!";
local $/; my $body = <STDIN>; select(S); $| = 1;
printf S "POST / HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n%s", length $body, $body;
my $answer = <S>; $answer =~ s/.*?\\r\\n\\r\\n//s; print STDOUT $answer;
"""
_TELL = """#!/usr/bin/perl
print join("\\n", "$> $#ARGV", @ARGV, join(" ", sort keys %ENV)), "\\n";
"""
TELL = Verb(name="tell", program=(), arguments=(r"[a-z]{1,8}", r"[0-9.]{1,15}"), slices=(str(CODEEN),))
KERNEL = Verb(name="kernel", program=("/bin/sh", "-c", "cat /proc/sys/kernel/ostype; echo $0"), by_tag=True)
SLOW = Verb(name="slow", program=("/bin/sh", "-c", "sleep 1000"), slices=(str(CODEEN),), seconds=0.5)
LOUD = Verb(name="loud", program=("/usr/bin/yes",), slices=(str(CODEEN), str(SIRIUS)))
GONE = Verb(name="gone", program=("/nonexistent",), slices=(str(CODEEN),))

_WITH_NIL = xmlrpc.client.dumps(("tell", ["abc", None]), "Perform", allow_none=True)

HOSTILE = (
    "abc; touch {top}/taken",
    "$(touch {top}/taken)",
    "`touch {top}/taken`",
    "abc\ntouch {top}/taken",
    "abc\n",
    "abc\r",
    "\nabc",
    "-rf",
    "--help",
    "../../etc",
    "abc def",
    "abc|cat",
    "abc\u2028",
    "аbс",  # letters of another alphabet that look the same
    "ABC",
    "",
    "a" * 9,
    "a" * 1_000_000,
    "%s%n",
    "*",
    "~root",
    "<script>",
    "]]>",
)


class FromInside(Managed):
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {CODEEN: ResourceSpec()}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        program = cls.top / "tell"
        program.write_text(_TELL)
        program.chmod(0o755)
        tell = evolve(TELL, program=(str(program), "--told"))
        cls.stated = {"verbs": (tell, KERNEL, SLOW, LOUD, GONE)}

    def setUp(self) -> None:
        super().setUp()
        self.instantiate(SIRIUS, attributes={"vsys": "other, kernel, tell"})

    def ask(self, method: str, *args: Any, name: SliceName = CODEEN) -> Any:
        return self.say(xmlrpc.client.dumps(args, method), name)

    def say(self, body: str, name: SliceName = CODEEN) -> Any:
        """What a program in the sliver is answered; a fault as what it is."""
        told = self.node.enter(name, ("perl", "-e", _ASK), given=body).output
        try:
            return xmlrpc.client.loads(told)[0][0]
        except xmlrpc.client.Fault as fault:
            return fault

    def perform(self, verb: str, *arguments: str, name: SliceName = CODEEN) -> Any:
        return self.ask("Perform", verb, list(arguments), name=name)

    def test_it_runs_as_root_of_the_node_with_the_slices_name_and_nothing_else_of_the_nodes(self) -> None:
        done = self.perform("tell", "abc", "1.5")
        words = ["0 3", "--told", str(CODEEN), "abc", "1.5", "LANG PATH"]
        self.assertEqual((0, words, ""), (done["code"], done["output"].splitlines(), done["errors"]))

    def test_no_hostile_word_reaches_a_program_at_either_place(self) -> None:
        for word in HOSTILE:
            hostile = word.format(top=self.top) if "{top}" in word else word
            for number, given in enumerate(((hostile, "1.5"), ("abc", hostile))):
                told = self.perform("tell", *given)
                self.assertIsInstance(told, xmlrpc.client.Fault, hostile[:60])
                self.assertEqual((102, True), (told.faultCode, f"arguments[{number}]" in told.faultString), told)
        self.assertFalse((self.top / "taken").exists())

    def test_values_that_are_no_words_and_lists_of_another_length_are_refused(self) -> None:
        for arguments in (
            ["abc"],
            ["abc", "1.5", "x"],
            [],
            ["abc", 1],
            ["abc", None],
            ["abc", ["1.5"]],
            "abc",
            {"a": "b"},
        ):
            told = self.ask("Perform", "tell", arguments) if arguments != ["abc", None] else self.say(_WITH_NIL)
            self.assertIsInstance(told, xmlrpc.client.Fault, arguments)
        for body in ("<methodCall>", "", "\0" * 1000, "<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall>&b;</methodCall>"):
            self.assertIn(self.say(body).faultCode, (1, 102), body[:20])
        self.assertEqual(0, self.perform("tell", "abc", "1.5")["code"])

    def test_each_slice_has_the_verbs_that_were_declared_for_it(self) -> None:
        self.assertEqual(["tell", "slow", "loud", "gone"], [each["name"] for each in self.ask("GetVerbs")])
        self.assertEqual(["kernel", "loud"], [each["name"] for each in self.ask("GetVerbs", name=SIRIUS)])
        self.assertEqual(f"Linux\n{SIRIUS}\n", self.perform("kernel", name=SIRIUS)["output"])
        for name, verb in (
            (CODEEN, "kernel"),
            (SIRIUS, "tell"),
            (CODEEN, "../tell"),
            (CODEEN, ""),
            (CODEEN, "t" * 9999),
        ):
            told = self.perform(verb, *(["abc", "1.5"] if verb == "tell" else []), name=name)
            self.assertEqual(108, told.faultCode)

    def test_a_slow_one_and_a_loud_one_are_ended_and_one_that_is_not_there_fails(self) -> None:
        self.assertEqual(-9, self.perform("slow")["code"])
        loud = self.perform("loud")
        self.assertEqual((-9, MOST_SAID), (loud["code"], len(loud["output"])))
        self.assertNotEqual(0, self.perform("gone")["code"])
