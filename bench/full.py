"""``python -m bench.full``: a node's disk is full during each kind of write there is.

Two real processes of a node work on a disk that `bench.power` fills. While it is full, what writes is refused with the
code for it, what reads is answered, and the owner's pause stops everything all the same. When there is room again, the
same call goes well without a restart; and after one, everything is still so.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary, Fault

from attrs import frozen

from bench import power
from bench.faults import settled
from bench.forked import Authority, Node
from planetlab.cli.deep.places import look
from planetlab.cli.deep.slivers import remembered

DISK_PAIR, DISK_FAULT = 252, 106  # the public port's number of the reason, the sockets' fault


@frozen
class Bench:
    """A node with one sliver of a ticket, one pool of the owner's, and a part of that."""

    node: Node
    authority: Authority
    rcap: str
    pool: str
    part: str

    def ticket(self, label: str, serial: str) -> Binary:
        return Binary(self.authority.ticket(label, serial))


Kind = Callable[[Bench], Any]
PUBLIC: dict[str, Kind] = {
    "redeem": lambda on: on.node.call("create_sliver", on.ticket("second", "second")),
    "renew": lambda on: on.node.call("create_sliver", on.ticket("first", "newer")),
    "delete": lambda on: on.node.call("delete_sliver", on.rcap),
}
OWNERS: dict[str, Kind] = {
    "cap": lambda on: on.node.ask("pl_conf", "Cap", "", "net_max_rate", 2000),
    "bar": lambda on: on.node.ask("pl_conf", "Deny", "princeton_nobody"),
    "calendar": lambda on: on.node.ask("pl_conf", "Calendar", [{"start": "01:00", "end": "02:00", "pause": True}]),
    "pause": lambda on: on.node.ask("pl_conf", "Pause"),
    "reserve": lambda on: on.node.ask("node_manager", "Reserve", "lease_or_shared", []),
    "create pool": lambda on: on.node.ask("node_manager", "CreatePool", {"cpu_pct": 1}, "princeton_first"),
    "split pool": lambda on: on.node.ask("node_manager", "SplitPool", on.pool, {"cpu_pct": 1}),
    "bind": lambda on: on.node.ask("node_manager", "Bind", on.part, "princeton_first"),
    "give back": lambda on: on.node.ask("node_manager", "GiveBack", on.part),
}
KINDS = {**PUBLIC, **OWNERS}


def refused(name: str, on: Bench) -> None:
    """What is refused on a full disk says so by its number. Raises `AssertionError`."""
    try:
        answer = KINDS[name](on)
    except Fault as fault:
        assert fault.faultCode == DISK_FAULT, f"{name} on a full disk: {fault}"
        return
    assert name in PUBLIC and answer[0] == DISK_PAIR, f"{name} on a full disk is answered {answer}"


def once(name: str, authority: Authority, place: Path) -> None:
    """One kind of write. Raises `AssertionError` that says what is not as it must be."""
    disk = power.Disk(place)
    node = Node(authority, disk.path, place, disk.environment)
    try:
        node.start()
        rcap = node.insist("create_sliver", Binary(authority.ticket("first", "first", age=60.0)))[0]
        pool = node.ask("node_manager", "CreatePool", {"cpu_pct": 10}, "princeton_first")
        part = node.ask("node_manager", "SplitPool", pool, {"cpu_pct": 5})
        on = Bench(node, authority, rcap, pool, part)
        disk.fill(True)
        refused(name, on)
        assert node.call("version")[0] == 0, "version is not answered while the disk is full"
        assert node.call("GetRspec", rcap)[1]["slice"] == "princeton_first", "reading is not answered"
        assert node.ask("node_manager", "GetXIDs"), "the node manager does not answer while the disk is full"
        if name == "pause":
            states = [each["state"] for each in node.ask("node_manager", "Slivers")]
            assert states == ["stopped"], "a full disk keeps the owner from pausing his node"
        disk.fill(False)
        KINDS[name](on)
        settled(disk.path)
        before = _states(node)
        node.stop()
        node.start()
        settled(disk.path)
        assert _states(node) == before, f"{name}: after a restart {_states(node)} instead of {before}"
    finally:
        node.stop()


def _states(node: Node) -> list[str]:
    return sorted((remembered(look(node.path).nodes[0]) or {}).values())


def main(arguments: Sequence[str]) -> int:
    """The kinds that are named, or all; prints a line for each."""
    top = Path(os.environ.get(power.PLACE) or tempfile.mkdtemp(prefix="plfed-full-"))
    if "LD_PRELOAD" not in os.environ:
        environment = {**os.environ, "LD_PRELOAD": str(power.build(top)), power.PLACE: str(top)}
        os.execve(sys.executable, [sys.executable, "-m", "bench.full", *arguments], environment)
    authority, wrong = Authority(top), 0
    try:
        for name in arguments or KINDS:
            try:
                once(name, authority, Path(tempfile.mkdtemp(dir=top)))
                said = "refused while it is full, well afterwards"
            except AssertionError as error:
                wrong, said = wrong + 1, str(error)[:600]
            print(f"{name:<12} {said}", flush=True)
    finally:
        shutil.rmtree(top)
    print(f"{len(arguments or KINDS)} kinds of write on a full disk; {wrong} not as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
