"""Every method that names an object, called by everybody for their own site's, another site's and a peer's."""

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus, connection
from tests.plcapi.matrix import CALLERS, MATRIX, MORE, OBJECTS, ROLE, START, THING, Cell
from tests.registry.world import ADMIN

FACTS = json.loads((Path(__file__).parents[1] / "data" / "plcapi.json").read_text())


class Matrix(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()
        call, ids = self.campus.call, self.campus.ids
        call("AddTagType", ADMIN, {"tagname": "shade"})
        for role in ("tech", "pi", "user", "node"):
            call("AddRoleToTagType", ADMIN, role, "shade")
        call("AddSliceToNodes", ADMIN, ids["mit_slice"], [ids["node2"]])
        for name, (method, *args) in MORE.items():
            ids[name] = call(method, ADMIN, *self.campus.value(args))
        leased = call("AddLeases", ADMIN, ids["reservable"], "mit_cfs", START + 36_000, START + 39_600)
        ids["lease2"] = leased["new_ids"][0]
        connection(self.campus.desk).backup(self.campus.kept)

    def code(self, who: str, cell: Cell, thing: Any) -> int:
        args = self.campus.value(_with(cell.args, thing))
        self.campus.fresh()
        return self.campus.code(who, cell.method, *args)

    def thing(self, cell: Cell, whose: int) -> Any:
        named = OBJECTS[cell.noun][whose]
        return named if cell.noun == "slice_name" else self.campus.ids[named] if named else None

    def test_own_and_others(self) -> None:
        wrong = []
        for cell in MATRIX:
            for whose, may in enumerate((cell.own, cell.other)):
                for who in CALLERS:
                    code = self.code(who, cell, self.thing(cell, whose))
                    expected = self.expected(cell, who, who in may)
                    if code != expected:
                        wrong.append(
                            f"{cell.method} {cell.noun} {['own', 'other'][whose]} by {who}: {code}, not {expected}"
                        )
        self.assertEqual([], wrong)

    def expected(self, cell: Cell, who: str, near: bool) -> int:
        if ROLE[who] not in FACTS[cell.method]["roles"]:
            return 103
        return 0 if near or who == "admin" else 108

    def test_a_peers_are_changed_by_nobody(self) -> None:
        wrong = []
        for cell in MATRIX:
            thing = self.thing(cell, 2)
            for who in CALLERS if thing is not None and not cell.foreign and cell.method not in ALSO_OF_PEERS else ():
                code = self.code(who, cell, thing)
                allowed = (
                    {103} if ROLE[who] not in FACTS[cell.method]["roles"] else {102} if who == "admin" else {102, 108}
                )
                if code not in allowed:
                    wrong.append(f"{cell.method} of a peer's {cell.noun} by {who}: {code}, not {allowed}")
        self.assertEqual([], wrong)

    def test_what_is_missing_is_missing_for_all(self) -> None:
        for cell in MATRIX:
            thing = "nowhere_none" if cell.noun == "slice_name" else 99_999
            if cell.method == "AddSliceToNodesWhitelist":  # of several nodes, those that are there are taken
                continue
            self.assertEqual(102, self.code("admin", cell, thing), cell)

    def test_every_method_that_names_an_object_to_change_is_in_the_table(self) -> None:
        told = {cell.method for cell in MATRIX}
        writing = {
            name
            for name, facts in FACTS.items()
            if name.startswith(("Add", "Update", "Delete", "Slice"))
            and set(facts["roles"]) & {"pi", "tech", "user", "node"}
        }
        self.assertEqual(ELSEWHERE, writing - told)


ALSO_OF_PEERS = {"AddSiteTag", "AddNodeTag", "AddPersonTag", "AddSliceTag", "AddSession", "BlacklistKey", "AddLeases"}
"""What the catalogue does not restrict to our own objects: tags, leases, and what an admin does about anybody."""

ELSEWHERE = {
    # no object is named, or one's own is
    "AddPerson", "AddSlice", "SliceCreate", "DeleteSession",
    # two objects of different sites are named; rows_ma and rows_rare have them
    "AddIlink", "UpdateIlink", "DeleteIlink", "AddNodeToPCU", "DeleteNodeFromPCU",
    # reading by the names of old
    "SliceInfo", "SliceExtendedInfo", "SliceListNames", "SliceListUserSlices", "SliceNodesList", "SliceUsersList",
    "SliceGetTicket", "SliceTicketGet",
    # changed by its name and a time in the future
    "SliceRenew",
}  # fmt: skip


def _with(args: Any, thing: Any) -> Any:
    if isinstance(args, tuple | list):
        return [_with(each, thing) for each in args]
    return thing if isinstance(args, str) and args == THING else args
