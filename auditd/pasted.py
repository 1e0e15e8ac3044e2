"""Pasted log lines, answered: for each, what it was understood to say and which flows of this node fit."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from attrs import evolve, frozen

from auditd import loglines, rows, tell
from auditd.audit import Audit
from auditd.loglines import Endpoint, Told
from auditd.question import Question
from auditd.rows import Address, Rows

SKEW = 120_000_000  # microseconds that two clocks may differ
MOST_MATCHES = 5  # flows told for one line


@frozen
class Match:
    """What one line was taken to say, and what fits."""

    told: Told
    understood: str
    flows: tuple[dict[str, Any], ...]
    count: int
    verdict: str  # sent, near, none, older, foreign, unclear

    @property
    def struct(self) -> dict[str, Any]:
        """For programs."""
        return {
            "line": self.told.text,
            "understood": self.understood,
            "verdict": self.verdict,
            "flow_count": self.count,
            "flows": list(self.flows),
        }


def matches(audit: Audit, own: Iterable[str], text: str, viewer: str, steady: int, wall: int) -> list[Match]:
    """Answer every line of ``text``. ``own``: this node's addresses; ``viewer``: who asks, "" when not known."""
    ours = frozenset(map(ip_address, own))
    hour, found = audit.last_hour(steady), dict[Address, Rows]()

    def sent_to(address: Address) -> Rows:
        if address not in found:
            found[address] = audit.hour.ask(evolve(hour, to=ip_network(address)))
        return found[address]

    return [_match(audit, told, ours, viewer, sent_to, hour) for told in loglines.read(text, wall / 1e6)]


def _match(audit: Audit, told: Told, ours: frozenset[Address], viewer: str, sent_to: Any, hour: Question) -> Match:
    ends = told.other(ours)
    if ends is None and len(told.ends) == 1 and told.ends[0].address in ours and viewer:
        ends = told.ends[0], Endpoint(ip_address(viewer))
    if ends is None:
        return Match(told, _no_ends(told, ours), (), 0, "foreign" if told.ends else "unclear")
    mine, theirs = ends
    fitting = _fitting(sent_to(theirs.address), mine, theirs, told.protocol)
    then = fitting
    if told.at is not None:
        moment = round(told.at * 1e6)
        then = fitting[(fitting["first"] <= moment + SKEW) & (fitting["last"] >= moment - SKEW)]
    shown = then if len(then) else fitting
    shown = shown[shown["last"].argsort(kind="stable")[::-1]][:MOST_MATCHES]
    flows = tuple(tell.flow(row, audit.owners) for row in shown)
    return Match(told, _understood(told, mine, theirs), flows, len(then), _verdict(told, then, fitting, hour))


def _verdict(told: Told, then: Rows, fitting: Rows, hour: Question) -> str:
    if len(then):
        return "sent"
    if told.at is not None and hour.since is not None and told.at * 1e6 < hour.since:
        return "older"
    return "near" if len(fitting) else "none"


def _fitting(found: Rows, mine: Endpoint, theirs: Endpoint, protocol: str) -> Rows:
    mask = found["packets"] > 0
    number = tell.protocol_number(protocol) if protocol else None
    if number is not None:
        mask &= found["proto"] == number
    portless = found["how"] & rows.HOW_PORTLESS > 0
    if mine.port is not None:
        mask &= (found["ports"] >> 16 == mine.port) | portless
    if theirs.port is not None:
        mask &= (found["ports"] & 0xFFFF == theirs.port) | portless
    fitting: Rows = found[mask]
    return fitting


def _end(end: Endpoint) -> str:
    return str(end.address) if end.port is None else f"{end.address} port {end.port}"


def _understood(told: Told, mine: Endpoint, theirs: Endpoint) -> str:
    when = "at any time"
    if told.at is not None:
        when = f"at {tell.moment(round(told.at * 1e6))} give or take {SKEW // 60_000_000} minutes"
    elif told.local:
        when = f"at any time ({told.local} has no zone, so it was not used)"
    return f"{told.protocol.upper() or 'anything'} from {_end(mine)} to {_end(theirs)}, {when}"


def _no_ends(told: Told, ours: frozenset[Address]) -> str:
    here = ", ".join(sorted(map(str, ours)))
    if not told.ends:
        return "no address was found in this line"
    return f"none of its addresses is this node's ({here}); it named {', '.join(_end(end) for end in told.ends[:4])}"
