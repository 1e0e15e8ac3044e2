"""The project's own files, read as text and as syntax, for claims about the tree."""

import ast
import functools
import pathlib
import subprocess
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("slice_authority", "mgmt_authority", "pl_conf", "node_manager", "auditd", "web")
PACKAGES = ("planetlab", *SERVICES)


def modules() -> Iterator[str]:
    """The dotted name of every module that is installed."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def path_of(module: str) -> pathlib.Path:
    """Where the module's text lies."""
    base = ROOT.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@functools.cache
def syntax(module: str) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Every name that the module imports, wherever in it; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(syntax(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} line {node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def texts() -> Iterator[pathlib.Path]:
    """Every text file of the project: what git knows, or all of a copy that came without git."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False)
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else [str(p) for p in ROOT.rglob("*")]
    for name in filter(None, names):
        path = ROOT / name
        hidden = any(part in {".venv", ".git", "__pycache__"} or part.startswith(".mypy") for part in path.parts)
        if path.is_file() and not hidden and path.suffix not in {".png", ".gz", ".pcap", ".bin", ".der", ".pyc"}:
            yield path
