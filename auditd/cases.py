"""Complaints and pauses of strangers: what may be asked, what becomes of it. Pure rules; the books keep them.

A stranger proves to hold an address by the connection on which the request came, and may act for no wider network than
a /24 or a /48 around it. Everything is bounded: words, requests a day, hours a pause lasts.
"""

from enum import StrEnum
from typing import Any

from attrs import frozen

from auditd.clean import line
from planetlab.errors import BadArgument, Forbidden
from planetlab.names import Email

DAY = 86400.0
ANSWER_WITHIN = 24 * 3600.0  # seconds until a case is overdue
LONGEST_PAUSE = 24.0  # hours
MOST_MESSAGE = 4000  # characters
COMPLAINTS_A_DAY, PAUSES_A_DAY = 10, 5  # of one /24 or /48
MOST_A_DAY = 500  # of all together
MOST_PAUSES = 1000  # in force at once


class State(StrEnum):
    """How far a case has come."""

    NEW = "new"  # written down
    FORWARDED = "forwarded"  # those responsible have been written to
    SEEN = "seen"  # one of them has opened it
    ANSWERED = "answered"
    CLOSED = "closed"


@frozen(kw_only=True)
class Case:
    """One complaint, one pause, or both."""

    number: str  # for people
    token: str  # opens it for the stranger
    owner_token: str  # opens it for those responsible
    opened: float  # seconds since the epoch
    network: str  # the /24 or /48 of who opened it
    about: str  # the address or prefix that was sent to
    message: str = ""
    reply_to: str = ""
    slices: tuple[tuple[str, str], ...] = ()  # name, authority
    flows: tuple[dict[str, Any], ...] = ()  # as they were known when it was opened
    state: State = State.NEW
    deadline: float = 0.0
    pause_until: float = 0.0  # 0: none was asked for

    def overdue(self, now: float) -> bool:
        """Whether it should have been answered by now."""
        return now >= self.deadline > 0 and self.state not in (State.ANSWERED, State.CLOSED)

    def paused(self, now: float) -> bool:
        """Whether its pause is in force."""
        return now < self.pause_until


@frozen
class Event:
    """What happened to a case, for everybody who may read it."""

    at: float
    who: str  # stranger, owner, audit
    what: str
    text: str = ""


def read_hours(text: str) -> float:
    """How long a pause shall last. Raises `BadArgument`."""
    try:
        hours = float(text or LONGEST_PAUSE)
    except ValueError:
        hours = -1.0
    if not 0 < hours <= LONGEST_PAUSE:
        raise BadArgument(f"expected more than 0 and at most {LONGEST_PAUSE:g} hours, got {line(text, 40)!r}", "hours")
    return hours


def read_words(text: str, where: str, needed: bool) -> str:
    """What somebody wrote, line by line made harmless. Raises `BadArgument`."""
    if len(text) > MOST_MESSAGE:
        raise BadArgument(f"expected at most {MOST_MESSAGE} characters, got {len(text)}", where)
    words = "\n".join(line(each, MOST_MESSAGE) for each in text.splitlines()).strip()
    if needed and not words:
        raise BadArgument("expected a few words", where)
    return words


def read_reply_to(text: str) -> str:
    """An address for answers, or "". Raises `BadArgument`."""
    if not text.strip():
        return ""
    try:
        return str(Email.parse(text.strip()))
    except BadArgument as error:
        raise BadArgument(error.detail, "reply_to") from None


def within(count: int, most: int, what: str) -> None:
    """One more, unless there were ``most`` already. Raises `Forbidden`."""
    if count >= most:
        raise Forbidden(f"{what}: expected at most {most} in a day, this would be one more; write to us instead")
