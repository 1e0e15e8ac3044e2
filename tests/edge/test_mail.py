"""Letters go to a real SMTP port, and none is said to be sent that was not taken."""

from email import message_from_bytes
from email.policy import default

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab import mail
from planetlab.cli.mailbox import Mailbox
from planetlab.errors import BadArgument, Unreachable
from planetlab.mail import Attachment, Letter, Relay, compose
from tests.connections import Watched

SENDER = "PlanetLab Support <support@plc.example>"
LETTER = Letter(("pi@princeton.example",), "Packets to 192.0.2.1", "Grüße.\n.\nend", cc=("tech@princeton.example",))


class Composing(SynchronousTestCase):
    def test_what_is_written_reads_back(self):
        read = message_from_bytes(compose(LETTER, SENDER, 0.0, "<1@plc.example>"), policy=default)
        self.assertEqual("Packets to 192.0.2.1", read["subject"])
        self.assertEqual("Grüße.\n.\nend\n", read.get_content().replace("\r", ""))
        self.assertEqual(SENDER, read["reply-to"])

    def test_no_text_from_outside_adds_a_header(self):
        for wrong in (
            evolve(LETTER, subject="x\r\nBcc: all@example.org"),
            evolve(LETTER, reply_to="a@b.org\nBcc: c@d.org"),
            evolve(LETTER, to=("a@b.org\r\nBcc: c@d.org",)),
            evolve(LETTER, to=("a@b.org, c@d.org",)),
            evolve(LETTER, to=(), cc=()),
            evolve(LETTER, to=tuple(f"p{i}@example.org" for i in range(101))),
        ):
            self.assertRaises(BadArgument, compose, wrong, SENDER, 0.0, "<1@plc.example>")

    def test_a_letter_too_large_is_named(self):
        file = Attachment("flows.csv", "text/csv", b"x" * 10_000_000)
        error = self.assertRaises(
            BadArgument, compose, evolve(LETTER, attachments=(file,)), SENDER, 0.0, "<1@x.example>"
        )
        self.assertIn("at most 10485760 bytes", str(error))


class Silent(Protocol):
    """A relay that accepts and hangs up without a word."""

    def connectionMade(self):
        self.transport.loseConnection()


class Stalled(Protocol):
    """A relay that greets and then says nothing any more."""

    def connectionMade(self):
        self.transport.write(b"220 relay.example\r\n")


class Refusing(Protocol):
    """A relay that takes nobody's mail."""

    def connectionMade(self):
        self.transport.write(b"554 no\r\n")
        self.transport.loseConnection()


class Sending(TestCase):
    def listen(self, factory):
        watched = self.watched = Watched(factory)
        port = reactor.listenTCP(0, watched, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(lambda: gatherResults([one.gone for one in watched.ones]))
        return Relay("127.0.0.1", port.getHost().port, SENDER, reactor)

    async def refused(self, relay, kind):
        try:
            await relay.send(LETTER, 0.0, "<1@plc.example>")
        except kind as error:
            return str(error)
        raise AssertionError("the letter was said to be sent")

    async def test_a_letter_arrives_whole_for_each_recipient(self):
        box = Mailbox()
        await self.listen(box.smtp()).send(LETTER, 0.0, "<1@plc.example>")
        self.assertEqual({"pi@princeton.example", "tech@princeton.example"}, {c.recipients[0] for c in box.letters})
        self.assertEqual("Grüße.\n.\nend", box.letters[0].text.replace("\r", "").strip())

    async def test_a_relay_that_is_away_leaves_the_letter_with_its_sender(self):
        relay = self.listen(Factory.forProtocol(Silent))
        self.assertIn("did not", await self.refused(relay, Unreachable))
        self.assertIn("refused", await self.refused(Relay("127.0.0.1", 1, SENDER, reactor), Unreachable))

    async def test_a_relay_that_stalls_costs_its_time_and_leaves_no_error_behind(self):
        self.patch(mail, "TIMEOUT", 0.1)
        relay = self.listen(Factory.forProtocol(Stalled))
        self.assertIn("did not", await self.refused(relay, Unreachable))
        await gatherResults([one.gone for one in self.watched.ones])
        self.assertEqual([], self.flushLoggedErrors())

    async def test_a_refusal_for_good_is_told_as_one(self):
        self.assertIn("554", await self.refused(self.listen(Factory.forProtocol(Refusing)), BadArgument))
