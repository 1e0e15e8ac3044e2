"""A mail server of few words: it takes letters over SMTP and keeps them; it can also be told to refuse them."""

import socketserver
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast


class Postbox(socketserver.ThreadingTCPServer):
    """Listens on loopback from its making to `close`."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.letters: list[EmailMessage] = []
        self.refuse = b""  # what is answered to each letter instead of taking it
        self.later: set[str] = set()  # recipients that shall be brought again another time
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box = cast(Postbox, self.server)
        self.wfile.write(b"220 postbox\r\n")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    body += part.removeprefix(b".") if part.startswith(b"..") else part
                if not box.refuse:
                    box.letters.append(cast(EmailMessage, message_from_bytes(body, policy=default)))
                self.wfile.write(box.refuse or b"250 taken\r\n")
            elif word == b"RCPT" and any(address in line.decode() for address in box.later):
                self.wfile.write(b"450 come again\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 yes\r\n")
