"""A process that writes long listings, so that the one that answers callers has its processor time for short calls.

It reads the registry and nothing else, one listing at a time, and is asked by packets over a socket that it shares with
who started it (`planetlab.registry.listings`). One with a file asks for the listing whose pickle, one of our own, lies
there; it is answered with the text's length, and the file where it lies. One with two files asks to send a text to a
caller's socket, and is answered when the process has let go of it, at its end or because the caller does not keep up.
It begins its transaction after it is asked for a listing, and so sees whatever was committed before. It has no rights
of anybody: who may see what was decided before. It stands behind short calls, being nice and offering its processor to
others every few hundred microseconds, for a thread that wakes behind it would else wait for the kernel's next tick. It
ends with the other end of its socket, and after a while without work.
"""

import contextlib
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time

from planetlab import long_text
from planetlab.registry.listing import Listing
from planetlab.registry.opening import Connection, connect

NICENESS = 10  # above that of who started it: a tenth of its share where both compute, the whole where it waits
STEPS = 2000  # of SQLite's machine, about 0.1 ms, between two offers of the processor
KEEPS_UP = 10  # milliseconds in which who reads a text makes room for more of it, or is left to who asked
SENDS = 0.1  # seconds that it sends one text
HELD = 100  # milliseconds that it keeps a text's file open after it has let go of it
ROOM = 1 << 16  # octets of a packet
LENGTH = struct.Struct("!Q")
WRITTEN, FAILED, LET_GO = b"+", b"-", b"."


def serve(there: socket.socket, db: Connection) -> None:
    """Answer listings, and send texts, until nobody asks any more."""
    with contextlib.suppress(BlockingIOError, ConnectionError):  # nobody has asked for so long, or listens
        while _serve_one(there, db):
            pass


def _serve_one(there: socket.socket, db: Connection) -> bool:
    """Answer one packet; False when there is none to come."""
    asked, files, _, _ = socket.recv_fds(there, ROOM, 2, socket.MSG_CMSG_CLOEXEC)
    try:
        if len(files) == 1:
            _answer(files[0], db, there)
        elif asked:
            if len(files) == 2:
                _send(*files)
            there.send(LET_GO)
            _outlast(there)
    finally:
        for one in files:
            os.close(one)
    return bool(asked)


def _outlast(there: socket.socket) -> None:
    """Keep a text until who asked has closed its own file of it, for who closes it last gives its memory back."""
    await_next = select.poll()
    await_next.register(there, select.POLLIN)
    await_next.poll(HELD)


def _answer(question: int, db: Connection, there: socket.socket) -> None:
    try:
        file, length = _write(pickle.loads(os.pread(question, os.fstat(question).st_size, 0)), db)
    except Exception as error:  # who asks does it then, and meets with the same error where its caller can be told
        there.send(FAILED + f"{type(error).__name__}: {error}".encode()[: ROOM // 2])
        return
    socket.send_fds(there, [WRITTEN, LENGTH.pack(length)], [file])
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
    os.nice(NICENESS)
    gc.freeze()
    db = connect(path, "", reads_only=True)
    db.set_progress_handler(os.sched_yield, STEPS)
    with socket.socket(fileno=os.dup(0)) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(float(idle)), 0))
        serve(there, db)


if __name__ == "__main__":
    main()
