"""A tool that speaks for a user: by the user's own signed word, to that tool only, while it lasts."""

import pathlib
import tempfile
from typing import Any

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab.credential_xml import speaks_for
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.presented import Presented
from planetlab.refusals import BadCredential
from planetlab.registry.store import Store
from planetlab.speaks_for import key_id
from tests.papers.programs import NEEDS_XMLSEC1, run
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.world import SLICE, USER, SfaWorld, aggregates, below, by_itself, key, public, root, showing

USER_URN = "urn:publicid:IDN+plc:princeton+user+user"


class SpeakingFor(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SfaWorld()
        self.held = self.world.on("user", SLICE, "slice")
        self.user = self.world.store(self._gid)
        self.tool = showing(below("epfl.portal", "user", "portal", (root("epfl"),), "epfl"))
        self.word = speaks_for(self.user, public("portal"), NOW + days(1), key("user"))

    def _gid(self, store: Store) -> tuple[Gid, ...]:
        chain: tuple[Gid, ...] = self.world.plc.sfa.certify(
            store, Hrn.parse(USER), "user", public("user"), "user@princeton.example"
        )
        return chain

    def abac(self, word: bytes) -> dict[str, str]:
        return {"geni_type": "geni_abac", "geni_version": "1", "geni_value": word.decode()}

    def status(self, who: Presented, word: bytes | None, options: dict[str, Any]) -> tuple[Any, ...]:
        sfa = {"geni_type": "geni_sfa", "geni_version": "3", "geni_value": self.held}
        creds = [sfa, *([self.abac(word)] if word else [])]
        return who, "ListResources", creds, {"geni_slice_urn": SLICE, **options}

    def refused(self, who: Presented, word: bytes | None, options: dict[str, Any]) -> str:
        error = self.world.refusal(*self.status(who, word, options), api=aggregates)
        assert isinstance(error, BadCredential), repr(error)
        return str(error)

    def test_the_tool_that_the_user_named_may(self) -> None:
        for name in ("geni_speaking_for", "speaking_for"):
            answer = self.world.am(*self.status(self.tool, self.word, {name: USER_URN}))
            self.assertEqual(0, answer["code"]["geni_code"])

    def test_without_the_option_the_word_is_not_looked_at(self) -> None:
        self.assertIn("another key calls", self.refused(self.tool, self.word, {}))

    def test_without_the_word_the_option_is_of_no_use(self) -> None:
        self.assertIn("geni_abac", self.refused(self.tool, None, {"geni_speaking_for": USER_URN}))

    def test_another_tool_may_not(self) -> None:
        other = showing(below("epfl.other", "user", "other", (root("epfl"),), "epfl"))
        self.assertIn("another tool", self.refused(other, self.word, {"geni_speaking_for": USER_URN}))

    def test_a_tool_that_nobody_we_believe_has_certified_may_not(self) -> None:
        alone = by_itself("portal")
        error = self.world.refusal(*self.status(alone, self.word, {"geni_speaking_for": USER_URN}), api=aggregates)
        self.assertIn("malformed", str(error))

    def test_a_word_about_another_user_or_by_another_is_none(self) -> None:
        pi = "urn:publicid:IDN+plc:princeton+user+pi"
        self.assertIn("the call says", self.refused(self.tool, self.word, {"geni_speaking_for": pi}))
        eve = below("epfl.eve", "user", "eve", (root("epfl"),), "epfl")
        forged = speaks_for(eve, public("portal"), NOW + 60, key("eve"))
        self.assertIn("epfl+user+eve", self.refused(self.tool, forged, {"geni_speaking_for": USER_URN}))
        mine, theirs = key_id(public("user")).encode(), key_id(public("eve")).encode()
        self.assertIn("forged", self.refused(
            self.tool, forged.replace(theirs, mine), {"geni_speaking_for": USER_URN}))  # fmt: skip

    def test_it_ends(self) -> None:
        self.world.clock.advance(days(1) + 400)
        self.assertIn("expired", self.refused(self.tool, self.word, {"geni_speaking_for": USER_URN}))

    def test_what_the_user_has_not_the_tool_has_not(self) -> None:
        self.world.call("DeletePersonFromSlice", ADMIN, "user@princeton.example", "princeton_codeen")
        self.assertIn("no more", self.refused(self.tool, self.word, {"geni_speaking_for": USER_URN}))

    def test_a_second_tail_or_another_form_is_refused(self) -> None:
        for change in ("tail", "type", "version"):
            document = etree.fromstring(self.word)
            for one in document.iter(change):
                one.getparent().append(etree.fromstring(etree.tostring(one)))
                break
            self.refused(self.tool, etree.tostring(document), {"geni_speaking_for": USER_URN})

    @NEEDS_XMLSEC1
    def test_xmlsec1_verifies_it(self) -> None:
        place = pathlib.Path(tempfile.mkdtemp())
        (place / "word.xml").write_bytes(self.word)
        (place / "root.pem").write_bytes(root("plc").pem)
        verify = ("--verify", "--node-id", "Sig_ref0", "--verification-gmt-time", "2020-09-14 00:00:00")
        run("xmlsec1", *verify, "--trusted-pem", str(place / "root.pem"), str(place / "word.xml"))
        self.assertEqual(USER, str(self.user[0].hrn))
