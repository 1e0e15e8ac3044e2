"""What an archive states of what its nodes sent, to be signed; with every hour that it has no log of."""

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from planetlab.audit_statements import Statement, listed
from planetlab.errors import BadArgument
from planetlab.prefixes import shown
from web.nodelog import NodeLog
from web.questions import Question
from web.store import Archive


def statement(archive: Archive, question: Question, by: str, now: float) -> Statement:
    """What the archive states of a question for an address. Raises `BadArgument` for another, or where no node is."""
    to = question.to
    if to is None or question.slice:
        raise BadArgument(
            "expected an address or prefix, and no slice: a statement is about whatever was sent there", "to"
        )
    logs = list(archive.logs(question))
    if not logs:
        raise BadArgument(f"expected a node of which there is a log here, got {question.node[:80]!r}", "node")
    question = evolve(question, skew=0.0)
    total = archive.totals(question)
    gaps = [gap for log in logs for gap in _lacking(log, question)]
    return Statement(
        by=by, node=question.node, about=shown(to), since=question.since, until=question.until, made=now,
        port=question.port, protocol=question.protocol, flows=total["flows"],
        packets=total["packets"], octets=total["octets"],
        slices=tuple((total["slices"] or [])[:100]), gaps=listed(gaps), rests_on=tuple(_rests(logs, question)),
    )  # fmt: skip


def _lacking(log: NodeLog, question: Question) -> Iterator[dict[str, Any]]:
    """When one node saw not everything, or there is no log of it."""
    since, until = round(question.since * 1e6), round(question.until * 1e6)
    reached = since
    for manifest in sorted(log.during(since, until), key=lambda each: each.since):
        if not log.has(manifest):
            continue
        if manifest.since > reached:
            yield _gap(log, "blind", reached, manifest.since, "there is no log of this time here")
        for gap in manifest.gaps:
            if gap["until"] >= since and gap["since"] <= until:
                yield _gap(log, str(gap["lack"]), gap["since"], gap["until"], str(gap.get("reason", "")))
        reached = max(reached, manifest.until)
    if reached < until:
        yield _gap(log, "blind", reached, until, "there is no log of this time here")


def _gap(log: NodeLog, lack: str, since: int, until: int, reason: str) -> dict[str, Any]:
    return {"node": log.name, "lack": lack, "since": since / 1e6, "until": until / 1e6, "reason": reason}


def _rests(logs: list[NodeLog], question: Question) -> Iterator[dict[str, Any]]:
    """Which segments of each node: the digest of the last one's manifest stands for all before it."""
    for log in logs:
        found = [manifest for manifest in log.during(question.begin, question.end) if log.has(manifest)]
        if found:
            last = max(found, key=lambda manifest: manifest.number)
            first = min(manifest.number for manifest in found)
            yield {"node": log.name, "first": first, "last": last.number, "manifest": log.digest(last.number)}
