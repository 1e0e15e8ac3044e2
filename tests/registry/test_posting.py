"""Mails: written with what causes them, sent once, in order, and kept while nobody takes them."""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.mail import smtp
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mgmt_authority.methods import boot
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter
from planetlab.both.posting import Post
from planetlab.cli.mailbox import Mailbox, _Delivery
from planetlab.clock import SetClock
from planetlab.mail import Relay
from planetlab.names import Hrn
from planetlab.registry import mails
from planetlab.registry.opening import prepare
from planetlab.registry.plc import DAY, Plc
from tests.connections import Watched
from tests.registry.world import NOW, Princeton


class Picky(_Delivery):
    """Takes mail for everybody but ``later`` (not now) and ``never``."""

    def validateTo(self, user):
        name = user.dest.local.decode()
        if name in ("later", "never"):
            raise smtp.SMTPServerError(450 if name == "later" else 550, "no")
        return super().validateTo(user)


class Posting(TestCase):
    timeout = 60

    def setUp(self):
        self.path = str(Path(self.mktemp()).absolute())
        prepare(self.path)
        self.clock = SetClock(NOW)
        self.box = Mailbox()
        self.desk = self.open("slice")
        self.connections = []

    def open(self, half):
        desk = Desk(self.path, half, Plc(hrn=Hrn.parse("plc")), Greeter(), self.clock, reactor)
        desk.start()
        self.addCleanup(desk.stop)
        return desk

    def listen(self, port=0, picky=False):
        factory = self.box.smtp()
        if picky:
            build = factory.buildProtocol

            def buildProtocol(addr):
                protocol = build(addr)
                protocol.delivery = Picky(self.box)
                return protocol

            factory.buildProtocol = buildProtocol
        watched = Watched(factory)
        listening = reactor.listenTCP(port, watched, interface="127.0.0.1")
        self.addCleanup(lambda: gatherResults([one.gone for one in watched.ones]))
        self.addCleanup(listening.stopListening)
        return listening

    def post(self, port, desk=None):
        relay = Relay("127.0.0.1", port, "PlanetLab Support <support@plc.example>", reactor)
        return Post(desk or self.desk, relay, self.clock, self.path, "plc@plc.example", "support@plc.example")

    async def write(self, *letters):
        def work(store):
            for to, subject in letters:
                mails.write(store, [f"{to}@princeton.example"], subject, "text")

        await self.desk.job(work)

    def arrived(self):
        return [(letter.recipients[0].partition("@")[0], letter.subject) for letter in reversed(self.box.letters)]

    async def test_while_the_relay_is_away_for_a_day_nothing_is_lost_or_reordered(self):
        listening = self.listen()
        port = listening.getHost().port
        await listening.stopListening()
        post = self.post(port)
        letters = [("pi", "one"), ("tech", "two"), ("pi", "three")]
        await self.write(*letters)
        for _ in range(30):
            self.assertEqual(0, await post.round())
            self.clock.advance(DAY / 30)
        self.listen(port)
        self.assertEqual(3, await post.round())
        self.assertEqual(0, await post.round())
        self.assertEqual(letters, self.arrived())

    async def test_a_recipient_that_waits_holds_only_its_own_mail(self):
        post = self.post(self.listen(picky=True).getHost().port)
        await self.write(("later", "one"), ("pi", "two"), ("later", "three"), ("pi", "four"))
        self.assertEqual(2, await post.round())
        self.assertEqual([("pi", "two"), ("pi", "four")], self.arrived())
        waiting = await self.desk.look(mails.waiting)
        self.assertEqual(["one", "three"], [mail.subject for mail in waiting])

    async def test_a_mail_that_some_recipients_wait_for_goes_again_to_them_only(self):
        post = self.post(self.listen(picky=True).getHost().port)
        everybody = [f"{to}@princeton.example" for to in ("later", "never", "pi")]
        await self.desk.job(lambda store: mails.write(store, everybody, "one", "text", ["tech@princeton.example"]))
        for _ in range(2):
            self.assertEqual(0, await post.round())
            self.assertEqual([("pi", "one"), ("tech", "one")], sorted(self.arrived()))
            (waiting,) = await self.desk.look(mails.waiting)
            self.assertEqual(("later@princeton.example",), waiting.everybody)

    async def test_what_is_refused_for_good_is_not_tried_again_and_holds_nothing(self):
        post = self.post(self.listen(picky=True).getHost().port)
        await self.write(("never", "one"), ("pi", "two"))
        await post.round()
        self.assertEqual([("pi", "two")], self.arrived())
        self.assertEqual([], await self.desk.look(mails.waiting))
        said = await self.desk.look(lambda store: store.ask("SELECT tries FROM outbox ORDER BY mail_id"))
        self.assertEqual([-1, 0], [row["tries"] for row in said])

    async def test_what_nobody_took_for_days_is_given_up(self):
        await self.write(("pi", "one"))
        self.clock.advance(mails.PATIENCE)
        self.assertEqual(0, await self.post(self.listen().getHost().port).round())

    async def test_of_two_processes_one_posts(self):
        port = self.listen().getHost().port
        other = self.post(port, self.open("management"))
        await self.write(("pi", "one"))
        first = await self.post(port).round()
        self.assertEqual((1, 0), (first, await other.round()))
        self.assertEqual([("pi", "one")], self.arrived())

    async def test_no_transaction_is_open_while_the_relay_thinks(self):
        begun, slow = Deferred(), Deferred()
        await self.write(("pi", "one"))
        post = self.post(1)

        class Thinking:
            async def send(self, letter, now, message_id):
                begun.callback(None)
                await slow
                return ()

        post._relay = Thinking()
        waiting = Deferred.fromCoroutine(post.round())
        await begun
        await self.write(("pi", "two"))
        slow.callback(None)
        self.assertEqual(1, await waiting)


class Writing(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton(boot_mail="boot@plc.example", support="support@plc.example")
        self.world.store(lambda store: store.change("DELETE FROM outbox"))

    def letters(self):
        return self.world.store(mails.waiting)

    def test_who_matches_nobody_is_refused(self):
        for said in (["nobody@nowhere.example"], {"email": "nobody*"}, []):
            self.assertEqual(102, self.world.refused("NotifyPersons", self.world.admin, said, "s", "b")[0])

    def test_nil_writes_to_everybody_as_a_filter_without_conditions_does(self):
        for said in (None, {}):
            self.assertEqual(1, self.world.call("NotifyPersons", self.world.admin, said, "s", "b"))

    def test_a_subject_that_would_add_a_header_is_refused(self):
        for wrong in ("a\r\nBcc: all@example.org", "a\nb", "a\0"):
            self.assertEqual(102, self.world.refused("NotifySupport", self.world.admin, wrong, "b")[0])
        self.assertEqual([], self.letters())

    def test_a_refused_call_leaves_no_mail(self):
        self.assertEqual(103, self.world.refused("NotifySupport", self.world.pi, "s", "b")[0])
        self.assertEqual([], self.letters())

    def test_admins_and_nodes_mail_persons_each_once(self):
        self.world.call("NotifyPersons", self.world.admin, ["pi@princeton.example", "pi@princeton.example"], "s", "b")
        self.world.by_node(self.world.node_id, "NotifyPersons", {"email": "*@princeton.example"}, "t", "b")
        first, second = self.letters()
        self.assertEqual((("pi@princeton.example",), "s", "b"), (first.recipients, first.subject, first.body))
        self.assertEqual(3, len(second.recipients))
        event = self.world.call("GetEvents", self.world.admin, {"call_name": "NotifyPersons", "-SORT": "event_id"})[0]
        self.assertEqual("s", event["message"])

    def test_support_is_mailed_at_its_address(self):
        self.assertEqual(1, self.world.call("NotifySupport", self.world.admin, "Help", "me"))
        self.assertEqual([("support@plc.example",)], [letter.recipients for letter in self.letters()])

    def test_a_node_has_its_owners_told_by_a_template(self):
        self.world.by_node(self.world.node_id, "BootNotifyOwners", "installfinished", 1, 1, 0)
        (letter,) = self.letters()
        expected = {"boot@plc.example", "pi@princeton.example", "tech@princeton.example"}
        self.assertEqual(expected, set(letter.recipients))
        self.assertEqual("node1.princeton.example is installed", letter.subject)
        self.assertNotIn("%(", letter.body)

    def test_many_bad_signatures_make_one_mail_an_hour(self):
        self.world.desk.failed_node = lambda store, failed: boot.failed(store, failed.node_id, failed.detail)
        for hour in (1, 2):
            for _ in range(20):
                wrong = self.world.signed(self.world.node_id, key="wrong")
                self.assertEqual(103, self.world.refused("AuthCheck", wrong)[0])
            self.assertEqual(hour, len(self.letters()))
            self.world.clock.advance(3601)

    def test_a_disabled_template_is_not_sent_and_a_changed_one_is(self):
        self.world.call("UpdateMessage", self.world.admin, "noconfig", {"enabled": False, "subject": "x"})
        self.world.by_node(self.world.node_id, "BootNotifyOwners", "noconfig", 0, 0, 0)
        self.assertEqual([], self.letters())
        self.world.call("UpdateMessage", self.world.admin, "notinstalled", {"template": "%(hostname)s!"})
        self.world.by_node(self.world.node_id, "BootNotifyOwners", "notinstalled", 0, 0, 1)
        (letter,) = self.letters()
        self.assertEqual("node1.princeton.example!", letter.body)
        self.assertIn("support@plc.example", letter.recipients)

    def test_messages_are_kept_under_names_of_their_own(self):
        admin = self.world.admin
        self.assertEqual(
            1, self.world.call("AddMessage", admin, {"message_id": "é" * 9, "template": "t", "subject": "s"})
        )
        self.assertEqual(106, self.world.refused("AddMessage", admin, {"message_id": "é" * 9})[0])
        self.assertEqual(102, self.world.refused("AddMessage", admin, {"template": "t"})[0])
        self.assertEqual(102, self.world.refused("UpdateMessage", admin, "no such", {"enabled": False})[0])
        told = self.world.call("GetMessages", admin, ["é" * 9])[0]
        self.assertEqual({"message_id": "é" * 9, "template": "t", "subject": "s", "enabled": True}, told)
        self.assertEqual(1, self.world.call("DeleteMessage", admin, "é" * 9))
        self.assertEqual(102, self.world.refused("DeleteMessage", admin, "é" * 9)[0])
        self.assertEqual(103, self.world.refused("GetMessages", self.world.pi)[0])
