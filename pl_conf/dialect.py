"""How pl_conf speaks on its public port, and how it knows who calls.

There every answer is a pair: ``[0, value]``, or ``[number, message]`` with the number of a reason that
`pl_conf.refusals` lists. Nobody is asked who he is; how fast one address may call is limited. On the Unix socket the
kernel says which user calls: the owner, or any program of this node.
"""

import os
import socket
import struct
from collections.abc import Iterable
from typing import Any

from attrs import define, field
from twisted.web.server import Request

from pl_conf.methods import Store
from pl_conf.refusals import BY_WORD, NotAdmitted, Reason
from pl_conf.settings import Settings
from planetlab.calls import Call
from planetlab.errors import BadArgument, BadArgumentCount, Forbidden, NoSuchMethod, PlanetLabError
from planetlab.limits import Rates, peer_of
from planetlab.methods import Method, Role
from planetlab.shapes import Foreign

_KINDS: tuple[tuple[type[PlanetLabError], Reason], ...] = (
    (NoSuchMethod, BY_WORD["no-method"]),
    (BadArgumentCount, BY_WORD["arity"]),
    (BadArgument, BY_WORD["argument"]),
    (Foreign, BY_WORD["argument"]),
    (Forbidden, BY_WORD["caller"]),
)


class Pairs:
    """The dialect of the public port."""

    def answer(self, value: Any) -> list[Any]:
        """A value, after a zero."""
        return [0, value]

    def refuse(self, error: Exception, method: str, call: Call | None) -> list[Any]:
        """A reason's number and a sentence."""
        if isinstance(error, NotAdmitted):
            return [error.code, str(error)]
        for kind, reason in _KINDS:
            if isinstance(error, kind):
                return [reason.number, f"{method}: {reason.meaning}: {error}"]
        return [BY_WORD["internal"].number, f"{BY_WORD['internal'].meaning}: {error}"]


PAIRS = Pairs()


@define
class Greeter:
    """Makes the `Call` of a request."""

    store: Store
    settings: Settings
    _rates: Rates = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rates = Rates(self.settings.calls_per_second, self.settings.burst)

    def public(self, method: Method, args: tuple[Any, ...], request: Request) -> Call:
        """Anybody's call, unless the address calls too fast. Raises `NotAdmitted`."""
        address, redeemer = peer_of(request), self.store.redeemer
        wait = self._rates.wait(address, redeemer.time.elapsed())
        if wait:
            raise NotAdmitted("too-fast", f"too many calls from {address}; come back in {wait:.1f} s")
        return self._call(method, {Role.ANONYMOUS}, address=address)

    def local(self, method: Method, args: tuple[Any, ...], request: Request) -> Call:
        """The call of a program of this node. Raises `Forbidden` for what only the owner may."""
        uid = peer_uid(request)
        owner = uid is not None and uid in (os.getuid(), *self.settings.owner_uids)
        roles = {Role.ANONYMOUS, Role.ADMIN} if owner else {Role.ANONYMOUS}
        if not roles & method.roles:
            who = "nobody the kernel knows" if uid is None else f"user {uid}"
            raise Forbidden(f"{method.name} is for this node's owner, and {who} is not")
        return self._call(method, roles, caller=f"uid {uid}")

    def _call(self, method: Method, roles: Iterable[Role], address: str = "", caller: str | None = None) -> Call:
        now = self.store.redeemer.time.wall()
        return Call(
            caller=caller, roles=frozenset(roles), store=self.store, now=now, method=method.name, address=address
        )


def peer_uid(request: Request) -> int | None:
    """The user whose process is at the other end of a Unix socket; None where there is none."""
    handle = getattr(request.transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket) or handle.family != socket.AF_UNIX:
        return None
    return int(struct.unpack("3i", handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
