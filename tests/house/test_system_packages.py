"""The one apt line of the README is the one that make installs."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree


class SystemPackages(SynchronousTestCase):
    def test_readme_and_makefile_name_the_same(self) -> None:
        lines = re.findall(r"^ *(?:sudo )?apt-get install (.+)$", (tree.ROOT / "README.md").read_text(), re.M)
        variable = re.search(r"^SYSTEM_PACKAGES := (.+)$", (tree.ROOT / "Makefile").read_text(), re.M)
        assert variable
        self.assertEqual([variable[1]], [re.sub(r"^(-\S+ )+", "", line) for line in lines])
