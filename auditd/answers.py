"""What each page says, as values; how it looks is the templates' business. Nothing here knows of requests."""

from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from attrs import asdict, evolve, field, frozen

from auditd import chart, disclosure, loglines, mailto, pasted, rates, state, sums, tell, xarf
from auditd.asking import Query, asked, read_network
from auditd.audit import Audit
from auditd.clean import line
from auditd.destinations import Ranked, by_destination
from auditd.directory import Directory
from auditd.question import Question
from auditd.rows import Rows
from auditd.settings import Settings
from auditd.standing import Aside, Standing
from planetlab import prefixes
from planetlab.errors import NotFound

MOST_STRUCTS = 10_000  # in one answer for programs
MOST_MAILS = 50  # slices of one answer beside which a ready letter stands
MOST_OF_MANY = 200  # flows in one answer about a prefix so wide that it is no network's own
MOST_SHOWN = 12  # pasted lines that are answered on a page for people; a program gets all
MOST_PASTED = 2000  # characters of what was pasted that are shown again
PAGE = 40  # rows of a table that people read; keeps a page below 30 kB


@frozen(kw_only=True)
class Answer:
    """What one address of the site says."""

    template: str
    title: str
    json: Any  # for programs
    table: Sequence[dict[str, Any]] = ()  # for CSV and text; empty where the page is no table
    columns: tuple[str, ...] = ()  # of the table
    facts: dict[str, Any] = field(factory=dict)  # what else the template shows
    rows: Sequence[dict[str, Any]] | None = None  # for programs as well, after the rest, where they may be many
    rows_name: str = ""  # of those in the struct; "" where they are all there is
    most_rows: int = MOST_STRUCTS  # that are told
    shortened: tuple[str, ...] = ()  # lists among the facts of which a page that grows too large shows fewer
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


@frozen
class Answers:
    """The pages of one node's audit. ``steady`` and ``wall`` are now, in microseconds."""

    audit: Audit
    settings: Settings
    aside: Aside | None = None
    directory: Directory | None = None
    standing: Standing = field(init=False)

    @standing.default
    def _standing(self) -> Standing:
        return Standing(self.audit, self.settings, self.aside)

    def warm(self, steady: int) -> None:
        """Make the sums that every reader begins with, where there is so much that a reader would wait for them."""
        self.standing.warm(steady)

    def state(self, steady: int, wall: int) -> dict[str, Any]:
        """What stands on every page."""
        return state.told(self.audit, self.settings, steady, wall)

    def front(self, viewer: str, query: Query, steady: int, wall: int, *, listed: bool = True) -> Answer:
        """`/`: what this is, what it sent to the viewer, how to stop it, who runs it; ``listed``: and the lists."""
        own = self._own_traffic(viewer, self.audit.last_hour(steady))
        slices = self.standing.slices(steady) if listed else []
        destinations, count = self.standing.destinations(steady) if listed else ([], 0)
        facts = {
            "viewer": viewer, "own": own, "listed": listed, "slices": slices[:8], "slice_count": len(slices),
            "destinations": destinations[:8], "destination_count": count, "opted_out": self.opted_out(viewer),
            "optout_page": self.settings.authority_pages and f"{self.settings.authority_pages.rstrip('/')}/optout",
        }  # fmt: skip
        told = {
            **self.state(steady, wall),
            "you": viewer,
            "opted_out": facts["opted_out"],
            "sent_to_you": own,
            "slices": slices[:100],
        }
        return Answer(
            template="front.html", title=f"{self.settings.node}: what is this?", json=told, facts=facts,
            rows_name="destinations", rows=destinations, most_rows=100,
        )  # fmt: skip

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
        question = asked(evolve(self.audit.last_hour(steady), to=network), query, self.audit.owners)
        wide = disclosure.wide(network)
        make = partial(self._sent_to, question, MOST_OF_MANY if wide else MOST_STRUCTS)
        found, count, sums_of = self.standing.sum(_name(question, query), steady, make) if wide else make()
        flows = tell.Flows(found, self.audit.owners, wide and self.standing.networks)
        single = network.prefixlen == network.max_prefixlen
        shown, now_utc = prefixes.shown(network), tell.moment(wall)
        by_slice = [
            {
                **struct,
                "purpose": self.purpose(struct["slice"])[0] if struct["kind"] == "slice" else "",
                "mail": mailto.link(self.settings, struct, shown, now_utc) if n < MOST_MAILS else "",
            }
            for n, struct in enumerate(sums_of)
        ]
        return Answer(
            template="to.html",
            title=f"What {self.settings.node} sent to {shown}",
            json={**self.state(steady, wall), "to": shown, "slices": by_slice, "flow_count": count},
            rows=flows,
            rows_name="flows",
            table=flows,
            columns=FLOW,
            xarf=lambda: xarf.reports(self.settings, shown, flows[:], wall),
            facts={"to": shown, "single": single, "slices": by_slice, "wide": wide, "count": count},
        )

    def _sent_to(self, question: Question, most: int) -> tuple[Rows, int, list[dict[str, Any]]]:
        """The latest flows, how many there are, and what each sender sent."""
        parts = self.audit.hour.parts(question)
        return (*self.audit.hour.latest_of(parts, most), sums.by_slice_of(self.audit, parts))

    def paste(self, text: str, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/paste`: lines of a log, each with the flows that fit."""
        own = (self.settings.address, *self.settings.addresses)
        found = pasted.matches(self.audit, own, text, viewer, steady, wall)
        told = {**self.state(steady, wall), "lines": [match.struct for match in found]}
        shown = "\n".join(line(each, MOST_PASTED) for each in text.splitlines()[: loglines.MOST_LINES])[:MOST_PASTED]
        facts = {"own": own, "lines": shown, "most": loglines.MOST_LINES, "matches": found[:MOST_SHOWN],
                 "asked": len(found)}  # fmt: skip
        title = f"Did {self.settings.node} send what your log has?"
        return Answer(template="paste.html", title=title, json=told, facts=facts, shortened=("matches",))

    def slices(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/slices`: who sent anything."""
        found = self.standing.slices(steady)
        title = f"Slices that sent from {self.settings.node}"
        return Answer(template="slices.html", title=title, json=found[:MOST_STRUCTS], table=found, columns=SLICE)

    def destinations(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/destinations`: where anything went."""
        found, count = self.standing.destinations(steady)
        title = f"Where {self.settings.node} sent packets"
        return Answer(
            template="destinations.html", title=title, json=None, rows=found, table=found, columns=DESTINATION,
            facts={"count": count},
        )  # fmt: skip

    def slice(self, name: str, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/slice/<name>`: what one slice sent, where."""
        known = {sender: n for sender, n in self.audit.owners.senders().items() if sender.slice == name}
        if not known:
            raise NotFound(
                f"expected the name of a slice that was on this node lately, got {line(name, 80)!r}", "slice"
            )
        question = evolve(self.audit.last_hour(steady), slices=frozenset(known.values()))
        question = asked(question, query, self.audit.owners)
        make = partial(self._sent_by, question)
        (destinations, count), total = self.standing.sum(_name(question, query), steady, make)
        authorities = sorted({sender.authority for sender in known})
        now_utc, (purpose, url) = tell.moment(wall), self.purpose(name)
        contacts = [mailto.link(self.settings, {"slice": name, "authority": by}, "", now_utc) for by in authorities]
        facts = {
            "slice": name,
            "authorities": authorities,
            "purpose": purpose,
            "url": url,
            "totals": total,
            "contacts": [contact for contact in contacts if contact],
        }
        told = {**self.state(steady, wall), **facts, "destination_count": count}
        return Answer(
            template="slice.html",
            title=f"What {name} sent from {self.settings.node}",
            json=told,
            rows=destinations,
            rows_name="destinations",
            table=destinations,
            columns=DESTINATION,
            facts={**facts, "count": count},
        )

    def _sent_by(self, question: Question) -> tuple[tuple[Ranked, int], list[dict[str, Any]]]:
        """Where it went, and what each sender sent."""
        return by_destination(self.audit, question, self.standing.networks), sums.by_slice(self.audit, question)

    def summary(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/summary`: rates over the hour, by slice and by protocol."""
        slices, protocols, until = self.standing.rates(steady)
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


def _name(question: Question, query: Query) -> tuple[Question, str]:
    """What two questions have in common that are asked in the same words, a moment apart."""
    return evolve(question, since=None), query.get("from", "") and f"{query['from']} {query.get('skew', '')}"


def _drawn(series: list[rates.Series]) -> chart.Chart:
    seconds = rates.MINUTE / 1e6
    return chart.stacked([(each.name, [8 * octets / seconds for octets in each.octets]) for each in series], "bit/s")


_COUNTS = ("frames", "dropped", "foreign", "dissected", "unread", "folded", "steps")
