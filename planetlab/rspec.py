"""The resource specification: what a sliver shall have, one row per key.

Rows, defaults and units are those of the last node manager. A spec is made from a slice's tags: each tag of a row's
name is converted to the type of the row's default, and what is missing or cannot be converted takes the default.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs
from attrs import frozen

from planetlab.errors import BadArgument

Tags = tuple[tuple[str, str], ...]

KEEP = -2  # of a process limit: leave the node's own
UNLIMITED = -1  # of a rate: no limit
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)
_CORES = re.compile(r"(?P<cores>[0-9]{1,4})(?P<rest>b?)", re.ASCII)
_LIMITS = (
    "nsock",
    "openfd",
    "anon",
    "shmem",
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "ofile",
)

RLIMITS = frozenset(f"{limit}_{bound}" for limit in (*_LIMITS, "memlock", "as") for bound in ("min", "soft", "hard"))


@frozen
class Row:
    """One key of a resource specification. ``keeps`` is what a lender must keep of it; None if it cannot be lent."""

    name: str
    default: int | str
    unit: str
    meaning: str
    keeps: int | None = None

    @property
    def loanable(self) -> bool:
        """Whether a sliver may lend some of it to another."""
        return self.keeps is not None

    def read(self, value: object) -> int | str:
        """``value`` in the type of the default; the default if it cannot be converted."""
        if isinstance(self.default, str):
            return value if isinstance(value, str) else self.default
        whole = integer(value)
        return self.default if whole is None else whole


def integer(value: object) -> int | None:
    """A tag's text as a whole number, or None. As the originals' ``int()``, but without ``1_0``."""
    if isinstance(value, bool | int):
        return int(value)
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None


def _row(default: int | str, unit: str, meaning: str, keeps: int | None = None) -> Any:
    return attrs.field(default=default, metadata={"default": default, "row": (unit, meaning, keeps)})


def _pairs(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(dict(given).items()))


@frozen(kw_only=True)
class ResourceSpec:
    """What a sliver shall have. Rates in kbit/s, amounts in KiB, as on the wire of the v4 node manager.

    >>> ResourceSpec.from_tags([("cpu_share", "5"), ("net_max_rate", "fast")]).net_max_rate
    1000000
    """

    enabled: int = _row(1, "0 or 1", "at or below 0 the sliver is stopped and remote login is off")
    cpu_pct: int = _row(0, "percent", "CPU reserved", keeps=0)
    cpu_share: int = _row(1, "shares", "proportional share of the CPU", keeps=1)
    cpu_cores: str = _row("0b", "cores", "whole cores; a final b adds the cores that everybody shares")
    cpu_freezable: int = _row(0, "0 or 1", "freeze the sliver's processes while it has no core")
    net_min_rate: int = _row(1, "kbit/s", "rate guaranteed", keeps=0)
    net_max_rate: int = _row(1_000_000, "kbit/s", "highest rate; -1 is no limit", keeps=8)
    net_share: int = _row(1, "shares", "share of the rate that is left over", keeps=1)
    net_i2_min_rate: int = _row(1, "kbit/s", "rate guaranteed to exempt destinations", keeps=0)
    net_i2_max_rate: int = _row(1_000_000, "kbit/s", "highest rate to exempt destinations", keeps=8)
    net_i2_share: int = _row(1, "shares", "share of the rate left over to exempt destinations")
    net_max_kbyte: int = _row(10_546_875, "KiB per 24 h", "most that may be sent")
    net_thresh_kbyte: int = _row(9_492_187, "KiB per 24 h", "from here on the rate is capped")
    net_i2_max_kbyte: int = _row(31_640_625, "KiB per 24 h", "most that may be sent to exempt destinations")
    net_i2_thresh_kbyte: int = _row(28_476_562, "KiB per 24 h", "from here on the rate to them is capped")
    disk_max: int = _row(10_000_000, "KiB", "disk space")
    capabilities: str = _row("", "comma list", "Linux capabilities by name")
    ip_addresses: str = _row("0.0.0.0", "comma list", "own addresses; 0.0.0.0 is all of the node's")
    whitelist: int = _row(1, "0 or 1", "only of the summer of 2007: whether the node would have the slice")
    rlimits: tuple[tuple[str, int], ...] = attrs.field(default=(), converter=_pairs)
    sysctl: Tags = attrs.field(default=(), converter=_pairs)
    tags: Tags = attrs.field(default=(), converter=_pairs)

    def __attrs_post_init__(self) -> None:
        for row in ROWS:
            value = getattr(self, row.name)
            if type(value) is not type(row.default):
                raise BadArgument(f"{row.name}: expected {type(row.default).__name__}, got {value!r:.60}")

    @classmethod
    def from_tags(cls, tags: Iterable[tuple[str, str]], bwlimit: int | None = None) -> "ResourceSpec":
        """The spec that a slice's tags ask for; of a name that comes twice, the last counts.

        ``bwlimit`` is the primary interface's limit in bit/s, the default of ``net_max_rate`` where there is one.
        """
        told = dict(tags)
        rows: dict[str, Any] = {row.name: row.read(told[row.name]) for row in ROWS if row.name in told}
        if "net_max_rate" not in told and bwlimit is not None and bwlimit >= 0:
            rows["net_max_rate"] = bwlimit // 1000
        if "cpu_pct" not in told and (per_mille := integer(told.get("cpu_min"))) is not None:
            rows["cpu_pct"] = per_mille // 10  # the name before 2008
        limits = {name: whole for name in RLIMITS & told.keys() if (whole := integer(told[name])) not in (None, KEEP)}
        sysctl = {name: value for name, value in told.items() if name.startswith("sysctl.")}
        return cls(**rows, rlimits=limits, sysctl=sysctl, tags=told)

    def as_tags(self) -> Tags:
        """Tags from which `from_tags` makes this spec: its own, and one for each row that they leave untold."""
        told = dict(self.tags)
        asked = ResourceSpec.from_tags(self.tags)
        told |= {row.name: str(mine) for row in ROWS if (mine := getattr(self, row.name)) != getattr(asked, row.name)}
        told |= {name: str(KEEP) for name, _ in asked.rlimits}
        told |= {name: str(value) for name, value in self.rlimits}
        return _pairs(told | dict(self.sysctl))

    def as_struct(self) -> dict[str, Any]:
        """The spec as `GetRSpec` answers it: every row, the 45 process limits, the sysctls and ``tags``."""
        struct: dict[str, Any] = {row.name: getattr(self, row.name) for row in ROWS}
        struct |= dict.fromkeys(sorted(RLIMITS), KEEP) | dict(self.rlimits) | dict(self.sysctl)
        return struct | {"tags": dict(self.tags)}

    @classmethod
    def from_struct(cls, struct: Mapping[str, Any]) -> "ResourceSpec":
        """Read a spec off the wire; rows may be missing. Raises `BadArgument`, which names the key."""
        known = struct.keys() & ROW.keys()
        limits = {name: struct[name] for name in struct.keys() & RLIMITS}
        sysctl = {name: struct[name] for name in struct if name.startswith("sysctl.")}
        tags = struct.get("tags", {})
        if strangers := struct.keys() - known - limits.keys() - sysctl.keys() - {"tags"}:
            raise BadArgument(f"{min(strangers)!r:.60} is no key of a resource specification")
        _must_map(limits, int)
        _must_map(sysctl, str)
        if not isinstance(tags, Mapping):
            raise BadArgument(f"tags: expected a struct of strings, got {tags!r:.60}")
        _must_map(tags, str)
        rows: dict[str, Any] = {name: struct[name] for name in known}
        kept = {name: limit for name, limit in limits.items() if limit != KEEP}
        return cls(**rows, rlimits=kept, sysctl=sysctl, tags=tags)

    def rlimit(self, limit: str, bound: Literal["min", "soft", "hard"] = "hard") -> int | None:
        """A process limit, such as ``nproc``; None where the node's own stays."""
        return dict(self.rlimits).get(f"{limit}_{bound}")

    @property
    def is_enabled(self) -> bool:
        """Whether the sliver may run."""
        return self.enabled > 0

    @property
    def cores(self) -> tuple[int, bool]:
        """How many whole cores, and whether the shared ones come on top; ``(0, True)`` for what cannot be read."""
        match = _CORES.fullmatch(self.cpu_cores.strip())
        return (int(match["cores"]), bool(match["rest"])) if match else (0, True)

    @property
    def capability_names(self) -> tuple[str, ...]:
        """The capabilities, in upper case and with their ``CAP_``."""
        names = (name.strip().upper() for name in self.capabilities.split(","))
        return tuple(name if name.startswith("CAP_") else f"CAP_{name}" for name in names if name)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The sliver's own addresses; empty where it has all of the node's."""
        listed = (text.strip() for text in self.ip_addresses.split(","))
        return tuple(text for text in listed if text not in ("", "0.0.0.0"))


def _must_map(struct: Mapping[Any, Any], kind: type) -> None:
    for name, value in struct.items():
        if type(name) is not str or type(value) is not kind:
            raise BadArgument(f"{name!s:.60}: expected {kind.__name__}, got {value!r:.60}")


ROWS: tuple[Row, ...] = tuple(
    Row(column.name, column.metadata["default"], *column.metadata["row"])
    for column in attrs.fields(ResourceSpec)
    if "row" in column.metadata
)
ROW: dict[str, Row] = {row.name: row for row in ROWS}
LOANABLE: dict[str, int] = {row.name: row.keeps for row in ROWS if row.keeps is not None}  # what a lender must keep
