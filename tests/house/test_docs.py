"""What the documents name is there."""

import importlib
import re

import click
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main
from tests.house import tree

DOTTED = re.compile(rf"`((?:{'|'.join(tree.PACKAGES)})(?:\.(?!toml`)\w+)+)`")  # but for a service's settings file
LINK = re.compile(r"\]\(([^)#:]+)\)")
COMMAND = re.compile(r"(?:`|^(?: {4})?|bin/|: |\[)plfed((?: [a-z][a-z-]*)+)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


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


def options_of(words: list[str]) -> set[str]:
    """The options of the command that ``plfed`` and these words name."""
    command: click.Command = main
    for word in words:
        if isinstance(command, click.Group):
            command = command.commands[word]
    return {option for each in command.params for option in each.opts} | {"--help", "--version"}


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

    def test_every_option_that_is_named_beside_a_command_is_one_of_it(self) -> None:
        wrong, seen = [], 0
        for path in [tree.ROOT / "README.md", *(tree.ROOT / "docs").rglob("*.md")]:
            for line in path.read_text().replace("\\\n", " ").splitlines():
                for command in COMMAND.finditer(line):
                    rest = re.split(r"[`|#]|\bplfed ", line[command.end() :])[0]
                    named = set(OPTION.findall(rest))
                    seen += len(named)
                    wrong += [(path.name, command[1], each) for each in named - options_of(command[1].split())]
        self.assertEqual([], wrong)
        self.assertGreater(seen, 50)

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
