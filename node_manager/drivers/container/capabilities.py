"""Which of Linux's capabilities root has inside, and which more a slice may be given. Pure.

All of them act within the sliver's own namespaces only. Of the others most would do nothing there, because the kernel
asks for them in the node's namespaces, and the rest would lead out of the sliver; they are refused by name.
"""

from collections.abc import Iterable

from attrs import frozen

# Over a network that the node owns NET_RAW is powerless; without it in the set Debian's ping, which carries it as a
# file capability, cannot start.
_KEPT = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD"
KEPT = tuple(f"CAP_{name}" for name in (*_KEPT.split(), "AUDIT_WRITE", "SETFCAP"))
GRANTABLE = ("DAC_READ_SEARCH", "IPC_OWNER", "NET_RAW", "SYS_PTRACE")  # an authority's to give, if the owner lets it
_RAW = "CAP_NET_RAW"


@frozen(kw_only=True)
class Given:
    """What one sliver has of what was asked for it."""

    more: tuple[str, ...] = ()  # beyond those that every sliver has
    raw: bool = False  # whether the node opens raw sockets for it (`sockets.safe_raw`)
    refused: tuple[str, ...] = ()


def given(asked: Iterable[str], allowed: Iterable[str]) -> Given:
    """What is given of ``asked`` (with ``CAP_``); ``allowed`` are the names that this node's owner lets be given."""
    may = {f"CAP_{name.removeprefix('CAP_')}" for name in allowed} & {f"CAP_{name}" for name in GRANTABLE}
    wanted = sorted(set(asked))
    plain = set(KEPT) - {_RAW}
    return Given(
        more=tuple(name for name in wanted if name in may and name not in KEPT),
        raw=_RAW in wanted and _RAW in may,
        refused=tuple(name for name in wanted if name not in may and name not in plain),
    )
