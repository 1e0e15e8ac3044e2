"""The reference's pages are what the calls are answered today."""

from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab import introspection
from tests.manual import interfaces
from tests.manual.pages import same
from tests.manual.writing import CATALOGUE, FOLDER, files


class Pages(TestCase):
    timeout = 300

    async def test_each_is_what_making_its_calls_again_gives(self) -> None:
        made = await files()
        there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
        self.assertEqual(sorted(made), sorted(there))
        stale = [name for name in made if made[name] != there[name]]
        self.assertEqual([], stale, "`make docs` writes them anew")

    def test_each_method_has_one(self) -> None:
        expected = {f"{name}.md" for name in (*CATALOGUE, *introspection.NAMES)} | {"README.md"}
        self.assertEqual(305, len(expected))
        self.assertEqual(expected, {path.name for path in FOLDER.glob("*.md")})


class PagesOfInterfaces(SynchronousTestCase):
    def test_each_is_what_the_declarations_print(self) -> None:
        for name, text in interfaces.pages().items():
            self.assertEqual(text, (interfaces.FOLDER / name).read_text(encoding="utf-8"), "`make docs` writes it anew")


class WhatTwoAnswersHaveInCommon(SynchronousTestCase):
    def test_texts_that_differ_keep_the_lines_before(self) -> None:
        self.assertEqual("a\nb\n…", same("a\nb\nc1\nd", "a\nb\nc2\nd"))

    def test_only_what_differs_is_left_out(self) -> None:
        self.assertEqual(
            "{'a': 1, 'b': …, 'c': [2, '…']}",
            repr(same({"a": 1, "b": 2, "c": [2, "x"]}, {"a": 1, "b": 3, "c": [2, "y"]})),
        )

    def test_measured_times_never_show(self) -> None:
        self.assertEqual("[…, 1]", repr(same([0.5, 1], [0.5, 1], timed=True)))
