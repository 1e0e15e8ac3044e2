"""Mail out: a message as a value, and its delivery to one relay over SMTP.

A relay that is slow, silent or away costs its sender at most ``TIMEOUT`` seconds; what was not taken raises
`Unreachable` (try again) or `BadArgument` (an address was refused for good), so that a caller can keep and retry it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from io import BytesIO
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.mail.smtp import ESMTPSenderFactory, SMTPClientError

from planetlab.errors import BadArgument, Unreachable
from planetlab.names import Email

log = Logger()

_POLICY = SMTP.clone(linesep="\n", cte_type="7bit")  # Twisted's sender makes CRLF of each LF itself
TIMEOUT = 30.0  # seconds for one message, from connecting to the relay's last word
MOST_RECIPIENTS = 100
MOST_BYTES = 10 * 1024 * 1024  # what common relays take


@frozen
class Attachment:
    """A file that goes with a message."""

    name: str
    kind: str  # media type, like application/json
    data: bytes


@frozen
class Letter:
    """What is to be sent, to whom, in plain text. ``reply_to`` is who an answer goes to, when not the sender."""

    to: tuple[str, ...]
    subject: str
    text: str
    cc: tuple[str, ...] = ()
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody it goes to, each once."""
        return tuple(dict.fromkeys(self.to + self.cc))


def compose(letter: Letter, sender: str, now: float, message_id: str) -> bytes:
    """The message in seven bits, lines ended by LF. Raises `BadArgument` for an address or header that is none.

    Line ends in a header are refused by the library, so no text from outside can add one.
    """
    if not 0 < len(letter.recipients) <= MOST_RECIPIENTS:
        raise BadArgument(f"a letter goes to 1 to {MOST_RECIPIENTS} addresses, got {len(letter.recipients)}")
    for address in letter.recipients:
        Email.parse(address)
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = sender
        message["To"] = ", ".join(letter.to)
        if letter.cc:
            message["Cc"] = ", ".join(letter.cc)
        message["Reply-To"] = letter.reply_to or sender
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        for name, value in letter.headers:
            message[name] = value
        message.set_content(letter.text)
        for file in letter.attachments:
            main, _, sub = file.kind.partition("/")
            message.add_attachment(file.data, maintype=main, subtype=sub, filename=file.name)
        data = message.as_bytes()
    except (ValueError, UnicodeError) as error:
        raise BadArgument(f"this cannot be a letter: {error}") from None
    if len(data) > MOST_BYTES:
        raise BadArgument(f"a letter has at most {MOST_BYTES} bytes, this one {len(data)}")
    return data


@frozen
class Relay:
    """Where letters are handed in: a mail server's host and port."""

    host: str
    port: int
    sender: str
    reactor: Any

    async def send(self, letter: Letter, now: float, message_id: str) -> tuple[str, ...]:
        """Hand ``letter`` in; the recipients for whom the relay asks to try again, having taken it for the others.

        Raises `Unreachable` when nobody's was taken and it may be tried again, `BadArgument` when never.
        """
        data = compose(letter, self.sender, now, message_id)
        sent: Deferred[Any] = Deferred()
        address = Email.parse(self.sender.rpartition("<")[2].rstrip(">")).text
        factory = ESMTPSenderFactory(
            None, None, address, list(letter.recipients), BytesIO(data), sent,
            retries=0, timeout=None, requireAuthentication=False, requireTransportSecurity=False,
        )  # fmt: skip
        factory.noisy = False
        connector = self.reactor.connectTCP(self.host, self.port, factory, timeout=TIMEOUT)
        sent.addTimeout(TIMEOUT, self.reactor)
        try:
            _, told = await sent
        except SMTPClientError as error:
            if 500 <= error.code < 600 and not _later(getattr(error, "addresses", None) or ()):
                raise BadArgument(f"the relay {self.host}:{self.port} refused the letter: {_said(error)}") from None
            raise Unreachable(f"the relay {self.host}:{self.port} did not take the letter: {_said(error)}") from None
        except Exception as error:  # every way in which a relay can be away; the letter stays with the caller
            raise Unreachable(f"the relay {self.host}:{self.port} did not answer: {error}") from error
        finally:
            factory.sendFinished = True  # what ends from here on is not told to `sent`, which is over
            connector.disconnect()
        for address, code, said in told:
            if code >= 500:
                log.warn("the relay refused mail for {to}: {code} {said}", to=address, code=code, said=said)
        return _later(told)


def _later(told: Sequence[tuple[bytes, int, bytes]]) -> tuple[str, ...]:
    """The addresses for which a relay said to come again."""
    return tuple(address.decode("ascii", "replace") for address, code, _ in told if 400 <= code < 500)


def _said(error: SMTPClientError) -> str:
    resp = error.resp.decode("ascii", "replace") if isinstance(error.resp, bytes) else str(error.resp)
    return f"{error.code} {resp}".strip()
