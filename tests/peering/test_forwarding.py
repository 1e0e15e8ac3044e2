"""A question on a name goes along the hierarchy to who answers for it, and never in a circle."""

from planetlab import dsse, statements
from planetlab.ask import Anonymous
from tests.peering.ground import Peered


class Forwarding(Peered):
    async def setUp(self) -> None:
        await super().setUp()
        self.japan = await self.begin("plc.japan")
        await self.plc.accept(self.japan, words=False)
        await self.japan.accept(self.plc, words=False)
        await self.epfl.accept(self.plc)
        await self.plc.accept(self.epfl)

    async def found(self, asked, name: str, *visited: str):
        said = await asked.ask.as_(Anonymous()).call("FindAuthority", name, list(visited))
        statement = statements.read(dsse.read(said["statement"].encode(), statements.MOST_BYTES))
        self.assertEqual(said["hrn"], str(statement.hrn))
        return said["hrn"], said["visited"]

    async def test_who_is_asked_answers_for_its_own(self) -> None:
        self.assertEqual(("epfl", ["epfl"]), await self.found(self.epfl, "epfl.lausanne.one"))

    async def test_one_asks_the_next_until_who_is_nearest_answers(self) -> None:
        """epfl knows plc only, and plc knows plc.japan below it."""
        self.assertEqual(("plc.japan", ["epfl", "plc", "plc.japan"]), await self.found(self.epfl, "plc.japan.todai.x"))
        self.assertEqual(("epfl", ["plc.japan", "plc", "epfl"]), await self.found(self.japan, "epfl.lausanne.one"))

    async def test_a_question_that_comes_back_ends(self) -> None:
        self.assertIn("was asked before", await self.refused(self.found(self.plc, "elsewhere.x", "epfl", "plc")))
        many = [f"a{number}" for number in range(8)]
        self.assertIn("at most 8", await self.refused(self.found(self.plc, "elsewhere.x", *many)))

    async def test_a_name_that_nobody_answers_for_is_asked_once_of_each(self) -> None:
        self.assertIn("nobody is known", await self.refused(self.found(self.epfl, "elsewhere.x")))

    async def test_who_is_away_is_answered_for_by_its_last_good_word(self) -> None:
        await self.japan.stop()
        self.assertEqual(("plc.japan", ["epfl", "plc"]), await self.found(self.epfl, "plc.japan.todai.x"))
