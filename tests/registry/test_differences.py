"""The table of differences is true: each row's test is there, and the page is what the table prints."""

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from planetlab.both.differences import DIFFERENCES, page

TREE = Path(__file__).parents[2]


class Differences(SynchronousTestCase):
    def test_each_row_names_a_test_that_is_there(self) -> None:
        for row in DIFFERENCES:
            path, name, test = row.test.split("::")
            tree = ast.parse((TREE / "tests" / path).read_text())
            classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
            tests = {
                node.name for node in classes[name].body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            self.assertIn(test, tests, row.where)

    def test_the_page_is_printed_from_the_table(self) -> None:
        self.assertEqual(page(), (TREE / "docs" / "reference" / "differences.md").read_text())

    def test_no_row_is_said_twice(self) -> None:
        self.assertEqual(len(DIFFERENCES), len({row.where for row in DIFFERENCES}))
