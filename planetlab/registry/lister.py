"""A process that writes long listings, so that the one that answers callers has its processor time for short calls.

It reads the registry and nothing else, one listing at a time, over a socket that it shares with who started it: asked
are listings (a length, a pickle of our own), answered are texts (a sign and a length, the octets). It begins its
transaction after it is asked, and so sees whatever was committed before. It has no rights of anybody: who may see what
was decided before. It offers its processor to others every few hundred microseconds, for a short call whose thread
wakes behind it would else wait for the kernel's next tick. It ends with the other end of its socket, and after a while
without work; one that is gone, silent or at a loss costs whoever asks the time of writing the listing itself.
"""

import gc
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys

from planetlab.registry.listing import Listing
from planetlab.registry.opening import Connection, connect

PATIENCE = 20  # seconds without an octet, after which it is given up
IDLE = 600.0  # seconds without a listing, after which it ends and gives its memory back
STEPS = 2000  # of SQLite's machine, about 0.1 ms, between two offers of the processor
PIECE = 1 << 16  # octets that are taken over at once
_ASKED, _TOLD = struct.Struct("!I"), struct.Struct("!cQ")
_WRITTEN, _FAILED = b"+", b"-"


class Lost(Exception):
    """There is no answer, for the reason that is told; the listing may be right all the same."""


class Lister:
    """The process, as who asks it knows it: started when it is first asked, and again when it is gone."""

    def __init__(self, path: str, patience: int = PATIENCE, idle: float = IDLE) -> None:
        self._path, self._patience, self._idle = path, patience, idle
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process's number, if one was started."""
        return self._process.pid if self._process else None

    def ask(self, listing: Listing) -> list[bytes]:
        """The text of a listing, in pieces; blocks. For one thread at a time. Raises `Lost`."""
        kept = self._socket
        try:
            return self._exchange(pickle.dumps(listing), kept or self._begin())
        except _Gone as why:
            self._end()
            if kept is not None:  # perhaps for want of work
                return self.ask(listing)
            raise Lost(str(why)) from why
        except BlockingIOError as why:
            self._end()
            raise Lost(f"no octet came for {self._patience} s") from why

    def stop(self) -> None:
        """End the process, whatever it does; who waits for it is told that it is lost."""
        self._stopped = True
        self._end()

    def _begin(self) -> socket.socket:
        if self._stopped:
            raise Lost("it was stopped")
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", "planetlab.registry.lister", self._path, str(self._idle)]
            try:
                self._process = subprocess.Popen(words, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
            except OSError as error:
                ours.close()
                raise Lost(f"it could not be started: {error}") from error
        for wait in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, wait, struct.pack("ll", self._patience, 0))
        self._socket = ours
        if self._stopped:  # meanwhile
            self._end()
        return ours

    def _exchange(self, asked: bytes, there: socket.socket) -> list[bytes]:
        try:
            there.sendall(_ASKED.pack(len(asked)) + asked)
            sign, length = _TOLD.unpack(_taken(there, _TOLD.size))
            pieces = [_taken(there, min(PIECE, length - start)) for start in range(0, length, PIECE)]
        except (ConnectionError, ValueError) as error:
            raise _Gone(str(error)) from error
        if sign == _FAILED:
            raise Lost(b"".join(pieces).decode())
        return pieces

    def _end(self) -> None:
        process, there, self._process, self._socket = self._process, self._socket, None, None
        if process is not None:
            process.kill()
            process.wait()
        if there is not None:
            there.close()


class _Gone(Exception):
    """The process does not answer; another one may."""


def _taken(there: socket.socket, count: int) -> bytes:
    octets = there.recv(count, socket.MSG_WAITALL)
    if len(octets) < count:
        raise _Gone(f"it ended after {len(octets)} of {count} octets")
    return octets


def serve(there: socket.socket, db: Connection) -> None:
    """Answer listings until nobody asks any more."""
    while True:
        try:
            (length,) = _ASKED.unpack(_taken(there, _ASKED.size))
            asked = pickle.loads(_taken(there, length))
        except (_Gone, BlockingIOError):
            return
        sign, text = _answered(asked, db)
        there.sendall(_TOLD.pack(sign, len(text)))
        there.sendall(text)


def _answered(asked: Listing, db: Connection) -> tuple[bytes, bytes]:
    try:
        db.execute("BEGIN")
        return _WRITTEN, b"".join(map(_polite, asked.written(db, keeps=True)))
    except Exception as error:  # who asks does it then, and meets with the same error where its caller can be told
        return _FAILED, f"{type(error).__name__}: {error}".encode()
    finally:
        db.rollback()


def _polite(piece: bytes) -> bytes:
    """The same, after whoever waits for this processor has had it."""
    os.sched_yield()
    return piece


def main() -> None:
    """Serve the registry that is named, at the standard input's socket."""
    path, idle = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):  # they are for who started it, who ends it
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    db = connect(path, "", reads_only=True)
    db.set_progress_handler(os.sched_yield, STEPS)
    with socket.socket(fileno=os.dup(0)) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(float(idle)), 0))
        serve(there, db)


if __name__ == "__main__":
    main()
