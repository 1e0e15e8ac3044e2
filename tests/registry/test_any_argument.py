"""Whatever is sent, the answer is a value or one of our own refusals: no method stumbles over its arguments."""

import random
import sqlite3
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import PlanetLabError
from planetlab.methods import Method
from planetlab.shapes import Either, ListOf, Of, Parsed, Shape, Struct
from planetlab.xmlrpc import dumps_answer
from tests.registry.world import ADMIN, KEY, NOW, Princeton, whole

# What needs another machine, or makes a file, is tried by its own tests.
ELSEWHERE = {"RefreshPeer", "RebootNodeWithPCU", "RebootNode", "GetBootMedium"}
INTS = (0, 1, 2, 3, -1, 77, 2**31 - 1, int(NOW) + 86_400, True)
TEXTS = (
    "", "x", "princeton", "princeton_codeen", "node1.princeton.example", "pi@princeton.example", "admin", "arch", "ssh",
    "static", "ipv4", "192.0.2.17", "delegated", "boot", "é" * 40, "https://x.example/", KEY, "vsys", "1", "%(x)s", "[",
)  # fmt: skip
WILD: tuple[Any, ...] = (
    None,
    1.5,
    [],
    {},
    [None],
    {"x": None},
    [[]],
    {"name": {}},
    "x" * 5000,
    [1, "x", None],
    -(2**31),
)


def some(chance: random.Random, shape: Shape, depth: int = 0) -> Any:
    """A value that mostly has the shape."""
    if chance.random() < 0.06:
        return chance.choice(WILD)
    if isinstance(shape, Parsed):
        return some(chance, shape.shape, depth)
    if isinstance(shape, Of):
        scalars = {int: INTS, str: TEXTS, bool: (True, False), float: (0.0, -90.0, 12.5)}
        return chance.choice(scalars[shape.kind])
    if isinstance(shape, Either):
        return some(chance, chance.choice(shape.shapes), depth)
    if isinstance(shape, ListOf):
        return [some(chance, shape.items[0], depth + 1) for _ in range(chance.randint(0, 2))]
    if isinstance(shape, Struct):
        names = [name for name in shape.members if chance.random() < 0.7]
        return {name: some(chance, shape.members[name], depth + 1) for name in names}
    return chance.choice(({}, {"name": "x*"}, {"~node_id": 1}, {"-LIMIT": 1}, None, [1], [], "x", 1))


class AnyArgument(SynchronousTestCase):
    def test_no_method_stumbles(self) -> None:
        chance = random.Random(7)
        world = Princeton()
        kept = sqlite3.connect(":memory:")
        world.desk._connection("writes").backup(kept)
        answered = 0
        for name in sorted(whole.keys() - ELSEWHERE):
            for round_ in range(12):
                answered += self.tries(world, whole[name], chance)
                if not whole[name].reads and round_ % 4 == 3:
                    kept.backup(world.desk._connection("writes"))
        self.assertGreater(answered, 1000)

    def tries(self, world: Princeton, method: Method, chance: random.Random) -> int:
        args = [
            some(chance, argument.shape)
            for argument in method.accepts
            if not argument.optional or chance.random() < 0.5
        ]
        needs_node = "admin" not in {role.value for role in method.roles} or method.auth
        try:
            auth = world.signed(1, *args) if needs_node else ADMIN
            value = world.call(method.name, auth, *args)
        except PlanetLabError:
            return 0
        except Exception as error:
            raise AssertionError(f"{method.name}{tuple(args)!r} stumbled: {type(error).__name__}: {error}") from error
        if not hasattr(value, "work"):
            dumps_answer(value)
        return 1
