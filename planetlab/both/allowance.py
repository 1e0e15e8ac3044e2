"""What one peer may cost this authority, whatever it says and however often; counted by peer, in memory."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from planetlab.errors import Forbidden, PeerError

HOUR, MINUTE = 3600.0, 60.0  # seconds


@frozen(kw_only=True)
class Allowance:
    """The most of each. ``changes`` are rows of its copies and their links that are written within an hour."""

    objects: int = 20_000  # of one kind
    octets: int = 64 << 20  # of one answer
    seconds: float = 300.0  # for one answer
    changes: int = 400_000
    calls: int = 600  # of its own to us, in a minute


@define
class Counted:
    """What each peer has used of something within the last ``span`` seconds, by two halves of that time."""

    span: float
    _begun: dict[int, float] = field(factory=dict, init=False)
    _used: dict[int, tuple[int, int]] = field(factory=dict, init=False)

    def used(self, peer: int, now: float) -> int:
        """How much it is at this moment; what is older than ``span`` counts no more."""
        return sum(self._turned(peer, now))

    def add(self, peer: int, many: int, now: float) -> None:
        """It has used so much more."""
        before, latest = self._turned(peer, now)
        self._used[peer] = (before, latest + many)

    def _turned(self, peer: int, now: float) -> tuple[int, int]:
        half = self.span / 2
        begun = self._begun.setdefault(peer, now)
        halves = 2 if now < begun else int((now - begun) / half)  # a clock that was set back begins anew
        if halves:
            _, latest = self._used.get(peer, (0, 0))
            self._used[peer] = (latest, 0) if halves == 1 else (0, 0)
            self._begun[peer] = begun + half if halves == 1 else now
        return self._used.get(peer, (0, 0))


@define
class Spending:
    """What peers have used, and refusing them more than they may."""

    allowance: Allowance = field(factory=Allowance)
    _changes: Counted = field(factory=lambda: Counted(HOUR), init=False)
    _calls: Counted = field(factory=lambda: Counted(MINUTE), init=False)

    def take_objects(self, rows: Mapping[str, Mapping[int, Any]]) -> None:
        """Raises `PeerError` for more objects of a kind than a peer may have here."""
        for noun, found in rows.items():
            if len(found) > self.allowance.objects:
                raise PeerError(
                    f"it has {len(found)} objects of the kind {noun}; at most {self.allowance.objects} are taken here"
                )

    def change(self, peer: int, many: int, now: float) -> None:
        """A refresh would write so many rows. Raises `PeerError` when that is too much within the hour."""
        used = self._changes.used(peer, now)
        if used + many > self.allowance.changes:
            raise PeerError(
                f"it changes {many} more after {used} within the hour; at most {self.allowance.changes} are written, "
                "and what was taken over stays"
            )
        self._changes.add(peer, many, now)

    def call(self, peer: int, name: str, now: float) -> None:
        """It calls us. Raises `Forbidden` for a peer that calls too often."""
        if self._calls.used(peer, now) >= self.allowance.calls:
            raise Forbidden(f"peer {name} calls more than {self.allowance.calls} times in a minute; come back later")
        self._calls.add(peer, 1, now)
