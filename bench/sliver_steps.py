"""Which step of a sliver's making costs what: the container driver in this process, its steps timed one by one."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import Figure
from bench.node_under import IMAGES, slice_name
from node_manager.drivers import Sliver
from node_manager.drivers.container import builder, cgroups, firewall, guest, links, pool, runtime, shaping
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.settings import ContainerSettings
from planetlab.names import Hrn
from planetlab.rspec import ResourceSpec

TIMES = 20
_STEPS: tuple[tuple[Any, str, str], ...] = (
    (pool.Pool, "make", "room for its files"),
    (builder, "lay_out", "its directories"),
    (cgroups.Groups, "make", "control groups"),
    (cgroups.Groups, "bind", "limits of processor, memory, processes"),
    (links, "make", "network namespace, link, address, routes"),
    (shaping.Tree, "bind", "two classes of bandwidth"),
    (firewall, "admit", "elements of the firewall"),
    (builder, "user_namespace", "user namespace, with inotify's share"),
    (guest, "furnish", "account, keys, name, script"),
    (runtime.Runtime, "start", "crun: namespaces, mounts, first process"),
    (builder.Builder, "create", "all before the start"),
    (builder.Builder, "start", "all of the start"),
)


def figures(place: Path, netns: str) -> Iterator[Figure]:
    """The middle one of `TIMES` for each step."""
    spent: dict[str, list[float]] = defaultdict(list)
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in _STEPS]
    for owner, name, what in _STEPS:
        timed = _timed_entry if name == "user_namespace" else _timed
        setattr(owner, name, timed(getattr(owner, name), spent[what]))
    try:
        _make_some(place, netns)
    finally:
        for owner, name, was in kept:
            setattr(owner, name, was)
    for _, _, what in _STEPS:
        yield Figure(f"container: step: {what}, p50", sorted(spent[what])[len(spent[what]) // 2] * 1e6)


def _timed(work: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*args, **kwargs)
        finally:
            spent.append(time.perf_counter() - began)

    return timed


def _timed_entry(enter: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """The same for what is entered: how long that takes."""

    @contextmanager
    def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
        began = time.perf_counter()
        with enter(*args, **kwargs) as entered:
            spent.append(time.perf_counter() - began)
            yield entered

    return timed


def _make_some(place: Path, netns: str) -> None:
    settings = ContainerSettings(
        work=str(place), images=str(IMAGES), netns=netns, uplink="up0", cgroup="/plfed-steps", pool=256 << 20
    )
    driver = ContainerDriver(settings, time.time)
    try:
        for number in range(TIMES):
            sliver = Sliver(slice=slice_name(number), authority=Hrn(("plc",)), rspec=ResourceSpec())
            driver.create(sliver)
            driver.start(sliver.slice)
    finally:
        for name in driver.look():
            driver.destroy(name)
        driver.leave()
        driver.close()
