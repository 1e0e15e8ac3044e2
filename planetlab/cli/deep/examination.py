"""The whole examination of a folder, rule by rule; what only a running service can tell is asked of it."""

import pathlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.task import deferLater

from planetlab.cli.deep import audit, books, files, node, pages, slivers
from planetlab.cli.deep.finding import Finding, both_times, judged
from planetlab.cli.deep.places import AuthorityPlace, NodePlace, Places, look
from planetlab.errors import PlanetLabError
from planetlab.registry import inspection

NODE_RULES: tuple[tuple[str, Callable[[node.Node], Iterator[str]], str], ...] = (
    ("rules 1, 2: receipts", node.told_once, "compare `plfed owner receipts` with `plfed owner show` of this node"),
    ("rule 3: slivers", node.as_wished, "restart pl_conf and the node manager: they settle what they began"),
    ("rule 4: tickets in force", node.evidence, "move the ledger aside: polls and creators refill it"),
    ("rule 5: ends", node.in_time, "set the node's clock right; both services end what is over"),
    ("rule 7: pools and loans", node.within_shares, "wait for the ends of what was promised, or bar a slice"),
)
REGISTRY_FIX = "stop the authority and restore its last copy, or mend the rows by the call that is named"


async def examine(top: pathlib.Path, patience: float, reactor: Any) -> list[Finding]:
    """Every rule on everything below ``top``. What is wrong is looked at again after ``patience`` seconds."""
    first = await once(look(top), reactor)
    if all(finding.ok for finding in first) or not patience:
        return first
    await deferLater(reactor, patience)
    return both_times(first, await once(look(top), reactor))


async def once(places: Places, reactor: Any) -> list[Finding]:
    """Every rule, looked at once."""
    findings = []
    issued = _issued(places)
    for each in places.nodes:
        findings += await _node(each, issued, reactor)
    for authority in places.authorities:
        findings += _registry(authority)
    findings += await _seals(places, reactor)
    findings += _files(places)
    findings += await _pages(places, reactor)
    return findings


def _issued(places: Places) -> Mapping[str, Mapping[str, tuple[str, int]]]:
    """By authority, the tickets that it issued; of the authorities that are here."""
    return {place.name: inspection.issued(place.registry) for place in places.authorities if place.registry.exists()}


async def _node(place: NodePlace, issued: Mapping[str, Mapping[str, tuple[str, int]]], reactor: Any) -> list[Finding]:
    try:
        there = await slivers.found(place, reactor)
        ledger = books.read_ledger(place.ledger)
        told = books.read_books(place.books) if place.books.exists() else books.Books()
    except (sqlite3.Error, PlanetLabError, OSError, ValueError) as error:
        fix = "move aside what cannot be read; polls and creators refill it"
        return [judged(f"books of {place.name}", [str(error)], "", fix)]
    seen = node.Node(name=place.name, ledger=ledger, books=told, found=there, now=time.time())
    well = f"{len(ledger.wishes)} wishes, {len(told.entries)} entries, "
    well += "slivers not looked at" if there is None else f"{len(there)} slivers"
    findings = [judged(f"{what} of {place.name}", rule(seen), well, fix) for what, rule, fix in NODE_RULES]
    unknown = list(_not_issued(ledger, issued))
    fix = "bar the slice (`plfed owner deny`) and have the authority's ticket key replaced: somebody else may have it"
    return [*findings, judged(f"rule 4: serials of {place.name}", unknown, "as issued", fix)]


def _not_issued(ledger: books.Ledger, issued: Mapping[str, Mapping[str, tuple[str, int]]]) -> Iterator[str]:
    """Rule 4: serials that took effect here, and that their issuer does not have, or for another slice."""
    for authority, serial, name, _ in ledger.serials:
        if serial and authority in issued and not serial.startswith(OF_2003):
            known = issued[authority].get(serial)
            if known is None:
                yield f"serial {serial} of {name} is none that {authority} issued"
            elif known[0] != name:
                yield f"serial {serial} is in force for {name}; {authority} issued it for {known[0]}"


OF_2003 = "dslice-"  # so begin serials that nodes give to tickets of 2003, which have none


def _registry(place: AuthorityPlace) -> list[Finding]:
    try:
        broken = list(inspection.broken(place.registry, time.time()))
    except sqlite3.Error as error:
        return [judged(f"registry of {place.name}", [f"{place.registry}: {error}"], "", REGISTRY_FIX)]
    return [
        judged(f"rule {each.number} at {place.name}: {each.says}", each.found, "so it is", REGISTRY_FIX)
        for each in broken
    ]


@frozen
class _Live:
    """A node whose packets are captured, and how its counters are read."""

    name: str
    metrics: str
    interfaces: tuple[str, ...]
    enter: tuple[str, ...]


async def _seals(places: Places, reactor: Any) -> list[Finding]:
    findings, live = [], []
    for place in places.nodes:
        key = audit.own_key(place.audit)
        wrong, many = audit.sealed(place.audit / "log", key) if key else ([], 0)
        fix = "keep both copies and ask who had access to this node"
        findings.append(judged(f"rule 9: sealed log of {place.name}", wrong, f"{many} segments in a chain", fix))
        port = str(place.auditd.get("operator_listen") or "")
        if place.auditd.get("capture") == "live" and port.startswith("tcp:"):
            metrics = f"http://127.0.0.1:{port.split(':')[1]}/metrics"
            interfaces = tuple(place.auditd.get("capture_interfaces") or ())
            live.append(_Live(place.name, metrics, interfaces, tuple(place.auditd.get("capture_prefix") or ())))
    audits = {place.name: place.audit for place in places.nodes}
    for authority in places.authorities:
        said = authority.web.get("archive_dir")
        if said and pathlib.Path(said).is_dir():
            wrong = list(audit.archived(pathlib.Path(said), audits))
            fix = "keep both copies and ask who had access to node and archive"
            findings.append(judged(f"rule 9: archive of {authority.name}", wrong, "as the nodes have sealed", fix))
    return findings + [await _packets(each, reactor) for each in live]


LOOK_FOR = 3.0  # seconds between two looks at counters


async def _packets(live: _Live, reactor: Any) -> Finding:
    check, fix = f"rule 8: packets of {live.name}", "see the gaps that the audit's page declares, and its log"
    try:
        before = await audit.counted(live.metrics, live.interfaces, live.enter, reactor)
        await deferLater(reactor, LOOK_FOR)
        after = await audit.counted(live.metrics, live.interfaces, live.enter, reactor)
    except Exception as error:  # an audit that does not answer is told by its addresses, not here
        return Finding(check, True, f"not compared: {error or type(error).__name__}")
    well = f"{after.kernel - before.kernel:.0f} in {LOOK_FOR:.0f} s, all counted"
    return judged(check, audit.differ(before, after), well, fix)


def _files(places: Places) -> list[Finding]:
    top, now = [places.top], time.time()
    damaged, many = files.damaged(top)
    secrets = files.secrets_of(places.top)
    for authority in places.authorities:
        if authority.registry.exists():
            secrets |= dict.fromkeys(inspection.secrets_in(authority.registry), str(authority.registry))
    left = [line for place in places.nodes for line in _left_by(place)]
    logs = places.logs
    clean = "end the services, remove what is named (rm, umount, rmdir), start them again"
    return [
        judged("rule 11: databases", damaged, f"{many} are whole", "stop the service and restore its last copy"),
        judged("rule 11: half-written files", files.half_written(top, now), "none", "remove what is named"),
        judged("rule 11: leftovers of slivers", left, "none", clean),
        judged(
            "rule 13: secrets in logs",
            files.told_in_logs(logs, secrets),
            f"none of {len(secrets)} in {len(logs)} logs",
            "replace the secret that is named, then delete the log",
        ),
    ]  # fmt: skip


def _left_by(place: NodePlace) -> Iterable[str]:
    if not place.books.exists():
        return []
    names = [entry.slice for entry in books.read_books(place.books).entries]
    work = place.file(place.node_manager.get("work"), "slivers")
    return list(files.left_behind(work, str(place.node_manager.get("cgroup") or "plfed"), names))


async def _pages(places: Places, reactor: Any) -> list[Finding]:
    if not places.facts.get("ready"):
        return []
    starts = {name: each["web"] for name, each in places.facts["authorities"].items()}
    starts |= {name: each["audit"] for name, each in places.facts["nodes"].items()}
    findings = []
    for name, url in starts.items():
        wrong, many = await pages.walk(url, reactor)
        fix = "see the last lines of the log of the service that shows them"
        findings.append(judged(f"rule 12: pages of {name}", wrong, f"{many} pages are whole", fix))
    return findings
