"""Pauses and opt-outs in force: the kernel drops what slices send to these prefixes.

nftables does it, in a table of our own in the node's network namespace: what is forwarded from slivers, and what is
sent here from an address that is not the node's own (so that the stranger still reaches this page). Each prefix has a
time-out in the kernel, so that a pause ends on its own even when this program does not run.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from auditd.clean import line

TABLE = "plfed_pauses"
_AT_ONCE = 500  # prefixes in one line
_log = Logger()


@frozen
class Paused:
    """A prefix, and how many seconds it is still paused."""

    prefix: str
    seconds: int


def script(own: Iterable[str], paused: Iterable[Paused], never: Sequence[str] = ()) -> str:
    """What nft shall do: the whole table anew, in one step. ``never``: prefixes of the opt-out list."""
    addresses = [ip_address(text) for text in own]
    prefixes = [(ip_network(each.prefix), each.seconds) for each in paused]
    lines = [f"add table inet {TABLE}", f"delete table inet {TABLE}", f"add table inet {TABLE}"]
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        lines.append(f"add set inet {TABLE} paused{version} {{ type {kind}; flags interval, timeout; auto-merge; }}")
        elements = [f"{net} timeout {max(1, seconds)}s" for net, seconds in prefixes if net.version == version]
        if elements:
            lines.append(f"add element inet {TABLE} paused{version} {{ {', '.join(elements)} }}")
        lines.append(f"add set inet {TABLE} never{version} {{ type {kind}; flags interval; auto-merge; }}")
        wanted = [prefix for prefix in never if (":" in prefix) == (version == 6)]
        for start in range(0, len(wanted), _AT_ONCE):
            some = ", ".join(wanted[start : start + _AT_ONCE])
            lines.append(f"add element inet {TABLE} never{version} {{ {some} }}")
    for chain in ("forward", "output"):
        lines.append(f"add chain inet {TABLE} {chain} {{ type filter hook {chain} priority -10; policy accept; }}")
        for version, word in ((4, "ip"), (6, "ip6")):
            mine = ", ".join(str(address) for address in addresses if address.version == version)
            spared = f"{word} saddr != {{ {mine} }} " if chain == "output" and mine else ""
            if chain == "output" and version == 6:
                spared += "icmpv6 type != { nd-neighbor-solicit, nd-neighbor-advert } "
            lines += [
                f"add rule inet {TABLE} {chain} {spared}{word} daddr @{kept}{version} counter drop"
                for kept in ("paused", "never")
            ]
    return "\n".join(lines) + "\n"


class _Nft(ProcessProtocol):
    def __init__(self, text: str) -> None:
        self._text = text
        self.done: Deferred[str] = Deferred()
        self._said = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._text.encode())
        self.transport.closeStdin()

    def errReceived(self, data: bytes) -> None:
        self._said += data[:1000]

    def processEnded(self, reason: Any) -> None:
        failed = reason.value.exitCode != 0
        told = line(self._said.partition(b"\n")[0], 200) or f"nft ended with {reason.value.exitCode}"
        self.done.callback(told if failed else "")


@define(eq=False)
class Pauses:
    """Keeps the kernel's table as the cases say."""

    prefix: Sequence[str]  # the words that enter the node's network namespace
    own: Sequence[str]
    reactor: Any
    error: str = field(default="", init=False)  # why the kernel does not keep pauses, "" when it does
    _made: bool = field(default=False, init=False)
    _lock: DeferredLock = field(factory=DeferredLock, init=False)

    async def put(self, paused: Sequence[Paused], never: Sequence[str] = ()) -> None:
        """Put exactly these in force, after what was asked for before. What goes wrong is told by ``error``."""
        needed = paused or never or self._made
        await self._lock.run(self._put, script(self.own, paused, never) if needed else "")

    def _put(self, text: str) -> Deferred[None]:
        if not text:
            return succeed(None)  # no table is needed, and none was made
        self._made = True
        child = _Nft(text)
        words = [*self.prefix, "nft", "-f", "-"]
        self.reactor.spawnProcess(child, words[0], words, env=None)
        return child.done.addCallback(self._told)

    def _told(self, error: str) -> None:
        self.error = error
        if error:
            _log.error("pauses could not be put in force: {error}", error=error)
