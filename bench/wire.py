"""XML-RPC: what a call and a long answer cost to write and to read."""

from collections.abc import Iterator

from bench.measure import Figure, figure
from planetlab import xmlrpc

AUTH = {"AuthMethod": "password", "Username": "pi@plc.example", "AuthString": "secret"}
NODE = {"node_id": 1, "hostname": "node1.plc.example", "boot_state": "boot", "slice_ids": list(range(10)), "site_id": 1}


def figures() -> Iterator[Figure]:
    """One figure after the other."""
    call = xmlrpc.dumps_call("GetNodes", [AUTH, {"site_id": 1}, ["hostname"]])
    answer = xmlrpc.dumps_answer([NODE] * 1000)
    yield figure("write a call", lambda: xmlrpc.dumps_call("GetNodes", [AUTH, {"site_id": 1}, ["hostname"]]))
    yield figure("read a call", lambda: xmlrpc.loads_call(call))
    yield figure(
        f"write an answer of 1,000 nodes ({len(answer) // 1000} kB)", lambda: xmlrpc.dumps_answer([NODE] * 1000)
    )
    yield figure("read an answer of 1,000 nodes", lambda: xmlrpc.loads_answer(answer))
