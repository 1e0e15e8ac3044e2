"""Calls that a tool makes on a user's behalf: the option that says so, and the statement that allows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from planetlab import keys, speaks_for
from planetlab.errors import BadArgument
from planetlab.gids import Gid
from planetlab.names import Urn
from planetlab.refusals import BadCredential
from planetlab.trust import Roots

_NAMES = ("geni_speaking_for", "speaking_for")


def asked(options: Mapping[str, Any] | None) -> str:
    """The URN of the user that is spoken for; empty if the caller speaks for itself. Raises `BadArgument`."""
    said = [options[name] for name in _NAMES if options and options.get(name)]
    if any(not isinstance(one, str) for one in said):
        raise BadArgument("expected a user's URN", f"options['{_NAMES[0]}']")
    return str(Urn.parse(said[0])) if said else ""


def granted(statements: Sequence[bytes], user: str, tool: keys.PublicKey, trust: Roots, now: float) -> tuple[Gid, ...]:
    """The certificate, with its chain, of the user that lets the caller's key speak for it. Raises `BadCredential`."""
    refusal = BadCredential("not-permitted", f"no geni_abac statement of {user} for the caller was handed in")
    for text in statements:
        try:
            said = speaks_for.open_speaks_for(text, trust, now)
        except BadCredential as error:
            refusal = error
            continue
        if str(said.user[0].urn).lower() != user.lower():
            refusal = BadCredential("not-permitted", f"the statement is {said.user[0].urn}'s, and the call says {user}")
        elif said.tool != speaks_for.key_id(tool):
            refusal = BadCredential("not-permitted", f"{user} lets another tool speak for it, not the one that calls")
        else:
            return said.user
    raise refusal
