"""The prompt of ``plcsh``: completion of names with Tab, a history that lasts, faults in one line."""

import atexit
import code
import os
import pathlib
import readline
import rlcompleter
import sys
import xmlrpc.client
from contextlib import suppress
from typing import Any

from planetlab.cli.run import told
from planetlab.errors import PlanetLabError

HISTORY = 2000  # lines
FILE = "~/.plcsh_history"


def history_file() -> pathlib.Path:
    """Where lines that were typed are kept: as ``PLCSH_HISTORY`` says, or in the home folder."""
    return pathlib.Path(os.environ.get("PLCSH_HISTORY") or FILE).expanduser()


def remember(path: pathlib.Path) -> None:
    """Read what was typed before, and write it again at the end, for its owner's eyes only."""
    with suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(HISTORY)
    atexit.register(_write, path)


def _write(path: pathlib.Path) -> None:
    with suppress(OSError):  # a home that cannot be written to is no reason to complain at the end
        path.touch(mode=0o600)
        readline.write_history_file(path)
        path.chmod(0o600)


class Prompt(code.InteractiveConsole):
    """Python's own prompt, except that a fault or a silent server is told in one line."""

    def showtraceback(self) -> None:
        error = sys.exc_info()[1]
        if error is not None and is_told(error):
            self.write(f"{told(error)}\n")
        else:
            super().showtraceback()


def is_told(error: BaseException) -> bool:
    """Whether one line says everything about ``error``."""
    return isinstance(error, PlanetLabError | xmlrpc.client.Error)


def interact(space: dict[str, Any], who: str, url: str) -> None:
    """Read and run lines until Ctrl-D."""
    readline.set_completer(rlcompleter.Completer(space).complete)
    readline.parse_and_bind("tab: complete")
    remember(history_file())
    sys.ps1, sys.ps2 = "plcsh> ", "...... "
    banner = f"{url} as {who}. system.listMethods() lists methods, help(method) explains one, Ctrl-D ends."
    Prompt(space, "<plcsh>").interact(banner, exitmsg="")
