"""The plan of a demo holds together."""

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.plan import EPFL, PLC, plan


class Plans(SynchronousTestCase):
    def test_slices_begin_with_their_site(self) -> None:
        for authority in plan(3).authorities:
            self.assertEqual({str(authority.login_base)}, {one.name.site for one in authority.slices})

    def test_a_child_lies_below_its_parent_and_comes_after_it(self) -> None:
        seen = set()
        for authority in plan(3).authorities:
            if authority.parent is not None:
                self.assertTrue(authority.parent.governs(authority.hrn))
                self.assertIn(authority.parent, seen)
            seen.add(authority.hrn)

    def test_there_are_as_many_nodes_of_plc_as_asked_and_one_of_epfl(self) -> None:
        owners = [node.authority for node in plan(5).nodes]
        self.assertEqual((5, 1), (owners.count(PLC), owners.count(EPFL)))

    def test_no_two_nodes_share_a_network(self) -> None:
        nets = [ipaddress.ip_network(node.sliver_net) for node in plan(50).nodes]
        self.assertEqual(51, len(set(nets)))
        self.assertFalse(any(net.overlaps(ipaddress.ip_network("10.200.0.0/24")) for net in nets))
