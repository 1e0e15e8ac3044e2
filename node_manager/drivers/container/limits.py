"""From a resource specification to what the kernel is told. Pure.

Process limits follow the context limits of the vserver kernel they were made for: ``nproc`` counts all processes of
the sliver; ``rss``, ``as`` and ``anon`` bound its memory as a whole, in pages of 4 KiB, and the smallest counts, since
one figure is what a control group keeps; the others are each process's own.
"""

from attrs import frozen

from node_manager.drivers.container.capabilities import Given, given
from node_manager.drivers.container.cgroups import Bounds
from node_manager.drivers.container.processors import Asks
from node_manager.drivers.container.settings import ContainerSettings
from node_manager.drivers.container.shaping import LEAST, Rates
from planetlab.rspec import UNLIMITED, ResourceSpec

PAGE = 4096  # bytes
FAIR = 100  # weight of one v4 share: the kernel's default for a group
_MEMORY = ("rss", "as", "anon")
_UNHELD = (
    "nsock",
    "openfd",
    "shmem",
    "ofile",
    "cpu",
)  # Linux does not bound these for a whole sliver

# What one user inside may have queued: signals and timers, and bytes of messages. The kernel adds them up over all
# slivers too, so one must not be able to have them all.
_QUEUES = (("RLIMIT_SIGPENDING", 1024), ("RLIMIT_MSGQUEUE", 819_200))

# limit -> how an OCI runtime calls it, and bytes (or files, or seconds) per unit
_PER_PROCESS = {
    "nofile": ("RLIMIT_NOFILE", 1),
    "core": ("RLIMIT_CORE", 1),
    "stack": ("RLIMIT_STACK", 1),
    "fsize": ("RLIMIT_FSIZE", 1),
    "data": ("RLIMIT_DATA", 1),
    "memlock": ("RLIMIT_MEMLOCK", PAGE),
}


@frozen(kw_only=True)
class Limits:
    """Everything one sliver is held to."""

    bounds: Bounds
    ordinary: Rates
    exempt: Rates
    asks: Asks  # of the processors, beside the share
    disk: int  # bytes
    ports: tuple[int, ...]  # of the node's address, TCP and UDP, whose packets come to this sliver
    capabilities: Given
    rlimits: tuple[tuple[str, int, int], ...]  # runtime's name, soft, hard
    unheld: tuple[str, ...]  # keys asked for that nothing here can enforce


def limits(rspec: ResourceSpec, settings: ContainerSettings) -> Limits:
    """What ``rspec`` asks, with the owner's defaults where it does not say."""
    processes = rspec.rlimit("nproc")
    capabilities = given(rspec.capability_names, settings.capabilities)
    pages = [asked for name in _MEMORY if (asked := rspec.rlimit(name)) is not None and asked >= 0]
    return Limits(
        bounds=Bounds(
            weight=max(1, rspec.cpu_share) * FAIR,
            memory=min(pages) * PAGE if pages else settings.memory,
            processes=settings.processes if processes is None or processes < 0 else processes,
        ),
        ordinary=_rates(rspec.net_min_rate, rspec.net_max_rate, rspec.net_share, settings.node_cap),
        exempt=_rates(rspec.net_i2_min_rate, rspec.net_i2_max_rate, rspec.net_i2_share, settings.link_rate),
        asks=Asks(cores=rspec.cores[0], shared=rspec.cores[1], percent=rspec.cpu_pct),
        disk=rspec.disk_max * 1024,
        ports=_ports(dict(rspec.tags).get("ports", "")),
        capabilities=capabilities,
        rlimits=tuple(_rlimits(rspec, settings)),
        unheld=tuple(_unheld(rspec, capabilities)),
    )


def _rates(least: int, most: int, share: int, top: float) -> Rates:
    """Rates in kbit/s, as in the specification, against the ``top`` in bit/s."""
    return Rates(
        least=max(LEAST, least * 1000.0),
        most=top if most == UNLIMITED else max(LEAST, most * 1000.0),
        share=max(1, share),
    ).within(LEAST, top)


def _rlimits(rspec: ResourceSpec, settings: ContainerSettings) -> list[tuple[str, int, int]]:
    found = [(name, most, most) for name, most in _QUEUES]
    for limit, (name, unit) in _PER_PROCESS.items():
        hard, soft = rspec.rlimit(limit), rspec.rlimit(limit, "soft")
        if limit == "nofile" and (hard is None or hard < 0):
            hard = settings.files
        if hard is not None and hard >= 0:
            found.append((name, min(hard, hard if soft is None or soft < 0 else soft) * unit, hard * unit))
    return found


def _ports(told: str) -> tuple[int, ...]:
    """A comma list; what is no port is skipped, as by the pools that gave it."""
    numbers = (int(word) for word in (each.strip() for each in told.split(",")) if word.isascii() and word.isdigit())
    return tuple(sorted({number for number in numbers if 0 < number < 65536}))


def _unheld(rspec: ResourceSpec, capabilities: Given) -> list[str]:
    asked = {name for name, value in rspec.rlimits if value >= 0 and not name.endswith("_min")}
    names = [name for name in sorted(asked) if name.rpartition("_")[0] in _UNHELD]
    names += [f"capabilities ({', '.join(capabilities.refused)})"] if capabilities.refused else []
    names += ["ip_addresses"] if rspec.addresses else []
    names += ["ipv6_address"] if dict(rspec.tags).get("ipv6_address") else []  # slivers have none
    return names + [name for name, _ in rspec.sysctl]
