"""How commands call: one authority as one person, a node as anybody."""

from typing import Any

from planetlab.ask import Ask
from planetlab.cli.remote import Fixed
from planetlab.cli.target import Target


def authority(target: Target, reactor: Any) -> Ask:
    """The interface that ``target`` names, called as it says."""
    auth = None if target.username is None else Fixed(target.auth)
    return Ask(target.url, ca=target.ca, auth=auth, reactor=reactor, keyed=True)
