"""The public log of tickets: whatever is issued or redeemed stands in it, provably and for good."""

import json
import sqlite3
from typing import Any

from planetlab import dsse, keys, merkle, ticket_log
from planetlab.names import Hrn
from planetlab.refusals import BadSignature
from planetlab.registry.store import Store
from planetlab.ticket_log import Entry, Head, Proof
from tests.registry.world import NOW
from tests.slice_authority.test_tickets import PLC, SEALER, Ticketed

KEYS = (SEALER.ticket_key.public_key(),)


class TheLog(Ticketed):
    def call(self, name: str, *args: Any) -> Any:
        return self.world.call(name, *args)

    def head(self) -> Head:
        return ticket_log.open_head(self.call("GetTicketLogHead").encode(), PLC, KEYS, NOW)

    def ticket(self) -> bytes:
        sealed: str = self.world.call("GetSliceTicket", self.world.user, "princeton_codeen")
        return sealed.encode()

    def proven(self, digest: str, kind: str, head: Head) -> Entry:
        said = self.call("GetTicketLogProof", digest, kind, head.size)
        proof = Proof(said["number"], said["size"], said["entry"].encode(), ticket_log.hashes(said["path"]))
        return ticket_log.prove(head, proof)

    def report(self, **said: Any) -> int:
        about = {"digest": "ab" * 32, "issuer": "epfl", "slice": "lausanne_survey", "serial": "7", "at": int(NOW)}
        count: int = self.world.by_node(self.world.node_id, "ReportRedeemed", [{**about, **said}])
        return count

    def refused(self, name: str, *args: Any) -> tuple[int, str]:
        return self.world.refused(name, *args)

    def test_an_empty_log_has_the_head_of_nothing(self) -> None:
        self.assertEqual((0, merkle.EMPTY), (self.head().size, self.head().hash))

    def test_every_ticket_that_is_issued_is_proven_to_be_in_it(self) -> None:
        sealed = [self.ticket() for _ in range(3)] + [str(self.fetched()["tickets"][0]).encode()]
        head = self.head()
        self.assertEqual(4, head.size)
        for each in sealed:
            entry = self.proven(ticket_log.digest(each), "issued", head)
            self.assertEqual(("plc", "princeton_codeen", int(NOW)), (entry.issuer, entry.slice, entry.at))
        number = self.world.get("Persons", "user@princeton.example")["person_id"]
        self.assertEqual([f"person {number}"] * 3 + ["nodes"], [one.holder for one in self.all()])

    def all(self) -> list[Entry]:
        return [Entry.read(text.encode()) for text in self.call("GetTicketLogEntries", 0, 100)]

    def test_a_later_head_proves_that_nothing_was_taken_back(self) -> None:
        heads = []
        for _ in range(5):
            self.ticket()
            heads.append(self.head())
        for at, old in enumerate(heads):
            for new in heads[at:]:
                path = ticket_log.hashes(self.call("GetTicketLogConsistency", old.size, new.size))
                ticket_log.follow(old, new, path)

    def test_a_log_that_was_rewritten_is_seen(self) -> None:
        self.ticket()
        honest = self.head()
        self.ticket()
        lying = Head(log="plc", size=1, root="00" * 32, time=int(NOW))
        path = ticket_log.hashes(self.call("GetTicketLogConsistency", 1, 2))
        with self.assertRaisesRegex(BadSignature, "two-faced"):
            ticket_log.follow(lying, self.head(), path)
        with self.assertRaisesRegex(BadSignature, "rolled-back"):
            ticket_log.follow(self.head(), honest, [])

    def test_a_ticket_that_was_issued_in_secret_has_no_proof(self) -> None:
        self.ticket()
        code, text = self.refused("GetTicketLogProof", "cd" * 32, "issued", 1)
        self.assertEqual((102, True), (code, "no ticket" in text), text)

    def test_a_head_counts_only_with_the_authoritys_own_signature(self) -> None:
        sealed = self.call("GetTicketLogHead").encode()
        for wrong, said in (
            (lambda: ticket_log.open_head(sealed, PLC, (keys.new_p256().public_key(),), NOW), "forged"),
            (lambda: ticket_log.open_head(sealed, Hrn.parse("epfl"), KEYS, NOW), "wrong-subtree"),
            (lambda: ticket_log.open_head(sealed, PLC, KEYS, NOW - 86_400), "not-yet-valid"),
            (lambda: ticket_log.open_head(b"{}", PLC, KEYS, NOW), "malformed"),
            (lambda: ticket_log.open_head(sealed.replace(b"log-head", b"statement"), PLC, KEYS, NOW), "malformed"),
        ):
            with self.assertRaisesRegex(BadSignature, said):
                wrong()
        payload = json.dumps({"log": "plc", "size": -1, "root": "00" * 32, "time": 0}).encode()
        with self.assertRaisesRegex(BadSignature, "malformed"):
            ticket_log.open_head(dsse.seal(ticket_log.KIND, payload, [SEALER.ticket_key]), PLC, KEYS, NOW)

    def test_a_node_reports_what_it_redeemed_once(self) -> None:
        self.assertEqual([1, 0], [self.report(), self.report()])
        entry = self.proven("ab" * 32, "redeemed", self.head())
        self.assertEqual(
            ("epfl", "lausanne_survey", "node1.princeton.example"), (entry.issuer, entry.slice, entry.node)
        )

    def test_what_a_node_reports_is_checked(self) -> None:
        for wrong in (
            {"digest": "AB" * 32},
            {"digest": "ab"},
            {"issuer": "no name"},
            {"slice": "x"},
            {"at": int(NOW) + 9999},
        ):
            with self.assertRaises(Exception) as caught:
                self.report(**wrong)
            self.assertEqual(
                102, getattr(caught.exception, "faultCode", getattr(caught.exception, "code", None)), wrong
            )
        self.assertEqual(0, self.head().size)

    def test_only_nodes_report(self) -> None:
        self.assertEqual(103, self.world.refused("ReportRedeemed", self.world.pi, [])[0])

    def test_questions_beyond_the_log_are_refused(self) -> None:
        self.ticket()
        for name, *args in (
            ("GetTicketLogConsistency", 0, 2),
            ("GetTicketLogConsistency", 2, 1),
            ("GetTicketLogConsistency", -1, 1),
            ("GetTicketLogProof", "ab" * 32, "issued", 2),
            ("GetTicketLogProof", "ab" * 32, "lost", 1),
            ("GetTicketLogProof", "x", "issued", 1),
            ("GetTicketLogEntries", -1, 1),
        ):
            self.assertEqual(102, self.refused(str(name), *args)[0], (name, args))

    def test_not_even_the_file_lets_an_entry_be_changed(self) -> None:
        self.ticket()

        def tried(store: Store) -> list[str]:
            said = []
            for sql in ("UPDATE ticket_log SET digest = ''", "DELETE FROM ticket_log"):
                with self.assertRaises(sqlite3.IntegrityError) as caught:
                    store.db.execute(sql)
                said.append(str(caught.exception))
            return said

        self.assertEqual(["the log of tickets only grows"] * 2, self.world.store(tried))

    def test_an_entry_has_one_spelling(self) -> None:
        self.ticket()
        data = self.all()[0].data()
        for wrong in (b" " + data, data.replace(b",", b", ", 1), data[:-1] + b',"x":1}', b"[]", b"\xff"):
            with self.assertRaises(BadSignature):
                Entry.read(wrong)
