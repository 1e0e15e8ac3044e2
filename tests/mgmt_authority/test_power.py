"""Rebooting from afar: real packets, real power units on loopback, and what is told when they do not answer."""

import base64
import json
import os
from pathlib import Path

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mgmt_authority.power import PACKETS, Power, Unit, must_be_known
from planetlab.both.afterwards import Afterwards
from planetlab.errors import Unavailable
from tests.registry.world import Princeton

DHCP = {"type": "ipv4", "method": "dhcp", "ip": "127.0.0.1"}
UNIT = Unit("HPiLO", "127.0.0.1", "http", "operator", "secret", 4)


class Refusing(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton(power=Power(reactor))

    def code(self, name, *args, by=None):
        return self.world.refused(name, by or self.world.tech, self.world.node_id, *args)[0]

    def test_a_node_that_never_booted_is_refused_and_one_without_address_is_not(self):
        self.assertEqual(102, self.code("RebootNode"))
        self.world.by_node(self.world.node_id, "GetSession")
        answer = self.world.call("RebootNode", self.world.tech, self.world.node_id)
        self.assertIsInstance(answer, Afterwards)  # what it awaits is sent where the node's name leads to
        self.assertEqual(103, self.code("RebootNode", by=self.world.user))

    def test_without_a_power_unit_or_a_control_for_it_nothing_is_done(self):
        self.assertEqual(102, self.code("RebootNodeWithPCU"))
        unit = self.world.call("AddPCU", self.world.tech, "princeton", {"ip": "127.0.0.1", "model": "CustomPCU"})
        self.world.call("AddNodeToPCU", self.world.tech, self.world.node_id, unit, 1)
        self.assertEqual(109, self.code("RebootNodeWithPCU"))
        self.assertIsNone(self.world.get("Nodes", self.world.node_id)["last_pcu_reboot"])

    def test_a_model_without_control_is_named(self):
        for model in ("ManualPCU", "", None, "hpilo"):
            self.assertRaises(Unavailable, must_be_known, model)

    def test_strangers_may_not(self):
        self.world.site("cornell")
        stranger = self.world.person("far", "pi", site="cornell")
        for name in ("RebootNode", "RebootNodeWithPCU"):
            self.assertEqual(108, self.code(name, by=stranger))

    def test_an_authority_that_sends_nothing_says_so(self):
        world = Princeton()
        world.call("AddInterface", world.tech, world.node_id, DHCP)
        world.by_node(world.node_id, "GetSession")
        self.assertEqual(109, world.refused("RebootNode", world.tech, world.node_id)[0])


class Packets(DatagramProtocol):
    """A node that listens for the packet."""

    def __init__(self):
        self.seen, self.all = [], Deferred()

    def datagramReceived(self, data, address):
        self.seen.append(data)
        if len(self.seen) == PACKETS:
            self.all.callback(None)


class Waking(TestCase):
    timeout = 90  # seconds, on a machine that is busy

    async def test_the_node_gets_its_session_ten_times(self):
        node = Packets()
        port = reactor.listenUDP(0, node, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        world = Princeton(power=Power(reactor, port.getHost().port))
        world.call("AddInterface", world.tech, world.node_id, DHCP)
        session = world.by_node(world.node_id, "GetSession")
        self.assertEqual(1, await world.call("RebootNode", world.tech, world.node_id))
        await node.all
        self.assertEqual([session.encode()] * PACKETS, node.seen)

    async def test_a_node_that_is_not_there_is_no_error(self):
        self.assertEqual(1, await Power(reactor, 9).wake("127.0.0.1", b"x"))

    async def test_a_name_in_place_of_an_address_is_looked_up(self):
        node = Packets()
        port = reactor.listenUDP(0, node, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.assertEqual(1, await Power(reactor, port.getHost().port).wake("127.1", b"session"))
        await node.all
        self.assertEqual([b"session"] * PACKETS, node.seen)

    async def test_a_name_that_leads_nowhere_is_no_error(self):
        self.assertEqual(1, await Power(reactor, 9).wake("n" * 300, b"x"))


class Redfish(Resource):
    """A power unit that speaks Redfish and keeps what it is asked; simulated."""

    isLeaf = True

    def __init__(self, code=204):
        super().__init__()
        self.code, self.asked = code, []

    def render(self, request):
        said = request.getHeader(b"authorization") or b""
        who = base64.b64decode(said.removeprefix(b"Basic ")).decode()
        self.asked.append((request.method.decode(), request.path.decode(), request.content.read(), who))
        request.setResponseCode(self.code)
        return b""


class Cycling(TestCase):
    timeout = 90  # seconds, on a machine that is busy

    def serve(self, unit):
        port = reactor.listenTCP(0, Site(unit), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return evolve(UNIT, host=f"127.0.0.1:{port.getHost().port}")

    async def test_a_unit_that_is_away_or_refuses_is_told_as_a_text(self):
        power = Power(reactor)
        self.assertIn("power unit 127.0.0.1:1", await power.cycle(evolve(UNIT, host="127.0.0.1:1"), False))
        refusing = Redfish(401)
        self.assertIn("HTTP 401", await power.cycle(self.serve(refusing), False))

    async def test_a_unit_restarts_what_hangs_on_the_port(self):
        unit = Redfish()
        self.assertEqual(1, await Power(reactor).cycle(self.serve(unit), False))
        ((method, path, body, who),) = unit.asked
        self.assertEqual(("POST", "/redfish/v1/Systems/4/Actions/ComputerSystem.Reset"), (method, path))
        self.assertEqual(({"ResetType": "ForceRestart"}, "operator:secret"), (json.loads(body), who))

    async def test_a_test_run_only_looks(self):
        unit = Redfish(200)
        self.assertEqual(1, await Power(reactor).cycle(self.serve(unit), True))
        self.assertEqual([("GET", "/redfish/v1/Systems/4")], [asked[:2] for asked in unit.asked])

    async def test_ipmi_gets_the_password_where_no_other_process_reads_it(self):
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        tool = folder / "ipmitool"
        tool.write_text(f'#!/bin/sh\necho "$@ with $IPMI_PASSWORD" > {folder}/said\n')
        tool.chmod(0o755)
        self.patch(os, "environ", {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        self.assertEqual(1, await Power(reactor).cycle(evolve(UNIT, model="IPMI"), False))
        said = (folder / "said").read_text()
        self.assertIn("-H 127.0.0.1 -U operator -E", said)
        self.assertTrue(said.endswith("chassis power cycle with secret\n"))
        tool.write_text("#!/bin/sh\necho 'no answer' >&2; exit 1\n")
        self.assertEqual(
            "power unit 127.0.0.1: no answer", await Power(reactor).cycle(evolve(UNIT, model="IPMI"), True)
        )

    async def test_the_call_stamps_the_node_and_a_test_run_does_not(self):
        unit = Redfish()
        world = Princeton(power=Power(reactor))
        said = {"ip": "127.0.0.1", "hostname": self.serve(unit).host, "model": "DRAC", "protocol": "http"}
        number = world.call("AddPCU", world.tech, "princeton", said)
        world.call("AddNodeToPCU", world.tech, world.node_id, number, 4)
        self.assertEqual(1, await world.call("RebootNodeWithPCU", world.tech, world.node_id, True))
        self.assertIsNone(world.get("Nodes", world.node_id)["last_pcu_reboot"])
        self.assertEqual(1, await world.call("RebootNodeWithPCU", world.tech, world.node_id))
        self.assertEqual(int(world.clock.now()), world.get("Nodes", world.node_id)["last_pcu_reboot"])
        self.assertEqual(["GET", "POST"], [asked[0] for asked in unit.asked])
