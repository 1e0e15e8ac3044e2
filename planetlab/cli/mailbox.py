"""A mail server that keeps what it is given and shows it on a page: for demos and tests, on loopback only.

It delivers nothing anywhere; its page says so. A demo runs it: ``python -m planetlab.cli.mailbox SMTP-PORT PAGE-PORT``.
"""

import json
import pathlib
import sys
from collections import deque
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from attrs import asdict, define, field, frozen
from jinja2 import Environment
from twisted.internet.defer import Deferred, succeed
from twisted.mail import smtp
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import implementer

from planetlab.cli.processes import Program

PLACES = ("smtp", "page")  # its ports
MOST_KEPT = 500  # letters; the oldest go first
MOST_BYTES = 10 * 1024 * 1024  # of one letter

_PAGE = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mail caught here</title>
<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
pre{white-space:pre-wrap;border-left:3px solid #888;padding-left:1rem}</style></head><body>
<h1>Mail caught here</h1>
<p>A simulated mail server: nothing that arrives here is delivered to anybody. {{ letters | length }} kept;
<a href="/letters.json">as JSON</a>.</p>
{% for letter in letters %}<article><h2>{{ letter.subject }}</h2>
<p>To {{ letter.to }}{% if letter.cc %}, cc {{ letter.cc }}{% endif %}, from {{ letter.sender }}, {{ letter.date }}</p>
<pre>{{ letter.text }}</pre></article>
{% endfor %}</body></html>
""")


@frozen
class Caught:
    """One letter as its reader would see it."""

    sender: str
    to: str
    cc: str
    subject: str
    date: str
    text: str
    recipients: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes, recipients: tuple[str, ...]) -> "Caught":
        """Take a message apart."""
        message = message_from_bytes(data, policy=default)
        body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
        sender, to, cc, subject, date = (str(message.get(name, "")) for name in ("from", "to", "cc", "subject", "date"))
        return cls(sender, to, cc, subject, date, body.get_content() if body else "", recipients)


@implementer(smtp.IMessage)
@define(eq=False)
class _Arriving:
    box: "Mailbox"
    recipients: tuple[str, ...]
    lines: list[bytes] = field(factory=list)
    size: int = 0

    def lineReceived(self, line: bytes) -> None:
        self.size += len(line) + 2
        if self.size > MOST_BYTES:
            raise smtp.SMTPServerError(552, b"letter too large")
        self.lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        self.box.letters.appendleft(Caught.read(b"\r\n".join(self.lines), self.recipients))
        return succeed(None)

    def connectionLost(self) -> None:
        self.lines.clear()


@implementer(smtp.IMessageDelivery)
@define(eq=False)
class _Delivery:
    box: "Mailbox"

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: by a simulated mail server"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        said = str(user.dest)
        return lambda: _Arriving(self.box, (said,))


@define(eq=False)
class Mailbox:
    """The letters kept, newest first."""

    letters: deque[Caught] = field(factory=lambda: deque(maxlen=MOST_KEPT))

    def smtp(self) -> "Taking":
        """The factory that takes letters in."""
        return Taking(self)

    def page(self) -> Resource:
        """The page that shows them."""
        return _Page(self)


class Taking(smtp.SMTPFactory):
    """Makes a protocol for each connection that hands letters in."""

    noisy = False
    timeout = 30

    def __init__(self, box: Mailbox) -> None:
        super().__init__()
        self.box = box

    def buildProtocol(self, addr: Any) -> Any:
        """An SMTP conversation; nobody has to say who they are."""
        protocol = smtp.ESMTP()
        protocol.delivery = _Delivery(self.box)
        protocol.host = b"mail.example"
        protocol.timeout = self.timeout
        return protocol


class _Page(Resource):
    isLeaf = True

    def __init__(self, box: Mailbox) -> None:
        super().__init__()
        self.box = box

    def render_GET(self, request: Request) -> bytes:
        if request.path.endswith(b".json"):
            request.setHeader(b"content-type", b"application/json")
            return json.dumps([asdict(letter) for letter in self.box.letters]).encode()
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        request.setHeader(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
        return str(_PAGE.render(letters=list(self.box.letters))).encode()


def program(ports: dict[str, int], logs: pathlib.Path) -> Program:
    """The catcher as a program to run."""
    command = (sys.executable, "-m", "planetlab.cli.mailbox", str(ports["smtp"]), str(ports["page"]))
    return Program("mail", command, logs / "mail.log")


def main(smtp_port: int, page_port: int) -> None:
    """Take letters in at one port of loopback and show them at another, until told to end."""
    from twisted.internet import reactor as installed  # importing it installs it, and only a program may do that

    reactor: Any = installed
    box = Mailbox()
    reactor.listenTCP(smtp_port, box.smtp(), interface="127.0.0.1")
    reactor.listenTCP(page_port, Site(box.page()), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
