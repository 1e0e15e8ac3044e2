"""Going on where an earlier run stopped, and writing down what a later one needs."""

import numpy as np
from attrs import define, field

from auditd import rows
from auditd.audit import Audit
from auditd.hour import HOUR
from auditd.owners import EVER, FIRST, Kind, Sender, read_tag
from auditd.store import SavedWindow, Store
from planetlab.failpoints import failpoint

CHECKPOINT = 30_000_000  # microseconds between checkpoints
STALE = int(HOUR * 1e6)  # microseconds


def recovered(audit: Audit, store: Store, steady: int, wall: int) -> None:
    """Take up what ``store`` has. Since its last moment nothing was seen, unless the capture has gone on."""
    audit.clock(steady, wall)
    for sender in store.senders():
        audit.owners.number(sender)
    for kind, text, sender, since, until in store.saved_windows():
        tag = read_tag(kind, text, lambda path: None)
        ended = None if until is None else audit.timeline.steady(until / 1e6)
        audit.owners.learn(kind, tag, sender, audit.timeline.steady(since / 1e6), ended)
    audit.gaps.restore([gap for gap in store.gaps() if gap.until >= wall - STALE])
    for ended_rows in store.ended():
        recent = ended_rows[ended_rows["last"] >= wall - STALE]
        audit.hour.add(recent, steady / 1e6)
    for pieces in store.pieces():
        found = audit.timeline.steadied(pieces)
        unclaimed = found["slice"] < FIRST
        found["slice"][unclaimed] = audit.owners.resolve(found[unclaimed])
        audit.flows.see(found)
    through = store.through()
    if through is not None and through > wall - STALE:
        audit.resumes(audit.timeline.steady(min(through, wall) / 1e6), store.heard())


@define
class Journal:
    """Writes an audit down as it goes."""

    audit: Audit
    store: Store
    _checked: int = field(default=0, init=False)
    _senders: int = field(default=-1, init=False)
    _windows: set[SavedWindow] = field(factory=set, init=False)

    def write(self, steady: int) -> None:
        """Put what came since the last time on disk; a checkpoint when one is due."""
        audit, timeline = self.audit, self.audit.timeline
        self._owners()
        arrived, audit.arrived = audit.arrived, []
        gaps, audit.gaps.news = audit.gaps.news, []
        through = timeline.wall(audit.through or steady)
        found = rows.joined(np.concatenate(arrived)) if arrived else rows.empty()
        if not self._checked or steady - self._checked >= CHECKPOINT:
            self._checked = steady
            ended, audit.ended = audit.ended, []
            whole = np.concatenate([audit.flows.all(), audit.waiting()])
            told = np.concatenate(ended) if ended else rows.empty()
            keep = timeline.wall(steady) - STALE
            self.store.checkpoint(timeline.walled(whole), told, through, keep, gaps, audit.heard_of)
            failpoint("journal.checkpoint")
        elif len(found) or gaps:
            self.store.note(timeline.walled(found), through, gaps, audit.heard_of)
            failpoint("journal.noted")
        else:
            self.store.note(rows.empty(), through, (), audit.heard_of)

    def close(self, steady: int) -> None:
        """Write the last checkpoint and let go of the file."""
        self._checked = 0
        self.write(steady)
        self.store.close()

    def _owners(self) -> None:
        senders = self.audit.owners.senders()
        if len(senders) != self._senders:
            self.store.numbers(dict(senders))
            self._senders = len(senders)
        now = set(self._saved())
        if news := now - self._windows:
            self.store.windows(news)
            self._windows = now

    def _saved(self) -> list[SavedWindow]:
        timeline, out = self.audit.timeline, []
        for kind, tag, window in self.audit.owners.windows():
            until = None if window.until == EVER else timeline.wall(window.until)
            sender = self.audit.owners.sender(window.number) or Sender("")
            out.append((kind, _text(kind, tag), sender, timeline.wall(window.since), until))
        return out


def _text(kind: Kind, tag: object) -> str:
    """A tag as `owners.read_tag` reads it."""
    if kind is Kind.ADDRESS and isinstance(tag, tuple):
        return str(rows.address(*tag))
    return str(tag)
