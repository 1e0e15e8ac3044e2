"""How every command of plfed ends: with 0, or with one line on standard error that says what to do, and 1."""

import functools
import sys
import xmlrpc.client
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from planetlab.errors import PlanetLabError, Refused

Command = TypeVar("Command", bound=Callable[..., Any])


def told(error: BaseException) -> str:
    """An error in one line, as an operator is told it."""
    if isinstance(error, Refused):
        return f"refused: {error} (fault {error.fault_code})"
    if isinstance(error, xmlrpc.client.Fault):
        return f"refused: {error.faultString} (fault {error.faultCode})"
    return str(error) or type(error).__name__


def errors_told(command: Command) -> Command:
    """Let our own errors and the system's end the command in one line; anything else is a defect and shows itself."""

    @functools.wraps(command)
    def careful(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (PlanetLabError, OSError, xmlrpc.client.Error) as error:
            print(f"plfed: {told(error)}", file=sys.stderr)
            sys.exit(1)

    return careful  # type: ignore[return-value]


def run(work: Callable[[Any], Coroutine[Any, Any, int]]) -> None:
    """Run ``work(reactor)`` to its end and leave the process with the code it gives."""

    async def whole(reactor: Any) -> None:
        try:
            code = await work(reactor)
        except (PlanetLabError, OSError) as error:
            print(f"plfed: {told(error)}", file=sys.stderr)
            code = 1
        raise SystemExit(code)

    react(lambda reactor: Deferred.fromCoroutine(whole(reactor)))
