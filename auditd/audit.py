"""The audit itself: what the capture and the node manager say goes in, what readers ask comes out.

Rows wait until the node manager has told who owned what up to their last moment, `WAIT` at most; so a tag that changes
hands is never charged to the wrong slice. Nothing in here reads a socket, a file or a clock: microseconds of the steady
clock and of the wall clock are handed in together.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
from attrs import define, field

from auditd import rows
from auditd.clean import line
from auditd.flows import Flows
from auditd.gaps import Gap, Gaps, Lack
from auditd.hour import HOUR, Hour
from auditd.owners import FIRST, Kind, Owners, Sender, read_tag
from auditd.question import Question
from auditd.rows import Rows
from auditd.stream import UNHEARD, Heard, Message
from auditd.timeline import Timeline

WAIT = 3_000_000  # microseconds that rows wait for the node manager
MOST_WAITING = 500_000  # rows
SILENT = 2_000_000  # microseconds without a beat after which the capture counts as gone
_KEEP_WINDOWS = int(2 * HOUR * 1e6)


@define
class Audit:
    """One node's audit."""

    flows: Flows
    owners: Owners = field(factory=Owners)
    hour: Hour = field(factory=Hour)
    timeline: Timeline = field(factory=Timeline)
    gaps: Gaps = field(factory=Gaps)
    hello: dict[str, Any] = field(factory=dict, init=False)  # what the capture said of itself
    through: int = field(default=0, init=False)  # steady microseconds up to which the capture delivered
    heard: int = field(default=0, init=False)  # when it was last heard of
    counts: dict[str, int] = field(factory=dict, init=False)  # of all captures since the start
    owners_error: str = field(default="", init=False)  # why the node manager did not answer, "" when it did
    arrived: list[Rows] = field(factory=list, init=False)  # steady times; not in the journal yet
    ended: list[Rows] = field(factory=list, init=False)  # wall times; not in the journal yet
    _waiting: deque[Rows] = field(factory=deque, init=False)
    _waiting_rows: int = field(default=0, init=False)
    blocks: dict[str, int] = field(factory=dict, init=False)  # by interface, how far in its ring the capture came
    heard_of: Heard = field(default=UNHEARD, init=False)  # the last message that came
    _why: str = field(default="the capture was restarted", init=False)  # why nothing was seen until a capture begins
    _told: dict[str, int] = field(factory=dict, init=False)  # the counters of the capture that runs
    _shown: int = field(default=0, init=False)

    def clock(self, steady: int, wall: int) -> None:
        """Note both clocks."""
        moved = self.timeline.observe(steady, wall)
        if moved:
            self.gaps.add(Gap(Lack.CLOCK, min(wall, wall - moved), max(wall, wall - moved), _step_told(moved)))

    # What the capture says

    def resumes(self, through: int, heard: Heard) -> None:
        """An earlier run of the audit had everything up to ``through`` (steady), the message ``heard``."""
        self.through, self.heard_of, self._why = through, heard, "the audit was not running"

    def begins(self, message: Message, steady: int) -> int:
        """A capture has started, or has gone on while the audit was away.

        Gives the number of the last message of it that is known already.
        """
        facts = self.hello = message.facts
        run = int(str(facts.get("run", "")) or "0", 16) >> 1  # as large as a database takes
        since, self._told, self.heard = self.through, {}, steady
        if same := bool(run) and run == self.heard_of.run:
            self._told = {name: value for name, value in facts.get("counts", {}).items() if isinstance(value, int)}
            self._declare(Lack.RESTART, since, steady, f"{self._why}; the capture went on, and nothing is missing")
        elif since:
            reason = self._why
            if facts.get("adopted"):  # its ring went on: what it had read and not told is missing
                self._declare(Lack.LOSS, since, steady, f"{reason}; some of what it saw then is missing")
            else:
                self.blind(since, steady, reason)
        else:
            self.blind(steady - int(HOUR * 1e6), steady, "the audit had not begun")
        if not same:
            self.heard_of, self.through = Heard(run, 0), steady
        self._why = "the capture was restarted"
        if (own := self.hello.get("cgroup")) and isinstance(own, int):
            self.owners.own_tags.add(own)
        self._links(self.hello.get("links"))
        return self.heard_of.message

    def counted(self, message: Message) -> None:
        """Rows came."""
        self._hears(message)
        found = message.rows
        self.arrived.append(found)
        self._waiting.append(found)
        self._waiting_rows += len(found)

    def beats(self, message: Message, steady: int) -> None:
        """The capture lives, and tells what it lost."""
        self._hears(message)
        facts = message.facts
        until = int(facts.get("through", steady))
        new = {name: value for name, value in facts.items() if isinstance(value, int) and name != "through"}
        more = {name: value - self._told.get(name, 0) for name, value in new.items()}
        for name, value in more.items():
            self.counts[name] = self.counts.get(name, 0) + value
        self._lacks(more, self.timeline.wall(self.through or until), self.timeline.wall(until))
        self._told, self.heard, self.through = new, steady, max(until, self.through)
        self.blocks = facts.get("blocks", {})
        self._links(facts.get("links"))

    def _lacks(self, more: dict[str, int], since: int, until: int) -> None:
        if more.get("dropped", 0) > 0:
            self.gaps.add(Gap(Lack.LOSS, since, until, "the capture could not keep up", more["dropped"]))
        if more.get("unread", 0) > 0:
            reason = "too many odd packets to take apart: counted under their sender only"
            self.gaps.add(Gap(Lack.COARSE, since, until, reason, more["unread"]))
        if more.get("folded", 0) > 0:
            reason = "too many flows at once: the smallest counted under their sender only"
            self.gaps.add(Gap(Lack.COARSE, since, until, reason, more["folded"]))

    def _links(self, told: object) -> None:
        for index, name in told.items() if isinstance(told, dict) else ():
            if index.isdigit() and isinstance(name, str):
                self.owners.link(int(index), line(name, 64))

    def _hears(self, message: Message) -> None:
        """Note that a message came; of those that a capture could not hold long enough some are missing."""
        before = self.heard_of.message
        if before and message.number > before + 1:
            self._declare(
                Lack.LOSS, self.through, message.steady, "more came than could be held while the audit was away"
            )
        self.heard_of = Heard(self.heard_of.run, message.number)

    def blind(self, since: int, until: int, reason: str) -> None:
        """Declare that nothing was seen between two moments of the steady clock."""
        self._declare(Lack.BLIND, since, until, reason)

    def _declare(self, lack: Lack, since: int, until: int, reason: str) -> None:
        self.gaps.add(Gap(lack, self.timeline.wall(since), self.timeline.wall(until), reason))

    def blind_since(self, steady: int) -> int | None:
        """Since when the capture is silent, or None when it is not."""
        return self.through if steady - self.heard > SILENT else None

    # What the node manager says

    def learn(self, owners: Iterable[Any], asked: int, cgroup_id: Any = None) -> int:
        """Take in the node manager's answer to a question asked at ``asked`` (steady). Gives how many were of use.

        Each owner is a struct: slice, authority, kind, tag, from, and until once it has ended.
        """
        news = used = 0
        for told in owners:
            if (read := self._owner(told, cgroup_id)) is None:
                continue
            kind, tag, sender, since, until, began = read
            used += 1
            news += self.owners.learn(kind, tag, sender, since, until, began)
        self.owners.covered, self.owners_error = asked, ""
        self.settle(asked)
        if news:
            self._claim()
        return used

    def _owner(self, told: Any, cgroup_id: Any) -> tuple[Kind, object, Sender, int, int | None, float] | None:
        try:
            kind = Kind(told["kind"])
            tag = read_tag(kind, str(told["tag"]), cgroup_id or (lambda path: None))
            sender = Sender(line(told["slice"], 64), line(told.get("authority", ""), 255))
            until = told.get("until")
            began = float(told["from"])
            since = self.timeline.steady(began)
            ended = None if until in (None, "", 0) else self.timeline.steady(float(until))
        except (KeyError, TypeError, ValueError, AttributeError):
            return None  # an owner of a kind that this version does not know
        return None if tag is None else (kind, tag, sender, since, ended, began)

    def _claim(self) -> None:
        """Late knowledge: look again whose the flows are that no slice has."""
        unclaimed = self.flows.all()["slice"] < FIRST
        if unclaimed.any():
            told = self.owners.resolve(self.flows.all()[unclaimed])
            found = unclaimed.copy()
            found[unclaimed] = told >= FIRST
            self.flows.claim(found, told[told >= FIRST])
        self.hour.claim(lambda told: self.owners.resolve(self.timeline.steadied(told)))

    # Time

    def settle(self, steady: int) -> None:
        """Give rows that have waited long enough their slice, and count them into flows."""
        while self._waiting:
            found = self._waiting[0]
            latest = int(found["last"].max()) if len(found) else 0
            if latest > self.owners.covered and steady - latest < WAIT and self._waiting_rows < MOST_WAITING:
                return
            self._waiting.popleft()
            self._waiting_rows -= len(found)
            self.flows.see(self._named(found))

    def _named(self, found: Rows) -> Rows:
        named = found.copy()
        named["slice"] = self.owners.resolve(named)
        return named

    def turn(self, steady: int) -> Rows:
        """What time brings: rows settle, flows end, what is older than an hour goes. Gives what ended, in wall time."""
        folded = self.flows.folded
        self.settle(steady)
        if over := self.flows.folded - folded:
            now = self.timeline.wall(steady)
            reason = "more flows at once than can be kept: the newest counted under their sender only"
            self.gaps.add(Gap(Lack.COARSE, now, now, reason, over))
        ended = self.timeline.walled(self.flows.ended(steady / 1e6))
        if len(ended):
            self.hour.add(ended, steady / 1e6)
            self.ended.append(ended)
        self.hour.forget(steady / 1e6)
        self.owners.forget(steady - _KEEP_WINDOWS)
        self.gaps.forget(self.timeline.wall(steady) - _KEEP_WINDOWS)
        return ended

    def waiting(self) -> Rows:
        """Rows whose slice is not settled, named as far as is known."""
        return self._named(np.concatenate(self._waiting)) if self._waiting else rows.empty()

    def show(self, steady: int) -> None:
        """Let questions see what is open now."""
        if steady - self._shown >= 500_000 or steady < self._shown:
            self.hour.show_open(self.timeline.walled(np.concatenate([self.flows.all(), self.waiting()])))
            self._shown = steady

    def last_hour(self, steady: int) -> Question:
        """The question that every page begins with."""
        return Question(since=self.timeline.wall(steady) - int(HOUR * 1e6))


def _step_told(moved: int) -> str:
    return f"the clock was set {'forward' if moved > 0 else 'back'} by {abs(moved) / 1e6:.3f} s"
