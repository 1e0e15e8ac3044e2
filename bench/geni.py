"""Calls at GENI's interfaces, from the arguments to what is sent, and RSpec documents of a thousand nodes.

In one process and without a socket, in processor time. The paper column is the processor time that GENI's reference
aggregate took for the same call, TLS included there.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

from attrs import evolve

from bench.measure import Figure
from bench.sfa import processor
from planetlab.names import Hrn, Urn
from planetlab.rspecs import codec
from planetlab.rspecs.versions import VERSIONS
from tests.geni.documents import AD
from tests.geni.test_aggregate_3 import NODE1, WANT, request
from tests.geni.world import CODEEN, GeniWorld
from tests.registry.world import ADMIN
from tests.sfa.world import by_itself

LIST = 77_000.0  # microseconds of processor time, gcf-am v3 on this kind of machine
NODES = 1000


def figures() -> Iterator[Figure]:
    """One figure after the other."""
    plc, user = GeniWorld(), by_itself("user")
    plc.call("DeleteSliceFromNodes", ADMIN, plc.slice_id, [NODE1])
    mine = plc.credential("user")
    match = {"match": {"SLICE_URN": CODEEN}}
    yield processor("lookup SLICE by its URN", lambda: plc.value(user, "sa", "lookup", "SLICE", [], match))
    yield processor("get_credentials on a slice", lambda: plc.value(user, "sa", "get_credentials", CODEEN, [], {}))
    yield processor("ListResources 3, one node", lambda: plc.value(user, "am3", "ListResources", mine, WANT), LIST)

    def life() -> None:
        plc.value(user, "am3", "Allocate", CODEEN, mine, request(NODE1), {})
        plc.value(user, "am3", "Provision", [CODEEN], mine, WANT)
        plc.value(user, "am3", "Status", [CODEEN], mine, {})
        plc.value(user, "am3", "Delete", [CODEEN], mine, {})

    yield processor("Allocate, Provision, Status and Delete together", life)
    yield from documents()


def documents() -> Iterator[Figure]:
    """Advertisements of a thousand nodes, written and read."""
    names = (Hrn(("plc", f"site{number % 50}", f"node{number}.example")) for number in range(NODES))
    nodes = tuple(evolve(AD.nodes[0], component_id=Urn.of(name, "node"), component_name=name.leaf) for name in names)
    offer = evolve(AD, nodes=nodes, links=(), leases=())
    for version in VERSIONS:
        text = codec.write(offer, version)
        yield _once(f"write {NODES} nodes as {version}", partial(codec.write, offer, version))
        yield _once(f"read {NODES} nodes as {version}", partial(codec.read, text, offer.kind))


def _once(what: str, work: Callable[[], object]) -> Figure:
    return Figure(what, min(_seconds(work) for _ in range(5)) * 1e6)


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
