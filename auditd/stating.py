"""What a node states of the last hour, to be signed: how much went to an address, and when nothing was seen."""

from attrs import evolve

from auditd import sums
from auditd.answers import Answers
from auditd.asking import Query, asked, read_network
from planetlab import prefixes
from planetlab.audit_statements import Statement, listed
from planetlab.errors import BadArgument


def statement(answers: Answers, text: str, query: Query, steady: int, wall: int) -> Statement:
    """What is stated of the address or prefix ``text``; ``steady`` and ``wall`` are now, in microseconds.

    It reaches no further than what the capture has delivered, and no further back than the hour. Raises `BadArgument`.
    """
    if query.get("slice"):
        raise BadArgument("expected none: a statement is about whatever was sent to the address", "slice")
    audit, settings = answers.audit, answers.settings
    network = read_network(text, "address")
    hour = audit.last_hour(steady)
    narrowed = asked(evolve(hour, to=network), query, audit.owners)
    since = max(narrowed.since or 0, hour.since or 0)
    delivered = min(wall, audit.timeline.wall(audit.through)) if audit.through else 0
    until = min(wall if narrowed.until is None else narrowed.until, max(delivered, since + 1))
    if until <= since:
        raise BadArgument("expected a time that lies in the last hour; the archive answers for what is older", "until")
    question = evolve(narrowed, since=since, until=until)
    gaps = [
        {"node": settings.node, "lack": str(gap.lack), "since": gap.since / 1e6, "until": gap.until / 1e6,
         "reason": gap.reason}
        for gap in audit.gaps.during(since, until)
    ]  # fmt: skip
    if not audit.through:
        gaps.append({"node": settings.node, "lack": "blind", "since": since / 1e6, "until": until / 1e6,
                     "reason": "the capture has not begun"})  # fmt: skip
    by_slice = sums.by_slice(audit, question)
    return Statement(
        by=settings.node, node=settings.node, about=prefixes.shown(network),
        since=since / 1e6, until=until / 1e6, made=wall / 1e6, port=question.port, protocol=question.protocol,
        flows=audit.hour.latest(question, 1)[1], packets=sum(each["packets"] for each in by_slice),
        octets=sum(each["octets"] for each in by_slice),
        slices=tuple(each["slice"] for each in by_slice[:100]), gaps=listed(gaps),
    )  # fmt: skip
