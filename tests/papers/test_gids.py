"""GIDs and the chains between them."""

import uuid
import warnings

from cryptography.utils import CryptographyDeprecationWarning
from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.errors import BadArgument
from planetlab.gids import LIFE, SLACK, Gid, Subject
from planetlab.names import Hrn
from planetlab.refusals import BadGid
from planetlab.trust import Root, Roots
from tests.papers.authorities import DAY, EPFL, JAPAN, NOW, PLC, epfl, japan, plc, public

KEY = keys.new_p256()
RSA = keys.new_rsa()


def certified(name: str, kind: str = "authority", by: Gid | None = None, key: keys.PrivateKey | None = None) -> Gid:
    subject = Subject(hrn=Hrn.parse(name), kind=kind, key=public(KEY))
    return gids.certify(by or plc().gid, key or plc().key, subject, NOW)


class Certifying(SynchronousTestCase):
    def refused(self, reason: str, call, *args, **more) -> BadGid:
        error = self.assertRaises(BadGid, call, *args, **more)
        self.assertEqual(reason, error.reason)
        return error

    def test_an_authority_certifies_below_its_own_name_only(self):
        for name in ("epfl", "plcx.cornell", "plc2", "epfl.plc", "PLC.japan", "plc"):
            error = self.refused("wrong-subtree", certified, name)
            self.assertIn(f"plc certifies names below its own only, and not {name}", str(error))

    def test_the_parent_name_trick_is_refused(self):
        below = certified("plc.a")
        self.refused("wrong-subtree", certified, "plc.ab", by=below, key=KEY)
        self.refused("wrong-subtree", certified, "plc.ab.c", by=below, key=KEY)

    def test_a_person_and_a_service_certify_nobody(self):
        person = certified("plc.cornell.ann", "user")
        self.refused("chain-broken", certified, "plc.cornell.ann.sub", by=person, key=KEY)
        subject = Subject(hrn=PLC, kind="authority", service="ticket", key=public(KEY))
        service = gids.certify(plc().gid, plc().key, subject, NOW)
        self.refused("chain-broken", certified, "plc.x", by=service, key=KEY)

    def test_another_key_than_the_issuers_is_refused(self):
        self.assertRaises(BadArgument, certified, "plc.x", key=KEY)

    def test_name_uuid_and_address_are_in_the_alternative_names(self):
        mark = uuid.UUID("00000000-0000-4000-8000-00000000002a")
        name = Hrn.parse(r"plc.cornell.n1\.cs\.cornell\.edu")
        subject = Subject(hrn=name, kind="node", key=public(RSA), uuid=mark, email="tech@cornell.edu")
        gid = gids.certify(plc().gid, plc().key, subject, NOW)
        self.assertEqual((name, mark, "tech@cornell.edu"), (gid.hrn, gid.uuid, gid.email))
        self.assertEqual("urn:publicid:IDN+plc:cornell+node+n1.cs.cornell.edu", str(gid.urn))
        self.assertFalse(gid.certifies)
        self.assertEqual(gid, gids.read(gid.pem))

    def test_serials_differ_where_the_originals_all_said_3(self):
        self.assertEqual(20, len({certified(f"plc.s{n}").certificate.serial_number for n in range(20)}))

    def test_a_name_longer_than_a_common_name_may_be_is_whole_in_the_urn(self):
        long = "plc." + "a" * 100
        self.assertEqual(long, str(certified(long).hrn))

    def test_no_certificate_outlives_its_issuers(self):
        young = gids.make_root(PLC, KEY, uuid.uuid4(), NOW, life=DAY)
        below = certified("plc.x", by=young, key=KEY)
        self.assertTrue(below.certificate.not_valid_after_utc <= young.certificate.not_valid_after_utc)


class Walking(SynchronousTestCase):
    roots = ()

    def refused(self, reason: str, chain: list[Gid], now: float = NOW, roots: list[Gid] | None = None) -> None:
        trusted = [plc().gid, epfl().gid] if roots is None else roots
        error = self.assertRaises(BadGid, gids.verify, chain, trusted, now)
        self.assertEqual(reason, error.reason, str(error))

    def test_a_chain_leads_to_its_root(self):
        japanese = certified("plc.japan.utokyo", by=japan().gid, key=japan().key)
        self.assertEqual(PLC, gids.verify([japanese, japan().gid], [epfl().gid, plc().gid], NOW).hrn)
        self.assertEqual(PLC, gids.verify([plc().gid], [plc().gid], NOW).hrn)

    def test_a_missing_link_an_unknown_root_and_nothing_are_refused(self):
        japanese = certified("plc.japan.utokyo", by=japan().gid, key=japan().key)
        self.refused("unknown-issuer", [japanese])
        self.refused("unknown-issuer", [japanese, japan().gid], roots=[epfl().gid])
        self.refused("unknown-issuer", [japanese], roots=[])
        self.refused("malformed", [])
        self.refused("malformed", [plc().gid] * 20)

    def test_a_self_issued_root_of_the_same_name_is_refused(self):
        self.refused("unknown-issuer", [gids.make_root(PLC, KEY, uuid.uuid4(), NOW)])
        false = gids.make_root(PLC, KEY, uuid.uuid4(), NOW)
        self.refused("unknown-issuer", [certified("plc.x", by=false, key=KEY), false])
        self.refused("unknown-issuer", [certified("plc.x", by=false, key=KEY)])

    def test_a_link_signed_by_another_is_refused(self):
        japanese = certified("plc.japan.utokyo", by=japan().gid, key=japan().key)
        other = certified("plc.other")
        self.refused("chain-broken", [japanese, other])

    def test_a_root_speaks_for_its_own_names_only(self):
        def lying(name: str, ca: bool) -> Gid:
            subject = Subject(hrn=Hrn.parse(name), kind="authority", key=public(KEY), service="sa" if ca else "ticket")
            return gids._issue(subject, epfl().gid.certificate.subject, epfl().key, NOW, LIFE)

        self.refused("wrong-subtree", [lying("plc.japan", True)])
        self.refused("wrong-subtree", [lying("plc", False)])
        self.refused("wrong-subtree", [lying("epfl", True)])

    def test_a_person_in_the_middle_is_refused(self):
        person = certified("plc.cornell", "user")
        subject = Subject(hrn=Hrn.parse("plc.cornell.x"), kind="user", key=public(KEY))
        leaf = gids._issue(subject, person.certificate.subject, KEY, NOW, LIFE)
        self.refused("chain-broken", [leaf, person])

    def test_an_expired_link_and_a_future_one_are_refused_beyond_the_slack(self):
        end = japan().gid.certificate.not_valid_after_utc.timestamp()
        start = japan().gid.certificate.not_valid_before_utc.timestamp()
        self.refused("chain-broken", [japan().gid], now=end + SLACK + 1)
        self.refused("chain-broken", [japan().gid], now=start - SLACK - 1)
        gids.verify([japan().gid], [plc().gid], start - SLACK + 1)

    def test_what_is_no_certificate_is_refused_by_name(self):
        for data in (b"", b"-----BEGIN CERTIFICATE-----\n", plc().gid.der[:-1], b"0" * 20_000, plc().gid.pem[:200]):
            self.assertRaises(BadGid, gids.read, data)

    def test_every_flipped_bit_of_a_certificate_is_noticed(self):
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of what flipped bits make of a serial
        der = japan().gid.der
        for at in range(len(der)):
            changed = bytearray(der)
            changed[at] ^= 1 << at % 8
            try:
                gids.verify([gids.read(bytes(changed))], [plc().gid], NOW)
            except BadGid:
                continue
            self.fail(f"byte {at} was changed and nobody noticed")

    def test_a_chain_of_pem_is_read_leaf_first(self):
        chain = gids.read_chain(japan().gid.pem + b"-----parent-----\n\n" + plc().gid.pem)
        self.assertEqual([JAPAN, PLC], [gid.hrn for gid in chain])
        self.assertRaises(BadGid, gids.read_chain, b"")
        self.assertRaises(BadGid, gids.read_chain, plc().gid.pem * 20)


class Trusting(SynchronousTestCase):
    def test_the_deepest_root_answers(self):
        trust = Roots((plc().root(), japan().root(), epfl().root()))
        asked = ("plc", "plc.japan.utokyo", "plc.jap", "eplc", "com")
        found = {name: trust.find(Hrn.parse(name)) for name in asked}
        names = {name: str(root.hrn) if root else None for name, root in found.items()}
        self.assertEqual(
            {"plc": "plc", "plc.japan.utokyo": "plc.japan", "plc.jap": "plc", "eplc": None, "com": None}, names
        )

    def test_look_alikes_are_strangers(self):
        trust = Roots((plc().root(),))
        for name in ("PLC", "plc2", "pIc", "plc-", "xplc"):
            self.assertIsNone(trust.find(Hrn.parse(name)))
        self.assertIsNone(trust.find(Hrn(("рlc",))))  # a Cyrillic letter
        self.assertRaises(BadArgument, Hrn.parse, "рlc")

    def test_a_root_is_trusted_below_its_name_only(self):
        self.assertRaises(BadGid, plc().root, subtree=EPFL)
        self.assertRaises(BadGid, Root.load, EPFL, plc().gid.pem)
        self.assertEqual(JAPAN, plc().root(subtree=JAPAN).subtree)

    def test_a_chain_vouches_for_its_own_name_only(self):
        trust = Roots((plc().root(),))
        self.assertEqual(JAPAN, trust.vouch(JAPAN, japan().chain, NOW).hrn)
        error = self.assertRaises(BadGid, trust.vouch, Hrn.parse("plc.korea"), japan().chain, NOW)
        self.assertEqual("wrong-subtree", error.reason)
        error = self.assertRaises(BadGid, Roots((Root(hrn=PLC),)).vouch, JAPAN, japan().chain, NOW)
        self.assertEqual("unknown-issuer", error.reason)


class KeepingKeys(SynchronousTestCase):
    def test_keys_survive_their_pem_and_the_tag_of_v3(self):
        for key in (RSA, KEY):
            self.assertEqual(keys.private_pem(key), keys.private_pem(keys.load_private(keys.private_pem(key))))
            self.assertTrue(keys.same(public(key), keys.load_public(keys.public_pem(public(key)))))
            self.assertTrue(keys.same(public(key), keys.parse_tag(keys.print_tag(public(key)))))

    def test_a_certificates_key_is_read(self):
        self.assertTrue(keys.same(plc().gid.key, keys.load_public(plc().gid.pem)))

    def test_what_is_no_key_is_refused_by_name(self):
        for data in (b"", b"ssh-rsa AAAA", keys.public_pem(public(KEY))[:60]):
            self.assertIn("expected a public key", str(self.assertRaises(BadArgument, keys.load_public, data)))
            self.assertIn("private key", str(self.assertRaises(BadArgument, keys.load_private, data)))
        self.assertRaises(BadArgument, keys.accepted, "key")
