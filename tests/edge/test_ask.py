"""Asking peers that are good, slow, silent or wrong."""

from typing import Any

from twisted.internet import defer, protocol, reactor, task
from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab import ask
from planetlab import xmlrpc as ours
from planetlab.ask import Anonymous, Ask, NodeKey, Password, Service, Session, each
from planetlab.errors import BadSettings, PeerError, Refused, Unreachable
from tests.edge.example import Served

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
THREE = OK % (len(ours.dumps_answer(3)), ours.dumps_answer(3))


class Odd(protocol.Protocol):
    """A peer that answers each request as the test says: octets, None to end the connection, "" to say nothing."""

    def connectionMade(self) -> None:
        self.factory.open.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.requests.append(data)
        said = self.factory.answers.pop(0) if self.factory.answers else ""
        if said is None:
            self.transport.abortConnection()
        elif said:
            self.transport.write(said)


def _header(request: bytes, name: bytes) -> bytes | None:
    """What a request's header says."""
    lines = (line.partition(b": ") for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    return next((value for said, _, value in lines if said.lower() == name), None)


class OddPeer(TestCase):
    timeout = 90  # seconds, on a machine that is busy

    async def setUp(self) -> None:
        self.factory = protocol.ServerFactory.forProtocol(Odd)
        self.factory.requests, self.factory.answers, self.factory.open = [], [], []
        self.port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}/"

    async def tearDown(self) -> None:
        await ask.close(reactor)
        await defer.maybeDeferred(self.port.stopListening)
        for one in self.factory.open:
            one.transport.abortConnection()
        for _ in range(5):  # both ends hear of it in the reactor's next turns
            await task.deferLater(reactor, 0)

    def ask(self, *answers: Any, **how: Any) -> Ask:
        self.factory.answers = list(answers)
        return Ask(self.url, reactor=reactor, **how)

    async def fails(self, work: Any, kind: type[Exception]) -> Any:
        try:
            value = await work
        except kind as error:
            return error
        raise self.failureException(f"no {kind}, but {value!r}")


class DeadPeers(OddPeer):
    async def test_a_peer_that_accepts_and_stays_silent_does_not_hang(self) -> None:
        error = await self.fails(self.ask(timeout=1.0, tries=3).call("AddSlice"), Unreachable)
        self.assertEqual(f"{self.url}: no answer within 1 s", str(error))
        self.assertEqual(1, len(self.factory.requests))

    async def test_a_peer_that_stops_in_the_middle_of_its_answer_does_not_hang(self) -> None:
        error = await self.fails(self.ask(THREE[:-20], timeout=1.0, tries=1).call("GetNodes"), Unreachable)
        self.assertIn("no answer within 1 s", str(error))

    async def test_a_port_where_nobody_listens(self) -> None:
        await self.port.stopListening()
        error = await self.fails(Ask(self.url, reactor=reactor, tries=2).call("AddSlice"), Unreachable)
        self.assertTrue(str(error).startswith(f"{self.url}: no connection: "), error)
        self.assertIs(Unreachable, type(error))

    async def test_a_socket_that_is_not_there(self) -> None:
        error = await self.fails(Ask("unix:/nowhere/nm.sock", reactor=reactor, tries=1).call("GetXIDs"), Unreachable)
        self.assertTrue(str(error).startswith("unix:/nowhere/nm.sock: no connection: "), error)

    async def test_a_hundred_peers_of_which_ten_are_dead_are_all_settled_soon(self) -> None:
        self.factory.answers = [THREE if i % 10 else "" for i in range(100)]
        asking = Ask(self.url, reactor=reactor, timeout=2.0, tries=1)
        heard: list[int] = []
        outcomes = await each(
            range(100), lambda i: asking.call("AddSlice", i), at_once=30, on_done=lambda o: heard.append(o.item)
        )
        self.assertEqual(list(range(100)), [outcome.item for outcome in outcomes])
        self.assertEqual(90, sum(outcome.value == 3 for outcome in outcomes))
        self.assertEqual(10, sum(isinstance(outcome.error, Unreachable) for outcome in outcomes))
        self.assertEqual(list(range(100)), sorted(heard))
        self.assertTrue(all(1.9 < outcome.seconds < 20 for outcome in outcomes if not outcome.ok))


class ManyCalls(Served):
    async def test_a_hundred_calls_at_once_of_one_client_are_all_served(self) -> None:
        outcomes = await each(range(100), lambda n: self.ask(tries=1).call("AddLater", str(n)), at_once=100)
        self.assertEqual([str(n) for n in range(100)], [outcome.value for outcome in outcomes])
        self.assertLessEqual(len(self.site.channels), ask.AT_ONCE)

    async def test_who_is_no_longer_waited_for_leaves_its_place(self) -> None:
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: defer.Deferred()
        waiting = [defer.Deferred.fromCoroutine(self.ask(tries=1).call("AddLater", "x")) for _ in range(12)]
        await task.deferLater(reactor, 0.1)
        for one in waiting:
            one.cancel()
        for one in waiting:
            await self.failing(one, defer.CancelledError)
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: thunk()
        self.assertEqual("y", await self.ask(timeout=30.0).call("AddLater", "y"))


class Retries(OddPeer):
    async def test_a_call_that_only_reads_is_tried_again(self) -> None:
        self.assertEqual(3, await self.ask(None, None, THREE).call("GetNodes"))
        self.assertEqual(3, len(self.factory.requests))

    async def test_a_call_that_changes_something_is_sent_once(self) -> None:
        error = await self.fails(self.ask(None, THREE).call("AddSlice"), Unreachable)
        self.assertIn("it broke off without an answer", str(error))
        self.assertEqual(1, len(self.factory.requests))

    async def test_unless_the_caller_says_that_it_may_be_repeated(self) -> None:
        self.assertEqual(3, await self.ask(None, THREE).repeatable.call("Instantiate"))

    async def test_or_the_service_does_a_call_with_one_key_once(self) -> None:
        self.assertEqual(3, await self.ask(None, None, THREE, keyed=True).call("AddSlice"))
        keys = [_header(request, b"idempotency-key") for request in self.factory.requests]
        self.assertEqual((3, 1), (len(keys), len(set(keys))))
        self.factory.requests.clear()
        self.assertEqual(3, await self.ask(THREE, keyed=True).call("AddSlice"))
        self.assertNotIn(_header(self.factory.requests[0], b"idempotency-key"), {None, *keys})

    async def test_a_call_that_only_reads_needs_no_key(self) -> None:
        self.assertEqual(3, await self.ask(None, THREE, keyed=True).call("GetNodes"))
        self.assertEqual([None, None], [_header(request, b"idempotency-key") for request in self.factory.requests])

    async def test_or_the_peer_says_that_it_did_nothing(self) -> None:
        for status in (b"503 Service Unavailable", b"429 Too Many Requests"):
            busy = b"HTTP/1.1 %s\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" % status
            self.assertEqual(3, await self.ask(busy, THREE).call("AddSlice"))

    async def test_a_fault_is_an_answer_and_not_tried_again(self) -> None:
        fault = ours.dumps_fault(ours.Fault(108, "Permission denied"))
        error = await self.fails(self.ask(OK % (len(fault), fault)).call("GetNodes"), Refused)
        self.assertEqual((108, "Permission denied"), (error.fault_code, str(error)))
        self.assertEqual(1, len(self.factory.requests))

    async def test_the_tries_end(self) -> None:
        await self.fails(self.ask(None, None, None, THREE, tries=3).call("GetNodes"), Unreachable)
        self.assertEqual(3, len(self.factory.requests))


class WrongAnswers(OddPeer):
    async def test_what_is_no_answer_is_the_peers_error(self) -> None:
        for said in (b"", b"hello", b"<html></html>", ours.dumps_call("X", ()), b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'):
            error = await self.fails(self.ask(OK % (len(said), said), tries=1).call("GetNodes"), PeerError)
            self.assertTrue(str(error).startswith(f"{self.url}: its answer to GetNodes is not understood: "), error)

    async def test_an_answer_without_end_is_cut_off(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 200_000
        error = await self.fails(self.ask(endless, most=100_000, tries=1).call("GetNodes"), PeerError)
        self.assertEqual(f"{self.url}: its answer is larger than 100000 octets", str(error))

    async def test_a_redirect_is_not_followed(self) -> None:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % self.url.encode()
        error = await self.fails(self.ask(moved, THREE).call("GetNodes"), PeerError)
        self.assertIn("it answered HTTP 302", str(error))

    async def test_a_password_in_an_address_is_not_told(self) -> None:
        said = self.url.replace("//", "//me:secret@")
        error = await self.fails(Ask(said, reactor=reactor, timeout=0.2, tries=1).call("GetNodes"), PeerError)
        self.assertNotIn("secret", str(error))

    async def test_an_address_that_is_none(self) -> None:
        error = await self.fails(Ask("ftp://x/", reactor=reactor).call("GetNodes"), BadSettings)
        self.assertEqual("ftp://x/: expected https://…, http://… or unix:/path", str(error))


class Calling(Served):
    async def test_methods_as_attributes(self) -> None:
        service = Service(self.ask())
        self.assertEqual(3, await service.GetSum(1, 2))
        self.assertIn("GetSum", await service.system.listMethods())

    async def test_connections_are_kept(self) -> None:
        for n in range(10):
            self.assertEqual(n, await self.ask().call("GetSum", n, 0))
        self.assertEqual(1, len(self.site.channels))

    async def test_a_server_that_came_back_is_asked_on_a_new_connection(self) -> None:
        self.assertEqual(3, await self.ask().call("GetSum", 1, 2))
        self.site.abort()
        await task.deferLater(reactor, 0.05)
        self.assertEqual(3, await self.ask(tries=1).call("GetSum", 1, 2))


class AuthStructs(SynchronousTestCase):
    def test_as_the_plc_api_has_them(self) -> None:
        self.assertEqual(
            {"AuthMethod": "password", "Username": "a@b.org", "AuthString": "x"}, Password("a@b.org", "x").struct(())
        )
        self.assertEqual({"AuthMethod": "session", "session": "k"}, Session("k").struct(()))
        self.assertEqual({"AuthMethod": "anonymous"}, Anonymous().struct(()))

    def test_a_nodes_signature_is_that_of_the_worked_examples(self) -> None:
        key = "HqKkqLw9pTPHMxbXfmC1UVd5gkYyTrQ0aLzWnE7sJ4o"
        details = {"boot_state": "boot", "primary_network": {"interface_id": 17, "dns1": "192.0.2.53"}}
        for args, value in (
            ((), "062e61c957ccadf8adacbf02dd4af35e6cff5b14"),
            (({**details, "ssh_host_key": "ssh-rsa AAAA== n1"},), "ec73fba8f1c9bb6252baabd0eaba4edf198a92ea"),
            (("installfinished", 1, 1, 0), "5abd7f3429e799028d33445d0b134d4311c4dc22"),
            (({"run_level": "boot"}, "n1.example.org"), "cb5bb8b15a858fa47e7f6e9c01f361d59581e8bc"),
            ((None, True, 2.5, ["b", ["a"]]), "6e1008c8ef12354aa5aba710965e287cfb4714ef"),
        ):
            self.assertEqual({"AuthMethod": "hmac", "node_id": 7, "value": value}, NodeKey(7, key).struct(args))

    def test_no_secret_shows_in_a_repr(self) -> None:
        for auth in (Password("a@b.org", "s3cret"), Session("s3cret"), NodeKey(7, "s3cret")):
            self.assertNotIn("s3cret", repr(Ask("http://x/", auth=auth)))
