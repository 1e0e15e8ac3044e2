"""pl_conf as a process of a sliver's user: it reaches the node manager as any broker does, and has no privilege."""

import os
import subprocess
import sys

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.pl_conf.process import ROOT

PROGRAM = """
import os, pathlib, tempfile
from xmlrpc.client import Binary, Fault
from bench import faults, forked
from planetlab.cli.toml import dumps

top = pathlib.Path(tempfile.mkdtemp())
top.chmod(0o755)
disk = top / "disk"
disk.mkdir()
node = forked.Node(forked.Authority(top), disk, top)
settings = disk / "node_manager.toml"
settings.write_text(settings.read_text() + 'pl_conf_slice = "pl_conf"\\n')
try:
    node._fork("node_manager", "")
    node._until(lambda: forked._answers(1, f"{disk}/nm.sock"), "node_manager")
    pool = node.ask("node_manager", "CreatePool", {"slivers": 1}, "pl_conf")
    node.ask("node_manager", "Bind", node.ask("node_manager", "SplitPool", pool, {"slivers": 1}), "pl_conf")
    uid = node.ask("node_manager", "GetXIDs")["pl_conf"]
    for path in (disk, *disk.iterdir(), *top.iterdir()):
        if path.is_file() and not path.name.startswith("books.db") or path == disk:
            os.chown(path, uid, uid)
    node.uids["pl_conf"] = uid
    node.start()
    status = dict(line.split(":\\t") for line in open(f"/proc/{node.pids['pl_conf']}/status") if ":\\t" in line)
    print("uid", status["Uid"].split()[0] == str(uid), "capabilities", int(status["CapEff"], 16))
    rcap = node.insist("create_sliver", Binary(node.authority.ticket("inside")))[0]
    print(sorted(node.ask("node_manager", "GetXIDs")))
    print(node.insist("delete_sliver", rcap))
    faults.settled(disk)
    print(sorted(node.ask("node_manager", "GetXIDs")))
finally:
    node.stop()
"""


class AProcessOfASliversUser(SynchronousTestCase):
    def test_makes_and_ends_slivers_by_tickets(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("needs root, to run a process as a sliver's user")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        expected = ["uid True capabilities 0", "['pl_conf', 'princeton_inside']", "1", "['pl_conf']"]
        self.assertEqual(expected, done.stdout.splitlines(), done.stderr)
