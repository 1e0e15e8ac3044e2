"""The standing questions through the portable layer on Spark: a master and two workers, each a process of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from planetlab.errors import Unavailable
from web import portable
from web.store import Archive

WORKERS = 2
_PATIENCE = 90.0  # seconds until the workers are there


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster(workers: int = WORKERS, memory: str = "2g") -> Iterator[tuple[str, Callable[[], int]]]:
    """The master's address, and a function that tells how many workers have registered there.

    Raises `Unavailable` where pyspark or Java is not installed.
    """
    try:
        import pyspark
    except ImportError:
        raise Unavailable("the cluster needs pyspark: pip install plfed[cluster], and Java 17") from None
    program = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    master, pages = _free_port(), _free_port()
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        quiet = subprocess.DEVNULL
        started.append(subprocess.Popen([program, *words], env=environment, stdout=quiet, stderr=quiet))

    def count() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{pages}/json/", timeout=2) as told:
                return sum(worker["state"] == "ALIVE" for worker in json.load(told)["workers"])
        except OSError:
            return 0

    work = tempfile.mkdtemp(prefix="plfed-spark-")
    deploy = "org.apache.spark.deploy"
    url = f"spark://127.0.0.1:{master}"
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        start(f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(master), "--webui-port", str(pages))
        for _ in range(workers):
            start(f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", memory,
                  "--webui-port", "0", "--work-dir", work, url)  # fmt: skip
        end = time.monotonic() + _PATIENCE
        while count() < workers:
            if time.monotonic() > end or any(each.poll() is not None for each in started):
                raise Unavailable(f"of {workers} workers {count()} came up within {_PATIENCE:g} s")
            time.sleep(0.2)  # Java needs some seconds to begin
        yield url, count
    finally:
        for each in reversed(started):
            each.terminate()
        for each in started:
            each.wait(timeout=30)
        shutil.rmtree(work, ignore_errors=True)


def compare(archive: Archive, asked: Any, best: Callable[..., Any], report: Callable[..., None]) -> bool:
    """Ask both engines the four questions; whether all answers are equal."""
    same = True
    with cluster() as (url, count), portable.spark(url) as connection:
        report("workers of the cluster", str(count()))
        made = {
            "who": lambda: portable.senders(portable.flows(connection, archive.folder, asked.who)),
            "many": lambda: portable.many_destinations(portable.flows(connection, archive.folder, asked.day), 1000),
            "ports": lambda: portable.ports(portable.flows(connection, archive.folder, asked.slice)),
            "octets": lambda: portable.by_hour(portable.flows(connection, archive.folder, asked.day)),
        }
        for name, ask in asked.ask(archive).items():
            here = ask()
            seconds, there = best(lambda name=name: portable.answer(made[name]()), rounds=1)
            same &= here == there
            told = f"{len(here)} rows, {'equal' if here == there else 'NOT EQUAL'}"
            report(f"Spark, {count()} workers: {name}", f"{seconds:.2f} s", told)
    return same
