"""Short reads are done in the reactor's thread; what takes longer than others may wait begins again elsewhere."""

import threading
import time
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mgmt_authority import service as ma
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter
from planetlab.both.hurrying import COMPUTING, SECONDS, SHUNNED, Hurry, form_of
from planetlab.both.passwords import md5_crypt
from planetlab.calls import Call, dispatch
from planetlab.clock import SetClock
from planetlab.errors import BadArgument, NotAuthenticated
from planetlab.methods import Api, Role
from planetlab.records.sites import SITE
from planetlab.registry.store import SHORT, Store, TooLong
from planetlab.xmlrpc import dumps_answer
from slice_authority import service as sa
from tests.registry.test_lister import PLC, registry
from tests.registry.world import ADMIN, NOW

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT count(*) AS c FROM n"

api = Api()
places: list[str] = []


def here() -> None:
    """Note which thread is at work."""
    places.append("reactor" if threading.current_thread() is threading.main_thread() else "another")


@api.method(Role.ADMIN, reads=True)
def Short(call: Call, said: int = 0) -> int:
    """Do next to nothing."""
    here()
    return said


@api.method(Role.ADMIN, reads=True)
def Rows(call: Call, most: int) -> list[Any]:
    """Read some rows."""
    here()
    found = call.store.ask("SELECT site_id FROM sites LIMIT ?", [most])
    call.store.must_have_time(len(found))
    return [row["site_id"] for row in found]


@api.method(Role.ADMIN, reads=True)
def Steps(call: Call) -> int:
    """Keep SQLite busy."""
    here()
    return int(call.store.ask(ENDLESS)[0]["c"])


@api.method(Role.ADMIN, reads=True)
def Computes(call: Call) -> int:
    """Compute for longer than a short read may."""
    here()
    end = time.thread_time() + 3 * SECONDS
    while time.thread_time() < end:
        pass
    return 1


@api.method(Role.ADMIN, reads=True)
def Writes(call: Call) -> str:
    """Find that something must be written."""
    here()
    call.store.must_write()
    call.store.change("UPDATE sites SET url = 'https://x.example/' WHERE site_id = 2")
    return threading.current_thread().name


@api.method(Role.ADMIN, reads=True)
def Refuses(call: Call) -> int:
    """Refuse."""
    here()
    raise BadArgument("no", "said")


class Reads(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.path = registry(self.mktemp())
        self.desk = Desk(self.path, "management", PLC, Greeter(), SetClock(NOW), reactor)  # type: ignore[arg-type]  # the module stands for it
        self.desk.start()
        self.addCleanup(self.desk.stop)
        places.clear()

    def asked(self, name: str, *args: Any, auth: Any = ADMIN, of: Api = api) -> "Deferred[Any]":
        given = (auth, *args)
        return self.desk.run_written(
            of.find(name), lambda: dispatch(of, name, given, lambda method, all_: self.desk.greet(method, all_, "::1"))
        )

    async def placed(self, name: str, *args: Any) -> list[str]:
        """Where a call was done, one place for each time it began."""
        places.clear()
        await self.asked(name, *args)
        return list(places)

    async def test_a_short_read_is_done_where_it_came(self) -> None:
        await self.asked("Short")  # a password that is not known yet is checked elsewhere
        self.assertEqual(["reactor"], await self.placed("Short", 1))

    async def test_many_rows_begin_again_elsewhere_with_the_same_answer(self) -> None:
        await self.asked("Short")
        self.assertEqual(["reactor"], await self.placed("Rows", SHORT))
        places.clear()
        answer = await self.asked("Rows", SHORT + 1)
        self.assertEqual(["reactor", "another"], places)
        self.assertEqual(dumps_answer(list(range(1, SHORT + 2))), dumps_answer(answer))

    async def test_a_statement_of_many_steps_is_stopped_and_begins_again_elsewhere(self) -> None:
        await self.asked("Short")
        self.assertEqual(["reactor", "another"], await self.placed("Steps"))
        self.assertEqual(200000, await self.asked("Steps"))

    async def test_the_next_of_a_form_that_was_long_go_elsewhere_at_once_and_others_do_not(self) -> None:
        await self.asked("Short")
        await self.asked("Steps")
        self.assertEqual(["another"], await self.placed("Steps"))
        self.assertEqual(["reactor"], await self.placed("Short"))

    async def test_two_in_a_row_that_compute_for_long_are_too_long(self) -> None:
        await self.asked("Short")
        self.assertEqual([["reactor"], ["reactor"], ["another"]], [await self.placed("Computes") for _ in range(3)])

    async def test_one_that_finds_that_it_must_write_is_done_by_the_writer(self) -> None:
        await self.asked("Short")
        places.clear()
        self.assertIn("registry-writer", await self.asked("Writes"))
        self.assertEqual(["reactor", "another"], places)
        url = self.desk.look_now(lambda store: store.find(SITE, 2, ("url",)))
        self.assertEqual({"url": "https://x.example/"}, url)

    async def test_a_refusal_is_a_refusal_and_not_begun_again(self) -> None:
        await self.asked("Short")
        places.clear()
        with self.assertRaises(BadArgument):
            await self.asked("Refuses")
        self.assertEqual(["reactor"], places)

    async def test_no_password_is_computed_in_the_reactors_thread(self) -> None:
        slow = md5_crypt("right", "saltsalt")
        await self.desk.job_of_both(lambda store: store.change("UPDATE persons SET password = ?", [slow]))
        for said, refused in (("wrong", True), ("right", False)):
            auth = {"AuthMethod": "password", "Username": ADMIN["Username"], "AuthString": said}
            call, answered = self.asked("Short", auth=auth), list[Any]()
            call.addBoth(lambda answer, answered=answered: answered.append(answer) or answer)
            self.assertEqual([], answered, "it waits for another thread")
            if refused:
                await self.assertFailure(call, NotAuthenticated)
            else:
                self.assertEqual(0, await call)

    async def test_who_cannot_have_the_file_at_once_waits_elsewhere(self) -> None:
        await self.asked("Short")
        self.desk._local.hurried.close()  # as a file that cannot be read at this moment
        self.assertEqual(["another"], await self.placed("Short"))

    async def test_what_is_committed_is_seen(self) -> None:
        await self.asked("Short")
        for number in range(5):
            named = {"name": f"name {number}"}
            await self.desk.job_of_both(partial(Store.update, record=SITE, key=3, values=named))
            answer = await self.asked("GetSites", [3], ["name"], of=ma.api)
            self.assertEqual(dumps_answer([named]), dumps_answer(answer))


class Forms(SynchronousTestCase):
    def test_calls_that_ask_alike_are_of_one_form(self) -> None:
        get = ma.api["GetNodes"]

        def form(*args: Any) -> Any:
            return form_of(get, (ADMIN, *args))

        self.assertEqual(form({"hostname": "a"}), form({"hostname": "b"}))
        self.assertEqual(form([1]), form(["a", "b"]))
        different = [form(), form(None), form(1), form("a"), form([1]), form({"hostname": "a"})]
        different += [form({"site_id": 1}), form({str(n): n for n in range(100)}), form({}, [])]
        self.assertEqual(len(different), len(set(different)))

    def test_one_that_was_long_is_tried_again_after_a_thousand(self) -> None:
        hurry, refused = Hurry(), 0
        hurry.was_long(("a",))
        for _ in range(SHUNNED):
            with self.assertRaises(TooLong):
                hurry.must_be_short(("a",))
            hurry.must_be_short(("b",))
            refused += 1
        hurry.must_be_short(("a",))
        hurry.must_be_short(("a",))
        self.assertEqual(SHUNNED, refused)

    def test_one_slow_moment_is_forgiven(self) -> None:
        hurry = Hurry()
        for seconds in (1.0, 0.0, 1.0, 0.0):
            hurry.took(("a",), seconds)
            hurry.must_be_short(("a",))
        hurry.took(("a",), 1.0)
        hurry.took(("a",), 1.0)
        with self.assertRaises(TooLong):
            hurry.must_be_short(("a",))

    def test_no_caller_fills_the_memory_with_forms(self) -> None:
        hurry = Hurry()
        for number in range(5000):
            hurry.was_long((number,))
            hurry.took((number,), 1.0)
        self.assertLess(len(hurry._long) + len(hurry._slow), 3000)

    def test_what_computes_is_there(self) -> None:
        self.assertEqual(set(), COMPUTING - set(ma.api) - set(sa.api))
        self.assertTrue(all((sa.api | ma.api)[name].reads for name in COMPUTING))
