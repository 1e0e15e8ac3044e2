"""crun, which turns a description into processes (runc takes the same descriptions)."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from node_manager.drivers import DriverError
from node_manager.drivers.container.run import LIMIT

RUNTIME = "crun"
_JOIN = 'echo 0 > "$0" && exec "$@"'  # enter the control group of this file, then become the program
_TRIES = 8  # crun before 1.8.7 refuses to enter until the first process has its program; one more try always did


@frozen
class Ended:
    """How a program in a sliver ended."""

    code: int
    output: str  # what it wrote, both streams


class Attached:
    """A program in a sliver that somebody outside has his hands on."""

    def __init__(self, runs: "subprocess.Popen[bytes]", described: str) -> None:
        self.pid = runs.pid  # of the runtime, which ends when the program does, with its code
        self._runs = runs
        self._described = described

    def wait(self) -> int:
        """Its exit code, when it has ended; below 0 the signal that ended it."""
        code = self._runs.wait()
        with suppress(FileNotFoundError):
            os.unlink(self._described)
        return code

    def send_signal(self, number: int, /) -> None:
        """Tell the runtime, which tells the program."""
        self._runs.send_signal(number)


class Runtime:
    """The runtime with its state in ``state``, a directory."""

    def __init__(self, state: Path) -> None:
        self._state = state
        state.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start(self, name: str, bundle: Path, join: str = "", console: int = subprocess.DEVNULL) -> int:
        """Start the first process of the sliver that ``bundle`` describes; gives its number on the node.

        ``join``: the file of a control group to enter first (`Groups.door`), "" for none. ``console``: a descriptor
        for what it says. Raises `DriverError` with the runtime's own words.
        """
        self.forget(name)
        told, pid = bundle / "runtime.log", bundle / "init.pid"
        told.unlink(missing_ok=True)
        command = [*self._command("--log", str(told)), "run", "--detach", "--bundle", str(bundle)]
        ended = _call([*command, "--pid-file", str(pid), name], join, None, console=console)
        if ended.code:
            words = told.read_text("utf-8", "replace").strip() if told.exists() else ""
            raise DriverError(f"{RUNTIME} cannot start {name}: {words[-300:] or ended.output or ended.code}")
        return int(pid.read_text("ascii"))

    def enter(self, name: str, process: dict[str, Any], join: str = "", given: str = "", limit: float = LIMIT) -> Ended:
        """Run a program in a running sliver and wait for its end, ``limit`` seconds at most.

        It gets what ``process`` says (`bundle.process`) and no descriptor of the node's but three pipes.
        """
        with tempfile.NamedTemporaryFile("w", prefix=f"{name}.", dir=self._state.parent, suffix=".json") as described:
            json.dump(process, described)
            described.flush()
            command = [*self._command(), "exec", "--process", described.name, name]
            for _ in range(_TRIES):
                ended = _call(command, join, given, limit)
                if not (ended.code and "setns(pid=" in ended.output):
                    break
                time.sleep(0.004)
            return ended

    def attach(self, name: str, process: dict[str, Any], join: str, files: Sequence[int]) -> "Attached":
        """Run a program in a running sliver on three descriptors of somebody else's; does not wait for it."""
        with tempfile.NamedTemporaryFile(
            "w", prefix=f"{name}.", dir=self._state.parent, suffix=".json", delete=False
        ) as described:
            json.dump(process, described)
        # Its own words would come to the user's terminal, among those of the program.
        command = [*self._command("--log", "/dev/null"), "exec", "--process", described.name, name]
        if join:
            command = ["/bin/sh", "-c", _JOIN, join, *command]
        stdin, stdout, stderr = files
        return Attached(subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr), described.name)

    def forget(self, name: str) -> None:
        """Drop what the runtime remembers of a sliver whose processes have ended."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._state / name)

    def _command(self, *options: str) -> list[str]:
        return [RUNTIME, *options, "--root", str(self._state)]


def _call(
    command: Sequence[str], join: str, given: str | None, limit: float = LIMIT, console: int = subprocess.DEVNULL
) -> Ended:
    """Run ``command``; with ``given`` None it has no pipe of ours, which a process it leaves would hold."""
    if join:
        command = ["/bin/sh", "-c", _JOIN, join, *command]
    quiet = given is None
    try:
        done = subprocess.run(
            command,
            input=given,
            stdin=subprocess.DEVNULL if quiet else None,
            stdout=console if quiet else subprocess.PIPE,
            stderr=console if quiet else subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
        )
    except FileNotFoundError:
        raise DriverError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise DriverError(f"{' '.join(command[-3:])} did not end within {limit:.0f} s") from None
    return Ended(done.returncode, done.stdout or "")
