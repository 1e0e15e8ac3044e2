"""Credentials and their delegation, read by us and by xmlsec1."""

import copy
import pathlib
import tempfile
import time

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.credential_xml import delegate, issue
from planetlab.credentials import Credential, open_credential, parse_time, print_time
from planetlab.errors import BadArgument
from planetlab.gids import SLACK, Gid, Subject
from planetlab.names import Hrn
from planetlab.privileges import DEFAULTS, OPERATIONS, Privilege, covers, expanded
from planetlab.refusals import BadCredential
from planetlab.trust import Root, Roots
from planetlab.xmldsig import DS
from tests.papers.authorities import DAY, JAPAN, NOW, PLC, epfl, japan, plc, public
from tests.papers.programs import NEEDS_XMLSEC1, run

TRUST = Roots((plc().root(), epfl().root()))
KEYS = {name: keys.new_p256() for name in ("ann", "bob", "eve", "slice")}
RIGHTS = tuple(Privilege(name, True) for name in DEFAULTS["slice"])


def gid(name: str, kind: str, key: str) -> tuple[Gid, ...]:
    subject = Subject(hrn=Hrn.parse(name), kind=kind, key=public(KEYS[key]))
    return (gids.certify(japan().gid, japan().key, subject, NOW - DAY), japan().gid)


ANN, BOB = gid("plc.japan.utokyo.ann", "user", "ann"), gid("plc.japan.utokyo.bob", "user", "bob")
UBIQ, OTHER = gid("plc.japan.utokyo.ubiq", "slice", "slice"), gid("plc.japan.utokyo.other", "slice", "slice")
EVE = (
    gids.certify(epfl().gid, epfl().key, Subject(hrn=Hrn.parse("epfl.eve"), kind="user", key=public(KEYS["eve"])), NOW),
)


def anns(rights: tuple[Privilege, ...] = RIGHTS, expires: float = NOW + DAY) -> bytes:
    return issue(ANN, UBIQ, rights, expires, "8", (japan().gid,), japan().key)


def bobs(
    held: bytes | None = None, rights: tuple[Privilege, ...] = (Privilege("info"),), expires: float = NOW
) -> bytes:
    return delegate(held or anns(), BOB, rights, expires + DAY / 2, "9", KEYS["ann"])


class CredentialCase(SynchronousTestCase):
    def refused(self, reason: str, data: bytes, trust: Roots = TRUST, now: float = NOW) -> BadCredential:
        error = self.assertRaises(BadCredential, open_credential, data, trust, now)
        self.assertEqual(reason, error.reason, str(error))
        return error

    def opened(self, data: bytes) -> Credential:
        return open_credential(data, TRUST, NOW)


class Issuing(CredentialCase):
    def test_another_authority_cannot_issue_it(self):
        stolen = issue(ANN, UBIQ, RIGHTS, NOW + DAY, "8", (epfl().gid,), epfl().key)
        self.refused("wrong-subtree", stolen)
        self.refused("wrong-subtree", issue(ANN, UBIQ, RIGHTS, NOW + DAY, "8", ANN, KEYS["ann"]))

    def test_the_parent_authority_may_issue_it(self):
        data = issue(ANN, UBIQ, RIGHTS, NOW + DAY, "8", (plc().gid,), plc().key)
        self.assertEqual("plc.japan.utokyo.ubiq", str(self.opened(data).object.hrn))

    def test_it_keeps_what_it_says(self):
        credential = self.opened(anns())
        self.assertEqual((ANN, UBIQ, RIGHTS), (credential.owner, credential.target, credential.privileges))
        self.assertEqual(
            (NOW + DAY, "8", "ref0", None), (credential.expires, credential.serial, credential.reference, None)
        )

    def test_it_permits_its_owner_its_operations_on_its_target(self):
        credential = self.opened(anns())
        credential.permit("createsliver", UBIQ[0].hrn, ANN[0].key)
        for call in (("register", UBIQ[0].hrn, ANN[0].key), ("*", UBIQ[0].hrn, ANN[0].key)):
            self.assertRaises(BadCredential, credential.permit, *call)
        self.assertRaises(BadCredential, credential.permit, "createsliver", OTHER[0].hrn, ANN[0].key)
        self.assertRaises(BadCredential, credential.permit, "createsliver", UBIQ[0].hrn, BOB[0].key)

    def test_an_expired_one_is_refused(self):
        self.refused("expired", anns(expires=NOW - SLACK - 9))

    def test_a_part_of_a_root_is_all_that_it_is_trusted_for(self):
        trust = Roots((plc().root(subtree=Hrn.parse("plc.princeton")),))
        self.refused("wrong-subtree", anns(), trust)
        self.refused("unknown-issuer", anns(), Roots((epfl().root(),)))
        self.refused("unknown-issuer", anns(), Roots((Root(hrn=PLC),)))

    def test_no_privilege_means_everything(self):
        authority = issue(ANN, (japan().gid,), (Privilege("authority"),), NOW + DAY, "8", (plc().gid,), plc().key)
        credential = self.opened(authority)
        credential.permit("register", JAPAN, ANN[0].key)
        self.assertRaises(BadCredential, credential.permit, "createsliver", JAPAN, ANN[0].key)

    def test_a_star_stands_for_what_is_usual_on_the_target(self):
        credential = self.opened(anns(rights=(Privilege("*", True),)))
        self.assertEqual(RIGHTS, credential.privileges)
        self.assertEqual((), expanded((Privilege("*"),), "planet"))

    def test_an_unknown_privilege_allows_nothing(self):
        self.assertEqual(frozenset(), self.opened(anns(rights=(Privilege("everything"),))).operations)


class Delegating(CredentialCase):
    def test_it_carries_what_it_was_made_from(self):
        credential = self.opened(bobs())
        self.assertEqual((BOB, UBIQ, "ref1"), (credential.owner, credential.target, credential.reference))
        self.assertEqual(self.opened(anns()), credential.parent)
        credential.permit("listnodes", UBIQ[0].hrn, BOB[0].key)
        self.assertRaises(BadCredential, credential.permit, "createsliver", UBIQ[0].hrn, BOB[0].key)

    def test_it_goes_on_from_hand_to_hand(self):
        first = bobs(rights=(Privilege("info", True),))
        second = delegate(first, EVE, (Privilege("info"),), NOW + 60, "10", KEYS["bob"])
        credential = self.opened(second)
        self.assertEqual(("epfl.eve", "ref2"), (str(credential.holder.hrn), credential.reference))

    def test_more_than_was_held_is_refused(self):
        self.refused("not-permitted", bobs(rights=(Privilege("authority"),)))
        self.refused("not-permitted", bobs(anns(rights=(Privilege("info", False),))))
        self.refused("not-permitted", bobs(rights=(Privilege("unheard of"),)))
        self.refused("expired", bobs(anns(expires=NOW + 60)))

    def test_only_the_owner_delegates(self):
        self.assertRaises(BadArgument, delegate, anns(), BOB, RIGHTS, NOW, "9", KEYS["bob"])
        thief = gid("plc.japan.utokyo.ann", "user", "eve")
        held = etree.fromstring(anns())
        held[0].find("owner_gid").text = b"".join(one.pem for one in thief).decode()
        self.refused("forged", delegate(etree.tostring(held), BOB, RIGHTS, NOW, "9", KEYS["eve"]))

    def test_another_target_is_refused(self):
        held = etree.fromstring(anns())
        held[0].find("target_gid").text = b"".join(one.pem for one in OTHER).decode()
        self.refused("forged", bobs(etree.tostring(held)))

    def test_covering_is_by_operations_of_what_may_be_delegated(self):
        self.assertTrue(covers((Privilege("authority", True),), (Privilege("refresh"), Privilege("resolve"))))
        self.assertFalse(covers((Privilege("authority"),), (Privilege("refresh"),)))
        self.assertTrue(all(OPERATIONS.values()))


class Tampering(CredentialCase):
    def test_every_field_is_covered(self):
        data = bobs()
        for old, new in (
            (b"info", b"bind"),
            (b">8<", b">9<"),
            (b"T20:", b"T21:"),
            (b"false", b"true"),
            (b"ubiq", b"ubik"),
        ):
            self.assertIn(old, data)
            self.refused("forged", data.replace(old, new))

    def test_a_comment_that_splits_a_word_is_refused(self):
        self.refused("malformed", anns().replace(b"<name>info", b"<name>in<!-- -->fo"))

    def test_strangers_beside_the_credential_are_refused(self):
        for place in (b"<signatures>", b"</signed-credential>"):
            self.refused("wrapped", anns().replace(place, b"<credential/>" + place, 1))
        self.refused("wrapped", anns().replace(b"</signatures>", b"<more/></signatures>"))
        self.refused("malformed", b"<!DOCTYPE x>" + anns())

    def test_wrapping_by_id_is_refused(self):
        root = etree.fromstring(anns())
        evil = copy.deepcopy(root[0])
        evil.find("owner_gid").text = b"".join(one.pem for one in BOB).decode()
        for mark in ("ref0", "ref9", None):
            twin = copy.deepcopy(evil)
            attribute = "{http://www.w3.org/XML/1998/namespace}id"
            if mark is None:
                del twin.attrib[attribute]
            else:
                twin.set(attribute, mark)
            for place in ("first", "wrapper", "extension", "object"):
                document = copy.deepcopy(root)
                body = document[0]
                if place == "first":
                    document.insert(0, twin)
                elif place == "wrapper":
                    document.replace(body, twin)
                    etree.SubElement(document, "wrapper").append(body)
                elif place == "extension":
                    document.replace(body, twin)
                    etree.SubElement(twin, "extensions").append(body)
                else:
                    document.replace(body, twin)
                    etree.SubElement(document.find(f".//{{{DS}}}Signature"), f"{{{DS}}}Object").append(body)
                self.assertRaises(BadCredential, open_credential, etree.tostring(document), TRUST, NOW)

    def test_a_missing_a_second_and_a_swapped_signature_are_refused(self):
        root = etree.fromstring(bobs())
        signatures = root[1]
        alone = copy.deepcopy(root)
        alone[1].remove(alone[1][0])
        self.refused("wrapped", etree.tostring(alone))
        naked = copy.deepcopy(root)
        naked.replace(naked[1], etree.Element("signatures"))
        self.refused("unsigned", etree.tostring(naked))
        first, second = (s.findtext(f"{{{DS}}}SignatureValue").encode() for s in signatures)
        swapped = etree.tostring(root).replace(first, b"@").replace(second, first).replace(b"@", second)
        self.refused("forged", swapped)

    def test_what_is_no_credential_is_refused(self):
        for data in (
            b"",
            b"<a/>",
            b"<signed-credential/>",
            b"\xff",
            b"<signed-credential><credential/><signatures/></signed-credential>",
        ):
            self.assertRaises(BadCredential, open_credential, data, TRUST, NOW)


class TellingTheTime(SynchronousTestCase):
    def test_a_zone_is_subtracted(self):
        self.assertEqual(parse_time("2026-12-19T06:19:13Z"), parse_time("2026-12-19T08:19:13+02:00"))

    def test_no_zone_no_guess(self):
        for text in ("2026-12-19T08:19:13", "1800000000", "+5d", "", "tomorrow"):
            self.assertRaises(BadArgument, parse_time, text)

    def test_a_time_survives_print_and_parse(self):
        self.assertEqual(("2027-01-15T08:00:00Z", NOW), (print_time(NOW), parse_time(print_time(NOW + 0.7))))


@NEEDS_XMLSEC1
class WithXmlsec1(CredentialCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        (self.place / "plc.pem").write_bytes(plc().gid.pem)

    def verify(self, data: bytes, mark: str, ok: tuple[int, ...] = (0,)) -> None:
        path = self.place / "credential.xml"
        path.write_bytes(data)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW))
        words = (
            "--verify",
            "--verification-time",
            when,
            "--trusted-pem",
            str(self.place / "plc.pem"),
            "--node-id",
            mark,
        )
        run("xmlsec1", *words, str(path), ok=ok)

    def test_the_program_refuses_a_changed_one(self):
        self.verify(bobs().replace(b"<name>info", b"<name>bind"), "Sig_ref1", ok=(1,))

    def test_the_program_accepts_every_level(self):
        self.verify(anns(), "Sig_ref0")
        for mark in ("Sig_ref0", "Sig_ref1"):
            self.verify(bobs(), mark)

    def test_one_that_the_program_signed_is_accepted(self):
        root = etree.fromstring(anns())
        for name in ("DigestValue", "SignatureValue"):
            root.find(f".//{{{DS}}}{name}").text = None
        data = root.find(f".//{{{DS}}}X509Data")
        for certificate in list(data):
            data.remove(certificate)
        (self.place / "key.pem").write_bytes(keys.private_pem(japan().key))
        (self.place / "japan.pem").write_bytes(japan().gid.pem)
        (self.place / "in.xml").write_bytes(etree.tostring(root))
        pair = f"{self.place}/key.pem,{self.place}/japan.pem"
        signed = run("xmlsec1", "--sign", "--node-id", "Sig_ref0", "--privkey-pem", pair, str(self.place / "in.xml"))
        self.assertEqual("plc.japan.utokyo.ann", str(self.opened(signed).holder.hrn))
