"""pl_conf as an ordinary sliver: a program of a slice, in its sliver, that makes other slivers by tickets.

It has no power of its own there. The node manager knows it by its sliver's user ids; the world reaches it by a port of
the node's that its slice was given.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

from node_manager.drivers import State
from node_manager.images import busybox
from planetlab import keys
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from planetlab.ticket import Ticket, User
from planetlab.tickets import seal_xmldsig
from tests.container import pythons
from tests.container.ground import CODEEN, NODE, PLC, SIRIUS
from tests.container.managed import Managed
from tests.waiting import until

PL_CONF = SliceName.parse("pl_conf")
PORT = 814
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"
SCRIPT = rf"""#!/bin/sh
[ "$1" = start ] || exit 0
mkdir -p /var/lib/plfed /etc/plfed
cd /etc/plfed
cat > plc.pem <<'END'
%(signs)sEND
cat > owner.toml <<'END'
[[root]]
hrn = "plc"
ticket_key = "/etc/plfed/plc.pem"
END
cat > pl_conf.toml <<'END'
hrn = 'plc.princeton.node1\.plc\.example'
hostname = "node1.plc.example"
policy = "owner.toml"
ledger = "/var/lib/plfed/ledger.db"
deletions = "/var/lib/plfed/deletions.log"
listen = ["tcp:{PORT}"]
listen_keys = []
socket = "unix:/run/pl_conf.sock"
listen_operator = ""
report = ""
reconcile = 1.0
orphan_grace = 1.0
END
{pythons.RUN} -m pl_conf --config pl_conf.toml
"""
ASK = f"""
import sys
from xmlrpc.client import Binary, ServerProxy
method, given = sys.argv[1], sys.stdin.buffer.read()
told = {{"version": (), "create_sliver": (Binary(given),), "delete_sliver": (given.decode(),)}}[method]
with ServerProxy("http://{NODE}:{PORT}/", allow_none=True) as node:
    print(*getattr(node, method)(*told))
"""


class PlConfInside(Managed):
    stated: ClassVar[dict[str, Any]] = {"pl_conf_slice": str(PL_CONF), "ports": (PORT,), "round_every": 1.0}
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        busybox.build(cls.top / "images" / "pl_conf")
        pythons.put(cls.top / "images" / "pl_conf", "pl_conf.__main__, twisted.internet.reactor")

    def setUp(self) -> None:
        super().setUp()
        self.signs = keys.new_p256()
        self.instantiate(
            PL_CONF,
            vref="pl_conf",
            initscript=SCRIPT % {"signs": keys.public_pem(self.signs.public_key()).decode()},
            rspec=ResourceSpec(tags={"ports": str(PORT)}),
        )
        self.until(lambda: self.asked("version").startswith("0 1.0-"))

    def asked(self, method: str, given: bytes = b"") -> str:
        """What the node's port answers somebody in the world."""
        command = ("nsenter", f"--net=/run/netns/{self.world}", sys.executable, "-c", ASK, method)
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        return done.stdout.decode().strip() or done.stderr.decode().strip()[-300:]

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for what takes the programs a moment."""
        until(
            true,
            lambda: f"{self.said(self.node, 'cat /var/log/console', PL_CONF)}; it answers {self.asked('version')}",
        )

    def ticket(self, name: SliceName) -> bytes:
        now = time.time()
        ticket = Ticket(
            issuer=PLC, slice=name, slice_id=7, serial="1", expires=now + 900, timestamp=now,
            users=(User(1, "user@plc.example", (KEY,)),),
        )  # fmt: skip
        return seal_xmldsig(ticket, self.signs)

    def test_it_makes_and_ends_real_slivers_by_tickets_from_the_world(self) -> None:
        code, rcap = self.asked("create_sliver", self.ticket(SIRIUS)).split(" ", 1)
        self.assertEqual("0", code, rcap)
        self.assertEqual({PL_CONF: State.RUNNING, SIRIUS: State.RUNNING}, self.states())
        self.assertEqual(KEY, self.said(self.node, f"cat /home/{SIRIUS}/.ssh/authorized_keys", SIRIUS))
        self.assertEqual("0 1", self.asked("delete_sliver", rcap.strip("[]'").encode()))
        self.until(lambda: self.states() == {PL_CONF: State.RUNNING})

    def test_what_it_wrote_down_outlives_its_sliver_and_a_bad_ticket_makes_nothing(self) -> None:
        self.asked("create_sliver", self.ticket(SIRIUS))
        self.node.stop(PL_CONF)
        self.until(lambda: self.asked("version").startswith("0 1.0-"))  # the next round starts it again
        answer = self.asked("create_sliver", self.ticket(CODEEN).replace(b"princeton_codeen", b"princeton_codexx"))
        self.assertNotEqual("0", answer.split()[0], answer)
        self.assertEqual({PL_CONF: State.RUNNING, SIRIUS: State.RUNNING}, self.states())

    def states(self) -> dict[SliceName, State]:
        return {name: found.state for name, found in self.node.look().items()}
