"""What a sliver gets in the end: its grant, what is bound and lent to it, and the owner's ceilings.

Precedence: the node's owner over the authority over the slice. What the owner cut is told, with the rule's name.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from node_manager.pools import Share, Span
from planetlab.rspec import UNLIMITED, ResourceSpec


@frozen(kw_only=True)
class Ceilings:
    """The owner's limits for any one sliver; 0 is no ceiling."""

    net_max_rate: int = 0  # kbit/s
    net_i2_max_rate: int = 0  # kbit/s
    disk_max: int = 0  # KiB
    rss_hard: int = 0  # KiB of memory
    nproc_hard: int = 0  # processes
    nofile_hard: int = 0  # open files of one process
    cpu_share: int = 0  # shares


@frozen
class Cut:
    """One wish that the owner's rule made smaller."""

    key: str
    wanted: int | None  # None: without limit
    given: int

    def __str__(self) -> str:
        wanted = "no limit" if self.wanted is None else str(self.wanted)
        return f"{self.key} {wanted} cut to {self.given} by the owner"


_RLIMITS = ("rss_hard", "nproc_hard", "nofile_hard")


def bounded(rspec: ResourceSpec, ceilings: Ceilings) -> tuple[ResourceSpec, tuple[Cut, ...]]:
    """``rspec`` under the owner's ``ceilings``, and what was cut."""
    cuts: list[Cut] = []
    changes: dict[str, Any] = {}
    rlimits = dict(rspec.rlimits)
    for key in ("net_max_rate", "net_i2_max_rate", "disk_max", "cpu_share"):
        most, wanted = getattr(ceilings, key), getattr(rspec, key)
        unlimited = wanted == UNLIMITED
        if most and (unlimited or wanted > most):
            cuts.append(Cut(key, None if unlimited else wanted, most))
            changes[key] = most
    for key in _RLIMITS:
        most, asked = getattr(ceilings, key), rlimits.get(key)
        if most and (asked is None or asked > most or asked < 0):
            if asked is not None:  # a ceiling on what nobody asked for takes nothing away
                cuts.append(Cut(key, asked, most))
            rlimits[key] = most
    if rlimits != dict(rspec.rlimits):
        changes["rlimits"] = rlimits
    return (evolve(rspec, **changes) if changes else rspec), tuple(cuts)


def promised(rspec: ResourceSpec, span: Span) -> Share:
    """What of a grant is a promise, which must fit into a pool."""
    amounts = {
        "cpu_pct": max(0, rspec.cpu_pct),
        "cpu_cores": rspec.cores[0],
        "net_min_rate": max(0, rspec.net_min_rate),
        "net_i2_min_rate": max(0, rspec.net_i2_min_rate),
        "memory_min": max(0, rspec.rlimit("rss", "min") or 0),
        "slivers": 1,
    }
    return Share(amounts, _ports(rspec), span)


def _ports(rspec: ResourceSpec) -> frozenset[int]:
    """Ports asked for by the tag ``ports``, a comma list; what is no port is skipped."""
    listed = dict(rspec.tags).get("ports", "").split(",")
    return frozenset(int(text) for text in map(str.strip, listed) if text.isdecimal() and 0 < int(text[:6]) < 65536)


def spread(rspec: ResourceSpec, more: Iterable[Share], less: Iterable[Share]) -> ResourceSpec:
    """A grant with what pools add to it and without what was split off; never below nothing."""
    sums: dict[str, int] = {}
    for sign, shares in ((1, more), (-1, less)):
        for share in shares:
            for key in ("cpu_pct", "net_min_rate", "net_i2_min_rate"):
                sums[key] = sums.get(key, 0) + sign * share.amounts.get(key, 0)
    return with_amounts(rspec, {key: max(0, getattr(rspec, key) + change) for key, change in sums.items() if change})


def with_ports(rspec: ResourceSpec, ports: frozenset[int]) -> ResourceSpec:
    """``rspec`` whose tag ``ports`` says which ports of the node's address are the sliver's alone."""
    told = ",".join(map(str, sorted(ports)))
    tags = dict(rspec.tags)
    if tags.get("ports", "") == told:
        return rspec
    return evolve(rspec, tags={**tags, "ports": told})


def with_amounts(rspec: ResourceSpec, amounts: Mapping[str, int]) -> ResourceSpec:
    """``rspec`` with these rows; the same value where nothing changes."""
    changes: dict[str, Any] = {key: amount for key, amount in amounts.items() if getattr(rspec, key) != amount}
    return evolve(rspec, **changes) if changes else rspec
