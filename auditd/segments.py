"""Flow records as a file for others: Parquet, which any engine of data analysis reads, sorted by destination.

Signed 64-bit halves stand for addresses, since some engines have no unsigned ones. DuckDB writes it, in a process of
its own (``python -m auditd.segments``), so that neither its memory nor its time are the audit's.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from auditd import rows
from auditd.rows import Array, Rows

COLUMNS = (
    "first", "last", "node", "slice", "authority", "kind", "proto", "s_hi", "s_lo", "sport", "d_hi", "d_lo", "dport",
    "flags", "packets", "octets", "frames", "how",
)  # fmt: skip


_WORDS = (np.dtype(object), np.dtype(float))  # how columns of words come, and how they come when they are empty


def columns(found: Rows, names: dict[int, tuple[str, str, str]], node: str) -> dict[str, Array]:
    """Rows (in wall time) as columns. ``names``: slice, authority and kind by number."""
    known, at = np.unique(found["slice"], return_inverse=True)
    told = [names.get(int(number), ("", "", "unknown")) for number in known]
    icmp = np.isin(found["proto"], (rows.ICMP, rows.ICMP6))
    out: dict[str, Array] = {
        "first": found["first"].astype(np.int64),
        "last": found["last"].astype(np.int64),
        "node": np.full(len(found), node, object),
        "proto": found["proto"].astype(np.int16),
        # for ICMP type and code stand in the destination's port, as NetFlow has them
        "sport": np.where(icmp, 0, found["ports"] >> 16).astype(np.int32),
        "dport": (found["ports"] & 0xFFFF).astype(np.int32),
        "flags": found["flags"].astype(np.int16),
        "packets": found["packets"].astype(np.int64),
        "octets": found["octets"].astype(np.int64),
        "frames": found["frames"].astype(np.int64),
        "how": found["how"].astype(np.int16),
    }
    for name in ("s_hi", "s_lo", "d_hi", "d_lo"):
        out[name] = np.ascontiguousarray(found[name]).view(np.int64)
    for place, name in enumerate(("slice", "authority", "kind")):
        out[name] = np.array([each[place] for each in told] or [""], object)[at.reshape(-1)] if told else np.array([])
    return out


def write(found: Rows, names: dict[int, tuple[str, str, str]], node: str, path: Path) -> None:
    """Write one file. Raises `ImportError` where DuckDB is not installed."""
    import duckdb

    table = columns(found, names, node)
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        engine.register("flows", table)
        # said of each, for of an hour without flows the engine cannot see that these are words
        listed = ", ".join(f"{name}::VARCHAR AS {name}" if table[name].dtype in _WORDS else name for name in COLUMNS)
        engine.execute(
            f"COPY (SELECT {listed} FROM flows ORDER BY d_hi, d_lo, first) TO '{_quoted(path)}' "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)"
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def main(arguments: list[str] | None = None) -> int:
    """``python -m auditd.segments ROWS NAMES NODE FILE``: a file of bare rows becomes a segment. Exit 0, or 1."""
    source, names, node, target = arguments or sys.argv[1:]
    told: dict[str, Any] = json.loads(names)
    found = np.frombuffer(Path(source).read_bytes(), rows.ROW)
    try:
        write(found, {int(number): tuple(each) for number, each in told.items()}, node, Path(target))
    except ImportError:
        print("segments need the package duckdb: pip install plfed[archive]", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
