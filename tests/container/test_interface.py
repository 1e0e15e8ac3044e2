"""A program in a sliver finds the node manager where programs of old look for it, and is known as its slice."""

import xmlrpc.client
from typing import Any

from planetlab.names import SliceName
from tests.container.ground import CODEEN, SIRIUS
from tests.container.managed import Managed
from tests.waiting import until

_ASK = """
use Socket; my ($where, $body) = @ARGV;
if ($where eq 'tcp') { socket(S,2,1,0); connect(S, sockaddr_in(812, inet_aton('127.0.0.1'))) or die "connect: $!" }
else { socket(S,1,1,0); connect(S, sockaddr_un($where)) or die "connect: $!" }
select(S); $| = 1; printf S "POST / HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n%s", length $body, $body;
my $answer = join '', <S>; $answer =~ s/.*?\\r\\n\\r\\n//s; print STDOUT $answer;
"""


class FromInside(Managed):
    def ask(self, where: str, method: str, *args: Any, name: SliceName = CODEEN) -> Any:
        body = xmlrpc.client.dumps(args, method)
        told = self.node.enter(name, ("perl", "-e", _ASK, where, body)).output
        try:
            return xmlrpc.client.loads(told)[0][0]
        except xmlrpc.client.Fault as fault:
            return fault

    def test_it_is_known_as_its_slice_by_socket_and_by_port(self) -> None:
        for where in ("tcp", "/tmp/nodemanager.api", "/tmp/sliver_mgr.api"):
            for name in (CODEEN, SIRIUS):
                self.eventually(where, name)
            self.assertEqual({str(CODEEN), str(SIRIUS)}, set(self.ask(where, "GetXIDs")))
            self.assertEqual(str(CODEEN), self.ask(where, "GetRecord")["name"])
            self.assertEqual(str(SIRIUS), self.ask(where, "GetRecord", name=SIRIUS)["name"])
            refused = self.ask(where, "Stop", str(SIRIUS))
            self.assertEqual((108, f"{CODEEN}: Permission denied."), (refused.faultCode, refused.faultString))

    def test_the_creation_services_calls_are_not_for_it(self) -> None:
        self.assertEqual(108, self.ask("/tmp/nodemanager.api", "Slivers").faultCode)

    def raw(self, name: SliceName, asked: str) -> str:
        """What a program that asks for a raw socket is told."""
        words = "use Socket; socket(S,1,1,0); connect(S, sockaddr_un('/run/plfed/raw.sock')) or die $!;"
        words += f" select(S); $| = 1; print S '{asked}', \"\\n\"; print STDOUT <S>"
        return self.node.enter(name, ("perl", "-e", words)).output.strip()

    def test_raw_sockets_are_for_those_who_may_have_them_and_for_one_port(self) -> None:
        self.assertEqual("1", self.raw(CODEEN, '{"hears": "udp", "number": 4000}'))
        self.assertIn("may not have raw sockets", self.raw(SIRIUS, '{"hears": "udp", "number": 4000}'))
        self.assertIn("expected one of tcp, udp", self.raw(CODEEN, '{"hears": "all", "number": 4000}'))
        self.assertIn("from 1 to 65535", self.raw(CODEEN, '{"hears": "udp", "number": 0}'))
        self.assertIn("expected one line", self.raw(CODEEN, "x" * 300))

    def eventually(self, where: str, name: SliceName) -> None:
        """The port is taken soon after the sliver's start."""

        def told() -> str:
            return self.node.enter(name, ("perl", "-e", _ASK, where, "")).output

        until(lambda: "connect:" not in told(), lambda: f"{name} is answered at {where}: {told()}")
