"""What commands print: lines for people, or one JSON value for programs, never both on the same stream."""

import json
import pathlib
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import click
from attrs import define, field

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
TIMES = ("added", "created", "expires", "version")  # members that are seconds since the epoch


@define
class Voice:
    """Where a command's words go. With ``as_json`` standard output carries only the value that `result` is given."""

    as_json: bool = False
    out: TextIO = field(factory=lambda: sys.stdout)
    aside: TextIO = field(factory=lambda: sys.stderr)

    def line(self, text: str = "") -> None:
        """A line for people."""
        print(text, file=self.aside if self.as_json else self.out, flush=True)

    def note(self, text: str) -> None:
        """A line for people that is no part of the answer."""
        print(text, file=self.aside, flush=True)

    def result(self, value: Any, lines: Iterable[str] = ()) -> None:
        """The answer: ``value`` for programs, ``lines`` for people."""
        if self.as_json:
            print(json.dumps(value, indent=1, default=str), file=self.out, flush=True)
        else:
            for line in lines:
                print(line, file=self.out, flush=True)

    def paper(self, text: str, value: Any, out: str = "-") -> None:
        """A signed text as it is, to the byte, in the file ``out`` or on standard output; for programs, ``value``."""
        if out != "-":
            pathlib.Path(out).write_text(text, encoding="utf-8")
            self.line(f"{out}: {len(text)} characters")
        if self.as_json:
            self.result(value)
        elif out == "-":
            print(text, end="", file=self.out, flush=True)


def pasted(*words: object) -> str:
    """A command of ours as it can be pasted here: by the name under which the program that runs now is found."""
    return f"{program_name()} {shlex.join(map(str, words))}"


def program_name() -> str:
    """What to write for ``plfed`` here: just that where it is found so, else its path, or Python and the module."""
    beside = pathlib.Path(sys.executable).with_name("plfed")
    if not beside.exists():
        return shlex.join([sys.executable, "-m", "planetlab.cli"])
    if shutil.which("plfed") == str(beside):
        return "plfed"
    here = pathlib.Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> list[str]:
    """Rows under their heads, in columns as wide as their widest cell."""
    cells = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def fields(struct: Mapping[str, object]) -> list[str]:
    """A struct for people, a line for each member: times as one says them, nothing where there is nothing."""
    return table([(name, _shown(name, value)) for name, value in sorted(struct.items())], ("field", "value"))


def _shown(name: str, value: object) -> object:
    if value is None:
        return "-"
    if name in TIMES and isinstance(value, (int, float)) and value > 0:
        return day(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return value


def day(when: float) -> str:
    """A time as people say it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


@define
class Progress:
    """A bar for work on many nodes; it is drawn on a terminal only."""

    total: int
    stream: TextIO = field(factory=lambda: sys.stderr)
    done: int = 0
    width: int = 30

    def step(self, label: str = "") -> None:
        """One more is done."""
        self.done += 1
        if self.stream.isatty():
            full = self.width * self.done // max(self.total, 1)
            bar = "#" * full + "." * (self.width - full)
            end = "\n" if self.done >= self.total else ""
            print(f"\r[{bar}] {self.done}/{self.total} {label:<40.40}", end=end, file=self.stream, flush=True)
