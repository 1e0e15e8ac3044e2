"""Tickets to and from xmlsec1 and gpg, the programs by which the originals signed and verified."""

import pathlib
import tempfile
import xmlrpc.client

import attrs
from twisted.trial.unittest import SynchronousTestCase

from planetlab import keys, openpgp, pgp_packets, ticket_pgp
from planetlab.refusals import BadTicket
from planetlab.tickets import open_ticket, seal_openpgp, seal_xmldsig
from planetlab.trust import Root, Roots
from planetlab.xml_text import EXCLUSIVE, INCLUSIVE
from planetlab.xmldsig import DS, RSA_SHA1, RSA_SHA256, SHA1, SHA256
from tests.papers.authorities import CODEEN, JAPAN, NOW, PLC, japan, plc, public
from tests.papers.programs import NEEDS_GPG, NEEDS_XMLSEC1, Gpg, run
from tests.papers.test_tickets import CHAINED

TRUST = Roots((plc().root(),))
LEGACY = Roots((plc().root(legacy=True),))

# Laid out as PLC 4 wrote it for its program to sign; attributes in the order of a Python dict of then.
DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<ticket>
  <slice expiry="1801209600" id="17" name="utah_elab_42">
    <nodes>
      <node hostname="planetlab1.example.org" id="3"/>
    </nodes>
    <users>
    </users>
    <rspec>
      <resource name="nm_cpu_share">
        <value type="integer" name="cpu_share">32</value>
      </resource>
      <resource name="nm_net_avg_rate">
        <value type="integer" name="rate">524287</value>
      </resource>
      <resource name="proper_op">
        <value type="string" name="proper_op">mount_dir, arg=&quot;x&quot; &amp; &apos;é&apos;</value>
      </resource>
    </rspec>
  </slice>
  <Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
    <SignedInfo>
      <CanonicalizationMethod Algorithm="{c14n}"/>
      <SignatureMethod Algorithm="{method}"/>
      <Reference URI="">
        <Transforms>
          <Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
        </Transforms>
        <DigestMethod Algorithm="{digest}"/>
        <DigestValue></DigestValue>
      </Reference>
    </SignedInfo>
    <SignatureValue></SignatureValue>
  </Signature>
</ticket>
"""
STRUCT = {
    "timestamp": int(NOW),
    "initscripts": [{"initscript_id": 9, "name": "uni_start", "enabled": True, "script": "#!/bin/sh\nexit\n"}],
    "slivers": [
        {
            "name": "princeton_codeen",
            "slice_id": 31,
            "instantiation": "delegated",
            "expires": 1801209600,
            "keys": [{"key_type": "ssh", "key": "ssh-rsa AAAAB3 pi@uni.example.org"}],
            "attributes": [{"tagname": "cpu_pct", "value": "25"}, {"tagname": "initscript", "value": "uni_start"}],
            "GetSliceFamily": "planetlab-f14-x86_64",
        }
    ],
}
BODY = xmlrpc.client.dumps((STRUCT,), methodresponse=True, allow_none=True).encode()


def flip_every_byte(test: SynchronousTestCase, sealed: bytes, trust: Roots) -> None:
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1 << at % 8
        test.assertRaises(BadTicket, open_ticket, bytes(changed), trust, NOW)


@NEEDS_XMLSEC1
class WithXmlsec1(SynchronousTestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.put("ticket.key", keys.private_pem(plc().ticket_key))
        self.put("ticket.pem", keys.public_pem(public(plc().ticket_key)))

    def put(self, name: str, data: bytes) -> str:
        (self.place / name).write_bytes(data)
        return str(self.place / name)

    def sign(self, document: str, key: str = "ticket.key") -> bytes:
        return run("xmlsec1", "--sign", "--privkey-pem", str(self.place / key), self.put("in.xml", document.encode()))

    def verify(self, document: bytes, ok: tuple[int, ...] = (0,)) -> None:
        pem = str(self.place / "ticket.pem")
        run("xmlsec1", "--verify", "--pubkey-pem", pem, self.put("out.xml", document), ok=ok)

    def original(self, method: str = RSA_SHA256, digest: str = SHA256, c14n: str = INCLUSIVE) -> str:
        return DOCUMENT.format(method=method, digest=digest, c14n=c14n)

    def test_the_program_refuses_a_changed_one_of_ours(self):
        self.verify(seal_xmldsig(CODEEN, plc().ticket_key).replace(b"codeen", b"coding"), ok=(1,))

    def test_the_program_accepts_ours(self):
        for legacy in (False, True):
            self.verify(seal_xmldsig(CODEEN, plc().ticket_key, legacy))

    def test_the_program_accepts_ours_by_p256_and_with_a_chain(self):
        key = keys.new_p256()
        self.put("ticket.pem", keys.public_pem(public(key)))
        self.verify(seal_xmldsig(CODEEN, key))
        self.put("ticket.pem", keys.public_pem(public(japan().ticket_key)))
        self.verify(seal_xmldsig(CHAINED, japan().ticket_key))

    def test_an_originals_ticket_is_that_of_the_root_whose_key_signed_it(self):
        for c14n in (INCLUSIVE, EXCLUSIVE):
            ticket = open_ticket(self.sign(self.original(c14n=c14n)), TRUST, NOW)
            self.assertEqual((PLC, "utah_elab_42", 17), (ticket.issuer, str(ticket.slice), ticket.slice_id))
            self.assertEqual((1801209600.0, 0.0, ()), (ticket.expires, ticket.timestamp, ticket.audience))
            self.assertEqual(((3, "planetlab1.example.org"),), ticket.nodes)
            self.assertEqual((32, 5_662_299), (ticket.rspec.cpu_share, ticket.rspec.net_max_kbyte))
            self.assertEqual("mount_dir, arg=\"x\" & 'é'", ticket.tag("proper_op"))

    def test_an_originals_serial_is_made_of_what_is_signed(self):
        one, two = (open_ticket(self.sign(self.original()), TRUST, NOW) for _ in range(2))
        self.assertEqual(one.serial, two.serial)
        other = open_ticket(self.sign(self.original().replace("524287", "524288")), TRUST, NOW)
        self.assertNotEqual(one.serial, other.serial)

    def test_an_originals_layouts_are_read(self):
        layouts = {
            "no declaration": self.original().partition("\n")[2],
            "no encoding": self.original().replace(' encoding="utf-8"', ""),
            "on one line": self.original().replace("\n", "").replace("  ", ""),
            "with another transform": self.original().replace(
                "        </Transforms>", f'          <Transform Algorithm="{EXCLUSIVE}"/>\n        </Transforms>'
            ),
            "with a prefix": self.prefixed(),
        }
        for name, document in layouts.items():
            self.assertEqual("utah_elab_42", str(open_ticket(self.sign(document), TRUST, NOW).slice), name)

    def with_key_info(self, info: str) -> str:
        return self.original().replace("</SignatureValue>", f"</SignatureValue>\n    <KeyInfo>{info}</KeyInfo>")

    def test_a_key_info_that_the_program_fills_in_decides_nothing(self):
        for info in ("", "<KeyName/>", "<KeyValue/>", "\n      <X509Data/>\n      <KeyValue/>\n    "):
            sealed = self.sign(self.with_key_info(info))
            self.assertEqual(17, open_ticket(sealed, TRUST, NOW).slice_id)
            flip_every_byte(self, sealed, TRUST)
        self.put("other.key", keys.private_pem(keys.new_rsa()))
        sealed = self.sign(self.with_key_info("<KeyValue/>"), "other.key")
        self.assertEqual("forged", self.assertRaises(BadTicket, open_ticket, sealed, TRUST, NOW).reason)

    def prefixed(self) -> str:
        head, mark, tail = self.original().partition("  <Signature")
        tail = (
            tail.replace("</ticket>", "").replace("<", "<ds:").replace("<ds:/", "</ds:").replace("xmlns=", "xmlns:ds=")
        )
        return f"{head}  <ds:Signature{tail}</ticket>"

    def test_every_changed_byte_of_an_originals_is_refused(self):
        flip_every_byte(self, self.sign(self.original()), TRUST)

    def test_another_key_is_refused(self):
        self.put("other.key", keys.private_pem(keys.new_rsa()))
        error = self.assertRaises(BadTicket, open_ticket, self.sign(self.original(), "other.key"), TRUST, NOW)
        self.assertEqual("forged", error.reason)

    def test_sha1_of_the_originals_needs_the_legacy_switch(self):
        for method, digest in ((RSA_SHA1, SHA1), (RSA_SHA256, SHA1), (RSA_SHA1, SHA256)):
            sealed = self.sign(self.original(method, digest))
            error = self.assertRaises(BadTicket, open_ticket, sealed, TRUST, NOW)
            self.assertEqual("legacy-algorithm", error.reason)
            self.assertEqual(17, open_ticket(sealed, LEGACY, NOW).slice_id)

    def test_an_hmac_by_the_program_is_refused(self):
        document = self.original(method=DS + "hmac-sha1")
        pem = self.put("ticket.pem", keys.public_pem(public(plc().ticket_key)))
        sealed = run("xmlsec1", "--sign", "--hmackey", pem, self.put("in.xml", document.encode()))
        self.assertRaises(BadTicket, open_ticket, sealed, LEGACY, NOW)


@NEEDS_GPG
class WithGpg(SynchronousTestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.gpg = Gpg(self.place / "ring")
        self.addCleanup(self.gpg.close)
        self.gpg("--import", given=plc().pgp)

    def refused(self, reason: str, sealed: bytes, trust: Roots = TRUST) -> None:
        error = self.assertRaises(BadTicket, open_ticket, sealed, trust, NOW)
        self.assertEqual(reason, error.reason, str(error))

    def test_the_program_refuses_a_changed_one_of_ours(self):
        inner = bytearray(pgp_packets.dearmour(seal_openpgp(CODEEN, plc().pgp))[0])
        inner[200] ^= 1
        self.assertRaises(AssertionError, self.gpg, "--decrypt", given=pgp_packets.armour(bytes(inner)))

    def test_the_program_accepts_ours(self):
        for ticket in (CODEEN, attrs.evolve(CODEEN, initscript="true\n" * 20_000)):
            self.assertEqual(ticket_pgp.to_body(ticket), self.gpg("--decrypt", given=seal_openpgp(ticket, plc().pgp)))
        self.gpg("--import", given=openpgp.public(japan().pgp))
        self.assertIn(b"utokyo_ubiq", self.gpg("--decrypt", given=seal_openpgp(CHAINED, japan().pgp)))

    def test_an_originals_ticket_is_that_of_the_root_whose_key_signed_it(self):
        ticket = open_ticket(self.gpg("--armor", "--sign", given=BODY), TRUST, NOW)
        self.assertEqual((PLC, "princeton_codeen", 31), (ticket.issuer, str(ticket.slice), ticket.slice_id))
        self.assertEqual((1801209600.0, NOW, "delegated"), (ticket.expires, ticket.timestamp, ticket.instantiation))
        self.assertEqual((25, "#!/bin/sh\nexit\n"), (ticket.rspec.cpu_pct, ticket.initscript))
        self.assertEqual((("ssh-rsa AAAAB3 pi@uni.example.org",), "planetlab-f14-x86_64"), (ticket.keys, ticket.family))

    def test_an_originals_layouts_are_read_and_the_serial_is_made_of_what_is_signed(self):
        (self.place / "ticket").write_bytes(BODY)
        layouts = {
            "as gpg signs": self.gpg("--armor", "--sign", given=BODY),
            "a file": self.gpg("--armor", "--output", "-", "--sign", str(self.place / "ticket")),
            "binary": self.gpg("--sign", given=BODY),
            "uncompressed": self.gpg("--armor", "--compress-algo", "none", "--sign", given=BODY),
            "zlib": self.gpg("--armor", "--compress-algo", "zlib", "--sign", given=BODY),
            "squeezed": self.gpg("--armor", "-z", "9", "--sign", given=BODY),
        }
        serials = {open_ticket(sealed, TRUST, NOW).serial for sealed in layouts.values()}
        self.assertEqual(1, len(serials))

    def test_every_changed_byte_of_an_originals_is_refused(self):
        flip_every_byte(self, self.gpg("--armor", "--sign", given=BODY), TRUST)
        flip_every_byte(self, self.gpg("--sign", given=BODY), TRUST)

    def test_the_stored_message_that_gpg_calls_good_is_unsigned(self):
        stored = self.gpg("--armor", "--store", given=BODY)
        self.gpg("--decrypt", given=stored)  # exit status 0: the hole of the original node manager
        self.refused("unsigned", stored)
        self.refused("unsigned", self.gpg("--store", given=BODY))

    def test_other_kinds_of_messages_are_refused(self):
        self.refused("malformed", self.gpg("--clearsign", given=BODY))
        self.refused("malformed", self.gpg("--armor", "--detach-sign", given=BODY))
        self.refused("malformed", self.gpg("--armor", "--textmode", "--sign", given=BODY))
        self.refused("malformed", self.gpg("--armor", "--recipient", "support@plc.example", "--encrypt", given=BODY))
        secret = ("--passphrase", "x", "--pinentry-mode", "loopback")
        self.refused("malformed", self.gpg("--armor", *secret, "--symmetric", given=BODY))
        self.refused("malformed", self.gpg("--armor", "--compress-algo", "bzip2", "--sign", given=BODY))
        self.refused("malformed", self.gpg("--armor", "--sign", given=self.gpg("--sign", given=BODY)))

    def test_two_signatures_are_wrapped(self):
        self.gpg("--import", given=japan().pgp)
        both = ("--local-user", "support@plc.example", "--local-user", "support@plc.japan.example")
        self.refused("wrapped", self.gpg("--armor", *both, "--sign", given=BODY))

    def test_a_key_that_is_not_pinned_is_refused(self):
        self.gpg("--import", given=japan().pgp)
        signed = self.gpg("--armor", "--local-user", "support@plc.japan.example", "--sign", given=BODY)
        self.refused("forged", signed)
        self.assertEqual(JAPAN, open_ticket(signed, Roots((plc().root(), japan().root())), NOW).issuer)

    def test_armour_headers_need_the_legacy_switch(self):
        signed = self.gpg("--armor", "--comment", "by hand", "--sign", given=BODY)
        self.refused("legacy-algorithm", signed)
        self.assertEqual(31, open_ticket(signed, LEGACY, NOW).slice_id)

    def test_the_dsa_key_of_2007_needs_the_legacy_switch(self):
        self.gpg("--passphrase", "", "--quick-generate-key", "old <old@plc.example>", "dsa1024", "sign", "0")
        words = ("--armor", "--local-user", "old@plc.example", "--digest-algo", "SHA1")
        signed = self.gpg(*words, "--sign", given=BODY)
        pinned = (self.gpg("--export", "old@plc.example"),)
        self.refused("legacy-algorithm", signed, Roots((Root(hrn=PLC, pgp_keys=pinned),)))
        self.refused("forged", signed, LEGACY)
        trust = Roots((Root(hrn=PLC, pgp_keys=pinned, legacy=True),))
        self.assertEqual(31, open_ticket(signed, trust, NOW).slice_id)
        flip_every_byte(self, signed, trust)

    def test_rsa_with_sha1_needs_the_legacy_switch(self):
        self.gpg("--passphrase", "", "--quick-generate-key", "old <old@plc.example>", "rsa2048", "sign", "0")
        signed = self.gpg("--armor", "--local-user", "old@plc.example", "--digest-algo", "SHA1", "--sign", given=BODY)
        pinned = (self.gpg("--armor", "--export", "old@plc.example"),)
        self.refused("legacy-algorithm", signed, Roots((Root(hrn=PLC, pgp_keys=pinned),)))
        trust = Roots((Root(hrn=PLC, pgp_keys=pinned, legacy=True),))
        self.assertEqual(31, open_ticket(signed, trust, NOW).slice_id)

    def test_a_bomb_in_the_compressed_layer_is_refused(self):
        self.refused("too-large", self.gpg("--armor", "-z", "9", "--sign", given=b" " * (64 << 20)))

    def test_structs_that_are_no_tickets_are_refused(self):
        sliver = STRUCT["slivers"][0]
        wrong = [
            STRUCT | {"slivers": []},
            STRUCT | {"slivers": [sliver, sliver]},
            {k: v for k, v in STRUCT.items() if k != "initscripts"},
            STRUCT | {"slivers": [sliver | {"expires": "never"}]},
            STRUCT | {"slivers": [sliver | {"name": "../../etc"}]},
            STRUCT | {"slivers": [sliver | {"instantiation": "root"}]},
            STRUCT | {"plfed-ticket-2": {}},
            [STRUCT],
        ]
        for struct in wrong:
            body = xmlrpc.client.dumps((struct,), methodresponse=True).encode()
            self.refused("malformed", self.gpg("--armor", "--sign", given=body))
        twice = BODY.replace(b"<name>slice_id</name>", b"<name>name</name>")
        self.refused("malformed", self.gpg("--armor", "--sign", given=twice))
        node = xmlrpc.client.dumps((STRUCT | {"node_id": 7},), methodresponse=True).encode()
        self.refused("wrong-audience", self.gpg("--armor", "--sign", given=node))
        fault = xmlrpc.client.dumps(xmlrpc.client.Fault(1, "x"), methodresponse=True).encode()
        self.refused("malformed", self.gpg("--armor", "--sign", given=fault))
