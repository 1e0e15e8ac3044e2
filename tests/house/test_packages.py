"""What setup.cfg says is what lies in the tree."""

import configparser
import importlib
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(tree.ROOT / "setup.cfg", encoding="utf-8")
    return parser


def listed(section: str, option: str) -> list[str]:
    return setup()[section][option].split("\n")[1:]


def project(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


class SetupCfg(SynchronousTestCase):
    def test_the_list_of_packages_equals_the_tree(self) -> None:
        found = sorted(
            ".".join(path.parent.relative_to(tree.ROOT).parts)
            for package in tree.PACKAGES
            for path in (tree.ROOT / package).rglob("__init__.py")
        )
        self.assertEqual(found, listed("options", "packages"))

    def test_every_file_that_is_no_module_is_listed_as_package_data(self) -> None:
        declared = dict(setup()["options.package_data"]) if setup().has_section("options.package_data") else {}
        for package in tree.PACKAGES:
            for path in (
                p
                for p in (tree.ROOT / package).rglob("*")
                if p.is_file() and p.suffix != ".py" and p.parent.name != "__pycache__"
            ):
                home = next(p for p in path.parents if (p / "__init__.py").exists())
                patterns = declared.get(".".join(home.relative_to(tree.ROOT).parts), "").replace(",", " ").split()
                matches = any(path.relative_to(home).match(pattern) for pattern in patterns)
                self.assertTrue(matches, f"{path.relative_to(tree.ROOT)} is not in package_data")

    def test_every_command_can_be_imported(self) -> None:
        for line in listed("options.entry_points", "console_scripts"):
            module, function = line.split(" = ")[1].split(":")
            self.assertTrue(callable(getattr(importlib.import_module(module), function)), line)

    def test_every_requirement_has_a_lower_bound_and_a_pin(self) -> None:
        pins = {project(line) for line in (tree.ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
        for line in listed("options", "install_requires") + listed("options.extras_require", "dev"):
            self.assertIn(">=", line)
            self.assertIn(project(line), pins)
