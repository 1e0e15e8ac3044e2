"""Calls as a log or an event may show them: without secrets, on one line, of bounded length."""

import re
from typing import Any

SECRET = re.compile(
    r"authstring|password|passwd|secret|session|^value$|signature|(^|_)key$|^keys$|private|nonce|token|credential|ticket",
    re.IGNORECASE,
)
"""Names of struct members whose values nobody but the two ends of a call may see."""

PUBLIC = frozenset({"key_type", "key_id", "key_ids", "ssh_rsa_key"})
_STRANGE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def redacted(value: Any, depth: int = 6, most: int = 50) -> Any:
    """``value`` with secrets replaced by ``***``, long arrays cut and deep ones left out."""
    if isinstance(value, dict):
        if depth == 0:
            return "…"
        return {
            one_line(str(name), 60): "***"
            if is_secret(str(name)) and member is not None
            else redacted(member, depth - 1)
            for name, member in list(value.items())[:most]
        }
    if isinstance(value, list | tuple):
        if depth == 0:
            return "…"
        shown = [redacted(item, depth - 1) for item in value[:most]]
        return shown if len(value) <= most else [*shown, f"… {len(value) - most} more"]
    if isinstance(value, bytes):
        return f"{len(value)} octets"
    return one_line(value, 200) if isinstance(value, str) else value


def is_secret(name: str) -> bool:
    """Whether the member ``name`` holds what a log must not."""
    return name not in PUBLIC and bool(SECRET.search(name))


def one_line(text: str, most: int = 1000) -> str:
    """``text`` as it may stand in a log: no control or direction characters, at most ``most`` of the others."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return _STRANGE.sub(lambda found: repr(found[0])[1:-1], cut)
