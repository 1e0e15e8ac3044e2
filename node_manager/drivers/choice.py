"""Which driver makes this node's slivers."""

from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from node_manager.drivers import Driver, DriverError
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.probe import missing
from node_manager.drivers.container.settings import ContainerSettings
from node_manager.drivers.memory import MemoryDriver
from node_manager.settings import Settings
from planetlab.errors import BadSettings
from planetlab.units import KBIT

KINDS = ("auto", "memory", "container")


def choose(settings: Settings, now: Callable[[], float]) -> tuple[Driver, str]:
    """The driver that the settings ask for, and one line for people.

    ``auto`` takes real slivers where this machine can make them, else remembered ones, and says what is missing.
    Raises `BadSettings` for an unknown driver, and for ``container`` where it cannot work.
    """
    if settings.driver not in KINDS:
        raise BadSettings(f"driver: expected one of {', '.join(KINDS)}, got {settings.driver!r}")
    if settings.driver == "memory":
        return _memory(settings, now), "driver memory: slivers are only remembered"
    asked = container_settings(settings)
    lacking = missing(asked)
    if not lacking:
        try:
            return ContainerDriver(asked, now), "driver container: slivers are real"
        except DriverError as error:
            lacking = [str(error)]
    why = "; ".join(" ".join(each.split()) for each in lacking)
    if settings.driver == "container":
        raise BadSettings(f"driver container cannot work here: {why}")
    return _memory(settings, now), f"driver memory: slivers are only remembered, since real ones lack: {why}"


def _memory(settings: Settings, now: Callable[[], float]) -> MemoryDriver:
    keep = Path(settings.remembered) if settings.remembered else None
    try:
        IPv4Network(settings.sliver_net)
    except ValueError as error:
        raise BadSettings(
            f"sliver_net: expected a network like 10.128.0.0/16, got {settings.sliver_net!r}: {error}"
        ) from error
    try:
        return MemoryDriver(settings.sliver_net, settings.first_uid, now, keep)
    except (OSError, ValueError, KeyError) as error:
        raise BadSettings(f"driver memory cannot start: {error}") from error


def container_settings(settings: Settings) -> ContainerSettings:
    """What the container driver is told of the node's settings."""
    return ContainerSettings(
        work=settings.work,
        images=settings.images,
        netns=settings.netns,
        uplink=settings.uplink,
        cgroup=f"/{settings.cgroup.strip('/')}",
        sliver_net=settings.sliver_net,
        at_once=settings.at_once,
        pool=settings.pool,
        nameservers=settings.nameservers,
        node_ports=settings.node_ports,
        exempt=settings.exempt,
        node_cap=float(settings.node_rate * KBIT),
        hostname=settings.hostname,
        reserve=settings.reserve,
        capabilities=settings.capabilities,
        api=f"{settings.work}/api",
    )
