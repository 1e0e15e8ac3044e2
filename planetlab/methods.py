"""One declaration per API method; dispatch, checks, help, signature, reference, client and tests follow from it."""

import inspect
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import product
from typing import Any, TypeVar, get_type_hints

from attrs import frozen

from planetlab.errors import BadArgumentCount, NoSuchMethod
from planetlab.shapes import Either, Shape, Struct, shape

Body = TypeVar("Body", bound=Callable[..., Any])


class Role(StrEnum):
    """Who a caller is to the testbed: four roles that persons hold, and three kinds of caller."""

    ADMIN = "admin"
    PI = "pi"
    USER = "user"
    TECH = "tech"
    NODE = "node"
    PEER = "peer"
    ANONYMOUS = "anonymous"


_AS_THE_API = ("as the api",)  # told apart by identity; None already means a method without an auth struct

NOT_NIL = ("not nil",)
"""Beside the type of an optional argument: the PLC API takes it or its absence, and no nil."""

AUTH = Struct({}, name="auth")
"""The first argument of a method that authenticates its caller; read by the service that greets."""


@frozen
class Argument:
    """One argument as declared; ``default`` counts only when it is optional.

    An optional one without a default may be sent as ``nil`` too, unless its type stands beside `NOT_NIL`.
    """

    name: str
    shape: Shape
    optional: bool = False
    default: Any = None
    nil: bool = True


@frozen(eq=False)
class Method:
    """A method of an API, as declared.

    ``auth`` lists the kinds of authentication it accepts, tried in order, ``any`` for all others: empty for any kind,
    None for a method that takes no auth struct at all. ``reads`` promises that the body changes nothing. ``status`` is
    ``current`` or ``deprecated``.
    """

    name: str
    roles: frozenset[Role]
    accepts: tuple[Argument, ...]
    returns: Shape
    doc: str
    body: Callable[..., Any]
    auth: tuple[str, ...] | None = ()
    reads: bool = False
    status: str = "current"
    example: tuple[Any, ...] | None = None

    @property
    def wire_arguments(self) -> tuple[Argument, ...]:
        """The arguments as a caller sends them, auth struct first where there is one."""
        return self.accepts if self.auth is None else (Argument("auth", AUTH), *self.accepts)

    def count(self, args: tuple[Any, ...]) -> None:
        """Raise `BadArgumentCount` unless that many arguments may be sent."""
        most = len(self.wire_arguments)
        least = sum(not argument.optional for argument in self.wire_arguments)
        if not least <= len(args) <= most:
            expected = str(most) if least == most else f"{least}-{most}"
            raise BadArgumentCount(f"Expected {expected} arguments, got {len(args)}")

    def read(self, args: tuple[Any, ...]) -> list[Any]:
        """The arguments after the auth struct, checked left to right, as the body wants them."""
        given = zip(self.accepts, args, strict=False)
        return [_read(argument, value) for argument, value in given]

    def signatures(self) -> list[list[str]]:
        """Result type first, one row per number of optional arguments and per top-level alternative.

        Kinds of authentication that a method names are alternatives too, each of them a struct.
        """
        kinds = len(self.auth or ()) or 1
        heads = [argument for argument in self.wire_arguments if not argument.optional]
        tails = [argument for argument in self.wire_arguments if argument.optional]
        return [
            [self.returns.wire, *row]
            for more in range(len(tails) + 1)
            for _ in range(kinds)
            for row in product(*(_wires(argument.shape) for argument in heads + tails[:more]))
        ]


def _read(argument: Argument, value: Any) -> Any:
    if value is None and argument.optional and argument.default is None and argument.nil:
        return None
    return argument.shape.read(value, argument.name)


def _wires(said: Shape) -> Iterator[str]:
    if isinstance(said, Either):
        for alternative in said.shapes:
            yield from _wires(alternative)
    else:
        yield said.wire


class Api(dict[str, Method]):
    """The methods one service answers, by name. ``auth`` is what its methods accept unless they say otherwise."""

    def __init__(self, *, auth: tuple[str, ...] | None = ()) -> None:
        super().__init__()
        self.auth = auth

    def method(
        self,
        *roles: Role,
        name: str = "",
        doc: str = "",
        reads: bool = False,
        auth: tuple[str, ...] | None = _AS_THE_API,
        status: str = "current",
        example: tuple[Any, ...] | None = None,
    ) -> Callable[[Body], Body]:
        """Declare the function below as a method, of the same name unless one is given; the function stays usable."""

        def declare(body: Body) -> Body:
            self.add(
                Method(
                    name=name or body.__name__,
                    roles=frozenset(roles),
                    accepts=_arguments(body),
                    returns=shape(get_type_hints(body, include_extras=True)["return"]),
                    doc=doc or inspect.getdoc(body) or "",
                    body=body,
                    auth=self.auth if auth is _AS_THE_API else auth,
                    reads=reads,
                    status=status,
                    example=example,
                )
            )
            return body

        return declare

    def add(self, method: Method) -> None:
        """Take up ``method``; a name declared twice is a mistake."""
        if method.name in self:
            raise ValueError(f"declared twice: {method.name}")
        self[method.name] = method

    def find(self, name: str) -> Method:
        """The method of this name. Raises `NoSuchMethod`."""
        try:
            return self[name]
        except KeyError:
            raise NoSuchMethod(name) from None


def _arguments(body: Callable[..., Any]) -> tuple[Argument, ...]:
    _, *given = inspect.signature(body).parameters.values()
    hints = get_type_hints(body, include_extras=True)
    return tuple(
        Argument(
            name=parameter.name,
            shape=shape(hints[parameter.name]),
            optional=parameter.default is not parameter.empty,
            default=None if parameter.default is parameter.empty else parameter.default,
            nil=NOT_NIL not in getattr(hints[parameter.name], "__metadata__", ()),
        )
        for parameter in given
    )


def unite(*parts: Api) -> Api:
    """The methods of all ``parts`` as one API; a name declared twice is a mistake."""
    whole = Api()
    for part in parts:
        for method in part.values():
            whole.add(method)
    return whole
