"""The texts speak of the product, and of no machine or task that they came from."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree

# Where this very tree stands, folders in which people keep their work, and words for what is not done yet.
FOREIGN = re.compile(
    re.escape(f"{tree.ROOT}/") + r"|(?<![\w.}])/(?:work|opt|Users)/|\bTO" + r"DO\b|\bFIX" + r"ME\b|\bXX" + r"X\b"
)


class Texts(SynchronousTestCase):
    def test_nothing_names_a_path_of_the_machine_it_was_written_on(self) -> None:
        for path in tree.texts():
            found = FOREIGN.search(path.read_text(encoding="utf-8"))
            self.assertIsNone(found, f"{path.relative_to(tree.ROOT)}: {found}")
