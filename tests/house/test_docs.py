"""What the documents name is there."""

import importlib
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree

DOTTED = re.compile(rf"`((?:{'|'.join(tree.PACKAGES)})(?:\.\w+)+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")


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


class Documents(SynchronousTestCase):
    def test_every_function_that_is_named_exists(self) -> None:
        for path in (tree.ROOT / "docs").rglob("*.md"):
            for name in DOTTED.findall(path.read_text()):
                self.assertTrue(found(name), f"{path.name} names {name}")

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
