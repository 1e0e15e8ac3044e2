"""Where calls meet the registry: one call is one transaction, writes go through one thread, and each leaves an event.

A reader that finds it must write begins again as a writer. A password whose check is slow is checked outside of the
transaction, and the call begins again. When the disk is slow, writers wait and readers do not. A listing of many rows
is written by a process of its own, in a transaction that begins after the call's: nobody waits for its processor time.
A short read is done in the reactor's thread, to which it came, and begins again as another reader when it is not short.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from planetlab.both import passwords
from planetlab.both.callers import NodeCaller, PersonCaller
from planetlab.both.greeting import FailedNode, Greeter, SlowPassword
from planetlab.both.hurrying import COMPUTING, Hurry, form_of
from planetlab.calls import Call
from planetlab.errors import DatabaseError
from planetlab.failpoints import NAMES, failpoint
from planetlab.long_text import LongText
from planetlab.methods import Method
from planetlab.registry import answers, events
from planetlab.registry.listing import Listing
from planetlab.registry.listings import Listings, Lost
from planetlab.registry.opening import Connection, connect, connect_at_once, connect_hurried
from planetlab.registry.plc import Plc
from planetlab.registry.store import KeptRefusal, NeedsWriter, Store, TooLong
from planetlab.xmlrpc import Written

log = Logger()

# What these write is worth less than the wait for the disk: a power cut may lose the last of it.
_NOT_WORTH_THE_WAIT = {"GetSlivers", "ReportRunlevel", "BootNotifyOwners"}
# Copies of peers' objects are neither half's own nouns, and these deletions take with them, by foreign keys, what
# belongs to the other half: they write the tables of both. A site's new persons get their names by it.
_OF_BOTH_HALVES = {
    "AdmUpdateSite",
    "BindObjectToPeer",
    "DeleteAllPeerEntries",
    "DeleteNodeGroup",
    "DeletePeer",
    "DeleteRole",
    "DeleteTagType",
    "UnBindObjectFromPeer",
    "UpdateSite",
}
_FAILPOINTS = {
    "AddSlice": "create",
    "SliceCreate": "create",
    "DeleteSlice": "delete",
    "SliceDelete": "delete",
    "UpdateSlice": "renew",
    "SliceRenew": "renew",
}
_KINDS = dict.fromkeys(_NOT_WORTH_THE_WAIT, "soft") | dict.fromkeys(_OF_BOTH_HALVES, "copies")
READERS = 2  # threads; long listings are not theirs


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since the epoch."""


class Desk:
    """The registry's file as one half of a PLC works on it."""

    def __init__(
        self, path: str, half: str, plc: Plc, greeter: Greeter, clock: Clock, reactor: IReactorFromThreads | None = None
    ) -> None:
        self._path, self._half, self._plc, self._greeter, self._clock = path, half, plc, greeter, clock
        self._reactor = reactor
        self._local = threading.local()
        self._shared = connect(path, half) if path == ":memory:" else None
        self._writer = ThreadPool(1, 1, "registry-writer")
        self._readers = ThreadPool(READERS, READERS, "registry-readers")
        self._slow = ThreadPool(0, 1, "passwords")
        self._asking = ThreadPool(0, 1, "registry-listings")
        self.lister = None
        if reactor is not None and not self._shared:
            self.lister = Listings(path, reactor, lambda work: self._in(self._asking, work))
        self._hurry = Hurry()
        self._opened: list[Connection] = []
        self.failed_node: Callable[[Store, FailedNode], None] | None = None

    def start(self) -> None:
        """Begin to take calls."""
        for pool in (self._writer, self._readers, self._slow, self._asking):
            pool.start()
        if self.lister is not None:  # where no further file may be open later on, listings are still written
            self._spare = connect_at_once(self._path, self._half)
            self._opened.append(self._spare)

    def stop(self) -> None:
        """Let the calls at hand end, then close the file."""
        if self.lister is not None:
            self.lister.stop()
        for pool in (self._asking, self._readers, self._slow, self._writer):
            pool.stop()
        for connection in self._opened:
            connection.close()

    # the two hooks of the API's resource

    def greet(self, method: Method, args: tuple[Any, ...], address: str, key: str = "") -> Call:
        """Recognise the caller, within the transaction that `run` or `run_now` has opened in this thread.

        A call that writes and comes with a ``key`` is done once: tried again, it gets the first answer.
        """
        store: Store = self._local.store
        if store.hurries:
            self._local.form = form_of(method, args)
            self._hurry.must_be_short(self._local.form)
        call = self._greeter.greet(method, args, store, address)
        self._local.call, self._local.args = call, args
        if key and not method.reads:
            self._local.key = answers.name(call.caller, method.name, args[1:], key)
            answers.must_be_new(store, self._local.key)
        if not method.reads:
            failpoint("write.greeted")
        return call

    def greet_by(self, recognise: Callable[[Store], Call]) -> Call:
        """As `greet`, for an interface whose callers show who they are by other signs than an auth struct.

        Arguments of such calls are papers, and are not kept with the call's event.
        """
        call = recognise(self._local.store)
        self._local.call, self._local.args = call, ()
        return call

    def run(self, method: Method, thunk: Callable[[], Any], written: bool = False) -> "Deferred[Any]":
        """Run ``thunk`` (greeting, checks and body of one call) as one transaction in a thread.

        With ``written`` structs and arrays come as the text that is sent, made in that thread: others are served
        meanwhile.
        """
        found = self._once(method, thunk, written).addErrback(self._again, method, thunk, written)
        return found.addCallback(self._listed)

    def run_written(self, method: Method, thunk: Callable[[], Any]) -> "Deferred[Any]":
        """As `run`, for who only sends the answer; a short read is done in this thread, the reactor's."""
        return self.run(method, thunk, written=True)

    def _once(self, method: Method, thunk: Callable[[], Any], written: bool) -> "Deferred[Any]":
        if not method.reads:
            return self._as_writer(method, thunk, written)
        if written and self._shared is None and method.name not in COMPUTING:
            try:
                return succeed(self._hurried(thunk))
            except TooLong:
                pass  # it is for those who have time
            except Exception:  # a refusal, or who else has to do it, told as a thread tells it
                return fail()
        return self._in(self._readers, lambda: _ready(self._read(thunk, written), written))

    def _hurried(self, thunk: Callable[[], Any]) -> Any:
        """A read that others wait for, in the calling thread. Raises `TooLong`."""
        self._local.form, began = None, time.thread_time()
        try:
            answer = _ready(self._read(thunk, True, "hurried"), True)
        except TooLong:
            if self._local.form:
                self._hurry.was_long(self._local.form)
            raise
        except sqlite3.Error as error:  # the file could not even be opened
            raise TooLong from error
        if self._local.form:
            self._hurry.took(self._local.form, time.thread_time() - began)
        return answer

    def _as_writer(self, method: Method, thunk: Callable[[], Any], written: bool) -> "Deferred[Any]":
        return self._in(self._writer, lambda: _ready(self._write(method.name, thunk), written))

    def run_now(self, method: Method, thunk: Callable[[], Any]) -> Any:
        """The same, in the calling thread; for tests and commands."""
        try:
            return self._read(thunk) if method.reads else self._write(method.name, thunk)
        except SlowPassword as slow:
            self._check(slow)
            return self.run_now(method, thunk)
        except NeedsWriter:
            return self._write(method.name, thunk)

    def job(self, work: Callable[[Store], Any]) -> "Deferred[Any]":
        """Run ``work`` of our own, no caller's, as one transaction of the writer."""
        return self._in(self._writer, lambda: self._write("", lambda: work(self._local.store)))

    def job_of_both(self, work: Callable[[Store], Any]) -> "Deferred[Any]":
        """As `job`, on a connection that may write the tables of both halves: for copies of peers' objects.

        A power cut may lose the last of it, and the next refresh brings it back: the disk is not waited for.
        """
        return self._in(self._writer, lambda: self._write("", lambda: work(self._local.store), "copied"))

    def look(self, work: Callable[[Store], Any]) -> "Deferred[Any]":
        """Run ``work`` of our own that only reads."""
        return self._in(self._readers, lambda: self._read(lambda: work(self._local.store)))

    def look_now(self, work: Callable[[Store], Any]) -> Any:
        """As `look`, in the calling thread."""
        return self._read(lambda: work(self._local.store))

    def job_now(self, work: Callable[[Store], Any]) -> Any:
        """As `job`, in the calling thread."""
        return self._write("", lambda: work(self._local.store))

    def _again(self, failure: Failure, method: Method, thunk: Callable[[], Any], written: bool) -> Any:
        failure.trap(SlowPassword, NeedsWriter)
        slow = failure.value
        if isinstance(slow, SlowPassword):
            checked = self._in(self._slow, lambda: self._check(slow))
            again = checked.addCallback(lambda _: self._once(method, thunk, written))
            return again.addErrback(self._needs_writer, method, thunk, written)
        return self._as_writer(method, thunk, written)

    def _needs_writer(self, failure: Failure, method: Method, thunk: Callable[[], Any], written: bool) -> Any:
        failure.trap(NeedsWriter)
        return self._as_writer(method, thunk, written)

    def _listed(self, answer: Any) -> Any:
        if not isinstance(answer, Listing):
            return answer
        assert self.lister is not None, "only who has a lister passes listings on"
        return self.lister.ask(answer).addCallbacks(self._theirs, self._ours, errbackArgs=(answer,))

    def _theirs(self, text: LongText) -> Written:
        assert self.lister is not None, "it wrote the text"
        text.hand_over = self.lister.send
        return Written([text])

    def _ours(self, failure: Failure, listing: Listing) -> "Deferred[Written]":
        """A listing that the other process did not write, written here."""
        failure.trap(Lost)
        log.warn("a listing of {record} is written here: {why}", record=listing.record, why=failure.getErrorMessage())
        return self._in(
            self._asking,
            lambda: self._read(lambda: Written(listing.written(self._local.store.db, keeps=True)), kind="spare"),
        )

    def _check(self, slow: SlowPassword) -> None:
        now = self._clock.now()
        if not passwords.fits(slow.stored, slow.password):
            self._greeter.guesses.refuse(slow.stored, slow.password, now)
            return
        self._greeter.guesses.right(slow.stored, slow.password, slow.name, slow.address, now)

    def _in(self, pool: ThreadPool, work: Callable[[], Any]) -> "Deferred[Any]":
        assert self._reactor is not None, "a desk without a reactor has run_now only"
        return deferToThreadPool(self._reactor, pool, work)

    # one transaction

    def _read(self, thunk: Callable[[], Any], written: bool = False, kind: str = "reads") -> Any:
        db = self._connection(kind)
        db.looks = 0
        store = self._open(db, reads_only=True)
        store.hurries = kind == "hurried"
        store.for_wire = written
        store.passes_on = written and self.lister is not None
        db.execute("BEGIN")
        try:
            return thunk()
        except FailedNode as failed:
            db.rollback()
            self._tell(failed)
            raise
        except sqlite3.Error as error:
            if store.hurries:  # stopped, or kept waiting
                raise TooLong from error
            raise _incident(error) from error
        finally:
            db.rollback()
            store.touched.clear()

    def _write(self, name: str, thunk: Callable[[], Any], kind: str = "") -> Any:
        db = self._connection(kind or _KINDS.get(name, "writes"))
        store = self._open(db)
        point = _FAILPOINTS.get(name, "")
        try:
            db.execute("BEGIN IMMEDIATE")
            _pass(name, point, "begun")
            result = thunk()
            _pass(name, "", "done")
            if self._local.key and not isinstance(result, Awaitable):  # what is done afterwards may be done again
                answers.keep(store, self._local.key, result)
            if name and (store.touched or store.message):
                self._record(store, name)
            _pass(name, point, "before-commit")
            db.execute("COMMIT")
        except FailedNode as failed:
            db.rollback()
            self._tell(failed)
            raise
        except sqlite3.Error as error:
            db.rollback()
            raise _incident(error) from error
        except answers.Answered as before:
            db.rollback()
            return before.value
        except KeptRefusal:
            self._record(store, name)
            db.execute("COMMIT")
            raise
        except BaseException:
            db.rollback()
            raise
        _pass(name, point, "after-commit")
        return result

    def _open(self, db: Connection, reads_only: bool = False) -> Store:
        store = Store(db, self._clock.now(), self._plc, reads_only)
        self._local.store, self._local.call, self._local.args, self._local.key = store, None, (), ""
        return store

    def _record(self, store: Store, name: str) -> None:
        call: Call | None = self._local.call
        caller = call.caller if call else None
        events.record(
            store,
            name,
            self._local.args,
            caller.person_id if isinstance(caller, PersonCaller) else None,
            caller.node_id if isinstance(caller, NodeCaller) else None,
            call.auth_method if call else "",
            max(0.0, self._clock.now() - store.now),
        )

    def _tell(self, failed: FailedNode) -> None:
        tell = self.failed_node
        if tell is None:
            return
        if self._shared is not None or threading.current_thread().name.startswith("PoolThread-registry-writer"):
            self._write("", lambda: tell(self._local.store, failed))
        elif self._reactor is not None:
            self._reactor.callFromThread(lambda: self.job(lambda store: tell(store, failed)).addErrback(_logged))
        else:
            self._write("", lambda: tell(self._local.store, failed))

    def _connection(self, kind: str) -> Connection:
        if self._shared is not None:
            return self._shared
        if kind == "spare":  # of the one thread that writes listings
            return self._spare
        there: Connection | None = getattr(self._local, kind, None)
        if there is None:
            half = "both" if kind in ("copies", "copied") else self._half
            if kind == "hurried":
                there = connect_hurried(self._path, half)
            else:
                there = connect(self._path, half, reads_only=kind == "reads", durable=kind in ("writes", "copies"))
            setattr(self._local, kind, there)
            self._opened.append(there)
        return there


def _pass(name: str, point: str, place: str) -> None:
    """Pass the failpoints of a call that writes: its own kind's, if it has one, and those of every call."""
    if point and f"{point}.{place}" in NAMES:
        failpoint(f"{point}.{place}")
    if name:
        failpoint(f"write.{place}")


def _ready(answer: Any, written: bool) -> Any:
    return Written.of(answer) if written and isinstance(answer, list | dict) else answer


def _incident(error: sqlite3.Error) -> DatabaseError:
    number = secrets.token_hex(4)
    log.failure("incident {incident} of the registry", Failure(error), incident=number)
    if "full" in str(error):
        return DatabaseError(f"the registry's disk is full; its operator must make room (reference {number})")
    return DatabaseError(f"please contact support, reference {number}")


def _logged(failure: Failure) -> None:
    log.failure("a job of the registry failed", failure)
