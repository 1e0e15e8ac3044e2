"""A signed answer to "did you send to this address then?", also when it is no; with everything that was not seen.

One line of JSON, one line with an ECDSA signature (P-256, SHA-256, DER, base64) over the first line without its end. So
any program checks it: ``openssl dgst -sha256 -verify key.pem -signature sig text``. A "no" that hides a time in which
nothing was seen would be worth nothing: the gaps are part of what is signed, and ``complete`` says whether there are.
"""

import json
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import signed_line
from planetlab.errors import BadArgument
from planetlab.signed_line import NotSigned

FORMAT = "plfed-statement-1"
MOST = 1 << 20  # bytes
MOST_GAPS = 500  # that are listed one by one; the oldest are told as one
HARMLESS = frozenset({"clock", "restart"})  # in such times everything was counted


class Unproven(BadArgument):
    """A text is no statement that the key has signed."""


@frozen(kw_only=True)
class Statement:
    """What somebody states of what was sent. Times are seconds since the epoch."""

    by: str  # who states it: a node's host name, or the archive of an authority
    node: str  # of which node it is stated; "" for all that the archive has
    about: str  # the address or prefix
    since: float
    until: float
    made: float
    flows: int
    packets: int
    octets: int
    slices: tuple[str, ...] = ()
    port: int | None = None  # what the question was limited to
    protocol: int | None = None
    gaps: tuple[dict[str, Any], ...] = ()  # node, lack, since, until, reason: when not everything was seen
    rests_on: tuple[dict[str, Any], ...] = ()  # of an archive: node, first and last segment, digest of the last
    format: str = FORMAT

    @property
    def complete(self) -> bool:
        """Whether everything was seen in that time."""
        return all(gap["lack"] in HARMLESS for gap in self.gaps)

    @property
    def sentence(self) -> str:
        """The statement for people."""
        who = self.node or "the nodes of this archive"
        limits = [f"protocol {self.protocol}"] if self.protocol is not None else []
        limits += [f"port {self.port}"] if self.port is not None else []
        limited = f" ({', '.join(limits)})" if limits else ""
        when = f"From {_utc(self.since)} to {_utc(self.until)}"
        if self.flows:
            least = "" if self.complete else "at least "
            sent = f"{least}{self.packets} packets in {self.flows} flows were sent by {who} to {self.about}{limited}"
        elif self.complete:
            sent = f"nothing was sent by {who} to {self.about}{limited}"
        else:
            sent = f"nothing was seen going from {who} to {self.about}{limited}"
        lacking = [gap for gap in self.gaps if gap["lack"] not in HARMLESS]
        missed = f"; but not everything was seen: {len(lacking)} gaps are listed" if lacking else ""
        return f"{when}, {sent}{missed}."

    def text(self) -> bytes:
        """What is signed."""
        told = {**asdict(self), "complete": self.complete, "sentence": self.sentence}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(gaps: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Gaps, as many as may be listed; those beyond are one that spans them."""
    told = sorted(gaps, key=lambda gap: (gap["since"], gap["until"]))
    beyond = len(told) - MOST_GAPS + 1
    if beyond <= 1:
        return tuple(told)
    harmless = all(gap["lack"] in HARMLESS for gap in told[:beyond])
    spanning = {
        "node": "", "lack": "restart" if harmless else "blind", "since": told[0]["since"],
        "until": max(gap["until"] for gap in told[:beyond]), "reason": f"{beyond} gaps, told as one",
    }  # fmt: skip
    return (spanning, *told[beyond:])


def signed(statement: Statement, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The statement as it is handed out."""
    return signed_line.signed(statement.text(), key)


def verified(data: bytes, key: ec.EllipticCurvePublicKey) -> Statement:
    """The statement that ``key`` has signed. Raises `Unproven` for anything else."""
    try:
        text = signed_line.verified(data, key, MOST)
    except NotSigned as error:
        raise Unproven(f"expected a statement as it was signed, altered nowhere: {error}") from None
    told = json.loads(text)
    if told.get("format") != FORMAT:
        raise Unproven(f"expected the format {FORMAT}, got {told.get('format')!r}")
    del told["complete"], told["sentence"]
    lists = {name: tuple(told[name]) for name in ("slices", "gaps", "rests_on")}
    return Statement(**{**told, **lists})
