"""Imports point one way: words, papers, calls, edge, services; and some things are said in few places only."""

import ast
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house import tree

LAYERS = {
    "words": {
        *("errors", "names", "units", "records", "rspec", "rspec_v3", "refusals", "xml_text", "rpc_text", "redact"),
        *("xml_scan", "rpc_values"),
    },
    "calls": {
        *("shapes", "conditions", "comparing", "filters", "methods", "calls", "faults", "reference", "introspection"),
    },
    "edge": {
        *(
            "alone",
            "ask",
            "authority",
            "certificates",
            "lines",
            "auth",
            "books",
            "both",
            "cli",
            "clock",
            "dslice_ports",
            "failpoints",
            "files",
            "gate",
            "health",
            "hour_files",
            "launch",
            "limits",
            "log_reader",
            "logs",
            "long_text",
            "mail",
            "readers",
            "registry",
            "sending",
            "serve",
            "settings",
            "tls",
            "visitors",
        ),
        *("xmlrpc", "xmlrpc_reading", "xml_rows"),
    },
}
ORDER = ("words", "papers", "calls", "edge")
OUTSIDE = {"twisted", "time", "socket", "os", "random"}
SQL = re.compile(r"^\s*(SELECT\s|INSERT\s+(OR|INTO)\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s|PRAGMA\s)")


def layer(module: str) -> str:
    """The layer of a module of `planetlab`: a paper unless it is listed. The package itself counts as a word."""
    parts = module.split(".")
    if len(parts) == 1:
        return "words"
    return next((name for name, members in LAYERS.items() if parts[1] in members), "papers")


def may_say_sql(module: str) -> bool:
    return module.startswith("planetlab.registry") or module.rsplit(".", 1)[-1] in {"store", "ledger", "books"}


def strings(module: str) -> list[ast.Constant]:
    return [n for n in ast.walk(tree.syntax(module)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


class Arrows(SynchronousTestCase):
    def test_services_import_only_planetlab(self) -> None:
        for module in tree.modules():
            own = module.split(".")[0]
            for name in tree.imports(module):
                top = name.split(".")[0]
                allowed = top not in tree.PACKAGES or top in {own, "planetlab"}
                self.assertTrue(allowed, f"{module} imports {name}")

    def test_inside_planetlab_imports_never_point_back(self) -> None:
        for module in filter(lambda m: m.split(".")[0] == "planetlab", tree.modules()):
            for name in tree.imports(module):
                if name.startswith("planetlab."):
                    back = ORDER.index(layer(name)) > ORDER.index(layer(module))
                    self.assertFalse(back, f"{module} ({layer(module)}) imports {name} ({layer(name)})")

    def test_words_papers_and_calls_touch_nothing_outside(self) -> None:
        for module in filter(lambda m: m.split(".")[0] == "planetlab" and layer(m) != "edge", tree.modules()):
            touched = {name.split(".")[0] for name in tree.imports(module)} & OUTSIDE
            self.assertEqual(set(), touched, f"{module} imports {touched}")

    def test_only_the_capture_program_imports_scapy(self) -> None:
        for module in tree.modules():
            if any(name.split(".")[0] == "scapy" for name in tree.imports(module)):
                self.assertRegex(module, r"^auditd\.capture")
                self.assertIn(
                    "GPL-2.0-only", tree.path_of(module).read_text().split('"""')[0] + str(module.__doc__ or "")
                )

    def test_nothing_that_is_MIT_imports_the_capture_program(self) -> None:
        for module in filter(lambda m: not m.startswith("auditd.capture"), tree.modules()):
            for name in tree.imports(module):
                self.assertNotRegex(name, r"^auditd\.capture", f"{module} imports {name}")

    def test_only_the_stores_say_SQL(self) -> None:
        for module in filter(lambda m: not may_say_sql(m), tree.modules()):
            for string in strings(module):
                self.assertNotRegex(string.value, SQL, f"{module} line {string.lineno}")

    def test_no_module_imports_the_reactor_while_it_is_read(self) -> None:
        for module in filter(lambda m: not m.endswith("__main__") and ".cli" not in m, tree.modules()):
            for node in tree.syntax(module).body:
                names = [f"{node.module}.{a.name}" for a in node.names] if isinstance(node, ast.ImportFrom) else []
                self.assertNotIn("twisted.internet.reactor", names, module)

    def test_nothing_imports_a_star(self) -> None:
        for module in tree.modules():
            self.assertFalse([name for name in tree.imports(module) if name.endswith(".*")], module)
