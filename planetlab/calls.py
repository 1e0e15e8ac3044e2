"""One call of one method: who calls, when, on what; and the one order in which a call is checked.

The order is the PLC API's: the method exists (100), the number of arguments fits (101), the caller is who it says and
has a role for this (102, 103, 108), the other arguments have their declared form (102), then the body runs.
"""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from planetlab.errors import Forbidden
from planetlab.methods import Api, Method, Role


@frozen
class Call:
    """Who calls, when (seconds since the epoch), by what, and the records at hand.

    ``caller`` is a word of the service that greeted: a person, a node, a peer, a slice, or None for nobody.
    ``session`` is what the auth struct held under this name, if anything: a session's key where that is how it calls.
    """

    caller: Any
    roles: frozenset[Role]
    store: Any
    now: float
    method: str = ""
    address: str = ""
    auth_method: str = ""
    session: Any = None

    def must(self, allowed: bool, why: str) -> None:
        """Go on if ``allowed``; else `Forbidden`, saying ``why``."""
        if not allowed:
            raise Forbidden(why)

    @property
    def is_admin(self) -> bool:
        """Whether the caller may do everything."""
        return Role.ADMIN in self.roles


Greet = Callable[[Method, tuple[Any, ...]], Call]
"""Recognises the caller of a method by its arguments (and by the connection, which it knows)."""


def dispatch(api: Api, name: str, args: tuple[Any, ...], greet: Greet) -> Any:
    """Run one call; the result is what the body returns, which may be awaitable."""
    method = api.find(name)
    method.count(args)
    return run(method, greet(method, args), args)


def run(method: Method, call: Call, args: tuple[Any, ...]) -> Any:
    """Check the arguments of a greeted call and run its body."""
    own = args if method.auth is None else args[1:]
    return method.body(call, *method.read(own))
