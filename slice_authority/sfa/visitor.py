"""Who calls at an SFA interface: whoever showed a certificate, of which at first only the key is known."""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.web.server import Request

from planetlab import keys
from planetlab.both.desk import Desk
from planetlab.calls import Call
from planetlab.errors import NotAuthenticated
from planetlab.methods import Method, Role
from planetlab.presented import Presented
from planetlab.serve import GreetRequest, address_of
from planetlab.visitors import shown_with


@frozen
class Visitor:
    """A caller by its connection. ``modern`` says that the call has the form of 2011 or later, with options."""

    shown: Presented | None
    modern: bool = False

    @property
    def key(self) -> keys.PublicKey:
        """The key that the caller has shown to hold. Raises `NotAuthenticated`."""
        if self.shown is None:
            raise NotAuthenticated("this interface knows its callers by their TLS certificate, and none was shown")
        return self.shown.key

    def __str__(self) -> str:
        return "nobody" if self.shown is None else self.shown.certificate.subject.rfc4514_string()[:80]


def greeting(desk: Desk) -> GreetRequest:
    """How calls that come to a `VisitedResource` get to know who calls; every method is open to everybody so far."""

    def greet(method: Method, args: tuple[Any, ...], request: Request) -> Call:
        visitor, address = Visitor(shown_with(request), is_modern(method, args)), address_of(request)
        return desk.greet_by(
            lambda store: Call(visitor, frozenset({Role.ANONYMOUS}), store, store.now, method.name, address)
        )

    return greet


def greet_alone(now: Callable[[], float]) -> GreetRequest:
    """As `greeting`, for methods that open no registry themselves."""

    def greet(method: Method, args: tuple[Any, ...], request: Request) -> Call:
        visitor = Visitor(shown_with(request), is_modern(method, args))
        return Call(visitor, frozenset({Role.ANONYMOUS}), None, now(), method.name, address_of(request))

    return greet


def is_modern(method: Method, args: tuple[Any, ...]) -> bool:
    """Whether a call has the form of 2011 or later: it brings options, or is one that did not exist before."""
    names = [argument.name for argument in method.accepts]
    return "options" in names and len(args) > names.index("options") and isinstance(args[names.index("options")], dict)
