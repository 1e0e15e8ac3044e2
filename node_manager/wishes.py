"""What is wanted of each sliver now: its grant with loans, pools and the owner's word, and whether it is to run."""

import json
from pathlib import Path

from node_manager import limits, loans
from node_manager.books import Books
from node_manager.caps import guaranteed, slowed
from node_manager.converge import Wish
from node_manager.drivers import Sliver
from node_manager.giving import Giving
from node_manager.records import Entry
from node_manager.reservations import Reservations, is_system
from node_manager.settings import Settings
from node_manager.watch import Watch
from planetlab.errors import BadSettings
from planetlab.names import SliceName
from planetlab.rspec import LOANABLE
from planetlab.units import NEVER

Grants = dict[SliceName, dict[str, int]]
PAUSED = "the node's owner has paused all slivers; the owner can let them run again (plfed owner resume)"


def _script(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8") if file else ""
    except (OSError, UnicodeError) as error:
        raise BadSettings(f"initscript = {file!r}: expected a file with a script: {error}") from error


class Wishes:
    """The wishes of one node."""

    def __init__(self, settings: Settings, books: Books, giving: Giving, watch: Watch) -> None:
        self._settings = settings
        self._books = books
        self._giving = giving
        self._watch = watch
        self._script = _script(settings.initscript)
        self.most_disk = 0  # KiB that this node's disk has for one sliver; 0: as much as it was promised
        self.is_paused = books.fact("paused") == "1"  # whether the owner has paused everything
        told = json.loads(books.fact("reservations") or "{}")
        self.reservations = Reservations.read(told.get("policy", "none"), told.get("leases", []))

    def grants(self) -> Grants:
        """By sliver what it has of the loanable resources, loans counted. Empty when nobody lends."""
        lenders = sorted(name for name, entry in self._books.entries.items() if entry.loans)
        if not lenders:
            return {}
        given = {
            name: {key: getattr(entry.record.rspec, key) for key in LOANABLE}
            for name, entry in self._books.entries.items()
            if entry.record.is_sliver
        }
        made = [(name, loan) for name in lenders for loan in self._books.entries[name].loans]
        return loans.effective(given, made)[0]

    def sliver(self, entry: Entry, now: float, grants: Grants) -> Sliver:
        """What a sliver shall be, with loans and bound pools and under the owner's ceilings."""
        record = entry.record
        rspec = limits.with_amounts(record.rspec, grants.get(record.name, {}))
        rspec = self._giving.spread(entry, rspec, now)
        rspec, _ = limits.bounded(guaranteed(rspec, self._settings.node_rate), self._settings.ceilings)
        if self.most_disk and not 0 <= rspec.disk_max <= self.most_disk:
            rspec = limits.with_amounts(rspec, {"disk_max": self.most_disk})
        if slow := self._watch.caps.get(record.name):
            rspec = slowed(rspec, slow)
        return Sliver(
            slice=record.name,
            authority=record.authority,
            rspec=rspec,
            slice_id=record.slice_id,
            keys=record.keys if rspec.is_enabled else (),
            initscript=record.initscript or self._script,
            vref=record.vref,
        )

    def wish(self, entry: Entry, now: float, grants: Grants | None = None) -> Wish:
        """What is wanted of a sliver now."""
        sliver = self.sliver(entry, now, self.grants() if grants is None else grants)
        return Wish(sliver, runs=not self.why_still(entry, now))

    def why_still(self, entry: Entry, now: float) -> str:
        """Why a sliver stands still, and who can let it run: one sentence; empty when it may run."""
        record = entry.record
        creates = self._settings.is_pl_conf(record)  # without it nobody could end a pause, nor hear of a lease's end
        is_node_s = creates or is_system(record.attributes) or self._settings.is_own(record)
        if self.is_paused and not creates:
            return PAUSED
        if now >= record.expires:
            return f"its time ended {now - record.expires:.0f} s ago; a newer ticket renews it"
        if not record.rspec.is_enabled:
            return "it is not enabled, by its authority's word or an owner's rule; whoever said so can enable it again"
        if now < entry.stopped_until:
            left = entry.stopped_until - now
            ends = "" if entry.stopped_until >= NEVER else f", or in {left:.0f} s it runs by itself"
            return f"it was stopped; its controller or the slice itself can Start it{ends}"
        if not self.reservations.lets_run(record.name, is_node_s, now):
            return "the node's leases say who runs now; it runs when they allow it, or under a lease of its own"
        return ""

    def pause(self, paused: bool) -> None:
        """Let nobody run, or those again that should; holds over restarts. Raises `DatabaseError`; then until one."""
        self.is_paused = paused or self.is_paused
        self._books.set_fact("paused", "1" if paused else "")
        self.is_paused = paused

    def reserve(self, reservations: Reservations) -> None:
        """Go by these leases from now on; holds over restarts."""
        self._books.set_fact("reservations", json.dumps(reservations.wire()))
        self.reservations = reservations
