"""Every trace that slivers can leave on a node, read from the kernel and the disk."""

import os
import re
from pathlib import Path

from node_manager.drivers.container.settings import UIDS, ContainerSettings
from tests.container.ground import Ground, within

_OURS = ("slivers", "slots", "trash", "runtime", "last", "first_uid")  # what the driver keeps when it has no sliver


def traces(ground: Ground, work: Path) -> list[str]:
    """What there is of slivers whose driver works below ``work``, each as kind and name."""
    settings = ground.settings(work)
    links = within(ground.netns, "ip", "-o", "link")
    rules = within(ground.netns, "nft", "list", "table", "ip", "plfed")
    classes = within(ground.netns, "tc", "class", "show", "dev", "up0")
    mounts = Path("/proc/self/mountinfo").read_text("utf-8")
    return [
        *(f"process {pid}" for pid in os.listdir("/proc") if pid.isdigit() and _runs(pid, settings)),
        *(f"group {path}" for path in Path("/sys/fs/cgroup").glob(settings.cgroup.strip("/"))),
        *(f"group {path}" for path in Path("/sys/fs/cgroup").glob(f"*{settings.cgroup}")),
        *(f"mount {line}" for line in mounts.splitlines() if str(work) in line or "overlay" in line and "/lo," in line),
        *(f"interface {name}" for name in re.findall(r" (sl\d+)", links)),
        *(f"element {name}" for name in re.findall(r'"(sl\d+)"', rules)),
        *(f"class {name}" for name in re.findall(r"htb (1:[12](?!000|fff)[0-9a-f]{3}) ", classes)),
        *(f"network namespace {name}" for name in sorted(_held())),
        *(f"file {path}" for path in sorted(work.rglob("*")) if path.name not in _OURS),
    ]


def _runs(pid: str, settings: ContainerSettings) -> bool:
    """Whether the process has such an owner and has not ended (then it waits for the machine's init to note it)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2][0]
        own = range(settings.first_uid, settings.first_uid + UIDS * (settings.most + 1))
        return os.stat(f"/proc/{pid}").st_uid in own and state != "Z"
    except OSError:
        return False


def _held() -> set[str]:
    """Network namespaces without a name that this process keeps alive by an open descriptor."""
    links = {_link(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
    named = {f"net:[{path.stat().st_ino}]" for path in Path("/run/netns").iterdir()}
    return {link for link in links if link.startswith("net:[")} - named - {os.readlink("/proc/self/ns/net")}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
