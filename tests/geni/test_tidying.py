"""What the Federation API keeps beside the PLC's rows goes with them."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.registry import federated
from planetlab.registry.federated import SliverInfo
from tests.geni.world import PLC, USER, GeniWorld
from tests.registry.world import ADMIN


class Tidying(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()
        self.world.store(self.fill)

    def fill(self, store: federated.Store) -> None:
        for kind, number in (("slice", self.world.slice_id), ("site", self.world.site_id)):
            federated.put_role(store, kind, number, 4, "ADMIN")
        one = SliverInfo(
            urn="s", slice_id=self.world.slice_id, aggregate=f"{PLC}+authority+am", creator=USER, created=1
        )
        federated.put_sliver(store, one)

    def test_what_is_there_stays(self) -> None:
        self.assertEqual(0, self.world.store(federated.tidy))

    def test_a_deleted_slice_takes_its_roles_and_reports_along(self) -> None:
        self.world.call("DeleteSlice", ADMIN, self.world.slice_id)
        self.assertEqual(2, self.world.store(federated.tidy))
        self.assertEqual([], self.world.store(federated.slivers))

    def test_a_deleted_person_takes_its_roles_along(self) -> None:
        self.world.call("DeletePerson", ADMIN, 4)
        self.assertEqual(2, self.world.store(federated.tidy))

    def test_a_deleted_site_takes_all_of_it_along(self) -> None:
        self.world.call("DeleteSite", ADMIN, self.world.site_id)
        self.assertEqual(3, self.world.store(federated.tidy))
