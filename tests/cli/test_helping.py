"""The help of every command lists whole sentences, and shows examples that the command takes."""

import shlex
from collections.abc import Iterator

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main
from planetlab.cli.helping import EXAMPLES


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with the words that lead to it."""
    for name, each in group.commands.items():
        if isinstance(each, click.Group):
            yield from commands(each, (*path, name))
        else:
            yield " ".join((*path, name)), each


class Helping(SynchronousTestCase):
    def test_every_command_has_an_example_and_every_example_a_command(self) -> None:
        self.assertEqual(sorted(EXAMPLES), sorted(path for path, _ in commands(main)))

    def test_every_example_is_one_of_its_command_with_all_that_it_must_say(self) -> None:
        for path, command in commands(main):
            for line in EXAMPLES[path]:
                self.assertTrue(f"{line} ".startswith(f"{path} "), line)
                words = shlex.split(line.partition(" > ")[0])[len(path.split()) :]
                context = click.Context(command)
                options, _, order = command.make_parser(context).parse_args(words)
                missing = [each.name for each in command.params if each.required and each not in order]
                self.assertEqual([], missing, line)
                self.assertTrue(set(options) <= {each.name for each in command.params}, line)

    def test_every_command_has_an_answer_for_programs(self) -> None:
        without = [
            path for path, command in commands(main) if "--json" not in {o for p in command.params for o in p.opts}
        ]
        self.assertEqual(["shell"], without, "but for the shell, whose programs are its own scripts")

    def test_an_option_that_there_is_not_would_be_noticed(self) -> None:
        command = dict(commands(main))["slice list"]
        parser = command.make_parser(click.Context(command))
        self.assertRaises(click.NoSuchOption, parser.parse_args, ["--colour"])

    def test_lists_of_commands_break_off_no_sentence(self) -> None:
        groups = [(), *((name,) for name, each in main.commands.items() if isinstance(each, click.Group))]
        for group in groups:
            shown = CliRunner().invoke(main, [*group, "--help"])
            self.assertEqual(0, shown.exit_code)
            self.assertNotIn("...\n", shown.output.partition("Commands:")[2])

    def test_a_commands_help_ends_with_its_examples(self) -> None:
        shown = CliRunner().invoke(main, ["ticket", "redeem", "--help"]).output
        self.assertIn("Examples:\n    plfed ticket redeem ticket --all\n", shown)
