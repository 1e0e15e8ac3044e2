"""What each page says, as values; how it looks is the templates' business. Nothing here knows of requests."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote

from attrs import asdict, evolve, field, frozen

from auditd import chart, loglines, pasted, rates, sums, tell, xarf
from auditd.audit import Audit
from auditd.clean import line
from auditd.directory import Directory
from auditd.hour import HOUR, Network, Question
from auditd.rows import Rows
from auditd.settings import Settings
from planetlab.errors import BadArgument, NotFound

FRESH = 500_000  # microseconds that a sum is shown again
OLDEST = 120_000_000  # microseconds that an old sum may be shown while the next is made
MUCH = 50_000  # records; less is summed while the reader waits
MOST_KEPT = 200  # sums
MOST_STRUCTS = 10_000  # in one answer for programs
MOST_MAILS = 50  # slices of one answer beside which a ready letter stands
MOST_OF_MANY = 200  # flows in one answer about a prefix so wide that it is no network's own
MOST_SHOWN = 12  # pasted lines that are answered on a page for people; a program gets all
MOST_SKEW = 3600  # seconds that a reader's clock may differ
MOST_PASTED = 2000  # characters of a line that is shown again
PAGE = 40  # rows of a table that people read; keeps a page below 30 kB
Query = dict[str, str]


@frozen(kw_only=True)
class Answer:
    """What one address of the site says."""

    template: str
    title: str
    json: Any  # for programs; or what makes it, where that is much
    table: Sequence[dict[str, Any]] = ()  # for CSV and text; empty where the page is no table
    columns: tuple[str, ...] = ()  # of the table
    facts: dict[str, Any] = field(factory=dict)  # what else the template shows
    xarf: Callable[[], list[dict[str, Any]]] = list  # makes reports, where the page is evidence
    status: int = 200


FLOW = (
    "first_utc", "last_utc", "slice", "protocol", "source", "source_port", "destination", "destination_port",
    "icmp_type", "icmp_code", "tcp_flags", "packets", "octets", "frames", "authority", "note",
)  # fmt: skip
SLICE = (
    "slice", "first_utc", "last_utc", "packets", "octets", "destinations", "flows", "protocols", "ports", "tcp_flags",
    "authority",
)  # fmt: skip
DESTINATION = (
    "destination", "first_utc", "last_utc", "packets", "octets", "destinations", "protocols", "ports", "tcp_flags",
    "slices",
)  # fmt: skip


Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Does the first in a thread, and tells the second what came of it."""


@frozen
class _Kept:
    """A sum: when it was made, for how long it is good (microseconds), what it is."""

    when: int
    good_for: int
    value: Any


@frozen
class Answers:
    """The pages of one node's audit. ``steady`` and ``wall`` are now, in microseconds."""

    audit: Audit
    settings: Settings
    aside: Aside | None = None
    directory: Directory | None = None
    _kept: dict[str, _Kept] = field(factory=dict, init=False)
    _in_work: set[str] = field(factory=set, init=False)  # sums of which a thread makes the next

    def warm(self, steady: int) -> None:
        """Make the sums that every reader begins with, where there is so much that a reader would wait for them."""
        if self.aside is not None and len(self.audit.hour) >= MUCH:
            for name, make in self._standing(steady):
                kept = self._kept.get(name)
                if kept is None or not kept.when <= steady < kept.when + kept.good_for:
                    self._renew(name, steady, make)

    def _standing(self, steady: int) -> Iterator[tuple[str, Callable[[], Any]]]:
        hour, until = self.audit.last_hour(steady), self.audit.timeline.wall(steady)
        yield "slices", partial(sums.by_slice, self.audit, hour)
        yield "destinations", partial(sums.by_destination, self.audit, hour, self.settings.disclosure != "open")
        yield "rates by slice", partial(rates.by_slice, self.audit, hour, until)
        yield "rates by protocol", partial(rates.by_protocol, self.audit, hour, until)

    def state(self, steady: int, wall: int) -> dict[str, Any]:
        """What stands on every page: where and when this is, what is simulated, and what was not seen."""
        since = self.audit.timeline.wall(steady) - int(HOUR * 1e6)
        gaps = [
            {
                "lack": str(gap.lack),
                "since": gap.since / 1e6,
                "until": gap.until / 1e6,
                "since_utc": tell.moment(gap.since),
                "until_utc": tell.moment(gap.until),
                "reason": line(gap.reason),
                "frames": gap.frames,
            }
            for gap in self.audit.gaps.during(since, wall)
        ]
        blind = self.audit.blind_since(steady)
        if blind is not None and self.audit.through:
            since_wall = self.audit.timeline.wall(blind)
            gaps.append(
                {
                    "lack": "blind",
                    "since": since_wall / 1e6,
                    "until": wall / 1e6,
                    "since_utc": tell.moment(since_wall),
                    "until_utc": tell.moment(wall),
                    "reason": "the capture is not running",
                    "frames": 0,
                }
            )
        return {
            "node": self.settings.node,
            "hrn": self.settings.hrn,
            "address": self.settings.address,
            "now": wall / 1e6,
            "now_utc": tell.moment(wall),
            "since_utc": tell.moment(since),
            "simulated": self.settings.capture == "simulated",
            "capturing": blind is None and bool(self.audit.through),
            "owners_error": line(self.audit.owners_error),
            "senders_by": self._senders_by(),
            "at_least": any(gap["lack"] in ("blind", "loss") for gap in gaps),
            "gaps": gaps[-50:],
            "gap_count": len(gaps),
        }

    def _senders_by(self) -> str:
        """Who tells the sender of a packet: the kernel on every interface, or only what stands in the packet."""
        told = set((self.audit.hello.get("senders") or {}).values())
        return "kernel" if told == {"kernel"} else "mark" if told == {"mark"} else "packet" if told else ""

    def front(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/`: what this is, what it sent to the viewer, how to make it stop, who runs it."""
        state = self.state(steady, wall)
        hour = self.audit.last_hour(steady)
        own = self._own_traffic(viewer, hour)
        slices = self._sum("slices", steady, partial(sums.by_slice, self.audit, hour))
        destinations, count = self._destinations(steady)
        facts = {
            "viewer": viewer, "own": own, "slices": slices[:8], "slice_count": len(slices),
            "destinations": destinations[:8], "destination_count": count, "opted_out": self.opted_out(viewer),
            "optout_page": self.settings.authority_pages and f"{self.settings.authority_pages.rstrip('/')}/optout",
        }  # fmt: skip
        told = {
            **state,
            "you": viewer,
            "opted_out": facts["opted_out"],
            "sent_to_you": own,
            "slices": slices[:100],
            "destinations": destinations[:100],
        }
        return Answer(template="front.html", title=f"{self.settings.node}: what is this?", json=told, facts=facts)

    def purpose(self, name: str) -> tuple[str, str]:
        """What a slice is for, in its people's words, and its page; "" where the authority does not tell."""
        return self.directory.purposes.get(name, ("", "")) if self.directory else ("", "")

    def opted_out(self, viewer: str) -> str:
        """The entry of the opt-out list that ``viewer`` lies in, or ""."""
        try:
            address = ip_address(viewer)
        except ValueError:
            return ""
        widest = [ip_network(f"{address}/{bits}", strict=False) for bits in range(address.max_prefixlen + 1)]
        listed = self.directory.listed if self.directory else frozenset()
        return next((str(network) for network in widest if str(network) in listed), "")

    def _own_traffic(self, viewer: str, hour: Question) -> dict[str, Any] | None:
        try:
            to = ip_network(viewer)
        except ValueError:
            return None
        # what the node itself sends is mostly this very page on its way to the reader
        found = [each for each in sums.by_slice(self.audit, evolve(hour, to=to)) if each["kind"] != "node"]
        return {
            "slices": len(found),
            "all_known": all(each["kind"] == "slice" for each in found),
            "packets": sum(struct["packets"] for struct in found),
            "octets": sum(struct["octets"] for struct in found),
        }

    def to(self, text: str, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/to/<address or prefix>`: who sent there."""
        network = read_network(text, "address")
        question = self.asked(evolve(self.audit.last_hour(steady), to=network), query)
        wide = network.prefixlen < (24 if network.version == 4 else 48)
        make = partial(self._sent_to, question, MOST_OF_MANY if wide else MOST_STRUCTS)
        found, count, sums_of = self._sum(f"to {network} {sorted(query.items())}", steady, make) if wide else make()
        flows = tell.Flows(found, self.audit.owners, wide and self.settings.disclosure != "open")
        state = self.state(steady, wall)
        single = network.prefixlen == network.max_prefixlen
        shown = str(network.network_address) if single else str(network)
        by_slice = [
            {
                **struct,
                "purpose": self.purpose(struct["slice"])[0] if struct["kind"] == "slice" else "",
                "mail": self.mail(struct, shown, state) if n < MOST_MAILS else "",
            }
            for n, struct in enumerate(sums_of)
        ]
        told = {**state, "to": shown, "slices": by_slice, "flow_count": count}
        return Answer(
            template="to.html",
            title=f"What {self.settings.node} sent to {shown}",
            json=lambda: {**told, "flows": flows[:]},
            table=flows,
            columns=FLOW,
            xarf=lambda: xarf.reports(self.settings, shown, flows[:], wall),
            facts={"to": shown, "single": single, "slices": by_slice, "wide": wide, "count": count},
        )

    def _sent_to(self, question: Question, most: int) -> tuple[Rows, int, list[dict[str, Any]]]:
        """The latest flows, how many there are, and what each sender sent."""
        return (*self.audit.hour.latest(question, most), sums.by_slice(self.audit, question))

    def paste(self, text: str, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/paste`: lines of a log, each with the flows that fit."""
        own = (self.settings.address, *self.settings.addresses)
        found = pasted.matches(self.audit, own, text, viewer, steady, wall)
        told = {**self.state(steady, wall), "lines": [match.struct for match in found]}
        shown = "\n".join(line(each, MOST_PASTED) for each in text.splitlines()[: loglines.MOST_LINES])
        facts = {"own": own, "lines": shown, "most": loglines.MOST_LINES, "matches": found[:MOST_SHOWN]}
        title = f"Did {self.settings.node} send what your log has?"
        return Answer(template="paste.html", title=title, json=told, facts=facts)

    def slices(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/slices`: who sent anything."""
        hour = self.audit.last_hour(steady)
        found = self._sum("slices", steady, partial(sums.by_slice, self.audit, hour))
        title = f"Slices that sent from {self.settings.node}"
        return Answer(template="slices.html", title=title, json=found[:MOST_STRUCTS], table=found, columns=SLICE)

    def destinations(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/destinations`: where anything went."""
        found, count = self._destinations(steady)
        title = f"Where {self.settings.node} sent packets"
        return Answer(
            template="destinations.html", title=title, json=found, table=found, columns=DESTINATION,
            facts={"count": count},
        )  # fmt: skip

    def slice(self, name: str, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/slice/<name>`: what one slice sent, where."""
        known = {sender: n for sender, n in self.audit.owners.senders().items() if sender.slice == name}
        if not known:
            raise NotFound(
                f"expected the name of a slice that was on this node lately, got {line(name, 80)!r}", "slice"
            )
        question = self.asked(evolve(self.audit.last_hour(steady), slices=frozenset(known.values())), query)
        networks = self.settings.disclosure != "open"
        made = partial(sums.by_destination, self.audit, question, networks)
        destinations, count = self._sum(f"slice {name} {sorted(query.items())}", steady, made)
        total = self._sum(f"total {name} {sorted(query.items())}", steady, partial(sums.by_slice, self.audit, question))
        state = self.state(steady, wall)
        authorities = sorted({sender.authority for sender in known})
        contacts = [self.mail({"slice": name, "authority": by}, "", state) for by in authorities]
        told = {
            **state,
            "slice": name,
            "authorities": authorities,
            "purpose": self.purpose(name)[0],
            "url": self.purpose(name)[1],
            "totals": total,
            "destinations": destinations,
            "destination_count": count,
            "contacts": [contact for contact in contacts if contact],
        }
        return Answer(
            template="slice.html",
            title=f"What {name} sent from {self.settings.node}",
            json=told,
            table=destinations,
            columns=DESTINATION,
            facts={
                "slice": name,
                "authorities": authorities,
                "purpose": told["purpose"],
                "url": told["url"],
                "totals": total,
                "contacts": told["contacts"],
                "count": count,
            },
        )

    def summary(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/summary`: rates over the hour, by slice and by protocol."""
        hour, until = self.audit.last_hour(steady), self.audit.timeline.wall(steady)
        slices = self._sum("rates by slice", steady, partial(rates.by_slice, self.audit, hour, until))
        protocols = self._sum("rates by protocol", steady, partial(rates.by_protocol, self.audit, hour, until))
        begin = until - rates.BINS * rates.MINUTE
        told = {
            **self.state(steady, wall),
            "begin": begin / 1e6,
            "seconds": rates.MINUTE // 1_000_000,
            "slices": [asdict(series) for series in slices],
            "protocols": [asdict(series) for series in protocols],
        }
        facts = {
            "slices": slices,
            "protocols": protocols,
            "slice_chart": _drawn(slices),
            "protocol_chart": _drawn(protocols),
            "marks": [tell.moment(begin + five * 5 * rates.MINUTE)[11:16] for five in range(12)],
        }
        return Answer(template="summary.html", title=f"The last hour of {self.settings.node}", json=told, facts=facts)

    def health(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/health`: whether the audit sees everything."""
        counts = {name: self.audit.counts.get(name, 0) for name in _COUNTS}
        told = {
            **self.state(steady, wall),
            **counts,
            "open_flows": len(self.audit.flows),
            "flows_in_hour": len(self.audit.hour),
            "capture": self.audit.hello,
            "optouts": len(self.directory.optouts) if self.directory else 0,
            "optouts_asked": self.directory.asked if self.directory else 0.0,
            "optouts_error": self.directory.error if self.directory else "",
        }
        title = f"What the audit of {self.settings.node} sees"
        return Answer(template="health.html", title=title, json=told, facts={"counts": counts, "told": told})

    def _destinations(self, steady: int) -> tuple[list[dict[str, Any]], int]:
        networks = self.settings.disclosure != "open"
        hour = self.audit.last_hour(steady)
        made: tuple[list[dict[str, Any]], int] = self._sum(
            "destinations", steady, partial(sums.by_destination, self.audit, hour, networks)
        )
        return made

    def _sum(self, name: str, steady: int, make: Callable[[], Any]) -> Any:
        """Sums over the whole hour are made anew after half a second, or later the more there is to sum.

        When there is much, the last one is shown once more while a thread makes the next, for a minute at most.
        """
        kept = self._kept.get(name)
        if kept is not None and kept.when <= steady < kept.when + kept.good_for:
            return kept.value
        old = kept is None or not kept.when <= steady < kept.when + OLDEST
        if old or self.aside is None or len(self.audit.hour) < MUCH:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            kept = self._kept[name] = _Kept(steady, self._good_for(), make())
        else:
            self._renew(name, steady, make)
        assert kept is not None
        return kept.value

    def _good_for(self) -> int:
        return max(FRESH, 30 * len(self.audit.hour))  # a record costs about a microsecond: a thirtieth of the time

    def _renew(self, name: str, steady: int, make: Callable[[], Any]) -> None:
        """Let a thread make a sum anew, unless one is at it."""
        if self.aside is None or name in self._in_work:
            return
        self._in_work.add(name)

        def work() -> Any:
            try:
                return make()
            finally:
                self._in_work.discard(name)

        self.aside(work, lambda made: self._kept.__setitem__(name, _Kept(steady, self._good_for(), made)))

    def asked(self, question: Question, query: Query) -> Question:
        """The question narrowed by what stands after the ``?``."""
        if text := query.get("from"):
            question = evolve(question, since=read_moment(text, "from"))
        if text := query.get("until"):
            question = evolve(question, until=read_moment(text, "until"))
        if text := query.get("skew"):
            if not text.isascii() or not text.isdigit() or int(text[:6]) > MOST_SKEW:
                raise BadArgument(f"expected seconds, 0 to {MOST_SKEW}, got {line(text, 40)!r}", "skew")
            skew = int(text) * 1_000_000
            since, until = question.since, question.until
            question = evolve(question, since=since and since - skew, until=until and until + skew)
        if name := query.get("slice"):
            numbers = frozenset(n for sender, n in self.audit.owners.senders().items() if sender.slice == name)
            question = evolve(question, slices=numbers)
        if text := query.get("port"):
            if not text.isascii() or not text.isdigit() or int(text[:6]) > 65535:
                raise BadArgument(f"expected a port, 0 to 65535, got {line(text, 40)!r}", "port")
            question = evolve(question, port=int(text))
        if text := query.get("protocol"):
            number = tell.protocol_number(text)
            if number is None:
                raise BadArgument(f"expected a protocol like tcp, udp, icmp or 47, got {line(text, 40)!r}", "protocol")
            question = evolve(question, protocol=number)
        return question

    def mail(self, struct: dict[str, Any], to: str, state: dict[str, Any]) -> str:
        """A link that writes to a slice's responsible users, with what they need to know; "" when there is none."""
        by_slice = struct.get("kind", "slice") == "slice"
        template = self.settings.slice_mail if by_slice else self.settings.operator_mail
        if not template:
            return ""
        address = template.replace("SLICE", struct["slice"]).replace("AUTHORITY", struct["authority"])
        subject = f"Packets of {struct['slice']} from {self.settings.node}" + (f" to {to}" if to else "")
        body = [f"Node: {self.settings.node} ({self.settings.address})", f"Slice: {struct['slice']}"]
        if to:
            seen = (struct["first_utc"], struct["last_utc"], struct["packets"])
            body += [f"Destination: {to}", "Seen: {} to {} (UTC), {} packets".format(*seen)]
        body += [f"Read at: {state['now_utc']}", "", "What I would like to know or to stop:", ""]
        return f"mailto:{quote(address, safe='@')}?subject={quote(subject)}&body={quote(chr(10).join(body))}"


def _drawn(series: list[rates.Series]) -> chart.Chart:
    seconds = rates.MINUTE / 1e6
    return chart.stacked([(each.name, [8 * octets / seconds for octets in each.octets]) for each in series], "bit/s")


_COUNTS = ("frames", "dropped", "foreign", "dissected", "unread", "folded", "steps")


def read_network(text: str, where: str) -> Network:
    """An address or a prefix. Raises `BadArgument`."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        expected = "expected an IPv4 or IPv6 address or prefix, like 192.0.2.7 or 2001:db8::/48"
        raise BadArgument(f"{expected}, got {line(text, 80)!r}", where) from None
    return network


def read_moment(text: str, where: str) -> int:
    """A moment: RFC 3339 with a zone, or seconds since the epoch. Raises `BadArgument`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _read_date(text, where)
    if not 0 <= seconds < 1e11:
        raise BadArgument(f"expected a moment after 1970, got {line(text, 40)!r}", where)
    return round(seconds * 1e6)


def _read_date(text: str, where: str) -> float:
    try:
        told = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in a query arrives as a space
    except ValueError:
        told = None
    if told is None or told.tzinfo is None:
        expected = "expected a time with its zone, like 2026-01-31T12:00:00Z, or seconds since the epoch"
        raise BadArgument(f"{expected}, got {line(text, 40)!r}", where)
    return told.timestamp()
