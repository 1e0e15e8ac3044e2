"""The node manager over its real sockets."""

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any, ClassVar
from xmlrpc.client import Fault, ServerProxy, dumps

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from node_manager.service import NodeDialect, serve
from node_manager.settings import Settings
from planetlab import xmlrpc
from planetlab.ask import Ask, close
from planetlab.clock import SetClock
from planetlab.errors import Refused
from planetlab.launch import Running
from tests.node_manager.world import KEY, NOON, record


class ServiceTest(TestCase):
    """A node manager on a Unix socket and on ports of the loopback that the kernel chose."""

    stated: ClassVar[dict[str, Any]] = {}  # settings beside the usual ones

    async def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp())  # a socket's path may have 107 bytes at most
        self.socket = self.place / "nm.sock"
        me = os.getuid()
        usual: dict[str, Any] = {
            "socket": f"unix:{self.socket}:mode=666",
            "tcp": "tcp:0:interface=127.0.0.1",
            "sensors": "tcp:0:interface=127.0.0.1",
            "slicestat": "tcp:0:interface=127.0.0.1",
            "books": str(self.place / "books.db"),
            "pl_conf": "unix:/nonexistent",
            "pl_conf_uid": me,
            "owner_uids": (me,),
            "driver": "memory",
        }
        settings = Settings(**usual | self.stated)
        self.running = Running(settings, reactor, SetClock(NOON), self.place / "settings.toml")
        self.manager = await serve(self.running)
        self.nm = Ask(f"unix:{self.socket}", reactor=reactor)

    async def tearDown(self) -> None:
        await self.running.end()
        await close(reactor)
        shutil.rmtree(self.place)

    def port(self, number: int) -> int:
        return int(self.running.ports[number].getHost().port)  # type: ignore[attr-defined]  # it is TCP

    async def raw(self, where: Any, octets: bytes) -> bytes:
        def talk() -> bytes:
            family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
            with socket.socket(family) as connection:
                connection.settimeout(60.0)
                connection.connect(where)
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))

        return await deferToThread(talk)


class OverItsSockets(ServiceTest):
    async def test_a_record_becomes_a_sliver_and_its_owner_is_told(self) -> None:
        rcap = await self.nm.call("Instantiate", record(keys=(KEY,)).wire())
        self.assertEqual(32, len(rcap))
        self.assertEqual({"princeton_codeen": KEY}, await self.nm.call("GetSSHKeys"))
        owners = await self.nm.call("GetOwners", 0)
        self.assertEqual(["10.128.0.1"], [owner["tag"] for owner in owners["owners"]])
        self.assertEqual(1, await self.nm.call("Release", rcap))
        self.assertEqual([], await self.nm.call("Slivers"))

    async def test_no_option_for_tcp_kills_a_request_on_the_unix_socket(self) -> None:
        """The stock server of Python set TCP_NODELAY there, and every request died."""
        answer = await self.raw(str(self.socket), b"POST /RPC2 HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        self.assertTrue(b" 200 " in answer.splitlines()[0], answer)

    async def test_no_result_is_1(self) -> None:
        self.assertEqual((1, 0, {}), tuple(map(NodeDialect().answer, (None, 0, {}))))

    async def test_the_socket_is_open_to_every_user_of_the_node(self) -> None:
        self.assertEqual(0o666, self.socket.stat().st_mode & 0o777)

    async def test_the_ten_lines_of_an_old_client_work_over_tcp(self) -> None:
        for path in ("/", "/RPC2"):
            client = ServerProxy(f"http://127.0.0.1:{self.port(1)}{path}")
            self.assertEqual({}, await deferToThread(client.GetXIDs))

    async def test_another_path_is_not_found(self) -> None:
        answer = await self.raw(("127.0.0.1", self.port(1)), b"POST /other HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b" 404 ", answer.splitlines()[0])

    async def test_what_the_forwarding_shell_sends_is_answered(self) -> None:
        """HTTP/1.0, half closed after the call; everything after the first blank line is the answer."""
        body = dumps((), "Help").encode()
        head = b"POST / HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
        answer = await self.raw(str(self.socket), head + body)
        self.assertIn("**** GetXIDs", xmlrpc.loads_answer(answer.split(b"\r\n\r\n", 1)[1]))

    async def test_what_is_no_call_is_fault_1(self) -> None:
        body = b"<methodCall><methodName>x"
        answer = await self.raw(str(self.socket), b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertIn(b"200", answer.splitlines()[0])
        with self.assertRaises(Fault) as caught:
            xmlrpc.loads_answer(answer.split(b"\r\n\r\n", 1)[1])
        self.assertEqual(1, caught.exception.faultCode)

    async def test_there_is_no_introspection(self) -> None:
        for name, args in (("system.listMethods", ()), ("system.multicall", ([],)), ("system.methodHelp", ("Help",))):
            error = await self.assertFailure(Deferred.fromCoroutine(self.nm.call(name, *args)), Refused)
            self.assertEqual(100, error.fault_code)
            self.assertTrue(str(error).startswith(f"Invalid API method {name}.  Valid choices are "))

    async def test_our_own_user_over_tcp_is_found_in_the_kernels_tables(self) -> None:
        nm = Ask(f"http://127.0.0.1:{self.port(1)}/", reactor=reactor)
        self.assertEqual([], await nm.call("Slivers"))

    async def test_forty_callers_at_once_for_one_slice_make_one_sliver(self) -> None:
        wire = record().wire()
        rcaps = await gatherResults([Deferred.fromCoroutine(self.nm.call("Instantiate", wire)) for _ in range(40)])
        self.assertEqual((1, 1), (len(set(rcaps)), len(await self.nm.call("GetXIDs"))))

    async def test_a_ticket_whose_service_is_away_is_refused_and_may_be_asked_again(self) -> None:
        error = await self.assertFailure(Deferred.fromCoroutine(self.nm.call("Ticket", "x")), Refused)
        self.assertIn("ask again", str(error))


class OverItsSensors(ServiceTest):
    async def get(self, number: int, line: bytes) -> tuple[int, bytes]:
        answer = await self.raw(("127.0.0.1", self.port(number)), line + b" HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    async def test_a_snapshot_is_plain_text_and_only_read(self) -> None:
        code, body = await self.get(2, b"GET /load")
        self.assertEqual((200, True), (code, float(body) >= 0))
        self.assertEqual((200, b""), await self.get(2, b"HEAD /load"))
        self.assertEqual(405, (await self.get(2, b"POST /load"))[0])
        self.assertEqual(404, (await self.get(2, b"GET /nosuch"))[0])

    async def test_slicestat_has_a_line_for_each_running_slice(self) -> None:
        await self.nm.call("Instantiate", record().wire())
        await self.manager.node.sample()
        for path in (b"GET /slicestat", b"GET /"):
            code, body = await self.get(3, path)
            self.assertEqual((200, 14), (code, body.count(b",")))

    async def test_a_stream_sends_a_line_each_second_until_it_is_closed(self) -> None:
        def two_lines() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port(2)), 5.0) as connection:
                connection.sendall(b"GET /stream/uptime HTTP/1.0\r\n\r\n")
                got = b""
                while got.partition(b"\r\n\r\n")[2].count(b"\n") < 2:
                    got += connection.recv(65536)
                return got

        body = (await deferToThread(two_lines)).partition(b"\r\n\r\n")[2]
        self.assertEqual(2, len([float(line) for line in body.split()]))
