"""What the documents name is there."""

import importlib
import re

import click
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main
from tests.house import tree

DOTTED = re.compile(rf"`((?:{'|'.join(tree.PACKAGES)})(?:\.\w+)+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
COMMAND = re.compile(r"(?:`|^    |bin/|: |\[)plfed((?: [a-z][a-z-]*)+)", re.MULTILINE)


def found(name: str) -> bool:
    """Whether the dotted name is a module, or something in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        module = ".".join(parts[:cut])
        if tree.path_of(module).exists():
            if module.startswith("auditd.capture"):  # scapy is heavy, and of another licence
                return cut == len(parts)
            thing = importlib.import_module(module)
            for part in parts[cut:]:
                if not hasattr(thing, part):
                    return False
                thing = getattr(thing, part)
            return True
    return False


def is_command(words: list[str]) -> bool:
    """Whether ``plfed`` followed by these words is a command, or a group of them, with its arguments."""
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


class Documents(SynchronousTestCase):
    def test_every_function_that_is_named_exists(self) -> None:
        for path in (tree.ROOT / "docs").rglob("*.md"):
            for name in DOTTED.findall(path.read_text()):
                self.assertTrue(found(name), f"{path.name} names {name}")

    def test_every_command_that_is_named_exists(self) -> None:
        named = [
            (path.name, words)
            for path in [tree.ROOT / "README.md", *(tree.ROOT / "docs").rglob("*.md")]
            for words in COMMAND.findall(path.read_text())
        ]
        self.assertGreater(len(named), 50)
        self.assertEqual([], [each for each in named if not is_command(each[1].split())])

    def test_every_link_leads_somewhere(self) -> None:
        for path in [tree.ROOT / "README.md", *(tree.ROOT / "docs").rglob("*.md")]:
            for link in LINK.findall(path.read_text()):
                self.assertTrue((path.parent / link).exists(), f"{path.name} links to {link}")

    def test_every_decision_weighs_options(self) -> None:
        for path in (tree.ROOT / "docs" / "decisions").glob("*.md"):
            text = path.read_text()
            for part in ("Context", "Options", "Choice"):
                self.assertIn(part, text, f"{path.name} has no {part}")

    def test_the_first_screen_is_one_screen(self) -> None:
        self.assertLess(len((tree.ROOT / "README.md").read_text().splitlines()), 50)
