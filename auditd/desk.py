"""The desk where strangers' cases are opened, forwarded, answered and closed."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from auditd import cases, letters, tell
from auditd.answers import Answers
from auditd.asking import read_network
from auditd.books import Books, Outgoing
from auditd.cases import Case, Event, State
from auditd.pauses import Paused, Pauses
from auditd.question import Question
from auditd.settings import Settings
from planetlab import prefixes
from planetlab.alone import Alone
from planetlab.errors import BadArgument, Forbidden, NotFound, Unavailable, Unreachable
from planetlab.mail import Relay

MOST_FLOWS = 500  # that go with a case
_PAUSE, _LONGEST = 30.0, 3600.0  # seconds between two tries of a letter
_log = Logger()


@define(eq=False)
class Desk:
    """Cases of one node. ``relay`` None: letters are kept until there is one."""

    settings: Settings
    answers: Answers
    books: Books
    pauses: Pauses | None
    relay: Relay | None = None
    optouts: Callable[[], Sequence[str]] = tuple  # prefixes that want nothing from any node, as last heard
    _sending: Alone = field(factory=lambda: Alone("the sending of letters"), init=False)
    _left: dict[tuple[str, str], tuple[str, ...]] = field(
        factory=dict, init=False
    )  # whom the relay wants to take later

    def complain(self, form: dict[str, str], viewer: str, now: float, steady: int) -> Case:
        """Open a case. Raises what `cases` raises for a form that will not do."""
        widest = prefixes.around(viewer)
        about = read_network(form.get("about", "").strip() or viewer, "about")
        message = cases.read_words(form.get("message", ""), "message", needed=True)
        reply_to = cases.read_reply_to(form.get("reply_to", ""))
        self._one_more(str(widest), cases.COMPLAINTS_A_DAY, "complaints of one network", now)
        case = self._case(str(widest), str(about), now, steady, message=message, reply_to=reply_to)
        self.books.keep(case, Event(now, "stranger", "complained", message), "new")
        return case

    def pause(self, form: dict[str, str], viewer: str, now: float, steady: int) -> Case:
        """Pause what slices send to the viewer's own network. Raises `Unavailable` where that cannot be done."""
        if self.pauses is None:
            raise Unavailable("pausing is switched off on this node; write to us instead")
        network = prefixes.own_network(form.get("prefix", ""), viewer, "prefix")
        hours = cases.read_hours(form.get("hours", ""))
        widest = str(prefixes.around(viewer))
        recent = self.books.opened_since(now - cases.DAY, widest, pauses=True)
        cases.within(recent, cases.PAUSES_A_DAY, "pauses of one network")
        cases.within(len(self.books.paused(now)), cases.MOST_PAUSES, "pauses in force")
        self._one_more(widest, cases.COMPLAINTS_A_DAY + cases.PAUSES_A_DAY, "requests of one network", now)
        case = self._case(widest, str(network), now, steady, pause_until=now + hours * 3600)
        self.books.keep(case, Event(now, "stranger", f"paused {network} for {hours:g} hours"), "new")
        self.enforce(now)
        return case

    def _one_more(self, network: str, most: int, what: str, now: float) -> None:
        cases.within(self.books.opened_since(now - cases.DAY, network), most, what)
        cases.within(self.books.opened_since(now - cases.DAY), cases.MOST_A_DAY, "requests of everybody")

    def _case(self, network: str, about: str, now: float, steady: int, **more: Any) -> Case:
        audit = self.answers.audit
        audit.show(steady)
        to = read_network(about, "about")
        found = audit.hour.ask(Question(to=to, since=audit.last_hour(steady).since))
        latest = found[found["last"].argsort(kind="stable")[::-1]][:MOST_FLOWS]
        flows = tuple(tell.flows(latest, audit.owners))
        slices = dict.fromkeys((flow["slice"], flow["authority"]) for flow in flows if flow["kind"] == "slice")
        day = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")
        number = f"{day}-{self.books.opened_since(0.0) + 1:04d}-{token_urlsafe(3)}"
        return Case(
            number=number,
            token=token_urlsafe(24),
            owner_token=token_urlsafe(24),
            opened=now,
            network=network,
            about=prefixes.shown(to),
            slices=tuple(slices),
            flows=flows,
            deadline=now + cases.ANSWER_WITHIN,
            **more,
        )

    def find(self, token: str, now: float) -> tuple[Case, bool]:
        """The case that a token opens, and whether for its owner, who has thereby seen it. Raises `NotFound`."""
        found = self.books.by_token(token) if len(token) <= 64 else None
        if found is None:
            raise NotFound("expected the link of a case; there is none of this one", "case")
        case, owner = found
        if owner and case.state in (State.NEW, State.FORWARDED):
            case = self._become(case, State.SEEN, Event(now, "owner", "opened the case"))
        return case, owner

    def act(self, token: str, form: dict[str, str], now: float) -> Case:
        """Do what a case's page offers: say, answer, close, lift. Raises for what this reader may not."""
        case, owner = self.find(token, now)
        who, does = "owner" if owner else "stranger", form.get("do", "")
        if does == "close":
            return self._become(case, State.CLOSED, Event(now, who, "closed the case"))
        if does == "lift" and case.paused(now):
            lifted = evolve(case, pause_until=now)
            self.books.keep(lifted, Event(now, who, "ended the pause"))
            self.enforce(now)
            return lifted
        if does in ("say", "answer"):
            text = cases.read_words(form.get("text", ""), "text", needed=True)
            if len(self.books.events(case.number)) >= 100:
                raise Forbidden("expected at most 100 entries in a case; write to each other by mail")
            if owner:
                return self._become(case, State.ANSWERED, Event(now, who, "answered", text), "answered")
            return self._become(case, case.state, Event(now, who, "added", text))
        raise BadArgument("expected one of close, lift, say", "do")

    def _become(self, case: Case, state: State, event: Event, *due: str) -> Case:
        changed = evolve(case, state=state)
        self.books.keep(changed, event, *due)
        return changed

    def look(self, now: float) -> None:
        """What time brings: overdue cases, letters to send, pauses that ended."""
        for case in self.books.unanswered():
            if case.overdue(now):
                reminded = evolve(case, deadline=now + cases.ANSWER_WITHIN)
                self.books.keep(reminded, Event(now, "audit", "is overdue; the operators were reminded"), "overdue")
        self.books.forget(now)
        self._sending.begin(lambda: self._send(now))

    async def _send(self, now: float) -> None:
        for due in self.books.due(now):
            await self._send_one(due, now)

    async def _send_one(self, due: Outgoing, now: float) -> None:
        case = self.books.by_number(due.number)
        written = letters.letter(self.settings, case, due.kind, self.books.events(due.number))
        if written is None or self.relay is None:
            self.books.later(due, now + _LONGEST)
            return
        host, kept = self.settings.node, (due.number, due.kind)
        if left := self._left.get(kept):  # the others have it
            written = evolve(written, to=left, cc=())
        try:
            left = await self.relay.send(written, now, f"<{case.number}.{due.kind}@{host}>")
        except Unreachable as error:
            _log.warn("a letter of case {number} waits: {error}", number=due.number, error=error)
            self.books.later(due, now + min(_PAUSE * 2**due.tries, _LONGEST))
            return
        except BadArgument as error:
            _log.error("a letter of case {number} was refused: {error}", number=due.number, error=error)
            self.books.sent(due, now)
            self.books.keep(case, Event(now, "audit", "could not be forwarded: the mail server refused the letter"))
            return
        if left:
            self._left[kept] = left
            self.books.later(due, now + min(_PAUSE * 2**due.tries, _LONGEST))
        else:
            self._left.pop(kept, None)
            self.books.sent(due, now)
        if due.kind == "new":
            state = State.FORWARDED if case.state is State.NEW else case.state
            count = len(written.recipients) - len(left)
            self._become(case, state, Event(now, "audit", f"wrote to {count} role address{'' if count == 1 else 'es'}"))

    def enforce(self, now: float) -> None:
        """Let the kernel keep the pauses that are in force."""
        if self.pauses is not None:
            in_force = [Paused(case.about, round(case.pause_until - now)) for case in self.books.paused(now)]
            Deferred.fromCoroutine(self.pauses.put(in_force, self.optouts())).addErrback(
                lambda failure: _log.failure("pauses", failure)
            )
