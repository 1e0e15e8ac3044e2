"""The auth structs that a client puts first into its calls.

Their members are the PLC API's. A password or session stays in the object and never shows in its ``repr``.
"""

from typing import Any, Protocol

from attrs import field, frozen

from planetlab.auth_text import sign


class Auth(Protocol):
    """Who calls."""

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """The auth struct of a call with ``args``."""


@frozen
class Password:
    """A person, by e-mail address and password."""

    username: str
    password: str = field(repr=False)

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return {"AuthMethod": "password", "Username": self.username, "AuthString": self.password}


@frozen
class Session:
    """A person or a node, by the key of a session."""

    key: str = field(repr=False)

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return {"AuthMethod": "session", "session": self.key}


@frozen
class NodeKey:
    """A node, by its key, under which each call's arguments are signed."""

    node_id: int
    key: str = field(repr=False)

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return {"AuthMethod": "hmac", "node_id": self.node_id, "value": sign(self.key, args)}


@frozen
class Anonymous:
    """Nobody in particular."""

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return {"AuthMethod": "anonymous"}
