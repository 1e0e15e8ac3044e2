"""Callers who send anything to every method: each is told why not, and the registry stays as it was."""

import random
from typing import Any
from xmlrpc.client import Fault

from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc
from planetlab.privileges import Privilege
from tests.geni.test_aggregate_3 import NODE1, WANT, request
from tests.geni.world import CODEEN, PI, PLC, PROJECT, USER, GeniWorld
from tests.registry.world import NOW
from tests.sfa.world import below, by_itself, identity, root, showing

NO_ERROR = {"geni_code": 0, "am_type": "plfed", "am_code": 0}

MANY = 1500  # calls
TABLES = ("persons", "sites", "slices", "slice_person", "slice_node", "keys", "member_roles", "sliver_infos",
          "sliver_states", "person_site", "slice_tags", "credentials")  # fmt: skip
MARKUP = "<script>alert(1)</script>"
PAYLOADS: list[Any] = [
    None, True, False, 0, -1, 2**31 - 1, 1e300, -0.0, "", " ", "\x00", "x" * 70_000, MARKUP, "'; DROP TABLE slices; --",
    "=1+1", "\x1b[31m", "../../etc/passwd", "рlc", "plc.princeton.codeen", "plcx.princeton.codeen",
    CODEEN, USER, PI, PROJECT,
    CODEEN + "+x", CODEEN.upper(), "urn:publicid:IDN+", "urn:publicid:IDN++slice+slice", f"{PLC}+sliver+1-1",
    f"{PLC}+sliver+99999999999-1", f"{PLC}:evil+slice+x", b"octets", b"\xff\xfe", [], {}, [[]], [{}], {"": ""},
    "9999-12-31T23:59:59Z", "2020-09-13", "NaN", "SLICE", "MEMBER", "KEY", "PROJECT", "geni_start", "<rspec/>",
    {"match": {}}, {"match": {"SLICE_URN": [None, 1, {}]}}, {"match": {"SLICE_EXPIRED": "maybe"}}, {"fields": {}},
    {"match": {"MEMBER_URN": {}}}, {"match": {"KEY_MEMBER": [[]]}}, {"match": {"SLICE_EXPIRATION": [{}]}},
    {"fields": {"SLICE_NAME": MARKUP, "SLICE_PROJECT_URN": PROJECT}}, {"fields": {"SLICE_EXPIRATION": -1}},
    {"fields": {"SLICE_NAME": "x", "SLICE_PROJECT_URN": PROJECT, "SLICE_EXPIRATION": "9999-12-31T23:59:59Z"}},
    {"members_to_add": [{"SLICE_MEMBER": USER, "SLICE_ROLE": "LEAD"}] * 2000}, {"members_to_remove": {}},
    {"geni_rspec_version": "GENI 3"}, {"geni_rspec_version": {"type": {}, "version": []}}, {"geni_users": 7},
    {"geni_end_time": []}, {"speaking_for": USER}, {"geni_speaking_for": 7}, [CODEEN, USER], [CODEEN] * 3000,
    [{"geni_type": "geni_sfa", "geni_version": "3", "geni_value": "<signed-credential/>"}], [{"geni_value": None}],
    [{"geni_type": [], "geni_value": "x"}], [7] * 50, {"type": "Slice", "hrn": "codeen"}, {"type": [], "urn": {}},
]  # fmt: skip


class AnybodySendsAnything(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()

    def tables(self) -> dict[str, Any]:
        return dict(self.world.store(lambda store: [(name, store.ask(f"SELECT * FROM {name}")) for name in TABLES]))

    def test_strangers_change_nothing_and_are_told_why(self) -> None:
        before = self.tables()
        self._throw(["eve", None], seed=1)
        self.assertEqual(before, self.tables())

    def test_who_has_no_rights_changes_nothing_either(self) -> None:
        before = self.tables()
        self._throw(["tech"], seed=2)
        after = self.tables()
        for name in set(TABLES) - {
            "credentials",
            "keys",
        }:  # what a person may do: ask for its credential, keep its keys
            self.assertEqual(before[name], after[name], name)

    def test_a_nodes_credential_opens_no_method_of_any_interface(self) -> None:
        node = below("plc.princeton.node1\\.princeton\\.example", "node", "node1", (root("plc"),), "plc")
        rights = [Privilege("operator", True)]
        text = identity("plc").sign(node, node, rights, NOW + 3600, "n1").decode()
        credentials = [{"geni_type": "geni_sfa", "geni_version": "3", "geni_value": text}]
        before = self.tables()
        opened = []
        for face, (api, _) in self.world.interfaces.items():
            for name, method in api.items():
                given = {"credentials": credentials, "options": WANT, "type": "SLICE", "rspec": request(NODE1)}
                args = [given.get(argument.name, CODEEN) for argument in method.accepts]
                said = self.world.said(showing(node), face, name, *args)
                if not isinstance(said, Fault) and (not isinstance(said, dict) or said.get("code", 0) in (0, NO_ERROR)):
                    opened.append(f"{face} {name}")
        told_to_all = {"GetVersion", "get_version", "ListAggregates"}
        self.assertEqual(set(), {one for one in opened if one.split()[1] not in told_to_all and one[:2] != "sr"})
        self.assertEqual(before, self.tables())

    def test_a_member_who_sends_anything_breaks_nothing(self) -> None:
        mine, of_the_pi = self.world.credential("user"), self.world.credential("pi")
        self._throw(["user"], seed=3, credentials=mine)
        self._throw(["pi"], seed=4, credentials=of_the_pi)
        self.assertIn(PROJECT, self.world.value("admin", "sa", "lookup", "PROJECT", [], {"match": {}}))

    def _throw(self, callers: list[str | None], seed: int, credentials: Any = None) -> None:
        chance = random.Random(seed)
        methods = [(face, name) for face, (api, _) in self.world.interfaces.items() for name in api]
        shown = {who: by_itself(who) if who else None for who in callers}
        for number in range(MANY):
            face, name = methods[number % len(methods)]
            method = self.world.interfaces[face][0][name]
            args = [
                credentials if credentials and argument.name == "credentials" else chance.choice(PAYLOADS)
                for argument in method.accepts
            ]
            if credentials and method.accepts and chance.random() < 0.5 and "urn" in method.accepts[0].name:
                args[0] = CODEEN
            args = args[: chance.choice((len(args), len(args), len(args), max(0, len(args) - 1)))]
            said = self.world.said(shown[chance.choice(callers)], face, name, *args)
            self._must_be_told(said, f"{face} {name} {args!r:.300}")

    def _must_be_told(self, said: Any, what: str) -> None:
        (xmlrpc.dumps_fault if isinstance(said, Fault) else xmlrpc.dumps_answer)(said)
        if isinstance(said, Fault):
            self.assertNotEqual(111, said.faultCode, f"{what}: {said.faultString}")
            return
        if not isinstance(said, dict) or "code" not in said:
            return  # a bare value
        code = said["code"]["geni_code"] if isinstance(said["code"], dict) else said["code"]
        self.assertNotIn(code, (101, 5) if "geni_api" in said else (101,), f"{what}: {said}")
        self.assertTrue(code == 0 or said["output"], what)
        self.assertLess(len(said["output"]), 2000, what)
