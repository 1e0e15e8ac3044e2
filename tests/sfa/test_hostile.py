"""Forged, wrapped, stolen and stale papers at the SFA interfaces: refused with a reason, and nothing is changed."""

import base64
import copy
import random
import re
from typing import Any

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids
from planetlab.credential_xml import delegate, issue
from planetlab.credentials import open_credential
from planetlab.errors import PlanetLabError
from planetlab.gids import Subject
from planetlab.names import Hrn
from planetlab.presented import Presented
from planetlab.privileges import DEFAULTS, Privilege
from planetlab.refusals import BadPaper
from planetlab.registry.store import Store
from planetlab.xmldsig import DS
from tests.registry.world import NOW, days
from tests.sfa import world as sfa
from tests.sfa.world import ANN, PI, SLICE, USER, SfaWorld

ID = "{http://www.w3.org/XML/1998/namespace}id"
RIGHTS = tuple(Privilege(name, True) for name in DEFAULTS["slice"])
TABLES = ("slices", "persons", "keys", "sites", "slice_node", "slice_tags", "slice_person", "gids", "revoked", "nodes")


class Attacked(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SfaWorld()
        self.held = self.world.on("user", SLICE, "slice")
        self.own = self.world.own("user")
        self.user = sfa.by_itself("user")

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that an attack could have changed."""
        return self.world.store(lambda store: {one: _all(store, one) for one in TABLES})

    def refused(self, text: str, who: Presented | None = None, why: str = "") -> BadPaper:
        """A call with this credential is refused for a reason of `REASONS`, whatever the credential is."""
        error = self.world.refusal(who or self.user, "DeleteSliver", SLICE, [text], api=sfa.aggregates)
        assert isinstance(error, BadPaper), repr(error)
        if why:
            self.assertEqual(why, error.reason, str(error))
        return error


def _all(store: Store, table: str) -> list[dict[str, Any]]:
    return store.ask(f"SELECT * FROM {table}")


class T1Forgeries(Attacked):
    def test_every_octet_counts(self) -> None:
        before, text = self.rows(), self.held.encode()
        places = [*range(0, len(text), 7), *(m.start() for m in re.finditer(rb"[<>=\"]", text))][:2500]
        for at in places:
            changed = bytearray(text)
            changed[at] ^= 1
            try:
                told = changed.decode()
            except UnicodeDecodeError:
                continue
            self.refused_or_the_same(told)
        self.assertEqual(before, self.rows())

    def refused_or_the_same(self, text: str) -> None:
        """What stands outside of all that is signed, as white space, may differ; then it says what it said before."""
        trust = self.world.store(self.world.plc.sfa.trust)
        try:
            read = open_credential(text.encode(), trust, NOW)
        except BadPaper:
            self.refused(text)
        else:
            self.assertEqual(open_credential(self.held.encode(), trust, NOW), read)

    def test_the_twelve_kinds(self) -> None:
        mine = self.world.store(
            lambda store: self.world.plc.sfa.certify(store, Hrn.parse(USER), "user", sfa.public("user"))
        )
        slice_gid = sfa.below(SLICE, "slice", "nobody", (sfa.root("plc"),), "plc")
        until = NOW + days(1)
        evil, epfl = sfa.identity("evil"), sfa.identity("epfl")
        stale = gids.certify(
            sfa.root("plc"),
            sfa.key("plc"),
            Subject(hrn=Hrn.parse("plc.old"), kind="authority", key=sfa.public("old")),
            NOW - 9e6,
            life=60,
        )
        near = sfa.below("plc.princeto", "authority", "near", (sfa.root("plc"),), "plc")[0]
        lookalike = "рlc.princeton.codeen"  # the first letter is Cyrillic
        forgeries = {
            "an unknown root's word": evil.sign(mine, slice_gid, RIGHTS, until, "1"),
            "another root's word on our name": epfl.sign(mine, slice_gid, RIGHTS, until, "1"),
            "the owner's own word": delegate_of(mine, slice_gid),
            "no signature": re.sub(r"<Signature .*</Signature>", "", self.held, flags=re.S).encode(),
            "an empty signature": re.sub(r"<SignatureValue>[^<]*<", "<SignatureValue><", self.held).encode(),
            "a short signature": re.sub(r"(<SignatureValue>.{40})[^<]*<", r"\1<", self.held, flags=re.S).encode(),
            "no algorithm": self.held.replace("rsa-sha256", "none").encode(),
            "a look-alike's name": self.held.replace("plc:princeton+slice", "рlc:princeton+slice").encode(),
            "a stale authority's word": _by(stale, "old", mine, slice_gid, until),
            "a name that begins alike": _by(near, "near", mine, slice_gid, until),
            "a field twice": self.held.replace("<serial>", "<serial>0</serial><serial>", 1).encode(),
            "fields in another order": _swapped(self.held),
        }
        self.assertRaises(PlanetLabError, Hrn.parse, lookalike)
        before = self.rows()
        for name, text in forgeries.items():
            self.assertTrue(str(self.refused(text.decode())), name)
        self.assertEqual((12, before), (len(forgeries), self.rows()))


def delegate_of(owner: tuple[gids.Gid, ...], target: tuple[gids.Gid, ...]) -> bytes:
    return issue(owner, target, RIGHTS, NOW + 600, "1", owner, sfa.key("user"))


def _by(signer: gids.Gid, name: str, owner: tuple[gids.Gid, ...], target: tuple[gids.Gid, ...], until: float) -> bytes:
    return issue(owner, target, RIGHTS, until, "1", (signer, sfa.root("plc")), sfa.key(name))


def _swapped(text: str) -> bytes:
    document = etree.fromstring(text.encode())
    body = document[0]
    body.append(body[0])
    return etree.tostring(document)


class T4Wrapping(Attacked):
    """The classic shapes: the signed part is kept and moved, what is read is another's."""

    def shapes(self) -> list[bytes]:
        document = etree.fromstring(self.held.encode())
        found = []
        for where in range(8):
            for trick in ("same id", "new id", "no id", "comment", "namespace"):
                found.append(_wrapped(document, where, trick))
        return found

    def test_forty_documents_and_none_is_believed(self) -> None:
        before = self.rows()
        shapes = self.shapes()
        for text in shapes:
            self.refused(text.decode(), sfa.by_itself("eve"))
        self.assertEqual((40, before), (len(shapes), self.rows()))

    def test_a_comment_in_a_text_does_not_shorten_it(self) -> None:
        self.refused(self.held.replace("<name>info", "<name>in<!-- -->fo"), why="malformed")

    def test_a_document_type_is_refused(self) -> None:
        bomb = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]>'
        self.refused(bomb + self.held, why="malformed")

    def test_another_spelling_of_a_good_one_does_no_more_than_the_good_one(self) -> None:
        again = etree.tostring(etree.fromstring(self.held.encode()), encoding="unicode")
        self.assertTrue(self.world.am(self.user, "DeleteSliver", SLICE, [again]))


def _wrapped(document: etree._Element, where: int, trick: str) -> bytes:
    """A document in which a forged credential stands in front, inside, around or beside the signed one."""
    new = copy.deepcopy(document)
    signed, signatures = new[0], new[1]
    forged = copy.deepcopy(signed)
    owner = forged.find("owner_gid")
    assert owner is not None
    owner.text = sfa.below("plc.princeton.eve", "user", "eve", (sfa.root("plc"),), "plc")[0].pem.decode()
    if trick == "new id":
        forged.set(ID, "ref9")
    elif trick == "no id":
        del forged.attrib[ID]
    elif trick == "comment":
        forged.append(etree.Comment(" signed "))
    elif trick == "namespace":
        forged.tag = "{urn:x}credential"
    places = (
        lambda: new.insert(0, forged),
        lambda: new.append(forged),
        lambda: (new.replace(signed, forged), signatures.append(signed)),
        lambda: (new.replace(signed, forged), signatures[0].append(signed)),
        lambda: (new.replace(signed, forged), forged.append(signed)),
        lambda: (new.replace(signed, forged), etree.SubElement(forged, "parent").append(signed)),
        lambda: (new.replace(signed, forged), etree.SubElement(signatures[0], f"{{{DS}}}Object").append(signed)),
        lambda: (new.replace(signed, forged), etree.SubElement(forged, "extensions").append(signed)),
    )
    places[where]()
    return etree.tostring(new)


class T8AHostileAuthority(Attacked):
    """An authority that we believe, which misbehaves with its true key."""

    def test_a_thousand_misbehaviours_leave_what_is_ours_as_it_was(self) -> None:
        chance = random.Random(8)
        before = self.rows()
        strings = ("<b>", "'; DROP TABLE slices; --", "\x1b[31m", "=cmd|'/C calc'!A0", "x" * 5000, "рlc", "..", "plc",
                   "princeton_codeen", "%00", "\u202e", "NaN", "-1", "1e999", "")  # fmt: skip
        for number in range(1000):
            text = chance.choice(strings)
            users = [{"urn": f"urn:publicid:IDN+plc:princeton+user+{text}", "keys": [text, sfa.ssh("eve")]}]
            held = self._credential(chance, number)
            name = chance.choice((SLICE, "epfl.lab.cdn", "plc.princeton.x", "epfl", text))
            calls: tuple[tuple[Any, ...], ...] = (
                ("CreateSliver", name, [held], sfa.request("node1.princeton.example"), users, {}),
                ("CreateSliver", SLICE, [held], text, [], {}),
                ("RenewSliver", name, [held], chance.choice((9e18, -1, True, text, 253402300799)), {}),
                ("DeleteSliver", name, [held], {}),
                ("Shutdown", name, [held], {}),
                ("GetTicket", name, [held], text, users, {}),
            )
            call = chance.choice(calls)
            try:
                self.world.am(sfa.showing(sfa.ann()), *call)
            except PlanetLabError:
                continue
            self.assertIn(name, ("epfl.lab.cdn",), call[:2])
        after = self.rows()
        for table in ("nodes", "revoked"):
            self.assertEqual(before[table], after[table], table)
        self.assertEqual(before["slices"], [row for row in after["slices"] if row["name"] == "princeton_codeen"])
        self.assertEqual(before["keys"], [row for row in after["keys"] if row in before["keys"]])
        self.assertEqual(before["slice_person"], [row for row in after["slice_person"] if row["slice_id"] == 1])
        self.assertEqual(before["slice_node"], [row for row in after["slice_node"] if row["slice_id"] == 1])
        self.assertLessEqual(len(after["slices"]), len(before["slices"]) + 20)

    def _credential(self, chance: random.Random, number: int) -> str:
        """A credential signed with epfl's true key on something that may be none of its business."""
        target = chance.choice((SLICE, "plc.princeton", "plc", "epfl.lab.cdn", USER))
        kind = "slice" if target.count(".") > 1 else "authority"
        if chance.random() < 0.3:
            return sfa.anns_slice()
        try:
            gid = sfa.below(target, kind, "nobody", (sfa.root("epfl"),), "epfl")
        except PlanetLabError:  # our own code does not even sign such a certificate: take our true one
            gid = (
                sfa.below(target, kind, "nobody", (sfa.root("plc"),), "plc") if target != "plc" else (sfa.root("plc"),)
            )
        return sfa.identity("epfl").sign(sfa.ann(), gid, RIGHTS, NOW + chance.choice((60, 9e8)), str(number)).decode()

    def test_delegation_in_a_circle_and_too_deep_ends(self) -> None:
        text = sfa.anns_slice().encode()
        for number in range(9):
            text = delegate(text, sfa.ann(), RIGHTS, NOW + 600 - number, str(number), sfa.key("ann"))
        error = self.world.refusal(
            sfa.showing(sfa.ann()), "DeleteSliver", "epfl.lab.cdn", [text.decode()], api=sfa.aggregates
        )
        assert isinstance(error, BadPaper)


class T9AStolenNode(Attacked):
    """A node's key and credential open nothing but what everybody may know."""

    OPEN = {"GetVersion", "get_trusted_certs", "get_gid", "ResolveGENI", "noop"}

    def test_a_nodes_credential_at_every_method(self) -> None:
        name = r"plc.princeton.node1\.princeton\.example"
        node = sfa.below(name, "node", "node", (sfa.root("plc"),), "plc")
        held = sfa.identity("plc").sign(node, node, (Privilege("operator"),), NOW + 600, "1").decode()
        tried, before = 0, self.rows()
        for api in (sfa.whole, sfa.aggregates):
            for method in api.values():
                for target in (SLICE, USER, PI, "plc.princeton", "plc", name):
                    for papers in (held, self.held, self.own, [held, self.held]):
                        tried += self._try(api, method, sfa.showing(node), papers, target)
        self.assertGreater(tried, 1000)
        before["gids"] = self.rows()["gids"]  # certificates that anybody may ask for are made when they are asked for
        self.assertEqual(before, self.rows())

    def _try(self, api: Any, method: Any, who: Presented, papers: Any, target: str) -> int:
        kind = "slice" if target == SLICE else "user" if target in (USER, PI) else "authority"
        said = {
            "cred": papers, "creds": papers, "xrn": target, "xrns": [target], "slice_xrn": target, "type": kind,
            "record": {"hrn": target, "type": kind}, "record_dict": {"hrn": target, "type": kind}, "cert": None,
            "rspec": sfa.request("node1.princeton.example"), "requested_rspec": sfa.request("node1.princeton.example"),
            "users": [], "expiration_time": NOW + 600, "ticket": "<x/>", "options": {}, "pubkey_str": sfa.ssh("eve"),
        }  # fmt: skip
        if method.name == "RevokeCredential" and papers is not self.held:
            return 0  # what is its own it may give up
        args = [said.get(one.name) for one in method.accepts]
        try:
            answer = self.world.sfa(who, method.name, *args, api=api)
        except PlanetLabError:
            return 1
        self.assertIn(method.name, self.OPEN, (method.name, target))
        for secret in ("user@princeton.example", sfa.ssh("user")[:60]):
            self.assertNotIn(secret, repr(answer), method.name)
        return 1


class Floods(Attacked):
    def test_papers_beyond_the_limits_are_not_read(self) -> None:
        self.refused("<" * 200_000, why="too-large")
        self.refused("x" * 2_000_000, why="too-large")
        deep = "<a>" * 200 + "</a>" * 200
        self.refused(deep)
        chain = base64.b64encode(b"x" * 100_000).decode()
        self.refused(re.sub(r"<X509Certificate>[^<]*<", f"<X509Certificate>{chain}<", self.held, count=1))

    def test_a_name_of_another_world_is_refused_before_anything_is_read(self) -> None:
        for name in ("", "a" * 700, "plc..x", "urn:publicid:IDN+a+b", "plc/../x", "plc.\x00"):
            error = self.world.refusal(self.user, "DeleteSliver", name, [self.held], api=sfa.aggregates)
            self.assertIn("expected", str(error))
        self.assertEqual(ANN, str(sfa.ann()[0].hrn))
