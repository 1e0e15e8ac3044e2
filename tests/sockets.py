"""Calls of a service at its Unix socket, as programs on a node make them: a connection for each."""

import socket
from pathlib import Path
from typing import Any

from planetlab import xmlrpc


def call(path: str | Path, method: str, *args: Any, timeout: float = 60.0) -> Any:
    """What the service answers, each step within ``timeout`` seconds. Raises `Fault`; `OSError` without an answer."""
    body = xmlrpc.dumps_call(method, args)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    if not answer:
        raise ConnectionResetError("no answer")
    return xmlrpc.loads_answer(answer.partition(b"\r\n\r\n")[2])
