"""Whether a statement is believed after what was known before: no rollback, no freeze, no mix-up, no skipped turn.

The rules are those of The Update Framework, with a statement in the place of its root and timestamp: `follow` gives
what is known from now on, or says why nothing changes. What is known is kept as the bytes that were verified.
"""

from collections.abc import Sequence

from attrs import field, frozen

from planetlab import dsse, gids, keys, statements
from planetlab.gids import SLACK, Gid
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.statements import MOST_BYTES, BadStatement, Statement

MOST_TURNS = 64  # that are followed at once


@frozen
class Known:
    """The last statement that was believed, with its bytes."""

    statement: Statement
    sealed: bytes = field(repr=False)

    @property
    def payload(self) -> bytes:
        """The bytes that were signed."""
        return dsse.read(self.sealed, MOST_BYTES).payload

    def is_frozen(self, now: float) -> bool:
        """Whether it has ended without a successor: what it says is kept, nothing new is built upon it."""
        return now > self.statement.expires + SLACK


def again(sealed: bytes) -> Known:
    """What was known, read back from where it was kept. Raises `BadStatement` when those bytes are damaged."""
    return Known(_said(sealed)[1], sealed)


def begin(sealed: bytes, now: float, fingerprint: str = "", anchors: Sequence[Gid] = ()) -> Known:
    """Know an authority for the first time: its fingerprint was compared, or a chain leads to one of ``anchors``.

    Raises `BadStatement`, or `BadGid` for a chain that does not hold.
    """
    envelope, statement = _said(sealed)
    if fingerprint:
        if statement.fingerprint != fingerprint:
            raise BadStatement("forged", f"its keys are not those that were compared for {statement.hrn}")
    else:
        for key in statement.identity:
            gids.verify(gids.read_chain(key.paper.encode()), anchors, now)
    _must_be_signed(envelope, statement, statement.gids, now)
    _must_be_in_time(statement, now)
    return Known(statement, sealed)


def follow(known: Known, sealed: bytes, now: float, turns: Sequence[bytes] = ()) -> Known:
    """What is known once ``sealed`` was heard. ``turns`` are statements that began turns, in order.

    Raises `BadStatement`: ``wrong-subtree`` for another's, ``rolled-back`` for an older one, ``two-faced`` for another
    content under a version known, ``turn-skipped``, ``forged``, ``expired``; then nothing has changed.
    """
    before = known.statement
    envelope, statement = _said(sealed)
    _must_be_of(statement, before.hrn)
    if statement.turn < before.turn:
        raise BadStatement("rolled-back", f"{before.hrn} is at turn {before.turn}, this says {statement.turn}")
    trusted = before
    for turn in _between(turns, before.turn, statement.turn):
        trusted = _turned(trusted, turn)
    if statement.turn > trusted.turn:
        trusted = _turned(trusted, sealed)
    _must_be_signed(envelope, statement, trusted.gids, now, before.revoked_keys)
    if statement.turn == before.turn:
        if statement.version < before.version:
            said = f"{before.hrn} said version {before.version} before, this is {statement.version}"
            raise BadStatement("rolled-back", said)
        if statement.version == before.version:
            if envelope.payload != known.payload:
                raise BadStatement("two-faced", f"{before.hrn} signed two statements of version {before.version}")
            return known
    if [key.paper for key in statement.identity] != [key.paper for key in trusted.identity]:
        raise BadStatement("forged", f"the identity keys of {before.hrn} changed within turn {statement.turn}")
    _must_be_in_time(statement, now)
    return Known(statement, sealed)


def _said(sealed: bytes) -> tuple[dsse.Envelope, Statement]:
    try:
        envelope = dsse.read(sealed, MOST_BYTES)
    except BadPaper as error:
        raise BadStatement(error.reason, error.sentence) from None
    return envelope, statements.read(envelope)


def _between(turns: Sequence[bytes], after: int, until: int) -> list[bytes]:
    """Of the turns on offer those that lead from one to the other; not more than are followed at once."""
    if len(turns) > MOST_TURNS:
        raise BadStatement("too-large", f"{len(turns)} turns, at most {MOST_TURNS} are followed at once")
    return [sealed for sealed in turns if after < _said(sealed)[1].turn <= until]


def _turned(before: Statement, sealed: bytes) -> Statement:
    """The statement that begins the next turn: signed with a key of the turn before, and with one of its own."""
    envelope, statement = _said(sealed)
    _must_be_of(statement, before.hrn)
    if statement.turn != before.turn + 1:
        said = f"{before.hrn} is known at turn {before.turn}; turn {before.turn + 1} is missing before {statement.turn}"
        raise BadStatement("turn-skipped", said)
    for side, gids_of in (("before", before.gids), ("new", statement.gids)):
        if not envelope.signers(gid.key for gid in gids_of):
            raise BadStatement("forged", f"turn {statement.turn} of {before.hrn} is not signed with a {side} key")
    return statement


def _must_be_of(statement: Statement, hrn: Hrn) -> None:
    if statement.hrn != hrn:
        raise BadStatement("wrong-subtree", f"expected a statement of {hrn}, got one of {statement.hrn}")


def _must_be_signed(
    envelope: dsse.Envelope,
    said: Statement,
    identity: Sequence[Gid],
    now: float,
    revoked_before: frozenset[str] = frozenset(),
) -> None:
    """By an identity key, or by a key that one of them has certified to speak for the authority."""
    revoked = said.revoked_keys | revoked_before
    candidates = [gid.key for gid in identity]
    if said.signer:
        signer = gids.read_chain(said.signer.encode())[0]
        try:
            gids.verify([signer], identity, now)
        except BadPaper as error:
            raise BadStatement("forged", f"the speaker of {said.hrn} is not certified: {error.sentence}") from None
        if signer.hrn != said.hrn or signer.urn.name != "statement":
            raise BadStatement("chain-broken", f"{signer.urn} does not speak for {said.hrn}")
        candidates.append(signer.key)
    if not envelope.signers(key for key in candidates if keys.fingerprint(key) not in revoked):
        raise BadStatement("forged", f"no key of {said.hrn} signed this statement")


def _must_be_in_time(said: Statement, now: float) -> None:
    if now > said.expires + SLACK:
        raise BadStatement("expired", f"the statement of {said.hrn} ended {now - said.expires:.0f} s ago")
    if said.issued > now + SLACK:
        raise BadStatement("not-yet-valid", f"the statement of {said.hrn} is of {said.issued - now:.0f} s from now")
