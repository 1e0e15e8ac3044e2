"""Callers who show a certificate when they connect: anything gets through the handshake, and the call sees it."""

import http.client
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import uuid
from typing import Any

from twisted.internet import defer, reactor
from twisted.trial.unittest import TestCase

from planetlab import ask, gids, keys, tls, xmlrpc
from planetlab.calls import Call
from planetlab.methods import Api
from planetlab.names import Hrn
from planetlab.presented import Presented
from planetlab.refusals import BadGid
from planetlab.serve import hardened_site, listen, mount
from planetlab.trust import Root, Roots
from planetlab.visitors import VisitedResource, shown_with
from tests.edge.example import NOW, SERVER, Served

api = Api(auth=None)
PLC_KEY, JAPAN_KEY, USER_KEY = keys.new_p256(), keys.new_p256(), keys.new_p256()
PLC = gids.make_root(Hrn(("plc",)), PLC_KEY, uuid.UUID(int=1), NOW, life=30 * gids.LIFE)


def _below(name: str, kind: str, key: keys.PrivateKey, above: gids.Gid, above_key: keys.PrivateKey) -> gids.Gid:
    subject = gids.Subject(hrn=Hrn.parse(name), kind=kind, key=keys.accepted(key.public_key()))
    return gids.certify(above, above_key, subject, NOW, life=20 * gids.LIFE)


JAPAN = _below("plc.japan", "authority", JAPAN_KEY, PLC, PLC_KEY)
USER = _below("plc.japan.utokyo.ann", "user", USER_KEY, JAPAN, JAPAN_KEY)
TRUST = Roots((Root(hrn=PLC.hrn, gid=PLC),))


@api.method()
def WhoAmI(call: Call) -> list[str]:
    """The subjects of what the caller showed."""
    shown: Presented | None = call.caller
    return [] if shown is None else [one.subject.rfc4514_string() for one in shown.certificates]


def greet(method: Any, args: Any, request: Any) -> Call:
    return Call(shown_with(request), frozenset(), None, NOW, method.name)


def post(port: int, certificate: pathlib.Path | None, calls: int = 1) -> list[list[str]]:
    """What the interface says of a client with this file of certificates and key, over one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    answers = []
    try:
        for _ in range(calls):
            connection.request("POST", "/", xmlrpc.dumps_call("WhoAmI", ()), {"Content-Type": "text/xml"})
            answers.append(xmlrpc.loads_answer(connection.getresponse().read()))
    finally:
        connection.close()
    return answers


class Visiting(TestCase):
    timeout = 90  # seconds, on a machine that is busy

    async def setUp(self) -> None:
        self.site = hardened_site(mount({"": VisitedResource(api, greet)}), reactor)
        options = tls.visitor_options(SERVER.certificate_pem, SERVER.key_pem)
        self.port = await defer.ensureDeferred(listen(reactor, "tcp:0:interface=127.0.0.1", self.site, options))
        self.number = self.port.getHost().port
        self.place = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)

    async def tearDown(self) -> None:
        await defer.ensureDeferred(ask.close(reactor))
        await self.port.stopListening()
        done = self.site.drain()
        self.site.abort()
        await done

    elsewhere = Served.elsewhere

    def file(self, *parts: bytes) -> pathlib.Path:
        path = self.place / "client.pem"
        path.write_bytes(b"".join(parts))
        return path

    async def test_one_who_shows_nothing_is_let_in_as_nobody(self) -> None:
        self.assertEqual([[]], await self.elsewhere(post, self.number, None))

    async def test_one_signed_by_itself_as_openssl_makes_it_is_let_in(self) -> None:
        where = self.place / "self.pem"
        words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=plc.princeton.ann"
        subprocess.run([*words.split(), "-keyout", where, "-out", where], check=True, capture_output=True)
        self.assertEqual([["CN=plc.princeton.ann"]], await self.elsewhere(post, self.number, where))

    async def test_one_that_ended_long_ago_is_let_in_to_be_judged_by_the_method(self) -> None:
        old = gids.make_root(Hrn(("old",)), USER_KEY, uuid.UUID(int=2), NOW - 9e7, life=60.0)
        self.assertEqual(
            [["CN=old"]], await self.elsewhere(post, self.number, self.file(old.pem, keys.private_pem(USER_KEY)))
        )

    async def test_the_whole_chain_reaches_each_call_of_a_connection_and_of_the_next(self) -> None:
        shown = self.file(USER.pem, JAPAN.pem, PLC.pem, keys.private_pem(USER_KEY))
        said = ["CN=plc.japan.utokyo.ann", "CN=plc.japan", "CN=plc"]
        self.assertEqual([said, said], await self.elsewhere(post, self.number, shown, 2))
        self.assertEqual([said], await self.elsewhere(post, self.number, shown, 1))

    async def test_without_the_key_of_what_is_shown_there_is_no_connection(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        mixed = self.file(USER.pem, keys.private_pem(JAPAN_KEY))
        self.assertRaises(ssl.SSLError, context.load_cert_chain, mixed)


class Judging(TestCase):
    def test_a_chain_to_a_trusted_root_names_the_caller(self) -> None:
        shown = Presented((USER.certificate, JAPAN.certificate))
        self.assertEqual((USER, JAPAN), shown.vouched(TRUST, NOW + 1))
        self.assertFalse(shown.is_self_signed)
        self.assertTrue(keys.same(USER.key, shown.key))

    def test_a_chain_with_a_gap_or_to_a_stranger_names_nobody(self) -> None:
        self.assertRaises(BadGid, Presented((USER.certificate,)).vouched, TRUST, NOW + 1)
        self.assertRaises(BadGid, Presented((USER.certificate, JAPAN.certificate)).vouched, Roots(()), NOW + 1)
        self.assertRaises(BadGid, Presented((USER.certificate,) * 12).chain)

    def test_a_certificate_without_a_URN_is_a_key_and_no_GID(self) -> None:
        alone = Presented((SERVER.certificate,))
        self.assertRaises(BadGid, alone.chain)
        self.assertFalse(alone.is_self_signed)
        self.assertTrue(Presented((PLC.certificate,)).is_self_signed)
