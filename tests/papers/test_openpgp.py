"""Armour, packets and signatures: what is odd is refused, by name."""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab import openpgp
from planetlab.errors import BadArgument
from planetlab.names import Hrn
from planetlab.pgp_packets import (
    BEGIN,
    COMPRESSED,
    END,
    LITERAL,
    ONE_PASS,
    Packet,
    armour,
    dearmour,
    join,
    split,
    unpack,
)
from planetlab.refusals import BadSignature
from planetlab.trust import Root

SECRET = openpgp.new_key("plc <support@plc.example>")
PUBLIC = openpgp.public(SECRET)
SIGNED = openpgp.sign(SECRET, b"body")
ONE, DATA, SIGNATURE = split(dearmour(SIGNED)[0])


class Armour(SynchronousTestCase):
    def refused(self, reason: str, data: bytes) -> None:
        error = self.assertRaises(BadSignature, openpgp.read, data)
        self.assertEqual(reason, error.reason, str(error))

    def test_every_oddity_is_refused(self):
        lines = SIGNED.decode().split("\n")
        text = SIGNED.decode()
        odd = {
            "nothing": "",
            "no end": text.replace(END, ""),
            "no begin": text.replace(BEGIN, ""),
            "another kind": text.replace("MESSAGE", "PUBLIC KEY BLOCK"),
            "no blank line": text.replace("\n\n", "\n"),
            "two blank lines": text.replace("\n\n", "\n\n\n"),
            "text before": f"hello\n{text}",
            "text behind": f"{text}hello\n",
            "twice": text + text,
            "spaces": text.replace("\n", " \n"),
            "line ends": text.replace("\n", "\r\n"),
            "one long line": "\n".join([*lines[:2], "".join(lines[2:-3]), *lines[-3:]]),
            "wrong checksum": text.replace(lines[-3], "=AAAA"),
            "two checksums": text.replace(lines[-3], f"{lines[-3]}\n{lines[-3]}"),
            "no base64": text.replace(lines[2], "!" * 64),
            "not text": text.replace(lines[2], "é" * 64),
        }
        for name, changed in odd.items():
            self.assertRaises(BadSignature, openpgp.read, changed.encode())
            self.assertNotEqual(text, changed, name)

    def test_without_its_checksum_it_is_read_as_later_gpgs_leave_it_out(self):
        lines = SIGNED.decode().split("\n")
        message = openpgp.read("\n".join(lines[:-3] + lines[-2:]).encode())
        self.assertEqual((b"body", False, False), (message.body, message.ours, message.legacy))

    def test_more_than_a_mebibyte_is_not_read(self):
        self.refused("too-large", b"-----BEGIN PGP MESSAGE-----\n\n" + b"A" * (1 << 20))
        self.assertRaises(BadArgument, openpgp.sign, SECRET, b"x" * (1 << 20))

    @given(st.binary(max_size=300))
    def test_armour_comes_off_as_it_went_on(self, data):
        self.assertEqual((b"\x99" + data, False, True), dearmour(armour(b"\x99" + data)))

    @settings(max_examples=300)
    @given(st.binary(max_size=80))
    def test_noise_is_refused(self, data):
        self.assertRaises(BadSignature, openpgp.read, b"\xc4" + data)
        self.assertRaises(BadSignature, openpgp.read, armour(b"\xa3\x01" + data))


class Packets(SynchronousTestCase):
    def refused(self, reason: str, *packets: Packet) -> None:
        error = self.assertRaises(BadSignature, openpgp.read, armour(join(list(packets))))
        self.assertEqual(reason, error.reason, str(error))

    def test_other_sequences_are_refused(self):
        self.refused("unsigned", DATA)
        self.refused("wrapped", ONE, DATA)
        self.refused("wrapped", DATA, SIGNATURE)
        self.refused("wrapped", SIGNATURE, DATA)
        self.refused("wrapped", ONE, DATA, SIGNATURE, SIGNATURE)
        self.refused("wrapped", ONE, ONE, DATA, SIGNATURE, SIGNATURE)
        self.refused("wrapped", ONE, DATA, DATA, SIGNATURE)
        self.refused("wrapped", Packet(10, b"PGP"), ONE, DATA, SIGNATURE)
        self.refused("malformed", *[ONE] * 20)

    def test_nothing_that_is_unsigned_is_free(self):
        body = SIGNATURE.body
        hashed = 6 + int.from_bytes(body[4:6], "big")
        note = body[:hashed] + b"\x00\x03\x02\x65x" + body[hashed + 2 :]
        self.refused("malformed", ONE, DATA, Packet(2, note))
        self.refused("malformed", Packet(ONE_PASS, ONE.body[:-1] + b"\x00"), DATA, SIGNATURE)
        self.refused("malformed", ONE, DATA, Packet(2, body + b"\x00\x01\x01"[:1]))
        self.refused("forged", ONE, DATA, Packet(2, b"\x03" + body[1:]))
        self.refused("forged", ONE, DATA, Packet(2, body[:1] + b"\x01" + body[2:]))
        self.refused("malformed", ONE, Packet(LITERAL, b"t" + DATA.body[1:]), SIGNATURE)
        self.refused("malformed", ONE, Packet(LITERAL, DATA.body[:2] + b"\x00\x00\x00\x09" + DATA.body[6:]), SIGNATURE)

    def test_a_compressed_layer_is_what_zlib_makes_of_it(self):
        writer = zlib.compressobj(6, zlib.DEFLATED, -15)
        inner = join([ONE, DATA, SIGNATURE])
        squeezed = writer.compress(inner) + writer.flush()
        message = openpgp.read(armour(join([Packet(COMPRESSED, b"\x01" + squeezed)])))
        self.assertEqual((b"body", False, False), (message.body, message.legacy, message.ours))
        for body in (b"", b"\x07abc", b"\x01" + squeezed[:-1], b"\x01" + squeezed + b"x", b"\x02" + squeezed):
            self.refused("malformed", Packet(COMPRESSED, body))

    def test_a_layer_that_zlib_would_make_otherwise_is_told_apart(self):
        inner = b"abc" * 100
        writer = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        self.assertEqual((inner, False), unpack(Packet(COMPRESSED, b"\x01" + writer.compress(inner) + writer.flush())))

    @given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 9000)), max_size=4))
    def test_packets_survive_split_and_join(self, plan):
        packets = [Packet(tag, b"x" * size) for tag, size in plan]
        self.assertEqual(packets, split(join(packets)))


class Signing(SynchronousTestCase):
    def test_only_the_signer_holds(self):
        message = openpgp.read(SIGNED)
        other = openpgp.public(openpgp.new_key("epfl <support@epfl.example>"))
        self.assertEqual(openpgp.fingerprint(PUBLIC), openpgp.holds(message, [other, PUBLIC]))
        self.assertEqual("", openpgp.holds(message, [other]))
        self.assertEqual("", openpgp.holds(message, [other], legacy=True))
        self.assertEqual("", openpgp.holds(message, []))

    def test_what_is_no_key_is_refused_without_a_trace_of_insides(self):
        for data in (b"", b"hello", PUBLIC[:200]):
            for read in (openpgp.public, openpgp.each, openpgp.fingerprint):
                self.assertNotIn("\n", str(self.assertRaises(BadArgument, read, data)))
            self.assertRaises(BadArgument, Root.load, Hrn(("plc",)), b"", (), (data,))

    def test_a_public_key_has_no_secrets(self):
        self.assertIn(b"PRIVATE KEY", SECRET)
        self.assertIn(b"PUBLIC KEY", PUBLIC)
        self.assertEqual(openpgp.each(PUBLIC), openpgp.each(SECRET))
