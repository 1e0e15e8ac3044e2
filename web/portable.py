"""The archive's standing questions for an engine of many machines, as expressions of ibis over the merged hours.

The embedded engine answers from one machine's disk, and nothing here is needed for it. When the merged hours outgrow
that, they lie where a cluster reads them, and the same questions are put to it: ``plfed[cluster]`` has what it takes
for Spark, and ibis has other engines. The answers are the embedded engine's, row for row; a test compares them.

``python -m web.portable --engine spark://host:7077 --archive DIR senders --to 192.0.2.7 --from T --until T``
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from planetlab.errors import PlanetLabError, Unavailable
from planetlab.prefixes import read_network
from web.nodelog import HOUR
from web.questions import Question, range_of

MOST = 1000  # rows of an answer
LONGEST = HOUR
Rows = list[dict[str, Any]]


@contextmanager
def spark(master: str, name: str = "plfed-archive") -> Iterator[Any]:
    """An ibis connection to a Spark cluster, or to threads of this machine (``local[2]``). Raises `Unavailable`."""
    try:
        import ibis
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Unavailable(f"asking a cluster needs {error.name}: pip install plfed[cluster], and Java 17") from None
    session = (
        SparkSession.builder.master(master)
        .appName(name)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield ibis.pyspark.connect(session)
    finally:
        session.stop()


def flows(connection: Any, archive: Path | str, question: Question) -> Any:
    """The flows that fit as a table expression: columns as the embedded engine has them, and the hour of the end."""
    table = connection.read_parquet(f"{archive}/hours")
    table = table.filter(_during(table, question.begin, question.end + LONGEST))
    midnight = table.day.cast("date").cast("timestamp").epoch_seconds().cast("int64")
    table = table.mutate(
        last=table["first"] + table.lasted,
        frames=table.packets - table.saved,
        hour=midnight + table.hour.cast("int64") * 3600,
    )
    found = [table["last"] >= question.begin, table["first"] <= question.end]
    if question.to is not None:
        found += [_within(table[column], low, high) for column, low, high in range_of(question.to)]
    equal = {"slice": question.slice, "node": question.node, "dport": question.port, "proto": question.protocol}
    found += [table[column] == value for column, value in equal.items() if value not in ("", None)]
    return table.filter(*found)


def _during(table: Any, since: int, until: int) -> Any:
    """Only the hours that a question touches: as a condition over the folders' names, so that others stay closed."""
    text = table.day.cast("string")
    hour = table.hour.cast("int64")
    (first, begin), (last, end) = (_place(each) for each in (since, until))
    after = (text > first) | ((text == first) & (hour >= begin))
    return after & ((text < last) | ((text == last) & (hour <= end)))


def _place(microseconds: int) -> tuple[str, int]:
    told = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{told:%Y-%m-%d}", told.hour


def _within(column: Any, low: int, high: int) -> Any:
    """A range of two's complement: two ranges where it crosses the sign."""
    return column.between(low, high) if low <= high else (column >= low) | (column <= high)


def senders(found: Any) -> Any:
    """Who sent there: by slice and node."""
    told = found.group_by("slice", "authority", "kind", "node").agg(
        first=found["first"].min(), last=found["last"].max(), packets=found.packets.sum(),
        octets=found.octets.sum(), flows=found.count(),
    )  # fmt: skip
    return told.order_by(told.packets.desc(), told["slice"], told.node).limit(MOST)


def many_destinations(found: Any, least: int) -> Any:
    """The slices that sent to more than ``least`` addresses."""
    pairs = found.group_by("slice", "d_hi", "d_lo").agg(packets=found.packets.sum())
    told = pairs.group_by("slice").agg(destinations=pairs.count(), packets=pairs.packets.sum())
    told = told.filter(told.destinations > least)
    return told.order_by(told.destinations.desc(), told["slice"])


def ports(found: Any) -> Any:
    """The ports that were sent to: all of them, 65,536 of each protocol that has ports at the most."""
    told = found.group_by("proto", port=found.dport).agg(flows=found.count(), packets=found.packets.sum())
    return told.order_by(told.flows.desc(), told.proto, told.port)


def by_hour(found: Any) -> Any:
    """Octets of each slice in each hour."""
    told = found.group_by("slice", "hour").agg(octets=found.octets.sum())
    return told.order_by(told["slice"], told.hour)


def answer(expression: Any) -> Rows:
    """The rows of an expression, as the embedded engine gives them."""
    return [dict(row) for row in expression.to_pyarrow().to_pylist()]


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "senders": senders,
    "many-destinations": lambda found: many_destinations(found, 1000),
    "ports": ports,
    "by-hour": by_hour,
}


def main(arguments: list[str] | None = None) -> int:
    """Ask a cluster one question; the answer is JSON. Exit 0, or 1 with a sentence."""
    reader = argparse.ArgumentParser(prog="python -m web.portable")
    reader.add_argument("question", choices=sorted(QUESTIONS))
    reader.add_argument("--engine", default="local[2]", help="spark://host:port, or local[threads]")
    reader.add_argument("--archive", required=True, help="the archive's folder, as the cluster sees it")
    reader.add_argument("--from", dest="since", type=float, required=True, help="seconds since the epoch")
    reader.add_argument("--until", type=float, required=True, help="seconds since the epoch")
    reader.add_argument("--to", default="", help="address or prefix that was reached")
    reader.add_argument("--slice", default="")
    reader.add_argument("--skew", type=float, default=120.0, help="seconds that clocks may differ")
    said = reader.parse_args(arguments)
    try:
        to = read_network(said.to, "to") if said.to else None
        question = Question(since=said.since, until=said.until, to=to, slice=said.slice, skew=said.skew)
        with spark(said.engine) as connection:
            found = QUESTIONS[said.question](flows(connection, said.archive, question))
            print(json.dumps(answer(found)))
    except PlanetLabError as error:
        print(f"web.portable: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # engines have errors of their own, each its kinds
        print(f"web.portable: {said.engine} says: {str(error).partition(chr(10))[0][:300]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
