"""What a node's settings are made of."""

import pathlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from node_manager.settings import Settings
from planetlab.cli.facts import PLACES_OF_NODE, has_sshd
from planetlab.cli.node import Inside, NodePlace
from planetlab.names import Hostname, Hrn


def place(**said: Any) -> NodePlace:
    return NodePlace(
        path=pathlib.Path("/srv/node"), hostname=Hostname("node1.plc.example"), hrn=Hrn(("plc", "princeton", "node1")),
        node_id=1, key="key", ports={name: 7000 + at for at, name in enumerate(PLACES_OF_NODE)}, roots=(),
        driver="memory", sliver_net="10.128.0.0/16", inside=Inside(), **said,
    )  # fmt: skip


class ANodesSettings(SynchronousTestCase):
    def test_are_ones_that_the_node_manager_knows(self) -> None:
        known = {field.name for field in Settings.__attrs_attrs__}
        self.assertEqual(set(), place().node_manager().keys() - known)

    def test_let_a_users_stop_last_as_long_as_a_poll(self) -> None:
        """A user's Stop of what its authority wants running held until the next poll."""
        self.assertEqual(6.0, place(poll_period=5.0, poll_jitter=1.0).node_manager()["stop_lasts"])

    def test_open_the_door_where_the_tickets_come_in_if_there_can_be_one(self) -> None:
        expected = "0.0.0.0:7009" if has_sshd() else None
        self.assertEqual(expected, place(address="0.0.0.0").node_manager().get("ssh"))
