"""Who may sign tickets of 2003."""

from attrs import frozen

from planetlab.keys import PublicKey
from planetlab.names import Hrn


@frozen
class Agent:
    """An agent that is trusted: for which authority it speaks, and its key."""

    authority: Hrn
    key: PublicKey
