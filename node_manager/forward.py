"""The login shell of a controller's account: one call from stdin to the node manager, its answer to stdout.

``ssh utah_nmcontrol@node < call.xml > answer.xml``. The node manager sees the account's user id. Stdin is read to its
end, at most 1 MiB; what fails on the way is told on stdout as a complete XML-RPC fault of code 1, and the program ends
with 1. It is ended by SIGALRM after 120 seconds, without output. A path among its arguments names another socket.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar
from xml.sax.saxutils import escape

T = TypeVar("T")

SOCKET = "/tmp/nodemanager.api"
MOST = 1 << 20  # bytes of a call
LIMIT = 120  # seconds of the whole run

_FAULT = """<?xml version='1.0'?>
<methodResponse>
<fault>
<value><struct>
<member>
<name>faultCode</name>
<value><int>1</int></value>
</member>
<member>
<name>faultString</name>
<value><string>{}</string></value>
</member>
</struct></value>
</fault>
</methodResponse>
"""


class Broken(Exception):
    """A step that failed; the text is the fault's."""


def _step(name: str, step: Callable[[], T]) -> T:
    try:
        return step()
    except OSError as error:
        raise Broken(f"{name}(): {os.strerror(error.errno or 0)}") from error


def read_call(stdin: BinaryIO) -> bytes:
    """The whole call. Raises `Broken` for one that is too large."""
    call = _step("read", lambda: stdin.read(MOST + 1))
    if len(call) > MOST:
        raise Broken("read(): File too large")
    return call


def answer(path: str, call: bytes) -> bytes:
    """What the node manager answers, without its HTTP head. Raises `Broken`."""
    connection = _step("socket", lambda: socket.socket(socket.AF_UNIX))
    with connection:
        _step("connect", lambda: connection.connect(path))
        head = b"POST / HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(call)
        _step("fwrite", lambda: connection.sendall(head + call))
        _step("shutdown", lambda: connection.shutdown(socket.SHUT_WR))
        return _body(_step("read", lambda: _all(connection)))


def _all(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass  # after the answer, as the original took it
    return b"".join(parts)


def _body(said: bytes) -> bytes:
    ends = [(said.index(blank) + len(blank)) for blank in (b"\r\n\r\n", b"\n\n") if blank in said]
    return said[min(ends) :] if ends else b""


def run(arguments: Sequence[str], stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Do it all; gives the exit code."""
    words = [word for argument in arguments for word in argument.split()]  # a login shell gets -c 'program path'
    path = next((word for word in reversed(words) if word.startswith("/") and not os.path.isfile(word)), SOCKET)
    try:
        stdout.write(answer(path, read_call(stdin)))
        code = 0
    except Broken as broken:
        stdout.write(_FAULT.format(escape(str(broken))).encode())
        code = 1
    stdout.flush()
    return code


def main() -> None:
    """Run as a login shell."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)
    sys.exit(run(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))


if __name__ == "__main__":
    main()
