"""A process that writes long listings, so that the one that answers callers has its processor time for short calls.

It reads the registry and nothing else, one listing at a time, over a socket that it shares with who started it: asked
are listings (a length, a pickle of our own), answered are texts (a sign and a length, the file where it lies). Then it
may be asked to send a text to a caller's socket (a length of 0, the two files), and says when it has let go of it, at
its end or because the caller does not keep up. It begins its transaction after it is asked for a listing, and so sees
whatever was committed before. It has no rights of anybody: who may see what
was decided before. It offers its processor to others every few hundred microseconds, for a short call whose thread
wakes behind it would else wait for the kernel's next tick. It ends with the other end of its socket, and after a while
without work; one that is gone, silent or at a loss costs whoever asks the time of writing the listing itself.
"""

import gc
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import time

from planetlab import long_text
from planetlab.long_text import LongText
from planetlab.registry.listing import Listing
from planetlab.registry.opening import Connection, connect

PATIENCE = 20  # seconds without an octet, after which it is given up
IDLE = 600.0  # seconds without a listing, after which it ends and gives its memory back
STEPS = 2000  # of SQLite's machine, about 0.1 ms, between two offers of the processor
KEEPS_UP = 10  # milliseconds in which who reads a text makes room for more of it, or is left to who asked
SENDS = 0.1  # seconds that it sends one text
_ASKED, _TOLD = struct.Struct("!I"), struct.Struct("!cQ")
_WRITTEN, _FAILED, _LET_GO = b"+", b"-", b"."


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

    def ask(self, listing: Listing) -> LongText:
        """The text of a listing; blocks. For one thread at a time. Raises `Lost`."""
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

    def send(self, text: LongText, to: int) -> None:
        """Have the process send ``text`` to a socket, as far as it does; blocks. For the thread that asks."""
        there = self._socket
        if there is None:
            return
        try:
            socket.send_fds(there, [_ASKED.pack(0)], [to, text.fileno()])
            _taken(there, len(_LET_GO))
        except (OSError, _Gone):  # it must not go on with the text, for who asked does
            self._end()

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

    def _exchange(self, asked: bytes, there: socket.socket) -> LongText:
        try:
            there.sendall(_ASKED.pack(len(asked)) + asked)
            told, files = _taken_with_files(there, _TOLD.size)
            sign, length = _TOLD.unpack(told)
            if sign == _FAILED:
                raise Lost(_taken(there, length).decode())
        except (ConnectionError, ValueError) as error:
            raise _Gone(str(error)) from error
        if not files:
            raise Lost("no further file may be open here")
        return LongText(files[0], length)

    def _end(self) -> None:
        process, there, self._process, self._socket = self._process, self._socket, None, None
        if process is not None:
            process.kill()
            process.wait()
        if there is not None:
            there.close()


class _Gone(Exception):
    """The process does not answer; another one may."""


def _taken(there: socket.socket, count: int, octets: bytes = b"") -> bytes:
    """``count`` octets of which these have come; a signal may cut any wait for the rest short."""
    while len(octets) < count:
        more = there.recv(count - len(octets), socket.MSG_WAITALL)
        if not more:
            raise _Gone(f"it ended after {len(octets)} of {count} octets")
        octets += more
    return octets


def _taken_with_files(there: socket.socket, count: int) -> tuple[bytes, list[int]]:
    """``count`` octets, and the files that came with the first of them: none if no more may be open."""
    flags = socket.MSG_WAITALL | socket.MSG_CMSG_CLOEXEC
    octets, files, _, _ = socket.recv_fds(there, count, 2, flags)
    try:
        return _taken(there, count, octets), files
    except Exception:
        _close(*files)
        raise


def _close(*files: int) -> None:
    for one in files:
        os.close(one)


def serve(there: socket.socket, db: Connection) -> None:
    """Answer listings, and send texts, until nobody asks any more."""
    while True:
        try:
            asked, files = _taken_with_files(there, _ASKED.size)
            (length,) = _ASKED.unpack(asked)
            listing = pickle.loads(_taken(there, length)) if length else None
        except (_Gone, BlockingIOError):
            return
        if listing is not None:
            _answer(listing, db, there)
            continue
        if len(files) == 2:
            _send(*files)
        _close(*files)
        there.sendall(_LET_GO)


def _answer(asked: Listing, db: Connection, there: socket.socket) -> None:
    try:
        file, length = _write(asked, db)
    except Exception as error:  # who asks does it then, and meets with the same error where its caller can be told
        told = f"{type(error).__name__}: {error}".encode()
        there.sendall(_TOLD.pack(_FAILED, len(told)) + told)
        return
    socket.send_fds(there, [_TOLD.pack(_WRITTEN, length)], [file])
    os.close(file)


def _write(asked: Listing, db: Connection) -> tuple[int, int]:
    """A file in memory with the text of a listing, its position at the beginning; and the text's length."""
    file, length = os.memfd_create("listing"), 0
    try:
        db.execute("BEGIN")
        for piece in asked.written(db, keeps=True):
            while piece:
                count = os.write(file, piece)
                length, piece = length + count, piece[count:]
            os.sched_yield()  # whoever waits for this processor has it first
        os.lseek(file, 0, os.SEEK_SET)
        return file, length
    except BaseException:
        os.close(file)
        raise
    finally:
        db.rollback()


def _send(to: int, text: int) -> None:
    """Send a text's file from its position on, to its end or as long as the socket's reader keeps up."""
    room, until = select.poll(), time.monotonic() + SENDS
    room.register(to, select.POLLOUT)
    try:
        while room.poll(KEEPS_UP):
            if not long_text.send(to, text) or time.monotonic() > until:
                return
    except OSError:  # the reader has gone away, or there was less room than it seemed: who asked will see
        return


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
