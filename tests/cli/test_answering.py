"""What `plfed up` tells of services: where they answer, read out of their settings."""

import pathlib
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab.cli.answering import Where, answers, lines, value, where
from planetlab.errors import BadSettings

SETTINGS = {
    "slice_authority": 'listen = ["tcp:8443"]\noperator = "tcp:8447:interface=127.0.0.1"\nweb_host = "plc.example"\n',
    "auditd": 'listen = ["tcp:80:interface=192.0.2.7"]\noperator_listen = ""\nnode = "node1.plc.example"\n',
    "node_manager": 'socket = "unix:nm.sock"\noperator = "tcp:8812:interface=127.0.0.1"\n',
}


class Places(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.mktemp())
        self.folder.mkdir()
        for name, text in SETTINGS.items():
            (self.folder / f"{name}.toml").write_text(text)

    def test_settings_that_are_no_toml_are_named(self) -> None:
        (self.folder / "web.toml").write_text("listen =")
        self.assertIn("web.toml", str(self.assertRaises(BadSettings, where, self.folder, "web")))

    def test_an_authority_is_called_by_its_name_and_looked_at_on_loopback(self) -> None:
        found = where(self.folder, "slice_authority")
        self.assertEqual("https://plc.example:8443/PLCAPI/", found.address)
        self.assertEqual((("127.0.0.1", 8443), ("127.0.0.1", 8447)), found.ports)

    def test_a_service_without_an_operators_port_has_its_own_alone(self) -> None:
        found = where(self.folder, "auditd")
        self.assertEqual(("http://node1.plc.example:80/", (("192.0.2.7", 80),)), (found.address, found.ports))

    def test_a_node_manager_is_at_its_socket(self) -> None:
        self.assertEqual("unix:nm.sock", where(self.folder, "node_manager").address)

    def test_what_is_told_names_each_service_its_health_and_what_to_do_next(self) -> None:
        told = "\n".join(lines(self.folder, [where(self.folder, name) for name in SETTINGS]))
        for text in ("https://plc.example:8443/PLCAPI/", "http://127.0.0.1:8447/healthz", "--dir", "/log"):
            self.assertIn(text, told)

    def test_programs_are_told_the_same(self) -> None:
        told = value(self.folder, [where(self.folder, name) for name in SETTINGS])
        self.assertEqual(str(self.folder), told["dir"])
        with_it, without, at_a_socket = told["services"]
        self.assertEqual(("slice_authority", "http://127.0.0.1:8447/metrics"), (with_it["name"], with_it["metrics"]))
        self.assertEqual(("http://node1.plc.example:80/", ""), (without["address"], without["health"]))
        self.assertEqual("unix:nm.sock", at_a_socket["address"])
        self.assertEqual(str(self.folder / "log" / "node_manager.log"), at_a_socket["log"])


class Answering(TestCase):
    async def test_services_answer_when_all_of_their_ports_take_connections(self) -> None:
        with socket.socket() as one, socket.socket() as other:
            for each in (one, other):
                each.bind(("127.0.0.1", 0))
            one.listen()
            ports = one.getsockname(), other.getsockname()
            both, first = Where("web", "", ports, None), Where("web", "", ports[:1], None)
            self.assertFalse(await Deferred.fromCoroutine(answers([both], reactor)))
            self.assertTrue(await Deferred.fromCoroutine(answers([first], reactor)))
            other.listen()
            self.assertTrue(await Deferred.fromCoroutine(answers([both], reactor)))
