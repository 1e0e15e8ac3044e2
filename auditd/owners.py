"""Who sends: the node's tags of slivers, each with the time from which and until which it held.

The kernel tells of each packet the cgroup of the socket that sent it, or the interface or the mark that it came in
with; failing that there is its source address. The node manager tells which of these was which slice's, and when. What
no window covers is not guessed: it is unknown, and is said to be so under its bare tag, and it gets its slice should
the node manager tell later.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, evolve, field, frozen

from auditd import rows
from auditd.rows import Numbers, Rows

UNKNOWN, NODE = 0, 1  # numbers that are no slice's
FIRST = 16  # number of the first slice; what is below may find its slice later
FORWARDED = 1 << 31  # from here on a tag is of a packet that no socket of this machine sent
KERNEL = 1  # cgroup id of the root: the kernel itself, and programs outside of any group
LINGER = 60_000_000  # microseconds that the kernel goes on sending for a sliver that is gone (TIME_WAIT, RFC 9293)
EARLY = 2_000_000  # microseconds before a window in which a tag that is never used twice can only be its own
MOST_WINDOWS = 100_000
_SAME = 5_000  # microseconds; a window that an earlier run wrote down may come back with another clock's rounding
EVER = np.iinfo(np.int64).max


class Kind(StrEnum):
    """By what a sender is told. The first that a window covers decides."""

    CGROUP = "cgroup"
    INTERFACE = "interface"
    MARK = "mark"
    ADDRESS = "address"


Tag = tuple[Kind, object]


@frozen
class Sender:
    """A slice as the node knows it: its name, and the authority in whose name it came."""

    slice: str
    authority: str = ""


@frozen
class Window:
    """A tag was one sender's from ``since`` until ``until``: microseconds of the steady clock.

    ``told`` is the beginning as the node manager tells it, by which the window is known again.
    """

    number: int
    since: int
    until: int = EVER
    told: float = 0.0

    def same(self, other: "Window") -> bool:
        """Whether this is the other one, told again."""
        near = abs(self.since - other.since) < _SAME
        return self.number == other.number and (near or (self.told == other.told and self.told > 0))


def read_tag(kind: Kind, text: str, cgroup_id: Callable[[str], int | None]) -> object | None:
    """What packets carry for the node manager's ``text``; None when it says nothing that they could.

    Interface: its name, or its index in decimal. Address: an IP address. Cgroup: its id, or its path, which
    ``cgroup_id`` turns into the id. Mark: a number.
    """
    try:
        if kind is Kind.ADDRESS:
            return rows.pair(ip_address(text))
        if kind is Kind.MARK:
            return int(text, 0)
        if kind is Kind.CGROUP and not text.isdigit():
            return cgroup_id(text)
        return int(text) if text.isdigit() else text
    except ValueError:
        return None


@define
class Owners:
    """Tags, windows and the slices behind them. Pure: times are handed in."""

    own_tags: set[int] = field(factory=lambda: {KERNEL})  # cgroups of the node's own programs
    own_addresses: frozenset[tuple[int, int]] = frozenset()  # what the node itself sends from
    covered: int = 0  # steady microseconds up to which the node manager has told everything
    _senders: list[Sender] = field(factory=list, init=False)
    _numbers: dict[Sender, int] = field(factory=dict, init=False)
    _windows: dict[Tag, list[Window]] = field(factory=dict, init=False)
    _links: dict[int, str] = field(factory=dict, init=False)

    def number(self, sender: Sender) -> int:
        """The number that rows carry for ``sender``."""
        if sender not in self._numbers:
            self._numbers[sender] = FIRST + len(self._senders)
            self._senders.append(sender)
        return self._numbers[sender]

    def sender(self, number: int) -> Sender | None:
        """Who has this number; None for the node itself and for the unknown."""
        at = number - FIRST
        return self._senders[at] if 0 <= at < len(self._senders) else None

    def senders(self) -> Mapping[Sender, int]:
        """Every sender that was ever told, with its number."""
        return self._numbers

    def link(self, index: int, name: str) -> None:
        """The interface ``index`` is called ``name``."""
        if name:
            self._links[index] = name

    def links(self) -> Mapping[int, str]:
        """Names of interfaces by index, also of those that are gone."""
        return self._links

    def learn(
        self, kind: Kind, tag: object, sender: Sender, since: int, until: int | None, told_since: float = 0.0
    ) -> bool:
        """Note a window, or its end. True when that is news."""
        told = Window(self.number(sender), since, EVER if until is None else until, told_since)
        windows = self._windows.setdefault((kind, tag), [])
        for at, window in enumerate(windows):
            if window.same(told):
                windows[at] = evolve(told, since=window.since)
                return window.until != told.until
        windows.append(told)
        windows.sort(key=lambda window: window.since)
        return True

    def forget(self, before: int) -> None:
        """Drop windows that ended ``before``, and the oldest when there are too many."""
        for tag, windows in list(self._windows.items()):
            left = [window for window in windows if window.until >= before]
            if left:
                self._windows[tag] = left
            else:
                del self._windows[tag]
        while len(self._windows) > MOST_WINDOWS:
            del self._windows[next(iter(self._windows))]

    def windows(self) -> Iterable[tuple[Kind, object, Window]]:
        """Every window, for the journal."""
        for (kind, tag), windows in self._windows.items():
            for window in windows:
                yield kind, tag, window

    def resolve(self, found: Rows) -> Numbers:
        """The sender's number of each row: the owner of its tag during the whole of it, else node, else unknown."""
        numbers = np.zeros(len(found), np.uint32)
        tag, iface = found["tag"], found["iface"]
        low = tag & np.uint32(0x3FFFFFFF)
        self._stage(numbers, found, (tag > KERNEL) & (tag < FORWARDED), tag, self._cgroup)
        self._stage(numbers, found, tag >> 30 == 2, low, self._interface)
        self._stage(numbers, found, tag >> 30 == 3, low, self._mark)
        self._stage(numbers, found, np.ones(len(found), bool), iface, self._interface)
        self._by_address(numbers, found)
        numbers[(numbers == UNKNOWN) & self._own(found)] = NODE
        return numbers

    def _cgroup(self, value: int) -> list[Window]:
        return self._windows.get((Kind.CGROUP, value), [])

    def _mark(self, value: int) -> list[Window]:
        return self._windows.get((Kind.MARK, value), [])

    def _interface(self, value: int) -> list[Window]:
        named = self._windows.get((Kind.INTERFACE, self._links.get(value)), [])
        return named or self._windows.get((Kind.INTERFACE, value), [])

    def _stage(
        self,
        numbers: Numbers,
        found: Rows,
        which: npt.NDArray[np.bool_],
        values: npt.NDArray[Any],
        windows_of: Callable[[int], list[Window]],
    ) -> None:
        """Settle what is open of ``which`` by one kind of tag."""
        still = np.flatnonzero(which & (numbers == UNKNOWN))
        for value in np.unique(values[still]) if len(still) else ():
            if windows := windows_of(int(value)):
                at = still[values[still] == value]
                numbers[at] = _covering(windows, found["first"][at], found["last"][at], early=EARLY)

    def _by_address(self, numbers: Numbers, found: Rows) -> None:
        known = {tag[1]: windows for tag, windows in self._windows.items() if tag[0] is Kind.ADDRESS}
        still = np.flatnonzero(numbers == UNKNOWN)
        if not known or not len(still):
            return
        sources = np.stack([found["s_hi"][still], found["s_lo"][still]], axis=1)
        for pair in np.unique(sources, axis=0) if len(still) else ():
            if windows := known.get((int(pair[0]), int(pair[1]))):
                at = still[(sources == pair).all(axis=1)]
                numbers[at] = _covering(windows, found["first"][at], found["last"][at], early=0)

    def _own(self, found: Rows) -> npt.NDArray[np.bool_]:
        own = np.isin(found["tag"], np.array(sorted(self.own_tags), np.uint32))
        for hi, lo in self.own_addresses:
            own |= (found["tag"] == 0) & (found["s_lo"] == np.uint64(lo)) & (found["s_hi"] == np.uint64(hi))
        return own

    def label(self, number: int, tag: int, interface: int) -> str:
        """What a reader is told of a sender: a slice's name, or in brackets what is known instead."""
        if (sender := self.sender(number)) is not None:
            return sender.slice
        if number == NODE:
            return "(this node)"
        low = tag & 0x3FFFFFFF
        if tag >> 30 == 3:
            return f"(unknown mark:{low})"
        if tag >> 30 == 2:
            return f"(unknown interface:{self._links.get(low, low)})"
        return f"(unknown cgroup:{tag})" if tag else "(unknown)"


def _covering(windows: list[Window], first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], early: int) -> Numbers:
    """Whose window holds each [first, last]; what reaches into a second one is nobody's for certain."""
    since = np.array([window.since for window in windows], np.int64)
    since[0] -= early
    ends = np.array([min(window.until, EVER - LINGER) + LINGER for window in windows], np.int64)
    following = np.append(since[1:], EVER)
    numbers = np.array([window.number for window in windows], np.uint32)
    at = np.searchsorted(since, first, side="right") - 1
    safe = np.maximum(at, 0)
    fits = (at >= 0) & (last < following[safe]) & (first <= ends[safe])
    return np.where(fits, numbers[safe], np.uint32(UNKNOWN)).astype(np.uint32)
