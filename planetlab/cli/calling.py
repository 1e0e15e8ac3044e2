"""How commands call: one authority as one person, a node as anybody."""

from typing import Any

from planetlab.ask import Ask, Password
from planetlab.cli.target import Target


def authority(target: Target, reactor: Any) -> Ask:
    """The interface that ``target`` names, called as it says."""
    auth = None if target.username is None else Password(target.username, target.password or "")
    return Ask(target.url, ca=target.ca, auth=auth, reactor=reactor, keyed=True)
