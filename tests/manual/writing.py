"""Making the calls of all examples, and the files of the pages."""

import json
from collections.abc import Awaitable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred

from mgmt_authority import service as ma
from planetlab import ask, introspection
from planetlab.clock import SetClock
from planetlab.errors import PlanetLabError
from planetlab.faults import fault
from planetlab.methods import Method
from slice_authority import service as sa
from tests.manual.examples import Example, all_examples, by
from tests.manual.ground import Ground, ground
from tests.manual.pages import Asked, Page, index, same, with_faults
from tests.manual.refusals import refusals
from tests.registry.peers import NOW as LATER
from tests.registry.peers import Installation

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference" / "api"
CATALOGUE: dict[str, dict[str, Any]] = json.loads((ROOT / "tests" / "data" / "plcapi.json").read_text())
OVER_THE_WIRE = ("RefreshPeer",)
"""What needs a PLC that can be called, and is answered by two of them on loopback."""


async def files() -> dict[str, str]:
    """The text of every page, by its file's name."""
    told = refusals()
    pages = {
        name: evolve(page, refusals=told.get(name, ()))
        for name, page in {**await _pages(), **await _pages_of_two()}.items()
    }
    return {"README.md": index(pages)} | {f"{name}.md": with_faults(page, name) for name, page in pages.items()}


def method(name: str) -> Method:
    """The method as its half declares it."""
    return sa.api[name] if name in sa.api else ma.api[name]


async def _pages() -> dict[str, Page]:
    grounds = (ground(), ground())
    pages = {}
    try:
        for name, example in all_examples(grounds[0].made).items():
            if name in OVER_THE_WIRE:
                continue
            one, other = [await _run(there, name, example) for there in grounds]
            calls = tuple(
                Asked(mine.name, mine.args, same(mine.answer, yours.answer, example.timed))
                for mine, yours in zip(one, other, strict=True)
            )
            pages[name] = _page(name, example.who, calls, _faults(grounds[0], name, example))
    finally:
        for there in grounds:
            there.close()
    return pages


def _page(name: str, who: str, calls: tuple[Asked, ...], faults: tuple[tuple[int, str], ...]) -> Page:
    said = method(name)
    shown = [f"[{one.name}]" if one.optional else one.name for one in said.wire_arguments]
    signature = f"{name}({', '.join(shown)}) -> {said.returns.wire}"
    return Page(said, CATALOGUE[name]["half"], signature, said.doc, who, calls, faults)


async def _run(there: Ground, name: str, example: Example) -> list[Asked]:
    """The example's calls in a registry that is as it was kept; a fault ends everything."""
    there.reset()
    asked = []
    for called, args in (*example.before, (name, example.args)):
        value = there.world.call(called, there.auth(example.who, args), *args)
        while isinstance(value, Awaitable):
            value = await value
        asked.append(Asked(called, args, value))
    return asked


def _faults(there: Ground, name: str, example: Example) -> tuple[tuple[int, str], ...]:
    """What calls are refused with: too many arguments, a session that is over, a wrong first argument."""
    there.reset()
    auth, stranger = there.auth(example.who, (3.5,)), {"AuthMethod": "session", "session": "one that is over"}
    wrong: list[tuple[Any, ...]] = [(auth, *range(9)), (stranger, *example.args)]
    if method(name).accepts:
        wrong.append((auth, 3.5, *example.args[1:]) if example.who != "node" else (auth, 3.5))
    found = []
    for args in wrong:
        try:
            answer = there.world.call(name, *args)
        except PlanetLabError as error:
            told = fault(error)
            found.append((int(told.faultCode), str(told.faultString)))
        else:
            raise AssertionError(f"{name}{args} was not refused but answered {answer!r}")
    return tuple(found)


async def _pages_of_two() -> dict[str, Page]:
    """What is asked of PLCs that serve: a peer's objects, and what an interface says of itself."""
    with TemporaryDirectory(prefix="plfed-manual-") as folder:
        clock = SetClock(LATER)
        plc, epfl = (Installation(hrn, Path(folder), clock) for hrn in ("plc", "epfl"))
        for each in (plc, epfl):
            await each.start()
        try:
            await _acquaint(plc, epfl)
            pages = {"RefreshPeer": await _refresh(plc)}
            for name, args in _SYSTEM.items():
                answer = await plc.ask.as_(None).call(name, *args)
                pages[name] = _system_page(name, args, same(answer, answer))
            return pages
        finally:
            await ensureDeferred(ask.close(reactor))
            for each in (plc, epfl):
                await each.stop()


async def _acquaint(plc: Installation, epfl: Installation) -> None:
    """Let the two know each other, unless they begin with registries in which they do."""
    if await plc.call("GetPeers", [epfl.name], ["peer_id"]):
        for one, other in ((plc, epfl), (epfl, plc)):
            await one.call("UpdatePeer", other.name, {"peer_url": other.url})
        return
    await epfl.populate("lausanne")
    await plc.meet(epfl)
    await epfl.meet(plc)


async def _refresh(plc: Installation) -> Page:
    name, args = "RefreshPeer", ("PlanetLab epfl",)
    answer = await plc.call(name, *args)
    there = ground()
    try:
        faults = _faults(there, name, by("admin", *args))
    finally:
        there.close()
    return _page(name, "admin", (Asked(name, args, same(answer, answer, timed=True)),), faults)


_SYSTEM: dict[str, tuple[Any, ...]] = {
    "system.listMethods": (),
    "system.methodHelp": ("GetSlicePldistro",),
    "system.methodSignature": ("GetSlices",),
    "system.multicall": (
        [
            {"methodName": "GetLeaseGranularity", "params": [{"AuthMethod": "anonymous"}]},
            {"methodName": "NoSuchMethod", "params": []},
        ],
    ),
}


def _system_page(name: str, args: tuple[Any, ...], answer: Any) -> Page:
    signature, _, _, _, *doc = introspection.method_help(sa.api, name).splitlines()
    return Page(None, "GEN", signature, doc[0].strip(), "nobody", (Asked(name, args, answer),))
