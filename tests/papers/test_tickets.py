"""A ticket survives both codecs, and nobody but its issuer can write it."""

import string
import xmlrpc.client

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys, openpgp, pgp_packets
from planetlab.errors import BadArgument
from planetlab.gids import Subject
from planetlab.names import Hrn, SliceName
from planetlab.refusals import BadTicket
from planetlab.rspec import ResourceSpec
from planetlab.tickets import Ticket, User, open_ticket, seal_openpgp, seal_xmldsig
from planetlab.trust import Root, Roots
from tests.papers.authorities import CODEEN, DAY, JAPAN, NOW, PLC, Authority, epfl, japan, plc, public

WORDS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=12)
PROSE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cn")), max_size=30) | st.just("a\n<&>\"']]>\t\r\n é")
IDS = st.integers(0, 2**31 - 1)
TIMES = st.integers(0, 2**40).map(float)


@st.composite
def tickets(draw: st.DrawFn, issuer: Hrn = PLC) -> Ticket:
    tags = draw(st.lists(st.tuples(st.sampled_from(["cpu_share", "vref", "nm_x", "net_max_rate"]) | WORDS, PROSE)))
    users = st.builds(User, IDS, PROSE, st.lists(PROSE, max_size=2).map(tuple))
    return Ticket(
        issuer=issuer,
        slice=SliceName("princeton", draw(WORDS)),
        slice_id=draw(IDS),
        serial=draw(st.text(string.hexdigits, min_size=1, max_size=40)),
        expires=draw(TIMES),
        not_before=draw(TIMES),
        timestamp=draw(st.integers(0, 2**48)) / 1000,
        audience=tuple(draw(st.lists(st.just(Hrn.parse(r"plc.x.n\.y\.z")) | st.just(PLC), max_size=2))),
        instantiation=draw(st.sampled_from(["delegated", "plc-instantiated"])),
        users=tuple(draw(st.lists(users, max_size=3))),
        nodes=tuple(draw(st.lists(st.tuples(IDS, PROSE), max_size=3))),
        attributes=tuple(tags),
        rspec=ResourceSpec.from_tags(tags),
        initscript=draw(PROSE),
        family=draw(WORDS),
    )


def seals(of: Authority):
    """Both ways in which an authority seals."""
    return {
        "xmldsig": lambda ticket: seal_xmldsig(ticket, of.ticket_key),
        "openpgp": lambda ticket: seal_openpgp(ticket, of.pgp),
    }


TRUST = Roots((plc().root(), epfl().root()))
CHAINED = attrs.evolve(CODEEN, issuer=JAPAN, slice=SliceName.parse("utokyo_ubiq"), chain=japan().chain)


class Roundtrips(SynchronousTestCase):
    @settings(max_examples=60)
    @given(tickets())
    def test_what_is_read_is_what_was_sealed(self, ticket):
        for name, seal in seals(plc()).items():
            self.assertEqual(ticket, open_ticket(seal(ticket), TRUST, NOW), name)

    def test_p256_seals_documents_too(self):
        key = keys.new_p256()
        root = Root.load(PLC, ticket_keys=(keys.public_pem(public(key)),))
        self.assertEqual(CODEEN, open_ticket(seal_xmldsig(CODEEN, key), Roots((root,)), NOW))

    def test_a_chain_carries_a_childs_ticket_to_its_parents_root(self):
        for name, seal in seals(japan()).items():
            self.assertEqual(CHAINED, open_ticket(seal(CHAINED), TRUST, NOW), name)

    def test_a_pinned_child_needs_no_chain(self):
        bare = attrs.evolve(CHAINED, chain=())
        for seal in seals(japan()).values():
            self.assertEqual(bare, open_ticket(seal(bare), Roots((japan().root(),)), NOW))

    def test_an_rspec_that_its_tags_do_not_tell_is_told_by_more_tags(self):
        ticket = attrs.evolve(CODEEN, rspec=ResourceSpec(cpu_share=9), attributes=(("vref", "f8"),))
        for seal in seals(plc()).values():
            opened = open_ticket(seal(ticket), TRUST, NOW)
            self.assertEqual((9, "f8"), (opened.rspec.cpu_share, opened.tag("vref")))

    def test_values_that_no_paper_can_carry_are_refused_by_name(self):
        wrong = {
            "serial": "a b",
            "slice_id": 2**31,
            "instantiation": "started",
            "expires": float("nan"),
            "not_before": -1.0,
            "initscript": "\x00",
            "attributes": (("vref", "\x1b"),),
            "users": (1,),
        }
        for name, value in wrong.items():
            self.assertRaises(
                (BadArgument, AttributeError), lambda n=name, v=value: seal_all(attrs.evolve(CODEEN, **{n: v}))
            )


def seal_all(ticket: Ticket) -> None:
    for seal in seals(plc()).values():
        seal(ticket)


class ReadByTheOldOnes(SynchronousTestCase):
    def test_a_v3_reader_finds_what_it_always_found(self):
        root = etree.fromstring(seal_xmldsig(CODEEN, plc().ticket_key))
        slice_ = root.find("slice")
        self.assertEqual({"id": "31", "name": "princeton_codeen", "expiry": "1801209600"}, dict(slice_.attrib))
        self.assertEqual(["nodes", "users", "rspec"], [child.tag for child in slice_])
        self.assertEqual({"id": "3", "hostname": "planetlab1.cs.princeton.edu"}, dict(slice_[0][0].attrib))
        self.assertEqual({"person_id": "7", "email": "pi@princeton.edu"}, dict(slice_[1][0].attrib))
        told = {r.get("name"): (r[0].get("name"), r[0].get("type"), r[0].text) for r in slice_[2]}
        self.assertEqual(("cpu_share", "integer", "5"), told["nm_cpu_share"])
        self.assertEqual(("rate", "integer", "10000000"), told["nm_net_exempt_max_rate"])
        self.assertEqual(("vref", "string", "f14"), told["vref"])

    def test_empty_lists_keep_their_two_lines(self):
        ticket = attrs.evolve(CODEEN, nodes=(), users=())
        self.assertIn(
            b"\n    <nodes>\n    </nodes>\n    <users>\n    </users>\n", seal_xmldsig(ticket, plc().ticket_key)
        )

    def test_a_v4_reader_finds_what_it_always_found(self):
        sealed = seal_openpgp(CODEEN, plc().pgp)
        body = pgp_packets.split(pgp_packets.dearmour(sealed)[0])[1].body[6:]
        (struct,), _ = xmlrpc.client.loads(body)
        self.assertTrue(
            body.startswith(b"<methodResponse>\n<params>\n<param>\n<value><struct>\n<member>\n<name>timestamp")
        )
        self.assertEqual((1799999998, []), (struct["timestamp"], struct["initscripts"]))
        (sliver,) = struct["slivers"]
        self.assertEqual(
            ("princeton_codeen", 31, "delegated"), tuple(sliver[k] for k in ("name", "slice_id", "instantiation"))
        )
        self.assertEqual((1801209600, "planetlab-f14-x86_64"), (sliver["expires"], sliver["GetSliceFamily"]))
        self.assertEqual([{"key_type": "ssh", "key": "ssh-ed25519 AAAAC3Nza pi@princeton.edu"}], sliver["keys"])
        self.assertIn({"tagname": "cpu_share", "value": "5"}, sliver["attributes"])

    def test_a_named_initscript_lies_where_v4_looks_for_it(self):
        ticket = attrs.evolve(CODEEN, attributes=(("initscript", "princeton_start"),), initscript="true\n")
        body = pgp_packets.split(pgp_packets.dearmour(seal_openpgp(ticket, plc().pgp))[0])[1].body[6:]
        (struct,), _ = xmlrpc.client.loads(body)
        self.assertEqual("true\n", {s["name"]: s["script"] for s in struct["initscripts"]}["princeton_start"])

    def test_times_beyond_32_bits_are_cut_for_v4_and_whole_for_us(self):
        ticket = attrs.evolve(CODEEN, expires=2.0**33)
        sealed = seal_openpgp(ticket, plc().pgp)
        self.assertEqual(2.0**33, open_ticket(sealed, TRUST, NOW).expires)
        self.assertIn(b"<int>2147483647</int>", pgp_packets.split(pgp_packets.dearmour(sealed)[0])[1].body)


class Forging(SynchronousTestCase):
    """The twelve forgeries, each in both codecs."""

    def refused(self, reason: str, sealed: bytes, trust: Roots = TRUST, now: float = NOW) -> None:
        error = self.assertRaises(BadTicket, open_ticket, sealed, trust, now)
        self.assertEqual(reason, error.reason, str(error))
        self.assertTrue(str(error).startswith(f"{reason}: "))

    def test_another_key(self):
        thief = attrs.evolve(plc(), ticket_key=keys.new_rsa(), pgp=openpgp.new_key("plc <support@plc.example>"))
        for seal in seals(thief).values():
            self.refused("forged", seal(CODEEN))

    def test_the_right_key_of_another_authority(self):
        for seal in seals(epfl()).values():
            self.refused("forged", seal(CODEEN))

    def test_an_authority_over_another_without_its_certificate(self):
        ticket = attrs.evolve(CHAINED, chain=())
        for seal in seals(plc()).values():
            self.refused("chain-broken", seal(ticket))

    def test_a_right_chain_with_another_name(self):
        for name in ("plc", "plc.korea", "plc.japan.utokyo", "plc.jap", "plc.japanese"):
            ticket = attrs.evolve(CHAINED, issuer=Hrn.parse(name))
            for seal in seals(japan()).values():
                self.refused("wrong-subtree", seal(ticket))

    def test_an_unknown_issuer(self):
        ticket = attrs.evolve(CODEEN, issuer=Hrn.parse("com.startup"))
        for seal in seals(plc()).values():
            self.refused("unknown-issuer", seal(ticket))
            self.refused("unknown-issuer", seal(CODEEN), Roots())

    def test_a_self_issued_root_in_the_chain(self):
        false = attrs.evolve(CHAINED, chain=(*japan().chain[:1], epfl().gid.der))
        for seal in seals(japan()).values():
            self.refused("chain-broken", seal(false))
            self.refused("unknown-issuer", seal(attrs.evolve(CHAINED, chain=japan().chain[:1])))

    def test_an_expired_certificate_in_the_chain(self):
        later = japan().gid.certificate.not_valid_after_utc.timestamp() + DAY
        for seal in seals(japan()).values():
            self.refused("chain-broken", seal(CHAINED), now=later)

    def test_a_chain_that_vouches_for_another_key(self):
        other = attrs.evolve(japan(), ticket_key=keys.new_rsa(), pgp=openpgp.new_key("plc.japan <a@b.example>"))
        sealed = {name: seal(CHAINED) for name, seal in seals(other).items()}
        self.refused("forged", sealed["xmldsig"])
        self.refused("chain-broken", sealed["openpgp"])

    def test_a_certificate_that_is_not_for_signing_tickets(self):
        key = keys.new_rsa()
        marks = (openpgp.fingerprint(openpgp.public(japan().pgp)),)
        for kind, service, reason in (("user", "sa", "wrong-subtree"), ("authority", "am", "chain-broken")):
            subject = Subject(hrn=JAPAN, kind=kind, key=public(key), service=service, openpgp=marks)
            leaf = gids.certify(plc().gid, plc().key, subject, NOW)
            ticket = attrs.evolve(CHAINED, chain=(leaf.der,))
            self.refused(reason, seal_xmldsig(ticket, key))
            self.refused(reason, seal_openpgp(ticket, japan().pgp))

    def test_a_root_trusted_for_a_part_of_its_names(self):
        trust = Roots((plc().root(subtree=Hrn.parse("plc.utah")),))
        for seal in seals(plc()).values():
            self.refused("wrong-subtree", seal(CODEEN), trust)
            utah = attrs.evolve(CODEEN, slice=SliceName.parse("utah_elab"))
            self.assertEqual(utah, open_ticket(seal(utah), trust, NOW))

    def test_a_tag_that_names_the_slice_as_anothers(self):
        for name in ("epfl.site.codeen", "plc2.x.y", "рlc.x.y", ""):
            ticket = attrs.evolve(CODEEN, attributes=(("hrn", name),), rspec=ResourceSpec.from_tags([("hrn", name)]))
            for seal in seals(plc()).values():
                if name:
                    self.refused("wrong-subtree" if name.isascii() else "malformed", seal(ticket))
                else:
                    self.assertEqual(ticket, open_ticket(seal(ticket), TRUST, NOW))

    def test_sha1_needs_the_switch_of_both(self):
        sealed = seal_xmldsig(CODEEN, plc().ticket_key, legacy=True)
        self.refused("legacy-algorithm", sealed)
        self.assertEqual(CODEEN, open_ticket(sealed, Roots((plc().root(legacy=True),)), NOW))
        self.assertIn(b"rsa-sha256", seal_xmldsig(CODEEN, plc().ticket_key))

    def test_too_much_and_nothing(self):
        self.refused("too-large", b"<" * (1 << 20) + b" ")
        for data in (
            b"",
            b"\x00",
            b"hello",
            b"[]",
            b" <ticket/>",
            "<tícket/>".encode("latin-1"),
            b"\x80",
            b"\xff" * 99,
        ):
            self.refused("malformed", data)
        self.refused("unsigned", b"<ticket/>")


class ChangingBytes(SynchronousTestCase):
    """Every byte of a ticket, in every spelling of it: whatever changes is refused, nothing else happens."""

    def every_byte(self, sealed: bytes, trust: Roots = TRUST) -> None:
        for at in range(len(sealed)):
            for mask in (1 << at % 8, 0xFF, 0x20):
                changed = bytearray(sealed)
                changed[at] ^= mask
                try:
                    open_ticket(bytes(changed), trust, NOW)
                except BadTicket:
                    continue
                self.fail(f"byte {at} of {len(sealed)} was changed by {mask:#x} and nobody noticed")

    def test_of_a_document(self):
        self.every_byte(seal_xmldsig(CODEEN, plc().ticket_key))

    def test_of_a_document_with_a_chain(self):
        self.every_byte(seal_xmldsig(CHAINED, japan().ticket_key))

    def test_of_a_message(self):
        self.every_byte(seal_openpgp(CODEEN, plc().pgp))

    def test_of_a_message_without_armour(self):
        self.every_byte(pgp_packets.dearmour(seal_openpgp(attrs.evolve(CODEEN, users=()), plc().pgp))[0])

    def test_of_a_message_under_its_armour(self):
        inner = pgp_packets.dearmour(seal_openpgp(attrs.evolve(CODEEN, users=(), nodes=()), plc().pgp))[0]
        for at in range(len(inner)):
            changed = bytearray(inner)
            changed[at] ^= 1 << at % 8
            self.assertRaises(BadTicket, open_ticket, pgp_packets.armour(bytes(changed)), TRUST, NOW)

    @settings(max_examples=150)
    @given(st.data())
    def test_cut_doubled_or_inserted(self, data):
        for seal in seals(plc()).values():
            sealed = seal(CODEEN)
            start = data.draw(st.integers(0, len(sealed) - 1))
            end = data.draw(st.integers(start + 1, len(sealed)))
            middle = data.draw(st.sampled_from([b"", sealed[start:end] * 2, b"\n", b" ", b"<!---->", b"\x00"]))
            changed = sealed[:start] + middle + sealed[end:]
            if changed.strip() != sealed.strip():
                self.must_refuse_or_be_trimmed(sealed, changed)

    def must_refuse_or_be_trimmed(self, sealed: bytes, changed: bytes) -> None:
        """A document may lose its first line, the XML declaration, as some clients cut it off."""
        if sealed.startswith(b"<") and changed.strip() == sealed.partition(b"\n")[2].strip():
            self.assertEqual(CODEEN, open_ticket(changed, TRUST, NOW))
        else:
            self.assertRaises(BadTicket, open_ticket, changed, TRUST, NOW)
