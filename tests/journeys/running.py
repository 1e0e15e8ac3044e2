"""A demo that really runs, as its own process, for tests that look at it from outside."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import Any

from planetlab.cli import place
from tests.waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_WITHIN = 120.0  # seconds; a busy machine is slow


def plfed(*arguments: str, facts: pathlib.Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """One command of plfed, run to its end."""
    environment = {**os.environ, **({"PLFED_FACTS": str(facts)} if facts else {})}
    command = [sys.executable, "-m", "planetlab.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)


class RunningDemo:
    """One demo under supervision of the test."""

    def __init__(self, folder: pathlib.Path, base_port: int, *options: str) -> None:
        self.folder, self.facts_file = folder, folder / "facts.json"
        self.log = folder.with_name(f"{folder.name}.log")
        command = [sys.executable, "-m", "planetlab.cli", "demo", "--dir", str(folder), "--base-port", str(base_port)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen([*command, *options], stdout=out, stderr=out, start_new_session=True)
        self.until(lambda: self.facts_file.exists(), "ready")

    def until(self, is_so: Any, what: str, within: float = READY_WITHIN) -> None:
        """Look until something is so."""

        def ended_or_so() -> bool:
            said = self.log.read_text()[-2000:]
            assert self.process.poll() is None, f"the demo ended with {self.process.returncode}: {said}"
            return bool(is_so())

        until(ended_or_so, lambda: f"{what}: {self.log.read_text()[-2000:]}", within)

    @property
    def facts(self) -> dict[str, Any]:
        """What the demo says of itself."""
        facts: dict[str, Any] = json.loads(self.facts_file.read_text())
        return facts

    @property
    def children(self) -> dict[str, int]:
        """The numbers of its processes, by name."""
        return {one.name: one.pid for one in place.remembered(self.folder) if one.name != "plfed demo"}

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it, as Ctrl-C does; its code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


def new_folder() -> pathlib.Path:
    """A folder with a short name, since sockets' paths have at most 107 bytes."""
    return pathlib.Path(tempfile.mkdtemp(prefix="plfed-demo-"))
