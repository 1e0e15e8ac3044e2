"""A call that is tried again with its key is done once, whatever happened to its first answer."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.calls import dispatch
from planetlab.errors import BadArgument
from planetlab.registry import answers, tidying
from tests.registry.world import ADMIN, HERE, Princeton, days, whole


class Retries(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def call(self, key: str, name: str, *args: Any) -> Any:
        desk = self.world.desk
        return desk.run_now(
            whole[name], lambda: dispatch(whole, name, args, lambda m, given: desk.greet(m, given, HERE, key))
        )

    def test_the_same_key_gives_the_first_answer_and_does_nothing(self) -> None:
        first = self.call("k1", "AddSlice", ADMIN, {"name": "princeton_once"})
        self.assertEqual(first, self.call("k1", "AddSlice", ADMIN, {"name": "princeton_once"}))
        self.assertEqual(1, len(self.world.call("GetEvents", ADMIN, {"call": "*princeton_once*"})))

    def test_another_key_or_none_does_it_again(self) -> None:
        self.call("k1", "AddSlice", ADMIN, {"name": "princeton_once"})
        for key in ("k2", ""):
            self.assertRaises(BadArgument, self.call, key, "AddSlice", ADMIN, {"name": "princeton_once"})

    def test_a_key_belongs_to_its_caller_method_and_arguments(self) -> None:
        self.call("k1", "AddSlice", self.world.pi, {"name": "princeton_a"})
        self.assertEqual(3, self.call("k1", "AddSlice", self.world.pi, {"name": "princeton_b"}))
        self.assertRaises(BadArgument, self.call, "k1", "AddSlice", ADMIN, {"name": "princeton_a"})

    def test_a_refused_call_is_not_kept(self) -> None:
        said = {"name": "princeton_x", "instantiation": "magic"}
        self.assertRaises(BadArgument, self.call, "k1", "AddSlice", ADMIN, said)
        self.world.call("AddSliceInstantiation", ADMIN, "magic")
        self.assertIsInstance(self.call("k1", "AddSlice", ADMIN, said), int)

    def test_a_stranger_with_the_key_is_refused_as_a_stranger(self) -> None:
        self.call("k1", "DeleteSlice", ADMIN, "princeton_codeen")
        wrong = {**ADMIN, "AuthString": "guess"}
        self.assertEqual(103, self.world.refused("DeleteSlice", wrong, "princeton_codeen")[0])

    def test_a_key_without_end_is_refused(self) -> None:
        self.assertRaises(BadArgument, self.call, "k" * 129, "AddSlice", ADMIN, {"name": "princeton_x"})

    def test_answers_are_kept_for_a_day(self) -> None:
        self.call("k1", "DeleteSlice", ADMIN, "princeton_codeen")
        self.world.clock.advance(days(0.9))
        self.world.store(tidying.tidy)
        self.assertEqual(1, self.call("k1", "DeleteSlice", ADMIN, "princeton_codeen"))
        self.world.clock.advance(days(0.2))
        self.world.store(tidying.tidy)
        self.assertEqual(0, self.world.store(lambda store: answers.forget(store, self.world.clock.now())))


class Tidying(SynchronousTestCase):
    def test_what_is_over_is_put_away_by_the_job_and_its_nodes_are_told(self) -> None:
        world = Princeton()
        session = world.call("GetSession", world.pi)
        world.clock.advance(days(15))
        self.assertEqual(["princeton_codeen"], world.store(tidying.tidy))
        self.assertEqual([], world.store(tidying.tidy))
        self.assertEqual([], world.store(lambda store: store.ask("SELECT 1 FROM sessions")))
        self.assertEqual([], world.call("ResolveSlices", ADMIN))
        self.assertEqual(103, world.refused("AuthCheck", {"AuthMethod": "session", "session": session})[0])
