"""Long listings are written by another process: octet for octet the same, never older, and never lost with it."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mgmt_authority import service as ma
from planetlab.both.desk import READERS, Desk
from planetlab.both.founding import found
from planetlab.both.greeting import Greeter
from planetlab.calls import dispatch
from planetlab.clock import SetClock
from planetlab.errors import PlanetLabError
from planetlab.filters import ALL, AmongValues, Compare, Query
from planetlab.long_text import LongText
from planetlab.names import Hrn
from planetlab.records.nodes import NODE
from planetlab.records.sites import SITE
from planetlab.registry.listing import Listing
from planetlab.registry.listings import Listings, Lost
from planetlab.registry.opening import connect
from planetlab.registry.plc import Plc
from planetlab.registry.store import FEW, Store
from planetlab.xmlrpc import Written, dumps_answer, loads_answer
from slice_authority import service as sa
from tests.registry.world import ADMIN, NOW, quick

PLC = Plc(hrn=Hrn.parse("plc"))
MANY = FEW + 20
PATIENCE = 60.0  # seconds that a machine may take for what takes a moment
TREE = Path(__file__).parents[2]


def runs(pid: int) -> bool:
    """Whether a process is there and no corpse."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def registry(folder: str) -> str:
    """A registry with many sites, a node at each, and a few persons."""
    path = str(Path(folder).absolute())
    found(path, PLC, ADMIN["Username"], quick(ADMIN["AuthString"]), NOW)
    desk = Desk(path, "both", PLC, Greeter(), SetClock(NOW))

    def fill(store: Store) -> None:
        for number in range(MANY):
            name = f"s{number}" if number else "Émile & <Söhne>"
            site = store.insert(SITE, {"name": name, "abbreviated_name": "s", "login_base": f"s{number}"})
            node = {"hostname": f"n{number}.example", "site_id": site, "boot_state": "boot", "key": "secret"}
            store.insert(NODE, node)

    desk.job_now(fill)
    desk.stop()
    return path


async def until(holds: Callable[[], bool], says: str) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s: {says}")
        await deferLater(reactor, 0.01)


class TheProcess(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.path = registry(self.mktemp())
        self.listings = self.begun()

    def begun(self, **more: Any) -> Listings:
        listings = Listings(self.path, reactor, deferToThread, **more)
        self.addCleanup(listings.stop)
        return listings

    def nodes(self, *fields: str, query: Query | None = None) -> Listing:
        return Listing("Node", query or Query(ALL), fields or NODE.names(), NOW)

    async def rows(self, listings: Listings, listing: Listing) -> list[dict[str, Any]]:
        rows = loads_answer(dumps_answer(Written([await listings.ask(listing)])))
        assert isinstance(rows, list)
        return rows

    async def first(self, listings: Listings | None = None) -> int:
        """The number of a process that has begun to answer."""
        listings = listings or self.listings
        await soon(listings, self.nodes("hostname"))
        pid = listings.pid
        assert pid is not None
        return pid

    async def test_it_writes_what_is_written_here(self) -> None:
        db = connect(self.path, "slice", reads_only=True)
        self.addCleanup(db.close)
        for record, fields in ((NODE, NODE.names()), (SITE, SITE.names()), (SITE, ("name", "is_public")), (SITE, ())):
            for query in (Query(ALL), Query(Compare(record.key, ">", 3), sort=((record.key, True),), limit=70)):
                listing = Listing(record.name, query, tuple(fields), NOW)
                here = dumps_answer(Store(db, NOW, PLC, reads_only=True).rows(record, query, fields))
                self.assertEqual(here, dumps_answer(Written([await self.listings.ask(listing)])))

    async def test_a_question_may_be_long(self) -> None:
        numbers = tuple(range(2, 100_000))
        listing = self.nodes("hostname", query=Query(AmongValues("node_id", numbers)))
        self.assertEqual(MANY - 1, len(await self.rows(self.listings, listing)))

    async def test_what_was_committed_before_it_was_asked_is_in_its_answer(self) -> None:
        writer = connect(self.path, "both")
        self.addCleanup(writer.close)
        for number in range(20):
            writer.execute("UPDATE nodes SET model = ? WHERE node_id = 7", [f"model {number}"])
            (row,) = await self.rows(self.listings, self.nodes("model", query=Query(Compare("node_id", "=", 7))))
            self.assertEqual({"model": f"model {number}"}, row)

    async def test_one_that_was_killed_is_followed_by_another(self) -> None:
        first = await self.first()
        os.kill(first, signal.SIGKILL)
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))
        self.assertNotEqual(first, self.listings.pid)

    async def test_one_without_work_ends_and_another_takes_its_place(self) -> None:
        listings = self.begun(idle=1)
        first = await self.first(listings)
        await until(lambda: not runs(first), "the end of a process without work")
        self.assertEqual(MANY, len(await self.rows(listings, self.nodes("hostname"))))

    async def test_what_it_cannot_write_is_told_and_it_goes_on(self) -> None:
        first = await self.first()
        writer = connect(self.path, "both")
        self.addCleanup(writer.close)
        writer.execute("UPDATE nodes SET last_contact = ? WHERE node_id = 7", [2**40])
        with self.assertRaises(Lost) as lost:
            await self.listings.ask(self.nodes())
        self.assertEqual(f"OverflowError: int exceeds XML-RPC limits: {2**40}", str(lost.exception))
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))
        self.assertEqual(first, self.listings.pid)

    async def test_one_that_is_silent_is_given_up_and_ended(self) -> None:
        listings = self.begun(patience=1)
        first = await self.first(listings)
        os.kill(first, signal.SIGSTOP)
        with self.assertRaises(Lost) as lost:
            await listings.ask(self.nodes())
        self.assertEqual("no answer came for 1 s", str(lost.exception))
        await until(lambda: not runs(first), "the end of a process that was silent")

    def both_ends(self) -> tuple[socket.socket, socket.socket]:
        """A connection as an authority has it, which never waits, and its reader's end."""
        ours, reader = socket.socketpair()
        for one in (ours, reader):
            self.addCleanup(one.close)
        ours.setblocking(False)
        return ours, reader

    def read_on(self, text: LongText, ours: socket.socket, reader: socket.socket) -> bytes:
        """All that comes to a reader who waits no longer, of what was sent before and is sent now."""
        got = list[bytes]()
        while sum(map(len, got)) < len(text):
            if not text.is_sent:
                with contextlib.suppress(BlockingIOError):
                    text.send(ours.fileno())
            got.append(reader.recv(1 << 20))
        return b"".join(got)

    async def test_it_sends_a_text_to_who_reads_it(self) -> None:
        ours, reader = self.both_ends()
        text = await self.listings.ask(self.nodes("hostname"))
        await self.listings.send(text, ours)
        self.assertTrue(text.is_sent)
        self.assertEqual(text.octets(), self.read_on(text, ours, reader))

    async def test_a_text_whose_reader_sleeps_is_left_to_us_where_it_stopped(self) -> None:
        ours, reader = self.both_ends()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        first = await self.first()
        text = await self.listings.ask(self.nodes())
        await self.listings.send(text, ours)
        self.assertFalse(text.is_sent)
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))
        self.assertEqual(text.octets(), self.read_on(text, ours, reader))
        self.assertEqual(first, self.listings.pid)

    async def test_a_text_whose_reader_is_gone_is_left_to_us(self) -> None:
        ours, reader = self.both_ends()
        first = await self.first()
        text = await self.listings.ask(self.nodes())
        reader.close()
        await self.listings.send(text, ours)
        self.assertFalse(text.is_sent)
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))
        self.assertEqual(first, self.listings.pid)

    async def test_what_was_closed_meanwhile_is_nobodys_to_send(self) -> None:
        ours, reader = self.both_ends()
        text, other = await self.listings.ask(self.nodes()), await self.listings.ask(self.nodes())
        text.close()
        await self.listings.send(text, ours)
        ours.close()
        await self.listings.send(other, ours)
        self.assertEqual((b"", False), (reader.recv(1), other.is_sent))

    async def test_one_that_ends_or_hangs_while_it_sends_leaves_the_text_to_us(self) -> None:
        listings = self.begun(patience=1)
        for sign in (signal.SIGKILL, signal.SIGSTOP):
            pid = await self.first(listings)
            text = await soon(listings, self.nodes())
            os.kill(pid, sign)
            ours, reader = self.both_ends()
            await listings.send(text, ours)
            await until(lambda pid=pid: not runs(pid), "its end")  # type: ignore[misc]  # mypy infers no lambda's default
            self.assertEqual(text.octets(), self.read_on(text, ours, reader))
            await listings.send(text, ours)  # there is no process now, and nothing to send

    async def test_it_keeps_no_file_open_and_neither_do_we(self) -> None:
        ours, reader = self.both_ends()

        async def once() -> int:
            text = await self.listings.ask(self.nodes("hostname"))
            await self.listings.send(text, ours)
            self.assertEqual(text.octets(), self.read_on(text, ours, reader))
            text.close()
            return len(os.listdir("/proc/self/fd"))

        pid = await self.first()
        before = files_of(pid)
        ours_before = await once()
        self.assertEqual([ours_before] * 9, [await once() for _ in range(9)])
        await until(lambda: files_of(pid) == before, "the files of the texts that were sent are closed")

    async def lost_for_want_of_files(self) -> str:
        """What is told to who asks while no further file may be open here."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with self.assertRaises(Lost) as lost:
                await self.listings.ask(self.nodes())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return str(lost.exception)

    async def test_where_no_further_file_may_be_open_it_is_lost_and_comes_when_there_is_room(self) -> None:
        first = await self.first()
        self.assertIn("no further file may be open here", await self.lost_for_want_of_files())
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))
        self.assertEqual(first, self.listings.pid)

    async def test_where_no_further_file_may_be_open_none_is_begun_before_there_is_room(self) -> None:
        self.assertIn("no further file may be open here", await self.lost_for_want_of_files())
        self.assertIsNone(self.listings.pid)
        self.assertEqual(MANY, len(await self.rows(self.listings, self.nodes("hostname"))))

    async def test_it_is_gone_when_it_is_stopped_and_does_not_come_again(self) -> None:
        first = await self.first()
        os.kill(first, signal.SIGSTOP)
        waiting = [self.listings.ask(self.nodes()) for _ in range(2)]
        self.listings.stop()
        self.assertFalse(runs(first))
        for one in (*waiting, self.listings.ask(self.nodes())):
            await self.assertFailure(one, Lost)
        self.assertIsNone(self.listings.pid)

    async def test_it_is_no_business_of_the_keyboards(self) -> None:
        first = await self.first()
        os.kill(first, signal.SIGINT)
        await self.listings.ask(self.nodes())
        self.assertEqual(first, self.listings.pid)

    async def test_it_ends_with_a_service_that_is_killed(self) -> None:
        said = {**os.environ, "PYTHONPATH": str(TREE)}
        with subprocess.Popen([sys.executable, "-c", ASKS, self.path], stdout=subprocess.PIPE, env=said) as service:
            assert service.stdout is not None
            pid = int(service.stdout.readline())
            self.assertTrue(runs(pid))
            service.kill()
        await until(lambda: not runs(pid), "the end of a process whose service was killed")


def files_of(pid: int) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


ASKS = """
import sys
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from planetlab.filters import ALL, Query
from planetlab.registry.listing import Listing
from planetlab.registry.listings import Listings
listings = Listings(sys.argv[1], reactor, deferToThread)
asked = lambda: listings.ask(Listing("Node", Query(ALL), ("hostname",), 0.0))
reactor.callWhenRunning(lambda: asked().addCallback(lambda text: print(listings.pid, flush=True)))
reactor.run()
"""


async def soon(listings: Listings, listing: Listing) -> LongText:
    """The text, of one whose patience may be too short for a process to begin in on a busy machine."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return await listings.ask(listing)
        except Lost:
            if time.monotonic() > end:
                raise


class AtTheDesk(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.path = registry(self.mktemp())
        self.desk = Desk(self.path, "slice", PLC, Greeter(), SetClock(NOW), reactor)  # type: ignore[arg-type]  # the module stands for it
        self.desk.start()
        self.addCleanup(self.desk.stop)
        self.lister = self.desk.lister

    def asked(self, name: str, *args: Any, written: bool = True) -> "Deferred[bytes]":
        """What is sent: as whoever only sends it has it written, or written of what is said here."""
        api = sa.api if name in sa.api else ma.api
        method = api.find(name)

        def thunk() -> Any:
            return dispatch(api, name, args, lambda m, given: self.desk.greet(m, given, ""))

        return self.desk.run(method, thunk, written).addCallback(dumps_answer)

    async def call(self, name: str, *args: Any) -> tuple[bytes, bytes]:
        """What is sent when the answer may be passed on, and what is said here."""
        return await self.asked(name, *args), await self.asked(name, *args, written=False)

    def pid(self) -> int | None:
        assert self.lister is not None
        return self.lister.pid

    async def test_few_rows_are_written_here(self) -> None:
        sent, said = await self.call("GetSites", ADMIN, list(range(1, FEW + 1)))
        self.assertEqual((said, None), (sent, self.pid()))

    async def test_many_rows_are_passed_on_with_the_rights_of_who_asks(self) -> None:
        anybody = {"AuthMethod": "anonymous"}
        for auth in (ADMIN, anybody):
            sent, said = await self.call("GetNodes", auth, {}, ["hostname", "key", "site_id"])
            self.assertEqual(said, sent)
            self.assertEqual(auth is ADMIN, b"secret" in sent)
        self.assertIsNotNone(self.pid())

    async def test_who_may_not_ask_is_refused_before_any_process_is_begun(self) -> None:
        for wrong in ({**ADMIN, "AuthString": "no"}, {"AuthMethod": "anonymous"}):
            with self.assertRaises(PlanetLabError):
                await self.call("GetPersons", wrong)
        self.assertIsNone(self.pid())

    async def test_who_has_written_finds_it_in_the_next_listing(self) -> None:
        for number in range(5):
            await self.call("UpdateSite", ADMIN, 3, {"url": f"https://s3.example/{number}"})
            sent, _ = await self.call("GetSites", ADMIN, {}, ["url"])
            self.assertIn(f"https://s3.example/{number}".encode(), sent)

    async def test_listings_at_once_are_all_answered_while_their_process_is_killed_again_and_again(self) -> None:
        for _ in range(4):
            waiting = [ensureDeferred(self.call("GetSites", ADMIN)) for _ in range(3)]
            pid = self.pid()
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):  # of the round before, and buried meanwhile
                    os.kill(pid, signal.SIGKILL)
            for sent, said in [await each for each in waiting]:
                self.assertEqual(said, sent)

    async def test_short_calls_are_answered_while_listings_wait_for_their_process(self) -> None:
        await self.asked("GetSites", ADMIN)
        pid = self.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        answered: list[bytes] = []
        waiting = [self.asked("GetSites", ADMIN).addCallback(answered.append) for _ in range(READERS + 1)]
        for _ in range(3):
            self.assertEqual(dumps_answer(1), await self.asked("AuthCheck", ADMIN))
        self.assertEqual([], answered)
        os.kill(pid, signal.SIGCONT)
        await gatherResults(waiting)
        self.assertEqual([MANY + 1] * len(waiting), [len(loads_answer(sent)) for sent in answered])  # and the founder's

    async def test_without_the_process_listings_are_written_here(self) -> None:
        assert self.lister is not None
        self.lister.stop()
        sent, said = await self.call("GetSites", ADMIN)
        self.assertEqual((said, None), (sent, self.pid()))

    async def test_where_no_further_file_may_be_open_they_are_written_here(self) -> None:
        await self.asked("AuthCheck", ADMIN)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        sent = await self.asked("GetSites", ADMIN)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual((MANY + 1, None), (len(loads_answer(sent)), self.pid()))

    async def test_what_cannot_be_said_is_the_same_error(self) -> None:
        self.desk.job_now(lambda store: store.change("UPDATE sites SET max_slices = ? WHERE site_id = 9", [2**40]))
        with self.assertRaises(OverflowError):
            await self.call("GetSites", ADMIN)
