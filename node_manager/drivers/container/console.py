"""A sliver's console: what the node says of its starts, and what its first process and its script say.

It is a file of the sliver's own, so it counts against the sliver's disk and its users read it where they are; the node
keeps it small while others write to it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from node_manager.drivers.container.inside import Inside

CONSOLE = "/var/log/console"


@contextmanager
def opened(files: Inside, words: str, now: float, most: int) -> Iterator[int]:
    """A descriptor for what is said from now on, after one line of the node's; no more than ``most`` bytes before it.

    Raises `OSError` where the slice's files leave no place for it.
    """
    files.directory(os.path.dirname(CONSOLE))
    trim(files, most)
    file = files.append(CONSOLE)
    try:
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        os.write(file, f"{moment} {words}\n".encode())
        yield file
    finally:
        os.close(file)


def trim(files: Inside, most: int) -> None:
    """Keep the last part of a console that has grown beyond ``most`` bytes; who writes to it goes on."""
    file = files.append(CONSOLE)
    try:
        if os.fstat(file).st_size > most:
            kept = files.tail(CONSOLE, most // 2)
            os.ftruncate(file, 0)
            os.write(file, b"(earlier words are gone)\n" + kept.partition(b"\n")[2])
    finally:
        os.close(file)


def last(files: Inside, most: int) -> str:
    """The last words, ``most`` bytes of them."""
    return files.tail(CONSOLE, most).decode("utf-8", "replace")
