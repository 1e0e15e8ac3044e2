"""The description of one sliver that an OCI runtime runs (runtime-spec 1.0)."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from attrs import evolve, frozen

from node_manager.drivers.container import seccomp
from node_manager.drivers.container.capabilities import KEPT
from node_manager.drivers.container.limits import Limits

INIT = "/dev/init"  # bound over the runtime's own /dev, where the sliver's files cannot stand in for it
API = "/run/plfed"
HOME = "/root"

_RUNTIMES = 256  # files that the runtime may have open while it starts a sliver
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/openssh"


@frozen(kw_only=True)
class Place:
    """Where the parts of one sliver are on the node."""

    root: str  # its root directory, mounted
    machine: Mapping[str, str]  # where it sees what of the machine: path inside, path on the node
    api: str  # directory of the node's sockets, "" for none
    init: str  # the program that becomes its first process
    network: str  # path of its network namespace
    users: str  # path of its user namespace
    group: str  # control group
    hostname: str


@frozen(kw_only=True)
class Who:
    """As whom a program runs inside."""

    uid: int = 0
    gid: int = 0
    home: str = HOME
    environment: tuple[tuple[str, str], ...] = (("TERM", "xterm"),)


def process(limits: Limits, command: Sequence[str], who: Who = Who(), terminal: bool = False) -> dict[str, Any]:
    """How a program runs inside, with no more than the first process has.

    Others than root have no capability until a program like sudo gives it them, from the same bounding set.
    """
    most = [*KEPT, *limits.capabilities.more]
    held = most if who.uid == 0 else []
    return {
        "terminal": terminal,
        "user": {"uid": who.uid, "gid": who.gid},
        "args": list(command),
        "cwd": who.home,
        "env": [_PATH, f"HOME={who.home}", "container=plfed", *(f"{name}={value}" for name, value in who.environment)],
        "capabilities": {"bounding": most, "effective": held, "permitted": held},
        "rlimits": [{"type": name, "soft": soft, "hard": hard} for name, soft, hard in limits.rlimits],
        "noNewPrivileges": False,  # su and sudo are for use inside; what they give is inside too
    }


def config(place: Place, limits: Limits) -> dict[str, Any]:
    """The whole description. Resources are bound by control group files, before anything runs (`cgroups.Groups`)."""
    made = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")]
    joined = [{"type": "network", "path": place.network}, {"type": "user", "path": place.users}]
    return {
        "ociVersion": "1.0.0",
        "hostname": place.hostname,
        "process": process(evolve(limits, rlimits=_to_start(limits)), (INIT, "-P"), Who(home="/")),
        "root": {"path": place.root, "readonly": False},
        "mounts": _mounts(place),
        "linux": {
            "cgroupsPath": place.group,
            "namespaces": [*made, *joined],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
            "seccomp": _seccomp(),
        },
    }


def _to_start(limits: Limits) -> tuple[tuple[str, int, int], ...]:
    """The runtime opens each thing that it mounts under the limits of the first process, which are bound after it."""
    return tuple(
        (name, max(soft, _RUNTIMES), max(hard, _RUNTIMES)) if name == "RLIMIT_NOFILE" else (name, soft, hard)
        for name, soft, hard in limits.rlimits
    )


@cache
def _seccomp() -> dict[str, Any]:
    return seccomp.profile()


def _mounts(place: Place) -> list[dict[str, Any]]:
    api = [_bound(place.api, API, "noexec")] if place.api else []
    kept_small = ["nosuid", "noexec", "nodev"]
    return [
        _mount("/proc", "proc", kept_small),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=64k"]),
        _mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        _mount("/dev/shm", "tmpfs", [*kept_small, "mode=1777", "size=16m"]),
        _mount("/dev/mqueue", "mqueue", kept_small),
        _mount("/run", "tmpfs", ["nosuid", "nodev", "mode=755", "size=4m"]),
        *(_bound(source, where, "noexec") for where, source in place.machine.items()),
        _bound(place.init, INIT),
        *api,
    ]


def _bound(source: str, where: str, *options: str) -> dict[str, Any]:
    kept = ["bind", "ro", "nosuid", "nodev", *options]
    return {"destination": where, "type": "bind", "source": source, "options": kept}


def _mount(where: str, kind: str, options: list[str]) -> dict[str, Any]:
    return {"destination": where, "type": kind, "source": kind, "options": options}
