"""What is listed for the wire is, octet for octet, what is listed for us."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from planetlab import filters, xmlrpc
from planetlab.both.founding import found
from planetlab.filters import ALL
from planetlab.names import Hrn
from planetlab.records.catalogue import RECORDS
from planetlab.records.nodes import NODE
from planetlab.records.sites import SITE
from planetlab.registry.opening import connect
from planetlab.registry.plc import Plc
from planetlab.registry.store import Store
from tests.registry.world import ADMIN, NOW, Princeton


class ForTheWire(SynchronousTestCase):
    def test_every_noun_is_written_the_same(self) -> None:
        world = Princeton()
        world.call("AddSliceToNodes", ADMIN, 1, [world.node("node2")])
        world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")

        def both(store: Store) -> None:
            for record in RECORDS.values():
                ours, sent = store.rows(record), store.written(record, ALL, record.names())
                self.assertEqual(xmlrpc.dumps_answer(ours), xmlrpc.dumps_answer(sent), record.name)

        world.store(both)

    def test_rows_of_a_query_are_written_the_same(self) -> None:
        world = Princeton()
        said = {"~hostname": None, "-SORT": "-hostname", "-LIMIT": 1}
        for fields in ([], ["hostname"], ["site_id", "slice_ids", "hostname", "pldistro"]):
            query = filters.query(NODE, said)
            ours, sent = world.store(
                lambda store, f=fields, q=query: (store.rows(NODE, q, f), store.written(NODE, q, f))
            )
            self.assertEqual(xmlrpc.dumps_answer(ours), xmlrpc.dumps_answer(sent))


class KeptLists(SynchronousTestCase):
    def test_a_reader_sees_what_another_has_changed(self) -> None:
        path = str(Path(self.mktemp()).absolute())
        plc = Plc(hrn=Hrn.parse("plc"))
        found(path, plc, ADMIN["Username"], "x", NOW)
        reader, writer = connect(path, "slice", reads_only=True), connect(path, "slice")
        self.addCleanup(reader.close)
        self.addCleanup(writer.close)

        def people() -> list[int]:
            reader.execute("BEGIN")
            try:
                return [row["person_ids"] for row in Store(reader, NOW, plc, reads_only=True).rows(SITE)][0]
            finally:
                reader.rollback()

        self.assertEqual([[2], [2]], [people(), people()])
        writer.execute("INSERT INTO person_site (person_id, site_id) VALUES (1, 1)")
        self.assertEqual([[1, 2], [1, 2]], [people(), people()])
