"""The one command of every account: hand our descriptors to the node manager, and end as the program inside ends.

Runs under the system's own Python as an unprivileged user, with nothing of this project importable; its socket lies
beside it. It says once what is wanted, as one line of JSON, with the descriptors 0, 1 and 2; later a byte for each
change of the window's size. The answer is the exit code, four bytes, and after it why nobody was let in, if so.
"""

import array
import json
import os
import signal
import socket
import struct
import sys

_KEPT = ("LANG", "SSH_CONNECTION", "TERM")


def main() -> int:
    """Enter; gives the exit code."""
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(os.path.join(os.path.dirname(os.path.abspath(__file__)), "entrance.sock"))
    except OSError as error:
        print(f"the node manager does not answer ({error.strerror}); try again in a minute", file=sys.stderr)
        return 255
    asked = {
        "command": os.environ.get("SSH_ORIGINAL_COMMAND", ""),
        "terminal": os.isatty(0),
        "environment": {name: os.environ[name] for name in _KEPT if name in os.environ},
    }
    handed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    door.sendmsg([json.dumps(asked).encode() + b"\n"], handed)
    signal.signal(signal.SIGWINCH, lambda number, frame: door.send(b"w"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # keys are for the program inside
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)  # or the far end would wait for us when the program inside has closed them
    answer = b""
    while len(answer) < 4:
        told = door.recv(4 - len(answer))
        if not told:
            return 255
        answer += told
    code: int = struct.unpack("!i", answer)[0]
    if why := door.makefile("rb").read(1000).decode("utf-8", "replace"):
        print(why, file=sys.stderr)
    return code & 255


if __name__ == "__main__":
    sys.exit(main())
