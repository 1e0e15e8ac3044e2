"""``plfed log``: read authorities' public logs of tickets, and check that what was redeemed was issued, and by whom."""

import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
from attrs import asdict, define, field, frozen

from planetlab import keys, merkle
from planetlab.ask import Ask
from planetlab.cli.place import write
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json, table
from planetlab.cli.target import facts_path, read_facts
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.log_reader import LogReader
from planetlab.names import Hrn
from planetlab.ticket_log import ISSUED, REDEEMED, Entry, Head

KEPT = "ticket-logs.json"
MOST_TOLD = 50  # findings of one authority, in lines


@click.group("log")
def group() -> None:
    """Read authorities' public logs of tickets."""


@frozen
class Place:
    """Where an authority's log is read, and by which keys it is believed."""

    hrn: Hrn
    url: str
    ca: str | None
    believed: tuple[keys.PublicKey, ...]

    @classmethod
    def of(cls, said: str) -> "Place":
        """A place as the command line says it: HRN,URL,CA-FILE,KEY-FILE. Raises `BadSettings`."""
        parts = said.split(",")
        if len(parts) != 4:
            raise BadSettings(f"--log {said}: expected HRN,URL,CA-FILE,KEY-FILE")
        return cls(Hrn.parse(parts[0]), parts[1], parts[2] or None, (_key(parts[3]),))


@define
class Report:
    """What came of one authority's log: how much it says, and whatever is wrong."""

    log: str
    size: int = 0
    issued: int = 0
    redeemed: int = 0
    wrong: list[str] = field(factory=list)
    entries: list[Entry] = field(factory=list)


@group.command("audit")
@click.argument("names", nargs=-1, metavar="[AUTHORITY]...")
@click.option("--log", "more", multiple=True, metavar="HRN,URL,CA,KEY", help="A log that no demo's facts name.")
@click.option(
    "--kept", type=click.Path(path_type=pathlib.Path), help=f"The heads of last time. [{KEPT}, by a demo's facts]"
)
@click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json].")
@as_json
@errors_told
def audit(
    names: tuple[str, ...], more: tuple[str, ...], kept: pathlib.Path | None, facts: str | None, as_json: bool
) -> None:
    """Check whole logs: that nothing was taken back since last time, and that every redeemed ticket was issued.

    Without AUTHORITY, those of a demo. Ends with 1 when anything is wrong.
    """
    places = [Place.of(said) for said in more] or _of_demo(names, facts)
    file = kept or (pathlib.Path(KEPT) if more else facts_path(facts).parent / KEPT)
    heads = _heads(file)

    async def work(reactor: Any) -> int:
        reports = [await _read(place, heads.get(str(place.hrn)), reactor, heads) for place in places]
        _compare(reports)
        write(file, json.dumps({name: asdict(head) for name, head in sorted(heads.items())}, indent=1))
        rows = [(each.log, each.size, each.issued, each.redeemed, len(each.wrong) or "none") for each in reports]
        lines = table(rows, ("log", "entries", "issued", "redeemed", "wrong"))
        lines += [f"WRONG {each.log}: {text}" for each in reports for text in each.wrong[:MOST_TOLD]]
        said = [
            {name: getattr(each, name) for name in ("log", "size", "issued", "redeemed", "wrong")} for each in reports
        ]
        Voice(as_json).result(said, lines)
        return 1 if any(each.wrong for each in reports) else 0

    run(work)


async def _read(place: Place, head: Head | None, reactor: Any, heads: dict[str, Head]) -> Report:
    """One log, whole, and its head among ``heads`` once it is believed."""
    report = Report(str(place.hrn))
    reader = LogReader(place.hrn, Ask(place.url, ca=place.ca, reactor=reactor).call, place.believed, head)
    try:
        new = await reader.look(time.time())
        entries = await reader.entries()
        if root_of(entries).hex() != new.root:
            report.wrong.append("its entries are not those that its head is over")
            return report
        report.entries = [Entry.read(entry) for entry in entries]
    except PlanetLabError as error:
        report.wrong.append(str(error))
        return report
    heads[report.log] = new
    report.size = new.size
    report.issued = sum(entry.kind == ISSUED for entry in report.entries)
    report.redeemed = sum(entry.kind == REDEEMED for entry in report.entries)
    return report


def root_of(entries: Sequence[bytes]) -> bytes:
    """The head's hash over these entries."""
    hashes: dict[tuple[int, int], bytes] = {}

    def whole(level: int, number: int) -> bytes:
        return hashes[level, number]

    for size, entry in enumerate(entries):
        for level, number, value in merkle.grown(size, merkle.leaf(entry), whole):
            hashes[level, number] = value
    return merkle.root(len(entries), whole)


def _compare(reports: Sequence[Report]) -> None:
    """Note each ticket that was redeemed, and that its issuer's log, if it is among these, does not have."""
    issued = {
        each.log: {entry.digest for entry in each.entries if entry.kind == ISSUED} for each in reports if each.size
    }
    for each in reports:
        for entry in each.entries:
            if entry.kind == ISSUED and entry.issuer != each.log:
                each.wrong.append(f"it says that it issued a ticket of {entry.issuer} for {entry.slice}")
            elif entry.kind == REDEEMED and entry.digest not in issued.get(entry.issuer, {entry.digest}):
                said = f"{entry.node} redeemed a ticket for {entry.slice} that the log of {entry.issuer} does not have"
                each.wrong.append(f"{said}: {entry.digest}")


def _of_demo(names: Sequence[str], facts: str | None) -> list[Place]:
    known: Mapping[str, Any] = read_facts(facts)["authorities"]
    if missing := sorted(set(names) - known.keys()):
        raise BadSettings(f"{', '.join(missing)}: the demo has {', '.join(sorted(known))}")
    return [
        Place(Hrn.parse(name), each["sa"], each["ca"], (_key(each["ticket_key_pem"]),))
        for name, each in known.items()
        if not names or name in names
    ]


def _key(path: str) -> keys.PublicKey:
    return keys.load_public(pathlib.Path(path).read_bytes())


def _heads(file: pathlib.Path) -> dict[str, Head]:
    try:
        said = json.loads(file.read_text())
        return {name: Head(**each) for name, each in said.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadSettings(f"{file}: expected the heads that an audit before kept: {error}") from error
