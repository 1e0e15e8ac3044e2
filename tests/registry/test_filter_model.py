"""Filters made at random give what the language's description gives, worked out row by row."""

import random
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.registry.world import ADMIN, Princeton

Row = dict[str, Any]
TEXTS = (
    "n1.princeton.example",
    "n2*",
    "*.EXAMPLE",
    "%",
    "*2%",
    "x",
    "",
    "n_.princeton.example*",
    "HP",
    "hp*",
    "*é",
    "É*",
)
NUMBERS = (0, 1, 2, 3, 4, 5, 99, -1)
KINDS = {"hostname": TEXTS, "model": TEXTS, "version": TEXTS, "node_id": NUMBERS, "last_boot": NUMBERS}
LISTS = ("slice_ids", "interface_ids")
NIL = ("model",)  # that may be compared with nil without a prefix


def fits(row: Row, key: str, said: Any) -> bool | None:
    """Whether a row fits one condition; None where SQL would not know."""
    name = key.lstrip("~&|<>[]")
    prefixes = key[: len(key) - len(name)]
    if "&" in prefixes or "|" in prefixes:
        values, held = set(said if isinstance(said, list) else [said]), set(row[name])
        found: bool | None = not held if not values else values <= held if "&" in prefixes else bool(values & held)
    else:
        order = next((prefix for prefix in prefixes if prefix in "<>[]"), "")
        each = [one(row[name], order, value) for value in (said if isinstance(said, list) else [said])]
        found = True if True in each else None if None in each else False
    return (None if found is None else not found) if "~" in prefixes else found


def one(held: Any, order: str, value: Any) -> bool | None:
    """Whether a held value fits one said value."""
    if value is None:
        return held is None
    if held is None:
        return None
    if isinstance(value, str) and ("*" in value or "%" in value):
        pattern = "".join(".*" if c in "*%" else "." if c == "_" else re.escape(c) for c in value.casefold())
        return re.fullmatch(pattern, held.casefold(), re.DOTALL) is not None
    return {"": held == value, "<": held < value, ">": held > value, "[": held <= value, "]": held >= value}[order]


def wanted(rows: list[Row], said: Row) -> list[Row]:
    """The rows that a filter asks for."""
    conditions = [(key, value) for key, value in said.items() if not key.startswith("-")]
    how = any if "-OR" in said else all
    found = [row for row in rows if how(fits(row, key, value) is True for key, value in conditions)]
    sort = said.get("-SORT", [])
    for each in reversed(sort if isinstance(sort, list) else [sort]):
        name, down = each.lstrip("+-"), each.startswith("-")
        found.sort(key=lambda row, name=name: (row[name] is None, 0 if row[name] is None else row[name]), reverse=down)
    start = said.get("-OFFSET", 0)
    return found[start : None if "-LIMIT" not in said else start + said["-LIMIT"]]


class Model(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        nodes = [self.world.node_id, *(self.world.node(f"n{at}") for at in range(1, 6))]
        for number, model in zip(nodes, ("HP", "hp 2", None, "", "Dell é", "É"), strict=True):
            self.world.call("UpdateNode", ADMIN, number, {"model": model})
        self.world.store(lambda store: store.change("UPDATE nodes SET last_boot = node_id WHERE node_id % 2"))
        for at, some in enumerate((nodes[:3], nodes[2:4])):
            number = self.world.call("AddSlice", ADMIN, {"name": f"princeton_m{at}"})
            self.world.call("AddSliceToNodes", ADMIN, number, some)
        for number in nodes[1:3]:
            self.world.call("AddInterface", ADMIN, number, {"type": "ipv4", "method": "dhcp"})
        self.chance = random.Random(11)

    def value(self, name: str, prefixed: bool) -> Any:
        choices = list(KINDS.get(name, NUMBERS))
        if name not in LISTS and (prefixed or name in NIL):
            choices.append(None)
        if self.chance.random() < 0.4:
            return [self.chance.choice(choices) for _ in range(self.chance.randint(0, 3))]
        return self.chance.choice(choices)

    def filter(self) -> Row:
        said: Row = {}
        for _ in range(self.chance.randint(0, 3)):
            name = self.chance.choice([*KINDS, *LISTS])
            prefixes = (
                [self.chance.choice("&|")]
                if name in LISTS
                else self.chance.choice(([], [], ["<"], [">"], ["["], ["]"]))
            )
            prefixes = [*prefixes, *(["~"] if self.chance.random() < 0.3 else [])]
            self.chance.shuffle(prefixes)
            said["".join(prefixes) + name] = self.value(name, bool(prefixes))
        if self.chance.random() < 0.3:
            said["-OR"] = self.chance.choice((0, 1, None, "x"))
        if self.chance.random() < 0.5:
            fields = [self.chance.choice(("", "+", "-")) + self.chance.choice(list(KINDS)) for _ in range(2)]
            said["-SORT"] = [*fields, self.chance.choice(("node_id", "-node_id"))]
            if self.chance.random() < 0.5:
                said["-LIMIT"] = self.chance.choice((0, 1, 3, 50))
            if self.chance.random() < 0.5:
                said["-OFFSET"] = self.chance.choice((0, 1, 3, 50))
        return said

    def test_random_filters_agree_with_the_model(self) -> None:
        rows = self.world.call("GetNodes", ADMIN)
        found = 0
        for _ in range(1500):
            said = self.filter()
            expected = [row["node_id"] for row in wanted(rows, said)]
            got = [row["node_id"] for row in self.world.call("GetNodes", ADMIN, said, ["node_id"])]
            if "-SORT" not in said:
                expected, got = sorted(expected), sorted(got)
            self.assertEqual(expected, got, said)
            found += bool(expected) and len(expected) < len(rows)
        self.assertGreater(found, 350)
