"""Reservations: times for which the whole node is one slice's, by two policies.

``lease_or_idle``: without a lease nobody runs. ``lease_or_shared``: all share the node, but during a lease only its
holder runs. System slices always run.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab.errors import BadArgument
from planetlab.names import SliceName
from planetlab.units import NEVER

POLICIES = ("none", "lease_or_idle", "lease_or_shared")
MOST = 1000  # leases known at once


@frozen
class Lease:
    """The node is ``slice``'s from ``t_from`` until ``t_until``, seconds since the epoch, the end not included."""

    slice: SliceName
    t_from: float
    t_until: float

    @classmethod
    def read(cls, struct: Any) -> "Lease":
        """A lease off the wire: ``name``, ``t_from``, ``t_until``; other members are skipped. Raises `BadArgument`."""
        if not isinstance(struct, dict):
            raise BadArgument(f"expected a struct, got {struct!r:.60}", "leases[]")
        begin, end = _time(struct, "t_from"), _time(struct, "t_until")
        if begin >= end:
            raise BadArgument(f"ends at {end:.0f}, not after its start at {begin:.0f}", "leases[]['t_until']")
        return cls(SliceName.parse(struct.get("name", "")), begin, end)

    def wire(self) -> dict[str, Any]:
        """The struct that `read` reads."""
        return {"name": str(self.slice), "t_from": self.t_from, "t_until": self.t_until}

    def holds(self, now: float) -> bool:
        """Whether it is its time."""
        return self.t_from <= now < self.t_until


@frozen
class Reservations:
    """A node's policy and the leases that are known."""

    policy: str = "none"
    leases: tuple[Lease, ...] = field(default=())

    @classmethod
    def read(cls, policy: Any, leases: Any) -> "Reservations":
        """Off the wire. Raises `BadArgument`."""
        if policy not in POLICIES:
            raise BadArgument(f"expected one of {', '.join(POLICIES)}, got {policy!r:.60}", "reservation_policy")
        if not isinstance(leases, list) or len(leases) > MOST:
            raise BadArgument(f"expected an array of at most {MOST} leases", "leases")
        return cls(policy, tuple(map(Lease.read, leases)))

    def wire(self) -> dict[str, Any]:
        """As a struct of ``policy`` and ``leases``."""
        return {"policy": self.policy, "leases": [lease.wire() for lease in self.leases]}

    def lets_run(self, name: SliceName, is_system: bool, now: float) -> bool:
        """Whether a sliver may run now."""
        if self.policy == "none" or is_system:
            return True
        holders = {lease.slice for lease in self.leases if lease.holds(now)}
        return name in holders if holders or self.policy == "lease_or_idle" else True

    def next_change(self, now: float) -> float | None:
        """When the next lease begins or ends; None when none will."""
        return min((at for at in _boundaries(self.leases) if at > now), default=None)


def _boundaries(leases: Iterable[Lease]) -> list[float]:
    return [at for lease in leases for at in (lease.t_from, lease.t_until)]


def _time(struct: Mapping[str, Any], key: str) -> float:
    value = struct.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadArgument(f"expected seconds since the epoch, got {value!r:.60}", f"leases[][{key!r}]")
    return float(min(max(value, 0), NEVER))


def is_system(attributes: Mapping[str, str]) -> bool:
    """Whether a slice runs whoever has reserved the node, by its tag ``system``."""
    return attributes.get("system", "0") not in ("", "0")
