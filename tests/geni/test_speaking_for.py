"""A tool that speaks for a user at the GENI interfaces: by the user's signed word, and never without."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.credential_xml import speaks_for
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.registry.store import Store
from tests.geni.test_aggregate_3 import WANT
from tests.geni.world import CODEEN, PI, USER, GeniWorld
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.world import below, by_itself, key, public, root, showing

AUTHENTICATION, AUTHORIZATION = 1, 2


class SpeakingFor(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()
        chain = self.world.store(self._gid)
        self.tool = showing(below("epfl.portal", "user", "portal", (root("epfl"),), "epfl"))
        word = speaks_for(chain, public("portal"), NOW + days(1), key("user")).decode()
        self.word = {"geni_type": "geni_abac", "geni_version": "1", "geni_value": word}

    def _gid(self, store: Store) -> tuple[Gid, ...]:
        names = (Hrn.parse("plc.princeton.user"), "user", public("user"), "user@princeton.example")
        chain: tuple[Gid, ...] = self.world.plc.sfa.certify(store, *names)
        return chain

    def lookup(self, who: Any, words: list[Any], user: str = USER) -> Any:
        options = {"match": {"MEMBER_URN": USER}, "speaking_for": user}
        return self.world.said(who, "ma", "lookup", "MEMBER", words, options)

    def test_the_tool_sees_what_the_user_sees(self) -> None:
        said = self.lookup(self.tool, [self.word])
        self.assertEqual("user@princeton.example", said["value"][USER]["MEMBER_EMAIL"], said)

    def test_it_gets_the_users_credential_and_uses_it_at_the_aggregate(self) -> None:
        options = {"speaking_for": USER}
        held = self.world.value(self.tool, "sa", "get_credentials", CODEEN, [self.word], options)
        said = {**WANT, "geni_speaking_for": USER}
        text = self.world.value(self.tool, "am3", "Describe", [CODEEN], [*held, self.word], said)["geni_rspec"]
        self.assertIn("node1.princeton.example", text)

    def test_without_the_word_or_by_another_tool_it_does_not_count(self) -> None:
        other = showing(below("epfl.other", "user", "other", (root("epfl"),), "epfl"))
        for who, words in ((self.tool, []), (other, [self.word]), (by_itself("portal"), [self.word])):
            self.assertIn(self.lookup(who, words)["code"], (AUTHENTICATION, AUTHORIZATION))

    def test_one_users_word_does_not_speak_for_another(self) -> None:
        self.assertIn(self.lookup(self.tool, [self.word], PI)["code"], (AUTHENTICATION, AUTHORIZATION))

    def test_a_user_who_is_out_takes_the_tool_along(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"enabled": False})
        self.assertIn(self.lookup(self.tool, [self.word])["code"], (AUTHENTICATION, AUTHORIZATION))
