"""An audit without sockets: two clocks that tests set, slices that own addresses, and pages read through memory."""

import json
from typing import Any
from urllib.parse import urlencode

import numpy as np
from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.server import Site

from auditd import rows, stream
from auditd.answers import Answers
from auditd.audit import Audit
from auditd.gaps import Gaps
from auditd.pages import Pages
from auditd.rows import Rows
from auditd.service import made
from auditd.settings import Settings

NOON = 1_800_000_000  # the tests' moment, seconds since the epoch
S = 1_000_000  # microseconds
CODEEN, CORAL = "princeton_codeen", "nyu_coral"
ADDRESSES = {CODEEN: "10.128.0.1", CORAL: "10.128.0.2"}
VICTIM = "198.51.100.7"

SETTINGS = Settings(
    node="node1.plc.example",
    address="192.0.2.10",
    data_dir="unused",
    authority_name="Example Testbed",
    authority_url="https://plc.example/",
    archive_url="https://plc.example/archive/",
    slice_mail="SLICE@slices.plc.example",
    operator_mail="support@plc.example",
    abuse_mail="abuse@plc.example",
)


def sent(slice_name: str, to: str = VICTIM, at: float = 0.0, **fields: int) -> Rows:
    """A row that a slice sent, ``at`` seconds on the steady clock."""
    moment = int(at * S)
    told = {"proto": 17, "ports": 5555 << 16 | 53, "octets": 60, "first": moment, "last": moment, **fields}
    return rows.row(ADDRESSES.get(slice_name, slice_name), to, **told)


@define
class World:
    """One node's audit. The steady clock stands at ``steady`` seconds; the wall showed noon when it stood at 1,000."""

    settings: Settings = SETTINGS
    steady: float = 1000.0
    ahead: float = NOON - 1000.0
    audit: Audit = field(init=False)
    pages: Pages = field(init=False)
    _number: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.audit = made(self.settings)
        self.audit.clock(*self.clocks())
        self.pages = Pages(Answers(self.audit, self.settings), self.clocks)
        self.audit.begins(self.message(stream.Kind.HELLO, {"senders": {"up0": "kernel"}}), int(self.steady * S))
        self.audit.gaps = Gaps()  # as if it had been there for an hour
        self.own()

    def clocks(self) -> tuple[int, int]:
        return int(self.steady * S), int((self.steady + self.ahead) * S)

    def message(self, kind: stream.Kind, facts: Any) -> stream.Message:
        body = facts.tobytes() if kind is stream.Kind.ROWS else json.dumps(facts).encode()
        self._number += 1
        return stream.Message(kind, self._number, *self.clocks(), body)

    def own(self, **more: Any) -> None:
        """The node manager tells that the slices have had their addresses for a day."""
        owners = [
            {"slice": name, "authority": "plc", "kind": "address", "tag": tag, "from": NOON - 86400.0}
            for name, tag in ADDRESSES.items()
        ]
        self.audit.learn([*owners, *more.get("also", [])], int(self.steady * S))

    def see(self, *found: Rows) -> None:
        """The capture delivers rows, and says so."""
        self.audit.counted(self.message(stream.Kind.ROWS, np.concatenate(found)))
        self.beat()

    def beat(self, **counts: int) -> None:
        now = int(self.steady * S)
        self.audit.beats(self.message(stream.Kind.BEAT, {"through": now, **counts}), now)

    def later(self, seconds: float) -> None:
        """Let time pass in small steps, with a live capture and a live node manager."""
        end = self.steady + seconds
        while self.steady < end:
            self.steady = min(end, self.steady + 1)
            self.beat()
            self.audit.learn([], int(self.steady * S))
            self.turn()

    def turn(self) -> None:
        self.audit.clock(*self.clocks())
        self.audit.turn(int(self.steady * S))

    def post(self, path: str, form: dict[str, str], viewer: str = VICTIM, headers: str = "") -> "Page":
        """Send a form as a stranger at ``viewer``."""
        return self.get(path, viewer, "POST", headers, urlencode(form).encode())

    def get(self, path: str, viewer: str = VICTIM, method: str = "GET", headers: str = "", body: bytes = b"") -> "Page":
        """Read a page as a stranger at ``viewer``."""
        site = Site(self.pages, reactor=MemoryReactorClock())
        protocol = site.buildProtocol(IPv4Address("TCP", viewer, 4711))
        transport = StringTransport(peerAddress=IPv4Address("TCP", viewer, 4711))
        protocol.makeConnection(transport)
        wire = path if isinstance(path, bytes) else path.encode("latin-1")
        protocol.dataReceived(method.encode() + b" " + wire + b" HTTP/1.1\r\nHost: n\r\n" + headers.encode())
        protocol.dataReceived(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) if body else b"\r\n")
        head, _, body = transport.value().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return Page(int(lines[0].split()[1]), told, body)

    def json(self, path: str, viewer: str = VICTIM) -> Any:
        page = self.get(path, viewer)
        return json.loads(page.body)


@define
class Page:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()
