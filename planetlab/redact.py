"""Calls as a log or an event may show them: without secrets, on one line, of bounded length."""

import re
from typing import Any

SECRET = re.compile(
    r"authstring|password|passwd|secret|session|^value$|signature|(^|_)key$|^keys$|private|nonce|token|credential|ticket",
    re.IGNORECASE,
)
"""Names of struct members whose values nobody but the two ends of a call may see."""

PUBLIC = frozenset({"key_type", "key_id", "key_ids", "ssh_rsa_key"})
# C0 and C1 controls; what ends a line, turns its direction, or is not seen at all. As Unicode 15 lists them.
_STRANGE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


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
