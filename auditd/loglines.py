"""Lines of other people's logs: which addresses, ports, protocol and time do they tell of? Pure, and never an error.

Read are what firewalls and daemons commonly write: iptables and nftables, pf and tcpdump, Cisco ASA, the Windows
firewall, sshd and fail2ban by syslog, Snort and Suricata, web servers, JSON. A line is not parsed by a grammar of each
but searched for its parts; what was understood is told beside the answer, so that a reader sees a mistake.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address

from attrs import evolve, frozen

from auditd.clean import line
from auditd.rows import Address

MOST_LINES, MOST_LENGTH = 200, 2000

_FOUR = r"(?:\d{1,3}\.){3}\d{1,3}"
_SIX = r"(?:[0-9a-fA-F]{0,4}:){2,7}(?:" + _FOUR + r"|[0-9a-fA-F]{0,4})(?!:)"  # more groups are a MAC address
# An address, perhaps with a port behind it: 192.0.2.1:53, 192.0.2.1.53 (tcpdump), [2001:db8::1]:53,
# inside:192.0.2.1/53, 192.0.2.1(53) (Cisco IOS), [fe80::1%eth0]:53
_ENDPOINT = re.compile(
    rf"\[?(?P<address>(?<![\w.]){_FOUR}|(?<![\w.:]){_SIX})(?![\w])(?:%\w+)?"
    r"(?:\]?[:/.(](?P<port>\d{1,5})(?![\d./]|:\S))?",
    re.ASCII,
)
_PORTS = (
    (re.compile(r"\b(?:SPT|sport|s_port|src_?port|\"src_port\"\s*:)\W{0,3}(\d{1,5})\b", re.I), "source"),
    (
        re.compile(r"\b(?:DPT|dport|service|dst_?port|dest_?port|\"dest_port\"\s*:)\W{0,3}(\d{1,5})\b", re.I),
        "destination",
    ),
)
_PORT_AFTER = re.compile(r"\bport\s+(\d{1,5})\b", re.I)
_NEXT = re.compile(r"[\s,;|]+(\d{1,5})(?=[\s,;|]|$)")  # a number by itself, as in tables: one behind each address,
_NEXT_TWO = re.compile(r"[\s,;|]+(\d{1,5})[\s,;|]+(\d{1,5})(?=[\s,;|]|$)")  # or two behind both
_EPOCH = re.compile(r"(?<![\d.])(1[5-9]\d{8}|2[01]\d{8})(?:(\d{3})|\.(\d{1,9}))?(?![\d.])")  # 2017 to 2036
_TWO_PORTS = re.compile(r"\s(\d{1,5})\s+(\d{1,5})(?=\s|$)")
_PROTOCOL = re.compile(r"\b(tcp|udp|icmpv6|ipv6-icmp|icmp|sctp|gre|esp)6?\b|\bPROTO=(\w+)", re.I)
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})"
_TIMES = (
    (  # Fortinet
        re.compile(rf'date=(\d{{4}}-\d\d-\d\d) time=(\d\d:\d\d:\d\d)()(?:.*?\btz="{_ZONE}")?'),
        "%Y-%m-%d",
    ),
    (re.compile(rf"(\d{{4}}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?\s?{_ZONE}?", re.I), "%Y-%m-%d"),
    (re.compile(rf"(\d{{4}}/\d\d/\d\d)[- ](\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?\s?{_ZONE}?", re.I), "%Y/%m/%d"),
    (re.compile(rf"\[?(\d\d/[A-Z][a-z]{{2}}/\d{{4}}):(\d\d:\d\d:\d\d)()\s?{_ZONE}?"), "%d/%b/%Y"),
    (re.compile(rf"(\d\d/\d\d)-(\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?\s?{_ZONE}?"), "%m/%d"),
    (re.compile(rf"\b([A-Z][a-z]{{2}} [ \d]\d)(?: \d{{4}})? (\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?\s?{_ZONE}?"), "%b %d"),
)


@frozen
class Endpoint:
    """One end of what a line tells of."""

    address: Address
    port: int | None = None


@frozen
class Told:
    """What a line says, as far as it was understood."""

    text: str
    ends: tuple[Endpoint, ...] = ()
    protocol: str = ""
    at: float | None = None  # seconds since the epoch; None when the line gives no time with its zone
    local: str = ""  # the time as it stands there, when its zone is not said

    def other(self, own: frozenset[Address]) -> tuple[Endpoint, Endpoint] | None:
        """The end that is ours and the other one; None when the line does not name two, or none of ours."""
        ours = [end for end in self.ends if end.address in own]
        theirs = [end for end in self.ends if end.address not in own]
        return (ours[0], theirs[0]) if ours and theirs else None


def read(text: str, now: float) -> list[Told]:
    """What each line tells; at most `MOST_LINES`. A date without its year is the latest before ``now``."""
    lines = [each for each in text[: MOST_LINES * MOST_LENGTH].splitlines() if each.strip()]
    return [_line(each[:MOST_LENGTH], now) for each in lines[:MOST_LINES]]


def _line(text: str, now: float) -> Told:
    at, local, rest = _time(text, now)
    ends = _with_ports(_ends(rest), rest)
    found = _PROTOCOL.search(rest)
    protocol = (found.group(1) or found.group(2)).lower() if found else ""
    return Told(line(text), ends, {"ipv6-icmp": "icmpv6"}.get(protocol, protocol), at, local)


def _time(text: str, now: float) -> tuple[float | None, str, str]:
    """The moment, or the bare local time; and the line without it."""
    for pattern, form in _TIMES:
        if (found := pattern.search(text)) is None:
            continue
        rest = text[: found.start()] + " " + text[found.end() :]
        try:
            told = datetime.strptime(f"{found[1]} {found[2]}", f"{form} %H:%M:%S")
        except ValueError:
            continue
        if "%Y" not in form:
            told = _latest(told, now)
        if not found["zone"]:
            return None, told.isoformat(" "), rest
        fraction = float(f"0.{found[3]}") if found[3] else 0.0
        return told.replace(tzinfo=_zone(found["zone"])).timestamp() + fraction, "", rest
    if found := _EPOCH.search(text):
        fraction = float(f"0.{found[2] or found[3] or 0}")
        return int(found[1]) + fraction, "", f"{text[: found.start()]} {text[found.end() :]}"
    return None, "", text


def _latest(told: datetime, now: float) -> datetime:
    """The year in which a date without one lies: the latest that is not more than a day ahead of now."""
    today = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
    for year in (today.year + 1, today.year, today.year - 1):
        try:
            dated = told.replace(year=year)
        except ValueError:  # the 29th of February
            continue
        if dated <= today + timedelta(days=1):
            return dated
    return told


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]) % 24, minutes=int(digits[2:]) % 60))


def _ends(text: str) -> tuple[Endpoint, ...]:
    found: dict[Address, tuple[int | None, int]] = {}
    for match in _ENDPOINT.finditer(text):
        try:
            address = ip_address(match["address"])
        except ValueError:
            continue
        port = int(match["port"]) if match["port"] else None
        place = port if port is not None and port < 65536 else None, match.end()
        found.setdefault(getattr(address, "ipv4_mapped", None) or address, place)
    ends = tuple(Endpoint(address, port) for address, (port, _) in found.items())
    if len(ends) < 2 or any(end.port is not None for end in ends[:2]):
        return ends
    ports = _in_columns(text, [place for _, place in found.values()][:2])
    return tuple(evolve(end, port=port) for end, port in zip(ends, ports, strict=False)) + ends[2:] if ports else ends


def _in_columns(text: str, behind: list[int]) -> tuple[int, int] | None:
    """The ports of two addresses that end at ``behind``, where they stand in columns of their own."""
    if both := _NEXT_TWO.match(text, behind[1]):
        told = int(both[1]), int(both[2])
    elif (first := _NEXT.match(text, behind[0])) and (second := _NEXT.match(text, behind[1])):
        told = int(first[1]), int(second[1])
    else:
        return None
    return told if max(told) < 65536 else None


def _with_ports(ends: tuple[Endpoint, ...], text: str) -> tuple[Endpoint, ...]:
    """Ports that stand apart from their addresses: by name, or two numbers in a row, source first."""
    named = {side: int(m[1]) for pattern, side in _PORTS if (m := pattern.search(text)) and int(m[1]) < 65536}
    if not named and len(ends) >= 2 and all(end.port is None for end in ends):
        pair = _TWO_PORTS.search(text)
        if pair and int(pair[1]) < 65536 and int(pair[2]) < 65536:
            named = {"source": int(pair[1]), "destination": int(pair[2])}
    if not named and len(ends) == 1 and ends[0].port is None and (after := _PORT_AFTER.search(text)):
        named = {"source": int(after[1])} if int(after[1]) < 65536 else {}
    sides = ("source", "destination")
    return tuple(
        Endpoint(end.address, end.port if end.port is not None else named.get(sides[n]) if n < 2 else None)
        for n, end in enumerate(ends)
    )
