"""The whole way of a packet: sent in a sliver, translated by the node, heard by a stranger, named by the audit."""

import json
import subprocess
import sys
import urllib.request
from typing import Any

from tests.container.ground import CODEEN, NODE, SIRIUS, STRANGER
from tests.container.managed import Managed
from tests.container.test_traffic import EACH, SEND
from tests.ports import free_port
from tests.waiting import until


class TenThousandPackets(Managed):
    """Two slices send 5,000 packets each to a stranger while the audit looks on."""

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        settings = {
            "node": "node1.plc.example",
            "address": NODE,
            "data_dir": str(self.work / "audit"),
            "nm_socket": str(self.socket),
            "listen": [f"tcp:{self.port}:interface=127.0.0.1"],
            "capture_prefix": ["nsenter", f"--net=/run/netns/{self.netns}"],
            "capture_interfaces": ["up0"],
        }
        config = self.work / "audit.toml"
        config.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
        audit = subprocess.Popen((sys.executable, "-m", "auditd", "--config", str(config)), stderr=subprocess.DEVNULL)
        self.addCleanup(audit.communicate)
        self.addCleanup(audit.terminate)
        until(lambda: self.page("/index.json")["capturing"], lambda: f"a capture: {self.page('/index.json')}")

    def test_every_one_is_under_its_own_slices_name_and_none_under_the_others(self) -> None:
        with self.program(self.world, "hear", "1") as heard:
            for name in (CODEEN, SIRIUS):
                words = SEND % (STRANGER, EACH, name)
                self.node.enter(name, ("/bin/sh", "-c", 'it=$(cat); perl -e "$it" >/dev/null 2>&1 &'), given=words)
        self.assertEqual({f"{NODE} {name}": EACH for name in (CODEEN, SIRIUS)}, heard())
        expected = {str(CODEEN): EACH, str(SIRIUS): EACH}
        until(lambda: sum(self.packets().values()) >= 2 * EACH, lambda: f"all packets: {self.packets()}")
        self.assertEqual(expected, self.packets())

    def packets(self) -> dict[str, int]:
        """Packets to the stranger by slice, as a stranger's page tells."""
        told = self.page(f"/to/{STRANGER}.json")
        return {each["slice"]: each["packets"] for each in told["slices"]}

    def page(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)
