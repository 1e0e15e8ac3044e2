"""A node follows what its roots say of their keys; silence, old copies and damage leave the last good word in force."""

import json
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.news import News, address
from pl_conf.policy import Policy, Root
from planetlab import keys, trust
from planetlab.errors import PeerError, Unreachable
from planetlab.names import Hrn
from planetlab.statements import Key, Revoked, Statement
from tests.papers.authorities import DAY, NOW, Authority, made_root, public

PLC, EPFL = Hrn(("plc",)), Hrn(("epfl",))
WHERE = "https://plc.example/federation/statement.json"


class Session:
    """This node's own authority: answers as it is told, or not."""

    def __init__(self, **said: Any) -> None:
        self.said, self.asked = said, []

    async def call(self, name: str, *args: Any) -> Any:
        self.asked.append((name, *args))
        if not self.said:
            raise Unreachable("no connection")
        return self.said


class Following(SynchronousTestCase):
    plc, epfl = made_root(PLC), made_root(EPFL)

    def setUp(self) -> None:
        self.kept = Path(tempfile.mkdtemp(dir=self.mktemp_folder()))
        self.pages: dict[str, bytes] = {}
        self.news = self.made()
        self.policy = Policy(
            root=(
                Root(hrn="plc", gid="plc.pem", poll="https://plc.example/SA/"),
                Root(hrn="epfl", gid="epfl.pem", auth="relayed"),
            )
        )
        self.pinned = (trust.Root(hrn=PLC, gid=self.plc.gid), trust.Root(hrn=EPFL, gid=self.epfl.gid))

    def mktemp_folder(self) -> Path:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return folder

    def made(self) -> News:
        async def get(where: str, ca: Path | None) -> bytes:
            if where not in self.pages:
                raise PeerError("it answered HTTP 404")
            return self.pages[where]

        return News(self.kept, lambda: NOW, get)

    def said(self, one: Authority, version: int, *revoked: str, **more: Any) -> bytes:
        about = {
            "hrn": one.hrn, "name": str(one.hrn), "turn": 1, "version": version, "issued": NOW - 60,
            "expires": NOW + DAY, "identity": (Key("active", one.gid.pem.decode()),),
            "revoked": tuple(Revoked(key, str(one.hrn), NOW) for key in revoked),
        }  # fmt: skip
        return Statement(**{**about, **more}).seal([one.key])

    def ask(self, session: Session | None = None) -> bool:
        done: list[Any] = []
        work = self.news.ask(self.policy, self.pinned, self.kept, session)
        Deferred.fromCoroutine(work).addBoth(done.append)
        (result,) = done
        if not isinstance(result, bool):
            result.raiseException()
        return bool(result)

    def revoked(self, hrn: Hrn) -> frozenset[str]:
        return next(root.revoked for root in self.news.applied(self.pinned) if root.hrn == hrn)

    def suspended(self, hrn: Hrn) -> str:
        return next(root.suspended for root in self.news.applied(self.pinned) if root.hrn == hrn)

    def relayed(self, state: str, sealed: bytes) -> Session:
        return Session(peers=[{"hrn": "epfl", "state": state, "statement": sealed.decode()}], gone=[])

    def test_the_statement_stands_beside_the_poll_address(self) -> None:
        self.assertEqual([WHERE, ""], [address(root) for root in self.policy.root])
        self.assertEqual("http://x/s", address(Root(hrn="a", gid="g", statement="http://x/s")))

    def test_what_a_root_has_revoked_is_known_from_then_on_and_after_a_restart(self) -> None:
        mark = keys.fingerprint(public(self.plc.ticket_key))
        self.pages[WHERE] = self.said(self.plc, 1)
        self.assertTrue(self.ask())
        self.assertFalse(self.ask())
        self.pages[WHERE] = self.said(self.plc, 2, mark)
        self.assertTrue(self.ask())
        self.assertEqual({mark}, self.revoked(PLC))
        self.news = self.made()
        self.news.load()
        self.assertEqual({mark}, self.revoked(PLC))

    def test_silence_old_copies_and_strangers_statements_change_nothing(self) -> None:
        mark = keys.fingerprint(public(self.plc.ticket_key))
        self.pages[WHERE] = self.said(self.plc, 2, mark)
        self.ask()
        for page in (None, self.said(self.plc, 1), self.said(self.epfl, 9), b"{}", b"", b"[]"):
            self.pages = {} if page is None else {WHERE: page}
            self.assertFalse(self.ask())
            self.assertEqual({mark}, self.revoked(PLC))
            self.assertIn("plc", self.news.troubles)
        self.pages[WHERE] = self.said(self.plc, 3, mark)
        self.assertTrue(self.ask())
        self.assertNotIn("plc", self.news.troubles)

    def test_a_namesake_of_a_root_is_not_heard_even_the_first_time(self) -> None:
        self.pages[WHERE] = self.said(made_root(PLC), 1)
        self.assertFalse(self.ask())
        self.assertEqual({}, self.news.known)

    def test_peers_come_through_the_nodes_own_authority_and_are_checked_here(self) -> None:
        mark = keys.fingerprint(public(self.epfl.ticket_key))
        self.pages[WHERE] = self.said(self.plc, 1)
        session = self.relayed("active", self.said(self.epfl, 1, mark))
        self.assertTrue(self.ask(session))
        self.assertEqual([("GetNodePeers", ["epfl", "plc"])], session.asked)
        self.assertEqual({mark}, self.revoked(EPFL))
        self.assertFalse(self.ask(self.relayed("active", self.said(made_root(EPFL), 2))))
        self.assertIn("epfl", self.news.troubles)

    def test_who_is_suspended_or_gone_does_not_count_and_stays_so_while_nobody_answers(self) -> None:
        self.assertTrue(self.ask(self.relayed("suspended", self.said(self.epfl, 1))))
        self.assertIn("has suspended epfl", self.suspended(EPFL))
        self.ask(Session())
        self.news = self.made()
        self.news.load()
        self.assertIn("has suspended epfl", self.suspended(EPFL))
        self.ask(self.relayed("active", self.said(self.epfl, 1)))
        self.assertEqual("", self.suspended(EPFL))
        self.ask(Session(peers=[], gone=["epfl"]))
        self.assertIn("has ended its peering with epfl", self.suspended(EPFL))

    def test_an_owner_may_stay_with_a_root_that_his_authority_has_left(self) -> None:
        stays = Root(hrn="epfl", gid="epfl.pem", auth="relayed", follows=False)
        self.policy = Policy(root=(self.policy.root[0], stays))
        self.ask(self.relayed("suspended", self.said(self.epfl, 1)))
        self.assertEqual("", self.suspended(EPFL))

    def test_damaged_files_are_heard_anew(self) -> None:
        self.pages[WHERE] = self.said(self.plc, 1)
        self.ask()
        for path in self.kept.glob("*.json"):
            path.write_bytes(path.read_bytes()[:99])
        (self.kept / "suspended").write_text("[1")
        self.news = self.made()
        self.news.load()
        self.assertEqual(({}, {}), (self.news.known, self.news.cut))
        self.assertTrue(self.ask())

    def test_an_answer_of_another_form_changes_nothing(self) -> None:
        self.ask(self.relayed("suspended", self.said(self.epfl, 1)))
        for said in ({"peers": 1, "gone": []}, {"peers": [{}], "gone": []}, {"gone": ["epfl"]}):
            self.ask(Session(**said))
            self.assertIn("has suspended epfl", self.suspended(EPFL))
        self.assertEqual({"epfl"}, set(json.loads((self.kept / "suspended").read_text())))
