"""A call of the shell whose connection breaks is sent again with the same key, so that the authority does it once."""

import socket
import threading
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc
from planetlab.cli.remote import Fixed, Remote, proxy

PATIENCE = 60.0  # seconds


class Breaking:
    """A server that hears a call out and hangs up, so often as ``breaks`` says, and answers each other one with 1."""

    def __init__(self, breaks: int) -> None:
        self.breaks = breaks
        self.keys: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/PLCAPI/"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:  # the test is over
                return
            with connection, connection.makefile("rwb") as stream:
                while self._one(stream):
                    pass

    def _one(self, stream: Any) -> bool:
        """Hear one call; whether it was answered."""
        headers = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        if not headers:
            return False
        stream.read(int(headers[b"content-length"]))
        self.keys.append(headers[b"idempotency-key"].decode())
        if len(self.keys) <= self.breaks:
            return False
        body = xmlrpc.dumps_answer(1)
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()
        return True

    def stop(self) -> None:
        """End it."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(PATIENCE)


class SentAgain(SynchronousTestCase):
    def remote(self, breaks: int) -> tuple[Breaking, Remote]:
        server = Breaking(breaks)
        self.addCleanup(server.stop)
        remote = Remote(server.url, proxy(server.url, None), Fixed({"AuthMethod": "anonymous"}))
        self.addCleanup(remote.api("close"))
        return server, remote

    def test_a_call_whose_answer_got_lost_is_sent_again_with_its_key(self) -> None:
        server, remote = self.remote(breaks=1)
        self.assertEqual(1, remote.call("AddSlice", {"name": "princeton_once"}))
        self.assertEqual((2, 1), (len(server.keys), len(set(server.keys))))

    def test_two_calls_have_two_keys(self) -> None:
        server, remote = self.remote(breaks=0)
        for _ in range(2):
            self.assertEqual(1, remote.call("AddSlice", {"name": "princeton_once"}))
        self.assertEqual(2, len(set(server.keys)))
        self.assertEqual({32}, {len(key) for key in server.keys})
