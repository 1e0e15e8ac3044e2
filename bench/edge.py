"""What a small call over loopback costs a server: our interface and twisted.web.xmlrpc's, each as a process."""

import io
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import Figure
from planetlab import logs, xmlrpc
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.serve import ApiResource, hardened_site, listen, mount

NODE = {"node_id": 1, "hostname": "node1.plc.example", "boot_state": "boot", "slice_ids": [1, 2, 3], "site_id": 1}
AUTH = {"AuthMethod": "password", "Username": "pi@plc.example", "AuthString": "secret"}
CLIENTS = 8
SECONDS = 2.0

api = Api()


@api.method(*Role, reads=True)
def GetNodes(
    call: Call, node_filter: dict[str, Any] | None = None, return_fields: list[str] | None = None
) -> list[Any]:
    """A node, as GetNodes would give it."""
    return [NODE]


def serve(which: str) -> None:
    """Be a server, until our parent goes away; its port is the first line."""
    from twisted.internet import defer, reactor
    from twisted.web import server
    from twisted.web import xmlrpc as stock

    class Stock(stock.XMLRPC):
        isLeaf = True

        def xmlrpc_GetNodes(self, *args: Any) -> Any:
            return [NODE]

    async def start() -> None:
        if which == "ours":
            logs.begin(stream=io.StringIO())
            known = Call("person_id 1", frozenset(Role), None, 0.0)
            site = hardened_site(mount({"PLCAPI": ApiResource(api, lambda *_: known)}), reactor)
            port: Any = await listen(reactor, "tcp:0:interface=127.0.0.1", site)
        else:
            plain: Any = server.Site(Stock(allowNone=True))
            plain.log = lambda request: None
            port = reactor.listenTCP(0, plain, interface="127.0.0.1")
        print(port.getHost().port, flush=True)

    defer.ensureDeferred(start())
    reactor.run()


def drive(port: int, clients: int, seconds: float) -> int:
    """How many requests are answered over ``clients`` connections that are kept, each with one request at a time."""
    body = xmlrpc.dumps_call("GetNodes", [AUTH, {"site_id": 1}, ["hostname", "boot_state"]])
    request = b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    answered, chosen = 0, selectors.DefaultSelector()
    for _ in range(clients):
        one = socket.create_connection(("127.0.0.1", port))
        chosen.register(one, selectors.EVENT_READ, one)
        one.sendall(request)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for key, _ in chosen.select(1.0):
            if b"</methodResponse>" in key.data.recv(65536):
                answered += 1
                key.data.sendall(request)
    for key in list(chosen.get_map().values()):
        key.data.close()
    return answered


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process has used; what others do on the machine hardly moves it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures() -> Iterator[Figure]:
    """Processor time of the server per request, ours and stock by turns, the best of three."""
    best: dict[str, float] = {}
    for which in ("stock", "ours") * 3:
        program = subprocess.Popen([sys.executable, "-m", "bench.edge", which], stdout=subprocess.PIPE, text=True)
        try:
            assert program.stdout is not None
            port = int(program.stdout.readline())
            drive(port, CLIENTS, 0.3)
            used = _cpu(program.pid)
            answered = drive(port, CLIENTS, SECONDS)
            best[which] = min(best.get(which, 1.0), (_cpu(program.pid) - used) / answered)
        finally:
            program.kill()
            program.communicate()
    for which, name in (("stock", "twisted.web.xmlrpc"), ("ours", "ours, with limits, checks, log")):
        yield Figure(f"serve GetNodes, {name} (CPU)", 1e6 * best[which])


if __name__ == "__main__":
    serve(sys.argv[1])
