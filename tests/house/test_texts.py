"""The texts speak of the product, and of no machine or task that they came from."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree

FOREIGN = re.compile(r"/work/(?:main|shared)|/opt/(?:pypi|wheels)|\bTO" + r"DO\b|\bFIX" + r"ME\b")
HERE = "tests/house/test_texts.py"


class Texts(SynchronousTestCase):
    def test_nothing_names_a_path_of_the_machine_it_was_written_on(self) -> None:
        for path in tree.texts():
            if str(path.relative_to(tree.ROOT)) != HERE:
                found = FOREIGN.search(path.read_text(encoding="utf-8"))
                self.assertIsNone(found, f"{path.relative_to(tree.ROOT)}: {found}")
