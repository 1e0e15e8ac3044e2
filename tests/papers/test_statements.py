"""What an authority says of itself is believed in its order and for its time only; each test bends one thing.

The names are those of python-tuf's tests of a client, with a statement in the place of root and timestamp.
"""

import json
import uuid
from typing import Any

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from planetlab import dsse, following, gids, keys, statements, voice
from planetlab.errors import BadArgument
from planetlab.following import Known
from planetlab.gids import Gid, Subject
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.statements import BadStatement, Key, Revoked, Statement

NOW = 1_800_000_000.0
DAY = 86400.0
PLC, EPFL = Hrn(("plc",)), Hrn(("epfl",))


def public(key: keys.PrivateKey) -> keys.PublicKey:
    return keys.accepted(key.public_key())


@frozen
class Repository:
    """An authority that says what it is told to say: each key once, and a statement made of them."""

    gid: Gid
    key: keys.PrivateKey
    speaker: keys.PrivateKey

    @classmethod
    def made(cls, hrn: Hrn) -> "Repository":
        key = keys.new_p256()
        return cls(gids.make_root(hrn, key, uuid.uuid4(), NOW - DAY), key, keys.new_p256())

    @property
    def speaker_gid(self) -> Gid:
        subject = Subject(hrn=self.gid.hrn, kind="authority", service="statement", key=public(self.speaker))
        return gids.certify(self.gid, self.key, subject, NOW - DAY)

    def said(self, version: int = 10, **more: Any) -> Statement:
        about = {
            "hrn": self.gid.hrn, "name": str(self.gid.hrn), "turn": 1, "version": version, "issued": NOW - 60,
            "expires": NOW + DAY, "identity": (Key("active", self.gid.pem.decode()),),
        }  # fmt: skip
        return Statement(**{**about, **more})

    def sealed(self, version: int = 10, **more: Any) -> bytes:
        return self.said(version, **more).seal([self.key])

    def known(self, version: int = 10) -> Known:
        sealed = self.sealed(version)
        return following.begin(sealed, NOW, fingerprint=self.said(version).fingerprint)


class Statements(SynchronousTestCase):
    """`refused` holds that nothing is believed, and for which reason."""

    plc, epfl, thief = Repository.made(PLC), Repository.made(EPFL), Repository.made(PLC)

    def refused(self, reason: str, sealed: bytes, known: Known | None = None, now: float = NOW, **more: Any) -> str:
        error = self.assertRaises(BadStatement, following.follow, known or self.plc.known(), sealed, now, **more)
        self.assertEqual(reason, error.reason, str(error))
        return str(error)


class TheFirstTime(Statements):
    def test_first_time_refresh(self) -> None:
        known = self.plc.known()
        self.assertEqual((PLC, 10), (known.statement.hrn, known.statement.version))

    def test_trusted_root_missing(self) -> None:
        error = self.assertRaises(BadPaper, following.begin, self.plc.sealed(), NOW)
        self.assertEqual("unknown-issuer", error.reason)

    def test_trusted_root_is_another(self) -> None:
        fingerprint = self.plc.said().fingerprint
        error = self.assertRaises(BadStatement, following.begin, self.thief.sealed(), NOW, fingerprint)
        self.assertEqual("forged", error.reason)

    def test_trusted_root_expired(self) -> None:
        sealed, fingerprint = self.plc.sealed(), self.plc.said().fingerprint
        error = self.assertRaises(BadStatement, following.begin, sealed, NOW + 2 * DAY, fingerprint)
        self.assertEqual("expired", error.reason)

    def test_trusted_root_unsigned(self) -> None:
        envelope = json.loads(self.plc.sealed())
        envelope["signatures"] = []
        fingerprint = self.plc.said().fingerprint
        error = self.assertRaises(BadStatement, following.begin, json.dumps(envelope).encode(), NOW, fingerprint)
        self.assertEqual("unsigned", error.reason)

    def test_the_chain_alone_introduces_an_authority_below_a_root(self) -> None:
        key = keys.new_p256()
        subject = Subject(hrn=PLC.child("japan"), kind="authority", key=public(key))
        below = gids.certify(self.plc.gid, self.plc.key, subject, NOW - DAY)
        paper = (below.pem + self.plc.gid.pem).decode()
        said = self.plc.said(hrn=PLC.child("japan"), identity=(Key("active", paper),))
        self.assertEqual("plc.japan", str(following.begin(said.seal([key]), NOW, anchors=[self.plc.gid]).statement.hrn))
        error = self.assertRaises(BadPaper, following.begin, said.seal([key]), NOW, "", [self.epfl.gid])
        self.assertEqual("unknown-issuer", error.reason)

    def test_eight_words_stand_for_the_fingerprint_and_another_key_has_others(self) -> None:
        ours, theirs = self.plc.said().fingerprint, self.thief.said().fingerprint
        self.assertEqual(8, len(voice.words(ours).split()))
        self.assertTrue(voice.same(f"  {voice.words(ours).upper()}\n", ours))
        self.assertFalse(voice.same(voice.words(theirs), ours))
        self.assertRaises(BadArgument, voice.words, "abcd")


class TheNextVersion(Statements):
    def test_new_version(self) -> None:
        self.assertEqual(11, following.follow(self.plc.known(), self.plc.sealed(11), NOW).statement.version)

    def test_new_version_same(self) -> None:
        known = self.plc.known()
        self.assertIs(known, following.follow(known, self.plc.sealed(10), NOW))

    def test_new_version_rollback(self) -> None:
        self.assertIn("version 10 before, this is 9", self.refused("rolled-back", self.plc.sealed(9)))

    def test_equal_version_different_bytes(self) -> None:
        self.refused("two-faced", self.plc.sealed(10, name="another"))

    def test_new_version_non_consecutive_is_taken_for_statements_are_whole(self) -> None:
        self.assertEqual(99, following.follow(self.plc.known(), self.plc.sealed(99), NOW).statement.version)

    def test_new_version_expired(self) -> None:
        self.refused("expired", self.plc.sealed(11, issued=NOW - 2 * DAY, expires=NOW - DAY))

    def test_new_version_from_the_future(self) -> None:
        self.refused("not-yet-valid", self.plc.sealed(11, issued=NOW + DAY, expires=NOW + 2 * DAY))

    def test_new_version_unsigned(self) -> None:
        self.refused("forged", self.plc.said(11).seal([self.epfl.key]))

    def test_new_version_signed_by_a_namesake(self) -> None:
        self.refused("forged", self.thief.sealed(11))

    def test_freeze(self) -> None:
        """The attacker shows the same good statement for ever: it is taken, and known to be frozen once it ended."""
        known = following.follow(self.plc.known(), self.plc.sealed(10), NOW + 3 * DAY)
        self.assertTrue(known.is_frozen(NOW + 3 * DAY))
        self.assertFalse(known.is_frozen(NOW))

    def test_mix_and_match_of_two_peers(self) -> None:
        self.assertIn("expected a statement of plc, got one of epfl", self.refused("wrong-subtree", self.epfl.sealed()))

    def test_a_statement_of_another_under_our_name(self) -> None:
        self.refused("forged", self.epfl.said(11, hrn=PLC, identity=self.plc.said().identity).seal([self.epfl.key]))

    def test_max_length(self) -> None:
        self.refused("too-large", self.plc.sealed(11) + b" " * statements.MOST_BYTES)

    def test_half_body(self) -> None:
        sealed = self.plc.sealed(11)
        for cut in range(0, len(sealed) - 2, 97):
            self.refused("malformed", sealed[:cut])

    def test_a_flipped_bit_anywhere_is_not_believed(self) -> None:
        sealed = self.plc.sealed(11)
        for at in range(0, len(sealed), 13):
            bent = bytearray(sealed)
            bent[at] ^= 1
            try:
                taken = following.follow(self.plc.known(), bytes(bent), NOW)
            except BadStatement:
                continue
            self.assertEqual(self.plc.said(11).payload(), taken.payload)

    def test_a_paper_of_another_kind_is_no_statement(self) -> None:
        self.refused("malformed", dsse.seal("application/json", self.plc.said(11).payload(), [self.plc.key]))

    def test_members_that_stand_there_twice_and_numbers_that_are_none(self) -> None:
        payload = self.plc.said(11).payload()
        for bent in (
            payload.replace(b'"version": 11', b'"version": 11, "version": 12'),
            payload.replace(b'"version": 11', b'"version": NaN'),
            payload.replace(b'"version": 11', b'"version": true'),
            payload.replace(b'"version": 11', b'"version": 11.5'),
            payload.replace(b'"version": 11', b'"version": -1'),
            payload.replace(b'"version": 11', b'"version": "11"'),
            payload.replace(b'"version": 11', b'"version": 99999999999999999999'),
            b"[" * 100_000,
        ):
            self.refused("malformed", dsse.seal(statements.KIND, bent, [self.plc.key]))

    def test_a_life_without_end_is_no_protection_and_not_taken(self) -> None:
        self.refused("malformed", self.plc.sealed(11, expires=253_402_300_800.0))

    def test_revocations_of_names_that_are_not_below(self) -> None:
        self.refused("malformed", self.plc.sealed(11, revoked=(Revoked("ab" * 32, "epfl", NOW),)))


class TheSpeaker(Statements):
    def said(self, version: int, **more: Any) -> bytes:
        pem = self.plc.speaker_gid.pem.decode()
        return self.plc.said(version, signer=pem, **more).seal([self.plc.speaker])

    def test_a_certified_key_speaks_from_day_to_day(self) -> None:
        self.assertEqual(11, following.follow(self.plc.known(), self.said(11), NOW).statement.version)

    def test_it_cannot_change_the_identity(self) -> None:
        self.refused("forged", self.said(11, turn=2))
        self.refused("forged", self.said(11, identity=(Key("active", self.thief.gid.pem.decode()),)))

    def test_once_revoked_it_is_silent_even_when_it_leaves_its_revocation_out(self) -> None:
        gone = Revoked(keys.fingerprint(public(self.plc.speaker)), "plc", NOW)
        known = following.follow(self.plc.known(), self.plc.sealed(11, revoked=(gone,)), NOW)
        self.refused("forged", self.said(12), known)

    def test_another_service_of_the_authority_does_not_speak(self) -> None:
        subject = Subject(hrn=PLC, kind="authority", service="ticket", key=public(self.plc.speaker))
        ticket = gids.certify(self.plc.gid, self.plc.key, subject, NOW - DAY)
        self.refused("chain-broken", self.plc.said(11, signer=ticket.pem.decode()).seal([self.plc.speaker]))


class TurnsOfTheIdentity(Statements):
    """A new identity key begins a turn, and both keys sign."""

    def setUp(self) -> None:
        self.line = [self.plc, *(Repository.made(PLC) for _ in range(3))]

    def turn(self, number: int, signed_by: tuple[int, ...] | None = None, **more: Any) -> bytes:
        own = self.line[number - 1]
        signers = (number - 2, number - 1) if signed_by is None else signed_by
        return own.said(number, turn=number, **more).seal([self.line[at].key for at in signers])

    def test_new_root(self) -> None:
        taken = following.follow(self.plc.known(), self.turn(2), NOW)
        self.assertEqual(2, taken.statement.turn)
        self.refused("forged", self.plc.sealed(30, turn=2, identity=taken.statement.identity), taken)

    def test_max_root_rotations(self) -> None:
        turns = [self.turn(2)] * (following.MOST_TURNS + 1)
        self.refused("too-large", self.turn(3), turns=turns)

    def test_several_turns_are_followed_one_by_one(self) -> None:
        taken = following.follow(self.plc.known(), self.turn(4), NOW, [self.turn(2), self.turn(3), self.turn(4)])
        self.assertEqual(4, taken.statement.turn)

    def test_intermediate_root_non_consecutive_version(self) -> None:
        self.refused("turn-skipped", self.turn(3))
        self.refused("turn-skipped", self.turn(4), turns=[self.turn(3), self.turn(4)])

    def test_intermediate_root_incorrectly_signed(self) -> None:
        for signers in ((0,), (1,), (2, 1)):
            self.refused("forged", self.turn(3), turns=[self.turn(2, signers), self.turn(3)])

    def test_intermediate_root_expired(self) -> None:
        old = self.turn(2, issued=NOW - 9 * DAY, expires=NOW - 8 * DAY)
        self.assertEqual(3, following.follow(self.plc.known(), self.turn(3), NOW, [old, self.turn(3)]).statement.turn)

    def test_final_root_incorrectly_signed(self) -> None:
        self.refused("forged", self.turn(2, (1,)))
        self.refused("forged", self.turn(2, (0,)))

    def test_final_root_expired(self) -> None:
        self.refused("expired", self.turn(2, issued=NOW - 9 * DAY, expires=NOW - 8 * DAY))

    def test_new_root_same_version_rollback(self) -> None:
        known = following.follow(self.plc.known(), self.turn(2), NOW)
        self.refused("rolled-back", self.plc.sealed(99), known)

    def test_fast_forward_recovery(self) -> None:
        """Who stole the speaker's key said the highest version there is; a new turn counts anew."""
        known = following.follow(self.plc.known(), self.plc.sealed(2**53 - 1), NOW)
        self.refused("rolled-back", self.plc.sealed(12), known)
        taken = following.follow(known, self.turn(2), NOW)
        self.assertEqual((2, 2), (taken.statement.turn, taken.statement.version))

    def test_what_is_kept_comes_back_as_it_was_and_damage_is_noticed(self) -> None:
        known = self.plc.known()
        self.assertEqual(known, following.again(known.sealed))
        self.assertRaises(BadStatement, following.again, known.sealed[:-40])

    def test_keys_in_overlap_are_all_believed(self) -> None:
        both = (*self.plc.said().identity, Key("prepared", self.line[1].gid.pem.decode()))
        said = evolve(self.line[1].said(11), turn=2, identity=both).seal([self.plc.key])
        taken = following.follow(self.plc.known(), said, NOW)
        for signer in (self.plc, self.line[1]):
            next_one = evolve(taken.statement, version=12).seal([signer.key])
            self.assertEqual(12, following.follow(taken, next_one, NOW).statement.version)
