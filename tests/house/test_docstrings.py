"""Every module, and everything public in it, says in a sentence what it is."""

import ast

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Docstrings(SynchronousTestCase):
    def test_every_module_has_one(self) -> None:
        silent = [module for module in tree.modules() if not ast.get_docstring(tree.syntax(module))]
        self.assertEqual([], silent)

    def test_everything_public_has_one(self) -> None:
        silent = [
            f"{module}.{node.name}"
            for module in tree.modules()
            for node in tree.syntax(module).body
            if isinstance(node, Documented) and not node.name.startswith("_") and not ast.get_docstring(node)
        ]
        self.assertEqual([], silent)
