"""What an authority's answer to a poll means: which tickets it brings, and what its silence on a slice may do.

Pure rules. An answer that is empty, shrunken, partly unreadable, or older than one heard before deletes nothing by
itself. A slice goes when the authority says so by name, or when it is missing from several whole answers in a row; and
when more than a given part of what an authority has here is missing at once, only its word by name counts.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from pl_conf.entries import Wish
from planetlab.errors import BadArgument, PeerError
from planetlab.names import Hrn, SliceName

MOST_TICKETS = 10_000  # in one answer
FEW = 3  # so many may vanish at once without being called shrunken


@frozen(kw_only=True)
class Answer:
    """An answer as read. ``stamp`` orders answers; ``now`` is the authority's time, 0 when it did not say."""

    stamp: int
    unchanged: bool = False
    tickets: tuple[bytes, ...] = ()
    deleted: tuple[SliceName, ...] = ()
    now: float = 0.0


def read_answer(value: Any, most_bytes: int) -> Answer:
    """Read what GetNodeTickets gave. Raises `PeerError` that says what was expected and what came."""
    struct = _expect(value, dict, "a struct")
    stamp = _expect(struct.get("stamp"), int, "stamp, an int")
    now = _time(struct.get("now", 0.0))
    if struct.get("unchanged"):
        return Answer(stamp=stamp, unchanged=True, now=now)
    tickets = _expect(struct.get("tickets"), list, "tickets, an array")
    deleted = _expect(struct.get("deleted", []), list, "deleted, an array")
    if max(len(tickets), len(deleted)) > MOST_TICKETS:
        raise PeerError(f"expected at most {MOST_TICKETS} tickets, got {len(tickets)} and {len(deleted)} deletions")
    sealed = tuple(_bytes(ticket, most_bytes) for ticket in tickets)
    return Answer(stamp=stamp, tickets=sealed, deleted=tuple(map(_name, deleted)), now=now)


def _expect(value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PeerError(f"its answer is not one: expected {expected}, got {type(value).__name__}")
    return value


def _bytes(value: Any, most: int) -> bytes:
    sealed = value.encode() if isinstance(value, str) else value
    if not isinstance(sealed, bytes) or len(sealed) > most:
        raise PeerError(f"its answer is not one: expected tickets of at most {most} bytes each")
    return sealed


def _name(value: Any) -> SliceName:
    try:
        return SliceName.parse(value)
    except BadArgument as error:
        raise PeerError(f"its answer is not one: {error}") from error


def _time(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise PeerError("its answer is not one: expected now, seconds since the epoch")
    return float(value)


@frozen(kw_only=True)
class Guards:
    """How sure an authority's silence must be before it ends a sliver."""

    answers: int = 2  # whole answers in a row without the slice
    shrink: float = 0.5  # if more than this fraction of its slivers is missing, silence ends none of them


@frozen(kw_only=True)
class Silence:
    """What follows from the slices that an answer did not list."""

    release: tuple[Wish, ...] = ()
    absent: Mapping[tuple[Hrn, SliceName], int] = {}
    alarm: str = ""  # why nothing was released although it could have been


def said_deleted(answer: Answer, root: Hrn, wishes: Iterable[Wish]) -> list[Wish]:
    """The wishes that the authority itself names as deleted; only its own and those of authorities below it."""
    named = set(answer.deleted)
    return [wish for wish in wishes if wish.slice in named and root.governs(wish.authority)]


def silence(listed: set[SliceName], root: Hrn, wishes: Iterable[Wish], guards: Guards) -> Silence:
    """What a whole answer of ``root`` that lists ``listed`` says by leaving slices out.

    Only wishes that its own poll brought count; a delegated one is its creator's until its time is over.
    """
    fed = [wish for wish in wishes if wish.feed == str(root) and not wish.delegated]
    missing = [wish for wish in fed if wish.slice not in listed]
    absent = {(wish.authority, wish.slice): wish.absent + 1 for wish in missing}
    due = [wish for wish in missing if wish.absent + 1 >= guards.answers]
    shrunken = len(missing) > FEW and len(missing) > guards.shrink * len(fed)
    if missing and (shrunken or not listed):
        alarm = f"{root} lists {len(fed) - len(missing)} of {len(fed)} slivers; none is ended unless it says so by name"
        return Silence(absent=absent, alarm=alarm)
    return Silence(release=tuple(due), absent=absent)
