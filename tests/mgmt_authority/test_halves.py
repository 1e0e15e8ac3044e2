"""Each half works on a real file through a connection that may write its own tables only."""

import sqlite3
from operator import methodcaller
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mgmt_authority import service as ma
from planetlab.both.desk import Desk
from planetlab.both.founding import found
from planetlab.both.greeting import Greeter
from planetlab.calls import dispatch
from planetlab.clock import SetClock
from planetlab.errors import DatabaseError
from planetlab.names import Hrn
from planetlab.registry.plc import Plc
from slice_authority import service as sa
from tests.registry.world import ADMIN, NOW

PLC = Plc(hrn=Hrn.parse("plc"))


class Halves(SynchronousTestCase):
    def setUp(self):
        path = str(Path(self.mktemp()).absolute())
        found(path, PLC, ADMIN["Username"], ADMIN["AuthString"], NOW)
        self.apis = {"slice": sa.api, "management": ma.api}
        self.desks = {half: Desk(path, half, PLC, Greeter(), SetClock(NOW)) for half in self.apis}
        for desk in self.desks.values():
            self.addCleanup(lambda desk=desk: [connection.close() for connection in desk._opened])

    def call(self, half, name, *args):
        api, desk = self.apis[half], self.desks[half]
        return desk.run_now(
            api.find(name), lambda: dispatch(api, name, (ADMIN, *args), lambda m, given: desk.greet(m, given, ""))
        )

    def test_a_half_cannot_write_the_tables_of_the_other(self):
        for half, text in (("management", "UPDATE slices SET url = ''"), ("slice", "UPDATE nodes SET model = ''")):
            self.assertRaises(DatabaseError, self.desks[half].job_now, methodcaller("change", text))
            self.assertEqual(1, len(self.flushLoggedErrors(sqlite3.DatabaseError)))

    def test_a_deletion_reaches_what_hangs_on_it_in_the_other_half(self):
        self.call(
            "slice", "AddSite", {"name": "P", "abbreviated_name": "P", "login_base": "princeton", "max_slices": 5}
        )
        one = self.call("slice", "AddSlice", {"name": "princeton_codeen"})
        node = self.call("management", "AddNode", "princeton", {"hostname": "n1.princeton.example", "deployment": "a"})
        group = self.call("management", "AddNodeGroup", "alphas", "deployment", "a")
        self.call("management", "DeleteNodeGroup", group)
        self.call("slice", "AddSliceTag", one, "vref", "f14")
        self.call("management", "DeleteTagType", "deployment")
        self.call("management", "DeleteTagType", "vref")
        self.assertEqual([], self.call("slice", "GetSliceTags", {"tagname": "vref"}))
        self.assertIsNone(self.call("management", "GetNodes", [node], ["deployment"])[0]["deployment"])
        self.call("management", "DeleteRole", "tech")
        self.assertNotIn("tech", [role["name"] for role in self.call("slice", "GetRoles")])
