"""What a node's call is signed over: the values of its arguments, flattened, sorted and run together.

This is the original's form, kept because every node speaks it. It covers neither the method's name nor members' names,
nor where one value ends, and it has no nonce: whoever sees a call can repeat it. TLS is what protects it.
"""

import hashlib
import hmac
from typing import Any


def canonical(args: tuple[Any, ...]) -> str:
    """The text over ``args``, the arguments after the auth struct.

    >>> canonical(("installfinished", 1, 1, 0))
    '[011installfinished]'
    """
    return f"[{''.join(sorted(_flat(args)))}]"


def sign(key: str, args: tuple[Any, ...]) -> str:
    """The lower-case hex HMAC-SHA1 of ``args`` under a node's key."""
    return hmac.new(key.encode(), canonical(args).encode(), hashlib.sha1).hexdigest()


def fits(key: str, args: tuple[Any, ...], value: str) -> bool:
    """Whether ``value`` is the signature of ``args``; compared in constant time, as text."""
    return hmac.compare_digest(sign(key, args).encode(), value.encode())


def _flat(value: Any) -> list[str]:
    """The texts of ``value``, without recursion: what comes off the wire may be nested as deep as its reader lets."""
    texts: list[str] = []
    waiting = [value]
    while waiting:
        said = waiting.pop()
        if isinstance(said, (list, tuple)):
            waiting.extend(said)
        elif isinstance(said, dict):
            waiting.extend(said.values())
        else:
            texts.append(said if isinstance(said, str) else str(said))
    return texts
