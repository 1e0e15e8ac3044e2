"""What stands in an address and after its ``?``, read: prefixes, moments, ports, protocols. Pure."""

from attrs import evolve

from auditd import tell
from auditd.clean import line
from auditd.owners import Owners
from auditd.question import Network, Question
from planetlab import prefixes
from planetlab.errors import BadArgument
from planetlab.units import parse_moment

MOST_SKEW = 3600  # seconds that a reader's clock may differ
Query = dict[str, str]


def asked(question: Question, query: Query, owners: Owners) -> Question:
    """The question narrowed by what stands after the ``?``. Raises `BadArgument`."""
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
        numbers = frozenset(n for sender, n in owners.senders().items() if sender.slice == name)
        asked_of = numbers if question.slices is None else numbers & question.slices
        question = evolve(question, slices=asked_of)
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


def read_network(text: str, where: str) -> Network:
    """An address or a prefix. Raises `BadArgument`, whose text may be shown."""
    return prefixes.read_network(line(text, 80), where)


def read_moment(text: str, where: str) -> int:
    """A moment of this age, in microseconds: RFC 3339 with a zone, or seconds since the epoch. Raises `BadArgument`."""
    seconds = parse_moment(text, where)
    if not 0 <= seconds < 1e11:
        raise BadArgument(f"expected a moment after 1970, got {line(text, 40)!r}", where)
    return round(seconds * 1e6)
