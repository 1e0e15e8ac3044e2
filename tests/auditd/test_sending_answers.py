"""Answers over real connections: large ones come whole or look broken, known ones are not sent again."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import numpy as np
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.server import Site

from auditd import pages, rows
from tests.auditd.world import CODEEN, NOON, VICTIM, World, sent

reactor: Any = the_reactor  # a module by its type


class SendingAnswers(TestCase):
    def setUp(self) -> None:
        self.world = World()
        many = rows.empty(6000)
        many[:] = sent(CODEEN, at=1000)
        many["ports"] = np.arange(6000) << 16 | 53
        many["first"] = many["last"] = NOON * 1_000_000
        self.world.audit.hour.add(many, 1000.0)
        port = reactor.listenTCP(0, Site(self.world.pages), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    async def test_a_large_answer_comes_whole(self) -> None:
        with await deferToThread(urlopen, f"http://127.0.0.1:{self.port}/to/{VICTIM}.json", timeout=60) as answer:
            told = json.loads(await deferToThread(answer.read))
        self.assertEqual((6000, 6000), (told["flow_count"], len(told["flows"])))
        _, _, body = await deferToThread(self.get, f"/to/{VICTIM}.csv")
        self.assertEqual(6001, len(body.splitlines()))

    async def test_a_large_answer_comes_whole_to_readers_who_are_slow(self) -> None:
        def read_slowly() -> bytes:
            with socket.socket() as reader:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.settimeout(60)
                reader.connect(("127.0.0.1", self.port))
                reader.sendall(b"GET /to/%s.csv HTTP/1.0\r\n\r\n" % VICTIM.encode())
                got = b""
                while piece := reader.recv(3000):
                    got += piece
                return got

        every = await gatherResults([deferToThread(read_slowly) for _ in range(4)])
        self.assertEqual([6001] * 4, [len(each.partition(b"\r\n\r\n")[2].splitlines()) for each in every])

    async def test_where_many_large_ones_are_on_their_way_more_go_in_pieces_and_are_the_same(self) -> None:
        _, alone, whole = await deferToThread(self.get, f"/to/{VICTIM}.json")
        self.patch(pages, "MOST_LARGE", 0)
        _, heads, pieces = await deferToThread(self.get, f"/to/{VICTIM}.json")
        self.assertEqual(str(len(whole)), alone["content-length"])
        self.assertEqual("chunked", heads["transfer-encoding"])
        self.assertEqual(json.loads(whole)["flows"], json.loads(pieces)["flows"])
        self.assertEqual(0, self.world.pages._large)

    async def test_a_reader_who_leaves_makes_room_for_other_large_answers(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as reader:
            reader.sendall(b"GET /to/%s.json HTTP/1.0\r\n\r\n" % VICTIM.encode())
            await deferToThread(reader.recv, 1)
        deadline = reactor.seconds() + 60.0
        while self.world.pages._large and reactor.seconds() < deadline:
            await deferLater(reactor, 0.01)
        self.assertEqual(0, self.world.pages._large)

    async def test_head_tells_the_same_heads_and_no_body(self) -> None:
        for path in (f"/to/{VICTIM}.json", f"/to/{VICTIM}", "/", "/robots.txt", "/nowhere"):
            (status, whole, _), (head_status, head, body) = (
                await deferToThread(self.get, path), await deferToThread(self.get, path, "HEAD"),
            )  # fmt: skip
            self.assertEqual((status, whole["content-type"], b""), (head_status, head["content-type"], body), path)

    async def test_an_answer_of_which_a_piece_cannot_be_made_does_not_look_whole(self) -> None:
        def some(answer: Any) -> Iterator[str]:
            yield from ["["] + ["1,"] * 20
            raise ValueError("no more")

        self.patch(self.world.pages._renderer, "json", some)
        await self.assertFailure(deferToThread(self.get, f"/to/{VICTIM}.json"), http.client.IncompleteRead)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    async def test_what_a_reader_has_is_not_sent_again(self) -> None:
        _, heads, body = await deferToThread(self.get, "/slices.json")
        status, _, again = await deferToThread(self.get, "/slices.json", **{"If-None-Match": heads["etag"]})
        self.assertEqual((304, b""), (status, again))
        status, _, again = await deferToThread(self.get, "/slices.json", **{"If-None-Match": '"another"'})
        self.assertEqual((200, body), (status, again))

    async def test_where_there_is_much_an_answer_is_given_again_for_half_a_second_to_whom_it_concerns(self) -> None:
        self.patch(pages, "MUCH", 10)
        _, _, first = await deferToThread(self.get, "/to/198.51.0.0/16.json")
        self.world.steady += 0.4
        _, _, second = await deferToThread(self.get, "/to/198.51.0.0/16.json")
        self.world.steady += 0.2
        _, _, third = await deferToThread(self.get, "/to/198.51.0.0/16.json")
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        told = [self.world.json("/index.json", viewer)["you"] for viewer in ("192.0.2.77", "192.0.2.78")]
        self.assertEqual(["192.0.2.77", "192.0.2.78"], told)
