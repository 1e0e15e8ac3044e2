"""The portable layer: a cluster of two workers answers the standing questions as the embedded engine does."""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from bench import archive_cluster
from planetlab.errors import Unavailable
from web import portable
from web.hours import Hour, file_of
from web.questions import Question
from web.store import MERGED, Archive, write_hour

HOURS = (499_999, 500_000, 500_001)  # since the epoch
BEGIN = HOURS[1] * 3600
LACKING = [name for name in ("duckdb", "ibis", "pyspark") if importlib.util.find_spec(name) is None]
if shutil.which("java") is None:
    LACKING.append("java")
_MADE = """
SELECT ?::BIGINT + n * 1000003 % 3600000000 - n % 7 * 1000000 AS first, ?::BIGINT + n * 1000003 % 3600000000 AS last,
    'node' || n % 3 || '.plc.example' AS node, 'site_s' || n % 5 AS slice, 'plc' AS authority, 'slice' AS kind,
    (6 + n % 2 * 11)::SMALLINT AS proto, 0::BIGINT AS s_hi, n AS s_lo, 1000 AS sport,
    CASE WHEN n % 4 = 0 THEN 2306139568115548160 + n % 3 ELSE 0 END AS d_hi,
    CASE WHEN n % 4 = 0 THEN n % 1999 - 900 ELSE 281474087547136 + n * n % 700 END AS d_lo,
    (n % 11)::INTEGER AS dport, 2::SMALLINT AS flags, 1 + n % 9 AS packets, 60 * (1 + n % 9) AS octets,
    1 + n % 9 AS frames, 0::SMALLINT AS how
FROM range(3000) t(n)
"""


class AsTheEmbeddedEngine(SynchronousTestCase):
    """Three made hours, asked of both."""

    def setUp(self) -> None:
        import duckdb

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        places = Archive(self.folder)
        with duckdb.connect() as engine:
            for number in HOURS:
                hour = Hour(file_of(places.folder, number), number * 3_600_000_000, frozenset())
                made = f"SELECT {MERGED} FROM ({_MADE})"
                write_hour(engine, made, [hour.begin, hour.begin], hour, places.sealing(hour))
        self.archive = Archive(self.folder)
        self.addCleanup(self.archive.close)

    @unittest.skipIf(LACKING, f"a cluster needs {', '.join(LACKING)} (pip install plfed[cluster], and Java 17)")
    def test_two_workers_give_the_same_rows(self) -> None:
        with archive_cluster.cluster() as (url, count), portable.spark(url) as connection:
            self.assertEqual(2, count())
            for question in (
                Question(since=BEGIN - 3600, until=BEGIN + 7200),
                Question(since=BEGIN + 600, until=BEGIN + 1200, skew=0.0, to=ip_network("203.0.113.0/25")),
                Question(since=BEGIN, until=BEGIN + 3600, to=ip_network("2001:db8::/32"), slice="site_s2"),
                Question(since=BEGIN, until=BEGIN + 3600, to=ip_network("::/0"), port=3, protocol=17),
            ):
                found = portable.flows(connection, self.folder, question)
                for expected, actual in (
                    (self.archive.senders(question), portable.senders(found)),
                    (self.archive.many_destinations(question, 10), portable.many_destinations(found, 10)),
                    (self.archive.ports(question), portable.ports(found)),
                    (self.archive.by_hour(question), portable.by_hour(found)),
                ):
                    self.assertEqual(expected, portable.answer(actual), question)
                self.assertTrue(self.archive.senders(question), question)

    @unittest.skipIf(LACKING, f"a cluster needs {', '.join(LACKING)} (pip install plfed[cluster], and Java 17)")
    def test_one_question_by_the_command(self) -> None:
        words = ["senders", "--archive", str(self.folder), "--from", str(BEGIN), "--until", str(BEGIN + 3600)]
        done = subprocess.run(
            [sys.executable, "-m", "web.portable", *words], capture_output=True, text=True, timeout=120
        )
        expected = self.archive.senders(Question(since=BEGIN, until=BEGIN + 3600))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(expected, json.loads(done.stdout))

    if importlib.util.find_spec("duckdb") is None:
        skip = "the package duckdb is not installed"


class WithoutACluster(SynchronousTestCase):
    @unittest.skipIf(importlib.util.find_spec("ibis"), "ibis is installed")
    def test_what_is_missing_is_said(self) -> None:
        with self.assertRaises(Unavailable) as told, portable.spark("local[2]"):
            pass
        self.assertIn("pip install plfed[cluster]", str(told.exception))
