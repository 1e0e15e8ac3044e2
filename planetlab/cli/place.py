"""A folder that one command at a time keeps a federation in: its lock, its files, its record of processes."""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from planetlab.errors import Unavailable

LONGEST_SOCKET = 107  # bytes of a Unix socket's path, sockaddr_un less its final NUL
GRACE = 6.0  # seconds that processes of a killed predecessor get to end by themselves


def write(path: pathlib.Path, content: bytes | str, mode: int = 0o600) -> None:
    """Write a file whole or not at all; secret unless ``mode`` says otherwise."""
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


ALONE, PASSAGE = 0o700, 0o711  # of folders: for their owner; others may go through to what stands open inside


def folder(path: pathlib.Path, mode: int = ALONE) -> pathlib.Path:
    """The folder ``path``, made if it was not there."""
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def held(path: pathlib.Path, mode: int = ALONE) -> Iterator[None]:
    """Keep the folder for ourselves. Raises `Unavailable`, which names who has it."""
    with (folder(path, mode) / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Unavailable(
                f"{path} is in use by process {lock.read().strip() or '?'}; end it, or use another"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def socket_path(path: pathlib.Path) -> pathlib.Path:
    """``path``, if the kernel can name a socket so. Raises `Unavailable`."""
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        raise Unavailable(
            f"{path}: a socket's path has at most {LONGEST_SOCKET} bytes; use a folder with a shorter name"
        )
    return path


@frozen
class Running:
    """A process as remembered: its number, and the time it began, since numbers are used again."""

    name: str
    pid: int
    began: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return began(self.pid) == self.began


def group(path: pathlib.Path) -> str:
    """The name below which control groups of the federation in this folder are; the same for every run."""
    return f"plfed-demo-{zlib.crc32(os.fsencode(path.absolute())):08x}"


def began(pid: int) -> str:
    """When the process began, in clock ticks since the machine did; empty once it is dead, buried or not."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def remember(path: pathlib.Path, processes: Iterable[tuple[str, int]]) -> None:
    """Write down which processes run, so that `doctor` and a successor find them."""
    write(path / "processes.json", json.dumps({name: [pid, began(pid)] for name, pid in processes}, indent=1))


def remembered(path: pathlib.Path) -> list[Running]:
    """The processes that were written down."""
    try:
        known: dict[str, Any] = json.loads((path / "processes.json").read_text())
    except FileNotFoundError:
        return []
    return [Running(name, *entry) for name, entry in known.items()]


def end_leftovers(path: pathlib.Path) -> list[str]:
    """End what a killed predecessor left running; gives the names of those that did not go by themselves."""
    deadline = time.monotonic() + GRACE
    left = [process for process in remembered(path) if process.is_alive]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if process.is_alive]
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    return [process.name for process in left]
