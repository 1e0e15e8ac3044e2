"""Flows of a testbed that nobody has: 48 hours of 300 nodes and 500 slices, the same ones for every run.

Slices send as Zipf's law has it, to pools of destinations of log-normal sizes; twelve of them scan; a fifth is IPv6;
packets follow Pareto's law, so that half of all flows have one packet. Columns are those of `auditd.rows`.
"""

from datetime import UTC, datetime

import numpy as np
from attrs import frozen

from auditd import rows
from auditd.rows import Array, Rows

NODES, SLICES, SCANNERS, HOURS = 300, 500, 12, 48
BEGIN = int(datetime(2026, 1, 10, tzinfo=UTC).timestamp())
HOUR = 3600
FIRST_SLICE = 16  # numbers below are not slices'
_PORTS = np.array([80, 443, 53, 22, 123, 8080, 5001, 6881, 33434, 3128], np.uint32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_V6, _NODE6 = np.uint64(0x20010DB800000000), np.uint64(0x20010DB8FFFF0000)


@frozen(eq=False)
class Testbed:
    """What is the same in every hour."""

    share: Array  # of the flows, up to each slice
    pool: Array  # destinations of each slice
    scans: Array  # whether a slice does


def testbed() -> Testbed:
    """The one testbed."""
    chance = np.random.default_rng(1)
    weight = 1 / np.arange(1, SLICES + 1) ** 0.9
    pool = np.exp(chance.normal(6, 2, SLICES)).astype(np.int64).clip(3, 400_000)
    scans = np.zeros(SLICES, bool)
    scans[chance.choice(np.arange(20, SLICES), SCANNERS, replace=False)] = True
    return Testbed(np.cumsum(weight / weight.sum()), pool, scans)


def node_name(number: int) -> str:
    """A node's host name."""
    return f"node{number:03d}.plc.example"


def slice_name(number: int) -> str:
    """A slice's name; ``number`` as rows have it."""
    return f"site{number % 60}_slice{number - FIRST_SLICE}"


def hour(bed: Testbed, number: int, count: int) -> tuple[Rows, Array]:
    """``count`` flows that ended in hour ``number``, and the node of each."""
    chance = np.random.default_rng([2, number])
    which = np.searchsorted(bed.share, chance.random(count)).clip(0, SLICES - 1)
    node = chance.integers(0, NODES, count)
    scans = bed.scans[which]
    near = (chance.random(count) ** 3 * bed.pool[which]).astype(np.int64)
    place = np.where(scans, chance.integers(0, 1 << 24, count), near)
    mixed = ((which.astype(np.uint64) << np.uint64(24)) + place.astype(np.uint64)) * _GOLDEN
    six = (mixed >> np.uint64(7)) % np.uint64(5) == 0
    found = rows.empty(count)
    four = np.uint64(rows.MAPPED)
    found["d_lo"] = np.where(six, mixed, four | (mixed >> np.uint64(32)) & np.uint64(0xDFFFFFFF))
    found["d_hi"] = np.where(six, _V6 | mixed >> np.uint64(48), np.uint64(0))
    found["s_lo"] = np.where(six, np.uint64(16), four | np.uint64(0xC0000200)) + node.astype(np.uint64)
    found["s_hi"] = np.where(six, _NODE6, np.uint64(0))
    found["slice"] = which + FIRST_SLICE
    found["proto"] = chance.choice(np.array([6, 17, 1], np.uint8), count, p=[0.68, 0.28, 0.04])
    icmp = found["proto"] == 1
    found["proto"][icmp & six] = 58
    found["ports"] = np.where(icmp, 0x0800, _some_ports(chance, count))
    found["packets"] = np.where(scans, 1, np.minimum(chance.pareto(1.05, count) + 1, 5e6)).astype(np.uint64)
    found["frames"] = found["packets"]
    found["octets"] = found["packets"] * chance.integers(60, 1400, count).astype(np.uint64)
    flags = chance.choice(np.array([2, 0x12, 0x1B, 0x13, 0x18], np.uint8), count)
    found["flags"] = np.where(found["proto"] == 6, flags, 0)
    lasted = np.minimum(chance.exponential(2e6, count) * np.log1p(found["packets"].astype(float)), 3e8)
    found["last"] = (BEGIN + HOUR * number) * 1_000_000 + chance.integers(0, HOUR * 1_000_000, count)
    found["first"] = found["last"] - np.where(found["packets"] == 1, 0, lasted).astype(np.int64)
    return found, node


def _some_ports(chance: np.random.Generator, count: int) -> Array:
    to = np.where(
        chance.random(count) < 0.2, chance.integers(1024, 65535, count), _PORTS[chance.integers(0, 10, count)]
    )
    return chance.integers(1024, 65535, count) << 16 | to
