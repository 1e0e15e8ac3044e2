"""Calls at the SFA interfaces, from the arguments to the value: credentials verified, the registry asked and written.

In one process and without a socket, in processor time, which other work on the machine changes least. The paper column
is the processor time that the last of the originals took for the same call.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.measure import Figure
from tests.sfa import world
from tests.sfa.world import SLICE, SfaWorld, by_itself, request

RESOLVE = 72_000.0  # microseconds of processor time, SFA 3.1-14 on this kind of machine
LIST = 67_000.0  # the same, ListResources of its aggregate
TIMES, ROUNDS = 20, 5
GENI3 = {"geni_rspec_version": {"type": "GENI", "version": "3"}}


def processor(what: str, work: Callable[[], object], paper: float = 0.0) -> Figure:
    """The least processor time of some rounds."""
    work()
    return Figure(what, min(_round(work) for _ in range(ROUNDS)) * 1e6, paper)


def _round(work: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - began) / TIMES


def figures() -> Iterator[Figure]:
    """One figure after the other."""
    plc = SfaWorld()
    own, held, user = plc.own("user"), plc.on("user", SLICE, "slice"), by_itself("user")
    host = "node1.princeton.example"
    yield processor("Resolve a slice", lambda: plc.sfa(user, "Resolve", SLICE, own), RESOLVE)
    yield processor("GetCredential on a slice", lambda: plc.sfa(user, "GetCredential", [own], SLICE, "slice"))
    yield processor("ListResources, one node", lambda: plc.am(user, "ListResources", [own], GENI3), LIST)
    yield processor("SliverStatus", lambda: plc.am(user, "SliverStatus", SLICE, [held], {}))
    yield processor(
        "CreateSliver on a node", lambda: plc.am(user, "CreateSliver", SLICE, [held], request(host), [], {})
    )
    stranger, slice_of_epfl = world.showing(world.ann()), world.anns_slice()
    asked: tuple[Any, ...] = ([slice_of_epfl], request(host), [], {})
    yield processor(
        "CreateSliver of another authority's slice",
        lambda: plc.am(stranger, "CreateSliver", "epfl.lab.cdn", *asked),
    )
