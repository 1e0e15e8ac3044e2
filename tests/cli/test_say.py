"""What commands print: an answer for programs is all there is on standard output."""

import io
import json
import shlex
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.say import Progress, Voice, fields, pasted, program_name, table


class Voices(SynchronousTestCase):
    def setUp(self) -> None:
        self.out, self.aside = io.StringIO(), io.StringIO()

    def test_with_json_standard_output_carries_the_value_alone(self) -> None:
        voice = Voice(True, self.out, self.aside)
        voice.line("step one")
        voice.result({"ok": True}, ["all is well"])
        self.assertEqual({"ok": True}, json.loads(self.out.getvalue()))
        self.assertEqual("step one\n", self.aside.getvalue())

    def test_for_people_it_carries_the_lines(self) -> None:
        voice = Voice(False, self.out, self.aside)
        voice.line("step one")
        voice.note("by the way")
        voice.result({"ok": True}, ["all is well"])
        self.assertEqual("step one\nall is well\n", self.out.getvalue())
        self.assertEqual("by the way\n", self.aside.getvalue())

    def test_a_command_to_be_pasted_is_quoted_and_names_the_program_that_runs(self) -> None:
        self.assertEqual(f"{program_name()} up '/srv/my plc'", pasted("up", "/srv/my plc"))
        program = shlex.split(program_name())
        done = subprocess.run([*program, "--version"], capture_output=True, text=True, timeout=120, check=False)
        self.assertIn("version", done.stdout, done.stderr)

    def test_a_struct_tells_times_as_people_do_and_no_empty_words(self) -> None:
        said = {"expires": 1796502067, "url": None, "node_ids": [1, 2], "person_ids": [], "max_nodes": 100}
        expected = [
            "field       value",
            "expires     2026-12-05 20:21 UTC",
            "max_nodes   100",
            "node_ids    1, 2",
            "person_ids  -",
            "url         -",
        ]
        self.assertEqual(expected, fields(said))

    def test_columns_are_as_wide_as_their_widest_cell(self) -> None:
        self.assertEqual(["id  name", "7   princeton_codeen"], table([(7, "princeton_codeen")], ("id", "name")))

    def test_a_bar_is_drawn_on_a_terminal_only(self) -> None:
        bar = Progress(2, self.aside)
        bar.step("node1")
        self.assertEqual("", self.aside.getvalue())

    def test_a_bar_tells_how_many_are_done(self) -> None:
        self.aside.isatty = lambda: True  # type: ignore[method-assign]  # a terminal, it says
        bar = Progress(2, self.aside, width=4)
        bar.step("node1")
        bar.step("node2")
        self.assertIn("[##..] 1/2 node1", self.aside.getvalue())
        self.assertIn("[####] 2/2 node2", self.aside.getvalue())
