"""Every weakness of the originals that the page of cures names has its test."""

import ast
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

TREE = Path(__file__).parents[2]
ROW = re.compile(r"\| `(?P<path>tests/[a-z_/0-9]+\.py)::(?P<case>\w+)::(?P<test>test_\w+)` \|$")


class ThePageOfCures(SynchronousTestCase):
    def test_names_a_test_in_each_row_and_no_weakness_twice(self) -> None:
        lines = (TREE / "docs" / "cured.md").read_text(encoding="utf-8").splitlines()
        rows = [line for line in lines if line.startswith("| ")][2:]
        self.assertGreater(len(rows), 25)
        self.assertEqual(len(rows), len({row.split(" | ")[0] for row in rows}))
        for row in rows:
            found = ROW.search(row)
            assert found, row
            tree = ast.parse((TREE / found["path"]).read_text(encoding="utf-8"))
            cases = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
            tests = {each.name for each in cases[found["case"]].body if isinstance(each, ast.FunctionDef)}
            tests |= {each.name for each in cases[found["case"]].body if isinstance(each, ast.AsyncFunctionDef)}
            self.assertIn(found["test"], tests, row)
