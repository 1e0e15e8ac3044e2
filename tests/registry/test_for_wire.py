"""What is listed for the wire is, octet for octet, what is listed for us."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc
from planetlab.records.catalogue import RECORDS
from planetlab.registry.store import Store
from tests.registry.world import ADMIN, Princeton


class ForTheWire(SynchronousTestCase):
    def test_every_noun_is_written_the_same(self) -> None:
        world = Princeton()
        world.call("AddSliceToNodes", ADMIN, 1, [world.node("node2")])
        world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")

        def both(store: Store) -> None:
            for record in RECORDS.values():
                ours, sent = store.rows(record), store.rows(record, for_wire=True)
                self.assertEqual(xmlrpc.dumps_answer(ours), xmlrpc.dumps_answer(sent), record.name)

        world.store(both)
